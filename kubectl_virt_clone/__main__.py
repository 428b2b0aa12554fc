"""Run the plugin as ``python -m kubectl_virt_clone``."""

from kubectl_virt_clone.cli.main import main

if __name__ == "__main__":
    main()

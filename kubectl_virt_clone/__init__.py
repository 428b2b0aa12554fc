"""Clone KubeVirt virtual machines from the command line, and say whether, where and why."""

__version__ = "0.1.0"

"""Write plugin.yaml for krew-index: the version, and a platform for each archive that was built.

python packaging/manifest.py VERSION [--archives FOLDER] [--homepage URL] [--output FILE]
"""

from __future__ import annotations

import argparse
import hashlib
import re
from pathlib import Path
from string import Template

ROOT = Path(__file__).resolve().parent.parent
ARCHIVE = re.compile(r"kubectl-virt_clone-([a-z]+)-([a-z0-9]+)\.(?:tar\.gz|zip)")
PLATFORM = Template("""\
    - selector:
        matchLabels:
          os: $os
          arch: $arch
      uri: $homepage/releases/download/$version/$archive
      sha256: $sha256
      files:
        - from: "*"
          to: .
      bin: $bin
""")


def manifest(version: str, homepage: str, archives: Path) -> str:
    """The manifest's text. Raises SystemExit where krew could not take it."""
    if not re.fullmatch(r"v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?", version):
        raise SystemExit(f'error: "{version}" is no version; write VERSION=v0.1.0')
    found = [
        (match, path)
        for path in sorted(archives.glob("*"))
        if (match := ARCHIVE.fullmatch(path.name))
    ]
    if not found:
        raise SystemExit(f"error: there is no archive in {archives}; hint: make dist")
    head = Template((ROOT / "packaging" / "plugin.template.yaml").read_text(encoding="utf-8"))
    return head.substitute(version=version, homepage=homepage) + "".join(
        PLATFORM.substitute(
            os=match[1],
            arch=match[2],
            homepage=homepage,
            version=version,
            archive=path.name,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            bin="kubectl-virt_clone.exe" if match[1] == "windows" else "kubectl-virt_clone",
        )
        for match, path in found
    )


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", help="the tag, with its v")
    parser.add_argument("--archives", type=Path, default=ROOT / "dist")
    # The archives' own home is known to those who publish them.
    parser.add_argument("--homepage", default="https://example.com/kubectl-virt-clone")
    parser.add_argument("--output", type=Path, default=ROOT / "plugin.yaml")
    args = parser.parse_args()
    text = manifest(args.version, args.homepage, args.archives)
    args.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

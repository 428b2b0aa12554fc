"""Build a release: the wheel, the sdist and the archive of this platform for krew.

    python packaging/archive.py [FOLDER]

The same sources, Python and libraries give the same bytes, wherever they are built.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = "kubectl-virt_clone"
# What an archive is made from; other commits don't change its bytes.
SOURCES = ("kubectl_virt_clone", "packaging", "LICENSE", "pyproject.toml", "setup.cfg")
MACHINES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}
# Everybody's; a Python elsewhere would tell where the one who built it keeps it.
PUBLIC_PREFIXES = ("/usr", "/usr/local")


def target() -> str:
    """This platform in Go's words, as krew and kubectl call it: linux-amd64."""
    machine = platform.machine()
    return f"{platform.system().lower()}-{MACHINES.get(machine, machine)}"


def pack(files: Mapping[str, Path], archive: Path, epoch: int) -> None:
    """Write files, by their names in the archive, as .zip or .tar.gz.

    What differs between machines is left out: owners, times, umask and order. Links become files:
    krew refuses others.
    """
    write = _zip if archive.suffix == ".zip" else _tar
    write([(name, files[name]) for name in sorted(files)], archive, epoch)


def _tar(files: list[tuple[str, Path]], archive: Path, epoch: int) -> None:
    with (
        archive.open("wb") as stream,
        gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for name, path in files:
            data = path.read_bytes()
            entry = tarfile.TarInfo(name)
            entry.mtime, entry.mode, entry.size = epoch, _mode(path), len(data)
            tar.addfile(entry, io.BytesIO(data))


def _zip(files: list[tuple[str, Path]], archive: Path, epoch: int) -> None:
    with zipfile.ZipFile(archive, "w") as packed:
        for name, path in files:
            entry = zipfile.ZipInfo(name, time.gmtime(epoch)[:6])
            entry.create_system, entry.external_attr = 3, _mode(path) << 16
            packed.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


def _mode(path: Path) -> int:
    return 0o755 if path.stat().st_mode & 0o100 else 0o644


def _below(folder: Path) -> dict[str, Path]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in files}


def main(folder: Path) -> None:
    """Build everything into the folder, and print the sums."""
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct", *SOURCES))
    os.environ.update(SOURCE_DATE_EPOCH=str(epoch), PYTHONHASHSEED="1")
    os.umask(0o022)
    folder.mkdir(exist_ok=True, parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        built = [*_distributions(Path(scratch), epoch), _archive(Path(scratch), epoch)]
        for path in built:
            copy = shutil.copyfile(path, folder / f".{path.name}").replace(folder / path.name)
            print(hashlib.sha256(copy.read_bytes()).hexdigest(), copy.name)  # noqa: T201


def _distributions(scratch: Path, epoch: int) -> Iterator[Path]:
    """Build wheel and sdist from a copy of what git knows, and install the wheel here."""
    for name in _git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if name and (ROOT / name).is_file():
            copy = scratch / "source" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy)
            copy.chmod(_mode(copy))  # the wheel keeps it
    _python("build", "--no-isolation", "--outdir", scratch / "built", scratch / "source")
    (wheel,) = scratch.glob("built/*.whl")
    _python("pip", "install", "--quiet", "--no-deps", "--force-reinstall", wheel)
    (sdist,) = scratch.glob("built/*.tar.gz")
    with tarfile.open(sdist) as tar:
        tar.extractall(scratch / "sdist")  # noqa: S202 - we have just packed it
    pack(_below(scratch / "sdist"), sdist, epoch)
    yield from (wheel, sdist)


def _archive(scratch: Path, epoch: int) -> Path:
    """Freeze the installed program, and pack its folder as krew wants it."""
    os.environ["PYINSTALLER_CONFIG_DIR"] = str(scratch / "config")
    _python(
        *("PyInstaller", "--log-level=WARN", "--distpath", scratch, "--workpath", scratch / "work"),
        ROOT / "packaging" / "program.spec",
    )
    program = scratch / "program"
    shutil.copy(ROOT / "LICENSE", program)
    if platform.system() == "Linux":
        _forget_prefix(program)
    if platform.system() != "Windows":
        # What kubectl asks for completion; krew links the program alone.
        os.environ["PATH"] += os.pathsep + str(program)
        _run(program / PROGRAM, "completion", "--install", program)
    name = f"{PROGRAM}-{target()}"
    archive = scratch / f"{name}{'.zip' if platform.system() == 'Windows' else '.tar.gz'}"
    pack(_below(program), archive, epoch)
    return archive


def _forget_prefix(program: Path) -> None:
    """Overwrite where the Python was that we were built with: nobody else has that folder.

    Its last part stays: linkers let "3.11.7" begin within "/home/me/3.11.7".
    """
    if sys.base_prefix in PUBLIC_PREFIXES:
        return
    folder, _, last = sys.base_prefix.encode().rpartition(b"/")
    neutral = b"/".ljust(len(folder), b"-") + b"/" + last
    for path in _below(program).values():
        data = path.read_bytes()
        if folder + b"/" + last in data:
            path.write_bytes(data.replace(folder + b"/" + last, neutral))


def _python(module: str, *args: str | Path) -> None:
    _run(sys.executable, "-m", module, *args)


def _git(*args: str) -> str:
    done = subprocess.run(["git", *args], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603, S607
    return done.stdout


def _run(*command: str | Path) -> None:
    # Not in the checkout: an egg-info there may tell of other requirements than our wheel does.
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT.anchor)  # noqa: S603


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist").absolute())

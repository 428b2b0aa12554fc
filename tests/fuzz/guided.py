"""Fuzzing that coverage guides: ``make guided``. It needs atheris: Linux, Python 3.11 to 3.13.

    python -m tests.fuzz.guided [TARGET...] --seconds 60          one of targets.py, or all of them

A target is followed in a process of its own until it fails, hangs or its time is up. What was found
stays in build/fuzz/TARGET: ``inputs`` lead to lines that no others led to, and the next run begins
with them; ``crash-*``, ``timeout-*`` and ``oom-*`` are what a test in test_found.py is made of.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from hashlib import sha1
from pathlib import Path

import click

ROOT = Path(__file__).parents[2]
FOUND = ROOT / "build" / "fuzz"
FOLLOWED = ["kubectl_virt_clone", "yaml", "jsonpatch", "jsonpointer"]
"""Whose lines count: ours, and what reads for us."""

LONGEST, SLOWEST, MEMORY = 4096, 10, 2048
"""Bytes of an input, seconds that it may take, and megabytes of the whole process."""
SHOWN = 4000
"""Characters of what a target says at its end."""


def follow(name: str) -> None:
    """Feed a target for as long as the flags of libFuzzer in ``sys.argv`` say; ends the process."""
    import atheris

    with atheris.instrument_imports(include=FOLLOWED):
        from tests.fuzz.targets import TARGETS
    atheris.Setup(sys.argv, TARGETS[name].check)
    atheris.Fuzz()


def prepared(name: str) -> list[str]:
    """Write down what a target begins with; the flags that say so."""
    from tests.fuzz.targets import TARGETS

    folder, target = FOUND / name, TARGETS[name]
    (folder / "inputs").mkdir(parents=True, exist_ok=True)
    for seed in (seed for seed in target.seeds if len(seed) <= LONGEST):
        (folder / "inputs" / sha1(seed).hexdigest()).write_bytes(seed)
    words = [word.encode("utf-8", "surrogatepass")[:64] for word in target.words]
    quoted = ["".join(f"\\x{byte:02x}" for byte in word) for word in words if word]
    (folder / "words").write_text("".join(f'"{word}"\n' for word in quoted))
    return [f"-artifact_prefix={folder}/", f"-dict={folder / 'words'}", str(folder / "inputs")]


def run(name: str, seconds: int) -> bool:
    """Follow one target, and tell how many inputs it was given; whether it has failed."""
    flags = [
        *(f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-timeout={SLOWEST}"),
        *(f"-rss_limit_mb={MEMORY}", "-print_final_stats=1", *prepared(name)),
    ]
    code = f"from tests.fuzz.guided import follow; follow({name!r})"
    done = subprocess.run(
        [sys.executable, "-c", code, *flags],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    said = re.sub(r"INFO: Instrumenting .*\n", "", done.stderr)
    runs = re.search(r"stat::number_of_executed_units: (\d+)", said)
    click.echo(f"{int(runs[1]) if runs else 0:>10,}  {name}")
    if done.returncode:
        click.echo(f"{done.stdout[-SHOWN:]}\n{said[-SHOWN:]}", err=True)
        for path in re.findall("Test unit written to (.+)", said):
            click.echo(f"            {path}")
    return done.returncode != 0


def main() -> int:
    """Follow the targets one after the other; 1 where one has failed."""
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="tests.fuzz.guided")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    given = parser.parse_args()
    if unknown := set(given.targets) - set(TARGETS):
        parser.error(f"no target: {', '.join(sorted(unknown))}")
    failed = [name for name in given.targets or TARGETS if run(name, given.seconds)]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

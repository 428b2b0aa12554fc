"""A process seen from outside: when it wrote what, and what memory and CPU time it takes.

What its output means is ``told.py``'s to say.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

EVERY = 1.0
_RESIDENT = re.compile(r"VmRSS:\s+(\d+)")


class Sample(NamedTuple):
    """What a process took at a moment: MiB, and CPU seconds since it began."""

    moment: float
    memory: float
    cpu: float


class Use:
    """What a process takes over the time; nothing is known where there is no /proc."""

    def __init__(self, pid: int) -> None:
        self._process = Path("/proc", str(pid))
        self.samples: list[Sample] = []

    def look(self) -> None:
        """Notes what it takes now, if it is still there."""
        try:
            status = (self._process / "status").read_text(encoding="ascii")
            fields = (self._process / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except OSError:
            return
        if found := _RESIDENT.search(status):
            cpu = sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
            self.samples.append(Sample(time.monotonic(), int(found[1]) / 1024, cpu))

    @property
    def share(self) -> float:
        """CPU seconds each second, between the first look and the last."""
        first, last = self.samples[0], self.samples[-1]
        return (last.cpu - first.cpu) / max(last.moment - first.moment, EVERY)

    @property
    def growth(self) -> float:
        """MiB a minute: the tilt of the line closest to all samples but the first fifth."""
        samples = self.samples[len(self.samples) // 5 :]
        middle = sum(sample.moment for sample in samples) / len(samples)
        level = sum(sample.memory for sample in samples) / len(samples)
        spread = sum((sample.moment - middle) ** 2 for sample in samples)
        tilt = sum((sample.moment - middle) * (sample.memory - level) for sample in samples)
        return 60 * tilt / spread if spread else 0.0


@contextmanager
def sampled(uses: Sequence[Use]) -> Iterator[None]:
    """Looks at all of them at the beginning and the end, and each second between."""
    over = threading.Event()

    def look() -> None:
        for use in uses:
            use.look()

    def follow() -> None:
        while not over.wait(EVERY):
            look()

    look()
    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        look()


class Observed:
    """A process whose output, stderr included, is kept in a file with the moment of each piece."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], file: Path) -> None:
        self._file = file
        self._pieces: list[tuple[int, float]] = []  # (where it ends, when it was read)
        self.lines = 0
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.use = Use(self.process.pid)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        end = 0
        with self.process.stdout as stream, self._file.open("wb", buffering=0) as kept:
            while piece := os.read(stream.fileno(), 1 << 16):
                end += len(piece)
                self._pieces.append((end, time.monotonic()))
                kept.write(piece)
                self.lines += piece.count(b"\n")

    @property
    def spoke(self) -> float:
        """When it wrote something for the last time."""
        return self._pieces[-1][1] if self._pieces else 0.0

    def ends_with(self, text: str) -> bool:
        """Whether a text stands at the end of what it wrote, or some lines before it."""
        with self._file.open("rb") as kept:
            kept.seek(max(kept.seek(0, os.SEEK_END) - (1 << 16), 0))
            return text.encode() in kept.read()

    def end(self, patience: float) -> int | None:
        """Its exit code; None where it did not end by itself."""
        try:
            code: int | None = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            code = None
            self.process.terminate()
            self.process.wait()
        self._reader.join()
        return code

    def pieces(self, separator: bytes) -> Iterator[tuple[float, str]]:
        """What it wrote, in pieces that end with ``separator``, and when the end was there."""
        data, begin = self._file.read_bytes(), 0
        ends = [end for end, _ in self._pieces]
        while (place := data.find(separator, begin)) >= 0:
            end = place + len(separator)
            yield self._pieces[bisect_right(ends, end - 1)][1], data[begin:end].decode()
            begin = end


def silence(processes: Iterable[Observed], seconds: float) -> bool:
    """Whether none of them has written anything for so long."""
    return time.monotonic() > max(process.spoke for process in processes) + seconds

"""Runs programs in a folder until one of them ends, or nobody holds our standard input any more.

A process of its own, so that whatever ends a test run ends them, too, and removes the folder:
an error, SIGTERM, even SIGKILL. What the programs are is not known here.
"""

from __future__ import annotations

import json
import select
import shutil
import subprocess
import sys
from pathlib import Path


def keep(folder: Path, commands: list[list[str]]) -> str:
    """Why the programs came to an end; empty where it was because they were no longer wanted."""
    running: dict[Path, subprocess.Popen[bytes]] = {}
    try:
        for command in commands:
            log = folder / f"{Path(command[0]).name}.log"
            with log.open("wb") as output:
                running[log] = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder
                )
        while not select.select([sys.stdin], [], [], 0.1)[0]:
            for log, process in running.items():
                if process.poll() is not None:
                    said = log.read_text(errors="replace")[-4000:]
                    return f"{log.stem} ended with exit code {process.returncode}:\n{said}"
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    finally:
        for process in running.values():
            # Nothing that it holds is worth a farewell, and etcd takes seconds over one.
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)
    return ""


if __name__ == "__main__":
    sys.exit(keep(Path(sys.argv[1]), json.loads(sys.argv[2])) or None)

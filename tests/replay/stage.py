"""Where a recording is played: a sandbox whose time we set, and a shell with the real kubectl.

Playing only: ``transcript`` reads recordings, ``comparison`` says what counts as equal.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import TracebackType
from typing import Any

from kubevirt_sandbox import storage
from kubevirt_sandbox.apiserver.access.authorization import Rule, User
from kubevirt_sandbox.controlplane import ControlPlane
from kubevirt_sandbox.kubevirt.pace import Pace
from kubevirt_sandbox.kubevirt.releases import NEWEST, RELEASES, catalogue_of
from kubevirt_sandbox.kubevirt.seed.planting import SEED_DIRECTORY
from kubevirt_sandbox.storage.registry import Registry

from .transcript import Step

PROGRAMS = ("bash", "curl", "jq", "kubectl", "perl", "sed")
CLONE_VERBS = ("get", "list", "watch", "create", "delete", "deletecollection", "patch", "update")
USERS = {
    "viewer": User("viewer"),
    "cloner": User(
        "cloner",
        (Rule(("clone.kubevirt.io",), ("virtualmachineclones",), CLONE_VERBS, ("default",)),),
    ),
}
STREAM = "many.watch"
"""The file that the watch of all clones is written to; a recording reads it by this name."""
PATIENCE = 120.0
WAIT = re.compile(r"kubectl wait (?=.*--for=(?:condition|jsonpath)=\S+)(?=.*--timeout=\d+s)")
"""A wait for a phase or the condition Ready. One for milliseconds is in vain."""
AWAITED = re.compile(r" (vmclone|vmsnapshot|pvc)(?:/([\w.-]+)| --all)")
AWAITED_TYPES = {
    "pvc": "persistentvolumeclaims",
    "vmclone": "virtualmachineclones.clone.kubevirt.io",
    "vmsnapshot": "virtualmachinesnapshots.snapshot.kubevirt.io",
}
REACHED = ("Bound", "Succeeded")
HORIZON = 60.0
"""Seconds of the sandbox that a wait looks ahead for something to happen, again and again."""
GAP = 1.0
"""Seconds of the sandbox that pass after each command: a clone takes less than half of one."""
READS = re.compile(r"kubectl( -\S+ \S+)* (get|describe|explain|api-resources|auth|wait) ")
"""Commands after which no time passes: the recorder went on at once."""
Event = dict[str, Any]


class Clock:
    """The time of the sandbox: it stands still until the stage moves it."""

    def __init__(self) -> None:
        # Long ago, so that what kubectl itself takes for the present is always later.
        self._start = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=1)
        self.seconds = 0.0

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """What waits are measured with."""
        return self.seconds


class Stage:
    """One sandbox with a shell; a context manager. ``folder`` has to be empty.

    ``release`` is that of its KubeVirt, ``namespace`` the one that its kubeconfig names.
    """

    def __init__(
        self,
        folder: Path,
        *,
        throttled: bool = False,
        release: str = NEWEST.name,
        namespace: str = "default",
    ) -> None:
        self._folder = folder
        self._clock = Clock()
        self._watching = False
        self._namespace = namespace
        group = RELEASES[release].clone_api_version
        self._watch = f"/apis/{group}/namespaces/{namespace}/virtualmachineclones?watch=1"
        self._open = contextlib.ExitStack()
        self._plane = ControlPlane(
            registry=Registry(catalogue=catalogue_of(RELEASES[release]), clock=self._clock),
            kubevirt=release,
            pace=Pace(clock=self._clock.monotonic, throttled=throttled),
            controllers=False,
            seeds=["kubevirt"],
            users=USERS,
            on_request=self._note,
        )

    def __enter__(self) -> Stage:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._plane)
            self._enter_namespace()
            self._write_credentials()
            with (self._folder / STREAM).open("wb") as stream:
                command = ["kubectl", "get", "--raw", self._watch]
                watch = subprocess.Popen(command, stdout=stream, env=self._environment())
            stack.enter_context(watch)
            stack.callback(watch.kill)
            self._until(lambda: self._watching)
            self._open = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def play(self, step: Step, command: str) -> tuple[str, int]:
        """Output and exit code of a step, once the sandbox has come to rest after it.

        ``command`` is the step's own, with the uids that are ours.
        """
        self._pass(step.waits)
        if step.watched:
            return self._seen(step), 0
        if step.file:
            (self._folder / step.file).write_text(step.output + "\n", "utf-8")
            return step.output, 0
        verb, _, argument = command.partition(" ")
        if verb == "sleep":
            self._pass(float(argument))
            return "", 0
        if verb == "fault":
            self._plane.faults.add(argument)
            return "", 0
        if verb == "stale-cache":
            self._plane.kubevirt.cache_lags = lambda: argument == "on"
            return "", 0
        answer = self._run(command)
        self._pass(0.0 if READS.search(command) else GAP)
        return answer

    def _run(self, command: str) -> tuple[str, int]:
        output = self._folder / "output"
        with output.open("wb") as stream:
            process = subprocess.Popen(
                ["bash", "-c", self._translated(command)],
                cwd=self._folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._work_until_ended(process, command)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what the shell has started, too
            process.wait()
        return output.read_text("utf-8"), process.returncode

    def _work_until_ended(self, process: subprocess.Popen[bytes], command: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end: {command}"
            if not self._plane.kubevirt.step():
                self._jump(self._clock.seconds + self._horizon(command))
                time.sleep(0.002)

    def _translated(self, command: str) -> str:
        """The command with the credentials of the sandbox, and where it listens."""
        # virtctl is another program: what it would print stands in a file.
        command = re.sub(r"^virtctl create clone [^|]*\|", "cat virtctl.yaml |", command)
        bearer = f'-H "Authorization: Bearer {self._plane.token}"'
        command = command.replace("--cert admin.crt --key admin.key", bearer)
        return command.replace("https://127.0.0.1:16443", self._plane.url)

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "HOME": str(self._folder),
            "KUBECONFIG": str(self._plane.kubeconfig),
            "SEEDS": str(SEED_DIRECTORY),
            "CRDS": str(Path(storage.__file__).parent / "crds"),
        }

    def _enter_namespace(self) -> None:
        if self._namespace == "default":
            return
        metadata = {"name": self._namespace}
        self._plane.registry.create("namespaces", "", {"metadata": metadata})
        text = self._plane.kubeconfig.read_text("utf-8")
        changed = text.replace("namespace: default", f"namespace: {self._namespace}")
        self._plane.kubeconfig.write_text(changed, "utf-8")

    def _write_credentials(self) -> None:
        shutil.copy(self._plane.ca_file, self._folder / "ca.crt")
        for name in (*USERS, "bogus"):
            (self._folder / f"{name}.kubeconfig").write_text(self._plane.kubeconfig_of(name))
        text = self._plane.kubeconfig.read_text("utf-8")
        untrusting = [line for line in text.splitlines() if "certificate-authority" not in line]
        (self._folder / "wrongca.kubeconfig").write_text("\n".join(untrusting))

    # Time.

    def _pass(self, seconds: float) -> None:
        """Lets the controllers work until so many seconds have passed, to a whole second."""
        end = float(round(self._clock.seconds + seconds + 0.499999))
        while self._plane.kubevirt.step() or self._jump(end):
            pass
        self._clock.seconds = end

    def _horizon(self, command: str) -> float:
        """How far time may go on while a command runs: as far as it has to, for one that waits."""
        if not WAIT.search(command):
            return GAP if " delete " in command else 0.0
        for kind, name in AWAITED.findall(command):
            for item in self._plane.registry.list(AWAITED_TYPES[kind]).items:
                if name in ("", item["metadata"]["name"]) and not _is_reached(item):
                    return HORIZON
        return 0.0

    def _jump(self, end: float) -> bool:
        """Moves the clock to the moment when something is due, if that is before ``end``."""
        due = self._clock.seconds + self._plane.kubevirt.idle_for()
        if due > end:
            return False
        # A hair later: the sum of floating point numbers may be a hair too early.
        self._clock.seconds = due + 1e-6
        return True

    # The watch.

    def _note(self, method: str, path: str, code: int) -> None:
        if path == self._watch and (method, code) == ("GET", 200):
            self._watching = True

    def _seen(self, step: Step) -> str:
        """What the watch saw of one clone; as many events as were recorded, if they come."""
        wanted = len(step.output.splitlines())
        deadline = time.monotonic() + PATIENCE / 12
        events = self._events(step.watched)
        while len(events) < wanted and time.monotonic() < deadline:
            time.sleep(0.01)
            events = self._events(step.watched)
        return "\n".join(summary(item) if step.summary else json.dumps(item) for item in events)

    def _events(self, name: str) -> list[Event]:
        lines = (self._folder / STREAM).read_text("utf-8").splitlines(keepends=True)
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        return [item for item in events if item["object"]["metadata"]["name"] == name]

    def _until(self, condition: Any) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it does not begin"
            time.sleep(0.005)


def _is_reached(obj: Any) -> bool:
    """Whether what is waited for has come: a phase, or that the object is ready."""
    status = obj.get("status", {})
    ready = {"type": "Ready", "status": "True"}.items()
    return status.get("phase") in REACHED or any(
        ready <= item.items() for item in status.get("conditions", [])
    )


def summary(event: Event) -> str:
    """One event as the recordings sum it up: type, version, phase, conditions, three names."""
    status = event["object"].get("status", {})
    conditions = "; ".join(
        f"{item['type']}={item['status']}:{item['reason']}" for item in status.get("conditions", [])
    )
    names = [status.get(key) for key in ("snapshotName", "restoreName", "targetName")]
    version = event["object"]["metadata"]["resourceVersion"]
    line = [event["type"], version, status.get("phase"), conditions, *names]
    return json.dumps(line, separators=(",", ":"))

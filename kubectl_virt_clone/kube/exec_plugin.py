"""Credentials from a program that the kubeconfig names, by client-go's protocol for such plugins.

What becomes of the credentials is ``credentials.py``'s; what they are is never part of a message.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from kubectl_virt_clone.errors import ConfigError, ConnectionFailed, said_of
from kubectl_virt_clone.objects.fields import (
    mapping_at,
    mappings_at,
    text_at,
    time_at,
)

GROUP = "client.authentication.k8s.io"
VERSIONS = (f"{GROUP}/v1", f"{GROUP}/v1beta1")
NEVER, IF_AVAILABLE, ALWAYS = MODES = ("Never", "IfAvailable", "Always")
# What a plugin is told of the cluster, if it asks for it, under the kubeconfig's own keys.
_TOLD = (
    *("server", "tls-server-name", "insecure-skip-tls-verify", "proxy-url"),
    "disable-compression",
)
_NOT_INSTALLED = """

It looks like you are trying to use a client-go credential plugin that is not installed.

To learn more about this feature, consult the documentation available at:
      https://kubernetes.io/docs/reference/access-authn-authz/authentication/\
#client-go-credential-plugins"""


@dataclass(frozen=True)
class Granted:
    """What a plugin gave: a token, or a certificate with its key as PEM; until when, if it ends."""

    token: str = field(default="", repr=False)
    certificate: str = ""
    key: str = field(default="", repr=False)
    expires: datetime | None = None


def check_plugin(plugin: Mapping[str, Any], user: str) -> None:
    """Raise ConfigError, in kubectl's words, for a plugin that can't be run as it is described."""
    purpose = f"specified for {user} to use exec authentication plugin"
    for key in ("command", "apiVersion"):
        if not plugin.get(key):
            raise ConfigError(f"{key} must be {purpose}")
    for variable in plugin.get("env") or ():
        if not variable.get("name"):
            raise ConfigError(f"env variable name must be {purpose}")
    mode = plugin.get("interactiveMode")
    if not mode and plugin["apiVersion"] == VERSIONS[0]:
        raise ConfigError(f"interactiveMode must be {purpose}")
    if mode and mode not in MODES:
        raise ConfigError(f'invalid interactiveMode for {user}: "{mode}"')
    if plugin["apiVersion"] not in VERSIONS:
        raise ConfigError(f'exec plugin: invalid apiVersion "{plugin["apiVersion"]}"')


def run_plugin(plugin: Mapping[str, Any], cluster: Mapping[str, Any]) -> Granted:
    """Run a checked plugin and read what it prints; its stderr is the user's to see.

    Raises ConnectionFailed, for it may work the next time.
    """
    command = plugin["command"]
    # Neither a shell nor, as in Go, the working directory looks for the program.
    program = shutil.which(command)
    if program is None or not os.path.isabs(program):
        hint = text_at(plugin, "installHint")
        hint = f"\n\n{hint}" if hint else ""
        raise _failed(f"exec: executable {command} not found{_NOT_INSTALLED}{hint}", missing=True)
    interactive = _interactive(plugin)
    environment = {item["name"]: item.get("value") or "" for item in plugin.get("env") or ()}
    environment["KUBERNETES_EXEC_INFO"] = json.dumps(_asked(plugin, cluster, interactive))
    try:
        done = subprocess.run(  # noqa: S603 - the user's kubeconfig names it
            [program, *(plugin.get("args") or ())],
            env={**os.environ, **environment},
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its arguments can't be passed on"
        raise _failed(f"exec: {command}: {reason.lower()}") from error
    if done.returncode:
        code = max(done.returncode, -1)  # Go tells a signal as -1
        raise _failed(f"exec: executable {command} failed with exit code {code}")
    return _granted(done.stdout, plugin["apiVersion"])


def _interactive(plugin: Mapping[str, Any]) -> bool:
    """Whether the plugin may ask the user at the terminal."""
    mode = plugin.get("interactiveMode") or IF_AVAILABLE
    terminal = mode != NEVER and sys.stdin is not None and sys.stdin.isatty()
    if mode == ALWAYS and not terminal:
        raise _failed(
            "exec plugin cannot support interactive mode: standard input is not a terminal"
        )
    return terminal


def _asked(
    plugin: Mapping[str, Any], cluster: Mapping[str, Any], interactive: bool
) -> dict[str, Any]:
    """The ExecCredential that a plugin finds in its environment."""
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.get("provideClusterInfo"):
        spec["cluster"] = {key: cluster[key] for key in _TOLD if cluster.get(key)}
        if authority := _authority(cluster):
            spec["cluster"]["certificate-authority-data"] = authority
        spec["cluster"]["config"] = None
        for extension in mappings_at(cluster, "extensions"):
            if text_at(extension, "name") == f"{GROUP}/exec":
                spec["cluster"]["config"] = extension.get("extension")
    return {"kind": "ExecCredential", "apiVersion": plugin["apiVersion"], "spec": spec}


def _authority(cluster: Mapping[str, Any]) -> str:
    path = cluster.get("certificate-authority")
    if path and not cluster.get("certificate-authority-data"):
        try:
            return base64.b64encode(Path(path).read_bytes()).decode()
        except OSError as error:
            raise _failed(
                f"unable to read certificate-authority {path}: {said_of(error)}"
            ) from error
    return "".join(str(cluster.get("certificate-authority-data") or "").split())


def _granted(printed: bytes, version: str) -> Granted:
    """What the plugin printed, checked; no message repeats any of it."""
    try:
        credential = json.loads(printed)
    except (ValueError, RecursionError) as error:
        raise _failed("exec plugin: its output is no JSON") from error
    if text_at(credential, "apiVersion") != version or credential.get("kind") != "ExecCredential":
        raise _failed(
            f"exec plugin is configured to use API version {version}, and printed something else"
        )
    status = mapping_at(credential, "status")
    if not status:
        raise _failed("exec plugin didn't return a status field")
    granted = Granted(
        token=text_at(status, "token"),
        certificate=text_at(status, "clientCertificateData"),
        key=text_at(status, "clientKeyData"),
        expires=time_at(status, "expirationTimestamp"),
    )
    if bool(granted.certificate) != bool(granted.key):
        raise _failed("exec plugin returned only certificate or key, not both")
    if not (granted.token or granted.certificate):
        raise _failed("exec plugin didn't return a token or cert/key pair")
    return granted


def _failed(reason: str, *, missing: bool = False) -> ConnectionFailed:
    message = f"Unable to connect to the server: getting credentials: {reason}"
    return ConnectionFailed(message, transient=not missing)

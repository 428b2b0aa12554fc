"""Which credential plugins a user allows: the policy in kubectl's file of preferences, kuberc.

Read as kubectl 1.36 and 1.37 read it, whose words these are; its aliases and defaults are for
kubectl's own commands. ``auth.py`` asks before it runs a plugin.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kubectl_virt_clone.errors import ConfigError, said_of
from kubectl_virt_clone.objects.resource import ConnectionFlags

_GROUP = "kubectl.config.k8s.io"
_KNOWN = {f"{_GROUP}/v1beta1": True, f"{_GROUP}/v1alpha1": False}
"""The versions of a kuberc, and whether it has a policy."""


@dataclass(frozen=True)
class PluginPolicy:
    """The policy, and the programs that ``Allowlist`` allows."""

    policy: str = ""
    allowed: tuple[str, ...] = ()

    def refusal(self, command: str, program: str | None) -> str:
        """Why the plugin ``command``, which was found at ``program``, may not run, or nothing.

        Programs are compared by their paths; of one without a slash, it is that on the PATH. Links
        are not followed, and no pattern matches.
        """
        if self.policy == "DenyAll":
            return f'plugin "{command}" not allowed: policy set to "DenyAll"'
        if self.policy != "Allowlist" or program is None:
            return ""
        paths = (name if os.sep in name else shutil.which(name) for name in self.allowed)
        if program in paths:
            return ""
        return f'plugin path "{program}" is not permitted by the credential plugin allowlist'


def plugin_policy(
    flags: ConnectionFlags, environ: Mapping[str, str], warn: Callable[[str], None]
) -> PluginPolicy:
    """The policy of ``--kuberc``, of KUBERC, or of ``~/.kube/kuberc``, if there is that.

    KUBECTL_KUBERC=false and KUBERC=off turn all of it off. ``warn`` hears of a file that
    holds no preferences: like kubectl, it is ignored. Raises ConfigError for a file that can't be
    read, and for a faulty policy.
    """
    path, is_asked_for = _path(flags, environ)
    try:
        with open(path or os.devnull, "rb") as file:
            data = file.read()
    except FileNotFoundError as error:
        if not is_asked_for:
            return PluginPolicy()
        raise _fault(f"kuberc error kuberc: open {path}: {said_of(error)}") from error
    except OSError as error:
        call = "read" if isinstance(error, IsADirectoryError) else "open"
        raise _fault(f"kuberc error kuberc: {call} {path}: {said_of(error)}") from error
    if not data.strip():
        return PluginPolicy()
    preferences = _preferences(data)
    if preferences is None:
        warn(f"kuberc: no preferences loaded from {path}: no valid preferences found in {path}")
        return PluginPolicy()
    return _checked(preferences.get("credentialPluginPolicy") or "", _listed(preferences))


def _path(flags: ConnectionFlags, environ: Mapping[str, str]) -> tuple[str, bool]:
    """The file to read, empty for none, and whether the user named it."""
    if environ.get("KUBECTL_KUBERC", "").lower() == "false":
        if flags.kuberc:
            raise ConfigError("--kuberc is unknown where KUBECTL_KUBERC=false")
        return "", False
    named = environ.get("KUBERC", "")
    if flags.kuberc and named == "off":
        raise _fault(
            "kuberc error disabling kuberc via KUBERC=off and passing kuberc flag are mutually"
            " exclusive"
        )
    if named == "off":
        return "", False
    if flags.kuberc or named:
        return flags.kuberc or named, True
    home = environ.get("HOME") or environ.get("USERPROFILE")
    return (os.path.join(home, ".kube", "kuberc") if home else ""), False


def _preferences(data: bytes) -> Mapping[str, Any] | None:
    """The first document that kubectl takes for preferences, or None.

    Unlike there, what is not YAML ends the reading, also behind such a document.
    """
    from kubectl_virt_clone.objects.documents import values_in

    try:
        documents = values_in(data.decode("utf-8-sig"))
    except ValueError:
        return None
    for document in documents:
        if not isinstance(document, dict) or document.get("kind") != "Preference":
            continue
        has_policy = _KNOWN.get(str(document.get("apiVersion")))
        if has_policy is False:
            return {}
        policy = document.get("credentialPluginPolicy")
        if has_policy and isinstance(policy, (str, type(None))) and _is_list(document):
            return document
    return None


def _is_list(document: Mapping[str, Any]) -> bool:
    """Whether the allowlist has kubectl's types, and no entry two names that differ."""
    entries = document.get("credentialPluginAllowlist")
    if not isinstance(entries, (list, type(None))):
        return False
    for entry in entries or ():
        if not isinstance(entry, (dict, type(None))):
            return False
        given = {(entry or {}).get(key) or "" for key in ("name", "command")} - {""}
        if len(given) > 1 or not all(isinstance(name, str) for name in given):
            return False
    return True


def _listed(preferences: Mapping[str, Any]) -> list[str] | None:
    entries = preferences.get("credentialPluginAllowlist")
    if entries is None:
        return None
    # ``name`` until kubectl 1.35, ``command`` since.
    return [(entry or {}).get("command") or (entry or {}).get("name") or "" for entry in entries]


def _checked(policy: str, allowed: list[str] | None) -> PluginPolicy:
    if policy not in ("", "AllowAll", "DenyAll", "Allowlist"):
        raise _fault(f'unknown plugin policy: "{policy}"')
    if policy != "Allowlist":
        if allowed is not None:
            misconfigured = f'plugin policy is "{policy}" but allowlist is non-nil'
            raise _fault(f"misconfigured credential plugin allowlist: {misconfigured}")
        return PluginPolicy(policy)
    if allowed is None:
        raise _fault('credential plugin policy set to "Allowlist", but allowlist is unspecified')
    if not allowed:
        raise _fault(
            'credential plugin policy set to "Allowlist", but allowlist is empty; use "DenyAll"'
            " policy instead"
        )
    for number, name in enumerate(allowed, 1):
        if not name:
            empty = f"empty allowlist entry #{number}"
            raise _fault(f"misconfigured credential plugin allowlist: {empty}")
        if (clean := os.path.normpath(name)) != name:
            raise _fault(f'non-normalized file path: "{name}" vs "{clean}"')
    return PluginPolicy(policy, tuple(allowed))


def _fault(reason: str) -> ConfigError:
    return ConfigError(f"error occurred while applying preferences {reason}")

"""Turn a flag about the target VM into the patch that KubeVirt's restore accepts.

Whether a patch applies depends on the source: see ``patches.applied``.
"""

from __future__ import annotations

from collections.abc import Callable

from kubectl_virt_clone.clone.spec.patches import parse, value_patch
from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.objects.names import (
    check_annotation_key,
    check_hostname,
    check_label_key,
    check_label_value,
)

RUN_STRATEGIES = ("Always", "Halted", "Manual", "Once", "RerunOnFailure", "WaitAsReceiver")
"""KubeVirt's ``spec.runStrategy``. A restore halts its target before it patches it."""

START = "Always"
"""The run strategy that starts a VM by itself."""


def check_patch(text: str) -> str:
    """Return the text of a patch if it is one JSON Patch operation. Raises InvalidValue."""
    parse(text)
    return text


def run_strategy_patch(run_strategy: str) -> str:
    """The patch that sets the target's run strategy."""
    return value_patch("replace", ("spec", "runStrategy"), run_strategy)


def hostname_patch(hostname: str) -> str:
    """The patch that gives the guest a host name. Raises InvalidValue for an invalid one."""
    return value_patch("add", ("spec", "template", "spec", "hostname"), check_hostname(hostname))


def label_patch(text: str) -> tuple[str, str]:
    """A label's key and its patch, from ``KEY=VALUE``. Raises InvalidValue by Kubernetes' rules."""
    return _assigned(text, "labels", check_label_key, check_label_value)


def annotation_patch(text: str) -> tuple[str, str]:
    """An annotation's key and its patch, from ``KEY=VALUE``. Raises InvalidValue for the key."""
    return _assigned(text, "annotations", check_annotation_key, str)


def _assigned(
    text: str, field: str, check_key: Callable[[str], str], check_value: Callable[[str], str]
) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise InvalidValue(f'"{text}" has no value; write KEY=VALUE')
    patch = value_patch("add", ("metadata", field, check_key(key)), check_value(value))
    return key, patch

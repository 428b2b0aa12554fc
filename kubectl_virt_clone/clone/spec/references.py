"""``vm/web``, ``vmsnapshot/nightly``, ``web``: turn what the user typed into a Reference.

Only the text is checked here; whether the object exists is up to the cluster.
"""

from __future__ import annotations

import re

from kubectl_virt_clone.clone.api import (
    CLONE_GROUP,
    CLONE_VERSIONS,
    CLONES,
    SOURCE_ALIASES,
    VIRTUAL_MACHINES,
    Reference,
)
from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.objects.resource import Resource

KINDS = "vm, vmsnapshot"

_CLONE_ALIASES = (CLONES.singular, CLONES.plural, "vmclone", "vmclones")
_CLONE_GROUPS = ("", CLONE_GROUP, *(f"{version}.{CLONE_GROUP}" for version in CLONE_VERSIONS))


def check_name(text: str) -> str:
    """Return the name of an object or a namespace if it can be part of a URL's path.

    Raises InvalidValue by the rules of Kubernetes' ``apimachinery/pkg/api/validation/path``, and
    if the name is not printable.
    """
    if not text:
        raise InvalidValue("a name can't be empty")
    if text in {".", ".."} or "/" in text or "%" in text or not text.isprintable():
        raise InvalidValue(f'"{text}" can\'t be a name')
    return text


def parse_clone(text: str) -> str:
    """The name of a clone, from ``NAME`` or ``KIND/NAME`` as ``-o name`` and kubectl write it.

    Raises InvalidValue.
    """
    kind, slash, name = text.partition("/")
    alias, _, group = kind.lower().partition(".")
    is_clone = slash and alias in _CLONE_ALIASES and group in _CLONE_GROUPS
    return check_name(name if is_clone else text)


def parse_kind(text: str) -> Resource:
    """The resource that ``text`` names in any of kubectl's and virtctl's spellings.

    kubectl's may be followed by a version and the group. Raises InvalidValue for a kind that can't
    be cloned.
    """
    alias, _, group = text.lower().partition(".")
    resource = SOURCE_ALIASES.get(alias)
    if resource is None or not re.fullmatch(rf"(v\w+\.)?{re.escape(resource.group)}|", group):
        raise InvalidValue(f'"{text}" can\'t be cloned; a source is one of {KINDS}')
    return resource


def parse_reference(text: str, kind: Resource | None = None) -> Reference:
    """Read ``[vm/|vmsnapshot/]NAME``; without a prefix it is a ``kind``, or else a virtual machine.

    Raises InvalidValue for an unknown kind, an empty name, and two different kinds.
    """
    prefix, slash, name = text.rpartition("/")
    if slash and not prefix:
        raise InvalidValue(f'"{text}" names no kind before the /; write vm/{name} or {name}')
    named = parse_kind(prefix) if slash else None
    if named and kind and named != kind:
        raise InvalidValue(f'"{text}" is a {named.kind}, but the type asked for is {kind.kind}')
    if not name:
        raise InvalidValue("the name is empty")
    return Reference(named or kind or VIRTUAL_MACHINES, name)

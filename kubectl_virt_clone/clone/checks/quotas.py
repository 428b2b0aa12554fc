"""Rules about the namespace's quotas: whether what KubeVirt makes for a clone fits into them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

from kubectl_virt_clone.clone.api import CLONES, RESTORES, SNAPSHOTS, VIRTUAL_MACHINES
from kubectl_virt_clone.clone.checks.facts import (
    SERIES,
    Facts,
    Finding,
    claims_used,
    from_snapshot,
    warning,
)
from kubectl_virt_clone.clone.hint import kubectl
from kubectl_virt_clone.objects.fields import Object, at, mapping_at, name_of, text_at

_NUMBER, _SUFFIX = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)", "[KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,3}"
_QUANTITY = re.compile(f"({_NUMBER})({_SUFFIX})?")
_DECIMAL = {suffix: Decimal(1000) ** power for power, suffix in enumerate("num kMGTPE", -3)}
_BINARY = {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)}
_STORAGE = "requests.storage"
_CLAIMS = "persistentvolumeclaims"

Demand = Mapping[str, Decimal]
"""What a quota may limit → how much of it is wanted."""


def amount(text: object) -> Decimal | None:
    """The value of a quantity, such as ``64Mi``; None for what is none.

    Source: apimachinery ``pkg/api/resource``.
    """
    match = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    number, suffix = Decimal(match[1]), match[2] or " "
    if suffix[:1] in "eE" and len(suffix) > 1 and suffix not in _BINARY:
        return number.scaleb(int(suffix[1:]))
    return number * {**_DECIMAL, **_BINARY}[suffix]


def demand(clone: Object, facts: Facts) -> dict[str, Decimal]:
    """What KubeVirt makes for a clone: it counts what is there at the same time.

    In a series, only the first clone wants the snapshot that all of them share.
    """
    claims = claims_used(clone, facts)
    wanted = {_count(CLONES.qualified): 1, _count(RESTORES.qualified): 1}
    wanted |= {_count(VIRTUAL_MACHINES.qualified): 1}
    if not from_snapshot(clone) and not (facts.form == SERIES and facts.demanded):
        wanted |= {_count(SNAPSHOTS.qualified): 1}
        wanted |= {_count("volumesnapshots.snapshot.storage.k8s.io"): len(claims)}
    found = {name: Decimal(number) for name, number in wanted.items()}
    for claim in claims.values():
        size = amount(at(claim, "spec", "resources", "requests", "storage")) or Decimal(0)
        of_class = f"{text_at(claim, 'spec', 'storageClassName')}.storageclass.storage.k8s.io/"
        for name, number in (
            *((name, Decimal(1)) for name in (_CLAIMS, _count(_CLAIMS), f"{of_class}{_CLAIMS}")),
            *((name, size) for name in (_STORAGE, f"{of_class}{_STORAGE}")),
        ):
            found[name] = found.get(name, Decimal(0)) + number
    return found


def quota_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """A quota that has no room for all of it: KubeVirt tries until there is, and may give up.

    Where the namespace has no room for another VM, the server says so itself (``admission.py``).
    """
    own = demand(clone, facts)
    for quota in facts.quotas.objects if facts.quotas else ():
        if at(quota, "spec", "scopes") or at(quota, "spec", "scopeSelector"):
            continue  # no scope is about any of these
        for name, hard in mapping_at(quota, "status", "hard").items():
            before = facts.demanded.get(name, Decimal(0))
            used, limit = amount(at(quota, "status", "used", name)), amount(hard)
            if name not in own or used is None or limit is None:
                continue
            alone = name == _count(VIRTUAL_MACHINES.qualified) and not before
            if alone or used + before + own[name] <= limit:
                continue
            others = " with the clones before it" if before else ""
            message = (
                f'the quota "{name_of(quota)}" leaves no room for it{others}: {name} is'
                f" {at(quota, 'status', 'used', name)} of {hard}"
            )
            yield warning(
                "quota",
                message,
                kubectl("describe", f"quota/{name_of(quota)}", namespace=facts.namespace),
            )
            break


def _count(resource: str) -> str:
    return f"count/{resource}"

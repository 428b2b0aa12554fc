"""Rules about filters: what they keep and drop that their author probably did not mean.

``spec/filters.py`` says what a filter means; here its effect on a source is judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kubectl_virt_clone.clone.api import LAST_RESTORE_UID, target_name
from kubectl_virt_clone.clone.checks.facts import INFO, WARNING, Finding, error, warning
from kubectl_virt_clone.clone.hint import flag, leave_out
from kubectl_virt_clone.clone.spec.filters import (
    NEGATION,
    WILDCARD,
    check_filter,
    compile_error,
    decisions,
    matches,
)
from kubectl_virt_clone.clone.target.restore_rules import OBSERVED
from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.objects.fields import Object, at, mapping_at

_METACHARACTERS = frozenset("^$|()[]{}+?\\")
_SHOWN = 3

# KubeVirt's controllers write these again, so only a filter against them is worth a finding.
_WRITTEN_BACK = frozenset(OBSERVED)
_CONTROLLERS = "kubevirt.io"


@dataclass(frozen=True)
class _Filters:
    """One of a clone's four lists of filters, with its names and the keys that it applies to."""

    field: str
    flag: str
    noun: str
    patterns: tuple[str, ...] | None
    keys: tuple[str, ...] | None

    @property
    def always_kept(self) -> frozenset[str]:
        """KubeVirt spares its mark on the VM itself, but not one of that name on the template."""
        return frozenset({LAST_RESTORE_UID} if self.field == "spec.annotationFilters" else ())

    @property
    def compiling(self) -> list[str]:
        return [pattern for pattern in self.patterns or () if not compile_error(pattern)]


def _lists(clone: Object, vm: Object | None) -> list[_Filters]:
    found = []
    for path, prefix, noun, owner in (
        (("spec",), "--", "", ("metadata",)),
        (("spec", "template"), "--template-", "template ", ("spec", "template", "metadata")),
    ):
        for key, what in (("labelFilters", "label"), ("annotationFilters", "annotation")):
            given = at(clone, *path, key)
            patterns = None
            if isinstance(given, list):
                patterns = tuple(item for item in given if isinstance(item, str))
            keys = None if vm is None else tuple(map(str, mapping_at(vm, *owner, f"{what}s")))
            field = ".".join((*path, key))
            found.append(_Filters(field, f"{prefix}{what}-filter", noun + what, patterns, keys))
    return found


def is_filtered(clone: Object) -> bool:
    """Whether the clone has a list of filters."""
    return any(filters.patterns is not None for filters in _lists(clone, None))


def filter_findings(clone: Object, vm: Object | None) -> Iterator[Finding]:
    """What is wrong with the clone's filters; ``vm`` is the source, None if unknown."""
    for filters in _lists(clone, vm):
        # With an unnamed target KubeVirt's mutating webhook drops an empty list: it keeps all.
        if filters.patterns is None or not (filters.patterns or target_name(clone)):
            continue
        yield from _invalid(filters)
        yield from _only_negative(filters)
        if filters.keys is not None:
            yield from _unused(filters, filters.keys)
            yield from _overreach(filters, filters.keys)
            yield from _controller_keys(filters, filters.keys)


def _invalid(filters: _Filters) -> Iterator[Finding]:
    for pattern in filters.patterns or ():
        try:
            check_filter(pattern)
        except InvalidValue as refusal:
            message = f"{filters.field}: {refusal.reason}"
            yield error("filter-invalid", message, *leave_out(flag(filters.flag, pattern)))
            continue
        if reason := compile_error(pattern):
            hint = (flag(filters.flag, _literal(pattern)), f" instead of {pattern}")
            message = (
                f"{filters.field}: KubeVirt would ignore the filter {pattern}, which is not a"
                f" regular expression: {reason}"
            )
            yield error("filter-invalid", message, *hint)


def _literal(pattern: str) -> str:
    """The regular expression for what KubeVirt documents ``pattern`` to mean: KEY or PREFIX*."""
    sign = NEGATION if pattern.startswith(NEGATION) else ""
    bare = pattern.removeprefix(NEGATION)
    if bare == WILDCARD:
        return f"{sign}."
    wild = bare.endswith(WILDCARD)
    text = bare.removesuffix(WILDCARD)
    escaped = "".join(f"\\{char}" if char in _METACHARACTERS | {"."} else char for char in text)
    return f"{sign}^{escaped}" + ("" if wild else "$")


def _only_negative(filters: _Filters) -> Iterator[Finding]:
    if all(pattern.startswith(NEGATION) for pattern in filters.patterns or ()):
        no_keeper = "without a filter that keeps, KubeVirt"
        what = no_keeper if filters.patterns else "an empty list of filters"
        message = f"{filters.field}: {what} drops every {filters.noun}"
        yield warning("filter-only-negative", message, flag(filters.flag, WILDCARD))


def _unused(filters: _Filters, keys: Sequence[str]) -> Iterator[Finding]:
    for pattern in filters.compiling:
        if pattern == WILDCARD or any(matches(pattern, key) for key in keys):
            continue
        # A negative filter that drops nothing does no harm: one list may serve many sources.
        level = INFO if pattern.startswith(NEGATION) else WARNING
        message = f"{filters.field}: {pattern} matches no {filters.noun} of the source"
        yield Finding("filter-unused", level, message, leave_out(flag(filters.flag, pattern)))


def _overreach(filters: _Filters, keys: Sequence[str]) -> Iterator[Finding]:
    """Keys that a filter hits as a regular expression, and would not as KubeVirt documents it.

    The user guide knows only KEY and PREFIX*. A filter with other marks of a regular expression
    was meant to be one.
    """
    documented = _kept(filters, keys)
    surprised: dict[str, list[str]] = {}
    for decision in decisions(filters.patterns, keys, always_kept=filters.always_kept):
        if decision.by and decision.kept != (decision.key in documented):
            surprised.setdefault(decision.by, []).append(decision.key)
    for pattern, hit in surprised.items():
        verb = "drops" if pattern.startswith(NEGATION) else "keeps"
        message = (
            f"{filters.field}: {pattern} matches anywhere in a key, so that it {verb} {some(hit)}"
            " too"
        )
        hint = (flag(filters.flag, _literal(pattern)), f" instead of {pattern}")
        yield warning("filter-overreach", message, *hint)


def _kept(filters: _Filters, keys: Iterable[str]) -> frozenset[str]:
    """The keys that would stay if filters worked as KubeVirt documents them."""
    dropping = [pattern for pattern in filters.compiling if pattern.startswith(NEGATION)]
    keeping = [pattern for pattern in filters.compiling if pattern not in dropping]
    return filters.always_kept | frozenset(
        key
        for key in keys
        if any(_as_documented(pattern, key) for pattern in keeping)
        and not any(_as_documented(pattern, key) for pattern in dropping)
    )


def _as_documented(pattern: str, key: str) -> bool:
    bare = pattern.removeprefix(NEGATION)
    if bare.endswith(f".{WILDCARD}") or _METACHARACTERS & set(bare):
        return matches(pattern, key)
    if bare.endswith(WILDCARD):
        return key.startswith(bare.removesuffix(WILDCARD))
    return key == bare


def _controller_keys(filters: _Filters, keys: Sequence[str]) -> Iterator[Finding]:
    """KubeVirt's own annotations that a filter drops (kubevirt#10387); labels are the users'."""
    if not filters.noun.endswith("annotation"):
        return
    dropped: dict[str, list[str]] = {}
    for decision in decisions(filters.patterns, keys, always_kept=filters.always_kept):
        if decision.kept or not _is_of(decision.key, _CONTROLLERS):
            continue
        if decision.by or decision.key not in _WRITTEN_BACK:
            dropped.setdefault(decision.by, []).append(decision.key)
    for pattern, lost in dropped.items():
        hint = leave_out(flag(filters.flag, pattern))
        if not pattern:
            hint = (flag(filters.flag, *(f"^{escaped(key)}$" for key in lost)),)
        message = (
            f"{filters.field}: {pattern or 'no filter keeps'} {'drops ' if pattern else ''}"
            f"{some(lost)}, which KubeVirt's controllers read"
        )
        yield warning("filter-controller-keys", message, *hint)


def _is_of(key: str, domain: str) -> bool:
    prefix, slash, _ = key.partition("/")
    return bool(slash) and (prefix == domain or prefix.endswith(f".{domain}"))


def escaped(text: str) -> str:
    """A key as a filter that matches it alone."""
    return text.replace(".", "\\.")


def some(keys: Sequence[str]) -> str:
    """The first few of the keys, and how many more there are."""
    more = len(keys) - _SHOWN
    shown = ", ".join(keys[:_SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown

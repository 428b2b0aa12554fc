"""Which clones a verb is about: by name, by a selector, or all of a namespace or of the cluster.

What may stand together is judged here; the objects are found by ``actions/``.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubectl_virt_clone.errors import InvalidValue

PAGE_SIZE = 500
"""How many objects are asked for in one request: kubectl's own --chunk-size."""


@dataclass(frozen=True)
class Selection:
    """What was asked for; ``names`` as they were given, one perhaps twice.

    ``everything`` is --all; where nothing at all is given, the verb decides what that means.
    Raises InvalidValue, in kubectl's words, for what can't stand together.
    """

    names: tuple[str, ...] = ()
    label_selector: str = ""
    field_selector: str = ""
    everything: bool = False
    all_namespaces: bool = False

    def __post_init__(self) -> None:
        selectors = bool(self.label_selector or self.field_selector)
        if self.names and (selectors or self.everything):
            raise InvalidValue("name cannot be provided when a selector is specified")
        if self.everything and selectors:
            raise InvalidValue("setting 'all' parameter but found a non empty selector")
        if self.names and self.all_namespaces:
            raise InvalidValue("a resource cannot be retrieved by name across all namespaces")

    def __bool__(self) -> bool:
        """Whether it selects anything; a bare -A does not."""
        selectors = self.label_selector or self.field_selector
        return bool(self.names or selectors or self.everything)

    @property
    def distinct(self) -> tuple[str, ...]:
        """The names without repetition, in order."""
        return tuple(dict.fromkeys(self.names))

    @property
    def query(self) -> list[tuple[str, str]]:
        """The selectors as parameters of a list or a watch."""
        given = (("labelSelector", self.label_selector), ("fieldSelector", self.field_selector))
        return [(name, text) for name, text in given if text]

    def scope(self, namespace: str) -> str:
        """The namespace to ask, empty for all of them."""
        return "" if self.all_namespaces else namespace

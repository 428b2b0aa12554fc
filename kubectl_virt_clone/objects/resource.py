"""A resource of an API server, as a URL and a message need it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Resource:
    """One resource of the API, as a URL and a message need it."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def singular(self) -> str:
        """The lower-case kind, as kubectl prints it: ``virtualmachineclone``."""
        return self.kind.lower()

    @property
    def api_version(self) -> str:
        """``group/version``, or the bare version for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """``plural.group``, as messages name the resource: ``virtualmachines.kubevirt.io``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

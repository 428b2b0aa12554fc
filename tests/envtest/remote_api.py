"""An API server behind a URL, for the same controllers: requests over HTTPS.

How changes are followed is in ``informers``; how the answers are judged is the controllers' part.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from kubevirt_sandbox.kubevirt.objects import location
from kubevirt_sandbox.kubevirt.resources import Resource
from kubevirt_sandbox.storage.status import ApiError, failure
from tests.envtest.informers import Informers, Response

if TYPE_CHECKING:
    from kubevirt_sandbox.storage.resources import Catalogue
    from kubevirt_sandbox.storage.store import Change

Obj = dict[str, Any]
TIMEOUT = 30.0
REFUSED = 400


class RemoteApi:
    """One API server as the holder of a token sees it; a context manager.

    ``catalogue`` says in which version each resource is asked for.
    """

    def __init__(self, url: str, ca_file: Path, token: str, catalogue: Catalogue) -> None:
        # Slow to import, and of use only to those who have a server that is not in this process.
        import urllib3

        self.catalogue = catalogue
        self._url = url
        self._pool = urllib3.PoolManager(
            ca_certs=str(ca_file),
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            maxsize=16,
            retries=False,
        )
        self._informers = Informers(self)

    def __enter__(self) -> RemoteApi:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the watches; the controllers have to be stopped before."""
        self._informers.stop()
        self._pool.clear()

    @property
    def closed(self) -> bool:
        """Never: what happens to the server shows in each answer."""
        return False

    def now(self) -> datetime:
        """This machine's time: controllers have no other."""
        return datetime.now(timezone.utc)

    def get(self, resource: Resource, namespace: str, name: str) -> Obj:
        """The object as the server has it now."""
        return self.send("GET", self.path(resource, namespace, name))

    def list_all(self, resource: Resource) -> list[Obj]:
        """All objects of a resource; each says its own kind, which a list leaves out."""
        return self.items(resource, self.send("GET", self.path(resource)))

    def create(self, resource: Resource, obj: Obj) -> Obj:
        """The object as stored."""
        return self.send("POST", self.path(resource, location(obj)[0]), obj)

    def update(self, resource: Resource, obj: Obj, subresource: str = "") -> Obj:
        """The object as stored."""
        return self.send("PUT", self.path(resource, *location(obj), subresource), obj)

    def delete(self, resource: Resource, namespace: str, name: str) -> None:
        """Deletes an object; what it owns is the garbage collector's."""
        self.send("DELETE", self.path(resource, namespace, name))

    def changes(self, resources: Sequence[Resource], wait: float) -> Iterable[Change]:
        """What the watches of the resources have brought."""
        return self._informers.changes(resources, wait)

    def items(self, resource: Resource, listed: Obj) -> list[Obj]:
        """The objects of a list, as they are when they are read one by one."""
        kind = {"apiVersion": listed["apiVersion"], "kind": resource.kind}
        return [{**kind, **item} for item in listed["items"]]

    def path(self, resource: Resource, namespace: str = "", name: str = "", part: str = "") -> str:
        """The path of a resource, of an object or of its subresource."""
        version = self.catalogue[resource.qualified].api_version
        where = ["namespaces", namespace] if namespace else []
        parts = ["apis" if resource.group else "api", version, *where, resource.plural, name, part]
        return "/" + "/".join(filter(None, parts))

    def send(self, method: str, path: str, body: Obj | None = None) -> Obj:
        """One request and its answer; ApiError when it was refused, or got no answer."""
        response = self.open(method, path, body, preload_content=True)
        answer: Obj = json.loads(response.data)
        return answer

    def open(
        self, method: str, path: str, body: Obj | None = None, *, preload_content: bool = False
    ) -> Response:
        """One request; its answer is to be read and released by the caller."""
        import urllib3

        try:
            response = self._pool.request(
                method,
                self._url + path,
                body=None if body is None else json.dumps(body).encode(),
                headers={**self._pool.headers, "Content-Type": "application/json"},
                timeout=TIMEOUT,
                preload_content=preload_content,
            )
            if response.status < REFUSED:
                return response
            raw = response.data
        except urllib3.exceptions.HTTPError as error:
            raise failure(503, str(error), "ServiceUnavailable") from error
        raise _refusal(response.status, raw)


def _refusal(code: int, raw: bytes) -> ApiError:
    try:
        status = json.loads(raw)
    except ValueError:
        status = None
    if isinstance(status, dict) and status.get("kind") == "Status":
        return ApiError(code, status)
    return failure(code, raw.decode(errors="replace"))

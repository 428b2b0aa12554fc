"""A session over a caller's ``kubernetes.client.ApiClient``, which is configured and may be shared.

Of the client it takes the pool of connections, the host, the default headers and the token, which
its hook may renew; releases 36 and 37 have these alike, whereas their ``call_api`` differs.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubectl_virt_clone.kube.transport import Clock, Headers, Session
from kubectl_virt_clone.objects.resource import ConnectionFlags

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_OURS = ("accept", "content-type", "user-agent")

LOG = logging.getLogger("kubectl_virt_clone")


@dataclass(frozen=True)
class _Client:
    """What a session asks of credentials, by the client as it is now."""

    client: ApiClient
    expired: bool = False

    @property
    def pool(self) -> Any:
        return self.client.rest_client.pool_manager

    @property
    def headers(self) -> Headers:
        """The caller's default headers, such as those that impersonate, and the token's."""
        given = self.client.default_headers.items()
        headers = [(name, str(value)) for name, value in given if name.lower() not in _OURS]
        if self.client.cookie:
            headers.append(("Cookie", self.client.cookie))
        # Asking for the settings runs the hook that renews the token.
        settings = self.client.configuration.auth_settings().values()
        return headers + [(item["key"], item["value"]) for item in settings if item.get("value")]


class ClientSession(Session):
    """Requests over a caller's ``client``; ``namespace`` is that of objects that name none.

    The server's warnings go to the logger ``kubectl_virt_clone``. Sends nothing yet.
    """

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self.flags = ConnectionFlags()
        self.clock = Clock(time.monotonic, time.sleep)
        self.namespace = namespace
        self.server = client.configuration.host.rstrip("/")
        self._timeout = None
        self._log = None
        self._warn = LOG.warning
        self._warned = set()
        self._credentials: Any = _Client(client)

    def _renewed(self, refused: Any) -> Any:
        """The same: what may renew the token is asked at each request."""
        return refused

    def _headers(self, credentials: Any) -> Headers:
        headers: Headers = credentials.headers
        return headers

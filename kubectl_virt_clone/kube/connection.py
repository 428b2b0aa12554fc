"""Which cluster the user asked for, and as whom: kubectl's connection flags as one frozen value.

No file is read and no server is asked here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kubectl_virt_clone.objects.resource import Access

_CONFIG = (("kubeconfig", "--kubeconfig"), ("context", "--context"), ("cluster", "--cluster"))
_TLS = (
    ("certificate_authority", "--certificate-authority"),
    ("tls_server_name", "--tls-server-name"),
)
_USER = (
    ("user", "--user"),
    ("client_certificate", "--client-certificate"),
    ("client_key", "--client-key"),
    ("impersonate_user", "--as"),
    ("impersonate_uid", "--as-uid"),
)


@dataclass(frozen=True)
class ConnectionFlags:
    """kubectl's connection flags; an empty value means that the flag was not given.

    ``request_timeout`` is in seconds, 0 for no limit, None for our own. ``verbosity`` above 0 logs
    each request.
    """

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    user: str = ""
    namespace: str = ""
    server: str = ""
    token: str = ""
    certificate_authority: str = ""
    client_certificate: str = ""
    client_key: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    impersonate_user: str = ""
    impersonate_groups: tuple[str, ...] = ()
    impersonate_uid: str = ""
    request_timeout: float | None = None
    verbosity: int = 0

    @property
    def access(self) -> Access:
        """What a command line repeats to ask the same server as the same user, but for the token.

        A password in the server's address is a secret as well.
        """
        insecure = ("--insecure-skip-tls-verify",) if self.insecure_skip_tls_verify else ()
        server = ("-s", re.sub(r"^(\w+://)?[^/]*@", r"\1", self.server)) if self.server else ()
        groups = [word for group in self.impersonate_groups for word in ("--as-group", group)]
        return Access(
            (*self._given(_CONFIG), *server, *self._given(_TLS), *insecure),
            (*self._given(_USER), *groups),
            self.namespace,
        )

    def _given(self, flags: tuple[tuple[str, str], ...]) -> list[str]:
        given = [(flag, str(getattr(self, field))) for field, flag in flags]
        return [word for flag, value in given if value for word in (flag, value)]

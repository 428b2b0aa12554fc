"""Which cluster the user asked for, and as whom: kubectl's connection flags as one frozen value.

No file is read and no server is asked here; that is ``cluster/``'s work.
"""

from __future__ import annotations

from dataclasses import dataclass


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

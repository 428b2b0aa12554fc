"""Which cluster the user asked for, and as whom: kubectl's connection flags as one frozen value.

No file is read and no server is asked here; that is ``kube/``'s work.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

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
# The program of a command; what stands in quotes is a value. Compiled when it is first used.
_COMMAND = r"""'[^']*'|"[^"]*"|(?:^|(?<=: ))(?P<program>kubectl(?: virt-clone)?|virtctl)(?= )"""


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
    def words(self) -> tuple[str, ...]:
        """The flags that a command line repeats to ask the same server as the same user.

        All but the namespace, which belongs to what is asked for, and the token, a secret.
        """
        groups = [word for group in self.impersonate_groups for word in ("--as-group", group)]
        return (*self.of_server, *self._given(_USER), *groups)

    @property
    def of_server(self) -> tuple[str, ...]:
        """Those of them that choose the server."""
        insecure = ("--insecure-skip-tls-verify",) if self.insecure_skip_tls_verify else ()
        # A password in the server's address is a secret as well.
        server = ("-s", re.sub(r"^(\w+://)?[^/]*@", r"\1", self.server)) if self.server else ()
        return (*self._given(_CONFIG), *server, *self._given(_TLS), *insecure)

    def in_hint(self, hint: str, *, as_user: bool = True) -> str:
        """The hint, with these flags in each of its commands: they act on the same cluster.

        The namespace is in the hint already. What is for somebody with more rights is not done
        ``as_user``.
        """
        words = shlex.join(self.words if as_user else self.of_server)

        def completed(match: re.Match[str]) -> str:
            return f"{match.group()} {words}" if match["program"] else match.group()

        return re.sub(_COMMAND, completed, hint) if words else hint

    def _given(self, flags: tuple[tuple[str, str], ...]) -> list[str]:
        given = [(flag, str(getattr(self, field))) for field, flag in flags]
        return [word for flag, value in given if value for word in (flag, value)]


NO_FLAGS = ConnectionFlags()
"""Of a command that says nothing about its connection."""

"""The ways to reach a server and to be known there, each with what becomes of it.

Names in braces are those of ``kit.py``. Where kubectl is not asked the same, it is said why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.credentials.kit import V1, V1BETA1
from tests.credentials.servers import NAMED, Identity

EVERYBODY = "system:authenticated"
CARL = Identity("carl", ("dev", "ops", EVERYBODY))
TOM, BESS, PAT = (Identity(name) for name in ("tom", "bess", "pat"))
UNABLE = "Unable to connect to the server: "
LOGIN = "error: You must be logged in to the server (Unauthorized)\n"
X509 = f"{UNABLE}tls: failed to verify certificate: x509: "
REFUSED = "The connection to the server {} was refused - did you specify the right host or port?\n"
INSECURE = (
    "Warning: insecure-skip-tls-verify: whoever answers at {} is taken for the server and gets"
    " your credentials\n"
)
MISSING = (
    UNABLE + "getting credentials: exec: executable no-such-plugin not found\n\nIt looks like you"
    " are trying to use a client-go credential plugin that is not installed.\n\nTo learn more about"
    " this feature, consult the documentation available at:\n      https://kubernetes.io/docs/"
    "reference/access-authn-authz/authentication/#client-go-credential-plugins\n"
)
TOKEN = {"token": "{token}"}
CERTIFICATE = {"client-certificate": "{client_cert}", "client-key": "{client_key}"}


@dataclass(frozen=True)
class Case:
    """A user and a cluster of a kubeconfig, flags and environment; who is seen, or the error."""

    user: Mapping[str, Any]
    seen: Identity | None = None
    error: str = ""
    cluster: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    kubectl: str = ""
    """Why kubectl does otherwise; empty where it does the same."""


def plugin(*args: str, version: str = V1, **more: Any) -> dict[str, Any]:
    """A user with an exec plugin."""
    described = {"apiVersion": version, "command": "{plugin}", "args": list(args)}
    return {"exec": {**described, "interactiveMode": "Never", **more}}


def mistyped(place: str, found: str, wanted: str) -> str:
    """What is said of a value of another type than client-go's."""
    reason = f"{place} is of type {found}, not {wanted}"
    return f'error: error loading config file "{{folder}}/config": {reason}\n'


def fails(reason: str) -> str:
    return f"{UNABLE}getting credentials: {reason}\n"


CERTIFICATES = {
    "a client certificate in files": Case(CERTIFICATE, CARL),
    "a client certificate as data": Case(
        {"client-certificate-data": "{client_cert_data}", "client-key-data": "{client_key_data}"},
        CARL,
    ),
    "a client certificate of the flags": Case(
        {},
        CARL,
        flags=("--client-certificate={client_cert}", "--client-key={client_key}"),
    ),
    "a client certificate counts before a token": Case({**CERTIFICATE, **TOKEN}, CARL),
    "a client certificate without its key": Case(
        {"client-certificate": "{client_cert}"},
        error="error: client-key-data or client-key must be specified for u to use the clientCert"
        " authentication method.\n",
    ),
    "a client certificate that is not there": Case(
        {**CERTIFICATE, "client-certificate": "{folder}/none"},
        error="error: unable to read client-certificate {folder}/none: no such file or directory\n",
    ),
    "a client certificate that is no base64": Case(
        {"client-certificate-data": "%%", "client-key-data": "{client_key_data}"},
        error="error: client-certificate-data is not base64\n",
    ),
    **{
        f"a client certificate {what}": Case(
            {**CERTIFICATE, **pair},
            error="error: the client-certificate and client-key of the user are not PEM, or not a"
            " pair, or the key is encrypted\n",
        )
        for what, pair in {
            "that is no PEM": {"client-certificate": "{tokenfile}"},
            "with another's key": {"client-key": "{foreign_key}"},
            "with an encrypted key": {"client-key": "{locked_key}"},
        }.items()
    },
}
TOKENS = {
    "a token": Case(TOKEN, TOM),
    "a token of the flags counts before all others": Case(
        {"tokenFile": "{wrongfile}", **plugin("{gives_text}")},
        TOM,
        flags=("--token={token}",),
        kubectl="it prefers a token file to the flag",
    ),
    "a token file": Case({"tokenFile": "{tokenfile}"}, TOM),
    "a token file counts before a token": Case(
        {"token": "{wrong}", "tokenFile": "{tokenfile}"}, TOM
    ),
    "a wrong token": Case({"token": "{wrong}"}, error=LOGIN),
    "a token with letters of another alphabet": Case({"token": "日本"}, error=LOGIN),
    "a token with a line break": Case(
        {"token": "a\nb"}, error="error: a flag or the kubeconfig has a value that can't be sent\n"
    ),
    "a token beside a token file that is empty": Case({**TOKEN, "tokenFile": "{empty}"}, TOM),
    "a token beside a token file that is not there": Case(
        {**TOKEN, "tokenFile": "{folder}/none"}, TOM
    ),
    "a token that is no string": Case(
        {"token": 5}, error=mistyped("users.user.token", "number", "string")
    ),
    "an empty token file": Case({"tokenFile": "{empty}"}, error=LOGIN),
    "a token file that is not there": Case(
        {"tokenFile": "{folder}/none"},
        error="error: unable to read tokenFile {folder}/none: no such file or directory\n",
    ),
    "no credentials at all": Case({}, error=LOGIN),
    "a password": Case({"username": "basic-user", "password": "{password}"}, BESS),
    "a wrong password": Case({"username": "basic-user", "password": "{wrong}"}, error=LOGIN),
    "a password in the server's address": Case(
        {},
        BESS,
        cluster={"server": "https://basic-user:{password}@127.0.0.1:{port}"},
        kubectl="it asks for another user name",
    ),
    "a password beside the token of the flags": Case(
        {"username": "basic-user", "password": "{password}"},
        error="error: more than one authentication method found for u; found [token basicAuth],"
        " only one is allowed\n",
        flags=("--token={token}",),
    ),
    "a password beside a token": Case(
        {**TOKEN, "username": "basic-user", "password": "{password}"},
        error="error: more than one authentication method found for u; found [token basicAuth],"
        " only one is allowed\n",
    ),
    "an identity provider's token": Case(
        {
            "auth-provider": {
                "name": "oidc",
                "config": {
                    "id-token": "{id_token}",
                    "client-id": "virt",
                    "idp-issuer-url": "https://issuer.invalid",
                },
            }
        },
        Identity("olga"),
    ),
    "an identity provider that client-go no longer knows": Case(
        {"auth-provider": {"name": "gcp"}},
        error='error: no Auth Provider found for name "gcp"\n',
    ),
    "an identity provider whose token has ended": Case(
        {"auth-provider": {"name": "oidc", "config": {"id-token": "{wrong}"}}},
        error="error: the ID token of the user's auth-provider has expired, and its provider gives"
        " no other: log in again as you did the first time\n",
    ),
}
PLUGINS = {
    "a plugin of v1": Case(plugin("{gives_token}"), PAT),
    "a plugin of v1beta1": Case(plugin("{gives_beta}", version=V1BETA1), PAT),
    "a plugin of v1beta1 need not say whether it asks": Case(
        plugin("{gives_beta}", version=V1BETA1, interactiveMode=None), PAT
    ),
    "a plugin that gives a certificate": Case(
        plugin("{gives_cert}"), Identity("carl", ("dev", EVERYBODY))
    ),
    "a plugin that would ask if it could": Case(
        plugin("{gives_token}", interactiveMode="IfAvailable"), PAT
    ),
    "a plugin that must ask, without a terminal": Case(
        plugin("{gives_token}", interactiveMode="Always"),
        error=fails(
            "exec plugin cannot support interactive mode: standard input is not a terminal"
        ),
    ),
    "a plugin beside a token is not run": Case({**TOKEN, **plugin("{gives_text}")}, TOM),
    "a plugin beside a certificate is not run": Case(
        {**CERTIFICATE, **plugin("{gives_text}")}, CARL
    ),
    "a plugin beside a token file is not run": Case(
        {"tokenFile": "{tokenfile}", **plugin("{gives_text}")}, TOM
    ),
    "a plugin beside a password is not run": Case(
        {"username": "basic-user", "password": "{password}", **plugin("{gives_text}")}, BESS
    ),
    "a plugin beside the token of the flags is not run": Case(
        plugin("{gives_text}"), TOM, flags=("--token={token}",)
    ),
    "a plugin beside the kubeconfig": Case(plugin("{gives_token}", command="./plugin"), PAT),
    "a plugin on the PATH": Case(
        plugin("{gives_token}", command="plugin"), PAT, environ={"PATH": "{folder}:/usr/bin:/bin"}
    ),
    "a plugin in the working directory is not on the PATH": Case(
        plugin("{gives_token}", command="no-such-plugin"),
        error=MISSING,
        environ={"PATH": ".:/usr/bin:/bin"},
    ),
    "a slow plugin": Case(plugin("{gives_token}", "0", "0.3"), PAT),
    "a plugin that fails": Case(
        plugin("{gives_token}", "3"),
        error=fails("exec: executable {plugin} failed with exit code 3"),
    ),
    "a plugin that is not installed": Case(plugin(command="no-such-plugin"), error=MISSING),
    "a plugin that is not installed, with a hint": Case(
        plugin(command="no-such-plugin", installHint="try: brew install it"),
        error=f"{MISSING}\ntry: brew install it\n",
    ),
    "a plugin that is no program": Case(
        plugin(command="{broken}"), error=fails("exec: {broken}: exec format error")
    ),
    "a plugin with an argument that no program can get": Case(
        plugin("a\0b"), error=fails("exec: {plugin}: its arguments can't be passed on")
    ),
    "a plugin with an argument that is null": Case(plugin("{gives_token}", None), PAT),
    "a plugin with a field that client-go does not know": Case(
        plugin("{gives_token}", colour=["red"]), PAT
    ),
    **{
        f"a plugin whose {place} is of another type": Case(
            plugin(**more), error=mistyped(f"users.user.exec.{place}", *types)
        )
        for place, types, more in (
            ("args", ("object", "string"), {"args": [{"a": "b"}]}),
            ("args", ("object", "array"), {"args": {"a": "b"}}),
            ("command", ("number", "string"), {"command": 5}),
            ("env.value", ("number", "string"), {"env": [{"name": "A", "value": 5}]}),
            ("installHint", ("array", "string"), {"installHint": []}),
            ("provideClusterInfo", ("string", "bool"), {"provideClusterInfo": "true"}),
        )
    },
    "a plugin without anything": Case(
        {**TOKEN, "exec": {}},
        error="error: command must be specified for u to use exec authentication plugin\n",
    ),
    "a plugin that prints no JSON": Case(
        plugin("{gives_text}"), error=fails("exec plugin: its output is not JSON")
    ),
    **{
        f"a plugin that prints {what}": Case(
            plugin(file),
            error=fails(
                f"exec plugin is configured to use API version {V1}, and printed something else"
            ),
        )
        for what, file in {
            "a list": "{gives_list}",
            "another version": "{gives_beta}",
        }.items()
    },
    "a plugin that prints no status": Case(
        plugin("{gives_nothing}"), error=fails("exec plugin didn't return a status field")
    ),
    "a plugin that prints no credential": Case(
        plugin("{gives_empty}"),
        error=fails("exec plugin didn't return a token or cert/key pair"),
    ),
    "a plugin that prints a key without certificate": Case(
        plugin("{gives_half}"),
        error=fails("exec plugin returned only certificate or key, not both"),
    ),
    "a plugin of an unknown version": Case(
        plugin(version="client.authentication.k8s.io/v1alpha1"),
        error='error: exec plugin: invalid apiVersion "client.authentication.k8s.io/v1alpha1"\n',
    ),
    "a plugin with an unknown mode": Case(
        plugin(interactiveMode="Sometimes"),
        error='error: invalid interactiveMode for u: "Sometimes"\n',
    ),
    **{
        f"a plugin without {key}": Case(
            plugin(**{key: None}),
            error=f"error: {key} must be specified for u to use exec authentication plugin\n",
        )
        for key in ("command", "apiVersion", "interactiveMode")
    },
    "a plugin with a variable without a name": Case(
        plugin(env=[{"name": "", "value": "x"}]),
        error="error: env variable name must be specified for u to use exec authentication"
        " plugin\n",
    ),
}
JANE = Identity("jane", (EVERYBODY,))
TEAM = Identity("jane", ("dev", "ops", EVERYBODY), "7", (("reason ö/x", ("audit", "test")),))
IMPERSONATION = {
    "--as": Case(TOKEN, JANE, flags=("--as=jane",)),
    "--as with several --as-group and --as-uid": Case(
        TOKEN,
        Identity("jane", ("dev", "ops", EVERYBODY), "7"),
        flags=("--as=jane", "--as-group=dev", "--as-group=ops", "--as-uid=7"),
    ),
    "--as with a name of another alphabet": Case(
        TOKEN, Identity("jörg", (EVERYBODY,)), flags=("--as=jörg",)
    ),
    "the kubeconfig's as, groups, uid and extra": Case(
        {
            **TOKEN,
            "as": "jane",
            "as-groups": ["dev", "ops"],
            "as-uid": "7",
            "as-user-extra": {"Reason ö/x": ["audit", "test"]},
        },
        TEAM,
    ),
    "groups and values that are null are empty": Case(
        {**TOKEN, "as": "jane", "as-groups": ["dev", None], "as-user-extra": {"a": ["b", None]}},
        Identity("jane", ("dev", "", EVERYBODY), "", (("a", ("b", "")),)),
    ),
    "extra without values": Case({**TOKEN, "as": "jane", "as-user-extra": {"a": None}}, JANE),
    "a group that is no string": Case(
        {**TOKEN, "as": "jane", "as-groups": ["dev", 5]},
        error=mistyped("users.user.as-groups", "number", "string"),
    ),
    "groups that are no list": Case(
        {**TOKEN, "as": "jane", "as-groups": "dev"},
        error=mistyped("users.user.as-groups", "string", "array"),
    ),
    "a flag replaces its part of the kubeconfig's": Case(
        {**TOKEN, "as": "nobody", "as-groups": ["dev"]},
        Identity("jane", ("dev", EVERYBODY)),
        flags=("--as=jane",),
    ),
    "a group without a user": Case(
        TOKEN,
        error="error: requesting uid, groups or user-extra for u without impersonating a user\n",
        flags=("--as-group=dev",),
    ),
    "--as with a certificate": Case(CERTIFICATE, JANE, flags=("--as=jane",)),
}
TLS = {
    "the CA as data": Case(
        TOKEN,
        TOM,
        cluster={"certificate-authority": None, "certificate-authority-data": "{ca_data}"},
    ),
    "the CA of the flags": Case(
        TOKEN,
        TOM,
        cluster={"certificate-authority": "{stranger}"},
        flags=("--certificate-authority={ca}",),
    ),
    "the CA among several, with a comment": Case(
        TOKEN, TOM, cluster={"certificate-authority": "{bundle}"}
    ),
    "another CA": Case(
        TOKEN,
        error=f"{X509}certificate signed by unknown authority\n",
        cluster={"server": "{unknown}"},
    ),
    "no CA": Case(
        TOKEN,
        error=f"{X509}certificate signed by unknown authority\n",
        cluster={"certificate-authority": None},
    ),
    "a CA that is no PEM": Case(
        TOKEN,
        error="error: the certificate-authority of the cluster is not PEM\n",
        cluster={"certificate-authority": "{tokenfile}"},
    ),
    "a CA that is no base64": Case(
        TOKEN,
        error="error: certificate-authority-data is not base64\n",
        cluster={"certificate-authority": None, "certificate-authority-data": "%%"},
    ),
    "an expired certificate": Case(
        TOKEN,
        error=f"{X509}certificate has expired or is not yet valid\n",
        cluster={"server": "{expired}"},
    ),
    "another host's certificate": Case(
        TOKEN,
        error=f"{X509}IP address mismatch, certificate is not valid for '127.0.0.1'.\n",
        cluster={"server": "{misnamed}"},
    ),
    "the name that the certificate has": Case(TOKEN, TOM, cluster={"tls-server-name": "localhost"}),
    "the name of the flags": Case(TOKEN, TOM, flags=("--tls-server-name=localhost",)),
    "a name that the certificate does not have": Case(
        TOKEN,
        error=f"{X509}Hostname mismatch, certificate is not valid for 'inner.invalid'.\n",
        flags=("--tls-server-name=inner.invalid",),
    ),
    "no check by the flag": Case(
        TOKEN,
        TOM,
        error=INSECURE.format("{url}"),
        cluster={"certificate-authority": "{stranger}"},
        flags=("--insecure-skip-tls-verify",),
    ),
    "no check by the kubeconfig": Case(
        TOKEN,
        TOM,
        error=INSECURE.format("{url}"),
        cluster={"certificate-authority": None, "insecure-skip-tls-verify": True},
    ),
    "a CA and no check at once": Case(
        TOKEN,
        error="error: specifying a root certificates file with the insecure flag is not allowed\n",
        cluster={"insecure-skip-tls-verify": True},
    ),
}
PROXY = {"server": f"https://{NAMED}", "tls-server-name": None}
BEHIND = "http://127.0.0.1:{proxy}"
UNRESOLVED = f"{UNABLE}dial tcp: lookup {NAMED}: no such host\n"
PROXIES = {
    "proxy-url": Case(TOKEN, TOM, cluster={**PROXY, "proxy-url": BEHIND}),
    "proxy-url of a server on this machine": Case(TOKEN, TOM, cluster={"proxy-url": BEHIND}),
    "proxy-url with a password": Case(
        TOKEN,
        TOM,
        cluster={**PROXY, "proxy-url": "http://proxy-user:{proxy_password}@127.0.0.1:{gate}"},
    ),
    "proxy-url with a wrong password": Case(
        TOKEN,
        error=f"{UNABLE}the proxy: Tunnel connection failed: 407 Proxy Authentication Required\n",
        cluster={**PROXY, "proxy-url": "http://proxy-user:{wrong}@127.0.0.1:{gate}"},
    ),
    "proxy-url over TLS": Case(
        TOKEN, TOM, cluster={**PROXY, "proxy-url": "https://127.0.0.1:{tls_proxy}"}
    ),
    "proxy-url that nobody answers": Case(
        TOKEN,
        error=f"{UNABLE}the proxy: connection refused\n",
        cluster={**PROXY, "proxy-url": "http://proxy-user:{wrong}@127.0.0.1:{closed}"},
    ),
    "proxy-url of SOCKS5": Case(
        TOKEN, TOM, cluster={**PROXY, "proxy-url": "socks5://127.0.0.1:{socks}"}
    ),
    "proxy-url of SOCKS5, to an address": Case(
        TOKEN, TOM, cluster={"proxy-url": "socks5://127.0.0.1:{socks}"}
    ),
    "proxy-url of SOCKS5 with a password": Case(
        TOKEN,
        TOM,
        cluster={
            **PROXY,
            "proxy-url": "socks5://proxy-user:{proxy_password}@127.0.0.1:{socks_gate}",
        },
    ),
    "proxy-url of SOCKS5 with a wrong password": Case(
        TOKEN,
        error=f"{UNABLE}the proxy: SOCKS5 authentication failed\n",
        cluster={**PROXY, "proxy-url": "socks5://proxy-user:{wrong}@127.0.0.1:{socks_gate}"},
    ),
    "proxy-url of SOCKS5 without a password": Case(
        TOKEN,
        error=f"{UNABLE}the proxy: All offered SOCKS5 authentication methods were rejected\n",
        cluster={**PROXY, "proxy-url": "socks5://127.0.0.1:{socks_gate}"},
    ),
    "proxy-url of SOCKS5 that can't reach the server": Case(
        TOKEN,
        error=f"{UNABLE}the proxy: 0x05: Connection refused\n",
        cluster={"server": "https://refused.invalid", "proxy-url": "socks5://127.0.0.1:{socks}"},
    ),
    "proxy-url of SOCKS5 that nobody answers": Case(
        TOKEN,
        error=f"{UNABLE}the proxy: connection refused\n",
        cluster={**PROXY, "proxy-url": "socks5://proxy-user:{wrong}@127.0.0.1:{closed}"},
    ),
    "proxy-url of SOCKS5 that is something else": Case(
        TOKEN,
        error=f"{UNABLE}the proxy: SOCKS5 proxy server sent invalid data\n",
        cluster={**PROXY, "proxy-url": "socks5://127.0.0.1:{elsewhere}"},
    ),
    "proxy-url of SOCKS5 that hangs up": Case(
        TOKEN,
        error=f"{UNABLE}the proxy: Connection closed unexpectedly\n",
        cluster={**PROXY, "proxy-url": "socks5://127.0.0.1:{rude}"},
    ),
    "proxy-url of SOCKS5 that is silent": Case(
        TOKEN,
        error=f"{UNABLE}the server did not answer in time\n",
        cluster={**PROXY, "proxy-url": "socks5://127.0.0.1:{silent}"},
        flags=("--request-timeout=200ms",),
    ),
    "HTTPS_PROXY of SOCKS5": Case(
        TOKEN, TOM, cluster=PROXY, environ={"HTTPS_PROXY": "socks5://127.0.0.1:{socks}"}
    ),
    **{
        f"proxy-url {what}": Case(
            TOKEN,
            error="error: invalid 'proxy-url' of the cluster: it must begin with http://, https://"
            " or socks5://\n",
            cluster={"proxy-url": url},
        )
        for what, url in {
            "of another scheme": "ftp://proxy-user:{wrong}@127.0.0.1:1",
            "without a scheme": "127.0.0.1:1",
            "that is none": "http://proxy-user:{wrong}@[:1",
        }.items()
    },
    "HTTPS_PROXY": Case(TOKEN, TOM, cluster=PROXY, environ={"HTTPS_PROXY": BEHIND}),
    "https_proxy without a scheme": Case(
        TOKEN, TOM, cluster=PROXY, environ={"https_proxy": "127.0.0.1:{proxy}"}
    ),
    "HTTPS_PROXY with a password": Case(
        TOKEN,
        TOM,
        cluster=PROXY,
        environ={"HTTPS_PROXY": "http://proxy-user:{proxy_password}@127.0.0.1:{gate}"},
    ),
    "proxy-url counts before HTTPS_PROXY": Case(
        TOKEN,
        TOM,
        cluster={**PROXY, "proxy-url": BEHIND},
        environ={"HTTPS_PROXY": "http://127.0.0.1:{closed}"},
    ),
    "HTTPS_PROXY is not asked for this machine": Case(
        TOKEN, TOM, environ={"HTTPS_PROXY": "http://127.0.0.1:{closed}"}
    ),
    **{
        f"{name}={value}": Case(
            TOKEN,
            error=UNRESOLVED,
            cluster=PROXY,
            environ={"HTTPS_PROXY": BEHIND, name: value},
        )
        for name, value in (("NO_PROXY", "a.example, .invalid"), ("no_proxy", NAMED))
    },
    "NO_PROXY of another host": Case(
        TOKEN, TOM, cluster=PROXY, environ={"HTTPS_PROXY": BEHIND, "NO_PROXY": "r.invalid"}
    ),
}
PLAIN = {"server": "http://127.0.0.1:{plain}"}
SERVERS = {
    "http never carries a token": Case(TOKEN, error=LOGIN, cluster=PLAIN),
    "http never carries what a plugin gives": Case(
        plugin("{gives_token}"), error=LOGIN, cluster=PLAIN
    ),
    "http carries a password in the server's address": Case(
        {},
        BESS,
        cluster={"server": "http://basic-user:{password}@127.0.0.1:{plain}"},
        kubectl="it asks for another user name",
    ),
    "http where nothing speaks of TLS": Case(
        TOKEN,
        error=LOGIN,
        cluster={"server": "127.0.0.1:{plain}", "certificate-authority": None},
    ),
    "https where a CA speaks of TLS": Case(
        TOKEN, TOM, cluster={"server": "127.0.0.1:{port}"}, kubectl="it asks by http"
    ),
    "a server of the flags": Case(
        TOKEN, TOM, cluster={"server": "https://127.0.0.1:1"}, flags=("--server={url}",)
    ),
    "a server that nobody answers": Case(
        TOKEN,
        error=REFUSED.format("127.0.0.1:{closed}"),
        cluster={"server": "https://basic-user:{password}@127.0.0.1:{closed}"},
    ),
    "a server that hangs up": Case(
        TOKEN,
        error=f"{UNABLE}EOF\n",
        cluster={"server": "http://127.0.0.1:{rude}"},
        kubectl="it tries again for five seconds, and then says the same",
    ),
    "a server that is silent": Case(
        TOKEN,
        error=f"{UNABLE}the server did not answer in time\n",
        cluster={"server": "http://127.0.0.1:{silent}"},
        flags=("--request-timeout=200ms",),
    ),
    "a server that is silent to TLS": Case(
        TOKEN,
        error=f"{UNABLE}the server did not answer in time\n",
        cluster={"server": "https://127.0.0.1:{silent}"},
        flags=("--request-timeout=200ms",),
    ),
    "a server that speaks no TLS": Case(
        TOKEN,
        error=f"{UNABLE}http: server gave HTTP response to HTTPS client\n",
        cluster={"server": "https://127.0.0.1:{elsewhere}"},
    ),
    **{
        f"a server {what}": Case(
            TOKEN,
            error="error: the server must be a URL or host:port, such as"
            " https://cluster.example:6443\n",
            cluster={"server": url},
        )
        for what, url in {
            "that is no URL": "https://basic-user:{wrong}@[::1",
            "whose port is no number": "https://basic-user:{wrong}@127.0.0.1:port",
            "of another scheme": "ftp://basic-user:{wrong}@127.0.0.1",
        }.items()
    },
}
CASES = {**CERTIFICATES, **TOKENS, **PLUGINS, **IMPERSONATION, **TLS, **PROXIES, **SERVERS}

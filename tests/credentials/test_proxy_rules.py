"""Which servers are reached through the proxy of the environment.

Go's httpproxy package says; each row is what kubectl 1.32 did.
"""

from __future__ import annotations

import pytest

from kubectl_virt_clone.errors import ConfigError, ConnectionFailed
from kubectl_virt_clone.kube.proxies import proxy_of

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("server", "excepted", "proxied"),
    [
        ("https://a.example", "", True),
        ("https://a.example", "*", False),
        ("https://a.example", "a.example", False),
        ("https://A.Example", "a.eXample", False),
        ("https://b.a.example", "a.example", False),
        ("https://ba.example", "a.example", True),
        ("https://a.example", ".a.example", True),
        ("https://b.a.example", ".a.example", False),
        ("https://b.a.example", "*.a.example", False),
        ("https://a.example", "*.a.example", True),
        ("https://a.example", "x, a.example ,y", False),
        ("https://a.example", "a.example:443", False),
        ("https://a.example:6443", "a.example:443", True),
        ("https://a.example:6443", "a.example:6443", False),
        ("https://10.1.2.3:6443", "10.1.2.3", False),
        ("https://10.1.2.3:6443", "10.1.2.3:6443", False),
        ("https://10.1.2.3:6443", "10.1.2.3:443", True),
        ("https://10.1.2.3", "10.1.0.0/16", False),
        ("https://10.2.2.3", "10.1.0.0/16", True),
        ("https://10.1.2.3", "*", False),
        ("https://10.1.2.3", "a.example:443", True),
        ("https://[fd00::1]", "fd00::/8", False),
        ("https://[fd00::1]", "[fd00::1]:443", False),
        ("https://a.example", "10.0.0.0/8,:,a.example:x", True),
        ("https://localhost:6443", "", False),
        ("https://127.0.0.5", "", False),
        ("https://[::1]", "", False),
        ("https://[::ffff:127.0.0.1]", "", False),
        ("https://0.0.0.0", "", True),
        ("https://LOCALHOST", "", True),
        ("https://localhost.", "", True),
        ("https://x.localhost", "", True),
        ("https://x.localhost", "localhost", False),
        # A network is written with the number of its bits.
        ("https://10.1.2.3", "10.1.9.9/16", False),
        ("https://10.1.2.3", "10.1.0.0/016", False),
        ("https://10.1.2.3", "0.0.0.0/0", False),
        ("https://10.1.2.3", "10.1.0.0/255.255.0.0", True),
        ("https://10.1.2.3", "10.1.0.0/0.0.255.255", True),
        ("https://10.1.2.3", "10.1.0.0/33", True),
        ("https://10.1.2.3", "10.1.0.0/16:443", True),
        ("https://10.1.2.3", "010.1.0.0/16", True),
        ("https://10.1.2.3", "10.1.2.1-10.1.2.9", True),
        ("https://10.1.2.3", "10.1.2.*", True),
        ("https://10.1.2.3", ".2.3", True),
        # Addresses are compared as such; 1.2.3.4 is ::ffff:1.2.3.4, but in no network above it.
        ("https://10.1.2.3", "::ffff:10.1.2.3", False),
        ("https://10.1.2.3", "[::ffff:10.1.2.3]:443", False),
        ("https://10.1.2.3", "::ffff:10.1.0.0/112", False),
        ("https://10.1.2.3", "::ffff:10.2.0.0/112", True),
        ("https://10.1.2.3", "::/0", True),
        ("https://[::ffff:10.1.2.3]", "10.1.0.0/16", False),
        ("https://[::ffff:10.1.2.3]", "::/0", True),
        ("https://[fd00::1]", "FD00:0::1", False),
        ("https://[fd00::1]", "[fd00::1]", True),
        ("https://[fd00::1]", "[fd00::1]:444", True),
        ("https://[fd00::1]", "[fd00::9]/64", True),
        ("https://[fd00::1]", "fd00::%lo/64", True),
        ("https://[fe80::1%25lo]", "fe80::1", False),
        ("https://[fe80::1%25lo]", "fe80::/10", False),
        ("https://[fe80::1%25lo]", "fe80::1%lo", True),
        ("https://[fe80::1%25lo.a.example]", ".a.example", True),
        ("https://010.1.2.3", "010.1.2.3", False),
        # Ports are compared as text; an empty one is any.
        ("https://10.1.2.3", "10.1.2.3:", False),
        ("https://[fd00::1]", "[fd00::1]:", False),
        ("https://10.1.2.3", "10.1.2.3:0443", True),
        ("https://a.example", "a.example:", False),
        ("https://a.example", "a.example:0443", True),
        ("https://a.example", "a.example:443:1", True),
        ("https://a.example", ":443", True),
        ("http://a.example", "a.example:80", False),
        ("https://me:too@a.example", "a.example:443", False),
        # Names are compared as text.
        ("https://a.example", "[a.example]:443", False),
        ("https://a.example", "[a.example]", True),
        ("https://a.example", "*.example", False),
        ("https://a.example", "*example", True),
        ("https://b.a.example", "*.*.example", True),
        ("https://a.example", "x,*,y", False),
        ("https://a.example", "**", True),
        ("https://a.example", "a.example/,a.example#x,a.example?x,me@a.example", True),
        ("https://a.example", "a.example.", True),
        ("https://a.example.", "a.example", True),
        ("https://a.example.", "a.example.", False),
        ("https://a.example.", ".", False),
        ("https://bücher.example", "xn--bcher-kva.example", False),
        ("https://xn--bcher-kva.example", "bücher.example", False),
        ("https://x.bücher.example", ".BÜCHER.example", False),
        (f"https://{70 * 'ü'}.example", f"{70 * 'ü'}.example", False),
    ],
)
def test_a_server_is_reached_through_the_proxy_or_not(
    server: str, excepted: str, proxied: bool
) -> None:
    environ = {"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY, "NO_PROXY": excepted}

    assert proxy_of(server, "", environ) == (PROXY if proxied else "")


@pytest.mark.parametrize(
    ("server", "environ", "proxy"),
    [
        ("https://a.example", {"https_proxy": PROXY}, PROXY),
        ("https://a.example", {"HTTPS_PROXY": PROXY, "https_proxy": "http://other"}, PROXY),
        ("https://a.example", {"HTTPS_PROXY": PROXY, "no_proxy": "a.example"}, ""),
        ("https://a.example", {"HTTPS_PROXY": "proxy.example:3128"}, PROXY),
        ("https://a.example", {"HTTP_PROXY": PROXY, "ALL_PROXY": PROXY}, ""),
        ("http://a.example", {"HTTP_PROXY": PROXY}, PROXY),
        ("http://a.example", {"HTTPS_PROXY": PROXY}, ""),
        ("http://a.example", {"REQUEST_METHOD": "GET"}, ""),
        ("https://a.example", {"HTTPS_PROXY": PROXY, "REQUEST_METHOD": "GET"}, PROXY),
    ],
)
def test_the_variable_of_the_servers_scheme_counts(
    server: str, environ: dict[str, str], proxy: str
) -> None:
    assert proxy_of(server, "", environ) == proxy


def test_a_cgi_program_does_not_trust_what_its_client_may_have_sent() -> None:
    environ = {"HTTP_PROXY": PROXY, "NO_PROXY": "*", "REQUEST_METHOD": "GET"}

    with pytest.raises(ConnectionFailed) as refusal:
        proxy_of("http://a.example", "", environ)

    assert str(refusal.value) == (
        "Unable to connect to the server: refusing to use HTTP_PROXY value in CGI environment; see"
        " golang.org/s/cgihttpproxy"
    )


@pytest.mark.parametrize("url", ["http://secret@[:1", "http://secret@:", "secret:x"])
def test_a_variable_that_is_no_url_is_named_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        proxy_of("https://a.example", "", {"HTTPS_PROXY": url})

    assert str(refusal.value) == "error: HTTPS_PROXY of the environment is not the URL of a proxy"

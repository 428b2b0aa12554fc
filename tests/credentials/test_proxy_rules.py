"""Which servers are reached through the proxy of the environment: Go's httpproxy package says."""

from __future__ import annotations

import pytest

from kubectl_virt_clone.cluster.proxies import proxy_of
from kubectl_virt_clone.errors import ConfigError

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
    ],
)
def test_a_server_is_reached_through_the_proxy_or_not(
    server: str, excepted: str, proxied: bool
) -> None:
    environ = {"HTTPS_PROXY": PROXY, "NO_PROXY": excepted}

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
        ("http://a.example", {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, ""),
    ],
)
def test_the_variable_of_the_servers_scheme_counts(
    server: str, environ: dict[str, str], proxy: str
) -> None:
    assert proxy_of(server, "", environ) == proxy


@pytest.mark.parametrize("url", ["http://secret@[:1", "http://secret@:", "secret:x"])
def test_a_variable_that_is_no_url_is_named_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        proxy_of("https://a.example", "", {"HTTPS_PROXY": url})

    assert str(refusal.value) == "error: HTTPS_PROXY of the environment is no URL of a proxy"

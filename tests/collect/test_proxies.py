from __future__ import annotations

import pytest

from newsletter.collect.proxies import choose_proxy, is_proxy, read_proxies

PROXY = "http://proxy.example.org:3128"


@pytest.mark.parametrize(
    ("environ", "url", "chosen"),
    [
        ({}, "https://papers.example.org/", ""),
        ({"HTTPS_PROXY": PROXY}, "https://papers.example.org/", PROXY),
        ({"HTTPS_PROXY": PROXY}, "http://papers.example.org/", ""),
        ({"HTTP_PROXY": PROXY}, "http://papers.example.org/", PROXY),
        ({"http_proxy": PROXY, "HTTP_PROXY": "http://other"}, "http://papers.example.org/", PROXY),
        ({"https_proxy": "proxy.example.org:3128"}, "https://papers.example.org/", PROXY),
        ({"HTTPS_PROXY": " "}, "https://papers.example.org/", ""),
        ({"ALL_PROXY": PROXY}, "https://papers.example.org/", ""),
    ],
)
def test_the_environment_names_the_proxy_of_each_scheme(
    environ: dict[str, str], url: str, chosen: str
) -> None:
    assert choose_proxy(url, "", read_proxies(environ)) == chosen


@pytest.mark.parametrize(
    ("no_proxy", "url", "is_exempt"),
    [
        ("*", "https://papers.example.org/", True),
        ("papers.example.org", "https://papers.example.org/feed", True),
        ("papers.example.org", "https://papers.example.org./feed", True),
        ("example.org", "https://papers.example.org/", True),
        (".example.org", "https://papers.example.org/", True),
        ("*.example.org", "https://papers.example.org/", True),
        ("Example.ORG", "https://papers.example.org/", True),
        ("ample.org", "https://papers.example.org/", False),
        ("papers.example.org:443", "https://papers.example.org/", True),
        ("papers.example.org:8443", "https://papers.example.org/", False),
        ("papers.example.org:8443", "https://papers.example.org:8443/", True),
        ("localhost, 127.0.0.1,example.net", "https://example.net/", True),
        ("localhost example.net", "https://example.net/", True),
        ("127.0.0.1", "http://127.0.0.1:8000/", True),
        ("127.0.0.1:9", "http://127.0.0.1:8000/", False),
        ("10.0.0.0/8", "https://10.1.2.3/", True),
        ("10.0.0.0/8", "https://11.1.2.3/", False),
        ("10.0.0.0/8", "https://papers.example.org/", False),
        ("::1", "http://[::1]:8000/", True),
        ("[::1]:8000", "http://[::1]:8000/", True),
        ("[::1]:9", "http://[::1]:8000/", False),
        ("fd00::/8", "http://[fd12::1]/", True),
        ("", "https://papers.example.org/", False),
        (",,", "https://papers.example.org/", False),
    ],
)
def test_hosts_of_no_proxy_are_asked_directly(no_proxy: str, url: str, is_exempt: bool) -> None:
    environment = read_proxies({"HTTP_PROXY": PROXY, "HTTPS_PROXY": PROXY, "no_proxy": no_proxy})

    assert choose_proxy(url, "", environment) == ("" if is_exempt else PROXY)
    assert choose_proxy(url, "https://own.example.net", environment) == "https://own.example.net"


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("http://proxy.example.org:3128", True),
        ("https://proxy.example.org/", True),
        ("http://ada:secret@[fd00::1]:3128", True),
        ("proxy.example.org:3128", False),
        ("socks5://proxy.example.org", False),
        ("http://proxy.example.org:99999", False),
        ("http://proxy.example.org:0", False),
        ("http://proxy.example.org/path", False),
        ("http://proxy.example.org?x=1", False),
        ("http://", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_proxy_is_a_host_with_a_scheme_that_we_speak(url: str, is_one: bool) -> None:
    assert is_proxy(url) is is_one


def test_what_the_environment_says_is_not_shown() -> None:
    assert "geheim" not in repr(read_proxies({"https_proxy": "http://ada:geheim@proxy.example.org"}))

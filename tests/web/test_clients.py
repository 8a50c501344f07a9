"""Who asks: what proxies write, and who counts as one."""

from __future__ import annotations

import ipaddress

import pytest

from newsletter.web.clients import IpAddress, choose_client, networks_of, shorten_client
from newsletter.web.security import normalise_host


def is_proxy(address: IpAddress) -> bool:
    return address in (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("10.0.0.2"))


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (["203.0.113.5"], "203.0.113.5"),
        (["203.0.113.5:4711"], "203.0.113.5"),
        (["198.51.100.1, 203.0.113.5:443"], "203.0.113.5"),
        (["198.51.100.1:1,203.0.113.5:2"], "203.0.113.5"),
        (["198.51.100.1", "203.0.113.5:65535"], "203.0.113.5"),
        (["2001:db8::1"], "2001:db8::1"),
        (["[2001:db8::1]"], "2001:db8::1"),
        (["[2001:db8::1]:443"], "2001:db8::1"),
        (['"[2001:db8::1]:443"'], "2001:db8::1"),
        (['"203.0.113.5"'], "203.0.113.5"),
        (["2001:DB8:0:0::1"], "2001:db8::1"),
        (["::ffff:203.0.113.5"], "203.0.113.5"),
        (["[::ffff:203.0.113.5]:80"], "203.0.113.5"),
        (["[fe80::1%eth0]:80"], "fe80::1"),
        (["  203.0.113.5  "], "203.0.113.5"),
        (["203.0.113.5, "], "203.0.113.5"),
        (["198.51.100.9, 203.0.113.5, 10.0.0.2"], "203.0.113.5"),
        (["198.51.100.9, 203.0.113.5:1, 10.0.0.2:9"], "203.0.113.5"),
        (["10.0.0.2"], "10.0.0.2"),
        (["unknown"], ""),
        (["_hidden"], ""),
        (["203.0.113.5, unknown"], ""),
        (["203.0.113.999"], ""),
        (["203.0.113.5:port"], ""),
        (["x" * 5000], ""),
        (["1:2"], ""),
        ([""], "127.0.0.1"),
        ([], "127.0.0.1"),
    ],
)
def test_client_is_what_the_last_proxy_that_we_trust_saw(forwarded: list[str], client: str) -> None:
    assert choose_client("127.0.0.1", forwarded, is_proxy) == client
    assert choose_client("::ffff:127.0.0.1", forwarded, is_proxy) == client


@pytest.mark.parametrize("peer", ["192.0.2.9", "2001:db8::9", "testclient", ""])
def test_nobody_else_is_believed(peer: str) -> None:
    assert choose_client(peer, ["203.0.113.5"], is_proxy) == peer


@pytest.mark.parametrize(
    ("client", "counted"),
    [
        ("203.0.113.77", ("203.0.113.77", "203.0.113.77", "203.0.0.0/16")),
        ("203.0.113.77:80", ("203.0.113.77", "203.0.113.77", "203.0.0.0/16")),
        ("::ffff:203.0.113.77", ("203.0.113.77", "203.0.113.77", "203.0.0.0/16")),
        ("::ffff:cb00:714d", ("203.0.113.77", "203.0.113.77", "203.0.0.0/16")),
        ("2001:db8:1:2:3::4", ("2001:db8:1:2::/64", "2001:db8:1::/48", "2001:db8::/32")),
        ("2001:db8:1:2:ffff::9", ("2001:db8:1:2::/64", "2001:db8:1::/48", "2001:db8::/32")),
        ("2001:db8:1:3::4", ("2001:db8:1:3::/64", "2001:db8:1::/48", "2001:db8::/32")),
        ("2001:db8:2:3::4", ("2001:db8:2:3::/64", "2001:db8:2::/48", "2001:db8::/32")),
        ("fe80::1%eth0", ("fe80::/64", "fe80::/48", "fe80::/32")),
        ("testclient", ("testclient",) * 3),
        ("", ("", "", "")),
    ],
)
def test_who_counts_as_one(client: str, counted: tuple[str, str, str]) -> None:
    assert networks_of(client) == counted


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:7:1::5", "2001:db8:7::/48"),
        ("unknown", ""),
        ("", ""),
    ],
)
def test_record_of_consent_keeps_a_network(client: str, network: str) -> None:
    assert shorten_client(client) == network


@pytest.mark.parametrize(
    ("host", "scheme", "equal"),
    [
        ("news.example.org", "https", True),
        ("NEWS.Example.Org", "https", True),
        ("news.example.org.", "https", True),
        ("news.example.org:443", "https", True),
        ("news.example.org.:443", "https", True),
        ("news.example.org:", "https", True),
        ("news.example.org:80", "http", True),
        ("news.example.org.", "http", True),
        ("news.example.org:80", "https", False),
        ("news.example.org:443", "http", False),
        ("news.example.org:8443", "https", False),
        ("news.example.org..", "https", False),
        ("news.example.org:443:443", "https", False),
        ("news.example.org:443.", "https", False),
        ("www.news.example.org", "https", False),
        ("news.example.org.evil.example", "https", False),
        ("x@news.example.org", "https", False),
        (" news.example.org", "https", False),
        ("news.example.org\n", "https", False),
        ("", "https", False),
        (".", "https", False),
        (":443", "https", False),
    ],
)
def test_spellings_of_one_host_are_equal_and_others_are_not(host: str, scheme: str, equal: bool) -> None:
    assert (normalise_host(host, scheme) == "news.example.org") is equal


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "[::1]:8080", "[2001:db8::1]", "localhost:8080"])
def test_other_ports_and_addresses_stay_as_they_are(host: str) -> None:
    assert normalise_host(f"{host}.", "https") != host
    assert normalise_host(host, "https") == host

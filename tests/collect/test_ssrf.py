from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.collect.ssrf import why_refused


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1", "is this machine"),
        ("127.255.255.254", "is this machine"),
        ("0.0.0.0", "is this machine"),
        ("10.1.2.3", "is a private network"),
        ("172.31.0.1", "is a private network"),
        ("192.168.0.1", "is a private network"),
        ("100.127.0.1", "is a carrier-grade NAT network"),
        ("169.254.169.254", "is a link-local network"),
        ("192.0.0.170", "is reserved"),
        ("192.0.2.1", "is reserved for documentation"),
        ("198.51.100.7", "is reserved for documentation"),
        ("203.0.113.9", "is reserved for documentation"),
        ("198.19.255.1", "is reserved for benchmarks"),
        ("224.0.0.251", "is multicast"),
        ("239.255.255.250", "is multicast"),
        ("240.0.0.1", "is reserved"),
        ("255.255.255.255", "is reserved"),
        ("::", "is this machine"),
        ("::1", "is this machine"),
        ("fe80::1%eth0", "is a link-local network"),
        ("fd12:3456::1", "is a private network"),
        ("fec0::1", "is a private network"),
        ("ff02::1", "is multicast"),
        ("2001:db8::1", "is reserved for documentation"),
        ("2001:1::1", "is reserved"),
        ("2001:1ff::1", "is reserved"),
        ("2001:0:808:808::f7f7:f7f7", "is reserved"),
        ("64:ff9b:1::1", "is a private network"),
        ("200::1", "is reserved"),
        ("4000::5efe:8.8.8.8", "is reserved"),
        ("fe00::1", "is reserved"),
        ("::ffff:127.0.0.1", "stands for 127.0.0.1, which is this machine"),
        ("::ffff:0:10.0.0.1", "stands for 10.0.0.1, which is a private network"),
        ("::127.0.0.1", "stands for 127.0.0.1, which is this machine"),
        ("64:ff9b::7f00:1", "stands for 127.0.0.1, which is this machine"),
        ("64:ff9b::a9fe:a9fe", "stands for 169.254.169.254, which is a link-local network"),
        ("2002:7f00:1::", "stands for 127.0.0.1, which is this machine"),
        ("2002:c0a8:101::1", "stands for 192.168.1.1, which is a private network"),
        ("2001:0:7f00:1::", "stands for 127.0.0.1, which is this machine"),
        ("2001:0:808:808::80ff:fffe", "stands for 127.0.0.1, which is this machine"),
        ("2a00:1450::5efe:10.0.0.1", "stands for 10.0.0.1, which is a private network"),
        ("2a00:1450::200:5efe:10.0.0.1", "stands for 10.0.0.1, which is a private network"),
        ("", "is not an IP address"),
        ("localhost", "is not an IP address"),
        ("2130706433", "is not an IP address"),
    ],
)
def test_address_that_is_not_public_is_refused_with_the_reason(address: str, reason: str) -> None:
    assert why_refused(address) == reason


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "151.101.3.42",
        "100.63.0.1",
        "172.32.0.1",
        "2a04:4e42::644",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_public_address_may_be_dialled(address: str) -> None:
    assert why_refused(address) == ""


@given(address=st.ip_addresses())
def test_what_python_calls_not_global_is_refused(address: IPv4Address | IPv6Address) -> None:
    assert address.is_global or why_refused(str(address))


@pytest.mark.parametrize("prefix", ["::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "2a00:1450::5efe:0:0"])
@given(inner=st.ip_addresses(v=4))
def test_an_embedded_address_is_judged_as_if_it_stood_alone(prefix: str, inner: IPv4Address) -> None:
    outer = IPv6Address(int(IPv6Address(prefix)) | int(inner))

    assert bool(why_refused(str(outer))) == bool(why_refused(str(inner)))


@given(inner=st.ip_addresses(v=4))
def test_6to4_is_judged_by_its_router(inner: IPv4Address) -> None:
    assert bool(why_refused(str(IPv6Address(0x2002 << 112 | int(inner) << 80)))) == bool(
        why_refused(str(inner))
    )

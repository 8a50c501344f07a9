"""Which addresses may be dialled: a feed or a redirect must not be able to make us read what is not public.

``ipaddress.is_global`` is not enough: it lets multicast through, and IPv4 addresses that are embedded in IPv6
ones (NAT64, 6to4, Teredo, mapped). So here is an explicit list, and what is embedded is unpacked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_REFUSED: tuple[tuple[IPv4Network | IPv6Network, str], ...] = tuple(
    (ip_network(network), reason)
    for network, reason in [
        # https://www.iana.org/assignments/iana-ipv4-special-registry
        ("0.0.0.0/8", "this machine"),
        ("10.0.0.0/8", "a private network"),
        ("100.64.0.0/10", "a carrier-grade NAT network"),
        ("127.0.0.0/8", "this machine"),
        ("169.254.0.0/16", "a link-local network"),
        ("172.16.0.0/12", "a private network"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "reserved for documentation"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "a private network"),
        ("198.18.0.0/15", "reserved for benchmarks"),
        ("198.51.100.0/24", "reserved for documentation"),
        ("203.0.113.0/24", "reserved for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        # https://www.iana.org/assignments/iana-ipv6-special-registry
        ("::/128", "this machine"),
        ("::1/128", "this machine"),
        ("100::/64", "reserved"),
        ("2001:2::/48", "reserved for benchmarks"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "reserved for documentation"),
        ("3fff::/20", "reserved for documentation"),
        ("5f00::/16", "reserved"),
        ("64:ff9b:1::/48", "a private network"),
        ("fc00::/7", "a private network"),
        ("fe80::/10", "a link-local network"),
        ("fec0::/10", "a private network"),
        ("ff00::/8", "multicast"),
    ]
)
_UNICAST = ip_network(
    "2000::/3"
)  # all that was ever given out: https://www.iana.org/assignments/ipv6-address-space
_IPV4_AT_THE_END = (
    ip_network("::/96"),  # compatible
    ip_network("::ffff:0:0/96"),  # mapped
    ip_network("::ffff:0:0:0/96"),  # translated
    ip_network("64:ff9b::/96"),  # NAT64
)
_6TO4 = ip_network("2002::/16")
_TEREDO = ip_network("2001::/32")
_LOCAL_NAMES = (".localhost", ".local", ".internal", ".home.arpa", ".lan", ".intranet", ".localdomain")
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def why_refused(address: str) -> str:
    """Return why an IP address must not be dialled, "" where it may.

    A zone (``fe80::1%eth0``) does not count. What is no IP address at all is refused.
    """
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return "is not an IP address"
    for one in (*_embedded(ip), ip):
        for network, reason in _REFUSED:
            if one.version == network.version and one in network:
                return f"is {reason}" if one == ip else f"stands for {one}, which is {reason}"
    is_known = ip.version == 4 or any(ip in network for network in (_UNICAST, *_IPV4_AT_THE_END))
    return "" if is_known else "is reserved"


def why_name_refused(host: str) -> str:
    """Return why a host must not be asked through a proxy, as far as its name says; "" where it may.

    Behind a proxy nobody here sees the address that is dialled, so this is all that can be told: an IP address, however
    it is written, and names that mean something of the local network only (RFC 6761, 6762, 8375).
    """
    name = host.rstrip(".").lower()
    last = name.rpartition(".")[2]
    if ":" in name or re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last):
        return why_refused(name)
    if "." not in name or name.endswith(_LOCAL_NAMES):
        return "is a name of the local network"
    return ""


def _embedded(ip: IPv4Address | IPv6Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that an IPv6 address stands for."""
    if isinstance(ip, IPv4Address):
        return
    number = int(ip)
    last = IPv4Address(number & 0xFFFFFFFF)
    if any(ip in network for network in _IPV4_AT_THE_END) and number > 1:
        yield last
    if ip in _6TO4:
        yield IPv4Address(number >> 80 & 0xFFFFFFFF)
    if ip in _TEREDO:
        yield IPv4Address(number >> 64 & 0xFFFFFFFF)  # the server
        yield IPv4Address(~number & 0xFFFFFFFF)  # the client
    if number >> 32 & 0xFFFFFFFF in _ISATAP:
        yield last

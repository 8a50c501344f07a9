"""Who asks: the address of a client, as a proxy names it, and which clients count as one."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# 192.0.2.1, 192.0.2.1:4711, 2001:db8::1, [2001:db8::1], [2001:db8::1]:4711
_NAMED = re.compile(r"\[(?P<six>[0-9A-Fa-f:.%\w]+)\](?::[0-9]{1,5})?|(?P<four>[0-9.]+)(?::[0-9]{1,5})?")


def parse_client(text: str) -> IpAddress | None:
    """Return the IP address of a client, with or without port, brackets and quotes; None for what names none, as
    ``unknown`` and ``_hidden`` (RFC 7239 section 6). An IPv4 address that is mapped into IPv6 is an IPv4 one."""
    bare = text.strip().strip('"').strip()
    named = _NAMED.fullmatch(bare)
    if named:
        bare = named["six"] or named["four"]
    try:
        address = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def choose_client(peer: str, forwarded: Iterable[str], is_proxy: Callable[[IpAddress], bool]) -> str:
    """Return who asks: the peer, or behind proxies that we trust the last address that none of them is.

    forwarded are the X-Forwarded-For headers, to which each proxy adds what it sees at the end. "" where a proxy does
    not say who asks; a peer that is no IP address is left as it is.
    """
    address = parse_client(peer)
    if address is None:
        return peer
    named = [entry for entry in ",".join(forwarded).split(",") if entry.strip()]
    for entry in reversed(named):
        if not is_proxy(address):
            break
        before = parse_client(entry)
        if before is None:
            return ""
        address = before
    return str(address)


def networks_of(client: str) -> tuple[str, str, str]:
    """Return whom a limit counts as one client, as one household and as one provider.

    A client is an IPv4 address, or the /64 of an IPv6 one (a household has all of it); a household the same, or the
    /48 that many get; a provider a /16, or a /32.
    """
    address = parse_client(client)
    if address is None:
        return client, client, client
    lengths = (32, 32, 16) if address.version == 4 else (64, 48, 32)
    client, household, provider = (
        str(ipaddress.ip_network((address, bits), strict=False)) for bits in lengths
    )
    return client.removesuffix("/32"), household.removesuffix("/32"), provider


def household_of(client: str) -> str:
    """Return the household of a client. See `networks_of`."""
    return networks_of(client)[1]


def shorten_client(client: str) -> str:
    """Return the network of an IP address: ``203.0.113.0/24``, ``2001:db8:7::/48``; "" for what is none."""
    address = parse_client(client)
    if address is None:
        return ""
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))

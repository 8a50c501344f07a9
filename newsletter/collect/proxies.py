"""Through which proxy an address is asked: the source's own, else that of the environment. Pure.

The variables are those that curl and others read, in small letters or large: ``HTTP_PROXY`` for http: addresses,
``HTTPS_PROXY`` for https:, ``NO_PROXY`` for hosts that are asked directly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

PROXY_SCHEMES = ("http", "https")


@dataclass(frozen=True, slots=True)
class EnvironmentProxies:
    """The environment's proxies for http: and https: addresses, "" for none, and the hosts that need none."""

    http: str = field(default="", repr=False)
    https: str = field(default="", repr=False)
    exempt: tuple[str, ...] = ()


NO_PROXIES = EnvironmentProxies()


def read_proxies(environ: Mapping[str, str]) -> EnvironmentProxies:
    """Return what the environment says; an address without a scheme is an http: proxy."""

    def read(name: str) -> str:
        return (environ.get(name) or environ.get(name.upper()) or "").strip()

    http, https = (
        f"http://{url}" if url and "://" not in url else url
        for url in map(read, ("http_proxy", "https_proxy"))
    )
    return EnvironmentProxies(http, https, tuple(re.findall(r"[^\s,]+", read("no_proxy"))))


def choose_proxy(url: str, configured: str, environment: EnvironmentProxies) -> str:
    """Return the address of the proxy through which a URL is asked, "" for none."""
    if configured or environment == NO_PROXIES:
        return configured
    parts = urlsplit(url)
    if any(_fits(name, parts) for name in environment.exempt):
        return ""
    return environment.https if parts.scheme == "https" else environment.http


def is_proxy(url: str) -> bool:
    """Return whether a proxy at this address can be used: a scheme we speak, a host, at most a port and a login."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    is_bare = parts.path in ("", "/") and not parts.query and not parts.fragment
    return parts.scheme in PROXY_SCHEMES and bool(parts.hostname) and port != 0 and is_bare


def _fits(name: str, parts: SplitResult) -> bool:
    """Return whether an entry of NO_PROXY means a host: ``*``, a name and all below it, a network, or one port."""
    if name == "*":
        return True
    host = (parts.hostname or "").rstrip(".")
    found = re.fullmatch(r"(.*?\]|[^:]*|.*:.*:.*?)(?::(\d+))?", name)
    entry, port = (found[1], found[2]) if found else (name, None)
    if port and int(port) != (parts.port or {"http": 80, "https": 443}.get(parts.scheme)):
        return False
    entry = entry.lower().removeprefix("*").strip(".[]")
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        return bool(entry) and (host == entry or host.endswith(f".{entry}"))

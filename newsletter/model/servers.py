"""The servers that we log in to, and whether they are this machine: made from the configuration."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

Security = Literal["starttls", "tls", "none"]
Auth = Literal["auto", "plain", "login", "cram-md5"]


@dataclass(frozen=True, slots=True)
class OAuthConfig:
    """Where access tokens come from, and what for.

    Without a refresh_token the program asks with its own credentials (RFC 6749 section 4.4). file keeps refresh tokens
    that the server has replaced.
    """

    token_url: str
    client_id: str
    file: Path
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """How to reach a server, and how to log in: with a password, or with access tokens (oauth).

    Raises ValueError where it is not this machine and the connection is not encrypted.
    """

    host: str
    port: int
    security: Security
    username: str = ""
    password: str = field(default="", repr=False)
    oauth: OAuthConfig | None = None

    def __post_init__(self) -> None:
        check_security(self.security, self.host)

    def __str__(self) -> str:
        """Return what reports call this server."""
        return f"{self.host}:{self.port}"


class Part(NamedTuple):
    """What one of several processes may use of a relay: the part of this number, from 0, of so many equal ones."""

    number: int = 0
    of: int = 1

    def share(self, connections: int) -> int:
        """Return its share of so many connections, one at least."""
        return max(1, connections // self.of + (self.number < connections % self.of))


WHOLE = Part()


@dataclass(frozen=True, slots=True)
class RelayConfig(Server):
    """How to reach the relay, and what may be asked of it.

    connect_timeout_s covers everything up to the login. data_timeout_s is the wait for the answer to a
    message (RFC 5321 section 4.5.3.2.6: 10 minutes). A connection is given up after messages_per_connection, or
    when it was idle for idle_s. auth "auto" takes the strongest way that both sides know. Certificates are checked
    against those that the system trusts; SSL_CERT_FILE names others. per_second and per_day are 0 where
    there is no such limit.
    """

    auth: Auth = "auto"
    connections: int = 4
    connect_timeout_s: float = 30
    command_timeout_s: float = 60
    data_timeout_s: float = 600
    messages_per_connection: int = 100
    idle_s: float = 30
    per_second: int = 0
    per_day: int = 0


@dataclass(frozen=True, slots=True)
class ImapConfig(Server):
    """How to reach a mailbox, and which folder of it is read."""

    folder: str = "INBOX"


def check_security(security: Security, host: str) -> None:
    """Raise ValueError for a connection to another machine that is not encrypted."""
    if security == "none" and not is_loopback(host):
        raise ValueError("'none' is only allowed for a server on this machine; use starttls or tls")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine by its very name. Asks no name server."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.casefold() == "localhost"

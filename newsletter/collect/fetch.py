"""I/O: the answer of a URL or the bytes of a file, within limits of time, size, redirects and addresses."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import random
import re
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

import aiohttp
from aiohttp.abc import AbstractResolver

from newsletter.collect.ssrf import why_refused
from newsletter.collect.unpack import CODINGS, Unpacker
from newsletter.errors import FetchError
from newsletter.files import NotRegularError, read_regular
from newsletter.model.sources import USUAL_REQUEST, Fetched, NotModified, RequestOptions, Validators

MAX_REDIRECTS = 5
_REDIRECTS = frozenset([301, 302, 303, 307, 308])
_PERMANENT = frozenset([301, 308])
_TRY_AGAIN = frozenset([429, 500, 502, 503, 504])
_USUAL_PORTS = frozenset([None, 80, 443])
_CHUNK_BYTES = 64 * 1024
_LONGEST_WAIT_S = 86_400.0

# arXiv asks for three seconds between requests: https://info.arxiv.org/help/api/tou.html
# bioRxiv asks for nothing in particular, and its API is slow.
COURTESY_S: Mapping[str, float] = {"arxiv.org": 3.0, "biorxiv.org": 1.0}


@dataclass(slots=True)
class _Host:
    """One at a time: who may speak with a host, and when again."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    quiet_until_s: float = 0.0
    in_trouble: bool = False


class HttpFetcher:
    """Fetches one thing at a time from each host; implements ports.Fetcher. Close it in the end.

    contact is an address or page where a site's owner reaches us. File paths are relative to base_folder.
    deadline_s is for a whole fetch with its redirects and repeats, without the wait for the same host's other
    fetches. What fails for a moment (429, 5xx, no connection) is tried ``attempts`` times, backoff_s and then
    twice as long apart; a host on which all of them failed is not tried again by this fetcher, only asked.
    courtesy_s are the pauses between requests to a host and all below it. resolver is aiohttp's, for tests.
    """

    def __init__(
        self,
        *,
        version: str,
        contact: str,
        base_folder: Path,
        deadline_s: float = 60.0,
        max_body_bytes: int = 20_000_000,
        allow_private_hosts: bool = False,
        attempts: int = 3,
        backoff_s: float = 1.0,
        courtesy_s: Mapping[str, float] = COURTESY_S,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._user_agent = f"newsletter/{version} (+{contact})"
        self._base_folder = base_folder
        self._deadline_s = deadline_s
        self._connect_s = deadline_s / (attempts + 1)  # so that the last attempt can still bring an answer
        self._max_body_bytes = max_body_bytes
        self._allow_private_hosts = allow_private_hosts
        self._attempts = attempts
        self._backoff_s = backoff_s
        self._courtesy_s = courtesy_s
        self._resolver = resolver
        self._hosts: defaultdict[str, _Host] = defaultdict(_Host)
        self._session: aiohttp.ClientSession | None = None

    async def fetch(
        self, location: str, known: Validators | None, options: RequestOptions = USUAL_REQUEST
    ) -> Fetched | NotModified:
        """Return the answer, NotModified where it is as it was at ``known``.

        Raises FetchError, which says what happened; its retry_after_s, how long the server asks us to stay away.
        """
        scheme = _scheme(location)
        if scheme in ("http", "https"):
            answer = await self._fetch_url(location, known)
        elif scheme:
            raise FetchError(f"{location}: use an https: URL or a file path, not {scheme}:", url=location)
        else:
            body = await asyncio.to_thread(_load_file, self._base_folder / location, self._max_body_bytes)
            answer = Fetched(body, location, Validators(content_hash=_hash(body)))
        if isinstance(answer, Fetched) and known and answer.validators.content_hash == known.content_hash:
            return NotModified(answer.moved_to)
        return answer

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _fetch_url(self, location: str, known: Validators | None) -> Fetched | NotModified:
        """Follow the redirects of a location, and try again what fails for a moment."""
        budget = _Budget(self._deadline_s)
        for attempt in itertools.count(1):
            try:
                return await self._follow_redirects(location, known, budget)
            except _Momentary as error:
                host = self._host_of(error.url)
                pause_s = self._choose_pause(error.failure, attempt)
                if attempt >= self._attempts or pause_s >= budget.left_s or host.in_trouble:
                    host.in_trouble = True
                    raise error.failure from error.__cause__
                budget.left_s -= pause_s
                await asyncio.sleep(pause_s)
        raise AssertionError("the last attempt returns or raises")

    def _choose_pause(self, failure: FetchError, attempt: int) -> float:
        """Return how long to wait before the next attempt: what the server asks for, else longer each time."""
        if failure.retry_after_s is not None:
            return failure.retry_after_s
        return self._backoff_s * 2.0 ** (attempt - 1) * random.uniform(0.75, 1.25)

    async def _follow_redirects(
        self, location: str, known: Validators | None, budget: _Budget
    ) -> Fetched | NotModified:
        """Fetch, following redirects: each target is checked anew, so that none leads into a private network."""
        url, is_permanent = location, True
        seen = [location]
        for _ in range(MAX_REDIRECTS + 1):
            self._check_url(url, seen)
            async with self._turn(url):
                answer = await self._ask_in_time(url, known, location, budget)
            if isinstance(answer, _Redirect):
                is_permanent &= answer.is_permanent
                try:
                    url = urljoin(url, _UNDECODED.sub(_percent_encode, answer.target))
                except ValueError as error:
                    message = f"{_shown(url)}: redirects to {answer.target[:200]!r}"
                    raise FetchError(message, url=_shown(location)) from error
                if url in seen:
                    raise FetchError(f"{_shown(location)}: redirect loop", url=_shown(location))
                seen.append(url)
                continue
            moved_to = url if is_permanent and url != location else ""
            return NotModified(moved_to) if answer is None else replace(answer, moved_to=moved_to)
        raise FetchError(f"{_shown(location)}: more than {MAX_REDIRECTS} redirects", url=_shown(location))

    async def _ask_in_time(
        self, url: str, known: Validators | None, location: str, budget: _Budget
    ) -> Fetched | _Redirect | None:
        """Ask once, within what is left of the budget; every error of the network becomes one of ours."""
        began_s = _clock_s()
        try:
            async with asyncio.timeout(budget.left_s):
                answer = await self._ask(url, known)
        except aiohttp.ConnectionTimeoutError as error:
            message = f"cannot connect: no answer after {self._connect_s:g} s"
            raise _Momentary(FetchError(f"{_shown(url)}: {message}", url=_shown(location)), url) from error
        except TimeoutError as error:
            raise FetchError(
                f"{_shown(url)}: not finished after {self._deadline_s:g} s", url=location
            ) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if refusal := _find_refusal(error):
                message = f"{refusal}; 'fetch: {{allow_private_hosts: on}}' allows it"
                raise FetchError(f"{_shown(url)}: {message}", url=_shown(location)) from error
            failure = FetchError(f"{_shown(url)}: {_why(error)}", url=_shown(location))
            if isinstance(error, aiohttp.ClientSSLError | ValueError):
                raise failure from error
            raise _Momentary(failure, url) from error
        finally:
            budget.left_s -= _clock_s() - began_s
        self._host_of(url).in_trouble = False
        return answer

    @asynccontextmanager
    async def _turn(self, url: str) -> AsyncIterator[None]:
        """Wait until it is our turn to speak with a host, and for the pause that it asks for."""
        host = self._host_of(url)
        async with host.lock:
            await asyncio.sleep(max(0.0, host.quiet_until_s - _clock_s()))
            try:
                yield
            finally:
                host.quiet_until_s = _clock_s() + self._courtesy_s.get(self._family(url), 0.0)

    def _host_of(self, url: str) -> _Host:
        return self._hosts[self._family(url)]

    def _family(self, url: str) -> str:
        """Return the name under which a host is treated: of one that asks for pauses, the same for all below it."""
        name = _host(url)
        return next((one for one in self._courtesy_s if name == one or name.endswith(f".{one}")), name)

    async def _ask(self, url: str, known: Validators | None) -> Fetched | _Redirect | None:
        """Return one answer, the address that it redirects to, or None for 'not modified'."""
        headers = _conditions(known)
        async with self._open_session().get(url, headers=headers, allow_redirects=False) as response:
            if response.status in _REDIRECTS and (target := response.headers.get("Location")):
                return _Redirect(target, response.status in _PERMANENT)
            if response.status == 304 and headers:
                return None
            if response.status != 200:
                failure = _tell_status(response, url)
                if response.status in _TRY_AGAIN:
                    raise _Momentary(failure, url)
                raise failure
            body = await self._read(response, url)
            validators = Validators(
                etag=_header(response, "ETag"),
                last_modified=_header(response, "Last-Modified"),
                content_hash=_hash(body),
            )
            # Links in the answer are relative to its address, so a login in there would reach the readers.
            return Fetched(body, _shown(url), validators, _header(response, "Content-Type"))

    async def _read(self, response: aiohttp.ClientResponse, url: str) -> bytes:
        """Return the body, unpacked. Neither as sent nor unpacked may it be larger than allowed."""
        unpacker = Unpacker(_header(response, "Content-Encoding"))
        body, received = bytearray(), 0
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            received += len(chunk)
            for piece in unpacker.unpack(chunk):
                body += piece
                if len(body) > self._max_body_bytes:
                    break
            if max(len(body), received) > self._max_body_bytes:
                raise FetchError(
                    f"{_shown(url)}: more than {_megabytes(self._max_body_bytes)}",
                    url=_shown(url),
                    status=200,
                )
        if not unpacker.is_whole:
            raise aiohttp.ClientPayloadError("the compressed body is truncated")
        return bytes(body)

    def _check_url(self, url: str, seen: Sequence[str]) -> None:
        """Refuse other schemes than http and https, the way back from https to http, and unusual ports, except
        the one that the operator wrote. seen are the addresses that led here, the operator's first."""
        location = seen[0]
        try:
            parts = urlsplit(url)
            port, host = parts.port, parts.hostname or ""
            first_port = urlsplit(location).port
        except ValueError as error:
            raise FetchError(f"{_shown(url)}: {error}", url=_shown(location)) from error
        if parts.scheme not in ("http", "https"):
            raise FetchError(f"{_shown(url)}: only https: and http: are supported", url=_shown(location))
        if parts.scheme == "http" and any(_scheme(one) == "https" for one in seen):
            raise FetchError(f"{_shown(url)}: https: must not redirect to http:", url=_shown(location))
        if not host:
            raise FetchError(f"{_shown(url)}: the address has no host", url=_shown(location))
        if port not in _USUAL_PORTS and port != first_port and not self._allow_private_hosts:
            raise FetchError(f"{_shown(url)}: redirects to the unusual port {port}", url=_shown(location))

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                # Each address is checked where it is dialled: there is no moment in which a name could change.
                socket_factory=None if self._allow_private_hosts else _open_public_socket,
                resolver=self._resolver,
                use_dns_cache=self._resolver is None,
                # A kept connection may be gone when it is needed again, which looks like a server in trouble.
                force_close=True,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                headers={
                    "User-Agent": self._user_agent,
                    "Accept": _ACCEPT,
                    "Accept-Encoding": ", ".join(CODINGS),
                },
                auto_decompress=False,  # it takes a gzip that is cut for a whole one
                middlewares=[_ask_only_once],
                cookie_jar=aiohttp.DummyCookieJar(),
                # No total: the deadline is ours.
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_s),
                trust_env=False,
            )
        return self._session


_ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/json, application/xml;q=0.9,"
    " text/xml;q=0.9, text/html;q=0.5, */*;q=0.1"
)


@dataclass(frozen=True, slots=True)
class _Redirect:
    """Where an answer sends us."""

    target: str
    is_permanent: bool


@dataclass(slots=True)
class _Budget:
    """What is left of a fetch's deadline. The wait for other fetches does not count."""

    left_s: float


class _Momentary(Exception):
    """A failure at an address that may be over in a moment."""

    def __init__(self, failure: FetchError, url: str) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.url = url


async def _ask_only_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Have aiohttp leave it to us to ask again after a lost connection: it would do so without any pause."""
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError("the server closed the connection") from error


class _RefusedError(OSError):
    """An address is not dialled. Its errno is none of the system's, so that it is not taken for one of those."""

    ERRNO = -1

    def __str__(self) -> str:
        return str(self.strerror)


def _open_public_socket(address: tuple[Any, ...]) -> socket.socket:
    """Return the socket for an address that aiohttp is about to dial. Raises for one that is not public."""
    family, kind, protocol, _, where = address
    if reason := why_refused(str(where[0])):
        raise _RefusedError(_RefusedError.ERRNO, f"{where[0]} {reason}")
    return socket.socket(family=family, type=kind, proto=protocol)


def _find_refusal(error: BaseException | None) -> str:
    """Return why addresses were refused, "" where none was. aiohttp wraps that error, of several addresses as one."""
    while error is not None:
        inner = getattr(error, "os_error", None)
        if inner is None and isinstance(error, OSError) and error.errno == _RefusedError.ERRNO:
            return str(error.strerror)
        error = inner or error.__cause__
    return ""


def _tell_status(response: aiohttp.ClientResponse, url: str) -> FetchError:
    retry_after_s = _read_retry_after(
        response.headers.get("Retry-After", ""), response.headers.get("Date", "")
    )
    note = f"; asks to come back after {retry_after_s:.0f} s" if retry_after_s is not None else ""
    if response.status == 410:
        note = "; permanently gone: remove the source from the configuration"
    return FetchError(
        f"{_shown(url)}: answered {response.status} {_decode(response.reason or '')}".rstrip() + note,
        url=_shown(url),
        status=response.status,
        retry_after_s=retry_after_s,
    )


def _read_retry_after(text: str, date: str) -> float | None:
    """Return Retry-After in seconds, a day at most; None without. A date counts from the answer's own.

    Source: RFC 9110 section 10.2.3.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _LONGEST_WAIT_S)
    until = _read_date(text)
    if until is None:
        return None
    seconds = (until - (_read_date(date) or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_WAIT_S)


def _read_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _load_file(path: Path, max_body_bytes: int) -> bytes:
    try:
        body = read_regular(path, max_body_bytes + 1)
    except FileNotFoundError as error:
        raise FetchError(f"{path}: there is no such file", url=str(path)) from error
    except NotRegularError as error:
        raise FetchError(f"{path}: {error.strerror}", url=str(path)) from error
    except (OSError, ValueError) as error:
        raise FetchError(f"{path}: {_why(error)}", url=str(path)) from error
    if len(body) > max_body_bytes:
        raise FetchError(f"{path}: more than {_megabytes(max_body_bytes)}", url=str(path))
    return body


def _conditions(known: Validators | None) -> dict[str, str]:
    headers = {}
    if known and known.etag:
        headers["If-None-Match"] = known.etag
    if known and known.last_modified:
        headers["If-Modified-Since"] = known.last_modified
    return headers


def _scheme(location: str) -> str:
    """Return the scheme of a URL, "" for a file path (one letter is a drive)."""
    scheme = location.partition(":")[0].lower() if ":" in location else ""
    is_url = "://" in location or scheme == "file"
    return scheme if is_url and len(scheme) > 1 else ""


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").rstrip(".")


def _shown(url: str) -> str:
    """Return the address without login, for messages and readers."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    login, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=host)) if login else url


# What aiohttp makes of bytes in a header that are no UTF-8: no database and no mail takes these.
_UNDECODED = re.compile("[\udc80-\udcff]")


def _percent_encode(byte: re.Match[str]) -> str:
    return f"%{ord(byte[0]) - 0xDC00:02X}"


def _header(response: aiohttp.ClientResponse, name: str) -> str:
    return _decode(response.headers.get(name, ""))


def _decode(text: str) -> str:
    return _UNDECODED.sub("\N{REPLACEMENT CHARACTER}", text)


def _why(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the host name {error.host} cannot be resolved"
    if isinstance(error, aiohttp.ClientSSLError):
        return f"no secure connection: {error}"
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno:
        return f"cannot connect: {os.strerror(error.os_error.errno)}"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the response is truncated"
    if isinstance(error, aiohttp.InvalidURL):
        return "is not a valid address"  # its own text has the login
    if isinstance(error, aiohttp.ClientResponseError):
        return f"the response is not valid HTTP: {' '.join(error.message.split())[:200]}"
    return str(error) or type(error).__name__


def _clock_s() -> float:
    return asyncio.get_running_loop().time()


def _megabytes(count: int) -> str:
    return f"{count / 1e6:g} MB"


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()

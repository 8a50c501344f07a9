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
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit, urlunsplit

import aiohttp
from yarl import URL

from newsletter.collect.proxies import NO_PROXIES, EnvironmentProxies, choose_proxy, is_proxy
from newsletter.collect.ssrf import why_name_refused, why_refused
from newsletter.collect.unpack import CODINGS, unpack
from newsletter.collect.waits import read_wait
from newsletter.errors import FetchError
from newsletter.files import NotRegularError, read_regular
from newsletter.model.sources import USUAL_REQUEST, Fetched, NotModified, RequestOptions, Validators

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

MAX_REDIRECTS = 20  # as browsers: https://fetch.spec.whatwg.org/#http-redirect-fetch
_REDIRECTS = frozenset([301, 302, 303, 307, 308])
_PERMANENT = frozenset([301, 308])
_TRY_AGAIN = frozenset([500, 502, 503, 504])
_TOO_MANY_REQUESTS = 429
_WITHOUT_ANSWER = frozenset([204, 205, 206])  # of the good ones: no body, or a part that nobody asked for
_USUAL_PORTS = frozenset([None, 80, 443])
_CHUNK_BYTES = 64 * 1024
_MAX_HEADER_BYTES = 64 * 1024
_MAX_HEADERS = 1_000

# arXiv asks for three seconds between requests: https://info.arxiv.org/help/api/tou.html
# bioRxiv asks for nothing in particular, and its API is slow.
COURTESY_S: Mapping[str, float] = {"arxiv.org": 3.0, "biorxiv.org": 1.0}


@dataclass(slots=True)
class _Host:
    """One at a time: who may speak with a host, and when again."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    quiet_until_s: float = 0.0


class HttpFetcher:
    """Fetches one thing at a time from each host; implements ports.Fetcher. Close it in the end.

    contact is an address or page where a site's owner reaches us. File paths are relative to base_folder.
    deadline_s is for a whole fetch with its redirects and repeats, without the wait for the same host's other
    fetches. What fails for a moment (5xx, no connection) is tried ``attempts`` times, backoff_s and then twice as long
    apart, or as long as the server asks for; 429 only where it says how long. A host on which all of them failed is
    not tried again by this fetcher, only asked.
    courtesy_s are the pauses between requests to a host and all below it. proxies are those of the environment.
    resolver is aiohttp's, for tests.
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
        proxies: EnvironmentProxies = NO_PROXIES,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._user_agent = f"newsletter/{version} (+{contact})"
        self._base_folder = base_folder
        self._deadline_s = deadline_s
        self._max_body_bytes = max_body_bytes
        self._allow_private_hosts = allow_private_hosts
        self._attempts = attempts
        self._backoff_s = backoff_s
        self._courtesy_s = courtesy_s
        self._proxies = proxies
        self._resolver = resolver
        self._hosts: defaultdict[str, _Host] = defaultdict(_Host)
        self._in_trouble: set[str] = set()
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def fetch(
        self, location: str, known: Validators | None, options: RequestOptions = USUAL_REQUEST
    ) -> Fetched | NotModified:
        """Return the answer, NotModified where it is as it was at ``known``.

        Raises FetchError, which says what happened; its retry_after_s, how long the server asks us to stay away.
        """
        scheme = _scheme(location)
        if scheme in ("http", "https"):
            answer = await self._fetch_url(
                _Errand(location, known, options, options.timeout_s or self._deadline_s)
            )
        elif scheme:
            raise FetchError(f"{location}: use an https: URL or a file path, not {scheme}:", url=location)
        else:
            body = await asyncio.to_thread(_load_file, self._base_folder / location, self._max_body_bytes)
            answer = Fetched(body, location, Validators(content_hash=_hash(body)))
        if isinstance(answer, Fetched) and known and answer.validators.content_hash == known.content_hash:
            return NotModified(answer.moved_to)
        return answer

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def _fetch_url(self, errand: _Errand) -> Fetched | NotModified:
        """Follow the redirects of a location, and try again what fails for a moment."""
        for attempt in itertools.count(1):
            try:
                return await self._follow_redirects(errand)
            except _Momentary as error:
                host = _host(error.url)
                pause_s = self._choose_pause(error.failure, attempt)
                if attempt >= self._attempts or pause_s >= errand.left_s or host in self._in_trouble:
                    self._in_trouble.add(host)
                    raise error.failure from error.__cause__
                errand.left_s -= pause_s
                await asyncio.sleep(pause_s)
        raise AssertionError("the last attempt returns or raises")

    def _choose_pause(self, failure: FetchError, attempt: int) -> float:
        """Return how long to wait before the next attempt: longer each time, and as long as the server asks for."""
        backoff_s = self._backoff_s * 2.0 ** (attempt - 1) * random.uniform(0.75, 1.25)
        return max(failure.retry_after_s or 0.0, backoff_s)

    async def _follow_redirects(self, errand: _Errand) -> Fetched | NotModified:
        """Fetch, following redirects: each target is checked anew, so that none leads into a private network.

        An address may come again with other cookies: so sites ask whether cookies are kept, or bring one in.
        """
        location = errand.location
        url, is_permanent = location, True
        seen: list[str] = []
        asked: set[tuple[str, str]] = set()
        for _ in range(MAX_REDIRECTS + 1):
            self._check_url(url, [location, *seen])
            this = (url, errand.choose_cookies(url))
            if this in asked:
                raise FetchError(f"{_shown(location)}: redirect loop", url=_shown(location))
            seen.append(url)
            asked.add(this)
            async with self._turn(url):
                answer = await self._ask_in_time(errand, url)
            if not isinstance(answer, _Redirect):
                moved_to = url if is_permanent and url != location else ""
                return NotModified(moved_to) if answer is None else replace(answer, moved_to=moved_to)
            is_permanent &= answer.is_permanent
            try:
                url = urljoin(url, _UNDECODED.sub(_percent_encode, answer.target))
            except ValueError as error:
                message = f"{_shown(url)}: redirects to {answer.target[:200]!r}"
                raise FetchError(message, url=_shown(location)) from error
        why = "redirect loop" if url in seen else f"more than {MAX_REDIRECTS} redirects"
        raise FetchError(f"{_shown(location)}: {why}", url=_shown(location))

    async def _ask_in_time(self, errand: _Errand, url: str) -> Fetched | _Redirect | None:
        """Ask once, within what is left of the deadline; every error of the network becomes one of ours."""
        location = _shown(errand.location)
        connect_s = errand.deadline_s / (
            self._attempts + 1
        )  # so that the last attempt can still bring an answer
        proxy = self._choose_proxy(url, errand)
        began_s = _clock_s()
        try:
            async with asyncio.timeout(errand.left_s):
                answer = await self._ask(errand, url, proxy, connect_s)
        except aiohttp.ConnectionTimeoutError as error:
            message = f"cannot connect: no answer after {connect_s:g} s"
            raise _Momentary(FetchError(f"{_shown(url)}: {message}", url=location), url) from error
        except TimeoutError as error:
            message = f"not finished after {errand.deadline_s:g} s"
            raise FetchError(f"{_shown(url)}: {message}", url=location) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if refusal := _find_refusal(error):
                message = f"{refusal}; {_ALLOW}"
                raise FetchError(f"{_shown(url)}: {message}", url=location) from error
            failure = FetchError(f"{_shown(url)}: {_why(error, proxy)}", url=location)
            if _is_lasting(error):
                raise failure from error
            raise _Momentary(failure, url) from error
        finally:
            errand.left_s -= _clock_s() - began_s
        self._in_trouble.discard(_host(url))
        return answer

    def _choose_proxy(self, url: str, errand: _Errand) -> str:
        """Return the proxy for an address, "" for none. Raises FetchError for what must not be asked through one.

        The guard where addresses are dialled sees only the proxy, so here the name must do.
        """
        proxy = choose_proxy(url, errand.options.proxy, self._proxies)
        if proxy and not is_proxy(proxy):
            message = "the environment's proxy is not http://host:port; set HTTPS_PROXY and HTTP_PROXY to one"
            raise FetchError(f"{_shown(url)}: {message}", url=_shown(errand.location))
        if proxy and not self._allow_private_hosts and (reason := why_name_refused(_host(url))):
            message = f"{_host(url)} {reason}; {_ALLOW}"
            raise FetchError(f"{_shown(url)}: {message}", url=_shown(errand.location))
        return proxy

    @asynccontextmanager
    async def _turn(self, url: str) -> AsyncIterator[None]:
        """Wait until it is our turn to speak with a host, and for the pause that it asks for."""
        host = self._hosts[self._family(url)]
        async with host.lock:
            await asyncio.sleep(max(0.0, host.quiet_until_s - _clock_s()))
            try:
                yield
            finally:
                host.quiet_until_s = _clock_s() + self._courtesy_s.get(self._family(url), 0.0)

    def _family(self, url: str) -> str:
        """Return the name under which a host is treated: of one that asks for pauses, the same for all below it."""
        name = _host(url)
        return next((one for one in self._courtesy_s if name == one or name.endswith(f".{one}")), name)

    async def _ask(
        self, errand: _Errand, url: str, proxy: str, connect_s: float
    ) -> Fetched | _Redirect | None:
        """Return one answer, the address that it redirects to, or None for 'not modified'."""
        conditions = _conditions(errand.known)
        async with self._open_session(is_proxied=bool(proxy)).get(
            url,
            headers=conditions | errand.choose_headers(url),
            allow_redirects=False,
            proxy=proxy or None,
            timeout=_build_timeout(connect_s),
        ) as response:
            _check_headers(response, url)
            errand.keep_cookies(response)
            if response.status in _REDIRECTS and (target := response.headers.get("Location")):
                return _Redirect(target, response.status in _PERMANENT)
            if response.status == 304 and conditions:
                return None
            if not 200 <= response.status < 300 or response.status in _WITHOUT_ANSWER:
                failure = _tell_status(response, errand, url)
                is_told_to_wait = response.status == _TOO_MANY_REQUESTS and failure.retry_after_s is not None
                if response.status in _TRY_AGAIN or is_told_to_wait:
                    raise _Momentary(failure, url)
                raise failure
            body = await self._read(response, url)
            validators = Validators(
                etag=_header(response, "ETag"),
                last_modified=_header(response, "Last-Modified"),
                content_hash=_hash(body),
            )
            # Links in the answer are relative to its address, so a login in there would reach the readers.
            link = _decode(", ".join(response.headers.getall("Link", ())))
            return Fetched(body, _shown(url), validators, _header(response, "Content-Type"), link=link)

    async def _read(self, response: aiohttp.ClientResponse, url: str) -> bytes:
        """Return the body, unpacked. Neither as sent nor unpacked may it be larger than allowed."""
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            body += chunk
            if len(body) > self._max_body_bytes:
                break
        try:
            codings = ",".join(response.headers.getall("Content-Encoding", ()))
            unpacked = unpack(body, codings, self._max_body_bytes)
        except EOFError as error:
            raise aiohttp.ClientPayloadError(str(error)) from error
        if len(unpacked) > self._max_body_bytes:
            message = f"more than {_megabytes(self._max_body_bytes)}"
            raise FetchError(f"{_shown(url)}: {message}", url=_shown(url), status=response.status)
        return unpacked

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

    def _open_session(self, *, is_proxied: bool) -> aiohttp.ClientSession:
        """Return the session for requests to sites, or to a proxy, which the operator chose and may lie anywhere."""
        if is_proxied not in self._sessions:
            is_free = self._allow_private_hosts or is_proxied
            connector = aiohttp.TCPConnector(
                # Each address is checked where it is dialled: there is no moment in which a name could change.
                socket_factory=None if is_free else _open_public_socket,
                resolver=self._resolver,
                use_dns_cache=self._resolver is None,
                # A kept connection may be gone when it is needed again, which looks like a server in trouble.
                force_close=True,
            )
            self._sessions[is_proxied] = aiohttp.ClientSession(
                connector=connector,
                headers={
                    "User-Agent": self._user_agent,
                    "Accept": _ACCEPT,
                    "Accept-Encoding": ", ".join(CODINGS),
                },
                auto_decompress=False,  # it takes a gzip that is cut for a whole one
                middlewares=[_ask_only_once],
                cookie_jar=aiohttp.DummyCookieJar(),  # cookies are kept for one fetch only
                max_line_size=_MAX_HEADER_BYTES,
                max_field_size=_MAX_HEADER_BYTES,
                max_headers=_MAX_HEADERS,
                trust_env=False,  # it would read .netrc, too; the environment's proxies come in by the constructor
            )
        return self._sessions[is_proxied]


_ADVICE: Mapping[int, str] = {
    304: ", although all of it was asked for",
    401: "; it wants a login: see 'headers' and 'cookies' in docs/sources.md",
    403: "; if a browser can open it, try 'user_agent' (docs/sources.md)",
    407: "; the proxy wants a login: http://user:${PROXY_PASSWORD}@host:port",
    410: "; permanently gone: remove the source from the configuration",
}
_ALLOW = "'fetch: {allow_private_hosts: on}' allows it"
_LONG_HEADERS = f"sends more than {_MAX_HEADER_BYTES // 1024} kB or {_MAX_HEADERS} lines of headers"
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
class _Errand:
    """One fetch: where to, how, what is left of its deadline, and the cookies that were set on the way.

    left_s does not count the wait for other fetches.
    """

    location: str
    known: Validators | None
    options: RequestOptions
    deadline_s: float
    left_s: float = field(init=False)
    _jar: aiohttp.CookieJar | None = None

    def __post_init__(self) -> None:
        self.left_s = self.deadline_s

    def choose_headers(self, url: str) -> dict[str, str]:
        """Return what is sent to an address besides the usual headers."""
        headers = dict(self.options.headers) if self.is_home(url) else {}
        if self.options.user_agent:
            headers["User-Agent"] = self.options.user_agent
        if cookies := self.choose_cookies(url):
            headers["Cookie"] = cookies
        return headers

    def choose_cookies(self, url: str) -> str:
        """Return the header Cookie for an address: what the operator wrote, at home, and what servers have set."""
        if self._jar is None and not self.options.cookies:
            return ""
        pairs = dict(self.options.cookies) if self.is_home(url) else {}
        if self._jar is not None:
            pairs |= {name: cookie.value for name, cookie in self._jar.filter_cookies(URL(url)).items()}
        return "; ".join(f"{name}={value}" for name, value in pairs.items())

    def keep_cookies(self, response: aiohttp.ClientResponse) -> None:
        """Keep the cookies of an answer, where they are for its own site (RFC 6265 section 5.3)."""
        if cookies := response.headers.getall("Set-Cookie", ()):
            if self._jar is None:
                self._jar = aiohttp.CookieJar(
                    unsafe=True, quote_cookie=False
                )  # unsafe: from IP addresses, too
            self._jar.update_cookies_from_headers(cookies, response.url)

    def is_home(self, url: str) -> bool:
        """Return whether an address may see the operator's headers and cookies."""
        return bool(self.options.home) and is_same_origin(self.options.home, url)


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


@cache
def _build_timeout(connect_s: float) -> aiohttp.ClientTimeout:
    """Return aiohttp's limits: none for the whole, because the deadline is ours."""
    return aiohttp.ClientTimeout(total=None, sock_connect=connect_s)


def _check_headers(response: aiohttp.ClientResponse, url: str) -> None:
    size = sum(len(name) + len(value) + len(": \r\n") for name, value in response.raw_headers)
    if size > _MAX_HEADER_BYTES:
        raise FetchError(f"{_shown(url)}: {_LONG_HEADERS}", url=_shown(url), status=response.status)


def _tell_status(response: aiohttp.ClientResponse, errand: _Errand, url: str) -> FetchError:
    wait_s = read_wait(response.status, response.headers, datetime.now(UTC))
    answer = f"{_shown(url)}: answered {response.status} {_decode(response.reason or '')}".rstrip()
    return FetchError(
        answer + _advise(response.status, wait_s, errand, url),
        url=_shown(url),
        status=response.status,
        retry_after_s=wait_s,
    )


def _advise(status: int, wait_s: float | None, errand: _Errand, url: str) -> str:
    """Return what else is known of a refusal, or what could be tried."""
    if wait_s is not None:
        return f"; asks to come back after {wait_s:.0f} s"
    if status in (401, 403) and errand.options.home and not errand.is_home(url):
        return "; the source's headers and cookies are not sent there, because its own address is elsewhere"
    return "" if status == 403 and errand.options.user_agent else _ADVICE.get(status, "")


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


def is_same_origin(home: str, url: str) -> bool:
    """Return whether an address has the scheme, host and port of another (RFC 6454), or its https: instead of http:."""
    scheme, host, port = _origin(home)
    return _origin(url) in (
        (scheme, host, port),
        ("https", host, 443 if (scheme, port) == ("http", 80) else port),
    )


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, _host(url), parts.port or {"http": 80, "https": 443}.get(parts.scheme)


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


def _is_lasting(error: Exception) -> bool:
    """Return whether an error of the network will be the same in a moment."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return error.status < 500
    return isinstance(error, aiohttp.ClientSSLError | ValueError) or _has_long_headers(error)


def _has_long_headers(error: Exception) -> bool:
    # aiohttp passes its own LineTooLong on as a text.
    told = error.message if isinstance(error, aiohttp.ClientResponseError) else ""
    return told.startswith("Got more than") or "Too many headers" in told


def _why(error: Exception, proxy: str = "") -> str:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        answer = f"the proxy {_host(proxy)} answered {error.status} {_decode(error.message)}".rstrip()
        return answer + (_ADVICE[407] if error.status == 407 else "")
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return f"cannot connect to the proxy {_host(proxy)}: {error.os_error.strerror}"
    if _has_long_headers(error):
        return _LONG_HEADERS
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

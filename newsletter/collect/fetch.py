"""I/O: the answer of a URL or the bytes of a file, within limits of time, size and redirects."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import defaultdict
from pathlib import Path
from urllib.parse import urljoin, urlsplit, urlunsplit

import aiohttp

from newsletter.errors import FetchError
from newsletter.model import Fetched, Validators

MAX_REDIRECTS = 5
_LOOPBACK = frozenset(["127.0.0.1", "::1", "localhost"])
_REDIRECTS = frozenset([301, 302, 303, 307, 308])
_CHUNK_BYTES = 64 * 1024


class HttpFetcher:
    """Fetches one thing at a time from each host; implements ports.Fetcher. Close it in the end.

    contact is an address or page where a site's owner reaches us. File paths are relative to base_folder.
    deadline_s is for a whole fetch with its redirects, without the wait for the same host's other fetches.
    """

    def __init__(
        self,
        *,
        version: str,
        contact: str,
        base_folder: Path,
        deadline_s: float = 60.0,
        max_body_bytes: int = 20_000_000,
    ) -> None:
        self._user_agent = f"newsletter/{version} (+{contact})"
        self._base_folder = base_folder
        self._deadline_s = deadline_s
        self._max_body_bytes = max_body_bytes
        self._hosts: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, location: str, known: Validators | None) -> Fetched | None:
        """Return the answer, None where it has not changed since ``known``.

        URLs are https; http only to this machine. Raises FetchError, which says what happened.
        """
        scheme = _scheme(location)
        if scheme in ("http", "https"):
            fetched = await self._fetch_url(location, known)
        elif scheme:
            raise FetchError(f"{location}: use an https: URL or a file path, not {scheme}:", url=location)
        else:
            body = await asyncio.to_thread(_load_file, self._base_folder / location, self._max_body_bytes)
            fetched = Fetched(body, location, Validators(content_hash=_hash(body)))
        if fetched and known and fetched.validators.content_hash == known.content_hash:
            return None
        return fetched

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _fetch_url(self, location: str, known: Validators | None) -> Fetched | None:
        url, left_s = location, self._deadline_s
        for _ in range(MAX_REDIRECTS + 1):
            _check_url(url, location)
            async with self._hosts[_host(url)]:
                started_s = asyncio.get_running_loop().time()
                try:
                    async with asyncio.timeout(left_s):
                        answer = await self._ask(url, known)
                except TimeoutError as error:
                    message = f"{_shown(url)}: not finished after {self._deadline_s:g} s"
                    raise FetchError(message, url=location) from error
                except (aiohttp.ClientError, OSError, ValueError) as error:
                    raise FetchError(f"{_shown(url)}: {_why(error)}", url=location) from error
                left_s -= asyncio.get_running_loop().time() - started_s
            if not isinstance(answer, str):
                return answer
            try:
                url = urljoin(url, answer)
            except ValueError as error:
                raise FetchError(f"{_shown(url)}: redirects to {answer[:200]!r}", url=location) from error
        raise FetchError(f"{_shown(location)}: more than {MAX_REDIRECTS} redirects", url=location)

    async def _ask(self, url: str, known: Validators | None) -> Fetched | str | None:
        """Return one answer, the address that it redirects to, or None for 'not modified'."""
        headers = _conditions(known)
        async with self._open_session().get(url, headers=headers, allow_redirects=False) as response:
            if response.status in _REDIRECTS and (target := response.headers.get("Location")):
                return target
            if response.status == 304 and headers:
                return None
            if response.status != 200:
                raise FetchError(
                    f"{_shown(url)}: answered {response.status} {response.reason or ''}".rstrip()
                    + _retry_note(response.headers.get("Retry-After")),
                    url=url,
                    status=response.status,
                )
            body = await self._read(response, url)
            validators = Validators(
                etag=response.headers.get("ETag", ""),
                last_modified=response.headers.get("Last-Modified", ""),
                content_hash=_hash(body),
            )
            return Fetched(body, url, validators)

    async def _read(self, response: aiohttp.ClientResponse, url: str) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            body += chunk
            if len(body) > self._max_body_bytes:
                raise FetchError(
                    f"{_shown(url)}: more than {_megabytes(self._max_body_bytes)}", url=url, status=200
                )
        return bytes(body)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=_build_connector(),
                headers={"User-Agent": self._user_agent},
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),  # the deadline is ours
                trust_env=False,
            )
        return self._session


def _build_connector() -> aiohttp.BaseConnector:
    """Return what opens the connections: the one place where an address can be refused."""
    return aiohttp.TCPConnector()


def _load_file(path: Path, max_body_bytes: int) -> bytes:
    try:
        if not path.is_file():
            what = "is not a file" if path.exists() else "there is no such file"
            raise FetchError(f"{path}: {what}", url=str(path))
        with path.open("rb") as file:
            body = file.read(max_body_bytes + 1)
    except (OSError, ValueError) as error:
        raise FetchError(f"{path}: {_why(error)}", url=str(path)) from error
    if len(body) > max_body_bytes:
        raise FetchError(f"{path}: more than {_megabytes(max_body_bytes)}", url=str(path))
    return body


def _check_url(url: str, location: str) -> None:
    """Refuse what is no https: URL, except plain http where the source itself is on this machine."""
    try:
        host, first = _host(url), _host(location)
    except ValueError as error:
        raise FetchError(f"{_shown(url)}: {error}", url=location) from error
    is_local = _scheme(url) == "http" and host in _LOOPBACK and first in _LOOPBACK
    if _scheme(url) != "https" and not is_local:
        raise FetchError(f"{_shown(url)}: only https: is fetched", url=location)
    if not host:
        raise FetchError(f"{_shown(url)}: the address has no host", url=location)


def _conditions(known: Validators | None) -> dict[str, str]:
    headers = {}
    if known and known.etag:
        headers["If-None-Match"] = known.etag
    if known and known.last_modified:
        headers["If-Modified-Since"] = known.last_modified
    return headers


def _retry_note(retry_after: str | None) -> str:
    if not retry_after:
        return ""
    unit = " s" if retry_after.strip().isdigit() else ""
    return f"; asks to come back after {retry_after.strip()[:60]}{unit}"


def _scheme(location: str) -> str:
    """Return the scheme of a URL, "" for a file path (one letter is a drive)."""
    scheme = location.partition(":")[0].lower() if ":" in location else ""
    is_url = "://" in location or scheme == "file"
    return scheme if is_url and len(scheme) > 1 else ""


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _shown(url: str) -> str:
    """Return the address without login, for messages."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _why(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the name {error.host} cannot be resolved"
    if isinstance(error, aiohttp.ClientSSLError):
        return f"no secure connection: {error}"
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno:
        return f"cannot connect: {os.strerror(error.os_error.errno)}"
    return str(error) or type(error).__name__


def _megabytes(count: int) -> str:
    return f"{count / 1e6:g} MB"


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()

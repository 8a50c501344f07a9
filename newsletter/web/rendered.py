"""Public pages are rendered once and then given out as they are, until something in the archive has changed.

A page is known by its path, the parameters that it reads, and its language. Whether the archive has changed is asked at
most once a second; while the database is away, what was rendered before is still given out.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import Response

from newsletter.errors import BusyError, LeftError, StoreError
from newsletter.logs import log

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_BYTES = 64 * 1024 * 1024
CHECK_EVERY_S = 1.0
_MIN_GZIP_BYTES = 1_000
_CACHE_CONTROL = "public, max-age=60"
_KEPT_HEADERS = ("content-type", "content-disposition", "link", "x-robots-tag")


@dataclass(frozen=True, slots=True)
class _Kept:
    """A rendered page. Its responses are given out again and again. size_bytes is what it takes in memory."""

    version: int
    etag: str
    plain: Response
    gzipped: Response
    unchanged: Response
    size_bytes: int


class RenderedPages:
    """The rendered pages of one site, the least recently asked for dropped first."""

    def __init__(
        self,
        load_version: Callable[[], Awaitable[int]],
        *,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load_version = load_version
        self._max_bytes = max_bytes
        self._clock = clock
        self._version = 0
        self._checked_at: float | None = None
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._rendering: dict[tuple[str, int], asyncio.Task[Response | _Kept]] = {}
        self.size_bytes = 0

    async def answer(self, request: Request, key: str, render: Callable[[], Awaitable[Response]]) -> Response:
        """Return the page of this key, rendered anew where it is not known as it is now.

        Raises what ``render`` raises; what is no answer with status 200 is not kept.
        """
        version = await self._find_version()
        kept = self._kept.get(key)
        if kept is None or kept.version != version:
            rendered = await self._render_once(key, version, render)
            while rendered is None:
                rendered = await self._render_once(key, version, render)
            if isinstance(rendered, Response):
                return rendered
            kept = rendered
        else:
            self._kept.move_to_end(key)
        return _choose(request, kept)

    def check_again(self) -> None:
        """Ask at the next page whether the archive has changed, however soon that is."""
        self._checked_at = None

    async def _find_version(self) -> int:
        now = self._clock()
        if self._checked_at is None or now - self._checked_at >= CHECK_EVERY_S:
            is_first = not self._version
            self._checked_at = now  # who asks meanwhile takes what is known
            try:
                self._version = await self._load_version()
            except StoreError as error:
                if is_first:
                    self._checked_at = None
                    raise
                log.warning(
                    "the database is unavailable; the last rendered pages are served", error=str(error)
                )
        return self._version

    async def _render_once(
        self, key: str, version: int, render: Callable[[], Awaitable[Response]]
    ) -> Response | _Kept | None:
        """Render a page, once for all who wait for it at this moment; None where that ended for a reason that is not
        ours: who asked first has left, or had had their share."""
        place = (key, version)
        task = self._rendering.get(place)
        is_first = task is None
        if task is None:
            task = asyncio.create_task(self._render(key, version, render))
            self._rendering[place] = task
            task.add_done_callback(lambda _: self._rendering.pop(place, None))
        try:
            # One who goes away must not take the page from the others.
            rendered = await asyncio.shield(task)
        except (BusyError, LeftError):
            if is_first:
                raise
            return None
        is_for_one = isinstance(rendered, Response) and rendered.status_code == 429
        return None if is_for_one and not is_first else rendered

    async def _render(
        self, key: str, version: int, render: Callable[[], Awaitable[Response]]
    ) -> Response | _Kept:
        response = await render()
        if response.status_code != 200:
            return response
        kept = _keep(version, response)
        self._put(key, kept)
        return kept

    def _put(self, key: str, kept: _Kept) -> None:
        before = self._kept.pop(key, None)
        if before is not None:
            self.size_bytes -= before.size_bytes
        if kept.size_bytes > self._max_bytes // 4:
            return
        self._kept[key] = kept
        self.size_bytes += kept.size_bytes
        while self.size_bytes > self._max_bytes:
            _, dropped = self._kept.popitem(last=False)
            self.size_bytes -= dropped.size_bytes


def _keep(version: int, response: Response) -> _Kept:
    body = bytes(response.body)
    etag = hashlib.sha256(body).hexdigest()[:20]
    known = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    headers = {"cache-control": _CACHE_CONTROL, "vary": "Accept-Encoding, Accept-Language, Cookie"}
    small = gzip.compress(body, 6, mtime=0) if len(body) >= _MIN_GZIP_BYTES else body
    encoding = {"content-encoding": "gzip"} if small is not body else {}
    return _Kept(
        version=version,
        etag=etag,
        plain=Response(body, headers={**known, **headers, "etag": f'"{etag}"'}),
        gzipped=Response(small, headers={**known, **headers, **encoding, "etag": f'"{etag}-gz"'}),
        unchanged=Response(status_code=304, headers={**headers, "etag": f'"{etag}"'}),
        size_bytes=len(body) + len(small) + 1_000,
    )


def _choose(request: Request, kept: _Kept) -> Response:
    headers = request.headers
    known = headers.get("if-none-match")
    if known is not None and has_tag(known, kept.etag):
        return kept.unchanged
    return kept.gzipped if accepts_gzip(headers.get("accept-encoding", "")) else kept.plain


def has_tag(header: str, etag: str) -> bool:
    """Say whether an If-None-Match header names a tag, in whatever encoding it was given out, or any tag at all."""
    names = (part.strip().removeprefix("W/").strip('"').removesuffix("-gz") for part in header.split(","))
    return any(name in (etag, "*") for name in names)


def accepts_gzip(header: str) -> bool:
    """Say whether an Accept-Encoding header allows gzip."""
    for part in header.lower().split(","):
        name, _, parameters = part.partition(";")
        if name.strip() in ("gzip", "*"):
            weight = parameters.strip().removeprefix("q=").strip()
            return not weight or weight.strip("0.") != ""
    return False

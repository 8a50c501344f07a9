"""Compressed bodies are unpacked piece by piece: in bounded memory, and one that was cut is told from a whole one."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE_BYTES = 64 * 1024
_LARGEST_WINDOW_LOG = 23  # 8 MB: https://www.rfc-editor.org/rfc/rfc9659


class Unpacker:
    """Unpacks one body, which is given chunk by chunk.

    coding is the header Content-Encoding, "" for a body that is not packed. Raises ValueError for one that is not
    in CODINGS.
    """

    def __init__(self, coding: str) -> None:
        self._coding = coding.strip().lower().removeprefix("x-")
        self._stream: _Stream | None = None
        if self._coding not in ("", "identity", *CODINGS):
            raise ValueError(f"packed as {coding[:50]!r}, which was not requested")

    def unpack(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what is in the next chunk, in pieces of about PIECE_BYTES. Raises ValueError if it is damaged."""
        if self._coding not in CODINGS:
            yield chunk
            return
        while chunk:
            try:
                if self._stream is None:
                    self._stream = CODINGS[self._coding](chunk)
                yield from self._stream.unpack(chunk)
            except _DAMAGES as error:
                raise ValueError(f"the response is not {self._coding}, or damaged") from error
            if not self._stream.is_done:
                return
            # gzip and zstd may go on with a second one
            chunk, self._stream = self._stream.rest, None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing at the end. A body of no bytes is whole."""
        return self._stream is None


class _Stream(Protocol):
    """One packed stream. rest is what follows it in the chunk with which it was done."""

    def unpack(self, chunk: bytes) -> Iterator[bytes]: ...

    @property
    def is_done(self) -> bool: ...

    @property
    def rest(self) -> bytes: ...


class _Zlib:
    def __init__(self, window_bits: int) -> None:
        self._inner = zlib.decompressobj(window_bits)

    def unpack(self, chunk: bytes) -> Iterator[bytes]:
        piece = bytes(PIECE_BYTES)
        while len(piece) == PIECE_BYTES and not self._inner.eof:
            piece = self._inner.decompress(chunk, PIECE_BYTES)
            chunk = self._inner.unconsumed_tail
            yield piece

    @property
    def is_done(self) -> bool:
        return self._inner.eof

    @property
    def rest(self) -> bytes:
        return self._inner.unused_data


class _Brotli:
    def __init__(self) -> None:
        self._inner = brotli.Decompressor()
        self.rest = b""

    def unpack(self, chunk: bytes) -> Iterator[bytes]:
        # can_accept_more_data() is no guide: it is true while there is still something to come out.
        while piece := self._inner.process(chunk, output_buffer_limit=PIECE_BYTES):
            yield piece
            if self._inner.is_finished():
                return
            chunk = b""

    @property
    def is_done(self) -> bool:
        return bool(self._inner.is_finished())


class _Zstd:
    def __init__(self) -> None:
        self._inner = zstd.ZstdDecompressor(
            options={zstd.DecompressionParameter.window_log_max: _LARGEST_WINDOW_LOG}
        )

    def unpack(self, chunk: bytes) -> Iterator[bytes]:
        yield self._inner.decompress(chunk, PIECE_BYTES)
        while not (self._inner.needs_input or self._inner.eof):
            yield self._inner.decompress(b"", PIECE_BYTES)

    @property
    def is_done(self) -> bool:
        return self._inner.eof

    @property
    def rest(self) -> bytes:
        return self._inner.unused_data


def _start_deflate(chunk: bytes) -> _Stream:
    """Return a stream with zlib's header, or without one, as some servers send it."""
    return _Zlib(zlib.MAX_WBITS if chunk[0] & 0x0F == 8 else -zlib.MAX_WBITS)


_DAMAGES = (zlib.error, brotli.error, zstd.ZstdError)

CODINGS: Mapping[str, Callable[[bytes], _Stream]] = MappingProxyType(
    {
        "gzip": lambda chunk: _Zlib(16 + zlib.MAX_WBITS),
        "deflate": _start_deflate,
        "br": lambda chunk: _Brotli(),
        "zstd": lambda chunk: _Zstd(),
    }
)
"""How a body of each Content-Encoding that we accept is begun, given its first chunk."""

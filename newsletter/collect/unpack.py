"""Compressed bodies are unpacked within a limit, by what their bytes say; one that was cut is told from a whole one."""

from __future__ import annotations

import re
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
_MOST_LAYERS = 4  # servers pack twice by mistake; there are bodies that unpack to themselves for ever
_MOST_STREAMS = 10_000  # one after each other; empty ones cost time, too
_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x78\x01": "deflate",
    b"\x78\x5e": "deflate",
    b"\x78\x9c": "deflate",
    b"\x78\xda": "deflate",
}
_TEXT_BYTES = 500
_TEXT = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:[<{\[][^\x00-\x08\x0e-\x1f]*)?")


def unpack(body: bytes | bytearray, codings: str, max_bytes: int) -> bytes:
    """Return a body as it was before it was packed; where that is more than max_bytes, only a little more than these.

    codings is the header Content-Encoding, in which servers write all kinds of words (a charset, ``none``,
    ``aws-chunked``), one twice, or none. So the bytes decide: what begins as gzip, zstd or zlib is unpacked, again and
    again if need be, anything else is left as it is. Brotli and deflate without zlib's header have no such beginning:
    there the header decides, unless the body is plainly a text. What follows a whole stream and is none is passed over.

    Raises EOFError where the body was cut, ValueError where it is damaged.
    """
    words = [word.strip().lower() for word in codings.split(",")]
    blind = [word for word in reversed(words) if word in ("br", "deflate")]
    for _ in range(_MOST_LAYERS):
        coding = _tell_coding(body)
        if not coding and blind and not _TEXT.fullmatch(body[:_TEXT_BYTES]):
            coding = blind[0]
        if not coding or len(body) > max_bytes:
            break
        if coding in blind:
            blind.remove(coding)
        body = _unpack_one(body, coding, max_bytes)
    return bytes(body)


def _tell_coding(start: bytes | bytearray) -> str:
    """Return the coding of which these bytes are the beginning, "" for none that can be told."""
    for magic, coding in _MAGIC.items():
        if start.startswith(magic):
            return coding
    return ""


def _unpack_one(body: bytes | bytearray, coding: str, max_bytes: int) -> bytes:
    """Return what is in a packed body: one stream, or several after each other."""
    unpacked = bytearray()
    offset = 0
    for _ in range(_MOST_STREAMS):
        stream = CODINGS[coding](bytes(body[offset : offset + 1]))
        while not stream.is_done:
            chunk = bytes(body[offset : offset + PIECE_BYTES])
            if not chunk:
                raise EOFError(f"the {coding} ends in the middle")
            try:
                for piece in stream.unpack(chunk):
                    unpacked += piece
                    if len(unpacked) > max_bytes:
                        return bytes(unpacked)
            except _DAMAGES as error:
                raise ValueError(f"the response is not {coding}, or damaged") from error
            offset += len(chunk)
        offset -= len(stream.rest)
        if _tell_coding(body[offset : offset + 4]) != coding:
            return bytes(unpacked)
    raise ValueError(f"the response is {coding} in more than {_MOST_STREAMS} pieces")


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


def _start_deflate(start: bytes) -> _Stream:
    """Return a stream with zlib's header, or without one, as some servers send it."""
    return _Zlib(zlib.MAX_WBITS if start[0] & 0x0F == 8 else -zlib.MAX_WBITS)


_DAMAGES = (zlib.error, brotli.error, zstd.ZstdError)

CODINGS: Mapping[str, Callable[[bytes], _Stream]] = MappingProxyType(
    {
        "gzip": lambda start: _Zlib(16 + zlib.MAX_WBITS),
        "deflate": _start_deflate,
        "br": lambda start: _Brotli(),
        "zstd": lambda start: _Zstd(),
    }
)
"""How a stream of each Content-Encoding that we ask for is begun, given its first bytes."""

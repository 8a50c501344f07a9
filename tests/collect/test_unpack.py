from __future__ import annotations

import gzip
import os
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.collect.unpack import CODINGS, PIECE_BYTES, unpack

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


pack_gzip = partial(gzip.compress, mtime=0)
"""Each process that collects these tests makes the same bytes, and so the same names."""


def pack_raw(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "two gzips": ("gzip", lambda body: pack_gzip(body[:7]) + pack_gzip(body[7:])),
    "deflate": ("deflate", zlib.compress),
    "deflate without a header": ("deflate", pack_raw),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
    "two zstds": ("zstd", lambda body: zstd.compress(body[:7]) + zstd.compress(body[7:])),
    "nothing": ("", bytes),
    "identity": ("identity", bytes),
}
NOISE = os.urandom(200_000)
MAX_BYTES = 1_000_000


@pytest.mark.parametrize("name", PACKERS)
@given(body=st.binary(max_size=300), times=st.integers(1, 2_000))
def test_body_comes_out_as_it_went_in(name: str, body: bytes, times: int) -> None:
    coding, pack = PACKERS[name]
    body = b"<rss>" + body * times

    assert unpack(pack(body), coding, MAX_BYTES) == body


TEXT = b'<?xml version="1.0"?><rss version="2.0"><channel><title>Salt from the sea</title></channel></rss>'
JSON = b'{"version": "https://jsonfeed.org/version/1.1", "title": "Salt from the sea", "items": []}'
BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize("body", [TEXT, JSON, BOM + TEXT, b"\r\n  " + TEXT, TEXT.decode().encode("utf-16")])
@pytest.mark.parametrize(
    "coding",
    [
        *(
            "UTF-8",
            "utf-8",
            "utf8",
            "iso-8859-1",
            "none",
            "None",
            "8bit",
            "7bit",
            "binary",
            "identity",
            "text/xml",
        ),
        *("aws-chunked", "*", ",", "chunked", "compress", "lzma", "", "zstd"),
        *("gzip", "x-gzip", "GZIP", "gzip, gzip", "identity, gzip", "gzip,aws-chunked"),
    ],
)
def test_text_that_is_called_packed_is_text(body: bytes, coding: str) -> None:
    assert unpack(body, coding, MAX_BYTES) == body


@pytest.mark.parametrize("body", [TEXT, JSON, BOM + TEXT, b"\r\n  " + TEXT, b"[]", b"{}", b"<"])
@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, deflate, br", "br, br"])
def test_text_that_is_called_packed_in_a_coding_without_a_mark_is_text(body: bytes, coding: str) -> None:
    assert unpack(body, coding, MAX_BYTES) == body


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", pack_gzip(TEXT) + bytes(3)),
        ("gzip", pack_gzip(TEXT) + bytes(100_000)),
        ("gzip", pack_gzip(TEXT) + b"\r\n"),
        ("gzip", pack_gzip(TEXT) + b"<!-- served in 3 ms -->"),
        ("gzip", pack_gzip(TEXT[:9]) + pack_gzip(TEXT[9:]) + b"\0"),
        ("", pack_gzip(TEXT)),
        ("", zlib.compress(TEXT)),
        ("", zlib.compress(TEXT, level=1)),
        ("", zstd.compress(TEXT)),
        ("identity", pack_gzip(TEXT)),
        ("UTF-8", pack_gzip(TEXT)),
        ("gzip,aws-chunked", pack_gzip(TEXT)),
        ("aws-chunked, gzip", pack_gzip(TEXT)),
        ("identity, gzip", pack_gzip(TEXT)),
        ("gzip, gzip", pack_gzip(TEXT)),
        ("gzip, gzip", pack_gzip(pack_gzip(TEXT))),
        ("gzip", pack_gzip(pack_gzip(TEXT))),
        ("", pack_gzip(pack_gzip(TEXT))),
        ("gzip, br", brotli.compress(pack_gzip(TEXT))),
        ("br, gzip", pack_gzip(brotli.compress(TEXT))),
        ("br", pack_gzip(TEXT)),
        ("deflate", pack_gzip(TEXT)),
        ("gzip", zlib.compress(TEXT)),
        ("gzip", zstd.compress(TEXT)),
        ("gzip, deflate", pack_gzip(TEXT)),
        ("deflate, gzip", pack_gzip(pack_raw(TEXT))),
        ("br, br", brotli.compress(brotli.compress(TEXT))),
        ("zstd", zstd.compress(TEXT) + b"\0\0"),
        ("deflate", zlib.compress(TEXT) + b"\n"),
    ],
)
def test_packed_body_is_unpacked_by_what_its_bytes_say(coding: str, packed: bytes) -> None:
    assert unpack(packed, coding, MAX_BYTES) == TEXT


@pytest.mark.parametrize("name", ["gzip", "deflate", "deflate without a header", "br", "zstd"])
@pytest.mark.parametrize("kept", [0.001, 0.5, 0.99, -1])
def test_cut_body_is_not_whole(name: str, kept: float) -> None:
    coding, pack = PACKERS[name]
    packed = pack(NOISE)
    end = int(len(packed) * kept) if kept > 0 else -1

    with pytest.raises(EOFError):
        unpack(packed[:end], coding, MAX_BYTES)


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", pack_gzip(TEXT)[:-8] + bytes(8)),
        ("gzip", b"\x1f\x8b" + TEXT),
        ("zstd", b"\x28\xb5\x2f\xfd" + b"\xff" * 50),
        ("deflate", b"\xff" * 50),
        ("br", b"\xff" * 50),
    ],
)
def test_damaged_body_is_told(coding: str, packed: bytes) -> None:
    with pytest.raises(ValueError, match=f"the response is not {coding}, or damaged"):
        unpack(packed, coding, MAX_BYTES)


@pytest.mark.parametrize("coding", [*CODINGS, ""])
@given(junk=st.binary(min_size=1))
def test_any_bytes_are_unpacked_or_refused_but_never_crash(coding: str, junk: bytes) -> None:
    with suppress(ValueError, EOFError):
        unpack(junk, coding, MAX_BYTES)


@pytest.mark.parametrize("coding", [*CODINGS, "", "gzip, br"])
def test_empty_body_is_whole(coding: str) -> None:
    assert unpack(b"", coding, MAX_BYTES) == b""


PACK_BOMB: dict[str, Callable[[bytes], bytes]] = {
    "gzip": partial(pack_gzip, compresslevel=1),
    "deflate": partial(zlib.compress, level=1),
    "br": partial(brotli.compress, quality=5),
    "zstd": zstd.compress,
}


@cache
def pack_bomb(coding: str) -> bytes:
    """Return bytes that unpack to 50 MB. It takes a while: a process that only collects the tests needs none."""
    return PACK_BOMB[coding](bytes(50_000_000))


@pytest.mark.parametrize(
    ("coding", "packed", "wrap"),
    [
        *((coding, coding, bytes) for coding in PACK_BOMB),
        ("", "gzip", bytes),
        ("gzip, gzip", "gzip", pack_gzip),
        ("gzip", "zstd", lambda bomb: pack_gzip(pack_gzip(bomb))),
        ("gzip", "gzip", lambda bomb: pack_gzip(b"") * 5_000 + bomb),
    ],
)
def test_bomb_is_left_when_it_is_larger_than_allowed(
    coding: str, packed: str, wrap: Callable[[bytes], bytes]
) -> None:
    bomb = wrap(pack_bomb(packed))
    tracemalloc.start()
    try:
        unpacked = unpack(bomb, coding, MAX_BYTES)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert MAX_BYTES < len(unpacked) <= MAX_BYTES + 2 * PIECE_BYTES
    assert peak < 3 * MAX_BYTES


def test_what_is_packed_again_and_again_is_left_at_some_depth() -> None:
    body = TEXT
    for _ in range(9):
        body = pack_gzip(body)

    assert unpack(body, "gzip", MAX_BYTES).startswith(b"\x1f\x8b")


def test_endless_row_of_empty_streams_is_left() -> None:
    with pytest.raises(ValueError, match="in more than 10000 pieces"):
        unpack(pack_gzip(b"") * 20_000, "gzip", MAX_BYTES)

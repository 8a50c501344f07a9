from __future__ import annotations

import gzip
import os
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.collect.unpack import CODINGS, PIECE_BYTES, Unpacker

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def pack_raw(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "two gzips": ("gzip", lambda body: gzip.compress(body[:7]) + gzip.compress(body[7:])),
    "deflate": ("deflate", zlib.compress),
    "deflate without a header": ("deflate", pack_raw),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
    "two zstds": ("zstd", lambda body: zstd.compress(body[:7]) + zstd.compress(body[7:])),
    "nothing": ("", bytes),
    "identity": ("identity", bytes),
}
NOISE = os.urandom(200_000)


def unpack(coding: str, packed: bytes, chunk_bytes: int = PIECE_BYTES) -> tuple[bytes, bool]:
    unpacker = Unpacker(coding)
    body = b"".join(
        piece
        for start in range(0, len(packed), chunk_bytes)
        for piece in unpacker.unpack(packed[start : start + chunk_bytes])
    )
    return body, unpacker.is_whole


@pytest.mark.parametrize("name", PACKERS)
@given(body=st.binary(max_size=300), times=st.integers(1, 2_000), chunk_bytes=st.integers(1, 5_000))
def test_body_comes_out_as_it_went_in_however_it_is_chunked(
    name: str, body: bytes, times: int, chunk_bytes: int
) -> None:
    coding, pack = PACKERS[name]

    assert unpack(coding, pack(body * times), chunk_bytes) == (body * times, True)


@pytest.mark.parametrize("name", ["gzip", "deflate", "deflate without a header", "br", "zstd"])
@pytest.mark.parametrize("kept", [0.001, 0.5, 0.99, -1])
def test_cut_body_is_not_whole(name: str, kept: float) -> None:
    coding, pack = PACKERS[name]
    packed = pack(NOISE)
    end = int(len(packed) * kept) if kept > 0 else -1

    body, is_whole = unpack(coding, packed[:end])

    assert not is_whole
    assert NOISE.startswith(body)


@pytest.mark.parametrize("coding", CODINGS)
@given(junk=st.binary(min_size=1))
def test_any_bytes_are_unpacked_or_refused_but_never_crash(coding: str, junk: bytes) -> None:
    with suppress(ValueError):
        unpack(coding, junk)


@pytest.mark.parametrize("coding", CODINGS)
def test_empty_body_is_whole(coding: str) -> None:
    assert unpack(coding, b"") == (b"", True)


@pytest.mark.parametrize("coding", ["lzma", "gzip, gzip", "compress", "x-br2"])
def test_coding_that_we_did_not_ask_for_is_refused(coding: str) -> None:
    with pytest.raises(ValueError, match="which was not requested"):
        Unpacker(coding)


@pytest.mark.parametrize(
    ("coding", "bomb"),
    [
        ("gzip", gzip.compress(bytes(50_000_000), compresslevel=1)),
        ("deflate", zlib.compress(bytes(50_000_000), level=1)),
        ("br", brotli.compress(bytes(50_000_000), quality=5)),
        ("zstd", zstd.compress(bytes(50_000_000))),
    ],
    ids=CODINGS,
)
def test_bomb_comes_in_small_pieces(coding: str, bomb: bytes) -> None:
    unpacker = Unpacker(coding)
    tracemalloc.start()
    try:
        sizes = [
            len(piece)
            for start in range(0, len(bomb), PIECE_BYTES)
            for piece in unpacker.unpack(bomb[start : start + PIECE_BYTES])
        ]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert sum(sizes) == 50_000_000
    assert max(sizes) <= 2 * PIECE_BYTES
    assert peak < 2_000_000


def test_zstd_that_asks_for_much_memory_is_refused() -> None:
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    packed = packer.compress(NOISE) + packer.flush()

    with pytest.raises(ValueError, match="is not zstd"):
        unpack("zstd", packed)

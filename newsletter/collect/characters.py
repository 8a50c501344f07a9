"""Bytes → text, as browsers read them: labels of the Encoding Standard stand for the codec that vendors really write.

What is labelled Shift_JIS, EUC-KR or GBK has characters that only the vendor's superset knows; ISO 8859-1 means
Windows-1252. Source: https://encoding.spec.whatwg.org/#names-and-labels
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

# Codec of Python → the standard's labels, and some that only feeds and databases use.
_TABLE = """
    utf-8         unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8 utf8mb4 utf8mb3
                  cp65001
    utf-16-le     csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le utf16
    utf-16-be     unicodefffe utf-16be
    utf-32        utf-32 utf32 ucs-4 iso-10646-ucs-4
    cp866         866 cp866 csibm866 ibm866
    iso8859-2     csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2
    iso8859-3     csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3
    iso8859-4     csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4
    iso8859-5     csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988
    iso8859-6     arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 iso-8859-6-e iso-8859-6-i
                  iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987
    iso8859-7     csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597 iso_8859-7
                  iso_8859-7:1987 sun_eu_greek
    iso8859-8     csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8 iso88598 iso_8859-8
                  iso_8859-8:1988 visual csiso88598i iso-8859-8-i logical
    iso8859-10    csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6
    iso8859-13    iso-8859-13 iso8859-13 iso885913
    iso8859-14    iso-8859-14 iso8859-14 iso885914
    iso8859-15    csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9 latin9 latin-9
    iso8859-16    iso-8859-16
    koi8-r        cskoi8r koi koi8 koi8-r koi8_r
    koi8-u        koi8-ru koi8-u
    mac-roman     csmacintosh mac macintosh x-mac-roman
    mac-cyrillic  x-mac-cyrillic x-mac-ukrainian
    cp874         dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874
    cp1250        cp1250 windows-1250 x-cp1250
    cp1251        cp1251 windows-1251 x-cp1251 win-1251 win1251
    cp1252        ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591
                  iso_8859-1 iso_8859-1:1987 l1 latin1 latin-1 us-ascii windows-1252 x-cp1252
    cp1253        cp1253 windows-1253 x-cp1253
    cp1254        cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 latin5
                  windows-1254 x-cp1254
    cp1255        cp1255 windows-1255 x-cp1255
    cp1256        cp1256 windows-1256 x-cp1256
    cp1257        cp1257 windows-1257 x-cp1257
    cp1258        cp1258 windows-1258 x-cp1258
    gb18030       chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk gb18030 cp936 ms936
                  windows-936 euc-cn x-euc-cn
    big5hkscs     big5 big5-hkscs cn-big5 csbig5 x-x-big5 cp950 ms950 windows-950 x-big5
    euc_jp        cseucpkdfmtjapanese euc-jp x-euc-jp eucjp ujis cp51932 eucjp-win eucjp-ms
    iso2022_jp    csiso2022jp iso-2022-jp cp50220 cp50221 iso-2022-jp-ms
    cp932         csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis cp932 windows-932 cswindows31j
                  x-ms-cp932 sjis-win
    cp949         cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601
                  windows-949 x-windows-949 ms949 cp949 uhc euckr x-euc-kr
    hz            hz-gb-2312
    iso2022_kr    iso-2022-kr csiso2022kr
"""

# What is tried where a codec does not fit: the same encoding with more rows.
_WIDER = {"euc_jp": "euc_jis_2004", "big5hkscs": "cp950"}
# Servers claim these for whatever they send, and any bytes can be read as that.
_CLAIMED_FOR_ALL = "cp1252"
_GUESS = "cp1252"

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# How "<?" or "<r" begins without a mark: https://www.w3.org/TR/xml/#sec-guessing
_BEGINNINGS = (
    (re.compile(rb"\s*<\0\0\0"), "utf-32-le"),
    (re.compile(rb"\0\0\0<"), "utf-32-be"),
    (re.compile(rb"(?:\s\0)*<\0[^\0]\0", re.DOTALL), "utf-16-le"),
    (re.compile(rb"(?:\0\s)*\0<\0[^\0]", re.DOTALL), "utf-16-be"),
    (re.compile(rb"\x4c\x6f\xa7\x94"), "cp037"),
)
_IN_HEADER = re.compile(r"charset\s*=\s*[\"']?([^\s;\"']{1,40})", re.IGNORECASE)
_IN_XML = re.compile(rb"\s*<\?xml\s[^<>]{,200}?encoding\s*=\s*[\"']\s*([\w.:-]{1,40})\s*[\"']", re.IGNORECASE)
_IN_PAGE = re.compile(rb"<meta\b[^<>]{,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_PAGE = re.compile(rb"<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_BAD = "\ufffd"
_MOST_BAD = 0.2  # of what is not ASCII


class Read(NamedTuple):
    """A text, the codec that it was read with, and whether nothing but a guess speaks for that."""

    text: str
    codec: str
    is_guess: bool = False


def read_characters(body: bytes, content_type: str = "") -> Read:
    """Return the text of a feed or page without its byte order mark.

    A mark decides. Then bytes that read as UTF-8 are UTF-8, whatever is said of them: in another encoding more
    sequences are bad than good. Else the header decides (RFC 7303 section 3), then the declaration, then the page's own
    meta; a header that claims ISO 8859-1, as servers do for all that they send, comes last. Some bad bytes become
    replacement signs. What fits nothing that is named is read as Windows-1252: a guess.
    """
    for mark, codec in _MARKS:
        if body.startswith(mark):
            return Read(body[len(mark) :].decode(codec, "replace"), codec)
    for beginning, codec in _BEGINNINGS:
        if beginning.match(body):
            return Read(body.decode(codec, "replace"), codec)
    named = tuple(dict.fromkeys(_find_codecs(body, content_type)))
    for codec in named:
        if codec.startswith(("iso2022", "hz")) and (b"\x1b" in body or b"~{" in body):
            return Read(_decode_shifted(body, codec), codec)
    if body.isascii():
        return Read(body.decode("ascii"), "ascii")
    if (text := _decode(body, "utf-8", most_bad=0.5)) is not None:
        return Read(text, "utf-8")
    for most_bad in (0.0, _MOST_BAD):
        for codec in named:
            if (text := _decode(body, codec, most_bad)) is not None:
                return Read(text, codec)
    return Read(body.decode(_GUESS, "replace"), _GUESS, is_guess=True)


def find_codec(label: str) -> str | None:
    """Return Python's codec for a label, None for one that nobody knows."""
    name = label.strip().casefold()
    if name in _CODECS:
        return _CODECS[name]
    # Other codecs of Python are not for texts (punycode, idna, unicode_escape).
    if not re.fullmatch(
        r"(?:x-)?(?:cp|ibm|iso|mac|windows|koi|kz|pt|hp|johab|gb|shift|euc|big5)[\w.:-]*", name
    ):
        return None
    try:
        codec = codecs.lookup(name.removeprefix("x-").replace("windows-", "cp")).name
    except (LookupError, ValueError):
        return None
    return _CODECS.get(codec) or _CODECS.get(codec.replace("_", "-"), codec)


def _find_codecs(body: bytes, content_type: str) -> Iterator[str]:
    """Yield the codecs that are named, the most believable first."""
    in_header = _IN_HEADER.search(content_type)
    claimed = find_codec(in_header[1]) if in_header else None
    declared = _IN_XML.match(body) or (_IN_PAGE.search(body[:2_000]) if _PAGE.search(body[:2_000]) else None)
    written = find_codec(declared[1].decode("ascii", "replace")) if declared else None
    both = (written, claimed) if claimed == _CLAIMED_FOR_ALL else (claimed, written)
    # Who could read a declaration byte by byte does not read UTF-16.
    yield from (codec for codec in both if codec and not codec.startswith(("utf-16", "utf-32")))


def _decode(body: bytes, codec: str, most_bad: float) -> str | None:
    """Return the text, None where more than this share of what is not ASCII cannot be read."""
    texts = []
    for name in filter(None, (codec, _WIDER.get(codec))):
        try:
            return body.decode(name)
        except ValueError:
            if most_bad:  # step by step: half a character at the end is left out
                texts.append(codecs.getincrementaldecoder(name)("replace").decode(body))
    text = min(texts, key=lambda text: text.count(_BAD), default="")
    bad = text.count(_BAD)
    good = len(text) - len(text.encode("ascii", "ignore")) - bad
    return text if good and bad <= (good + bad) * most_bad else None


def _decode_shifted(body: bytes, codec: str) -> str:
    """Return a text in an encoding that shifts between alphabets. ISO-2022-JP with the vendors' row of numbers and
    signs is the same table as EUC-JP with its highest bits off."""
    try:
        return body.decode(codec)
    except ValueError:
        if codec != "iso2022_jp":
            return body.decode(codec, "replace")
    parts = re.split(rb"\x1b(\$[@B]|\([BJI])", body)
    text = parts[0].decode("ascii", "replace")
    for shift, part in zip(parts[1::2], parts[2::2], strict=True):
        high = bytes(byte | 0x80 if byte > 0x20 else byte for byte in part)
        if shift.startswith(b"$"):
            text += high.decode("euc_jis_2004", "replace")
        else:
            text += high.decode("cp932", "replace") if shift == b"(I" else part.decode("ascii", "replace")
    return text


def _read_table() -> Mapping[str, str]:
    labels: dict[str, str] = {}
    codec = ""
    for line in _TABLE.splitlines():
        words = line.split()
        if line[4:5].strip() and words:
            codec, *words = words
        labels |= dict.fromkeys(words, codec)
    return labels


_CODECS = _read_table()

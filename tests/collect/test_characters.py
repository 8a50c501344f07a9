from __future__ import annotations

import pytest

from newsletter.collect.characters import find_codec, read_characters


def make_xml(text: str, label: str = "") -> str:
    declaration = f'<?xml version="1.0" encoding="{label}"?>' if label else ""
    return f"{declaration}<rss><title>{text}</title></rss>"


# A label, the codec that its vendors write, and a text that the label's own codec does not have or Python not know.
LABELLED = [
    ("Shift_JIS", "cp932", "第①回 ㈱海辺 髙橋"),
    ("shift-jis", "cp932", "海辺の灯台"),
    ("sjis", "cp932", "№5 ㌔"),
    ("x-sjis", "cp932", "山頂の小屋"),
    ("windows-31j", "cp932", "纊・灯台"),
    ("EUC-JP", "euc_jis_2004", "第②回 ㈱山頂"),
    ("x-euc-jp", "euc_jp", "山頂の小屋"),
    ("ISO-2022-JP", "iso2022_jp", "海辺の灯台"),
    ("EUC-KR", "cp949", "똠방각하 펲시콜라"),
    ("EUC_KR", "cp949", "똠방각하"),
    ("ks_c_5601-1987", "cp949", "햏볕"),
    ("x-windows-949", "cp949", "쏙독새"),
    ("GB2312", "gb18030", "朱镕基 价格5€"),
    ("gbk", "gb18030", "河流与桥梁 ①"),
    ("x-gbk", "gb18030", "㐀 四字节"),
    ("Big5", "big5hkscs", "啫喱 㗎"),
    ("big5", "cp950", "價格5€ 裏"),
    ("ISO-8859-1", "cp1252", "“Größe” – 5€"),
    ("latin1", "cp1252", "it’s"),
    ("us-ascii", "cp1252", "naïve…"),
    ("ISO-8859-9", "cp1254", "İstanbul’da"),
    ("tis-620", "cp874", "“ภาษาไทย”"),
    ("iso-8859-11", "cp874", "ภาษา…"),
    ("ISO-8859-8-I", "iso8859-8", "שלום עולם"),
    ("logical", "iso8859-8", "שלום"),
    ("x-cp1251", "cp1251", "Белый снег"),
    ("win-1251", "cp1251", "Снег"),
    ("koi8", "koi8_r", "Белый снег"),
    ("koi8-ru", "koi8_u", "Їжак і ґава"),
    ("x-mac-roman", "mac_roman", "Größe – ﬁne"),
    ("x-mac-cyrillic", "mac_cyrillic", "Снег"),
    ("cyrillic", "iso8859-5", "Снег и лёд"),
    ("greek8", "iso8859-7", "Θάλασσα"),
    ("l2", "iso8859-2", "żółć"),
    ("ibm866", "cp866", "Снег"),
    ("cp437", "cp437", "naïve"),
]


@pytest.mark.parametrize(("label", "codec", "text"), LABELLED)
def test_label_stands_for_the_codec_that_vendors_write(label: str, codec: str, text: str) -> None:
    declared = read_characters(make_xml(text, label).encode(codec), "text/xml")
    in_header = read_characters(make_xml(text).encode(codec), f'application/xml; charset="{label.upper()}"')

    assert text in declared.text
    assert text in in_header.text
    assert not declared.is_guess
    assert not in_header.is_guess


@pytest.mark.parametrize(
    ("label", "codec", "text"), [row for row in LABELLED if not row[1].startswith("iso2022")]
)
def test_one_bad_byte_costs_that_letter_and_not_the_feed(label: str, codec: str, text: str) -> None:
    good = make_xml(text * 3, label).encode(codec)
    bad = read_characters(good.replace(b"</title>", b"\xff\x00</title>".replace(b"\x00", b"")), "text/xml")

    assert text in bad.text
    assert not bad.is_guess


def test_japanese_mail_encoding_has_the_numbers_of_vendors() -> None:
    row = bytes(byte & 0x7F for byte in "第③回".encode("euc_jis_2004"))
    body = b"<rss>\x1b$B" + row + b"\x1b(B ok</rss>"

    assert read_characters(body, "text/xml; charset=iso-2022-jp").text == "<rss>第③回 ok</rss>"


@pytest.mark.parametrize(
    "codec", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "cp037"]
)
@pytest.mark.parametrize("label", ["", "utf-8", "iso-8859-1", "utf-16"])
def test_mark_or_beginning_decides_before_any_label(codec: str, label: str) -> None:
    text = "Grose" if codec == "cp037" else "Größe 海"
    if codec == "cp037" and not label:
        pytest.skip("a beginning without a declaration is nowhere in EBCDIC")
    body = make_xml(text, label).encode(codec)

    assert text in read_characters(body, "text/xml; charset=windows-1251").text


@pytest.mark.parametrize(
    ("body", "content_type", "text", "is_guess"),
    [
        # UTF-8 shows itself, whatever is said of it.
        (make_xml("Größe", "shift_jis").encode(), "text/xml; charset=latin1", "Größe", False),
        (make_xml("Größe", "utf-16").encode(), "", "Größe", False),
        (make_xml("Größe 海").encode() + b"\xff", "", "Größe 海", False),
        # The header goes before the declaration, but not if it is what servers say of everything.
        (
            make_xml("Снег и лёд", "koi8-r").encode("cp1251"),
            "text/xml; charset=windows-1251",
            "Снег и лёд",
            False,
        ),
        (
            make_xml("Снег и лёд", "windows-1251").encode("cp1251"),
            "text/xml; charset=iso-8859-1",
            "Снег и лёд",
            False,
        ),
        (
            make_xml("Снег и лёд", "bogus").encode("cp1251"),
            "text/xml; charset=windows-1251",
            "Снег и лёд",
            False,
        ),
        (
            make_xml("Снег и лёд", "windows-1251").encode("cp1251"),
            "text/xml; charset=bogus",
            "Снег и лёд",
            False,
        ),
        # A page says it itself.
        (
            b"<!doctype html><html><meta charset='koi8-r'>" + "Снег".encode("koi8-r"),
            "text/html",
            "Снег",
            False,
        ),
        (
            b'<html><meta http-equiv="Content-Type" content="text/html; charset=euc-kr">'
            + "쏙독새".encode("cp949"),
            "",
            "쏙독새",
            False,
        ),
        # Nothing says anything.
        (make_xml("Größe").encode("latin1"), "text/xml", "Größe", True),
        (make_xml("Größe", "bogus").encode("latin1"), "text/xml; charset=", "Größe", True),
        (make_xml("Größe", "unicode_escape").encode("latin1"), "", "Größe", True),
        (make_xml("plain", "bogus").encode(), "", "plain", False),
        (b"", "", "", False),
    ],
)
def test_what_speaks_for_an_encoding_has_its_order(
    body: bytes, content_type: str, text: str, is_guess: bool
) -> None:
    read = read_characters(body, content_type)

    assert text in read.text
    assert read.is_guess is is_guess


@pytest.mark.parametrize(
    "label", ["punycode", "idna", "unicode_escape", "rot13", "base64", "undefined", "x", "", "ü"]
)
def test_label_of_what_is_no_text_is_unknown(label: str) -> None:
    assert find_codec(label) is None

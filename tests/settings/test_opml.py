from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import ConfigError
from newsletter.settings.opml import MAX_FEEDS, FeedList, Outline, build_opml, parse_opml
from tests.support.builders import at

NOW = at("2026-06-16 18:30")


def make_opml(*outlines: str, declaration: str = '<?xml version="1.0"?>') -> str:
    return f'{declaration}<opml version="2.0"><head><title>x</title></head><body>{"".join(outlines)}</body></opml>'


def read(text: str | bytes) -> FeedList:
    return parse_opml(text.encode() if isinstance(text, str) else text, "feeds.opml")


@pytest.mark.parametrize(
    ("outline", "title", "url"),
    [
        ('<outline type="rss" text="A" xmlUrl="https://a.example/f"/>', "A", "https://a.example/f"),
        ('<outline text="A" title="B" xmlUrl="https://a.example/f"/>', "B", "https://a.example/f"),
        ('<outline title="" text="A" xmlUrl="https://a.example/f"/>', "A", "https://a.example/f"),
        ('<outline xmlUrl="https://a.example/f"/>', "", "https://a.example/f"),
        ('<outline text="A" xmlurl="https://a.example/f"/>', "A", "https://a.example/f"),
        ('<OUTLINE TEXT="A" XMLURL="https://a.example/f"/>', "A", "https://a.example/f"),
        ('<outline type="atom" text="A" url="https://a.example/f"/>', "A", "https://a.example/f"),
        ('<outline text="A" xmlUrl="feed://a.example/f"/>', "A", "http://a.example/f"),
        ('<outline text="A" xmlUrl="feed:https://a.example/f"/>', "A", "https://a.example/f"),
        ('<outline text="A" xmlUrl="FEED:HTTP://a.example/f"/>', "A", "HTTP://a.example/f"),
        ('<outline text="A" xmlUrl="itpc://a.example/f"/>', "A", "http://a.example/f"),
        ('<outline text="A" xmlUrl=" https://a.example/f?a=1&b=2 "/>', "A", "https://a.example/f?a=1&b=2"),
        ('<outline text="A" xmlUrl="https://a.example/f?a=1&amp;b=2"/>', "A", "https://a.example/f?a=1&b=2"),
        ('<outline text="A" xmlUrl="https://a.example/a b"/>', "A", "https://a.example/a%20b"),
        ('<outline text="A & B" xmlUrl="https://a.example/f"/>', "A & B", "https://a.example/f"),
        ('<outline text="Caf&eacute;&nbsp;&#233; &copy;" xmlUrl="https://a.example/f"/>', "Café é ©", "https://a.example/f"),
        ('<outline text="A" xmlUrl="https://a.example/f?x&copy=1"/>', "A", "https://a.example/f?x&copy=1"),
        ('<outline text="A\n\tB\u0007" xmlUrl="https://a.example/f"/>', "A B", "https://a.example/f"),
        ('<outline text="A" title="&lt;b&gt;" xmlUrl="https://a.example/f"></outline>,', "<b>", "https://a.example/f"),
        ('<outline text="A" xmlUrl="mailto:a"/>', "A", "mailto:a"),
    ],
)  # fmt: skip
def test_feeds_are_read_as_programs_write_them(outline: str, title: str, url: str) -> None:
    assert read(make_opml(outline)) == FeedList((Outline(title, url, 1),))


def test_feeds_in_folders_keep_their_order_and_their_lines() -> None:
    listed = read(
        make_opml(
            '\n<outline text="Science">\n<outline text="Deep"><outline xmlUrl="https://a.example/1"/></outline>',
            '\r\n<outline xmlUrl="https://a.example/2" text="two">'
            '<outline xmlUrl="https://a.example/3"/></outline></outline>\r\n',
            '<outline type="link" url="https://a.example/"/><outline text="an empty folder"/>',
            '<outline type="rss" text="lost its address"/>',
        )
    )

    assert [(feed.url[-1], feed.line) for feed in listed.feeds] == [("1", 3), ("2", 4), ("3", 4)]
    assert listed.others == 2


@pytest.mark.parametrize(
    ("encoding", "declaration"),
    [
        ("utf-8", ""),
        ("utf-8-sig", '<?xml version="1.0" encoding="utf-8"?>'),
        ("utf-8", '<?xml version="1.0" encoding="iso-8859-1"?>'),
        ("utf-16", '<?xml version="1.0" encoding="utf-16"?>'),
        ("utf-16-le", '<?xml version="1.0"?>'),
        ("iso-8859-1", '<?xml version="1.0" encoding="ISO-8859-1"?>'),
        ("cp1252", '<?xml version="1.0" encoding="windows-1252"?>'),
    ],
)
def test_any_encoding_is_read(encoding: str, declaration: str) -> None:
    text = make_opml('<outline text="Über Räume" xmlUrl="https://a.example/f"/>', declaration=declaration)

    assert read(text.encode(encoding)).feeds[0].title == "Über Räume"


@pytest.mark.parametrize("encoding", ["shift_jis", "euc-jp", "gb18030"])
def test_encodings_of_the_east_are_read(encoding: str) -> None:
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>'
    text = make_opml(
        '<outline text="論文の話と新しい研究の紹介" xmlUrl="https://a.example/f"/>', declaration=declaration
    )

    assert read(text.encode(encoding)).feeds[0].title == "論文の話と新しい研究の紹介"


BOMB = (
    '<!DOCTYPE opml [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "feeds.opml: is empty"),
        (" \n ", "feeds.opml: is empty"),
        ("hello", "is not OPML, but something that begins with 'hello'"),
        ("<!doctype html><html><body>", "is not OPML, but"),
        ("<html></html>", "feeds.opml:1: is not OPML, but <html>"),
        ("\n\n<rss/>", "feeds.opml:3: is not OPML, but a feed itself: write its address under 'sources'"),
        ("<feed xmlns='http://www.w3.org/2005/Atom'/>", "a feed itself"),
        ('{"feeds": []}', "is not OPML, but"),
        ("<opml>\n<body>\n<outline", "feeds.opml:3: is not well-formed: "),
        ("<opml>\n<body>\n", "feeds.opml:3: is not well-formed: it ends in the middle"),
        ('<opml>\n<body>\n<outline text="a "b""/>', "feeds.opml:3: is not well-formed: "),
        ("<opml>\n<body></opml>", "feeds.opml:2: is not well-formed: mismatched tag"),
        (make_opml("<outline>" * 60), "is nested more than 50 levels"),
        (BOMB + make_opml('<outline text="&c;"/>', declaration=""), "feeds.opml:1: declares entities"),
        (
            '<!DOCTYPE opml [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n' + make_opml(declaration=""),
            "declares entities",
        ),
        ('<!DOCTYPE opml [<!ENTITY % x SYSTEM "http://127.0.0.1/">%x;]><opml/>', "declares entities"),
        (make_opml('<outline xmlUrl="https://a.example/f"/>' * (MAX_FEEDS + 1)), "lists more than 5000 feeds"),
        ("<opml>" + " " * 10_000_001, "has more than 10 MB"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)

    assert message in str(caught.value)


def test_a_document_type_alone_is_harmless() -> None:
    text = '<!DOCTYPE opml SYSTEM "http://127.0.0.1:1/opml.dtd">' + make_opml(
        '<outline text="&a;" xmlUrl="https://a.example/f"/>', declaration=""
    )

    assert read(text).feeds[0].title == "&a;"


def test_document_is_valid_opml() -> None:
    assert build_opml([('A & "B" <c>\'', "https://a.example/f?a=1&b=2")], "R & D", NOW) == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<opml version="2.0">\n  <head>\n    <title>R &amp; D</title>\n'
        "    <dateCreated>Tue, 16 Jun 2026 18:30:00 +0000</dateCreated>\n  </head>\n  <body>\n"
        '    <outline type="rss" text="A &amp; &quot;B&quot; &lt;c&gt;\'" title="A &amp; &quot;B&quot; &lt;c&gt;\'"'
        ' xmlUrl="https://a.example/f?a=1&amp;b=2"/>\n'
        "  </body>\n</opml>\n"
    )


LINES = st.text(st.characters(codec="utf-8"), max_size=40).map(
    lambda text: " ".join("".join(sign for sign in text if sign.isprintable() or sign == " ").split())
)
URLS = st.builds(
    lambda host, path: f"https://{host}.example/{path}",
    st.from_regex(r"[a-z]{1,10}", fullmatch=True),
    st.from_regex(r"[a-z0-9./?&=;%'\"<>#~+-]{0,30}", fullmatch=True),
)


@given(st.lists(st.tuples(LINES, URLS), max_size=8))
def test_what_is_written_is_read_again(feeds: list[tuple[str, str]]) -> None:
    listed = read(build_opml(feeds, "Papers", NOW))

    assert [(feed.title, feed.url) for feed in listed.feeds] == feeds


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: make_opml(text).encode()))
def test_anything_is_read_or_refused(data: bytes) -> None:
    with suppress(ConfigError):
        parse_opml(data, "feeds.opml")

"""The bytes of a message, read back by the standard parser, which shares no code with their writer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email import policy
from email.header import decode_header, make_header
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.parser import BytesParser, HeaderParser
from typing import cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.deliver.message import (
    Letter,
    build_message,
    build_message_id,
    write_leave_mailto,
)
from newsletter.encoding import Part
from newsletter.model.ledger import Kind
from newsletter.model.mail import Envelope, Identity, Links, Rendered
from newsletter.model.readers import EmailAddress, SubscriberId
from newsletter.signing import Purpose, Secret, build_token
from tests.support.examples import examples

SECRET = Secret(b"0123456789abcdef0123456789abcdef")
SLOT_AT = datetime(2026, 6, 1, 5, 30, tzinfo=UTC)
PLAIN = Rendered(
    "Three papers on pruning",
    Part.of_text("<p>Three papers</p>\n"),
    Part.of_text("Three papers\n"),
)


def with_parts(rendered: Rendered, *, text: str, html: str | None = None) -> Rendered:
    html_part = rendered.html_part if html is None else Part.of_text(html)
    return replace(rendered, text_part=Part.of_text(text), html_part=html_part)


IDENTITY = Identity(
    name="Daily papers",
    id="daily",
    from_name="Daily papers",
    from_address=EmailAddress("news@example.org"),
    leave_address=EmailAddress("leave@example.org"),
    bounce_address=EmailAddress("bounce@example.org"),
)
LONG_URL = "https://news.example.org/u/" + "x" * 173
LEAVE_TOKEN = build_token(Purpose.LEAVE, 1, SECRET)


def build(
    rendered: Rendered = PLAIN,
    *,
    to: str = "ada@example.org",
    to_name: str = "",
    identity: Identity = IDENTITY,
    recipient: int = 1,
    date: datetime = SLOT_AT,
    unsubscribe_url: str | None = None,
) -> bytes:
    message, _ = build_message(
        rendered,
        address(Kind.DIGEST, to, to_name, date, recipient=recipient, identity=identity),
        identity,
        links=Links(
            "mailto:leave@example.org",
            "mailto:leave@example.org",
            write_leave_mailto(identity, SubscriberId(recipient), SECRET),
            one_click=unsubscribe_url or "",
        ),
    )
    return message.to_bytes()


def address(
    kind: Kind,
    to: str = "ada@example.org",
    to_name: str = "Ada",
    date: datetime = SLOT_AT,
    *,
    recipient: int = 1,
    identity: Identity = IDENTITY,
) -> Letter:
    message_id = build_message_id(identity, kind, "2026-06-01", SubscriberId(recipient), SECRET)
    return Letter(kind, message_id, EmailAddress(to), to_name, date)


def parse(message: bytes) -> EmailMessage:
    """Return the parsed message; fails for any defect in any part or header."""
    parsed = BytesParser(policy=policy.default).parsebytes(message)
    assert isinstance(parsed, EmailMessage)
    for part in parsed.walk():
        assert part.defects == []
        for value in part.values():
            assert value.defects == ()
    return parsed


def bodies(parsed: EmailMessage) -> tuple[str, str]:
    """Return text and HTML with the line ends that Rendered has."""
    text, html = parsed.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert html.get_content_type() == "text/html"
    assert text.get_content_charset() == html.get_content_charset() == "utf-8"
    return text.get_content().replace("\r\n", "\n"), html.get_content().replace("\r\n", "\n")


def raw_header(message: bytes, name: str) -> str:
    """Return the value of a header as it stands, unfolded."""
    head = message.partition(b"\r\n\r\n")[0].decode("ascii")
    return re.sub(r"\r\n(?=[ \t])", "", HeaderParser(policy=policy.compat32).parsestr(head)[name])


def decoded(raw: str) -> str:
    """Return a raw header with its encoded words decoded by RFC 2047."""
    return str(make_header(decode_header(raw)))


def assert_well_formed_on_the_wire(message: bytes) -> None:
    """Acceptance items 2 and 3: CRLF only, 7-bit, no NUL, short lines."""
    assert max(message) < 128
    assert b"\0" not in message
    assert message.count(b"\r\n") == message.count(b"\r") == message.count(b"\n")
    assert message.endswith(b"\r\n")
    head, _, body = message.partition(b"\r\n\r\n")
    assert max(len(line) for line in body.split(b"\r\n")) <= 76
    # A link is one word, which cannot be folded.
    assert all(
        len(line) <= 78 or re.fullmatch(rb"(?:[\w-]+:)?\s*<\S+>,?", line) for line in head.split(b"\r\n")
    )
    assert not re.search(rb"^(From |\.\r$)", body, re.MULTILINE)


# --- the whole ----------------------------------------------------------------------------


def test_the_envelope_names_the_bounce_address_and_the_one_recipient() -> None:
    _, envelope = build_message(
        PLAIN,
        address(Kind.DIGEST),
        IDENTITY,
    )
    assert envelope == Envelope(EmailAddress("bounce@example.org"), EmailAddress("ada@example.org"))


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert build() == build()


def test_every_header_is_there_once_and_says_what_it_should() -> None:
    parsed = parse(build(to_name="Ada"))
    boundary = parsed.get_boundary()

    assert sorted((name, str(value)) for name, value in parsed.items()) == sorted(
        {
            "From": "Daily papers <news@example.org>",
            "To": "Ada <ada@example.org>",
            "Subject": "Three papers on pruning",
            "Date": "Mon, 01 Jun 2026 05:30:00 +0000",
            "Message-ID": build_message_id(IDENTITY, Kind.DIGEST, "2026-06-01", SubscriberId(1), SECRET),
            "MIME-Version": "1.0",
            "List-Id": "Daily papers <daily.example.org>",
            "List-Unsubscribe": f"<mailto:leave@example.org?subject=unsubscribe%20{LEAVE_TOKEN}>",
            "List-Help": "<mailto:leave@example.org?subject=help>",
            "List-Owner": "<mailto:news@example.org>",
            "Auto-Submitted": "auto-generated",
            "Precedence": "bulk",
            "X-Auto-Response-Suppress": "All",
            "Feedback-ID": "digest:daily:example.org",
            "Content-Language": "en",
            "Content-Type": f'multipart/alternative; boundary="{boundary}"',
        }.items()
    )


def test_a_reply_to_is_written_if_there_is_one_and_owns_the_list() -> None:
    parsed = parse(build(identity=replace(IDENTITY, reply_to=EmailAddress("people@example.org"))))

    assert parsed["Reply-To"] == "people@example.org"
    assert parsed["List-Owner"] == "<mailto:people@example.org>"


def test_date_is_the_slot_in_utc() -> None:
    berlin = timezone(timedelta(hours=2))

    assert build(date=SLOT_AT.astimezone(berlin)) == build()


def test_a_naive_date_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        build(date=datetime(2026, 6, 1))  # noqa: DTZ001 - this is what must be refused


def test_two_parts_text_first_and_nothing_else() -> None:
    parsed = parse(build())

    assert parsed.get_content_type() == "multipart/alternative"
    assert bodies(parsed) == (PLAIN.text, PLAIN.html)


# --- Message-ID ---------------------------------------------------------------------------


def test_message_ids_are_unique_and_end_in_our_domain() -> None:
    ids = {
        build_message_id(IDENTITY, Kind.DIGEST, f"2026-06-{day:02}", SubscriberId(reader), SECRET)
        for day in range(1, 11)
        for reader in range(1000)
    }

    assert len(ids) == 10_000
    assert all(re.fullmatch(r"<[a-z2-7]{26}@example\.org>", one) for one in ids)


def test_a_message_id_depends_on_each_of_its_arguments() -> None:
    base = (IDENTITY, Kind.DIGEST, "2026-06-01", SubscriberId(1), SECRET)
    changes = [
        (replace(IDENTITY, id="weekly"), *base[1:]),
        (*base[:2], "2026-06-02", *base[3:]),
        (*base[:3], SubscriberId(11), SECRET),
        (*base[:4], Secret(b"another secret")),
    ]

    assert len({build_message_id(*base), *(build_message_id(*change) for change in changes)}) == 5


# --- list headers -------------------------------------------------------------------------


def test_a_long_unsubscribe_url_survives_as_it_is_with_https_first() -> None:
    message = build(unsubscribe_url=LONG_URL)

    assert len(LONG_URL) == 200
    mailto = f"<mailto:leave@example.org?subject=unsubscribe%20{LEAVE_TOKEN}>"
    assert raw_header(message, "List-Unsubscribe") == f"<{LONG_URL}>, {mailto}"
    assert parse(message)["List-Unsubscribe"] == f"<{LONG_URL}>, {mailto}"
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in message


def test_list_unsubscribe_is_folded_only_after_a_comma() -> None:
    head = build(unsubscribe_url=LONG_URL).partition(b"\r\n\r\n")[0]

    assert f"List-Unsubscribe: <{LONG_URL}>,\r\n <mailto:".encode() in head


def test_without_an_https_url_there_is_no_one_click_header() -> None:
    assert b"List-Unsubscribe-Post" not in build()


@pytest.mark.parametrize(
    "url",
    ["http://example.org/u/1", "https://example.org/u 1", "https://example.org/>", "https://example.org/ż"],
)
def test_a_url_that_cannot_be_in_the_header_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"example\.org"):
        build(unsubscribe_url=url)


def test_addresses_in_mailto_urls_are_percent_encoded() -> None:
    message = build(identity=replace(IDENTITY, leave_address=EmailAddress("papers+leave%1&2@example.org")))

    assert raw_header(message, "List-Help") == "<mailto:papers+leave%251%262@example.org?subject=help>"


def test_no_list_header_but_the_name_in_list_id_is_encoded() -> None:
    identity = replace(IDENTITY, name='Ż, "Papers" <x>')
    message = build(identity=identity, unsubscribe_url=LONG_URL)

    encoded = [name for name, _ in parse(message).items() if "=?" in raw_header(message, name)]
    assert encoded == ["List-Id"]
    assert decoded(raw_header(message, "List-Id")) == 'Ż, "Papers" <x> <daily.example.org>'


# --- free text in headers -----------------------------------------------------------------

AWKWARD = [
    "",
    "Ada",
    'Ż, "Papers" <x>',
    "Doe, John (the first)",
    "back\\slash",
    "=?utf-8?q?not_one?=",
    "dot. and colon: and semi;",
    " leading and trailing ",
    "two  blanks",
    "x" * 300,
    "a word and " * 30,
    "Zażółć gęślą jaźń " * 20,
    "剪枝與泛化" * 30,
    "تقليم الشبكات العصبية " * 10,
    "🦉" * 50,
]
FREE_TEXT = st.one_of(
    st.sampled_from(AWKWARD),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80),
    st.text(st.sampled_from('aż 剪🦉ع,"\\<>@=?_.'), max_size=200),
)


@examples(80)
@given(FREE_TEXT)
def test_any_subject_reads_back(subject: str) -> None:
    message = build(replace(PLAIN, subject=subject))

    assert_well_formed_on_the_wire(message)
    assert str(parse(message)["Subject"]) == subject


@examples(80)
@given(FREE_TEXT)
def test_any_name_reads_back(name: str) -> None:
    message = build(to_name=name, identity=replace(IDENTITY, from_name=name, name=name))

    assert_well_formed_on_the_wire(message)
    parsed = parse(message)
    for header, address in (("From", "news@example.org"), ("To", "ada@example.org")):
        raw = raw_header(message, header)
        (mailbox,) = cast(AddressHeader, parsed[header]).addresses
        assert mailbox.addr_spec == address
        if raw.count("=?") < 2 and name == " ".join(name.split()):
            assert mailbox.display_name == name
        else:
            # Python 3.11's address parser puts a blank between encoded words and makes one of several.
            assert decoded(raw) == f"{name} <{address}>"
    list_id = raw_header(message, "List-Id")
    if list_id.startswith('"'):
        list_id = re.sub(r'^"(.*)" (?=<)', lambda quoted: re.sub(r"\\(.)", r"\1", quoted[1]) + " ", list_id)
    assert decoded(list_id) == f"{name} <daily.example.org>".removeprefix(" " * (not name))


def test_ascii_text_stays_readable() -> None:
    subject = "12 new papers on pruning, generalization and the tuning of hyperparameters, and one on bees"
    head = build(replace(PLAIN, subject=subject), to_name="Doe, Jane").partition(b"\r\n\r\n")[0]

    assert b"Subject: 12 new papers on pruning, generalization and the tuning of\r\n hyperparameters" in head
    assert b'To: "Doe, Jane" <ada@example.org>\r\n' in head


@pytest.mark.parametrize("bad", ["a\rb", "a\nb", "a\0b", "x\r\nBcc: eve@example.org", "ż\n"])
def test_a_line_end_or_nul_in_any_header_is_refused(bad: str) -> None:
    attempts: list[dict[str, object]] = [
        {"rendered": replace(PLAIN, subject=bad)},
        {"to_name": bad},
        {"to": f"{bad}@example.org"},
        {"unsubscribe_url": f"https://example.org/{bad}"},
    ]
    for field in ("name", "id", "from_name", "language", "from_address", "leave_address", "reply_to"):
        value = f"{bad}@example.org" if field.endswith(("address", "to")) else bad
        attempts.append({"identity": replace(IDENTITY, **{field: value})})  # type: ignore[arg-type]
    for arguments in attempts:
        with pytest.raises(ValueError, match=r"header|URL"):
            build(**arguments)  # type: ignore[arg-type]


def test_control_characters_in_a_header_become_blanks() -> None:
    message = build(replace(PLAIN, subject="bell\x07escape\x1b[31m tab\t."), to_name="next\x85line")

    assert parse(message)["Subject"] == "bell escape [31m tab ."
    assert decoded(raw_header(message, "To")) == "next line <ada@example.org>"


def test_a_lone_surrogate_in_a_header_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogate"):
        build(replace(PLAIN, subject="\ud800"))


# --- addresses ----------------------------------------------------------------------------


def test_an_address_outside_ascii_is_named_in_seven_bits() -> None:
    message = build(to="zoë@example.org", to_name="Zoë")

    assert_well_formed_on_the_wire(message)
    (group,) = cast(AddressHeader, parse(message)["To"]).groups
    assert group.display_name == "zoë@example.org"
    assert group.addresses == ()


def test_our_own_addresses_must_be_ascii() -> None:
    with pytest.raises(ValueError, match="From"):
        build(identity=replace(IDENTITY, from_address=EmailAddress("zoë@example.org")))


# --- bodies -------------------------------------------------------------------------------

BODIES = [
    "",
    "\n",
    ".",
    ".\n",
    "a\n.\nb\n",
    "..\n.x\n",
    "From here\nFrom From .\nFrom .\n>From\n",
    "From " * 40,
    "x" * 71 + "From here",
    "x" * 5000,
    "ż" * 5000,
    "Zażółć gęślą jaźń\n" * 5,
    "剪枝與泛化\n" * 50,
    "تقليم الشبكات\n" * 5,
    "🦉 owl\n",
    "no line end",
    "blanks at the end   \ntab\t\n",
    "=3D = =20\n--=_boundary\n",
    "control \x0b \x0c \x07 \x1b \x00\n",
    *("x" * n + " \n" for n in range(70, 80)),
    *("x" * n + "\t" for n in range(70, 80)),
]
ANY_BODY = st.one_of(
    st.sampled_from(BODIES),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=300),
    st.lists(
        st.sampled_from(["From ", ".", "\n", " ", "=", "ż", "x" * 25, "\t", "剪", "m", "--"]), max_size=60
    ).map("".join),
)


@examples(150)
@example(("From " * 40, "\n.\n"))
@given(st.tuples(ANY_BODY, ANY_BODY))
def test_any_body_reads_back(text_and_html: tuple[str, str]) -> None:
    text, html = text_and_html
    message = build(with_parts(PLAIN, text=text, html=html))

    assert_well_formed_on_the_wire(message)
    assert bodies(parse(message)) == (text, html)


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_each_awkward_body_reads_back(body: str) -> None:
    message = build(with_parts(PLAIN, text=body, html=body))

    assert_well_formed_on_the_wire(message)
    assert bodies(parse(message)) == (body, body)


def test_any_line_end_in_a_body_becomes_crlf() -> None:
    message = build(with_parts(PLAIN, text="a\r\nb\rc\n"))

    assert bodies(parse(message))[0] == "a\nb\nc\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Plain English text, all of it.\n" * 40, "quoted-printable"),
        ("Trzy nowe prace o przycinaniu sieci, a potem zwykłe słowa po polsku.\n" * 40, "quoted-printable"),
        ("剪枝與泛化\n" * 40, "base64"),
        ("Прореживание нейронных сетей\n" * 40, "base64"),
    ],
)
def test_each_part_takes_the_shorter_encoding(text: str, encoding: str) -> None:
    part = next(iter(parse(build(with_parts(PLAIN, text=text))).iter_parts()))

    assert part["Content-Transfer-Encoding"] == encoding


def test_the_boundary_is_the_mails_own_and_the_same_at_each_attempt() -> None:
    def boundary(message: bytes) -> str | None:
        return parse(message).get_boundary()

    assert boundary(build(recipient=1)) == boundary(build(recipient=1)) != boundary(build(recipient=2))


def header_lines(message: bytes) -> Iterator[bytes]:
    yield from message.partition(b"\r\n\r\n")[0].split(b"\r\n")


def test_no_header_line_is_over_78_columns_but_one_long_url() -> None:
    too_long = [line for line in header_lines(build(unsubscribe_url=LONG_URL)) if len(line) > 78]

    assert too_long == [f"List-Unsubscribe: <{LONG_URL}>,".encode()]

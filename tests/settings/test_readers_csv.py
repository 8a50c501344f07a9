"""Lists of readers as people have them: from spreadsheets, from other products, from ourselves."""

from __future__ import annotations

import csv
import io
from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import ConfigError
from newsletter.model.readers import Cadence, EmailAddress, Subscriber
from newsletter.settings.readers import new_subscriber
from newsletter.settings.readers_csv import (
    COLUMNS,
    CONSENT_COLUMN,
    ReaderList,
    Refused,
    Skipped,
    Taken,
    Terms,
    read_hour,
    read_list,
    write_csv_row,
)

TERMS = Terms(["cards", "compact"], {}, 0, '["robot"]')


def read(text: str | bytes, terms: Terms = TERMS) -> ReaderList:
    return read_list(text if isinstance(text, bytes) else text.encode(), "l.csv", terms)


def taken(listed: ReaderList) -> dict[str, str]:
    """The names of those who may be taken, by address."""
    return {row.reader.address: row.reader.name for row in listed.rows if isinstance(row, Taken)}


def skipped(listed: ReaderList) -> dict[str, str]:
    return {row.address: row.why for row in listed.rows if isinstance(row, Skipped)}


def refused(listed: ReaderList) -> list[str]:
    return [str(one) for row in listed.rows if isinstance(row, Refused) for one in row.problems]


# --- what other products export -------------------------------------------------------------------

MAILCHIMP = (
    "Email Address,First Name,Last Name,Address,Phone Number,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,TIMEZONE,CC,"
    "UNSUB_TIME,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_CAMPAIGN_ID,LEID,EUID,NOTES,TAGS\n"
)


def test_mailchimp_subscribed() -> None:
    listed = read(
        MAILCHIMP
        + "ada@example.org,Ada,Holm,1 Main St,,2,,2024-01-02 10:00:00,Europe/Berlin,DE,,,,,1,a1,,news\n"
        + 'kim@example.org,,Kim,,,2,,2024-01-02 10:00:00,,,,,,,2,b2,"two\nlines",\n'
    )

    assert taken(listed) == {"ada@example.org": "Ada Holm", "kim@example.org": "Kim"}
    assert isinstance(listed.rows[0], Taken)
    assert listed.rows[0].reader.cadence.zone == "Europe/Berlin"
    assert listed.notes == (
        "ignored columns: Address, Phone Number, MEMBER_RATING, OPTIN_TIME, CONFIRM_TIME, CC,"
        " UNSUB_CAMPAIGN_ID, UNSUB_REASON, UNSUB_CAMPAIGN_ID, LEID, EUID, NOTES, TAGS",
    )


def test_mailchimp_unsubscribed_and_cleaned() -> None:
    row = "ada@example.org,Ada,Holm,,,2,,,,,2025-02-03 04:05:06,1,NORMAL,,1,a1,,\n"
    assert skipped(read(MAILCHIMP + row)) == {"ada@example.org": "'UNSUB_TIME' is '2025-02-03 04:05:06'"}
    cleaned = read("Email Address,CLEAN_TIME\nada@example.org,2025-02-03 04:05:06\n")
    assert skipped(cleaned) == {"ada@example.org": "'CLEAN_TIME' is '2025-02-03 04:05:06'"}


def test_substack() -> None:
    listed = read(
        "email,active_subscription,expiry,plan,email_disabled,created_at,first_payment\n"
        "ada@example.org,false,,other,false,2024-01-01T00:00:00.000Z,\n"
        "kim@example.org,true,,yearly,true,2024-01-01T00:00:00.000Z,\n"
    )

    assert list(taken(listed)) == ["ada@example.org"]
    assert skipped(listed) == {"kim@example.org": "'email_disabled' is 'true'"}


@pytest.mark.parametrize(
    ("kind", "is_taken"),
    [
        ("regular", True),
        ("premium", True),
        ("gifted", True),
        ("unpaid", True),
        ("churning", True),
        ("unactivated", False),
        ("unsubscribed", False),
        ("removed", False),
        ("spammy", False),
        ("complained", False),
    ],
)
@pytest.mark.parametrize("column", ["type", "subscriber_type"])
def test_buttondown(column: str, kind: str, is_taken: bool) -> None:
    listed = read(
        f"id,email_address,notes,metadata,tags,{column},creation_date\n1,ada@example.org,,{{}},,{kind},x\n"
    )

    assert ("ada@example.org" in taken(listed)) is is_taken
    assert ("ada@example.org" in skipped(listed)) is not is_taken


@pytest.mark.parametrize(
    ("status", "is_taken"), [("enabled", True), ("disabled", False), ("blocklisted", False)]
)
def test_listmonk(status: str, is_taken: bool) -> None:
    listed = read(
        "uuid,email,name,attributes,status,created_at,updated_at\n"
        f'1,ada@example.org,Ada Holm,"{{""city"": ""X""}}",{status},2024,2024\n'
    )

    assert taken(listed) == ({"ada@example.org": "Ada Holm"} if is_taken else {})


def test_ghost() -> None:
    listed = read(
        "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels,tiers\n"
        "1,ada@example.org,Ada,,true,,,2024-01-01T00:00:00.000Z,,,\n"
        "2,kim@example.org,Kim,,false,,,2024-01-01T00:00:00.000Z,,,\n"
        "3,lee@example.org,Lee,,true,,,2024-01-01T00:00:00.000Z,2025-01-01T00:00:00.000Z,,\n"
        "4,max@example.org,Max,,,,,2024-01-01T00:00:00.000Z,,,\n"
    )

    assert taken(listed) == {"ada@example.org": "Ada"}
    assert list(skipped(listed)) == ["kim@example.org", "lee@example.org", "max@example.org"]


@pytest.mark.parametrize(
    ("column", "value", "is_taken"),
    [
        ("Status", "Subscribed", True),
        ("Status", "UNSUBSCRIBED", False),
        ("Status", "Cleaned", False),
        ("Status", "Non-subscribed", False),
        ("Status", "Pending", False),
        ("status", "what is this", False),
        ("status", "?", False),
        ("status", "-", False),
        ("consent", "✗", False),
        ("Subscribed", "✓", True),
        ("Subscribed", "✔\ufe0f", True),
        ("Subscribed", "✗", False),
        ("Subscribed", "???", False),
        ("Subscribed", "—", False),
        ("Opted Out", "✓", False),
        ("Opted Out", "?", False),
        ("Unsubscribed", "-", True),
        ("Consent", "confirmed", True),
        ("consent", "unconfirmed", False),
        ("consent", "paused", False),
        ("consent", "left", False),
        ("consent", "", True),
        ("Subscribed", "yes", True),
        ("Subscribed", "No", False),
        ("Subscribed", "2024-05-01", True),
        ("Unsubscribed", "", True),
        ("Unsubscribed", "FALSE", True),
        ("Unsubscribed", "TRUE", False),
        ("unsubscribed_at", "2024-05-01", False),
        ("Bounced", "0", True),
        ("Bounced", "1", False),
        ("Opted Out", "x", False),
        ("Email Status", "active", True),
        ("Email Status", "bounced", False),
        ("type", "professor", True),
    ],
)
def test_whoever_may_not_be_mailed_there_is_not_taken(column: str, value: str, is_taken: bool) -> None:
    listed = read(f"email,{column}\nada@example.org,{value}\n")

    assert len(taken(listed)) == is_taken
    assert len(skipped(listed)) == (not is_taken)


def test_one_row_that_says_no_counts_for_all_rows_of_an_address() -> None:
    listed = read("email,status\nAda@example.org,subscribed\nada@example.org,unsubscribed\n")

    assert taken(listed) == {}
    assert len(skipped(listed)) == 2


# --- columns --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("email,name", "ada@example.org,Ada Holm"),
        ("Email;Name", "ada@example.org;Ada Holm"),
        ("E-Mail\tNAME", "ada@example.org\tAda Holm"),
        ("EMAIL ADDRESS,Full Name", "ada@example.org,Ada Holm"),
        ("email_address, display_name", "ada@example.org, Ada Holm"),
        (" Address ,name", "ada@example.org,Ada Holm"),
        ('"e-mail address","name"', '"ada@example.org","Ada Holm"'),
        ("Mail,Name,,,", "ada@example.org,Ada Holm,,,"),
        (",email,name", "0,ada@example.org,Ada Holm"),
        ("Subscriber Email,Subscriber Name", "ada@example.org,Ada Holm"),
        ("email,first name,last name", "ada@example.org,Ada,Holm"),
        ("Email,LNAME,FNAME", "ada@example.org,Holm,Ada"),
        ("name,email", "Ada Holm,ada@example.org"),
        ("name;E-Mail-Adresse", "Ada Holm;ada@example.org"),
        ("Correo electrónico,name", "ada@example.org,Ada Holm"),
        ("Address,Email,Name", "1 Main St,ada@example.org,Ada Holm"),
        ("email", "Ada Holm <ada@example.org>"),
    ],
)
def test_names_of_columns_are_known_in_many_spellings(head: str, row: str) -> None:
    assert taken(read(f"{head}\n{row}\n")) == {"ada@example.org": "Ada Holm"}


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("email,topics,Topics", "two columns for the topics, 'topics' and 'Topics'"),
        ("email,Email", "two columns for the address, 'email' and 'Email'"),
        ("email,Email Address", "two columns for the address, 'email' and 'Email Address'"),
        ("address,address", "two columns for the address"),
        ("email,name,Full Name", "two columns for the name"),
        ("name,city", "has no column 'address' or 'email'"),
        ("adress,name", "unknown column 'adress'; did you mean 'address'?"),
        ("emial,name", "unknown column 'emial'; did you mean 'email'?"),
        ("email,topcis", "unknown column 'topcis'; did you mean 'topics'?"),
        ("email,langauge", "unknown column 'langauge'; did you mean 'language'?"),
        ("email,layuot", "unknown column 'layuot'; did you mean 'layout'?"),
        ("email,hours", "unknown column 'hours'; did you mean 'hour'?"),
        ("email,everything else?!,concent", "unknown column 'concent'; did you mean 'consent'?"),
        ("ada@example.org,Ada", "has no column 'address' or 'email'"),
        ("<opml>" + 9_000 * "x", "and names <opml>" + 114 * "x" + "…"),
    ],
)
def test_columns_that_cannot_be_told_apart_are_refused_with_their_line(head: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(f"{head}\nada@example.org,x,y\n")

    assert str(caught.value.problems[0]).startswith("l.csv:1: ")
    assert said in str(caught.value)


def test_foreign_columns_are_left_alone_and_named() -> None:
    listed = read("email,Company,Note,home\nada@example.org,X,Y,Z\n")

    assert list(taken(listed)) == ["ada@example.org"]
    assert listed.notes == ("ignored columns: Company, Note, home",)


def test_a_list_of_nothing_but_addresses_needs_no_head() -> None:
    assert list(taken(read("ada@example.org\nKim <kim@example.org>\n"))) == [
        "ada@example.org",
        "kim@example.org",
    ]


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_an_empty_list_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="is empty"):
        read(text)


# --- cells ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "address", "name"),
    [
        ("ada@example.org", "ada@example.org", ""),
        ("  Ada@Example.org  ", "Ada@example.org", ""),
        ("Ada Holm <ada@example.org>", "ada@example.org", "Ada Holm"),
        ('""Holm, Ada"" <ada@example.org>', "ada@example.org", "Holm, Ada"),
        ("<ada@example.org>", "ada@example.org", ""),
        ("mailto:ada@example.org", "ada@example.org", ""),
        ("MAILTO:ada@example.org?subject=x", "ada@example.org", ""),
        ("<mailto:ada@example.org>", "ada@example.org", ""),
        ("ada@example.org;", "ada@example.org", ""),
        ("'+ada@example.org", "+ada@example.org", ""),
        ("groß@example.org", "groß@example.org", ""),
        ("ada@bücher.example", "ada@xn--bcher-kva.example", ""),
        ("\u00a0ada@example.org\u00a0", "ada@example.org", ""),
    ],
)
def test_an_address_is_read_in_the_forms_that_people_paste(cell: str, address: str, name: str) -> None:
    assert taken(read(f'email\n"{cell}"\nnobody@example.org\n')) == {address: name, "nobody@example.org": ""}


@pytest.mark.parametrize(
    ("cell", "hour"),
    [
        ("7:00", "07:00"),
        ("07:30", "07:30"),
        ("7:00:00", "07:00"),
        ("07:30:00.000", "07:30"),
        ("7:00 AM", "07:00"),
        ("7:15:00 pm", "19:15"),
        ("12:00 AM", "00:00"),
        ("12:30 p.m.", "12:30"),
        ("0.291666", "07:00"),
        ("0,291666667", "07:00"),
        (".5", "12:00"),
        ("0.3125", "07:30"),
        ("1899-12-30 07:00:00", "07:00"),
        ("1899-12-30T07:00:00", "07:00"),
        ("1/0/1900 7:00", "07:00"),
        ("30.12.1899 07:00:00", "07:00"),
    ],
)
def test_an_hour_is_read_as_spreadsheets_write_it(cell: str, hour: str) -> None:
    assert read_hour(cell) == hour


@pytest.mark.parametrize(
    "cell", ["7", "7:00:30", "13:00 PM", "0.29", "0.9999", "2024-05-01 07:00", "25:00", "1.5", "7.30", "noon"]
)
def test_an_hour_that_is_not_clear_is_refused(cell: str) -> None:
    listed = read(f'email,hour\nada@example.org,"{cell}"\n')

    assert len(refused(listed)) == 1
    assert refused(listed)[0].startswith("l.csv:2: hour: ")


@pytest.mark.parametrize(
    ("head", "row", "said"),
    [
        ("email,topics", "ada,x", "email: 'ada' is not an e-mail address"),
        ("email,topics", "a@example.org b@example.org,x", "is not an e-mail address"),
        ("email,topics", ",x", "is not an e-mail address"),
        ("email,Sprache,language", "ada@example.org,,fr", "language: 'fr' is unknown"),
        ("email,Layout", "ada@example.org,cardz", "Layout: 'cardz' is unknown; did you mean 'cards'?"),
        ("email,Time Zone", "ada@example.org,Berlin", "did you mean 'Europe/Berlin'?"),
        ("email,days", "ada@example.org,someday", "days: 'someday' is not a day"),
        ("email,everything else", "ada@example.org,99", "is neither 'off' nor a number from 0 to 50"),
        ("email,name", '"ada@example.org","Ada\nHolm"', "must be one line"),
        ("email,name", "ada@example.org,Ada,extra", "more cells than the header row"),
        ("email,topics", 'ada@example.org,"a AND ("', "topics: "),
        ("email,topics", "ada@example.org,[1", "is not a JSON list"),
    ],
)
def test_a_row_that_is_wrong_is_refused_with_line_and_column(head: str, row: str, said: str) -> None:
    listed = read(f"{head}\nkim@example.org\n{row}\n")

    assert list(taken(listed)) == ["kim@example.org"]
    (told,) = refused(listed)
    assert told.startswith("l.csv:3: ")
    assert said in told


def test_a_letter_that_is_a_guess_is_taken_in_a_name_and_refused_in_an_address() -> None:
    listed = read(b"Email;Name\r\njose@example.org;Jos\xe9\r\njos\xe9@example.org;J\r\n")

    assert taken(listed) == {"jose@example.org": "José"}
    assert "l.csv:3: Email: " in refused(listed)[0]
    assert listed.notes[-1] == (
        "is not UTF-8 and was read as Windows-1252, which Excel writes; are these letters right: see line 2, 'José'?"
    )


def test_an_address_counts_once_however_it_is_spelled() -> None:
    listed = read("email\nAda@example.org\nkim@example.org\nada@example.org\n")

    assert list(taken(listed)) == ["Ada@example.org", "kim@example.org"]
    assert refused(listed) == ["l.csv:4: ada@example.org is in the file twice, first in line 2"]


def test_whoever_would_get_nothing_is_refused() -> None:
    (told,) = refused(read("email\nada@example.org\n", Terms([], {}, 0)))
    assert "would never get a digest" in told
    assert list(taken(read("email\nada@example.org\n", Terms([], {}, 5)))) == ["ada@example.org"]


# --- nobody is lost -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value", "ended"),
    [
        *(
            ("Status", word, True)
            for word in ("unsubscribed", "cleaned", "bounced", "blocklisted", "disabled")
        ),
        *(("Status", word, False) for word in ("pending", "unconfirmed", "paused", "kein Abo")),
        *(("type", word, True) for word in ("removed", "undeliverable", "complained", "spammy")),
        *(("type", word, False) for word in ("unactivated", "upcoming")),
        ("consent", "left", True),
        ("consent", "unconfirmed", False),
        ("UNSUB_TIME", "2025-02-03", True),
        ("email_disabled", "true", True),
        ("deleted_at", "2025-02-03", True),
        ("subscribed_to_emails", "false", True),
        ("Subscribed", "", False),
        ("opted in", "no", False),
        ("accepts marketing", "no", False),
        ("confirmed", "no", False),
    ],
)
def test_who_left_is_told_from_who_never_began(column: str, value: str, ended: bool) -> None:
    (row,) = read(f"email,{column}\na@example.org,{value}\n".encode()).rows

    assert isinstance(row, Skipped)
    assert row.has_ended is ended
    assert row.is_complaint is (value in ("complained", "spammy"))


ROWS = st.lists(
    st.tuples(
        st.sampled_from(
            ["ada@example.org", "Ada@example.org", "kim@example.net", "x", "", "groß@example.org"]
        ),
        st.text(st.sampled_from("ab \"',;\n."), max_size=8),
        st.sampled_from(["", "confirmed", "left", "?"]),
    ),
    max_size=8,
)


@given(ROWS, st.sampled_from([",", ";", "\t"]), st.sampled_from(["utf-8", "utf-16"]))
def test_every_row_is_taken_refused_or_skipped(
    rows: list[tuple[str, str, str]], delimiter: str, encoding: str
) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([("email", "name", "consent"), *rows])
    listed = read(text.getvalue().encode(encoding))

    assert len(listed.rows) == sum(any(cell.strip() for cell in row) for row in rows)


@given(
    st.from_regex(r"[a-zA-Z0-9'+=\-][a-zA-Z0-9'+=\-]{0,9}", fullmatch=True),
    st.text(st.characters(exclude_categories=["C", "Z"]), max_size=9),
    st.sets(st.integers(0, 6), min_size=1),
    st.times(),
    st.sampled_from(["", "de", "ar"]),
    st.integers(0, 50),
)
def test_what_is_exported_comes_back(
    local: str, name: str, days: set[int], at: time, language: str, rest: int
) -> None:
    reader = Subscriber(
        address=EmailAddress(f"{local}@example.org"),
        cadence=Cadence(frozenset(days), at.replace(second=0, microsecond=0), "Asia/Tokyo"),
        topics_json='["robot",{"name":"x","query":"a OR b"}]',
        name=name,
        language=language,
        layout="compact",
        everything_else=rest,
        file_owned=False,
    )
    text = io.StringIO()
    shown = ",".join(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[day] for day in sorted(days))
    csv.writer(text).writerows([(*COLUMNS, CONSENT_COLUMN), write_csv_row(reader, shown)])

    (row,) = read(text.getvalue()).rows

    assert isinstance(row, Taken)
    assert new_subscriber(row.reader) == reader

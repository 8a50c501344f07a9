"""subscribers.yaml: its rows, every refusal with its line, and what the file changes in the store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.collect import hf_daily_papers
from newsletter.compose.slots import build_slot
from newsletter.errors import ConfigError, Problem, QueryError
from newsletter.match.matcher import match_topic
from newsletter.match.topics import parse_topics
from newsletter.match.words import fold_entry
from newsletter.model.readers import Cadence, Consent, EmailAddress, Subscriber, SubscriberId
from newsletter.model.sources import Fetched, Request, Source
from newsletter.sample_day import SAMPLE_DAY, sample_file
from newsletter.settings.shipped import find_shipped
from newsletter.settings.subscribers_file import FileImport, FileSubscriber, choose_import, parse_subscribers
from tests.support.examples import examples

NOW = datetime(2026, 6, 16, 12, tzinfo=UTC)
WEEKDAYS = frozenset(range(5))


def read(text: str, everything_else: int = 0) -> tuple[FileSubscriber, ...]:
    return parse_subscribers(text, "subscribers.yaml", everything_else=everything_else)


def read_row(given: str, defaults: str = "") -> FileSubscriber:
    [row] = read(
        f"defaults: {{{defaults}}}\nsubscribers:\n- {{address: a@example.org, topics: [RAG], {given}}}\n"
    )
    return row


def refusal(text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return list(caught.value.problems)


# --- reading ------------------------------------------------------------------------------


def test_a_row_takes_from_the_defaults_what_it_does_not_say() -> None:
    text = """
defaults: {days: weekdays, hour: "07:00", zone: Europe/Berlin, everything_else: 5}
subscribers:
  - address: Ada@Example.org
    name: Ada
    days: [mon, wed, fri]
    hour: 07:30
    zone: America/New_York
    everything_else: off
    topics: [RAG, {robotics: "robot*, category:cs.RO"}, {name: é, any: [b], limit: 8}]
  - address: grace@example.org
"""
    assert read(text) == (
        FileSubscriber(
            address=EmailAddress("Ada@example.org"),
            name="Ada",
            cadence=Cadence(frozenset({0, 2, 4}), time(7, 30), "America/New_York"),
            topics_json='["RAG",{"robotics":"robot*, category:cs.RO"},{"any":["b"],"limit":"8","name":"é"}]',
            everything_else=0,
            language="",
            layout="",
            pictures=None,
            line=4,
        ),
        FileSubscriber(
            address=EmailAddress("grace@example.org"),
            name="",
            cadence=Cadence(WEEKDAYS, time(7), "Europe/Berlin"),
            topics_json="[]",
            everything_else=5,
            language="",
            layout="",
            pictures=None,
            line=11,
        ),
    )


def test_without_defaults_it_is_weekdays_at_seven_utc_and_what_the_configuration_says() -> None:
    [row] = read("subscribers: [{address: a@example.org}]\n", everything_else=3)

    assert (row.cadence, row.everything_else) == (Cadence(WEEKDAYS, time(7), "UTC"), 3)


@pytest.mark.parametrize(
    ("written", "days"),
    [
        ("daily", range(7)),
        ("weekdays", range(5)),
        ("weekends", (5, 6)),
        ("wed", (2,)),
        ("Wed", (2,)),
        ("[mon, wed, fri]", (0, 2, 4)),
        ("'mon, wed'", (0, 2)),
        ("[weekends, mon]", (0, 5, 6)),
    ],
)
def test_days_are_a_word_or_a_list(written: str, days: Sequence[int]) -> None:
    assert read_row(f"days: {written}").cadence.days == frozenset(days)


@pytest.mark.parametrize(
    ("written", "hour"),
    [("07:30", time(7, 30)), ("7:05", time(7, 5)), ("00:00", time(0)), ("23:59", time(23, 59))],
)
def test_hours_need_no_quotes(written: str, hour: time) -> None:
    assert read_row(f"hour: {written}", "hour: 06:00").cadence.at == hour


def test_off_in_a_row_beats_a_number_in_the_defaults() -> None:
    assert read_row("everything_else: off", "everything_else: 5").everything_else == 0


def test_equal_topics_have_equal_json_whatever_the_order_of_their_keys() -> None:
    rows = read(
        "subscribers:\n"
        "- {address: a@example.org, topics: [{name: x, any: [b]}]}\n"
        "- {address: b@example.org, topics: [{any: [b], name: x}]}\n"
    )

    assert rows[0].topics_json == rows[1].topics_json == '[{"any":["b"],"name":"x"}]'


def row(given: str, address: str = "a@example.org") -> str:
    first = f"- {{address: {address}, topics: [RAG]}}\n"
    return f"subscribers:\n{first}- {{address: b@example.org, topics: [x], {given}}}\n"


@pytest.mark.parametrize(
    ("text", "line", "path", "wrong", "right"),
    [
        ("", 1, "subscribers", "is missing", "[] for none"),
        ("subscribers:\n", 1, "subscribers", "is empty", "remove the key"),
        ("subscribers: x\n", 1, "subscribers", "a list is expected", "begin with '- '"),
        ("subscribers: [a@example.org]\n", 1, "subscribers[0]", "keys are expected", "'key: value'"),
        ("readers: []\nsubscribers: []\n", 1, "readers", "unknown key", "did you mean 'subscribers'?"),
        ("subscribers: [{topics: [RAG]}]\n", 1, "subscribers[0].address", "is missing", "ada@example.org"),
        ("default: {hour: 1}\nsubscribers: []\n", 1, "default", "unknown key", "did you mean 'defaults'?"),
        ("defaults: {hour: 25:00}\nsubscribers: []\n", 1, "defaults.hour", "'25:00' is not a time", "07:30"),
        (
            "defaults: {topics: []}\nsubscribers: []\n",
            1,
            "defaults.topics",
            "unknown key",
            "known here: days, hour,",
        ),
        (row("adress: x"), 3, "subscribers[1].adress", "unknown key", "did you mean 'address'?"),
        (row("", "nobody"), 2, "subscribers[0].address", "is not an e-mail address", "@-sign"),
        (row("", "a@b@c"), 2, "subscribers[0].address", "is not an e-mail address", "@"),
        (
            row("", "B@EXAMPLE.org"),
            3,
            "subscribers[1].address",
            "already has a row in line 2",
            "merge the two",
        ),
        (row("days: monday"), 3, "subscribers[1].days", "'monday' is not a day", "did you mean 'mon'?"),
        (
            row("days: [mon, wednesday]"),
            3,
            "subscribers[1].days",
            "'wednesday' is not a day",
            "did you mean 'wed'?",
        ),
        (
            row("days: weekday"),
            3,
            "subscribers[1].days",
            "'weekday' is not a day",
            "did you mean 'weekdays'?",
        ),
        (row("days: never"), 3, "subscribers[1].days", "'never' is not a day", "known here: mon, tue,"),
        (row("days: []"), 3, "subscribers[1].days", "names no day", "known here: mon, tue,"),
        (row("days: [[mon]]"), 3, "subscribers[1].days", "not a list", "a single value"),
        (row("days: {mon: x}"), 3, "subscribers[1].days", "not keys", "a single value"),
        (row("hour: 7"), 3, "subscribers[1].hour", "'7' is not a time of day", "like 07:30"),
        (row("hour: 24:00"), 3, "subscribers[1].hour", "'24:00' is not a time of day", "00:00 to 23:59"),
        (row("hour: 7pm"), 3, "subscribers[1].hour", "'7pm' is not a time of day", "like 07:30"),
        (
            row("zone: Berlin"),
            3,
            "subscribers[1].zone",
            "'Berlin' is not a time zone",
            "did you mean 'Europe/Berlin'?",
        ),
        (
            row("zone: europe/berlin"),
            3,
            "subscribers[1].zone",
            "is not a time zone",
            "did you mean 'Europe/Berlin'?",
        ),
        (
            row("zone: New York"),
            3,
            "subscribers[1].zone",
            "is not a time zone",
            "did you mean 'America/New_York'?",
        ),
        (
            row("zone: Asia/Kolkatta"),
            3,
            "subscribers[1].zone",
            "is not a time zone",
            "did you mean 'Asia/Kolkata'?",
        ),
        (
            row("zone: +02:00"),
            3,
            "subscribers[1].zone",
            "'+02:00' is not a time zone",
            "city whose clocks show UTC+2 now",
        ),
        (row("zone: ../../etc/passwd"), 3, "subscribers[1].zone", "is not a time zone", "like Europe/Berlin"),
        (row("everything_else: some"), 3, "subscribers[1].everything_else", "'some' is neither", "0 to 50"),
        (row("language: fr"), 3, "subscribers[1].language", "'fr' is unknown", "known here: en"),
        (row('name: "A\\nBcc: x"'), 3, "subscribers[1].name", "control characters", "one line"),
        (row("name: ''"), 3, "subscribers[1].name", "is empty", "remove the key"),
        (
            "subscribers:\n- {address: a@example.org}\n",
            2,
            "subscribers[0]",
            "would never get a digest",
            "'topics'",
        ),
        (
            "subscribers:\n- {address: a@example.org, topics: RAG}\n",
            2,
            "subscribers[0].topics",
            "a list is expected",
            "[one, two]",
        ),
        (
            "subscribers:\n- address: a@example.org\n  topics:\n  - RAG\n  - 'a*b'\n",
            5,
            "subscribers[0].topics[1]",
            "a star",
            "at the end",
        ),
        (
            "subscribers:\n- address: a@example.org\n  topics:\n  - RAG\n  - rag\n",
            5,
            "subscribers[0].topics[1]",
            "two topics",
            "rename",
        ),
        (
            "subscribers:\n- address: a@example.org\n  topics:\n  - name: x\n    anny: [b]\n",
            5,
            "subscribers[0].topics[0]",
            "'anny'",
            "did you mean 'any'?",
        ),
        (
            "subscribers:\n- address: a@example.org\n  topics:\n  -\n",
            4,
            "subscribers[0].topics[0]",
            "is empty",
            "write a value",
        ),
        (
            "subscribers:\n- address: a@example.org\n  address: b@example.org\n",
            3,
            "subscribers[0].address",
            "already in line 2",
            "keep one",
        ),
    ],
)
def test_a_mistake_is_named_with_line_path_what_is_wrong_and_what_would_be_right(
    text: str, line: int, path: str, wrong: str, right: str
) -> None:
    [problem] = [problem for problem in refusal(text) if problem.path == path]

    assert (problem.file, problem.line) == ("subscribers.yaml", line)
    assert wrong in problem.message
    assert right in problem.message


def test_all_the_mistakes_are_reported_at_once_in_the_order_of_the_file() -> None:
    found = refusal(
        "defaults: {zone: Berlin}\n"
        "subscribers:\n"
        "- {address: nobody, topics: ['a*b', {x: 'titel:y'}]}\n"
        "- {address: b@example.org, hour: 7, days: monday, topics: [RAG]}\n"
    )

    assert [(problem.line, problem.path) for problem in found] == [
        (1, "defaults.zone"),
        (3, "subscribers[0].address"),
        (3, "subscribers[0].topics[0]"),
        (3, "subscribers[0].topics[1].x"),
        (4, "subscribers[1].hour"),
        (4, "subscribers[1].days"),
    ]


def test_a_mistake_inside_of_a_topic_is_named_at_its_sign() -> None:
    [problem] = refusal("subscribers:\n- address: a@example.org\n  topics:\n    - x: a, titel:b\n")

    assert (problem.line, problem.column, problem.path) == (4, 13, "subscribers[0].topics[0].x")


def test_topics_are_checked_by_the_given_rule_each_on_its_own_and_then_together() -> None:
    asked = []

    def check(topics_json: str) -> None:
        asked.append(json.loads(topics_json))

    text = "subscribers: [{address: a@example.org, topics: [RAG, {x: y}]}]\n"
    parse_subscribers(text, "f", everything_else=0, check_topics=check)

    assert asked == [["RAG"], [{"x": "y"}], ["RAG", {"x": "y"}]]


def test_an_error_of_a_rule_that_names_no_place_stands_at_the_topic() -> None:
    def refuse(topics_json: str) -> None:
        raise QueryError("will not do", hint="try another")

    with pytest.raises(ConfigError) as caught:
        parse_subscribers(
            "subscribers:\n- address: a@example.org\n  topics: [RAG]\n",
            "f",
            everything_else=0,
            check_topics=refuse,
        )

    assert str(caught.value) == "f:3:12: subscribers[0].topics[0]: will not do; try another"


def test_an_unknown_layout_is_refused_with_the_nearest_one() -> None:
    text = "defaults: {layout: card}\nsubscribers:\n- {address: a@example.org, everything_else: 5, layout: compakt}\n"
    with pytest.raises(ConfigError) as caught:
        parse_subscribers(text, "f", everything_else=0, layouts=["cards", "compact"])

    assert [str(problem) for problem in caught.value.problems] == [
        "f:1:20: defaults.layout: 'card' is unknown; did you mean 'cards'?",
        "f:3:56: subscribers[0].layout: 'compakt' is unknown; did you mean 'compact'?",
    ]


# --- deciding -----------------------------------------------------------------------------


def make_row(name: str = "ada", *, hour: int = 7, topics: str = '["RAG"]') -> FileSubscriber:
    return FileSubscriber(
        address=EmailAddress(f"{name}@example.org"),
        name="",
        cadence=Cadence(frozenset(range(7)), time(hour), "UTC"),
        topics_json=topics,
        everything_else=0,
        language="",
        layout="",
        pictures=None,
        line=1,
    )


def make_known(
    name: str = "ada",
    *,
    consent: Consent = Consent.CONFIRMED,
    file_owned: bool = True,
    counted_run: int = 5,
    next_due_at: datetime = datetime(2026, 6, 18, 7, tzinfo=UTC),
) -> Subscriber:
    """Return the reader whom an earlier run made of make_row(name)."""
    [reader] = choose([], [make_row(name)], counted_run).save
    return replace(
        reader, id=SubscriberId(1), consent=consent, file_owned=file_owned, next_due_at=next_due_at
    )


def choose(known: Sequence[Subscriber], rows: Sequence[FileSubscriber], counted_run: int = 3) -> FileImport:
    return choose_import(known, rows, now=NOW, counted_run=counted_run)


def test_a_new_row_makes_a_confirmed_reader_with_a_window_and_a_due_time() -> None:
    [reader] = choose([], [make_row(hour=18)], counted_run=3).save

    assert reader == Subscriber(
        address=EmailAddress("ada@example.org"),
        cadence=make_row(hour=18).cadence,
        topics_json='["RAG"]',
        consent=Consent.CONFIRMED,
        counted_run=3,
        next_due_at=datetime(2026, 6, 16, 18, tzinfo=UTC),
        file_owned=True,
        decided_at=NOW,
    )


def test_a_row_of_somebody_erased_makes_no_reader() -> None:
    row = make_row()
    chosen = choose_import([], [row], now=NOW, counted_run=3, erased={row.address})

    assert chosen.save == ()
    assert [note.partition(";")[0] for note in chosen.notes] == [
        f"{row.address}: was erased, or replaced by another address"
    ]


def test_an_unchanged_file_changes_nothing() -> None:
    assert choose([make_known()], [make_row()]) == FileImport((), (), listed=1)


def test_changed_topics_keep_window_and_due_time() -> None:
    known = make_known()

    assert choose([known], [make_row(topics='["x"]')]).save == (replace(known, topics_json='["x"]'),)


def test_a_changed_hour_moves_the_due_time() -> None:
    [reader] = choose([make_known()], [make_row(hour=20)]).save

    assert reader.next_due_at == datetime(2026, 6, 16, 20, tzinfo=UTC)
    assert (reader.id, reader.counted_run) == (1, 5)


@pytest.mark.parametrize("consent", sorted(set(Consent) - {Consent.UNCONFIRMED}))
def test_a_reader_who_changed_the_preferences_keeps_them(consent: Consent) -> None:
    known = make_known(file_owned=False, consent=consent)

    chosen = choose([known], [make_row(hour=20)])

    assert chosen.save == ()
    assert len(chosen.notes) == 1
    assert "ada@example.org" in chosen.notes[0]


@pytest.mark.parametrize("file_owned", [True, False])
def test_who_left_stays_left_whatever_the_file_says(file_owned: bool) -> None:
    chosen = choose([make_known(consent=Consent.LEFT, file_owned=file_owned)], [make_row(hour=20)])

    assert chosen.save == ()
    assert chosen.notes == (
        "ada@example.org: has unsubscribed; 'newsletter subscribers restore' resumes their mail",
    )


def test_a_row_that_disappears_pauses_its_reader() -> None:
    known = make_known()

    chosen = choose([known], [])

    assert chosen.save == ()
    assert chosen.dropped == (replace(known, consent=Consent.PAUSED, paused_by_file=True, next_due_at=None),)
    assert chosen.notes == ("ada@example.org: paused, because their row is no longer in the file",)


@pytest.mark.parametrize(
    "known",
    [
        make_known(file_owned=False),
        make_known(consent=Consent.PAUSED),
        make_known(consent=Consent.UNCONFIRMED),
    ],
)
def test_a_reader_whom_the_file_does_not_own_or_who_gets_nothing_is_not_paused(known: Subscriber) -> None:
    assert choose([known], []) == FileImport((), ())


def test_a_row_that_comes_back_wakes_its_reader_without_the_papers_of_the_pause() -> None:
    paused = make_known(consent=Consent.PAUSED, counted_run=5, next_due_at=NOW - timedelta(days=30))
    paused = replace(paused, paused_by_file=True)

    [reader] = choose([paused], [make_row()], counted_run=40).save

    assert reader.consent is Consent.CONFIRMED
    assert reader.counted_run == 40
    assert reader.next_due_at == datetime(2026, 6, 17, 7, tzinfo=UTC)


def test_a_row_for_an_address_that_somebody_entered_on_the_page_counts() -> None:
    asked = make_known(consent=Consent.UNCONFIRMED, file_owned=False)

    [reader] = choose([asked], [make_row()], counted_run=40).save

    assert (reader.consent, reader.file_owned, reader.counted_run) == (Consent.CONFIRMED, True, 40)
    assert reader.next_due_at == datetime(2026, 6, 17, 7, tzinfo=UTC)


def test_a_short_pause_does_not_bring_papers_twice() -> None:
    paused = replace(make_known(consent=Consent.PAUSED, counted_run=5), paused_by_file=True)
    [reader] = choose([paused], [make_row()], counted_run=3).save

    assert reader.counted_run == 5


@pytest.mark.parametrize(
    ("known", "gone", "refused"),
    [
        (1, 1, False),
        (4, 4, False),
        (5, 1, False),
        (5, 2, True),
        (10, 2, False),
        (10, 3, True),
        (11, 3, True),
        (20, 20, True),
    ],
)
def test_a_file_that_loses_more_than_a_fifth_at_once_is_refused(known: int, gone: int, refused: bool) -> None:
    readers = [make_known(f"r{i}") for i in range(known)]
    rows = [make_row(f"r{i}") for i in range(known - gone)]

    if not refused:
        assert len(choose(readers, rows).dropped) == gone
        return
    with pytest.raises(ConfigError, match=f"{gone} of {known} readers are missing, such as .*; nothing was"):
        choose(readers, rows)


def test_readers_who_do_not_depend_on_the_file_do_not_hide_a_loss() -> None:
    others = [make_known(f"o{i}", file_owned=False) for i in range(50)]
    paused = [make_known(f"p{i}", consent=Consent.PAUSED) for i in range(50)]

    with pytest.raises(ConfigError, match="5 of 5"):
        choose([*others, *paused, *[make_known(f"r{i}") for i in range(5)]], [])


NAMES = st.sampled_from("abcdefgh")
READERS = st.dictionaries(NAMES, st.tuples(st.sampled_from(Consent), st.booleans()))


@examples(100)
@given(READERS, st.frozensets(NAMES))
def test_importing_twice_changes_nothing_more_and_never_wakes_who_left(
    known: dict[str, tuple[Consent, bool]], named: frozenset[str]
) -> None:
    readers = {n: make_known(n, consent=consent, file_owned=owned) for n, (consent, owned) in known.items()}
    rows = [make_row(name, hour=9) for name in sorted(named)]
    chosen = choose_or_refuse(list(readers.values()), rows)
    if chosen is None:
        return

    after = {reader.address: reader for reader in (*readers.values(), *chosen.save, *chosen.dropped)}

    again = choose(list(after.values()), rows)
    assert (again.save, again.dropped) == ((), ())
    for name, (consent, owned) in known.items():
        now = after[EmailAddress(f"{name}@example.org")]
        if consent is Consent.LEFT:
            assert now.consent is Consent.LEFT
        elif not owned and consent is not Consent.UNCONFIRMED:
            assert now == readers[name]


def choose_or_refuse(known: Sequence[Subscriber], rows: Sequence[FileSubscriber]) -> FileImport | None:
    try:
        return choose(known, rows)
    except ConfigError:
        return None


# --- the sample file and the sample day ---------------------------------------------------

SAMPLE = find_shipped("subscribers.yaml").read_text(encoding="utf-8")


def test_the_sample_readers_differ_in_zone_days_and_the_form_of_their_topics() -> None:
    rows = read(SAMPLE)
    forms = [form for row in rows for form in json.loads(row.topics_json)]

    assert len(rows) >= 5
    assert len({row.cadence.zone for row in rows}) >= 4
    assert len({row.cadence.days for row in rows}) >= 3
    assert {"text" if isinstance(f, str) else "long" if "name" in f else "line" for f in forms} == {
        "text",
        "line",
        "long",
    }
    assert all(row.address.endswith("@example.org") for row in rows)


def test_at_least_four_sample_readers_have_a_slot_on_the_sample_day() -> None:
    slots = [
        build_slot(row.cadence, SAMPLE_DAY).at
        for row in read(SAMPLE)
        if SAMPLE_DAY.weekday() in row.cadence.days
    ]

    assert len(slots) >= 4
    assert max(slots) - min(slots) < timedelta(hours=24)


def test_the_sample_day_has_papers_for_the_sample_readers_and_one_topic_without_any() -> None:
    source = Source("sample", "hf_daily_papers", str(sample_file()))
    feed = hf_daily_papers.parse(
        Fetched(sample_file().read_bytes(), source.location), source, Request(source.location)
    )
    entries = [fold_entry(sighting.entry) for sighting in feed.sightings]

    found = {
        (row.address, topic.name): sum(match_topic(topic, entry) is not None for entry in entries)
        for row in read(SAMPLE)
        for topic in parse_topics(row.topics_json)
    }

    assert sum(count > 0 for count in found.values()) >= 8
    assert found[EmailAddress("emmy@example.org"), "quantum computing"] == 0


def test_every_record_of_the_sample_day_is_a_paper_with_a_summary_and_authors() -> None:
    source = Source("sample", "hf_daily_papers", str(sample_file()))
    feed = hf_daily_papers.parse(
        Fetched(sample_file().read_bytes(), source.location), source, Request(source.location)
    )

    assert (len(feed.sightings), feed.refused, feed.unknown_fields) == (26, 0, ())
    assert SAMPLE_DAY.strftime("%A") == "Tuesday"
    for sighting in feed.sightings:
        assert sighting.listed_on == SAMPLE_DAY
        assert sighting.entry.key.startswith("arxiv:")
        assert sighting.entry.upvotes is not None
        assert sighting.entry.summary.count(".") + sighting.entry.summary.count("?") >= 2
    assert max(len(sighting.entry.authors) for sighting in feed.sightings) > 200

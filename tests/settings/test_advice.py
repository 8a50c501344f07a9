"""Advice goes by what a word means, and by its spelling only where its meaning is not known."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from newsletter.errors import QueryError
from newsletter.match.topics import parse_topics
from newsletter.settings.advice import (
    advise_days,
    advise_duration,
    advise_hour,
    advise_zone,
    did_you_mean,
    word_days,
)
from newsletter.settings.checked_yaml import fields_of
from newsletter.settings.config import SOURCE_KINDS, Config, RelaySettings, SourceSettings
from newsletter.settings.readers import list_zones, parse_days, parse_zone
from newsletter.settings.subscribers_file import _Row
from tests.support.builders import at

WINTER, SUMMER = at("2026-01-15 12:00"), at("2026-07-15 12:00")
ZONES = list_zones()


def advise(text: str, now: str = "winter") -> str:
    return advise_zone(text, ZONES, ZONES, WINTER if now == "winter" else SUMMER)


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        *(
            ("PST", "America/Los_Angeles"),
            ("pdt", "America/Los_Angeles"),
            ("Pacific Time", "America/Los_Angeles"),
        ),
        *(
            ("EDT", "America/New_York"),
            ("Eastern Standard Time", "America/New_York"),
            ("CT", "America/Chicago"),
        ),
        *(("CEST", "Europe/Berlin"), ("MEZ", "Europe/Berlin"), ("Central European Time", "Europe/Berlin")),
        *(
            ("BST", "Europe/London"),
            ("IST", "Asia/Kolkata"),
            ("JST", "Asia/Tokyo"),
            ("AEDT", "Australia/Sydney"),
        ),
        *(("utc", "UTC"), ("Z", "UTC"), ("UTC+0", "UTC"), ("+00:00", "UTC")),
        *(("W. Europe Standard Time", "Europe/Berlin"), ("China Standard Time", "Asia/Shanghai")),
        *(("Germany", "Europe/Berlin"), ("US", "America/New_York"), ("India", "Asia/Kolkata")),
        *(
            ("Beijing", "Asia/Shanghai"),
            ("Asia/Beijing", "Asia/Shanghai"),
            ("Europe/Munich", "Europe/Berlin"),
        ),
        *(
            ("San Francisco", "America/Los_Angeles"),
            ("Berlin", "Europe/Berlin"),
            ("europe/berlin", "Europe/Berlin"),
        ),
        *(
            ("Europa/Berlin", "Europe/Berlin"),
            ("New York", "America/New_York"),
            ("Asia/Kolkatta", "Asia/Kolkata"),
        ),
    ],
)
def test_a_zone_is_advised_by_the_clock_city_or_country_that_was_written(text: str, zone: str) -> None:
    assert advise(text) == f"did you mean '{zone}'?"


@pytest.mark.parametrize("now", ["winter", "summer"])
@pytest.mark.parametrize(
    ("text", "hours"),
    [
        *(
            ("GMT+2", 2),
            ("UTC+2", 2),
            ("utc +02:00", 2),
            ("+2", 2),
            ("UTC-8", -8),
            ("GMT-3", -3),
            ("UTC\u22125", -5),
        ),
        *(
            ("UTC+5:30", 5.5),
            ("GMT+0530", 5.5),
            ("UTC+9", 9),
            ("UTC+10", 10),
            ("UTC+12", 12),
            ("UTC-3:30", -3.5),
        ),
    ],
)
def test_an_offset_is_that_of_a_city_whose_clocks_show_it_now(text: str, hours: float, now: str) -> None:
    if (hours, now) == (-3.5, "summer"):
        assert advise(text, now) == "use a name from the IANA list, like Europe/Berlin"  # nobody's clock
        return
    told = advise(text, now)
    zone = told.split("'")[1]
    instant = WINTER if now == "winter" else SUMMER
    assert instant.astimezone(ZoneInfo(zone)).utcoffset() == timedelta(hours=hours), told
    assert "/" in zone
    assert not zone.startswith("Etc/")


@pytest.mark.parametrize(
    "text", ["xyz", "local", "BLA", "../../etc/passwd", "UTC+15", "Etc/GMT+15", "my zone"]
)
def test_what_means_no_zone_is_near_to_none(text: str) -> None:
    assert advise(text) == "use a name from the IANA list, like Europe/Berlin"


def test_the_zones_of_the_tables_are_those_of_the_database() -> None:
    for text in ("PST", "AEST", "Munich", "MSK", "ART", "NPT", "Seattle"):
        assert parse_zone(advise(text).split("'")[1])


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        *(
            ("mon-fri", "weekdays"),
            ("Mon–Fri", "weekdays"),
            ("monday to friday", "weekdays"),
            ("Mo-Fr", "weekdays"),
        ),
        *(
            ("workdays", "weekdays"),
            ("every weekday", "weekdays"),
            ("every day", "daily"),
            ("everyday", "daily"),
        ),
        *(("sat-sun", "weekends"), ("weekend", "weekends"), ("mon-sun", "daily"), ("sun-sat", "daily")),
        *(
            ("mon-wed", "mon,tue,wed"),
            ("sat-mon", "mon,sat,sun"),
            ("tue and thu", "tue,thu"),
            ("mon/wed", "mon,wed"),
        ),
        *(("mondays", "mon"), ("wednesday", "wed"), ("Thurs", "thu"), ("Montag", "mon"), ("Mi", "wed")),
    ],
)
def test_days_are_advised_as_they_were_meant(text: str, meant: str) -> None:
    assert advise_days(text) == f"did you mean '{meant}'?"


@pytest.mark.parametrize("text", ["daily", "weekdays", "weekends", "mon", "mon,wed", "tue,thu,sun"])
def test_days_are_worded_as_they_are_read(text: str) -> None:
    assert word_days(parse_days(text)) == text


@pytest.mark.parametrize("text", ["weekly", "once a week", "monthly", "fortnightly", "biweekly"])
def test_what_is_rarer_than_daily_names_its_day(text: str) -> None:
    assert "such as 'mon'" in advise_days(text)
    assert "weekdays" not in advise_days(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        *(("7", "07:00"), ("7pm", "19:00"), ("7:30am", "07:30"), ("12 am", "00:00"), ("12pm", "12:00")),
        *(
            ("19.30 Uhr", "19:30"),
            ("0730", "07:30"),
            ("07:30:00", "07:30"),
            ("noon", "12:00"),
            ("24:00", "00:00"),
        ),
    ],
)
def test_an_hour_is_advised_in_our_form(text: str, meant: str) -> None:
    assert advise_hour(text).startswith(f"did you mean '{meant}'?")


def test_what_is_no_hour_and_no_duration_is_told_the_form_alone() -> None:
    assert advise_hour("morning").startswith("write it like 07:30")
    assert advise_hour("25:00").startswith("write it like 07:30")
    assert advise_duration("often").startswith("write minutes")


@pytest.mark.parametrize(
    ("text", "meant"),
    [("30min", "30m"), ("30 minutes", "30m"), ("2 hours", "2h"), ("1 day", "1d"), ("1w", "7d")],
)
def test_a_duration_is_advised_in_our_form(text: str, meant: str) -> None:
    assert advise_duration(text) == f"did you mean '{meant}'?"


CONFIG, SOURCE, RELAY, ROW = (
    list(fields_of(model)) for model in (Config, SourceSettings, RelaySettings, _Row)
)


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        *(("url", SOURCE, "location"), ("href", SOURCE, "location"), ("type", SOURCE, "kind")),
        *(("rss", SOURCE_KINDS, "feed"), ("Atom", SOURCE_KINDS, "feed"), ("json-feed", SOURCE_KINDS, "feed")),
        *(("huggingface", SOURCE_KINDS, "hf_daily_papers"), ("arxiv", SOURCE_KINDS, "arxiv_listing")),
        *(("smtp", CONFIG, "relay"), ("feeds", CONFIG, "sources"), ("readers", CONFIG, "subscribers")),
        *(("user", RELAY, "username"), ("pass", RELAY, "password"), ("ssl", RELAY, "security")),
        *(("ssl", ("starttls", "tls", "none"), "tls"), ("off", ("starttls", "tls", "none"), "none")),
        *(
            ("email", ROW, "address"),
            ("e-mail", ROW, "address"),
            ("timezone", ROW, "zone"),
            ("time", ROW, "hour"),
        ),
        *(
            ("keywords", ROW, "topics"),
            ("frequency", ROW, "days"),
            ("Layuot", ROW, "layout"),
            ("adress", ROW, "address"),
        ),
        *(
            ("en-US", ("ar", "de", "en"), "en"),
            ("German", ("ar", "de", "en"), "de"),
            ("Reply-To", ["reply_to"], "reply_to"),
        ),
    ],
)
def test_a_word_of_other_products_is_ours(word: str, known: list[str], meant: str) -> None:
    assert did_you_mean(word, known) == f"did you mean '{meant}'?"


def test_a_word_without_a_meaning_gets_the_known_ones() -> None:
    assert did_you_mean("zzz", ["kind", "name"]) == "known here: kind, name"


@pytest.mark.parametrize(
    ("key", "meant"), [("exclude", "none"), ("keywords", "any"), ("votes", "min_upvotes"), ("lmit", "limit")]
)
def test_a_key_of_a_topic_is_advised_by_its_meaning(key: str, meant: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_topics(f'[{{"name": "x", "any": ["a word"], "{key}": "b"}}]', {})
    assert f"did you mean '{meant}'?" in caught.value.told

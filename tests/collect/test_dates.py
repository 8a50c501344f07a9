from __future__ import annotations

from datetime import timedelta

import pytest

from newsletter.collect.dates import parse_date, without_future_dates
from newsletter.model.sources import ParsedFeed
from tests.support.builders import at
from tests.support.sightings import seen


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        # What standards say.
        ("Thu, 12 Nov 2026 10:00:00 GMT", "2026-11-12 10:00"),
        ("12 Nov 26 10:00 -0800", "2026-11-12 18:00"),
        ("2026-W46-4", "2026-11-12"),
        ("2026-11-12T10:00:60Z", "2026-11-12 10:01"),
        # Of one country, or one program.
        ("/Date(1794477600000)/", "2026-11-12 10:00"),
        ("12. november 2026 kl. 10.00", "2026-11-12 10:00"),
        ("12 novembre 2026 10 h 00", "2026-11-12 10:00"),
        ("12 marraskuuta 2026", "2026-11-12"),
        ("ngày 12 tháng 11 năm 2026", "2026-11-12"),
        ("12 ב-נובמבר 2026", "2026-11-12"),
        ("12 พฤศจิกายน 2026", "2026-11-12"),
        ("12 พ.ย. 2569", "2026-11-12"),
        ("令和8年11月12日", "2026-11-12"),
        ("Thu, 12 Nov 2026 10:00:00 PST", "2026-11-12 18:00"),
        ("Thu, 12 Nov 2026 10:00:00 +01:00", "2026-11-12 09:00"),
        ("Thu, 12 Nov 2026 10:00:00 GMT+0100 (CET)", "2026-11-12 09:00"),
        ("Thursday, 12-Nov-26 10:00:00 GMT", "2026-11-12 10:00"),
        ("Thu Nov 12 10:00:00 2026", "2026-11-12 10:00"),
        ("Thu Nov 12 10:00:00 EST 2026", "2026-11-12 15:00"),
        ("Thu, 12 Nov 2026 24:00:00 GMT", "2026-11-13 00:00"),
        ("2026-11-12T10:00:00Z", "2026-11-12 10:00"),
        ("2026-11-12T10:00:00.123456789+01:00", "2026-11-12 09:00:00.123456"),
        ("2026-11-12T10:00-0500", "2026-11-12 15:00"),
        ("2026-11-12 10:00", "2026-11-12 10:00"),
        ("2026-11-12", "2026-11-12"),
        ("20261112", "2026-11-12"),
        ("20261112T101500Z", "2026-11-12 10:15"),
        ("2026-316", "2026-11-12"),
        # Unix time.
        ("1794477600", "2026-11-12 10:00"),
        (1794477600, "2026-11-12 10:00"),
        (1794477600000, "2026-11-12 10:00"),
        # What people write.
        ("2026/6/29", "2026-06-29"),
        ("2026.11.12", "2026-11-12"),
        ("12.11.2026, 10.30 Uhr", "2026-11-12 10:30"),
        ("2026/11/12 2:17:57 PM", "2026-11-12 14:17:57"),
        ("Nov 12, 2026 12:05 AM", "2026-11-12 00:05"),
        ("November 12th, 2026", "2026-11-12"),
        ("12/Nov/2026", "2026-11-12"),
        ("Thu,12 Nov 2026 10:00:00 GMT", "2026-11-12 10:00"),
        ("25/12/2026", "2026-12-25"),
        ("12/25/2026", "2026-12-25"),
        ("10:00, 12 November 2026", "2026-11-12 10:00"),
        # In the languages of feeds.
        ("Do, 12. November 2026 10:00", "2026-11-12 10:00"),
        ("Mi, 4 März 2026 10:00:00 +0100", "2026-03-04 09:00"),
        ("mar., 10 nov. 2026 10:00:00 +0100", "2026-11-10 09:00"),
        ("le 1er août 2026 à 10h30", "2026-08-01 10:30"),
        ("12 de noviembre de 2026", "2026-11-12"),
        ("12 dicembre 2026", "2026-12-12"),
        ("12 de março de 2026", "2026-03-12"),
        ("12 grudnia 2026", "2026-12-12"),
        ("12 Kasım 2026", "2026-11-12"),
        ("12 ноября 2026 г. 10:00", "2026-11-12 10:00"),
        ("Πέμ, 12 Νοέ 2026 10:00:00 EET", "2026-11-12 08:00"),
        ("2026年11月12日 14時17分", "2026-11-12 14:17"),
        ("2026年11月12日下午2:17", "2026-11-12 14:17"),
        ("2026년 11월 12일 오후 2:17", "2026-11-12 14:17"),
        ("١٢ نوفمبر ٢٠٢٦", "2026-11-12"),
        ("12 नवंबर 2026", "2026-11-12"),
    ],
)
def test_date_is_read_whole(written: object, moment: str) -> None:
    assert parse_date(written) == at(moment)


@pytest.mark.parametrize(
    "written",
    [
        *("", " ", "yesterday", "2 days ago", "Nov 2026", "2026", "2026-11", "Nov 12", "12"),
        # One day here and another there.
        *("11/12/2026", "11-12-2026 2:17 PM", "12.11.26", "03-12-31"),
        # No day at all, or none that a feed has anything of.
        *(
            "31 Feb 2026",
            "2026-13-01",
            "Thu, 12 Nov 2026 25:61:00 GMT",
            "Mon, 01 Jan 0001 00:00:00 GMT",
            "1763-11-30",
        ),
        *(
            "31 Dec 1989 23:59:59 GMT",
            "0",
            "-1",
            "9" * 400,
            "9999-12-31T23:59:59-23:59",
            0,
            -1,
            1e300,
            float("nan"),
        ),
        *(None, True, [], {}),
    ],
)
def test_date_that_leaves_a_doubt_is_none(written: object) -> None:
    assert parse_date(written) is None


def test_date_after_tomorrow_is_left_out_and_told() -> None:
    now = at("2026-11-12 10:00")
    days = (
        now - timedelta(days=1),
        now + timedelta(hours=20),
        now + timedelta(days=2),
        at("2100-01-01"),
        None,
    )
    feed = ParsedFeed(
        tuple(seen(f"guid:x:{number}", published_at=day) for number, day in enumerate(days)),
        notes=("a",),
    )

    after = without_future_dates(feed, now)

    assert [one.entry.published_at for one in after.sightings] == [*days[:2], None, None, None]
    assert after.notes == ("a", "2 dates in the future left out")
    assert without_future_dates(after, now) is after

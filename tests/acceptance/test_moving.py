"""The page on moving is followed to the letter: its commands, on files of the shape that each product exports."""

from __future__ import annotations

import csv
import io
import re
import shlex
from pathlib import Path

import pytest
import yaml

from tests.support.house import House

PAGE = (Path(__file__).parents[2] / "docs" / "moving.md").read_text("utf-8")
COMMANDS = [shlex.split(line) for line in re.findall(r"^    newsletter (.*)$", PAGE, re.MULTILINE)]

FILES = {
    "subscribed.csv": (
        "Email Address,First Name,Last Name,Address,Phone Number,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,"
        "CONFIRM_IP,LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,UNSUB_TIME,CLEAN_TIME,LAST_CHANGED,LEID,EUID,"
        "NOTES,TAGS\n"
        "chimp@example.org,Ada,Holm,1 Main St,,4,2024-01-02 09:59:00,192.0.2.7,2024-01-02 10:00:00,192.0.2.7,52.5,13.4,"
        '1,2,Europe/Berlin,DE,BE,,,2024-01-02 10:00:00,1,a1,,"""news"",""papers"""\n'
        "nozone@example.org,,,,,2,,,2024-01-02 10:00:00,,,,,,,,,,,2024-01-02 10:00:00,2,b2,,\n"
        "left@example.org,,,,,2,,,,,,,,,,,,2025-02-03 04:05:06,,2025-02-03 04:05:06,3,c3,,\n"
        "gone@example.org,,,,,1,,,,,,,,,,,,,2025-02-03 04:05:06,2025-02-03 04:05:06,4,d4,,\n"
    ),
    "unsubscribed.csv": (
        "Email Address,First Name,UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_REASON\n"
        "over@example.org,Kim,2025-02-03 04:05:06,News,NORMAL\n"
    ),
    "cleaned.csv": "Email Address,CLEAN_TIME\nbounced@example.org,2025-02-03 04:05:06\n",
    "email_list.csv": (
        "email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at\n"
        "stack@example.org,false,,other,false,2024-01-01T00:00:00.000Z,\n"
        "paid@example.org,true,2027-01-01T00:00:00.000Z,yearly,false,2024-01-01T00:00:00.000Z,2024-01-01T00:00:00.000Z\n"
        "off@example.org,true,,yearly,true,2024-01-01T00:00:00.000Z,\n"
    ),
    "buttondown.csv": (
        "id,email_address,notes,metadata,tags,type,creation_date,utm_source\n"
        '1,button@example.org,,{},"news,papers",regular,2024-01-01T00:00:00Z,\n'
        "2,gifted@example.org,,{},,gifted,2024-01-01T00:00:00Z,\n"
        "3,new@example.org,,{},,unactivated,2024-01-01T00:00:00Z,\n"
        "4,angry@example.org,,{},,complained,2024-01-01T00:00:00Z,\n"
        "5,dead@example.org,,{},,undeliverable,2024-01-01T00:00:00Z,\n"
        "6,left2@example.org,,{},,unsubscribed,2024-01-01T00:00:00Z,\n"
    ),
    "listmonk.csv": (
        "uuid,email,name,attributes,status,created_at,updated_at\n"
        'b1,monk@example.org,Kim Ng,"{""city"": ""Oslo""}",enabled,2024-01-01 00:00:00+00,2024-01-01 00:00:00+00\n'
        "b2,blocked@example.org,,{},blocklisted,2024-01-01 00:00:00+00,2024-01-01 00:00:00+00\n"
        "b3,disabled@example.org,,{},disabled,2024-01-01 00:00:00+00,2024-01-01 00:00:00+00\n"
    ),
    "members.csv": (
        "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels,tiers\n"
        "1,ghost@example.org,Lee,,true,,,2024-01-01T00:00:00.000Z,,papers,\n"
        "2,comped@example.org,,,true,true,cus_1,2024-01-01T00:00:00.000Z,,,Gold\n"
        "3,quiet@example.org,,,false,,,2024-01-01T00:00:00.000Z,,,\n"
        "4,deleted@example.org,,,true,,,2024-01-01T00:00:00.000Z,2025-01-01T00:00:00.000Z,,\n"
    ),
    "feeds.opml": (
        '<opml version="2.0"><head><title>Feeds</title></head><body><outline text="Labs">'
        '<outline type="rss" text="A lab" xmlUrl="https://lab.example.org/feed.xml"/></outline></body></opml>'
    ),
}
TAKEN = {
    *(
        "chimp@example.org",
        "nozone@example.org",
        "stack@example.org",
        "paid@example.org",
        "button@example.org",
    ),
    *("gifted@example.org", "monk@example.org", "ghost@example.org", "comped@example.org"),
}


@pytest.fixture
def house(tmp_path: Path) -> House:
    (tmp_path / "day.json").write_text("[]")
    house = House.build(
        tmp_path,
        sources="- {kind: hf_daily_papers, location: day.json}",
        subscribers="subscribers: []",
        port=1,
    )
    for name, text in FILES.items():
        (house.folder / name).write_text(text, "utf-8")
    return house


def test_the_commands_of_the_page_bring_over_all_who_may_be_mailed_and_nobody_else(house: House) -> None:
    for command in COMMANDS:
        done = house.run(*command)
        assert done.returncode == 0, (command, done.stdout, done.stderr)

    exported = house.run("subscribers", "export").stdout
    readers = {row["address"]: row for row in csv.DictReader(io.StringIO(exported))}
    assert set(readers) == TAKEN
    assert {row["consent"] for row in readers.values()} == {"confirmed"}
    assert all("language model" in row["topics"] for row in readers.values())
    assert readers["chimp@example.org"]["name"] == "Ada Holm"
    assert readers["chimp@example.org"]["zone"] == "Europe/Berlin"
    assert readers["nozone@example.org"]["zone"] == "UTC"
    suppressed = house.run("subscribers", "suppressed").stdout
    assert {row["address"].partition("@")[0] for row in csv.DictReader(io.StringIO(suppressed))} == {
        *(
            "left",
            "gone",
            "over",
            "bounced",
            "off",
            "angry",
            "dead",
            "left2",
            "blocked",
            "disabled",
            "quiet",
            "deleted",
        )
    }
    sources = yaml.safe_load((house.folder / "sources.yaml").read_text("utf-8"))
    assert "https://lab.example.org/feed.xml" in str(sources)


def test_every_file_of_the_page_was_tried() -> None:
    named = {word for command in COMMANDS for word in command if word.endswith((".csv", ".opml"))}

    assert named == set(FILES)
    for product in ("Mailchimp", "Substack", "Buttondown", "listmonk", "Ghost"):
        assert f"\n## {product}\n" in PAGE

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from sqlalchemy import insert

from newsletter.model.ledger import Kind, State
from newsletter.model.readers import Consent, EmailAddress, Refusal, Refused, Slot
from newsletter.signing import Purpose, Secret, build_token
from newsletter.storage.tables import suppressions
from newsletter.web.app import build_app
from newsletter.web.forms import DAYS
from newsletter.web.pages.preferences import version_of
from newsletter.web.site import Site
from tests.support.builders import at, make_cadence
from tests.support.clock import SetClock
from tests.support.statements import execute
from tests.support.website import HOSTILE, NOW, READER, client_of
from tests.web.readers import given_other, leave_path, load, load_consents, load_notices, own_path
from tests.web.snapshot import take_snapshot

FORM = {"own": "RAG", "when": "daily", "hour": "07:00", "zone": "UTC", "language": "en", "layout": "cards",
        "everything_else": "0", "name": "Ada"}  # fmt: skip
"""What the form of READER holds where nobody has touched it."""


def read_version(html: str) -> str:
    found = re.search(r'name="version" value="([0-9a-f]{16})"', html)
    assert found
    return found[1]


async def save(client: httpx2.AsyncClient, path: str, **changed: object) -> httpx2.Response:
    """Open the page, change some fields, and press Save."""
    shown = await client.get(path)
    return await client.post(path, data={**FORM, "version": read_version(shown.text), **changed})


# --- whose page it is -----------------------------------------------------------------------------


async def test_no_other_text_opens_a_readers_page(site: Site, client: httpx2.AsyncClient) -> None:
    reader, other = await load(site), await given_other(site)
    token = own_path(site, reader).removeprefix("/me/")
    wrong = [
        token[:-1],
        token[1:],
        token.upper(),
        token[:-1] + ("a" if token[-1] != "a" else "b"),
        own_path(site, other).removeprefix("/me/")[:1] + token[1:],
        build_token(Purpose.PREFERENCES, reader.id, site.secret, other.address),
        build_token(Purpose.PREFERENCES, reader.id, site.secret),
        build_token(Purpose.PREFERENCES, reader.id, Secret(b"x"), reader.address),
        build_token(Purpose.PREFERENCES, 999_999, site.secret, reader.address),
        build_token(Purpose.LEAVE, reader.id, site.secret),
        build_token(Purpose.CONFIRM, reader.id, site.secret),
        build_token(Purpose.FORM, reader.id, site.secret, reader.address),
        "x" * 3000,
        "%00%0d%0aSet-Cookie:%20a=b",
    ]
    before = await take_snapshot(site.newsletter.database)
    posts = ("", "/pause", "/resume", "/address", "/export", "/erase")
    everything = {
        **FORM,
        "version": "0" * 16,
        "sure": "yes",
        "address": "eve@example.org",
        "until": "2026-07-01",
    }

    for text in wrong:
        for path in ("", "/sent", "/sent/2026-06-16"):
            answer = await client.get(f"/me/{text}{path}")
            assert answer.status_code == 404, (text, path)
            assert READER not in answer.text
        for path in posts:
            answer = await client.post(f"/me/{text}{path}", data=everything)
            assert answer.status_code == 404, (text, path)
            assert READER not in answer.text
    assert await take_snapshot(site.newsletter.database) == before


async def test_a_page_shows_nothing_of_another_reader(site: Site, client: httpx2.AsyncClient) -> None:
    other = await given_other(site, topics_json='["pangolins of Bob"]')
    path = own_path(site, await load(site))

    texts = [(await client.get(path + part)).text for part in ("", "/sent")]
    texts.append((await client.post(path + "/export")).text)

    for text in texts:
        assert other.address not in text
        assert "pangolins" not in text


async def test_looking_at_all_pages_changes_nothing(site: Site, client: httpx2.AsyncClient) -> None:
    reader = await load(site)
    before = await take_snapshot(site.newsletter.database)

    for path in (own_path(site, reader), leave_path(site, reader)):
        for part in ("", "/sent", "/sent/2026-06-16", "/pause", "/resume", "/address", "/export", "/erase"):
            assert (await client.get(path + part)).status_code < 500
            assert (await client.head(path + part)).status_code < 500

    assert await take_snapshot(site.newsletter.database) == before


async def test_pictures_are_offered_with_what_they_mean_and_taken_back(
    site: Site, client: httpx2.AsyncClient
) -> None:
    path = own_path(site, await load(site))
    page = (await client.get(path)).text
    assert f"loaded from {site.links.host} when you open the mail" in page
    assert re.search(r'type="checkbox" name="pictures" value="on" aria-describedby="pictures-help">', page)

    chosen = (await save(client, path, pictures=["off", "on"])).text
    assert (await load(site)).pictures is True
    assert "Pictures of the papers in your mails" in chosen
    assert re.search(r'name="pictures" value="on" aria-describedby="pictures-help" checked>', chosen)
    untouched = (await save(client, path, pictures=["off", "on"], name="Ada")).text
    assert "Nothing was changed." in untouched

    await save(client, path, pictures="off")
    assert (await load(site)).pictures is False


async def test_forms_of_other_sites_are_refused(site: Site, client: httpx2.AsyncClient) -> None:
    path = own_path(site, await load(site))
    before = await take_snapshot(site.newsletter.database)

    for part in ("", "/pause", "/resume", "/address", "/export", "/erase"):
        for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
            answer = await client.post(path + part, data={**FORM, "sure": "yes"}, headers=headers)
            assert answer.status_code == 403

    assert await take_snapshot(site.newsletter.database) == before


async def test_personal_pages_are_neither_kept_nor_listed(site: Site, client: httpx2.AsyncClient) -> None:
    path = own_path(site, await load(site))
    answers = [await client.get(path), await client.get(path + "/sent")]
    answers += [
        await client.post(path + part) for part in ("", "/pause", "/resume", "/address", "/export", "/erase")
    ]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-robots-tag"] == "noindex"


# --- what it shows --------------------------------------------------------------------------------


async def test_page_shows_what_topics_found_and_just_missed(site: Site, client: httpx2.AsyncClient) -> None:
    topics = '["RAG",{"name":"Small","any":["small language model"],"none":["phones"]}]'
    reader = await given_other(site, topics_json=topics)

    text = (await client.get(own_path(site, reader))).text

    assert "Retrieval-augmented generation, measured" in text
    assert "A small language model for phones" in text
    assert "none: phones (title)" in text
    assert "No near misses: RAG" in text
    assert "every day at 07:00 (UTC)" in text


async def test_hostile_texts_are_escaped(site: Site, client: httpx2.AsyncClient) -> None:
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'
    reader = await given_other(site)
    reader = replace(reader, name=evil, topics_json='[{"<script>alert(3)</script>": "diffusion"}]')
    await site.newsletter.subscribers.save([reader], NOW, "edited")
    path = own_path(site, reader)

    texts = [(await client.get(path)).text]
    texts.append((await save(client, path, name=evil, own=evil, hour=evil, zone=evil, language=evil)).text)
    texts.append((await client.post(path + "/pause", data={"until": evil})).text)
    texts.append((await client.post(path + "/address", data={"address": evil})).text)

    for text in texts:
        assert "<script>alert" not in text
        assert "<img src=x" not in text
    assert HOSTILE not in texts[0]


async def test_topics_that_cannot_be_read_any_more_do_not_close_the_page(
    site: Site, client: httpx2.AsyncClient
) -> None:
    reader = await given_other(site, topics_json='[{"name":"x","rank":"loudest"}]')

    answer = await client.get(own_path(site, reader))

    assert answer.status_code == 200
    saved = await save(client, own_path(site, reader), own="RAG")
    assert saved.status_code == 200
    assert (await load(site, reader.address)).topics_json == '["RAG"]'


# --- changing -------------------------------------------------------------------------------------


async def test_what_is_changed_belongs_to_the_reader_and_is_told(
    site: Site, client: httpx2.AsyncClient
) -> None:
    before = await load(site)
    assert before.file_owned
    path = own_path(site, before)

    answer = await save(
        client, path, own="RAG\nrobots: robot*", when="chosen", day=["wed", "fri"], hour="21:15",
        zone="Asia/Tokyo", name="Ada L", everything_else="5", layout="compact", language="de",
    )  # fmt: skip

    reader = await load(site)
    assert answer.status_code == 200
    assert (reader.name, reader.everything_else, reader.layout, reader.language) == (
        "Ada L",
        5,
        "compact",
        "de",
    )
    assert reader.topics_json == '["RAG","robots: robot*"]'
    assert reader.cadence == make_cadence("Asia/Tokyo", "21:15", frozenset({2, 4}))
    assert not reader.file_owned
    assert reader.next_due_at == at("2026-06-19 12:15")  # 18:30 UTC on Wednesday is Thursday in Tokyo
    assert reader.counted_run == before.counted_run
    ((address, subject, _),) = await load_notices(site, Kind.CHANGED)
    assert (address, subject) == (READER, "Deine Einstellungen sind geändert: Trending Papers")
    assert 'lang="de"' in answer.text
    assert "robots" in answer.text


async def test_saving_what_is_shown_changes_nothing(site: Site, client: httpx2.AsyncClient) -> None:
    topics = '[{"robots":"robot*"},"RAG",{"any":["SLM"],"limit":8,"name":"Small models"}]'
    reader = await given_other(site, topics_json=topics)
    path = own_path(site, reader)
    shown = (await client.get(path)).text
    before = await take_snapshot(site.newsletter.database)
    own = re.search(r"<textarea[^>]*>(.*?)</textarea>", shown, re.DOTALL)
    assert own
    lines = own[1].replace("&#34;", '"')
    picked = re.findall(r'name="topic" value="([^"]*)" checked', shown)

    answer = await client.post(
        path, data={**FORM, "own": lines, "topic": picked, "version": read_version(shown)}
    )

    assert "Nothing was changed" in answer.text
    assert await take_snapshot(site.newsletter.database) == before


async def test_mistakes_are_shown_and_nothing_is_saved(site: Site, client: httpx2.AsyncClient) -> None:
    path = own_path(site, await load(site))
    before = await take_snapshot(site.newsletter.database)

    for wrong in (
        {"own": "(RAG OR"},
        {"own": ""},
        {"hour": "25:00"},
        {"zone": "Mars/Olympus"},
        {"language": "xx"},
        {"layout": "../../etc/passwd"},
        {"everything_else": "-1"},
        {"everything_else": "9" * 30},
        {"name": "Ada\r\nBcc: eve@example.org"},
        {"name": "A" * 81},
        {"when": "chosen"},
        {"name": "Ada\x00"},
    ):
        answer = await save(client, path, **wrong)
        assert answer.status_code == 422, wrong
        assert 'role="alert"' in answer.text

    assert await take_snapshot(site.newsletter.database) == before


async def test_a_page_that_is_older_than_the_reader_saves_nothing(
    site: Site, client: httpx2.AsyncClient
) -> None:
    path = own_path(site, await load(site))
    old = read_version((await client.get(path)).text)
    await save(client, path, hour="09:00")
    before = await take_snapshot(site.newsletter.database)

    answers = [
        await client.post(path, data={**FORM, "hour": "10:00", "version": old}),
        await client.post(path, data={**FORM, "hour": "10:00"}),
        await client.post(path + "/pause", data={"until": "2026-07-01", "version": old}),
    ]

    for answer in answers:
        assert answer.status_code == 409
        assert "nothing was saved" in answer.text
    assert await take_snapshot(site.newsletter.database) == before
    assert 'value="10:00"' in answers[0].text  # what was typed is not lost
    again = await client.post(path, data={**FORM, "hour": "10:00", "version": read_version(answers[0].text)})
    assert again.status_code == 200
    assert (await load(site)).cadence == make_cadence(hour="10:00")


async def test_what_happens_between_reading_and_writing_is_not_undone(site: Site) -> None:
    reader = await load(site)
    shown = version_of(reader)
    await site.subscriptions.leave(reader.id, "unsubscribed with one click", is_told=False)

    changed = await site.subscriptions.change(
        reader.id, replace(reader, name="New"), "", lambda now: version_of(now) == shown
    )

    assert changed == Refused(Refusal.STALE)
    left = await load(site)
    assert (left.consent, left.name) == (Consent.LEFT, "Ada")


async def test_planning_in_between_is_kept(site: Site) -> None:
    """next_due_at moves on while a page is open; a change that does not touch the cadence leaves it alone."""
    newsletter = site.newsletter
    due = replace(await load(site), next_due_at=at("2026-06-17 07:00"))
    await newsletter.subscribers.save([due], NOW, "edited")
    await newsletter.planner.plan_due()

    wanted = replace(due, name="New", counted_run=0)
    await site.subscriptions.change(due.id, wanted, "", lambda _now: True)

    reader = await load(site)
    assert (reader.name, reader.next_due_at) == ("New", at("2026-06-18 07:00"))


async def test_a_digest_that_is_due_is_not_lost_by_another_topic(
    site: Site, client: httpx2.AsyncClient
) -> None:
    due = replace(await load(site), next_due_at=at("2026-06-17 18:00"))
    await site.newsletter.subscribers.save([due], NOW, "edited")

    await save(client, own_path(site, due), own="robots")

    assert (await load(site)).next_due_at == due.next_due_at


# --- a pause, coming back ---------------------------------------------------------------------------


async def test_pause_until_a_day_and_its_end(site: Site, client: httpx2.AsyncClient) -> None:
    path = own_path(site, await load(site))
    version = read_version((await client.get(path)).text)

    paused = await client.post(path + "/pause", data={"until": "2026-07-01", "version": version})

    reader = await load(site)
    assert (reader.consent, reader.file_owned) == (Consent.PAUSED, True)
    assert (reader.wake_at, reader.next_due_at) == (at("2026-06-30 07:00"), at("2026-07-01 07:00"))
    assert "Your subscription is paused. The next digest comes on Wednesday, 1 July 2026." in paused.text
    assert (await load_consents(site, reader))[-1] == ("paused", "on the preferences page", "127.0.0.0/24")

    # Another hour does not end the pause.
    await save(client, path, hour="09:30")
    reader = await load(site)
    assert (reader.consent, reader.next_due_at) == (Consent.PAUSED, at("2026-07-01 09:30"))

    shown = await client.get(path)
    await client.post(path + "/resume", data={"version": read_version(shown.text)})
    reader = await load(site)
    assert (reader.consent, reader.wake_at) == (Consent.CONFIRMED, None)
    assert reader.next_due_at == at("2026-06-18 09:30")
    assert reader.counted_run == await site.newsletter.entries.newest_run()


@pytest.mark.parametrize(
    "until", ["", "soon", "2026-06-17", "2026-06-16", "2028-01-01", "2026-02-30", "9999-12-31"]
)
async def test_a_day_that_cannot_end_a_pause_is_refused(
    site: Site, client: httpx2.AsyncClient, until: str
) -> None:
    path = own_path(site, await load(site))
    version = read_version((await client.get(path)).text)
    before = await take_snapshot(site.newsletter.database)

    answer = await client.post(path + "/pause", data={"until": until, "version": version})

    assert answer.status_code == 422
    assert await take_snapshot(site.newsletter.database) == before


async def test_who_has_left_comes_back_by_the_link_in_the_goodbye_mail(
    site: Site, client: httpx2.AsyncClient
) -> None:
    reader = await load(site)
    await client.post(leave_path(site, reader), data={"do": "leave"})
    ((_, _, url),) = await load_notices(site, Kind.GOODBYE)

    shown = await client.get(url)
    assert "You have unsubscribed" in shown.text
    assert (await load(site)).consent is Consent.LEFT
    await client.post(url + "/resume", data={"version": read_version(shown.text)})

    back = await load(site)
    assert back.consent is Consent.CONFIRMED
    assert back.next_due_at == at("2026-06-18 07:00")


async def test_saving_does_not_bring_back_who_has_left(site: Site, client: httpx2.AsyncClient) -> None:
    reader = await load(site)
    await site.subscriptions.leave(reader.id, "unsubscribed with one click", is_told=False)

    saved = await save(client, own_path(site, reader), hour="09:00")

    left = await load(site)
    assert (left.consent, left.cadence) == (Consent.LEFT, make_cadence(hour="09:00"))
    assert "when you subscribe again" in saved.text
    assert await load_notices(site, Kind.CHANGED) == []


async def test_who_cannot_be_mailed_reads_so(site: Site, client: httpx2.AsyncClient) -> None:
    reader = await load(site)
    await execute(
        site.newsletter.database,
        insert(suppressions).values(address=reader.address, reason="550", since=NOW, lifted_why=""),
    )

    assert "refused our mail" in (await client.get(own_path(site, reader))).text


async def test_the_form_knows_every_day_of_the_week() -> None:
    assert [datetime(2026, 6, 15 + day, tzinfo=UTC).strftime("%a").lower() for day in range(7)] == list(DAYS)


# --- another address --------------------------------------------------------------------------------

NEW = "Ada.New@elsewhere.example.org"


async def ask_for(client: httpx2.AsyncClient, path: str, address: str) -> httpx2.Response:
    return await client.post(path + "/address", data={"address": address})


async def test_another_address_is_confirmed_at_both_ends(site: Site, client: httpx2.AsyncClient) -> None:
    reader = await load(site)
    path, leave = own_path(site, reader), leave_path(site, reader)

    await ask_for(client, path, f"  {NEW.replace('elsewhere', 'Elsewhere')} ")
    ((to_old, _, old_link),) = await load_notices(site, Kind.CONFIRM)
    assert to_old == READER
    assert (await load(site)).id == reader.id

    assert NEW in (await client.get(old_link)).text
    assert len(await load_notices(site, Kind.CONFIRM)) == 1
    await client.post(old_link)
    _, (to_new, _, new_link) = await load_notices(site, Kind.CONFIRM)
    assert to_new == NEW
    assert (await load(site)).id == reader.id

    shown = await client.get(new_link)
    assert READER not in shown.text  # it may be the mailbox of a stranger
    assert (await load(site)).id == reader.id
    done = await client.post(new_link)

    moved = await load(site, NEW)
    assert moved.id == reader.id
    assert not moved.file_owned
    assert own_path(site, moved) in done.text
    assert (await client.get(path)).status_code == 404
    assert (await client.get(own_path(site, moved))).status_code == 200
    assert (await client.get(leave)).status_code == 200
    assert (await load_consents(site, moved))[-1][1] == "address changed, confirmed at both addresses"
    assert [notice[0] for notice in await load_notices(site, Kind.CHANGED)] == [NEW]
    for link in (old_link, new_link):
        again = await client.post(link)
        assert again.status_code == 200
    assert len(await load_notices(site, Kind.CHANGED)) == 1
    assert len(await load_notices(site, Kind.CONFIRM)) == 2


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "eve@example.org\r\nBcc: all@example.org",
        "eve@example.org\nSubject: x",
        "eve@example.org, all@example.org",
        "Eve <eve@example.org>",
        "eve@example.org\x00",
        "e" * 250 + "@example.org",
        READER,
        READER.upper(),
    ],
)
async def test_what_is_no_other_address_is_refused(
    site: Site, client: httpx2.AsyncClient, address: str
) -> None:
    path = own_path(site, await load(site))
    before = await take_snapshot(site.newsletter.database)

    answer = await ask_for(client, path, address)

    assert answer.status_code == 422
    assert await take_snapshot(site.newsletter.database) == before


async def test_nobody_learns_whether_an_address_is_known(site: Site, client: httpx2.AsyncClient) -> None:
    reader, other = await load(site), await given_other(site)
    path = own_path(site, reader)
    said = []
    for address in (other.address, "free@example.org"):
        first = await ask_for(client, path, address)
        link = (await load_notices(site, Kind.CONFIRM))[-1][2]
        second = await client.get(link)
        third = await client.post(link)
        said.append([answer.text.replace(address, "X") for answer in (first, third)])
        assert second.status_code == 200
    assert said[0] == said[1]

    notices = await load_notices(site, Kind.CONFIRM)
    assert [(to, subject) for to, subject, _ in notices if to == other.address] == [
        (other.address, "You already have a subscription: Trending Papers")
    ]
    (taken_link,) = [url for to, _, url in notices if to == other.address]
    assert taken_link == site.links.base + own_path(site, other)
    exported = (await client.post(path + "/export")).text
    assert own_path(site, other) not in exported
    assert exported.count("free@example.org") == exported.count(other.address)


async def test_an_address_that_was_taken_meanwhile_stays_with_who_has_it(
    site: Site, client: httpx2.AsyncClient
) -> None:
    reader = await load(site)
    await ask_for(client, own_path(site, reader), NEW)
    await client.post((await load_notices(site, Kind.CONFIRM))[-1][2])
    new_link = (await load_notices(site, Kind.CONFIRM))[-1][2]
    other = await given_other(site, NEW)

    answer = await client.post(new_link)

    assert answer.status_code == 409
    assert (await load(site)).id == reader.id
    assert (await load(site, NEW)).id == other.id
    to, subject, url = (await load_notices(site, Kind.CONFIRM))[-1]
    assert (to, subject) == (NEW, "You already have a subscription: Trending Papers")
    assert url.endswith(own_path(site, other))


async def test_who_only_entered_an_address_does_not_hold_it(site: Site, client: httpx2.AsyncClient) -> None:
    reader = await load(site)
    stranger = await given_other(site, NEW, consent=Consent.UNCONFIRMED)
    await ask_for(client, own_path(site, reader), NEW)
    await client.post((await load_notices(site, Kind.CONFIRM))[-1][2])

    answer = await client.post((await load_notices(site, Kind.CONFIRM))[-1][2])

    assert answer.status_code == 200
    assert (await load(site, NEW)).id == reader.id
    gone = (await site.newsletter.subscribers.load_many([stranger.id]))[stranger.id]
    assert gone.address.endswith("@erased.invalid")


async def test_links_of_an_address_change_end(site: Site) -> None:
    clock = SetClock(NOW)
    site = replace(site, newsletter=replace(site.newsletter, clock=clock))
    reader = await load(site)
    async with client_of(build_app(site)) as client:
        await ask_for(client, own_path(site, reader), NEW)
        link = (await load_notices(site, Kind.CONFIRM))[-1][2]
        clock.at += timedelta(days=8)
        before = await take_snapshot(site.newsletter.database)

        assert (await client.get(link)).status_code == 410
        assert (await client.post(link)).status_code == 410

    assert await take_snapshot(site.newsletter.database) == before


async def test_nobody_is_flooded_by_changes_of_address(site: Site, client: httpx2.AsyncClient) -> None:
    path = own_path(site, await load(site))

    answers = [await ask_for(client, path, f"a{number}@example.org") for number in range(5)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert len(await load_notices(site, Kind.CONFIRM)) == 3


async def test_a_mail_to_a_former_address_opens_nothing(site: Site, client: httpx2.AsyncClient) -> None:
    """A digest that was put off goes to the old mailbox after the change; a link there must not open the new page."""
    newsletter = site.newsletter
    reader = replace(await load(site), next_due_at=at("2026-06-17 07:00"), topics_json='["agents"]')
    await newsletter.subscribers.save([reader], NOW, "edited")
    await newsletter.planner.plan_due()
    mails = await newsletter.new_mail_builder()
    digests = await newsletter.new_digest_builder()
    (delivery,) = await newsletter.ledger.reads.load_of_reader(reader.id)
    shown = (await newsletter.ledger.reads.load_shown([reader.id]))[reader.id]
    slot = Slot(delivery.slot_at.date(), delivery.slot_at)
    first = mails.build(await digests.build(reader, slot, shown), reader)
    moved = replace(reader, address=EmailAddress(NEW))

    later = mails.rebuild(first.snapshot, moved)

    assert later.message == first.message
    assert own_path(site, moved) not in later.rendered.html
    assert NEW not in later.rendered.text
    assert delivery.state is State.QUEUED

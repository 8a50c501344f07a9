"""Subscribe on the page: a mail that asks, a link that confirms, and nobody learns whether an address is known."""

from __future__ import annotations

import asyncio
import email
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from email import policy
from pathlib import Path
from typing import Any

import httpx2
import pytest

from newsletter.address import parse_address
from newsletter.deliver.relays import Relay, RelayPool
from newsletter.deliver.smtp import SmtpMailer
from newsletter.match.budget import UNBOUNDED
from newsletter.model.ledger import Kind
from newsletter.model.readers import Asked, Consent, EmailAddress
from newsletter.model.servers import RelayConfig
from newsletter.signing import Purpose, Secret, build_token
from newsletter.storage.suppressions import suppress
from newsletter.web.app import build_app
from newsletter.web.form_age import build_form_token
from newsletter.web.pages.subscribe import TRAP
from newsletter.web.site import Site
from newsletter.workflows.confirm_by_mail import SUBSCRIBING
from newsletter.workflows.subscribe import Reply
from tests.support.builders import at, make_subscriber
from tests.support.clock import SetClock
from tests.support.given import put_readers
from tests.support.sink import Sink
from tests.support.website import (
    HOSTILE,
    NOW,
    READER,
    WEDNESDAY,
    browsing,
    make_paper,
    new,
    opened_site,
    save_run,
)
from tests.web.readers import load, load_consents, load_notices, main_of
from tests.web.snapshot import find_text, take_snapshot

NEW = "new@readers.example.org"


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser at the form, a clock that can be moved, and the site behind."""

    site: Site
    clock: SetClock
    client: httpx2.AsyncClient

    def fill_in(self, **changes: Any) -> dict[str, Any]:
        """A form that was shown a minute ago, filled in."""
        shown_at = self.clock.at - timedelta(minutes=1)
        fields = {
            "form": build_form_token("subscribe", self.site.secret, shown_at),
            "do": "subscribe",
            "address": NEW,
            "own": "RAG\nrobotics: robot*",
            "when": "daily",
            "hour": "07:00",
            "zone": "Europe/Berlin",
            "language": "en",
            "everything_else": "0",
        }
        return {**fields, **changes}

    async def subscribe(self, client: str = "203.0.113.77", **changes: Any) -> httpx2.Response:
        headers = {"x-forwarded-for": client}
        return await self.client.post("/subscribe", data=self.fill_in(**changes), headers=headers)

    async def links(self) -> list[str]:
        """The paths of the mails' buttons that ask for a confirmation."""
        notices = await load_notices(self.site, Kind.CONFIRM)
        return [url.removeprefix(self.site.links.base) for _, _, url in notices]


PAUSE_S = 0.02


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long the pause has to be, tests/web/test_security.py says."""
    monkeypatch.setattr("newsletter.web.answers.ANSWER_AFTER_S", PAUSE_S)


@pytest.fixture
async def visit(site: Site) -> AsyncIterator[Visit]:
    clock = SetClock(NOW)
    moved = replace(site, newsletter=replace(site.newsletter, clock=clock))
    transport = httpx2.ASGITransport(app=build_app(moved), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url=site.links.base) as client:
        yield Visit(moved, clock, client)


# --- the way in -------------------------------------------------------------------------------------------


async def test_who_confirms_gets_the_next_digest(visit: Visit) -> None:
    answer = await visit.subscribe()

    assert answer.status_code == 200
    reader = await load(visit.site, NEW)
    assert (reader.consent, reader.next_due_at, reader.file_owned) == (Consent.UNCONFIRMED, None, False)
    (path,) = await visit.links()

    shown = await visit.client.get(path)
    assert "robotics" in shown.text
    assert "every day at 07:00 (Europe/Berlin)" in shown.text

    done = await visit.client.post(path)

    reader = await load(visit.site, NEW)
    assert reader.consent is Consent.CONFIRMED
    assert reader.next_due_at == at("2026-06-18 05:00")
    # One cadence back: what was new after Wednesday's 07:00 in Berlin is to come.
    assert reader.counted_run == await visit.site.newsletter.entries.newest_run_before(at("2026-06-17 05:00"))
    assert reader.counted_run == 4
    assert "Thursday, 18 June 2026 at 07:00 (Europe/Berlin)" in done.text
    assert await load_consents(visit.site, reader) == [
        ("unconfirmed", "requested on the web page", "203.0.113.0/24"),
        ("confirmed", "confirmed by link", "203.0.113.0/24"),
    ]


async def test_opening_the_link_changes_nothing(visit: Visit) -> None:
    await visit.subscribe()
    (path,) = await visit.links()
    before = await take_snapshot(visit.site.newsletter.database)

    for method in ("GET", "HEAD", "GET"):
        assert (await visit.client.request(method, path)).status_code == 200

    assert await take_snapshot(visit.site.newsletter.database) == before


async def test_pressing_again_says_that_it_stands(visit: Visit) -> None:
    await visit.subscribe()
    (path,) = await visit.links()
    await visit.client.post(path)
    before = await take_snapshot(visit.site.newsletter.database)

    again = await visit.client.post(path)
    looked = await visit.client.get(path)

    assert again.status_code == looked.status_code == 200
    assert "You have already confirmed this" in again.text
    assert "You have already confirmed this" in looked.text
    assert await take_snapshot(visit.site.newsletter.database) == before


async def test_confirmation_that_was_cut_off_is_finished_by_pressing_again(visit: Visit) -> None:
    await visit.subscribe()
    (path,) = await visit.links()
    await visit.site.newsletter.confirmations.finish(1, NOW)  # and then the process ended

    await visit.client.post(path)

    assert (await load(visit.site, NEW)).consent is Consent.CONFIRMED


async def test_link_is_over_after_seven_days(visit: Visit) -> None:
    await visit.subscribe()
    (path,) = await visit.links()
    visit.clock.at += SUBSCRIBING.lifetime

    shown, pressed = await visit.client.get(path), await visit.client.post(path)

    assert (shown.status_code, pressed.status_code) == (410, 410)
    assert "<form" not in main_of(shown.text)
    assert (await load(visit.site, NEW)).consent is Consent.UNCONFIRMED


async def test_forged_and_foreign_tokens_confirm_nothing(visit: Visit) -> None:
    await visit.subscribe()
    (path,) = await visit.links()
    secret = visit.site.secret
    tokens = [
        path.removeprefix("/confirm/")[:-1] + "2",
        build_token(Purpose.CONFIRM, 1, Secret(b"another secret")),
        build_token(Purpose.LEAVE, 1, secret),
        build_token(Purpose.FORM, 1, secret, "subscribe"),
        build_token(Purpose.CONFIRM, 999, secret),
        "x",
        "%00",
    ]

    for token in tokens:
        assert (await visit.client.get(f"/confirm/{token}")).status_code == 404
        assert (await visit.client.post(f"/confirm/{token}")).status_code == 404
    assert (await load(visit.site, NEW)).consent is Consent.UNCONFIRMED


async def test_confirmation_of_an_address_that_was_left_behind_is_void(visit: Visit) -> None:
    await visit.subscribe()
    (path,) = await visit.links()
    reader = await load(visit.site, NEW)
    moved = replace(reader, address=EmailAddress("moved@readers.example.org"))
    await visit.site.newsletter.subscribers.save([moved], NOW, "moved")

    pressed = await visit.client.post(path)

    assert pressed.status_code == 410
    assert (await load(visit.site, moved.address)).consent is Consent.UNCONFIRMED


async def test_who_left_may_come_back_and_gets_nothing_twice(visit: Visit) -> None:
    left = make_subscriber(NEW, consent=Consent.LEFT, counted_run=5, topics_json='["old"]')
    await put_readers(visit.site.newsletter.database, left)

    await visit.subscribe()
    assert (await load(visit.site, NEW)).topics_json == '["old"]'
    (path,) = await visit.links()
    await visit.client.post(path)

    reader = await load(visit.site, NEW)
    assert (reader.consent, reader.counted_run) == (Consent.CONFIRMED, 5)
    assert "robotics" in reader.topics_json


async def test_second_request_counts_with_what_it_says(visit: Visit) -> None:
    await visit.subscribe(own="RAG")
    await visit.subscribe(own="whales")
    _, second = await visit.links()

    await visit.client.post(second)

    assert (await load(visit.site, NEW)).topics_json == '["whales"]'


# --- who is known, and who is not -------------------------------------------------------------------------


async def given_people(site: Site) -> Mapping[str, str]:
    """People of whom different things are known, by what that is."""
    people = {
        "unknown": "nobody@readers.example.org",
        "confirmed": READER,
        "paused": "paused@readers.example.org",
        "left": "left@readers.example.org",
        "unconfirmed": "asked@readers.example.org",
        "asked too often": "often@readers.example.org",
    }
    saved = [
        make_subscriber(people["paused"], consent=Consent.PAUSED),
        make_subscriber(people["left"], consent=Consent.LEFT),
        make_subscriber(people["unconfirmed"], consent=Consent.UNCONFIRMED),
        make_subscriber(people["asked too often"], consent=Consent.UNCONFIRMED),
    ]
    await put_readers(site.newsletter.database, *saved)
    often = await load(site, people["asked too often"])
    for _ in range(SUBSCRIBING.most):
        await site.newsletter.confirmations.ask(
            Asked.SUBSCRIBE, often.id, often.address, "{}", "", NOW, NOW + SUBSCRIBING.lifetime
        )
    return people


async def test_answer_says_nothing_of_whether_an_address_is_known(visit: Visit) -> None:
    people = await given_people(visit.site)
    answers = {}
    for number, (what, address) in enumerate(people.items()):
        began = time.perf_counter()
        answer = await visit.subscribe(f"203.0.113.{number}", address=address)
        took = time.perf_counter() - began
        answers[what] = (answer.status_code, dict(answer.headers), answer.text.replace(address, "ADDRESS"))
        assert took >= PAUSE_S
        visit.clock.at += timedelta(minutes=1)

    first = answers["unknown"]
    for what, (status, headers, text) in answers.items():
        assert status == first[0], what
        assert text == first[2], what
        assert headers.keys() == first[1].keys(), what
        # The address itself is on the page, and nothing else is longer.
        assert int(headers["content-length"]) - int(first[1]["content-length"]) == len(people[what]) - len(
            people["unknown"]
        )


async def test_mailbox_says_what_the_page_does_not(visit: Visit) -> None:
    people = await given_people(visit.site)
    before = {
        what: await visit.site.newsletter.subscribers.load(EmailAddress(a)) for what, a in people.items()
    }

    for number, address in enumerate(people.values()):
        visit.clock.at = NOW + timedelta(minutes=number)
        await visit.subscribe(f"203.0.113.{number}", address=address)

    subjects = {address: subject for address, subject, _ in await load_notices(visit.site, Kind.CONFIRM)}
    known, asks = "You already get Trending Papers", "Please confirm: Trending Papers"
    assert subjects == {
        people["unknown"]: asks,
        people["confirmed"]: known,
        people["paused"]: known,
        people["left"]: asks,
        people["unconfirmed"]: asks,
    }
    for what in ("confirmed", "paused", "left", "unconfirmed"):
        assert await visit.site.newsletter.subscribers.load(EmailAddress(people[what])) == before[what], what


async def test_mail_to_who_has_it_already_leads_to_their_preferences(visit: Visit) -> None:
    await visit.subscribe(address=READER.upper())

    reader = await load(visit.site)
    ((to, _, url),) = await load_notices(visit.site, Kind.CONFIRM)
    assert to == READER
    assert url == visit.site.links.preferences(reader.id, reader.address, visit.site.secret)


async def test_address_gets_three_mails_a_day_at_most(visit: Visit) -> None:
    for number in range(SUBSCRIBING.most + 2):
        visit.clock.at = NOW + timedelta(hours=number)
        assert (await visit.subscribe()).status_code == 200
    assert len(await load_notices(visit.site, Kind.CONFIRM)) == SUBSCRIBING.most

    visit.clock.at = NOW + timedelta(hours=25)
    await visit.subscribe("198.51.100.1")

    assert len(await load_notices(visit.site, Kind.CONFIRM)) == SUBSCRIBING.most + 1


async def test_two_at_once_make_one_person(visit: Visit) -> None:
    answers = await asyncio.gather(*(visit.subscribe() for _ in range(4)))

    assert {answer.status_code for answer in answers} == {200}
    everybody = await visit.site.newsletter.subscribers.load_all()
    assert [reader.address for reader in everybody].count(EmailAddress(NEW)) == 1


# --- robots -----------------------------------------------------------------------------------------------


async def test_trap_is_answered_like_everybody_and_nothing_is_kept(visit: Visit) -> None:
    before = await take_snapshot(visit.site.newsletter.database)

    caught = await visit.subscribe(**{TRAP: "https://spam.example"})

    assert await take_snapshot(visit.site.newsletter.database) == before
    assert caught.text == (await visit.subscribe()).text


@pytest.mark.parametrize(
    ("age", "says"),
    [
        (timedelta(seconds=2), "unusually fast"),
        (timedelta(hours=13), "has expired"),
        (-timedelta(hours=1), ""),
    ],
    ids=str,
)
async def test_form_is_taken_at_the_pace_of_people(visit: Visit, age: timedelta, says: str) -> None:
    token = build_form_token("subscribe", visit.site.secret, NOW - age)

    answer = await visit.subscribe(form=token, own="RAG\nwhales of <the> north")

    assert answer.status_code == 422
    assert says in answer.text
    assert f'value="{NEW}"' in answer.text
    assert "whales of &lt;the&gt; north" in answer.text
    assert await load_notices(visit.site, Kind.CONFIRM) == []

    token = re.search(r'name="form" value="([^"]+)"', answer.text)[1]  # type: ignore[index]
    visit.clock.at += timedelta(seconds=10)
    assert (await visit.subscribe(form=token)).status_code == 200


@pytest.mark.parametrize("token", ["", "x", build_form_token("subscribe", Secret(b"another"), NOW)])
async def test_form_without_a_token_of_ours_is_shown_again(visit: Visit, token: str) -> None:
    assert (await visit.subscribe(form=token)).status_code == 422
    assert await load_notices(visit.site, Kind.CONFIRM) == []


async def test_client_that_asks_too_often_waits(visit: Visit) -> None:
    answers = [await visit.subscribe(address=f"{number}@readers.example.org") for number in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert (await visit.subscribe("198.51.100.1")).status_code == 200


# --- what is wrong with a form ----------------------------------------------------------------------------


async def test_mistakes_are_shown_and_everything_stays(visit: Visit) -> None:
    answer = await visit.subscribe(
        address="nobody", own="whales\ntitel:robot", hour="26:00", zone="Asia/Calcutta", name="Ada"
    )

    assert answer.status_code == 422
    for text in (
        "This is not an e-mail address.",
        "<mark>titel:robot</mark>",
        '<a href="#own">Line 2: ',
        "did you mean &#39;title:&#39;",
        "Please enter a time of day",
        'value="nobody"',
        "whales\ntitel:robot</textarea>",
        'value="Asia/Calcutta" selected',
        'value="Ada"',
    ):
        assert text in answer.text


@pytest.mark.parametrize(
    "field",
    [
        "address",
        "name",
        "own",
        "topic",
        "hour",
        "zone",
        "language",
        "layout",
        "everything_else",
        "when",
        "day",
    ],
)
async def test_script_in_a_field_comes_back_as_text(visit: Visit, field: str) -> None:
    answer = await visit.subscribe(**{field: "\"'><script>alert(1)</script>"})

    assert "<script>alert" not in answer.text
    assert answer.status_code in (200, 422)


async def test_script_in_a_topic_is_text_on_every_page_and_in_the_mail(visit: Visit) -> None:
    answer = await visit.subscribe(own='"<script>alert(1)</script>"')
    assert answer.status_code == 200
    (path,) = await visit.links()

    shown, done = await visit.client.get(path), await visit.client.post(path)

    assert "&lt;script&gt;" in shown.text
    assert "<script>alert" not in shown.text + done.text


@pytest.mark.parametrize(
    "address", ["a@example.org\r\nBcc: b@example.org", "a@example.org%0aBcc:b@example.org"]
)
async def test_address_cannot_carry_a_header(visit: Visit, address: str) -> None:
    assert (await visit.subscribe(address=address)).status_code == 422
    assert await find_text(visit.site.newsletter.database, "b@example.org") == []


async def test_broken_bodies_are_no_forms(visit: Visit) -> None:
    kinds = (
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/json",
    )
    for kind in kinds:
        for path in ("/subscribe", "/preview"):
            answer = await visit.client.post(
                path, content=b"\xff\x00--{&=%zz", headers={"content-type": kind}
            )
            assert answer.status_code in (200, 422), (kind, path)


async def test_address_stands_in_no_url(visit: Visit) -> None:
    begun = await visit.client.post("/subscribe", data={"do": "begin", "address": NEW})

    assert begun.status_code == 200
    assert f'value="{NEW}"' in begun.text
    assert (await visit.client.get("/subscribe", params={"address": NEW})).text.count(NEW) == 0


# --- the preview ------------------------------------------------------------------------------------------


async def test_preview_shows_what_would_have_come_and_keeps_the_form(visit: Visit) -> None:
    shown = await visit.client.post(
        "/subscribe", data={**visit.fill_in(own="retrieval\nnothing at all", hour="09:15"), "do": "preview"}
    )

    assert shown.status_code == 200
    assert "Retrieval-augmented generation, measured" in shown.text
    assert "Matched “retrieval” in the title" in shown.text
    assert "Nothing found in this period" in shown.text
    assert "retrieval\nnothing at all</textarea>" in shown.text
    assert 'value="09:15"' in shown.text
    assert await load_notices(visit.site, Kind.CONFIRM) == []


async def test_preview_for_the_script_has_matches_and_mistakes(visit: Visit) -> None:
    piece = await visit.client.post("/preview", data={"own": "agent\ntitel:x", "topic": ["RAG"]})

    assert piece.status_code == 200
    assert "Agents that use tools" in piece.text
    assert "RAG in practice" in piece.text
    assert "<mark>titel:x</mark>" in piece.text


async def test_mistakes_and_warnings_are_told_in_the_language_of_the_page(visit: Visit) -> None:
    piece = await visit.client.post(
        "/preview", data={"own": "otter or beaver\ntitel:x"}, headers={"accept-language": "de"}
    )

    assert "unbekannter Bereich" in piece.text
    assert "wird als Wort wie die anderen gesucht" in piece.text
    fields = visit.fill_in(own="whales\ntitel:x")
    page = await visit.client.post("/subscribe", data=fields, headers={"accept-language": "de"})
    assert re.search(r'<a href="#own">Zeile 2: unbekannter Bereich', page.text)


async def test_preview_counts_a_paper_of_two_topics_once(visit: Visit) -> None:
    found = await visit.site.previews.preview(
        [topic for topic in visit.site.newsletter.library.values() if topic.name == "RAG"] * 2, UNBOUNDED
    )

    assert [one.count for one in found.topics] == [2, 2]
    assert found.count == 2


async def test_hostile_title_is_text_in_the_preview(visit: Visit) -> None:
    piece = await visit.client.post("/preview", data={"own": "alert"})

    assert "&lt;script&gt;alert" in piece.text
    assert HOSTILE[:8] not in piece.text


async def test_preview_follows_a_new_run(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsletter.workflows.topic_preview._LOOK_AGAIN_S", 0.0)
    before = await visit.client.post("/preview", data={"own": "narwhal"})
    paper = make_paper("2606.00999", "Narwhals at sea", WEDNESDAY)
    await save_run(visit.site.newsletter.runs, "2026-06-17 12:00", new(paper))

    assert "Narwhals at sea" not in before.text
    for _ in range(100):  # until it is ready, what was before is shown
        after = await visit.client.post("/preview", data={"own": "narwhal"})
        if "Narwhals at sea" in after.text:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the new run is not shown")


async def test_suggested_topics_bring_what_they_say(visit: Visit) -> None:
    page = (await visit.client.get("/subscribe")).text
    offered = re.findall(r'name="topic" value="([^"]*)".*?class="count">(\d+)<', page)

    assert [line for line, _ in offered[:2]] == ["RAG", "Agents &amp; tools"]
    assert len(offered) > 5
    for line, count in offered:
        piece = await visit.client.post("/preview", data={"topic": line.replace("&amp;", "&")})
        assert f'<span class="count">{count}</span></h3>' in piece.text, line


async def test_topic_in_the_address_is_written_into_the_form(visit: Visit) -> None:
    page = await visit.client.get("/subscribe", params={"topic": 'RAG AND NOT "a survey"'})

    assert "RAG AND NOT &#34;a survey&#34;</textarea>" in page.text


# --- home -------------------------------------------------------------------------------------------------


async def test_home_shows_the_newest_edition_and_leads_to_the_form(
    site: Site, client: httpx2.AsyncClient
) -> None:
    page = await client.get("/")

    assert page.status_code == 200
    assert "JoyAI-VL-Interaction" in page.text
    assert f'href="{site.links.base}/2026-06-16"' in page.text
    assert '<form class="join" method="post"' in page.text


async def test_home_of_an_empty_newsletter_invites(tmp_path: Path, database_url: str) -> None:
    async with opened_site(tmp_path, database_url, filled=False) as empty, browsing(empty) as client:
        assert "Nothing has been collected yet" in (await client.get("/")).text
        assert (await client.get("/subscribe")).status_code == 200
        assert (await client.post("/preview", data={"own": "RAG"})).status_code == 200


# --- what is over -----------------------------------------------------------------------------------------


async def test_people_who_never_confirm_are_erased(visit: Visit) -> None:
    newsletter = visit.site.newsletter
    await visit.subscribe()
    await visit.subscribe(address="other@readers.example.org", name="Other")
    other = (await visit.links())[1]
    await visit.client.post(other)
    operator = make_subscriber("operator@example.org", consent=Consent.UNCONFIRMED, file_owned=False)
    await newsletter.subscribers.save([operator], NOW, "gets transactional mail, no digests")

    visit.clock.at = NOW + SUBSCRIBING.lifetime - timedelta(minutes=1)
    await newsletter.upkeep.thin()
    assert await newsletter.subscribers.load(EmailAddress(NEW)) is not None

    visit.clock.at = NOW + SUBSCRIBING.lifetime + timedelta(days=2)
    await newsletter.upkeep.thin()

    assert await find_text(newsletter.database, NEW) == []
    assert (await load(visit.site, "other@readers.example.org")).consent is Consent.CONFIRMED
    assert (await load(visit.site, "operator@example.org")).consent is Consent.UNCONFIRMED


# --- real mail --------------------------------------------------------------------------------------------


async def test_mail_that_asks_arrives_and_its_link_confirms(visit: Visit) -> None:
    async with Sink() as sink:
        config = RelayConfig(host="127.0.0.1", port=sink.port, security="none")
        newsletter = visit.site.newsletter
        relays = RelayPool([Relay("sink", SmtpMailer(config), 0, 0)], newsletter.settings, visit.clock)
        newsletter = replace(newsletter, mailer=relays)
        await visit.subscribe(own="RAG", name="Ada")
        await visit.subscribe(address="rcpt550-gone@readers.example.org")
        async with newsletter.sender(asyncio.Event()) as sender:
            await sender.send_pending()
        # Its mailbox was missing: whoever asks again is asked again, and the page says nothing of that.
        visit.clock.at += timedelta(minutes=1)
        assert (await visit.subscribe(address="rcpt550-gone@readers.example.org")).status_code == 200
        async with newsletter.sender(asyncio.Event()) as sender:
            await sender.send_pending()

    (mail,) = sink.messages
    assert len([command for command in sink.commands if "rcpt550" in command]) == 2
    assert mail.rcpt_to == NEW
    message = email.message_from_bytes(mail.content, policy=policy.default)
    assert message["Subject"] == "Please confirm: Trending Papers"
    text = message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    (path,) = re.findall(rf"{re.escape(visit.site.links.base)}(/confirm/\w+)", text)
    await visit.client.post(path)
    assert (await load(visit.site, NEW)).consent is Consent.CONFIRMED


async def test_mailbox_under_many_spellings_gets_three_mails_a_day_at_most(visit: Visit) -> None:
    spellings = (
        "v.ictim@gmail.com", "victim@gmail.com", "victim+1@gmail.com", "Victim+2@GoogleMail.com", "victim+@gmail.com",
        "vic.tim@googlemail.com", "VICTIM@GMAIL.COM", "v.i.c.t.i.m+9@gmail.com", "victim+a+b@gmail.com",
        "victim+x@googlemail.com",
    )  # fmt: skip
    asked = await ask_each(visit, spellings)
    others = await ask_each(visit, ("victim@example.org", "victim+1@example.org", "v.ictim@example.org"))

    assert asked == [Reply.CONFIRM] * SUBSCRIBING.most + [Reply.NOTHING] * (len(spellings) - SUBSCRIBING.most)
    assert others == [Reply.CONFIRM] * 3


async def ask_each(visit: Visit, spellings: Sequence[str]) -> list[Reply]:
    """Ask in the name of each address; return which mail it gets."""
    desk = visit.site.desk
    return [await desk.ask(make_subscriber(parse_address(spelled)), "en", "", NOW) for spelled in spellings]


# --- what is out of date, and the way back ----------------------------------------------------------------


async def test_two_requests_one_confirmed_then_left_the_other_brings_nobody_back(visit: Visit) -> None:
    await visit.subscribe(own="RAG")
    visit.clock.at += timedelta(minutes=1)
    await visit.subscribe(own="whales")
    first, second = await visit.links()
    await visit.client.post(first)
    visit.clock.at += timedelta(minutes=1)
    reader = await load(visit.site, NEW)
    await visit.site.subscriptions.leave(reader.id, "left", is_told=False)
    before = await take_snapshot(visit.site.newsletter.database)

    shown, pressed = await visit.client.get(second), await visit.client.post(second)

    assert (shown.status_code, pressed.status_code) == (410, 410)
    assert "This link is out of date" in shown.text
    assert "<form" not in main_of(shown.text)
    assert await take_snapshot(visit.site.newsletter.database) == before


async def test_a_link_that_is_older_than_the_preferences_leaves_them_alone(visit: Visit) -> None:
    await visit.subscribe(own="RAG")
    visit.clock.at += timedelta(minutes=1)
    await visit.subscribe(own="whales")
    older, newer = await visit.links()
    await visit.client.post(newer)

    assert (await visit.client.post(older)).status_code == 410

    assert (await load(visit.site, NEW)).topics_json == '["whales"]'
    assert "You have already confirmed this" in (await visit.client.post(newer)).text


async def given_suppressed(site: Site, address: str, *, is_complaint: bool) -> None:
    await site.newsletter.database.write(
        lambda connection: suppress(connection, address, "why", NOW, is_complaint=is_complaint)
    )


@pytest.mark.parametrize("address", [READER, "nobody@readers.example.org"])
async def test_whose_mail_bounced_confirms_and_is_mailed_again(visit: Visit, address: str) -> None:
    await given_suppressed(visit.site, address, is_complaint=False)

    await visit.subscribe(address=address, own="whales")
    (path,) = await visit.links()
    await visit.client.post(path)

    assert await visit.site.newsletter.subscribers.load_suppressed([EmailAddress(address)]) == {}
    reader = await load(visit.site, address)
    assert (reader.consent, reader.topics_json) == (Consent.CONFIRMED, '["whales"]')


async def test_who_complained_is_asked_nothing_and_the_page_says_what_it_always_does(visit: Visit) -> None:
    other = await visit.subscribe()
    await given_suppressed(visit.site, READER, is_complaint=True)

    answer = await visit.subscribe(address=READER)

    assert answer.text.replace(READER, NEW) == other.text
    assert len(await visit.links()) == 1

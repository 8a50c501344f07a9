"""The operator's page: who gets in and for how long, and what it tells."""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from email import message_from_bytes, policy
from html import unescape
from pathlib import Path

import httpx2
import pytest

from newsletter.model.ledger import (
    Delivery,
    DeliveryId,
    Hold,
    HoldKind,
    Kind,
    LedgerCounts,
    ReplyCount,
    State,
)
from newsletter.model.mail import Accepted, Uncertain
from newsletter.model.readers import Asked, EmailAddress, SubscriberId
from newsletter.model.sources import FetchRecord, FetchState, SourceHealth
from newsletter.model.steps import StepFailure, StepName
from newsletter.settings.config import load_config
from newsletter.signing import Purpose, build_token
from newsletter.web.app import build_app
from newsletter.web.pages.operate import LOGIN, SESSION_LIFETIME
from newsletter.web.report import build_sources, build_unsettled, group_replies, mask_reply
from newsletter.web.sessions import choose_cookie, hash_token
from newsletter.web.site import Site, open_site
from newsletter.web_links import WebLinks
from newsletter.wiring import open_newsletter
from newsletter.workflows.confirm_by_mail import LOGGING_IN
from tests.support.builders import at
from tests.support.clock import SetClock
from tests.support.given import given_in_data, given_instance, given_reader, make_snapshot, settle
from tests.support.sink import Sink
from tests.support.website import NOW, client_of, fill, write_config

OPERATOR = EmailAddress("ops@example.org")
COOKIE = "operator"


@dataclass(slots=True)
class OperatorDesk:
    """A site with an operator, a browser of it, a relay that takes its mails, and a clock that the test sets."""

    site: Site
    client: httpx2.AsyncClient
    sink: Sink
    clock: SetClock

    async def ask(self, address: str = OPERATOR) -> httpx2.Response:
        return await self.client.post("/operate", data={"address": address})

    async def read_link(self) -> str:
        """Send what is queued, and return the path of the newest link to log in."""
        async with self.site.newsletter.sender(asyncio.Event()) as sender:
            await sender.send_pending()
        message = message_from_bytes(self.sink.messages[-1].content, policy=policy.default)
        part = message.get_body(("plain",))
        assert part is not None
        found = re.search(r"http://127\.0\.0\.1:8080(\S*/confirm/\S+)", part.get_content())
        assert found is not None
        return found[1]

    async def log_in(self) -> str:
        """Log in, and return the session's token."""
        await self.ask()
        answer = await self.client.post(await self.read_link())
        assert (answer.status_code, answer.headers["location"]) == (303, "http://127.0.0.1:8080/operate")
        return answer.cookies[COOKIE]

    async def is_in(self) -> bool:
        answer = await self.client.get("/operate")
        assert answer.status_code == 200
        return "/operate/logout" in answer.text


@asynccontextmanager
async def opened_desk(
    folder: Path, database_url: str, *, url: str = "http://127.0.0.1:8080", operators: str = OPERATOR
) -> AsyncIterator[OperatorDesk]:
    write_config(folder, database_url, url=url, more=f"  operators: [{operators}]\n")
    async with Sink() as sink:
        file = folder / "config.yaml"
        relay = f"relay: {{host: 127.0.0.1, port: {sink.port}, security: none}}\n"
        file.write_text(re.sub(r"maildir: .*\n", relay, file.read_text()))
        clock = SetClock(NOW)
        config = load_config(file, {})
        async with open_newsletter(config, clock=clock, database_url=database_url) as newsletter:
            await fill(newsletter)
            assert config.web is not None
            site = await open_site(newsletter, config.web)
            async with client_of(build_app(site), site.links.base.removesuffix("/papers")) as client:
                yield OperatorDesk(site, client, sink, clock)


@pytest.fixture(autouse=True)
def answers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsletter.web.answers.ANSWER_AFTER_S", 0)


@pytest.fixture
async def desk(tmp_path: Path, database_url: str) -> AsyncIterator[OperatorDesk]:
    async with opened_desk(tmp_path, database_url) as opened:
        yield opened


@pytest.fixture
async def small_desk(tmp_path: Path, migrated_sqlite: Path) -> AsyncIterator[OperatorDesk]:
    """On SQLite alone: for what the engine has no part in."""
    shutil.copy(migrated_sqlite, tmp_path / "newsletter.db")
    async with opened_desk(tmp_path, f"sqlite:///{tmp_path / 'newsletter.db'}") as opened:
        yield opened


# --- in and out -------------------------------------------------------------------------------------------


async def test_an_operator_logs_in_by_the_link_of_a_real_mail_and_out_again(desk: OperatorDesk) -> None:
    assert not await desk.is_in()
    answer = await desk.ask()
    assert answer.status_code == 200
    assert not desk.client.cookies

    path = await desk.read_link()
    (message,) = desk.sink.messages
    assert message.rcpt_to == OPERATOR
    assert b"Subject: Log in to Trending Papers" in message.content
    assert b"ListUnsubscribe" not in message.content.replace(b"-", b"")

    # Whatever opens links may open this one.
    for _ in range(3):
        page = await desk.client.get(path)
        assert page.status_code == 200
        assert '<form method="post"' in page.text
        assert not desk.client.cookies
    assert (await desk.client.head(path)).status_code == 200
    entered = await desk.client.post(path)
    assert entered.status_code == 303
    assert await desk.is_in()

    page = await desk.client.get("/operate")
    token = re.search(r'name="token" value="([^"]+)"', page.text)
    assert token is not None
    left = await desk.client.post("/operate/logout", data={"token": token[1]})
    assert (left.status_code, left.headers["location"]) == (303, "http://127.0.0.1:8080/operate")
    assert not await desk.is_in()


async def test_the_cookie_is_out_of_reach_and_the_store_has_only_its_hash(small_desk: OperatorDesk) -> None:
    await small_desk.ask()
    answer = await small_desk.client.post(await small_desk.read_link())

    cookie = answer.headers["set-cookie"]
    token = answer.cookies[COOKIE]
    assert len(token) == 43  # 256 bits
    assert "; HttpOnly" in cookie
    assert "; SameSite=strict" in cookie
    assert f"; Max-Age={12 * 3600};" in cookie
    assert "; Path=/operate;" in cookie
    assert "Secure" not in cookie  # http://127.0.0.1
    assert answer.headers["cache-control"] == "no-store"
    sessions = small_desk.site.newsletter.sessions
    assert await sessions.load(token, NOW) is None
    assert await sessions.load(hash_token(token), NOW) == OPERATOR


@pytest.mark.parametrize(
    ("url", "name", "path", "is_secure"),
    [
        ("https://news.example.org", "__Host-operator", "/", True),
        ("https://example.org/papers", "__Secure-operator", "/papers/operate", True),
        ("http://127.0.0.1:8080", "operator", "/operate", False),
    ],
)
def test_the_cookie_of_each_kind_of_address(url: str, name: str, path: str, is_secure: bool) -> None:
    cookie = choose_cookie(WebLinks(url))
    assert (cookie.name, cookie.path, cookie.is_secure) == (name, path, is_secure)


async def test_any_address_gets_the_same_answer_and_only_an_operator_gets_mail(
    small_desk: OperatorDesk,
) -> None:
    typed = (OPERATOR, "OPS@Example.ORG", "ada.secret@readers.example.net", "nobody@x.example", "@")
    answers = [await small_desk.ask(address) for address in typed]
    assert len({(answer.status_code, answer.text, str(answer.headers)) for answer in answers}) == 1
    rows = await small_desk.site.newsletter.ledger.reads.load_notice_counts()
    assert rows == {Kind.LOGIN: LedgerCounts({State.QUEUED: 2})}


async def test_a_link_works_once(small_desk: OperatorDesk) -> None:
    await small_desk.ask()
    path = await small_desk.read_link()
    assert (await small_desk.client.post(path)).status_code == 303
    small_desk.client.cookies.clear()
    for answer in (await small_desk.client.post(path), await small_desk.client.get(path)):
        assert answer.status_code == 410
    assert not small_desk.client.cookies


async def test_a_link_is_too_old_after_a_quarter_of_an_hour(small_desk: OperatorDesk) -> None:
    await small_desk.ask()
    path = await small_desk.read_link()
    small_desk.clock.at = NOW + LOGGING_IN.lifetime
    assert (await small_desk.client.get(path)).status_code == 410
    assert (await small_desk.client.post(path)).status_code == 410
    assert not small_desk.client.cookies


async def test_a_forged_link_and_a_token_for_something_else_lead_nowhere(small_desk: OperatorDesk) -> None:
    await small_desk.ask()
    path = await small_desk.read_link()
    secret = small_desk.site.secret
    number = 1
    for token in (
        path.rpartition("/")[2][:-1] + "a",
        build_token(Purpose.LEAVE, number, secret),
        build_token(Purpose.FORM, number, secret),
        build_token(Purpose.CONFIRM, 999, secret),
    ):
        if path.endswith(token):
            continue
        assert (await small_desk.client.post(f"/confirm/{token}")).status_code == 404
    assert not small_desk.client.cookies


async def test_a_session_ends_after_twelve_hours(desk: OperatorDesk) -> None:
    await desk.log_in()
    desk.clock.at = NOW + SESSION_LIFETIME - timedelta(seconds=1)
    assert await desk.is_in()
    desk.clock.at = NOW + SESSION_LIFETIME
    assert not await desk.is_in()


async def test_a_token_that_was_put_into_the_browser_never_becomes_a_session(
    small_desk: OperatorDesk,
) -> None:
    planted = "A" * 43
    small_desk.client.cookies.set(COOKIE, planted, domain="127.0.0.1", path="/operate")
    await small_desk.ask()
    answer = await small_desk.client.post(await small_desk.read_link())
    assert answer.cookies[COOKIE] != planted

    small_desk.client.cookies.clear()
    small_desk.client.cookies.set(COOKIE, planted, domain="127.0.0.1", path="/operate")
    assert not await small_desk.is_in()


async def test_logging_in_again_makes_another_token_and_ends_the_session_before(
    small_desk: OperatorDesk,
) -> None:
    first = await small_desk.log_in()
    path = choose_cookie(small_desk.site.links).path
    await small_desk.ask()
    link = await small_desk.read_link()
    # The cookie's path is narrow; a browser that sends it all the same has its old session ended.
    answer = await small_desk.client.post(link, headers={"cookie": f"{COOKIE}={first}"})
    second = answer.cookies[COOKIE]
    assert path == "/operate"
    assert first != second
    sessions = small_desk.site.newsletter.sessions
    assert await sessions.load(hash_token(first), NOW) is None
    assert await sessions.load(hash_token(second), NOW) == OPERATOR


async def test_who_is_no_operator_any_more_is_out_at_once(small_desk: OperatorDesk) -> None:
    token = await small_desk.log_in()
    await small_desk.ask()
    link = await small_desk.read_link()
    settings = small_desk.site.settings.model_copy(update={"operators": (EmailAddress("new@example.org"),)})
    changed = replace(small_desk.site, settings=settings)
    async with client_of(build_app(changed)) as client:
        client.cookies.set(COOKIE, token, domain="127.0.0.1", path="/operate")
        assert "/operate/logout" not in (await client.get("/operate")).text
        assert (await client.get(link)).status_code == 410
        assert (await client.post(link)).status_code == 410


async def test_without_operators_there_is_no_page(small_desk: OperatorDesk) -> None:
    settings = small_desk.site.settings.model_copy(update={"operators": ()})
    async with client_of(build_app(replace(small_desk.site, settings=settings))) as client:
        assert (await client.get("/operate")).status_code == 404
        assert (await client.post("/operate", data={"address": ""})).status_code == 404


async def test_logging_out_takes_the_token_of_this_very_session(small_desk: OperatorDesk) -> None:
    await small_desk.log_in()
    other = build_token(Purpose.FORM, 0, small_desk.site.secret, f"logout:{hash_token('B' * 43)}")
    for token in ("", "x", other):
        answer = await small_desk.client.post("/operate/logout", data={"token": token})
        assert answer.status_code == 403
        assert await small_desk.is_in()


async def test_a_form_of_another_site_neither_asks_for_links_nor_logs_out(small_desk: OperatorDesk) -> None:
    await small_desk.log_in()
    for path in ("/operate", "/operate/logout"):
        for header in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
            answer = await small_desk.client.post(path, data={"address": OPERATOR}, headers=header)
            assert answer.status_code == 403
    assert await small_desk.is_in()


async def test_a_page_that_only_shows_takes_no_other_method(small_desk: OperatorDesk) -> None:
    await small_desk.log_in()
    for method in ("PUT", "DELETE", "PATCH"):
        assert (await small_desk.client.request(method, "/operate")).status_code == 405


async def test_one_address_gets_so_many_links_while_they_hold_and_no_more(small_desk: OperatorDesk) -> None:
    newsletter = small_desk.site.newsletter
    reader = await given_reader(newsletter.database, "somebody@example.org")
    for _ in range(LOGGING_IN.most):
        await newsletter.confirmations.ask(
            Asked.LOGIN, reader.id, OPERATOR, "", "", NOW, NOW + LOGGING_IN.lifetime
        )
    assert (await small_desk.ask()).status_code == 200
    assert await newsletter.ledger.reads.load_notice_counts() == {}
    small_desk.clock.at = NOW + LOGGING_IN.lifetime + timedelta(seconds=1)
    await small_desk.ask()
    assert await newsletter.ledger.reads.load_notice_counts() == {Kind.LOGIN: LedgerCounts({State.QUEUED: 1})}


async def test_a_client_that_asks_again_and_again_is_told_to_wait(small_desk: OperatorDesk) -> None:
    answers = [await small_desk.ask("nobody@example.org") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_strangers_who_ask_without_end_lock_no_operator_out(small_desk: OperatorDesk) -> None:
    site = small_desk.site
    for number in range(2000):
        site.limiter.take(LOGIN, f"2001:db8:{number:x}::1")
    for number in range(12):
        client = {"x-forwarded-for": f"2001:db9:{number:x}::1"}
        answer = await small_desk.client.post("/operate", data={"address": OPERATOR}, headers=client)
        assert answer.status_code == 200
    small_desk.clock.at = NOW + LOGGING_IN.lifetime + timedelta(seconds=1)
    fresh = {"x-forwarded-for": "198.51.100.7"}
    assert (
        await small_desk.client.post("/operate", data={"address": OPERATOR}, headers=fresh)
    ).status_code == 200
    assert await site.newsletter.ledger.reads.load_notice_counts() == {
        Kind.LOGIN: LedgerCounts({State.QUEUED: LOGGING_IN.most + 1})
    }


async def test_below_a_path_every_link_redirect_and_cookie_stays_there(
    tmp_path: Path, migrated_sqlite: Path
) -> None:
    shutil.copy(migrated_sqlite, tmp_path / "newsletter.db")
    url = "http://127.0.0.1:8080/papers"
    async with opened_desk(tmp_path, f"sqlite:///{tmp_path / 'newsletter.db'}", url=url) as desk:
        client = desk.client
        assert (await client.get("/operate")).status_code == 404
        await client.post("/papers/operate", data={"address": OPERATOR})
        link = await desk.read_link()
        assert link.startswith("/papers/confirm/")
        answer = await client.post(link)
        assert answer.headers["location"] == f"{url}/operate"
        assert "; Path=/papers/operate;" in answer.headers["set-cookie"]
        for path in ("/papers/operate", link):
            page = (await client.get(path)).text
            addresses = re.findall(r'(?:href|src|action)="([^"]*)"', page)
            assert len(addresses) > 5
            for address in addresses:
                assert address.startswith((f"{url}/", "/papers/", "mailto:", "data:", "#")), address
        assert (
            'action="http://127.0.0.1:8080/papers/operate/logout"'
            in (await client.get("/papers/operate")).text
        )


# --- what it tells ----------------------------------------------------------------------------------------


async def test_the_page_tells_the_equation_the_uncertain_ones_and_the_sources(desk: OperatorDesk) -> None:
    newsletter = desk.site.newsletter
    desk.clock.at = at("2026-06-16 12:00")  # the day of the deliveries below
    database = newsletter.database
    instance = await given_instance(database)
    odd = "o'brien+x@example.org"
    for address, outcome in (
        ("fine@example.org", Accepted("250 ok")),
        (odd, Uncertain("the connection broke")),
    ):
        reader = await given_reader(database, address)
        snapshot = replace(make_snapshot(), address=EmailAddress(address))
        delivery = await given_in_data(database, reader, instance, snapshot=snapshot)
        await settle(newsletter.ledger, delivery, instance, outcome)
    await newsletter.runs.save_looks(
        [
            FetchRecord(
                "<b>blog</b>",
                FetchState.FAILED,
                desk.clock.at,
                desk.clock.at,
                message="<script>1</script>",
            ),
        ],
        [SourceHealth("<b>blog</b>", 3, desk.clock.at + timedelta(hours=1), "HTTP 500")],
        [],
        {},
    )
    await newsletter.settings.save_hold(Hold(HoldKind.MANUAL, "the relay moves"))
    await desk.log_in()

    page = (await desk.client.get("/operate")).text

    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "2 due = 1 accepted + 1 uncertain + 0 pending" in text
    assert "On hold: the relay moves" in text
    config = newsletter.config.file
    commands = [
        unescape(re.sub(r"<[^>]+>", "", one)) for one in re.findall(r'class="command">(.*?)</code>', page)
    ]
    expected = ["newsletter", "resolve", odd, "accepted", "--edition", "2026-06-16"]
    expected += ["--reason", "in the relay log", "--config", str(config)]
    assert shlex.split(commands[0]) == expected
    assert len(commands) == 2
    assert "fine@example.org" not in page
    assert "ada.secret@readers.example.net" not in page
    assert "&lt;b&gt;blog&lt;/b&gt;" in page
    assert "<script>1" not in page
    assert "3 failed polls in a row" in text
    assert "Hugging Face Daily Papers" in text
    assert page.count('<svg class="graph"') >= 2
    assert " style=" not in page
    assert len(page.encode()) < 60_000


async def test_a_new_newsletter_has_a_page_too(tmp_path: Path, migrated_sqlite: Path) -> None:
    shutil.copy(migrated_sqlite, tmp_path / "newsletter.db")
    write_config(tmp_path, f"sqlite:///{tmp_path / 'newsletter.db'}", more=f"  operators: [{OPERATOR}]\n")
    config = load_config(tmp_path / "config.yaml", {})
    assert config.web is not None
    async with open_newsletter(config, clock=SetClock(NOW)) as newsletter:
        site = await open_site(newsletter, config.web)
        token = "C" * 43
        await newsletter.sessions.open(OPERATOR, hash_token(token), NOW, NOW + SESSION_LIFETIME)
        async with client_of(build_app(site)) as client:
            client.cookies.set(COOKIE, token, domain="127.0.0.1", path="/operate")
            page = (await client.get("/operate")).text
    assert "No digest has been due yet." in page
    assert "<svg" not in page


@pytest.mark.parametrize(
    ("reply", "masked"),
    [
        ("550 5.1.1 <ada@example.org>: no such user", "550 5.1.1 <…>: no such user"),
        ("550 ada@example.org unknown", "550 <…> unknown"),
        ("451 4.7.1 try again (id 4F3A10323BQ)", "451 4.7.1 try again (id …)"),
        ("550 5.7.1 message refused", "550 5.7.1 message refused"),
        ("the next digest covers it", "the next digest covers it"),
        ("550 böse@exämple.org weg", "550 <…> weg"),
    ],
)
def test_replies_are_told_without_addresses_and_names_of_mails(reply: str, masked: str) -> None:
    assert mask_reply(reply) == masked


def test_replies_that_differ_in_an_address_are_one_reason() -> None:
    replies = [ReplyCount(State.REJECTED, f"550 <r{number}@example.org> gone", 1) for number in range(9)]
    replies.append(ReplyCount(State.REJECTED, "552 full", 4))
    assert group_replies(replies) == (
        ReplyCount(State.REJECTED, "550 <…> gone", 9),
        ReplyCount(State.REJECTED, "552 full", 4),
    )


def test_a_command_is_one_that_a_shell_takes_as_it_stands() -> None:
    address = EmailAddress("a$(touch${ifs}x)`id`&b@example.org")
    delivery = Delivery(DeliveryId(1), Kind.DIGEST, "2026-06-16", SubscriberId(1), State.UNCERTAIN, NOW, NOW)
    unsettled = build_unsettled(delivery, address, "/etc/news letter/config.yaml")
    for command, outcome in ((unsettled.accepted, "accepted"), (unsettled.not_sent, "not-sent")):
        words = shlex.split(command)
        assert words[:4] == ["newsletter", "resolve", address, outcome]
        assert words[-2:] == ["--config", "/etc/news letter/config.yaml"]


def test_sources_keep_the_order_of_the_configuration_and_their_newest_looks_come_first() -> None:
    looks = [FetchRecord("b", FetchState.OK, NOW, NOW + timedelta(hours=hour)) for hour in range(12)] + [
        FetchRecord("gone", FetchState.OK, NOW, NOW)
    ]
    views = build_sources(["z", "b"], {"z": SourceHealth("z", 2)}, looks)
    assert [view.name for view in views] == ["z", "b", "gone"]
    assert views[0].health.failures == 2
    newest = NOW + timedelta(hours=11)
    assert [(look.newest.finished_at, look.times) for look in views[1].looks] == [(newest, 12)]


async def test_a_step_of_the_clock_that_fails_is_told(small_desk: OperatorDesk) -> None:
    settings, now = small_desk.site.newsletter.settings, small_desk.clock.at
    await settings.save_step_failure(StepFailure(StepName.UPKEEP, now, 3, now, "<i>no room</i>"))
    await small_desk.site.newsletter.feedback.note_set_aside("0" * 64, "a broken mail", now)
    await small_desk.log_in()

    page = (await small_desk.client.get("/operate")).text

    assert "A scheduled step fails:" in page
    assert "&lt;i&gt;no room&lt;/i&gt;" in page
    assert "a broken mail" in page


async def test_how_late_the_newest_edition_was_is_a_chart(small_desk: OperatorDesk) -> None:
    settings = small_desk.site.newsletter.settings
    await settings.save_lateness("2026-06-15", {90_000: 7})
    await settings.save_lateness("2026-06-16", {0: 40, 70: 2})
    await small_desk.log_in()

    page = (await small_desk.client.get("/operate")).text

    assert "After the slot" in page
    assert re.search(r"How long after their slot the mails of [^.]*16[^.]* were accepted\.", page)
    assert "<title>&lt; 1 s: 40 mails</title>" in page
    assert "<title>&lt; 2 min: 2 mails</title>" in page
    assert "7 mails" not in page

"""What somebody hostile tries on the web UI as a whole. What belongs to one page alone is tested beside it."""

from __future__ import annotations

import asyncio
import re
import shutil
import statistics
import string
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx2
import pytest
from markupsafe import escape
from sqlalchemy import select
from starlette.routing import Mount, Route

from newsletter.errors import StoreError
from newsletter.model.ledger import Kind
from newsletter.model.readers import NOBODY, Asked, Consent, EmailAddress, Subscriber
from newsletter.model.sources import FetchRecord, FetchState
from newsletter.settings.shipped import find_shipped
from newsletter.signing import Purpose, Secret, build_token, check_token, read_number
from newsletter.storage.tables import consents, entries, subscribers
from newsletter.web import answers, security
from newsletter.web.app import build_app
from newsletter.web.form_age import build_form_token
from newsletter.web.pages.operate import SESSION_LIFETIME
from newsletter.web.security import FROM_ANYWHERE, MAX_BODY_BYTES
from newsletter.web.sessions import choose_cookie, hash_token
from newsletter.web.site import Site
from tests.support.builders import at, make_subscriber
from tests.support.clock import SetClock
from tests.support.statements import load_rows, load_values
from tests.support.website import (
    FRIDAY,
    HF,
    HOSTILE,
    NOW,
    READER,
    URL,
    client_of,
    make_paper,
    new,
    opened_site,
    save_run,
)
from tests.web.crawl import PUBLIC_STARTS, crawl, find_unsafe, list_targets
from tests.web.mails import OPERATOR, WITH_OPERATOR, read_maildir, send_every_kind
from tests.web.readers import given_other, leave_path, load, load_notices, own_path
from tests.web.snapshot import find_text, take_snapshot
from tests.web.wire import Got, Sent, ask, with_host, write_form

HOST = urlsplit(URL).netloc
EVIL = "evil.example"
SESSION = "s" * 43


@pytest.fixture
async def staffed(tmp_path: Path, filled_url: str) -> AsyncIterator[Site]:
    """The site of tests.support.website with an operator, on each engine."""
    async with opened_site(tmp_path, filled_url, more=WITH_OPERATOR) as opened:
        yield opened


@pytest.fixture
def small_url(tmp_path: Path, filled_sqlite: Path) -> str:
    """An SQLite database of its own: for what no database can make different."""
    return f"sqlite:///{shutil.copy(filled_sqlite, tmp_path / 'small.db')}"


@pytest.fixture
async def small(tmp_path: Path, small_url: str) -> AsyncIterator[Site]:
    """The site of tests.support.website with an operator, on SQLite."""
    async with opened_site(tmp_path, small_url, more=WITH_OPERATOR) as opened:
        yield opened


def list_routes(site: Site) -> list[tuple[str, set[str]]]:
    """The paths of all routes with their methods, those of one path together."""
    methods: dict[str, set[str]] = {}
    for route in build_app(site).routes:
        inner = route.routes if isinstance(route, Mount) else [route]
        prefix = route.path if isinstance(route, Mount) else ""
        for one in inner:
            assert isinstance(one, Route)
            methods.setdefault(prefix + one.path, set()).update(one.methods or ())
    return list(methods.items())


def fill_path(path: str, **parameters: str) -> str:
    """A route's path with values for its parameters."""
    known = {"token": "a" * 27, "key": "arxiv:2606.00101", "day": "2026-06-15", "date": "2026-06-15", "slug": "rag",
             "name": "style.css", "part": "1", "provider": "generic", **parameters}  # fmt: skip
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda name: known[name[1]], path)


async def log_in(site: Site) -> Mapping[str, str]:
    """Headers of an operator who is logged in."""
    await site.newsletter.sessions.open(OPERATOR, hash_token(SESSION), NOW, NOW + SESSION_LIFETIME)
    return {"cookie": f"{choose_cookie(site.links).name}={SESSION}"}


def set_clock(site: Site, later: timedelta) -> Site:
    return replace(site, newsletter=replace(site.newsletter, clock=SetClock(NOW + later)))


def subscription(site: Site, address: str, **changes: str) -> dict[str, str]:
    """A form that was shown a minute ago, filled in."""
    shown_at = NOW - timedelta(minutes=1)
    fields = {
        "form": build_form_token("subscribe", site.secret, shown_at),
        "do": "subscribe",
        "address": address,
    }
    rest = {
        "own": "RAG",
        "when": "daily",
        "hour": "07:00",
        "zone": "UTC",
        "language": "en",
        "everything_else": "0",
    }
    return {**fields, **rest, **changes}


# --- forms of other sites ---------------------------------------------------------------------------------

FOREIGN = (
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": URL.replace("http:", "https:")},
    {"origin": f"{URL}.evil.example"},
    {"origin": f"http://evil.example#{URL}"},
    {"origin": URL.rpartition(":")[0]},
    {"origin": ""},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"origin": URL, "sec-fetch-site": "cross-site"},
    {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "nonsense"},
)


async def test_forms_of_other_sites_are_refused_by_every_page_that_takes_one(small: Site) -> None:
    reader = await load(small)
    token = own_path(small, reader).removeprefix("/me/")
    logged_in = await log_in(small)
    posts = [
        path
        for path, methods in list_routes(small)
        if "POST" in methods and not path.startswith(FROM_ANYWHERE)
    ]
    before = await take_snapshot(small.newsletter.database)

    statuses = set()
    async with client_of(build_app(small)) as client:
        for path in posts:
            for headers in FOREIGN:
                answer = await client.post(
                    fill_path(path, token=token), data={"sure": "yes"}, headers={**headers, **logged_in}
                )
                statuses.add(answer.status_code)
                assert answer.text == "this form was sent from another site"

    assert len(posts) >= 8
    assert statuses == {403}
    assert await take_snapshot(small.newsletter.database) == before


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": URL}, {"origin": URL, "sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}],
    ids=["no browser", "origin", "both", "typed"],
)
async def test_our_own_forms_and_programs_are_not_refused(small: Site, headers: Mapping[str, str]) -> None:
    async with client_of(build_app(small)) as client:
        answer = await client.post("/preview", data={"own": "RAG"}, headers=headers)
        assert answer.status_code == 200


# --- tokens -----------------------------------------------------------------------------------------------


async def test_a_token_does_what_it_is_for_and_nothing_else(staffed: Site) -> None:
    site = staffed
    reader = await load(site)
    number = await site.newsletter.confirmations.ask(
        Asked.SUBSCRIBE, reader.id, reader.address, "{}", "", NOW, NOW + timedelta(days=1)
    )
    assert number == reader.id == 1  # so that only the purpose tells the tokens apart
    tokens = {
        "leave": build_token(Purpose.LEAVE, reader.id, site.secret),
        "me": build_token(Purpose.PREFERENCES, reader.id, site.secret, reader.address),
        "confirm": build_token(Purpose.CONFIRM, number, site.secret),
        "form": build_form_token("subscribe", site.secret, NOW),
        "unbound": build_token(Purpose.PREFERENCES, reader.id, site.secret),
        "other address": build_token(Purpose.PREFERENCES, reader.id, site.secret, "bob@example.org"),
        "other secret": build_token(
            Purpose.PREFERENCES, reader.id, Secret(b"another secret"), reader.address
        ),
    }
    before = await take_snapshot(site.newsletter.database)

    tried = 0
    async with client_of(build_app(site)) as client:
        for path, methods in list_routes(site):
            part = path.split("/")[1]
            if "{token}" not in path:
                continue
            for purpose, token in tokens.items():
                if purpose == part:
                    continue
                for method in sorted(methods):
                    data = {"do": "leave", "sure": "yes", "until": "2026-06-30"} if method == "POST" else None
                    answer = await client.request(method, fill_path(path, token=token), data=data)
                    assert answer.status_code == 404, (method, path, purpose)
                    assert READER not in answer.text
                    tried += 1
                if part == "leave":  # one click is answered alike, whatever the token
                    answer = await client.post(fill_path(path, token=token))
                    assert (answer.status_code, answer.text) == (200, "You are unsubscribed.\n")

    assert tried > 100
    assert await take_snapshot(site.newsletter.database) == before


async def test_a_page_of_one_reader_has_nothing_of_another(staffed: Site) -> None:
    site = staffed
    await send_every_kind(site)
    secret_topic = "Zebrafish neurons"
    ada = await load(site)
    other = replace(
        make_subscriber("zenobia.other@readers.example", file_owned=False),
        name="Zenobia Other",
        topics_json=f'["{secret_topic}"]',
    )
    await site.newsletter.subscribers.save([other], NOW, "added")
    zenobia = await load(site, other.address)
    async with client_of(build_app(site)) as client:
        pages = await crawl(
            client, site, own_path(site, ada), leave_path(site, ada), f"{own_path(site, ada)}/sent"
        )
        exported = await client.post(f"{own_path(site, ada)}/export")
    texts = [exported.text, *(page.text for page in pages.values())]

    assert any(READER in text for text in texts)
    of_zenobia = (
        *("zenobia", secret_topic.lower(), own_path(site, zenobia), leave_path(site, zenobia)),
        *('@readers.example"', "moved@readers.example", OPERATOR),
    )
    assert not [(text[:80], word) for text in texts for word in of_zenobia if word in text.lower()]


def test_no_change_of_one_letter_makes_another_true_token() -> None:
    secret = Secret(b"a secret")
    for number in (0, 1, 31, 32, 2**62):
        for bound in ("", "ada@example.org"):
            token = build_token(Purpose.PREFERENCES, number, secret, bound)
            assert check_token(token, Purpose.PREFERENCES, secret, bound) == number
            letters = string.ascii_letters + string.digits + "-_=. \n\0é"
            changed = {
                token[:place] + letter + token[place + more :]
                for place in range(len(token) + 1)
                for letter in (*letters, "")
                for more in (0, 1)
            } - {token}
            assert not [
                one for one in changed if check_token(one, Purpose.PREFERENCES, secret, bound) is not None
            ]


# Signs that look like a letter of a token, or that become one when they are folded or normalized.
ALIKE = {
    **{letter: chr(ord(letter) + 0xFEE0) for letter in "abcdefghijklmnopqrstuvwxyz234567"},  # of full width
    **{"Cyrillic " + letter: other for letter, other in zip("aecopxy", "аесорху", strict=True)},
    **{"long s": "ſ", "Kelvin k": "\u212a", "dotless i": "ı", "superscript 2": "²"},
}


async def test_forged_tokens_open_nothing(small: Site) -> None:
    reader = await load(small)
    true = own_path(small, reader).removeprefix("/me/")
    alike = {true.replace(letter[-1], other) for letter, other in ALIKE.items()}
    forged = {
        *(true[:place] for place in range(len(true))),
        *(true[:place] + ("b" if true[place] == "a" else "a") + true[place + 1 :] for place in range(len(true))),
        *(true.upper(), true.title(), true + "a", "a" + true, true + "=", true * 2, f"{true}%00", f"%20{true}"),
        *(quote(one) for one in alike - {true}),
        build_token(Purpose.PREFERENCES, NOBODY, Secret(b"guessed")),
        build_token(Purpose.LEAVE, NOBODY, Secret(b"guessed")),
        *("0", "-1", "null", "%2e%2e", "a" * 5_000),
    } - {""}  # fmt: skip
    before = await take_snapshot(small.newsletter.database)

    answers = {}
    async with client_of(build_app(small)) as client:
        for token in forged:
            for path in (f"/me/{token}", f"/me/{token}/sent", f"/leave/{token}", f"/confirm/{token}"):
                answers[path] = await client.get(path)
            answers[token] = await client.post(f"/me/{token}/export")
        known = await client.get(f"/me/{true}")

    assert known.status_code == 200
    assert {path: answer.status_code for path, answer in answers.items() if answer.status_code != 404} == {}
    assert not [path for path, answer in answers.items() if READER in answer.text]
    assert len(alike - {true}) >= 8
    assert await take_snapshot(small.newsletter.database) == before


async def test_a_reader_who_is_there_and_one_who_is_not_are_told_apart_by_nothing(small: Site) -> None:
    ada = await load(small)
    assert read_number(own_path(small, ada).removeprefix("/me/")) == 1
    there = build_token(Purpose.PREFERENCES, 1, Secret(b"guessed"), READER)
    nobody = build_token(Purpose.PREFERENCES, 7, Secret(b"guessed"), READER)
    async with client_of(build_app(small)) as client:
        for path in ("/me/{}", "/me/{}/sent", "/me/{}/sent/2026-06-16", "/leave/{}", "/confirm/{}"):
            answers = [await client.get(path.format(token)) for token in (there, nobody)]
            assert answers[0].status_code == answers[1].status_code == 404
            assert answers[0].text == answers[1].text
            assert answers[0].headers == answers[1].headers


@pytest.mark.parametrize("asked", [Asked.SUBSCRIBE, Asked.ADDRESS, Asked.LOGIN])
async def test_what_waits_for_a_click_is_over_in_time(staffed: Site, asked: Asked) -> None:
    reader = await load(staffed)
    address = EmailAddress(OPERATOR) if asked is Asked.LOGIN else reader.address
    wanted = {
        Asked.SUBSCRIBE: '{"name":"","topics":["RAG"],"days":[0],"hour":"07:00:00","zone":"UTC","language":"",'
        '"layout":"","everything_else":0}',
        Asked.ADDRESS: f'{{"step":"old","old":"{reader.address}","new":"new@example.org"}}',
        Asked.LOGIN: "",
    }
    expires_at = NOW + timedelta(minutes=15)
    number = await staffed.newsletter.confirmations.ask(
        asked, reader.id, address, wanted[asked], "", NOW, expires_at
    )
    path = f"/confirm/{build_token(Purpose.CONFIRM, number, staffed.secret)}"
    before = await take_snapshot(staffed.newsletter.database)

    async with client_of(build_app(set_clock(staffed, timedelta(minutes=15)))) as client:
        late = [await client.get(path), await client.post(path)]
    assert [answer.status_code for answer in late] == [410, 410]
    assert await take_snapshot(staffed.newsletter.database) == before

    async with client_of(build_app(set_clock(staffed, timedelta(minutes=14)))) as client:
        assert (await client.get(path)).status_code == 200
        assert (await client.post(path)).status_code in (200, 303)
    assert await take_snapshot(staffed.newsletter.database) != before


# --- where a browser is sent ------------------------------------------------------------------------------

TARGETS = (
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
    "evil.example",
)


@pytest.mark.parametrize("url", ["https://news.example.org", "https://news.example.org/papers", URL])
async def test_no_page_sends_a_browser_where_the_request_says(
    tmp_path: Path, small_url: str, url: str
) -> None:
    async with opened_site(tmp_path, small_url, url=url, more=WITH_OPERATOR) as site:
        app, prefix = build_app(site), site.links.prefix
        host = with_host(
            site.links.host, (b"x-forwarded-host", b"evil.example"), (b"x-forwarded-proto", b"http")
        )
        names = ("next", "url", "redirect", "return", "to", "q", "continue", "path")
        paths = [fill_path(path) for path, _ in list_routes(site)]
        paths += [
            f"{prefix}/papers/doi:10.1000/agents",
            prefix or "/",
            f"{prefix}/subscribe/",
            f"{prefix}/archive/",
        ]
        sent = [
            Sent(
                method,
                f"{path}?{urlencode(dict.fromkeys(names, target))}".encode(),
                host,
                b"",
                client="127.0.0.1",
            )
            for path in paths
            for target in TARGETS
            for method in ("GET", "POST")
        ]
        sent += [
            Sent("GET", path.encode(), host)
            for target in TARGETS
            for quoted in (target, quote(target, safe=""))
            for path in (
                f"{prefix}/{quoted}",
                f"/{quoted}{prefix}/",
                f"{prefix}/papers/{quoted}",
                f"{prefix}//{quoted}/",
            )
        ]
        sent += [
            Sent("GET", f"{prefix}/search?q={name}".encode(), host)
            for name in ("2606.00101", "10.1000/agents")
        ]
        locations = []
        for one in sent:
            got = await ask(app, one)
            assert got.status not in (0, 500), (one, got.error)
            if "location" in got.headers:
                locations.append(got.headers["location"])
                # Starlette keeps the query where it takes the slash from the end of a path.
                assert "evil" not in got.headers["location"].partition("?")[0], one
            elif got.is_html:
                assert not [link for _, link in list_targets(got.text) if link.startswith(TARGETS)], one

        assert len(locations) >= 4
        assert not [location for location in locations if not location.startswith((f"{url}/", f"{prefix}/"))]


# --- headers ----------------------------------------------------------------------------------------------

LINE_ENDS = (
    *("\r\nX-Injected: 1", "\nX-Injected: 1", "\rX-Injected: 1", "\r\n\r\n<script>1</script>"),
    *("\x85X-Injected: 1", "\u2028X: 1", "\0"),
)


async def test_line_ends_in_fields_and_paths_begin_no_header(small: Site) -> None:
    app = build_app(small)
    own, leave = [one(small, await load(small)) for one in (own_path, leave_path)]
    logged_in = [(name.encode(), value.encode()) for name, value in (await log_in(small)).items()]
    known = (b"set-cookie", b"location", b"content-disposition")
    for end in LINE_ENDS:
        raw = quote(end)
        targets = [
            f"/x{raw}",
            f"/{raw}",
            f"/papers/a{raw}",
            f"/search?q=a{raw}",
            f"/search.atom?q=a{raw}",
            f"/topics/{raw}",
        ]
        targets += [
            f"/me/{raw}",
            f"/static/{raw}",
            f"/subscribe?topic={raw}",
            f"/2026-06-15{raw}",
            f"{own}/sent?before={raw}",
        ]
        sent = [Sent("GET", target.encode(), with_host(HOST)) for target in targets]
        fields = [
            (name, f"a{end}")
            for name in ("address", "name", "own", "zone", "hour", "language", "do", "token", "until")
        ]
        kind, body = write_form([*fields, ("sure", "yes")])
        sent += [
            Sent("POST", path.encode(), with_host(HOST, (b"content-type", kind), *logged_in), body)
            for path in (
                "/subscribe",
                "/preview",
                own,
                f"{own}/pause",
                f"{own}/address",
                leave,
                "/operate",
                "/operate/logout",
            )
        ]
        for one in sent:
            got = await ask(app, one)
            assert 0 < got.status < 500, (one, got.error)
            assert not [field for field in got.fields if re.search(rb"[\r\n\0]", field[0] + field[1])], one
            assert b"x-injected" not in {name.lower() for name, _ in got.fields}
            assert not [value for name, value in got.fields if name in known and b"X-Injected" in value], one


@pytest.mark.parametrize("end", LINE_ENDS)
async def test_line_ends_in_fields_begin_no_header_of_a_mail(small: Site, end: str) -> None:
    before = await take_snapshot(small.newsletter.database)
    async with client_of(build_app(small)) as client:
        reader = await load(small)
        fields = [
            {"address": f"new@readers.example{end}"},
            {"address": f"{end}new@readers.example"},
            {"address": f"a{end}@readers.example"},
        ]
        for changes in fields:
            answer = await client.post("/subscribe", data={**subscription(small, ""), **changes})
            assert answer.status_code == 422
            assert (await client.post(f"{own_path(small, reader)}/address", data=changes)).status_code == 422
        assert await take_snapshot(small.newsletter.database) == before
        # A name is text of a mail, so it may be cleaned instead.
        await client.post(
            "/subscribe", data=subscription(small, "new@readers.example", name=f"Ada{end}", own=f"RAG{end}")
        )
    assert not await find_text(small.newsletter.database, "\r", "\0", "\u2028", "\x85")
    await small.newsletter.dispatcher(asyncio.Event()).send_notices()
    folder = small.newsletter.config.maildir
    assert folder is not None
    for mail in read_maildir(folder):
        assert "X-Injected" not in mail
        assert str(mail["to"]).count("@") == 1


# --- script -----------------------------------------------------------------------------------------------

SCRIPT = "<script>alert(1)</script>"
BREAK_OUT = "\"'><q7 onload=alert(1)><svg/onload=alert(2)> {{7*7}} javascript:alert(3) " + SCRIPT


async def given_hostile(site: Site) -> Subscriber:
    """Papers, sources and readers whose texts all want to be markup; return one of the readers."""
    paper = make_paper(
        "2606.00666", f"A title {BREAK_OUT}", FRIDAY, authors=(f"Author {BREAK_OUT}",) * 3, summary=f"Text {BREAK_OUT}",
        ai_summary=f"Model {BREAK_OUT}", organization=f"Lab {BREAK_OUT}", categories=(f"cs.{SCRIPT}",), note=BREAK_OUT,
        ai_keywords=(BREAK_OUT, "agents"), url="javascript:alert(4)", pdf_url="data:text/html,<script>1</script>",
        code_url="http://x\"onclick=alert(5) y='", discussion_url="vbscript:x", project_url="//evil.example/x",
        thumbnail_url="https://evil.example/tracker.gif", upvotes=99,
    )  # fmt: skip
    sent = replace(make_paper("2606.00667", f"Listed {BREAK_OUT}", NOW.date(), upvotes=98), note=BREAK_OUT)
    store = site.newsletter.runs
    await save_run(store, "2026-06-17 10:00", new(paper), new(sent, source=f"Source {BREAK_OUT}"))
    look = FetchRecord(HF, FetchState.FAILED, NOW, NOW, message=BREAK_OUT, run=3)
    await store.save_run(
        at("2026-06-17 11:00"), lambda run: run.save_looks([replace(look, run=run.number)], [], [], {})
    )
    reader = replace(
        make_subscriber(
            "hostile@readers.example", everything_else=20, next_due_at=at("2026-06-17 07:00"), file_owned=False,
            topics_json='[{"name":"<script>alert(1)</script>","any":["agent","<q7>"]},'
            '{"name":"a\\"\' q7on=x","any":["title"]}]',
        ),
        name=f"Name {BREAK_OUT}"[:80],
    )  # fmt: skip
    await site.newsletter.subscribers.save([reader], NOW, "added")
    return await load(site, reader.address)


async def test_stored_markup_is_text_on_every_page(staffed: Site) -> None:
    site = staffed
    reader = await given_hostile(site)
    await send_every_kind(site)
    confirms = [url.removeprefix(site.links.base) for _, _, url in await load_notices(site, Kind.CONFIRM)]
    own = own_path(site, reader)
    starts = [
        *PUBLIC_STARTS,
        own,
        f"{own}/sent",
        f"{own}/sent/2026-06-17",
        leave_path(site, reader),
        *confirms,
    ]
    async with client_of(build_app(site)) as client:
        client.headers.update(await log_in(site))
        pages = await crawl(client, site, *starts)
        changed = await client.post(own, data={"own": BREAK_OUT, "name": BREAK_OUT, "version": BREAK_OUT})
        gone = await client.post(leave_path(site, reader), data={"do": "leave"})
    shown = {address: page for address, page in pages.items() if "text/html" in page.headers["content-type"]}
    shown |= {"changed": changed, "gone": gone}

    assert {
        address: unsafe for address, page in shown.items() if (unsafe := find_unsafe(page.text, URL))
    } == {}
    for address in (
        f"{URL}/2026-06-12",
        f"{URL}/papers/arxiv:2606.00666",
        f"{URL}{own}",
        f"{URL}{own}/sent/2026-06-17",
    ):
        assert "&lt;q7" in shown[address].text, address  # it was there, as text
    assert "&lt;q7" in shown[f"{URL}/operate"].text
    feeds = [page for page in pages.values() if page.headers["content-type"].startswith("application/atom")]
    assert feeds
    assert not [page.url for page in feeds if re.search("<q7|<script|<svg", page.text)]


@pytest.mark.parametrize("payload", [BREAK_OUT, HOSTILE, f"</textarea></title>{SCRIPT}"])
async def test_reflected_markup_is_text(small: Site, payload: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "ANSWER_AFTER_S", 0.0)
    own = own_path(small, await load(small))
    asked = quote(payload)
    searches = [f"/search?q={asked}", f"/search?q={asked}&page={asked}", f"/search.atom?q={asked}"]
    pages = [f"/subscribe?topic={asked}", f"/papers/{asked}", f"/{asked}", f"/topics/{asked}", f"/me/{asked}"]
    targets = [
        *searches,
        f"/search.json?q={asked}",
        *pages,
        f"{own}/sent?before={asked}",
        f"{own}/sent/{asked}",
    ]
    fields = (
        *(
            "address",
            "name",
            "own",
            "topic",
            "when",
            "day",
            "hour",
            "zone",
            "language",
            "layout",
            "do",
            "form",
        ),
        *("everything_else", "website", "until", "version", "token", "sure"),
    )
    sent = [
        Sent("GET", target.encode(), with_host(HOST, (b"accept-language", b"<script>"))) for target in targets
    ]
    for path in ("/subscribe", "/preview", own, f"{own}/pause", f"{own}/address", "/operate"):
        for some in (fields, *((one,) for one in fields if path in ("/subscribe", own))):
            data = {**subscription(small, "a@readers.example"), **dict.fromkeys(some, payload)}
            kind, body = write_form(list(data.items()))
            client = (b"x-forwarded-for", f"203.0.113.{len(sent)}".encode())
            sent.append(Sent("POST", path.encode(), with_host(HOST, client, (b"content-type", kind)), body))
    app = build_app(small)
    came_back = 0
    for one in sent:
        got = await ask(app, one)
        assert 0 < got.status < 500, (one, got.error)
        came_back += str(escape(payload.split()[0])) in got.text
        if got.is_html:
            assert find_unsafe(got.text, URL) == [], one
        else:
            # What is no page is never taken for one.
            assert got.headers["x-content-type-options"] == "nosniff"
            is_xml = "xml" in got.headers["content-type"]
            assert not is_xml or not re.search("<script|<q7|<svg", got.text)
    assert came_back > 5


# --- whose site this is -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["evil.example", f"{HOST}.evil.example", f"evil.example:{8080}", "127.0.0.1", "127.0.0.1:80", f"x@{HOST}",
     f"{HOST},evil.example",
     f"{HOST}/evil", "", " ", f"{HOST}#", "[::1]:8080", "localhost:8080"],
)  # fmt: skip
async def test_other_hosts_are_not_served(small: Site, host: str) -> None:
    app = build_app(small)
    for method, path in (
        ("GET", b"/"),
        ("POST", b"/subscribe"),
        ("GET", b"/feed.atom"),
        ("GET", b"/static/x"),
        ("PUT", b"/x"),
    ):
        got = await ask(app, Sent(method, path, with_host(host)))
        assert (got.status, got.text) == (421, "this host is not served here")
    assert (await ask(app, Sent("GET", b"/", ()))).status == 421
    # Monitors ask by whatever name the machine has; what they get names no host.
    assert (await ask(app, Sent("GET", b"/healthz", with_host(host)))).text == "ok\n"


async def test_no_header_of_a_proxy_makes_an_address(small: Site) -> None:
    app = build_app(small)
    tricks = (
        (b"x-forwarded-host", b"evil.example"), (b"x-forwarded-server", b"evil.example"), (b"x-host", b"evil.example"),
        (b"forwarded", b"host=evil.example;proto=http"), (b"x-forwarded-prefix", b"/evil.example"),
        (b"x-original-url", b"/evil.example"),
        (b"x-rewrite-url", b"/evil.example"), (b"x-forwarded-proto", b"gopher"), (b"host", b"evil.example"),
        (b"referer", b"https://evil.example/"),
    )  # fmt: skip
    for path in (
        b"/",
        b"/archive",
        b"/feed.atom",
        b"/sitemap.xml",
        b"/robots.txt",
        b"/.well-known/security.txt",
        b"/nothing",
        b"/subscribe/",
    ):
        plain = await ask(app, Sent("GET", path, with_host(HOST)))
        tricked = await ask(app, Sent("GET", path, with_host(HOST, *tricks)))
        assert "evil" not in tricked.text + str(tricked.fields)
        assert _without_tokens(plain) == _without_tokens(tricked)


async def test_mails_lead_to_the_public_address_whatever_the_request_says(small: Site) -> None:
    form, body = write_form(list(subscription(small, "new@readers.example").items()))
    headers = with_host(
        HOST,
        (b"x-forwarded-host", b"evil.example"),
        (b"forwarded", b"host=evil.example"),
        (b"content-type", form),
    )
    assert (await ask(build_app(small), Sent("POST", b"/subscribe", headers, body))).status == 200
    ((_, _, url),) = await load_notices(small, Kind.CONFIRM)
    assert url.startswith(f"{URL}/confirm/")


@pytest.mark.parametrize(
    "target",
    [
        b"http://evil.example/",
        b"http://evil.example/subscribe",
        b"//evil.example/archive",
        b"*",
        b"evil.example:443",
    ],
)
async def test_targets_that_name_a_host_are_no_pages(small: Site, target: bytes) -> None:
    for method in ("GET", "POST", "OPTIONS", "CONNECT"):
        got = await ask(build_app(small), Sent(method, target, with_host(HOST)))
        assert got.status in (404, 405)
        assert "location" not in got.headers


# --- bodies -----------------------------------------------------------------------------------------------

PART = b"--x\r\nContent-Disposition: form-data; name=%s\r\n\r\nRAG\r\n"


def _post(
    path: str, body: bytes, kind: str = "application/x-www-form-urlencoded", *others: tuple[bytes, bytes]
) -> Sent:
    return Sent("POST", path.encode(), with_host(HOST, (b"content-type", kind.encode()), *others), body)


async def test_bodies_of_more_than_64_kb_are_refused_whatever_they_say_of_their_length(small: Site) -> None:
    app = build_app(small)
    own = own_path(small, await load(small))
    before = await take_snapshot(small.newsletter.database)
    for path in (
        "/subscribe",
        "/preview",
        own,
        f"{own}/erase",
        leave_path(small, await load(small)),
        "/operate",
        "/nothing",
    ):
        large = b"sure=yes&own=" + b"a" * MAX_BODY_BYTES
        for length in ((), ((b"content-length", b"10"),), ((b"content-length", str(len(large)).encode()),)):
            got = await ask(app, _post(path, large, "application/x-www-form-urlencoded", *length))
            assert got.status == 413, path
        for said in (b"65537", b"-1", b"1e3", b"\xb2", b"9" * 5_000, b"0x10", b"1, 1"):
            assert (await ask(app, _post(path, b"", "", (b"content-length", said)))).status == 413
    assert await take_snapshot(small.newsletter.database) == before
    just = b"own=" + b"a" * (MAX_BODY_BYTES - 4)
    assert (await ask(app, _post("/preview", just))).status == 200


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"a=1&" * 16_000),
        ("application/x-www-form-urlencoded", b"own=x&" * 10_000),
        ("application/x-www-form-urlencoded", b"topic=a&" * 201),
        ("application/x-www-form-urlencoded", b"&" * 64_000),
        ("application/x-www-form-urlencoded", b"%" * 64_000),
        ("multipart/form-data; boundary=x", PART % b'"own"' * 1_000 + b"--x--"),
        ("multipart/form-data; boundary=x", PART % b'"f"; filename="f"' + b"--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"A: b\r\n" * 9_000 + b"\r\n\r\n--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: " + b"a;" * 30_000 + b"\r\n\r\n\r\n--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n" * 900),
        ("multipart/form-data; boundary=" + "x" * 200, b"--" + b"x" * 200 + b"\r\n\r\n"),
        ("multipart/form-data", b"--x"),
        ("application/json", b"[" * 60_000),
        ("text/xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"),
    ],
)  # fmt: skip
async def test_odd_bodies_cost_little_and_are_no_forms(small: Site, kind: str, body: bytes) -> None:
    reader = await load(small)
    for path in ("/preview", own_path(small, reader), f"{own_path(small, reader)}/erase"):
        begun = time.process_time()
        got = await ask(build_app(small), _post(path, body, kind))
        assert got.status in (200, 422), got.error
        assert time.process_time() - begun < 1.0
    assert (await load(small)) == reader


async def test_a_body_that_drips_is_cut_off(small: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "BODY_TIMEOUT_S", 0.2)
    drops = 0

    async def drip() -> Mapping[str, Any]:
        nonlocal drops
        drops += 1
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"a", "more_body": True}

    answered: list[Mapping[str, Any]] = []

    async def send(message: Mapping[str, Any]) -> None:
        answered.append(message)

    headers = [(b"host", HOST.encode()), (b"transfer-encoding", b"chunked")]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/preview",
        "query_string": b"",
        "headers": headers,
        "client": None,
    }
    begun = time.monotonic()
    async with asyncio.timeout(5):
        await build_app(small)(scope, drip, send)  # type: ignore[arg-type]
    assert answered[0]["status"] == 408
    assert (b"connection", b"close") in answered[0]["headers"]
    assert 0.15 < time.monotonic() - begun < 2
    assert drops < 15


# --- who is known here ------------------------------------------------------------------------------------

TRIES = 30
PAUSE_S = 0.1
"""Instead of that of the pages, so that the test does not take half a minute."""


async def compare(
    client: httpx2.AsyncClient,
    path: str,
    known: Sequence[Mapping[str, str]],
    unknown: Sequence[Mapping[str, str]],
) -> None:
    """Send both kinds of forms by turns: the answers must be the same, and take the same time."""
    seconds: dict[bool, list[float]] = {True: [], False: []}
    seen: dict[bool, set[tuple[object, ...]]] = {True: set(), False: set()}
    for number, pair in enumerate(zip(known, unknown, strict=True)):
        for is_known, data in ((True, pair[0]), (False, pair[1]))[:: 1 if number % 2 else -1]:
            begun = time.perf_counter()
            answer = await client.post(path, data=data, headers={"x-forwarded-for": f"203.0.113.{number}"})
            seconds[is_known].append(time.perf_counter() - begun)
            text = answer.text.replace(data["address"], "")
            seen[is_known].add((answer.status_code, len(answer.content), text, str(answer.headers)))
    assert seen[True] == seen[False]
    assert len(seen[True]) == 1
    assert next(iter(seen[True]))[0] == 200
    medians = [statistics.median(seconds[is_known]) for is_known in (True, False)]
    noise = statistics.pstdev(seconds[True]) + statistics.pstdev(seconds[False])
    assert abs(medians[0] - medians[1]) < max(0.01, 2 * noise), (medians, noise)
    assert min(*seconds[True], *seconds[False]) >= PAUSE_S


async def test_subscribing_tells_in_no_way_whether_an_address_is_known(
    staffed: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "ANSWER_AFTER_S", PAUSE_S)
    states = [Consent.CONFIRMED, Consent.PAUSED, Consent.LEFT, Consent.UNCONFIRMED]
    known = [f"known{number:02}@readers.example" for number in range(TRIES)]
    for number, address in enumerate(known):
        await given_other(staffed, address, consent=states[number % len(states)])
    unknown = [f"other{number:02}@readers.example" for number in range(TRIES)]

    async with client_of(build_app(staffed)) as client:
        await client.post(
            "/subscribe", data=subscription(staffed, "first@readers.example")
        )  # what is loaded once
        await compare(
            client, "/subscribe", *([subscription(staffed, one) for one in some] for some in (known, unknown))
        )


async def test_the_login_tells_in_no_way_whose_address_is_configured(
    small: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "ANSWER_AFTER_S", PAUSE_S)
    async with client_of(build_app(small)) as client:
        await client.post("/operate", data={"address": "first@example.org"})
        tries = 6  # the first ones queue a mail, the further ones are too many
        await compare(
            client, "/operate", [{"address": OPERATOR}] * tries, [{"address": "somebody@example.org"}] * tries
        )


def test_the_pause_of_an_answer_is_as_long_as_the_work_behind_it_ever_takes() -> None:
    assert answers.ANSWER_AFTER_S >= 0.3


# --- what browsers are told -------------------------------------------------------------------------------

ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def _check_headers(got: Got | httpx2.Response, *, is_secure: bool) -> None:
    headers = got.headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert not re.search(r"unsafe|\*|data:|blob:|http:", policy)
    assert {name: headers[name] for name in ALWAYS} == ALWAYS
    assert ("strict-transport-security" in headers) is is_secure
    if is_secure:
        (age,) = re.findall(r"max-age=(\d+)", headers["strict-transport-security"])
        assert int(age) >= 31_536_000
    assert "server" not in headers
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("url", [URL, "https://news.example.org/papers"])
async def test_every_answer_has_the_headers_whatever_its_status(
    tmp_path: Path, small_url: str, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    async with opened_site(tmp_path, small_url, url=url, more=WITH_OPERATOR) as site:
        app, host = build_app(site), site.links.host
        prefix, secure = site.links.prefix, site.links.is_secure
        ok = await ask(app, Sent("GET", f"{prefix}/archive".encode(), with_host(host)))
        tag = ok.headers["etag"].encode()
        static = next(iter(site.static_names.values()))
        answers = [
            *(
                ok,
                await ask(
                    app, Sent("GET", f"{prefix}/archive".encode(), with_host(host, (b"if-none-match", tag)))
                ),
            ),
            await ask(app, Sent("GET", f"{prefix}/search?q=2606.00101".encode(), with_host(host))),
            await ask(app, Sent("GET", f"{prefix}/static/{static}".encode(), with_host(host))),
            await ask(app, Sent("GET", f"{prefix}/feed.json".encode(), with_host(host))),
            await ask(app, Sent("GET", f"{prefix}/archive/".encode(), with_host(host))),
            await ask(app, Sent("GET", f"{prefix}/nothing".encode(), with_host(host))),
            await ask(app, Sent("DELETE", f"{prefix}/".encode(), with_host(host))),
            await ask(app, Sent("GET", f"{prefix}/".encode(), with_host(EVIL))),
            await ask(app, Sent("POST", f"{prefix}/preview".encode(), with_host(host, (b"origin", b"null")))),
            await ask(app, Sent("POST", f"{prefix}/subscribe".encode(), with_host(host))),
            await ask(app, Sent("POST", f"{prefix}/preview".encode(), with_host(host), b"a" * 70_000)),
            await ask(app, Sent("POST", f"{prefix}/preview".encode(), with_host(host), b"a", is_cut=True)),
        ]

        async def fail(*_: object) -> None:
            raise ZeroDivisionError("oh")

        monkeypatch.setattr(type(site.newsletter.archive), "load_edition", fail)
        failed = await ask(app, Sent("GET", f"{prefix}/2026-06-15".encode(), with_host(host)))
        await site.newsletter.database.close()
        monkeypatch.setattr(site.newsletter.subscribers, "load_many", _away)
        token = build_token(Purpose.LEAVE, 1, site.secret)
        away = await ask(app, Sent("GET", f"{prefix}/leave/{token}".encode(), with_host(host)))

    assert [got.status for got in answers] == [
        200,
        304,
        302,
        200,
        200,
        307,
        404,
        405,
        421,
        403,
        422,
        413,
        400,
    ]
    assert (failed.status, away.status) == (500, 503)
    assert "oh" not in re.sub("<[^>]*>", "", failed.text).split()
    for got in (*answers, failed, away):
        _check_headers(got, is_secure=secure)


async def _away(*_: object) -> None:
    raise StoreError("the database is away")


def test_no_template_and_no_style_sheet_has_script_or_style_of_its_own() -> None:
    folder = find_shipped("templates") / "web"
    templates = sorted(folder.glob("*.j2"))
    assert len(templates) > 15
    elements = r"<style|<iframe|<object|<embed|<base"
    attributes = r"\sstyle\s*=|\son[a-z]+\s*=|javascript:|http-equiv"
    inline = re.compile(rf"{elements}|{attributes}|\|\s*safe\b|autoescape|Markup", re.IGNORECASE)
    for file in templates:
        # What draws charts escapes all texts by itself (test_charts.py).
        text = re.sub(r"\{\{ draw_\w+\([\w.]+\) \| safe \}\}", "", file.read_text(encoding="utf-8"))
        assert not inline.search(text), (file.name, inline.search(text))
        for script in re.findall(r"<script[^>]*>.*?</script>", text, re.DOTALL):
            assert re.fullmatch(r'<script src="\{\{ static\(\'[a-z.]+\'\) \}\}" defer></script>', script)
    css = (folder / "style.css").read_text(encoding="utf-8")
    assert not re.search(r"@import|url\(|expression\(|https?:", css)
    js = (folder / "comfort.js").read_text(encoding="utf-8")
    assert not re.search(
        r"eval\(|innerHTML|outerHTML|insertAdjacentHTML|document\.write|new Function|https?:|localStorage", js
    )


async def test_the_cookie_of_the_operator_is_the_only_one(tmp_path: Path, small_url: str) -> None:
    url = "https://news.example.org"
    async with (
        opened_site(tmp_path, small_url, url=url, more=WITH_OPERATOR) as site,
        client_of(build_app(site), url) as client,
    ):
        reader = await load(site)
        pages = await crawl(client, site, *PUBLIC_STARTS, own_path(site, reader), leave_path(site, reader))
        pages["subscribed"] = await client.post("/subscribe", data=subscription(site, "new@readers.example"))
        pages["one click"] = await client.post(leave_path(site, reader))
        assert [address for address, page in pages.items() if "set-cookie" in page.headers] == []
        await client.post("/operate", data={"address": OPERATOR})
        ((_, _, link),) = await load_notices(site, Kind.LOGIN)
        answer = await client.post(link.removeprefix(url))

        cookies = answer.headers.get_list("set-cookie")
    assert len(cookies) == 1
    name, _, rest = cookies[0].partition("=")
    assert name == "__Host-operator"
    flags = {flag.strip().lower() for flag in rest.split(";")[1:]}
    assert {"httponly", "secure", "samesite=strict", "path=/"} <= flags
    assert not [flag for flag in flags if flag.startswith("domain")]


# --- what is public ---------------------------------------------------------------------------------------


async def test_public_pages_name_no_reader_and_load_nothing_from_elsewhere(staffed: Site) -> None:
    site = staffed
    await send_every_kind(site)
    reader = replace(
        make_subscriber("pamela.unmistakable@private.example", file_owned=False),
        name="Pamela Unmistakable",
        topics_json='["Octopus genomics"]',
    )
    await site.newsletter.subscribers.save([reader], NOW, "added", "198.51.100.0/24")
    database = site.newsletter.database
    addresses = set(await load_values(database, select(subscribers.c.address)))
    origins = set(await load_values(database, select(consents.c.origin).where(consents.c.origin != "")))
    columns = [column for column in entries.c if column.name.endswith("url")]
    papers = {urlsplit(link).netloc for row in await load_rows(database, select(*columns)) for link in row}
    async with client_of(build_app(site)) as client:
        pages = await crawl(client, site, *PUBLIC_STARTS)

    assert len(pages) > 60
    kinds = {urlsplit(address).path.split("/")[1] for address in pages}
    assert {
        "",
        "papers",
        "archive",
        "2026-06-16",
        "topics",
        "search",
        "subscribe",
        "feed.atom",
        "sitemap.xml",
        "static",
    } <= kinds
    assert not kinds & {"me", "leave", "confirm"}
    private = {
        *addresses,
        *origins,
        "pamela",
        "unmistakable",
        "octopus",
        "private.example",
        "readers.example",
    }
    assert len(addresses) > 8
    shown = {
        address: word
        for address, page in pages.items()
        for word in private
        if word.lower() in page.text.lower()
    }
    assert shown == {}
    in_html = [page for page in pages.values() if "text/html" in page.headers["content-type"]]
    assert [unsafe for page in in_html for unsafe in find_unsafe(page.text, URL, papers)] == []
    assert [page.url for page in pages.values() if "set-cookie" in page.headers] == []
    for page in pages.values():
        _check_headers(page, is_secure=False)


async def test_pages_of_one_person_are_kept_by_nobody(staffed: Site) -> None:
    site = staffed
    await send_every_kind(site)
    reader = await load(site)
    own = own_path(site, reader)
    confirms = [url.removeprefix(site.links.base) for _, _, url in await load_notices(site, Kind.CONFIRM)]
    async with client_of(build_app(site)) as client:
        client.headers.update(await log_in(site))
        for path in (
            own,
            f"{own}/sent",
            leave_path(site, reader),
            "/operate",
            *confirms,
            "/me/nobody",
            "/confirm/nothing",
        ):
            answer = await client.get(path)
            assert answer.headers["cache-control"] == "no-store", path
            assert answer.headers["x-robots-tag"] == "noindex", path
            assert "etag" not in answer.headers
        for path in (own, f"{own}/export", "/subscribe", f"{own}/pause", f"{own}/erase"):
            answer = await client.post(path, data=subscription(site, "new@readers.example"))
            assert answer.headers["cache-control"] == "no-store", path


# --- methods ----------------------------------------------------------------------------------------------


async def test_other_methods_than_those_of_a_page_are_refused(small: Site) -> None:
    app = build_app(small)
    reader = await load(small)
    before = await take_snapshot(small.newsletter.database)
    tokens = {"me": own_path(small, reader), "leave": leave_path(small, reader)}
    for path, methods in list_routes(small):
        assert methods <= {"GET", "HEAD", "POST"}
        part = path.split("/")[1]
        target = fill_path(path, token=tokens.get(part, "").rpartition("/")[2] or "a" * 27).encode()
        for method in {
            "GET",
            "HEAD",
            "POST",
            "PUT",
            "PATCH",
            "DELETE",
            "OPTIONS",
            "TRACE",
            "CONNECT",
            "PROPFIND",
            "post",
        } - methods:
            got = await ask(app, Sent(method, target, with_host(HOST)))
            assert got.status == 405, (method, path)
            assert set(got.headers["allow"].replace(" ", "").split(",")) <= {"GET", "HEAD", "POST"}
            for header in (b"x-http-method-override", b"x-method-override", b"x-http-method"):
                got = await ask(app, Sent(method, target, with_host(HOST, (header, b"POST"))))
                assert got.status == 405
        if "GET" in methods:
            head, get = [await ask(app, Sent(method, target, with_host(HOST))) for method in ("HEAD", "GET")]
            assert head.status == get.status
    assert await take_snapshot(small.newsletter.database) == before


def _without_tokens(got: Got) -> tuple[object, ...]:
    return got.status, re.sub('value="[a-z2-7]{27,39}"', "", got.text), got.headers.get("location")

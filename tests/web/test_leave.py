from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest

from newsletter.model.ledger import Kind
from newsletter.model.readers import Consent
from newsletter.signing import Purpose, Secret, build_token
from newsletter.web.app import build_app
from newsletter.web.site import Site
from tests.support.builders import make_cadence
from tests.support.clock import SetClock
from tests.support.website import NOW, client_of
from tests.web.readers import given_other, leave_path, load, load_consents, load_notices, main_of, own_path
from tests.web.snapshot import take_snapshot

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
BOUNDARY = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'


async def test_looking_changes_nothing(site: Site, client: httpx2.AsyncClient) -> None:
    reader = await load(site)
    before = await take_snapshot(site.newsletter.database)

    shown = await client.get(leave_path(site, reader))
    head = await client.head(leave_path(site, reader))

    assert (shown.status_code, head.status_code) == (200, 200)
    assert "<button" in shown.text
    assert await take_snapshot(site.newsletter.database) == before


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"),
        (BOUNDARY, "multipart/form-data; boundary=x"),
        (b"", ""),
        (b"List-Unsubscribe=One-Click", "text/plain"),
        (b"\xff\x00--", "multipart/form-data; boundary=x"),
    ],
    ids=["urlencoded", "multipart", "no body", "no form", "a broken body"],
)
async def test_one_click_leaves_and_is_answered_directly(
    site: Site, client: httpx2.AsyncClient, body: bytes, kind: str
) -> None:
    reader = await load(site)
    headers = {"content-type": kind} if kind else {}

    # A mail provider says nothing of where it comes from, or something of its own.
    answer = await client.post(
        leave_path(site, reader), content=body, headers={**headers, "origin": "https://mail.example.com"}
    )

    assert answer.status_code == 200
    assert not {"location", "set-cookie"} & set(answer.headers)
    assert (await load(site)).consent is Consent.LEFT
    assert (await load_consents(site, reader))[-1] == ("left", "unsubscribed with one click", "127.0.0.0/24")
    assert await load_notices(site, Kind.GOODBYE) == []


async def test_one_click_again_changes_nothing(site: Site, client: httpx2.AsyncClient) -> None:
    reader = await load(site)
    first = await client.post(leave_path(site, reader), data=ONE_CLICK)
    before = await take_snapshot(site.newsletter.database)

    second = await client.post(leave_path(site, reader), data=ONE_CLICK)

    assert (second.status_code, second.text) == (first.status_code, first.text)
    assert await take_snapshot(site.newsletter.database) == before


async def test_forged_tokens_are_answered_like_true_ones(site: Site, client: httpx2.AsyncClient) -> None:
    reader = await load(site)
    true = leave_path(site, reader)
    other = await given_other(site)
    token = true.removeprefix("/leave/")
    forged = [
        token[:-1],
        token.upper(),
        token[:-1] + ("a" if token[-1] != "a" else "b"),
        token + "a",
        build_token(Purpose.LEAVE, reader.id, Secret(b"another secret")),
        build_token(Purpose.LEAVE, 999_999, site.secret),
        build_token(Purpose.PREFERENCES, reader.id, site.secret, reader.address),
        build_token(Purpose.CONFIRM, reader.id, site.secret),
        leave_path(site, other).removeprefix("/leave/")[:1] + token[1:],
        "%00",
        "x" * 5000,
    ]
    before = await take_snapshot(site.newsletter.database)

    answers = [await client.post(f"/leave/{wrong}", data=ONE_CLICK) for wrong in forged]

    assert await take_snapshot(site.newsletter.database) == before
    truth = await client.post(true, data=ONE_CLICK)
    for answer in answers:
        assert (answer.status_code, answer.text) == (truth.status_code, truth.text)
        assert dict(answer.headers) == dict(truth.headers)


async def test_forged_link_says_so_to_a_person(site: Site, client: httpx2.AsyncClient) -> None:
    for answer in (
        await client.get("/leave/abc"),
        await client.post("/leave/abc", data={"do": "leave"}),
        await client.post("/leave/abc", data={"do": "back"}),
    ):
        assert answer.status_code == 404
        assert "is not valid" in answer.text


async def test_leaving_on_the_page_says_goodbye_there_and_by_mail(
    site: Site, client: httpx2.AsyncClient
) -> None:
    reader = await load(site)

    answer = await client.post(leave_path(site, reader), data={"do": "leave"})
    await client.post(leave_path(site, reader), data={"do": "leave"})

    assert answer.status_code == 200
    assert "You are unsubscribed" in answer.text
    for wish in ("fewer", "pause-2", "pause-4", "back"):
        assert f'value="{wish}"' in answer.text
    assert (await load(site)).consent is Consent.LEFT
    assert [record[:2] for record in await load_consents(site, reader)] == [
        ("confirmed", "added"),
        ("left", "unsubscribed on the web page"),
    ]
    ((address, subject, url),) = await load_notices(site, Kind.GOODBYE)
    assert (address, subject) == (reader.address, "Goodbye from Trending Papers")
    assert url == site.links.base + own_path(site, reader)


@pytest.mark.parametrize(
    ("wish", "consent", "days", "says"),
    [
        ("back", Consent.CONFIRMED, frozenset(range(7)), "Welcome back"),
        ("fewer", Consent.CONFIRMED, frozenset({4}), "every Friday at 07:00"),
        ("pause-2", Consent.PAUSED, frozenset(range(7)), "1 July 2026"),
        ("pause-4", Consent.PAUSED, frozenset(range(7)), "15 July 2026"),
    ],
)
async def test_goodbye_can_be_taken_back(
    site: Site, client: httpx2.AsyncClient, wish: str, consent: Consent, days: frozenset[int], says: str
) -> None:
    path = leave_path(site, await load(site))
    await client.post(path, data={"do": "leave"})

    answer = await client.post(path, data={"do": wish})

    reader = await load(site)
    assert (reader.consent, reader.cadence.days) == (consent, days)
    assert reader.file_owned == (wish != "fewer")  # which alone chooses other preferences
    assert says in answer.text
    assert reader.next_due_at is not None
    assert reader.next_due_at > NOW
    assert (reader.wake_at is not None) == (consent is Consent.PAUSED)
    assert len(await load_notices(site, Kind.CHANGED)) == 1


async def test_nobody_is_brought_back_by_an_old_mail(site: Site) -> None:
    clock = SetClock(NOW)
    site = replace(site, newsletter=replace(site.newsletter, clock=clock))
    path = leave_path(site, await load(site))
    async with client_of(build_app(site)) as client:
        await client.post(path, data=ONE_CLICK)
        clock.at += timedelta(days=2)
        before = await take_snapshot(site.newsletter.database)

        shown = [await client.get(path)]
        shown += [
            await client.post(path, data={"do": wish}) for wish in ("back", "fewer", "pause-2", "leave")
        ]

    assert await take_snapshot(site.newsletter.database) == before
    for answer in shown:
        assert answer.status_code == 200
        assert "<form" not in main_of(answer.text)


async def test_leave_link_changes_nothing_of_who_has_not_left(site: Site, client: httpx2.AsyncClient) -> None:
    reader = await load(site)
    before = await take_snapshot(site.newsletter.database)

    for wish in ("back", "fewer", "pause-2", "nonsense", ""):
        await client.post(leave_path(site, reader), data={"do": wish})

    assert await take_snapshot(site.newsletter.database) == before


async def test_weekly_readers_are_not_offered_fewer(site: Site, client: httpx2.AsyncClient) -> None:
    reader = await given_other(site, cadence=make_cadence(days=frozenset({2})))

    answer = await client.post(leave_path(site, reader), data={"do": "leave"})

    assert 'value="back"' in answer.text
    assert 'value="fewer"' not in answer.text
    await client.post(leave_path(site, reader), data={"do": "fewer"})
    assert (await load(site, reader.address)).consent is Consent.LEFT


async def test_page_shows_nothing_of_the_reader(site: Site, client: httpx2.AsyncClient) -> None:
    reader = await load(site)
    path = leave_path(site, reader)

    texts = [(await client.get(path)).text]
    texts += [(await client.post(path, data={"do": wish})).text for wish in ("leave", "back", "leave")]

    for text in texts:
        assert reader.address not in text
        assert "/me/" not in text


async def test_leave_link_outlives_a_change_of_address(site: Site, client: httpx2.AsyncClient) -> None:
    reader = await load(site)
    moved = replace(reader, address="ada@elsewhere.example.org")  # type: ignore[arg-type]
    await site.newsletter.subscribers.save([moved], NOW, "moved")

    await client.post(leave_path(site, reader), data=ONE_CLICK)

    assert (await load(site, moved.address)).consent is Consent.LEFT


async def test_pages_of_leaving_are_neither_kept_nor_listed(site: Site, client: httpx2.AsyncClient) -> None:
    path = leave_path(site, await load(site))
    for answer in (
        await client.get(path),
        await client.post(path, data={"do": "leave"}),
        await client.post(path, data={"do": "back"}),
        await client.post(path, data=ONE_CLICK),
    ):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-robots-tag"] == "noindex"

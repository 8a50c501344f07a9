"""The commands about one reader: what they change, what they refuse, and who is told."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from newsletter.cli import ledger, lists, people, reporting
from newsletter.cli.exit_codes import DONE
from newsletter.errors import ConfigError
from newsletter.model.ledger import DeliveryFilter, Kind
from newsletter.model.readers import Consent, EmailAddress, Subscriber
from newsletter.settings.config import Config
from newsletter.storage.suppressions import suppress
from newsletter.wiring import open_newsletter
from tests.support.builders import at, make_subscriber
from tests.support.given import put_readers
from tests.support.website import NOW, READER, write_config

ASKED, GONE = "asked@example.org", "gone@example.org"
UNWANTED = "unwanted@example.org"
"""An address that is suppressed, of nobody we know."""
Say = Callable[[Config], Awaitable[int]]


@pytest.fixture
async def config(tmp_path: Path, migrated_sqlite: Path) -> Config:
    """A newsletter with READER, of whom the file decides, somebody who was asked, and one whose address bounced."""
    file = tmp_path / "newsletter.db"
    shutil.copy(migrated_sqlite, file)
    config = write_config(tmp_path, f"sqlite:///{file}")
    async with open_newsletter(config) as newsletter:
        await put_readers(
            newsletter.database,
            make_subscriber(READER, next_due_at=at("2031-06-18 07:00")),
            make_subscriber(ASKED, consent=Consent.UNCONFIRMED, file_owned=False),
            make_subscriber(GONE, next_due_at=at("2031-06-18 07:00")),
        )
        for address in (GONE, UNWANTED):
            await newsletter.database.write(partial(suppress, address=address, reason="bounced", now=NOW))
    return config


async def load(config: Config, address: str = READER) -> Subscriber:
    async with open_newsletter(config) as newsletter:
        reader = await newsletter.subscribers.load(EmailAddress(address))
    assert reader is not None
    return reader


async def list_mails(config: Config) -> list[tuple[str, str]]:
    """To whom mails that are no digests are queued, and of what kind."""
    async with open_newsletter(config) as newsletter:
        kinds = (Kind.CHANGED, Kind.GOODBYE, Kind.CONFIRM)
        found = [
            row for kind in kinds for row in await newsletter.ledger.reads.find(DeliveryFilter(kind=kind))
        ]
    return [(address, str(delivery.kind)) for delivery, address in found]


async def test_a_pause_and_its_end_leave_the_preferences_to_the_file_and_are_told(config: Config) -> None:
    assert await people.pause(config, READER, "") == DONE
    paused = await load(config)
    assert (paused.consent, paused.file_owned, paused.paused_by_file) == (Consent.PAUSED, True, False)

    assert await people.restore(config, READER, "is back") == DONE

    back = await load(config)
    assert (back.consent, back.file_owned) == (Consent.CONFIRMED, True)
    assert await list_mails(config) == [(READER, "changed")] * 2


async def test_who_is_removed_gets_a_goodbye_and_stays_left(config: Config) -> None:
    assert await people.remove(config, READER) == DONE
    assert await list_mails(config) == [(READER, "goodbye")]

    for until in ("", "2031-01-01"):
        with pytest.raises(ConfigError, match="has unsubscribed"):
            await people.pause(config, READER, until)
    assert (await load(config)).consent is Consent.LEFT

    await people.restore(config, READER, "asked for it")
    assert (await load(config)).consent is Consent.CONFIRMED


@pytest.mark.parametrize("has_left", [False, True])
@pytest.mark.parametrize(
    "command",
    [
        lambda config: people.pause(config, ASKED, ""),
        lambda config: people.pause(config, ASKED, "2031-01-01"),
        lambda config: people.restore(config, ASKED, "asked"),
    ],
    ids=["pause", "pause until", "restore"],
)
async def test_no_command_confirms_who_never_did(config: Config, command: Say, has_left: bool) -> None:
    if has_left:
        await people.remove(config, ASKED)
    before = await load(config, ASKED)

    with pytest.raises(ConfigError, match="has never confirmed"):
        await command(config)

    assert await load(config, ASKED) == before
    assert await people.add(config, {"address": ASKED}, ["RAG"])  # is refused
    assert await load(config, ASKED) == before
    assert await list_mails(config) == []


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ({}, ("", "", None)),
        ({"language": "de", "layout": "compact", "pictures": "on"}, ("de", "compact", True)),
        ({"pictures": "off"}, ("", "", False)),
    ],
)
async def test_add_takes_how_the_mails_of_somebody_new_look(
    config: Config, typed: dict[str, str], expected: tuple[str, str, bool | None]
) -> None:
    assert await people.add(config, {"address": "new@example.org", **typed}, ["RAG"]) == DONE

    added = await load(config, "new@example.org")
    assert (added.language, added.layout, added.pictures) == expected


@pytest.mark.parametrize("field", ["language", "layout", "pictures"])
async def test_add_names_the_option_that_is_wrong(config: Config, field: str) -> None:
    with pytest.raises(ConfigError, match=f"--{field}"):
        await people.add(config, {"address": "new@example.org", field: "nonsense"}, ["RAG"])


@pytest.mark.parametrize(
    ("address", "end", "says"),
    [
        (GONE, lambda config: lists.erase(config, GONE), "is suppressed"),
        (ASKED, lambda config: people.remove(config, ASKED), "has never confirmed"),
        (READER, lambda config: people.remove(config, READER), "has unsubscribed"),
        (READER, lambda config: people.pause(config, READER, ""), "is already known"),
        (UNWANTED, None, "is suppressed"),
    ],
)
async def test_add_brings_nobody_back_and_promises_no_digest_that_is_not_sent(
    config: Config, capsys: pytest.CaptureFixture[str], address: str, end: Say | None, says: str
) -> None:
    if end is not None:
        await end(config)
    capsys.readouterr()

    refused = await people.add(config, {"address": address}, ["RAG"])

    assert refused
    shown = " ".join(capsys.readouterr().out.split())
    assert says in shown
    assert "next digest" not in shown


async def test_the_end_of_a_suppression_is_no_promise_to_who_has_left(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    await people.pause(config, GONE, "2031-01-01")
    assert "next digest" not in capsys.readouterr().out
    await people.remove(config, GONE)

    assert await lists.lift(config, GONE, "the mailbox is back") == DONE

    assert "no longer suppressed, but left" in " ".join(capsys.readouterr().out.split())
    assert (await load(config, GONE)).consent is Consent.LEFT


async def test_a_next_digest_is_shown_of_those_only_who_get_one(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    async def show() -> str:
        capsys.readouterr()
        await people.list_page(config, "", 50)
        await reporting.status(config, readers=True, editions=1, limit=50)
        for address in (READER, ASKED, GONE):
            await ledger.explain_reader(config, address, "")
        return capsys.readouterr().out

    assert {line.split()[0].strip(":") for line in (await show()).splitlines() if "2031-06-18" in line} == {
        READER
    }

    await people.pause(config, READER, "2032-02-03")
    shown = await show()
    assert shown.count("paused until 3 Feb 2032") == 3

    await people.remove(config, READER)
    assert "2031-" not in await show()
    assert "2032-" not in await show()


async def test_a_move_says_what_follows_and_who_decides_about_the_preferences(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    async def said(work: Awaitable[int]) -> str:
        capsys.readouterr()
        assert await work == DONE
        return " ".join(capsys.readouterr().out.split())

    paused = await said(people.pause(config, READER, ""))
    assert paused.startswith(f"{READER} is paused until 'newsletter subscribers restore'. A mail tells them.")
    assert "still those of their row in subscribers.yaml" in paused
    assert f"{READER} is mailed again; next digest 20" in await said(people.restore(config, READER, "asked"))
    gone = await said(people.remove(config, READER))
    assert f"{READER} has left and gets no digest; 'newsletter subscribers restore' takes them back" in gone
    assert "does not bring them back" in gone
    again = await said(people.remove(config, READER))
    assert "It was so before; nothing has changed." in again
    assert "A mail tells them" not in again


async def test_who_is_not_mailed_has_no_next_digest_anywhere(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    """Left, paused or suppressed: next_due_at may stand in a row, but nothing comes of it."""
    assert await people.pause(config, READER, "") == DONE
    capsys.readouterr()

    await people.list_page(config, "", 50)
    await reporting.status(config, readers=True, editions=7, limit=50)
    for address in (READER, GONE, ASKED):
        await ledger.explain_reader(config, address, "")
    shown = capsys.readouterr().out

    assert "2031-06-18" not in shown

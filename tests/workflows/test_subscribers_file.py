"""The operator's file beside a store with very many readers: it is read when it has changed, and nobody is loaded whom
it does not concern."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, event

from newsletter.errors import ConfigError
from newsletter.model.readers import Consent, EmailAddress
from newsletter.storage.subscriptions import read_subscriber
from tests.support.builders import make_subscriber
from tests.support.office import EVE, Office

OTHERS = 300


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of the readers that are loaded meanwhile."""
    found: list[str] = []

    def note(row: object) -> object:
        reader = read_subscriber(row)  # type: ignore[arg-type]
        found.append(reader.address)
        return reader

    monkeypatch.setattr("newsletter.storage.subscribers.read_subscriber", note)
    return found


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """What is executed meanwhile."""
    found: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield found
    event.remove(Engine, "before_cursor_execute", note)


async def add_others(office: Office) -> None:
    others = [make_subscriber(f"other{number}@example.org", file_owned=False) for number in range(OTHERS)]
    await office.newsletter.subscribers.save(others, EVE, "added")


async def test_only_readers_whom_the_file_owns_or_names_are_loaded(office: Office, loaded: list[str]) -> None:
    await office.join("a@example.org", "b@example.org")
    await add_others(office)
    loaded.clear()

    await office.join("A@example.org", "other7@example.org", "new@example.org", topics="[agents]")

    assert set(loaded) == {"a@example.org", "b@example.org", "other7@example.org"}
    b = await office.newsletter.subscribers.load(EmailAddress("b@example.org"))
    assert b is not None
    assert b.consent is Consent.PAUSED


async def test_a_file_that_has_not_changed_costs_the_clock_no_statement(
    office: Office, statements: list[str]
) -> None:
    file = office.newsletter.file
    office.write_subscribers("a@example.org")
    await file.take_over_and_log()
    statements.clear()

    await file.take_over_and_log()
    assert not statements

    office.write_subscribers("a@example.org", "b@example.org")
    await file.take_over_and_log()
    assert await office.newsletter.subscribers.load(EmailAddress("b@example.org"))


async def test_a_file_that_was_wrong_is_told_at_each_tick(office: Office) -> None:
    file = office.newsletter.file
    office.write_subscribers("no address")

    for _ in range(2):
        with pytest.raises(ConfigError):
            await file.take_over_and_log()

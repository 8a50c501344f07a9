"""What the command status asks of a ledger, by its size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from newsletter.cli import reporting
from tests.support.office import IN_MEMORY, MORNING, opened_office


@pytest.mark.parametrize(("most", "expected"), [(2, []), (1, ["found an hour ago"])])
async def test_of_large_editions_what_upkeep_has_found_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, expected: list[str]
) -> None:
    monkeypatch.setattr(reporting, "_CHECKED_AT_ONCE", most)
    async with opened_office(tmp_path, IN_MEMORY) as office:
        await office.join("ada@example.org", "bob@example.org")
        office.clock.at = MORNING
        await office.collect()
        await office.send()
        await office.newsletter.settings.save_contradictions(["found an hour ago"])
        health = await office.newsletter.load_health()
        statements: list[str] = []

        def note(*given: Any) -> None:
            statements.append(given[2])

        event.listen(Engine, "before_cursor_execute", note)
        found = await reporting._find_contradictions(office.newsletter, health)
        event.remove(Engine, "before_cursor_execute", note)

    assert list(found) == expected
    assert bool(statements) is (expected == [])

"""Planning for very many readers: each is loaded once, some at a time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, event

from newsletter.workflows import plan
from newsletter.workflows.plan import PlanReport
from tests.support.builders import make_subscriber
from tests.support.office import EVE, MORNING, Office


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """What is executed meanwhile."""
    found: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield found
    event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize("readers", [0, 1, 10, 95])
async def test_each_reader_is_loaded_and_planned_once(
    office: Office, statements: list[str], monkeypatch: pytest.MonkeyPatch, readers: int
) -> None:
    monkeypatch.setattr(plan, "_BATCH", 10)
    people = [
        make_subscriber(f"reader{number}@example.org", next_due_at=MORNING) for number in range(readers)
    ]
    await office.newsletter.subscribers.save(people, EVE, "added")
    office.clock.at = MORNING
    statements.clear()

    report = await office.newsletter.planner.plan_due()

    batches = -(-readers // 10)
    loads = [one for one in statements if "local_time" in one]
    assert report == PlanReport(planned=readers)
    assert len(loads) == batches + 1
    assert len(statements) <= 2 + 20 * batches

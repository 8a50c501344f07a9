"""When failures are enough, on both engines."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import pytest

from newsletter.model.mail import Weight
from newsletter.model.readers import EmailAddress
from newsletter.model.reports import StrikePolicy
from newsletter.storage import Database, SubscriberStore
from newsletter.storage.suppressions import weigh_failure
from tests.support.given import NOW

ADA = EmailAddress("ada@example.org")


async def fail(
    database: Database,
    day: int,
    weight: Weight = Weight.STRIKE,
    policy: StrikePolicy = StrikePolicy(),  # noqa: B008
) -> bool:
    """Let a mail to ada fail on this day; return whether that is enough."""
    now = NOW + timedelta(days=day)
    return await database.write(
        lambda connection: weigh_failure(connection, ADA, weight, "550 no", None, policy, now)
    )


async def test_strikes_of_different_days_within_a_time_are_enough(database: Database) -> None:
    assert [await fail(database, day) for day in (0, 0, 0, 1, 2, 3)] == [False] * 6
    assert await fail(database, 4)
    assert await SubscriberStore(database).load_suppressed([ADA])


async def test_strikes_that_are_long_ago_do_not_count(database: Database) -> None:
    assert not any([await fail(database, day) for day in (0, 10, 20, 31, 42, 53, 64)])


async def test_the_operator_says_how_many_and_how_long(database: Database) -> None:
    policy = StrikePolicy(strikes=2, within=timedelta(days=3))

    assert not await fail(database, 0, policy=policy)
    assert not await fail(database, 5, policy=policy)
    assert await fail(database, 6, policy=policy)


@pytest.mark.parametrize(("hard", "enough"), [("suppress", True), ("strike", False)])
async def test_a_mailbox_that_is_gone_is_enough_unless_the_operator_says_no(
    database: Database, hard: Literal["suppress", "strike"], enough: bool
) -> None:
    assert await fail(database, 0, Weight.GONE, StrikePolicy(hard=hard)) is enough


async def test_what_weighs_nothing_never_counts(database: Database) -> None:
    assert not any([await fail(database, day, Weight.NONE) for day in range(40)])


async def test_who_is_lifted_begins_anew(database: Database) -> None:
    for day in range(5):
        await fail(database, day)
    assert await SubscriberStore(database).lift_suppression(ADA, "they say it works", NOW)

    assert not await fail(database, 5)

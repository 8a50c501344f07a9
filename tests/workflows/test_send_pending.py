from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta

from newsletter.address import parse_address
from newsletter.model.ledger import Kind, OnUncertain, QuietDay, State
from newsletter.settings.config import ScheduleSettings
from newsletter.wiring import Newsletter
from tests.support.builders import at
from tests.support.office import MORNING, Office
from tests.support.papers import make_day


def papers(content: bytes) -> set[str]:
    return set(re.findall(r"papers/(\d{4}\.\d{5})", content.replace(b"=\r\n", b"").decode()))


async def test_each_reader_gets_one_mail_and_a_second_run_sends_nothing(office: Office) -> None:
    await office.join("ada@example.org", "bob@example.org")
    office.clock.at = MORNING
    await office.collect()

    first = await office.send()
    second = await office.send()

    assert first.states[State.ACCEPTED] == 2
    assert not second.failed
    assert sorted(message.rcpt_to for message in office.sink.messages) == [
        "ada@example.org",
        "bob@example.org",
    ]


async def test_a_paper_that_is_listed_late_comes_in_the_next_digest_once(office: Office) -> None:
    await office.join("ada@example.org")
    office.clock.at = MORNING
    await office.collect()
    await office.send()
    office.clock.at = MORNING + timedelta(hours=12)
    office.write_day(make_day(10))
    await office.collect()

    office.clock.at = MORNING + timedelta(days=1)
    await office.send()
    office.clock.at = MORNING + timedelta(days=2)
    await office.send()

    early, late = (papers(message.content) for message in office.sink.messages)
    assert early == {"2606.00002", "2606.00004", "2606.00006", "2606.00008"}
    assert late == {"2606.00010"}
    assert (await office.states("2026-06-18")) == {"ada@example.org": State.EMPTY}


async def test_a_deferred_mail_is_tried_again_with_the_same_bytes(office: Office) -> None:
    await office.join("data451-ada@example.org", "bob@example.org")
    office.clock.at = MORNING
    await office.collect()

    report = await office.send()

    assert report.failed
    row = (await office.rows())["data451-ada@example.org"]
    assert (row.state, row.attempt) == (State.DEFERRED, 1)
    assert row.last_reply.startswith("451")
    assert row.snapshot is not None
    assert row.next_attempt_at is not None
    assert row.next_attempt_at > office.clock.at
    # Votes have moved since, and so has the clock: what was frozen goes out all the same.
    office.write_day(make_day(12))
    await office.collect()
    office.clock.at = row.next_attempt_at
    await office.send()
    again = (await office.rows())["data451-ada@example.org"]
    assert again.attempt == 2
    assert again.snapshot is not None
    assert again.snapshot.content_hash == row.snapshot.content_hash


async def test_a_mail_that_stays_deferred_gives_its_papers_to_the_next_digest(office: Office) -> None:
    await office.join("grey451-ada@example.org")
    office.clock.at = MORNING
    await office.collect()
    await office.send()

    office.clock.at = MORNING + timedelta(days=1)
    await office.send()

    assert await office.states("2026-06-16") == {"grey451-ada@example.org": State.EXPIRED}
    assert await office.states("2026-06-17") == {"grey451-ada@example.org": State.ACCEPTED}
    assert len(papers(office.sink.messages[0].content)) == 4


async def test_a_refused_mail_is_not_tried_again_and_an_unknown_address_is_suppressed(office: Office) -> None:
    await office.join("rcpt550-ada@example.org")
    office.clock.at = MORNING
    await office.collect()
    await office.send()

    office.clock.at = MORNING + timedelta(days=1)
    await office.send()

    assert await office.states("2026-06-16") == {"rcpt550-ada@example.org": State.REJECTED}
    assert await office.states("2026-06-17") == {"rcpt550-ada@example.org": State.SUPPRESSED}
    assert office.sink.messages == []


async def test_silence_after_the_dot_is_uncertain_and_sent_once_more_under_the_same_name(
    office: Office,
) -> None:
    await office.join("dropafterdot-ada@example.org")
    office.clock.at = MORNING
    await office.collect()

    await office.send()
    await office.send()

    row = (await office.rows())["dropafterdot-ada@example.org"]
    assert row.state is State.UNCERTAIN
    assert row.uncertain_at == MORNING
    assert row.resends == 1
    first, second = office.sink.messages
    assert first.content == second.content


async def test_hold_leaves_an_uncertain_mail_alone(office: Office) -> None:
    await office.join("dropafterdot-ada@example.org")
    office.clock.at = MORNING
    await office.collect()
    settings = office.newsletter.config.schedule.model_copy(
        update={"on_uncertain": dict.fromkeys(Kind, OnUncertain.HOLD)}
    )
    office.newsletter = _with_schedule(office, settings)

    await office.send()
    await office.send()

    assert await office.states() == {"dropafterdot-ada@example.org": State.UNCERTAIN}
    assert len(office.sink.messages) == 1


async def test_a_quiet_day_is_a_short_note_where_the_operator_wants_one(office: Office) -> None:
    await office.join("ada@example.org")
    settings = office.newsletter.config.schedule.model_copy(update={"quiet_day": QuietDay.NOTE})
    office.newsletter = _with_schedule(office, settings)
    office.clock.at = MORNING

    await office.send()
    await office.send()

    assert await office.states() == {"ada@example.org": State.ACCEPTED}
    (message,) = office.sink.messages
    assert b"Nothing new matched your topics this time." in message.content


def _with_schedule(office: Office, settings: ScheduleSettings) -> Newsletter:
    return replace(
        office.newsletter, config=office.newsletter.config.model_copy(update={"schedule": settings})
    )


async def test_who_has_left_between_planning_and_sending_gets_nothing(office: Office) -> None:
    await office.join("ada@example.org")
    office.clock.at = MORNING
    await office.collect()
    store = office.newsletter.subscribers
    await office.newsletter.planner.plan_due()
    reader = await store.load(parse_address("ada@example.org"))
    assert reader is not None
    await (await office.newsletter.subscriptions()).leave(reader.id, "by link", is_told=False)

    await office.send()

    assert await office.states() == {"ada@example.org": State.SUPPRESSED}
    assert office.sink.messages == []


async def test_a_stop_lets_the_rest_wait(office: Office) -> None:
    await office.join(*(f"reader{number}@example.org" for number in range(5)))
    office.clock.at = MORNING
    await office.collect()
    stop = asyncio.Event()
    stop.set()

    await office.send(stop)

    assert set((await office.states()).values()) == {State.QUEUED}
    await office.send()
    assert set((await office.states()).values()) == {State.ACCEPTED}


async def test_a_window_of_an_outage_is_made_good_with_one_digest(office: Office) -> None:
    await office.join("ada@example.org")
    office.clock.at = MORNING
    await office.collect()

    office.clock.at = at("2026-06-18 09:00")
    await office.send()

    assert len(office.sink.messages) == 1
    assert await office.states("2026-06-16") == {"ada@example.org": State.SKIPPED}
    assert await office.states("2026-06-17") == {"ada@example.org": State.SKIPPED}
    assert await office.states("2026-06-18") == {"ada@example.org": State.ACCEPTED}
    assert len(papers(office.sink.messages[0].content)) == 4

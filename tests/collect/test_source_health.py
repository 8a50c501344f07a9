from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from newsletter.collect.kind import SourceKind
from newsletter.collect.registry import KINDS
from newsletter.collect.source_health import (
    LookFacts,
    choose_conditions,
    choose_health,
    choose_location,
    choose_move,
    choose_state,
)
from newsletter.model.sources import FetchState, PermanentRedirect, SourceHealth, Validators
from tests.support.builders import at

SATURDAY, MONDAY = date(2026, 6, 20), date(2026, 6, 22)
NOW = at("2026-06-22 18:00")
EVERY = timedelta(minutes=30)
HF, FEED = KINDS["hf_daily_papers"], KINDS["feed"]
BATCHES = SourceKind(
    "batches", FEED.parse, is_quiet=lambda day: day.weekday() >= 5, batch_due=lambda now: MONDAY
)


@pytest.mark.parametrize(
    ("kind", "look", "state"),
    [
        (HF, LookFacts(listed=8, answered=1, asked_on=[MONDAY]), FetchState.OK),
        (HF, LookFacts(listed=8, listed_before=9, answered=2, asked_on=[MONDAY]), FetchState.OK),
        (HF, LookFacts(listed_before=8, answered=2, asked_on=[MONDAY]), FetchState.UNCHANGED),
        (HF, LookFacts(failed=2, asked_on=[MONDAY]), FetchState.FAILED),
        (HF, LookFacts(listed=8, answered=1, failed=1, asked_on=[MONDAY]), FetchState.PARTIAL),
        (HF, LookFacts(listed_before=8, answered=1, failed=1, asked_on=[MONDAY]), FetchState.PARTIAL),
        (HF, LookFacts(answered=1, asked_on=[SATURDAY]), FetchState.EMPTY_AS_EXPECTED),
        (HF, LookFacts(answered=2, asked_on=[SATURDAY, MONDAY]), FetchState.EMPTY_UNEXPECTED),
        (HF, LookFacts(answered=1, asked_on=[MONDAY], has_listed=True), FetchState.EMPTY_UNEXPECTED),
        # an unchanged answer that was empty is still empty
        (HF, LookFacts(answered=1, listed_before=0, asked_on=[MONDAY]), FetchState.EMPTY_UNEXPECTED),
        (FEED, LookFacts(answered=1), FetchState.EMPTY_AS_EXPECTED),
        (FEED, LookFacts(answered=1, has_listed=True), FetchState.EMPTY_UNEXPECTED),
        (
            FEED,
            LookFacts(answered=1, has_listed=True, quiet_days=frozenset([0])),
            FetchState.EMPTY_AS_EXPECTED,
        ),
        # a search that has never found anything is probably misspelt
        (FEED, LookFacts(answered=1, found_none=True), FetchState.EMPTY_UNEXPECTED),
        (FEED, LookFacts(answered=1, found_none=True, has_listed=True), FetchState.EMPTY_AS_EXPECTED),
        (BATCHES, LookFacts(listed=9, answered=1, batch_on=MONDAY), FetchState.OK),
        (BATCHES, LookFacts(listed=9, answered=1, batch_on=date(2026, 6, 19)), FetchState.STALE),
        (BATCHES, LookFacts(listed_before=9, answered=1, batch_on=date(2026, 6, 19)), FetchState.STALE),
        (BATCHES, LookFacts(listed=9, answered=1, batch_on=MONDAY, is_repeated=True), FetchState.STALE),
        (BATCHES, LookFacts(answered=1, batch_on=MONDAY), FetchState.EMPTY_UNEXPECTED),
    ],
)
def test_the_end_of_a_look_has_a_name(kind: SourceKind, look: LookFacts, state: FetchState) -> None:
    assert choose_state(look, kind, NOW) is state


def health_after(
    failures: int, state: FetchState, retry_after_s: float | None = None, every: timedelta = EVERY
) -> SourceHealth:
    known = SourceHealth("hf", failures)
    return choose_health(known, state, retry_after_s=retry_after_s, why="answered 503", every=every, now=NOW)


def test_a_first_failure_waits_for_the_next_pass() -> None:
    assert health_after(0, FetchState.FAILED) == SourceHealth("hf", 1)


@pytest.mark.parametrize(
    ("failures", "least"),
    [(1, timedelta(hours=1)), (2, timedelta(hours=2)), (9, timedelta(days=1)), (500, timedelta(days=1))],
)
def test_each_further_failure_waits_twice_as_long_up_to_a_day(failures: int, least: timedelta) -> None:
    health = health_after(failures, FetchState.FAILED)

    assert health.failures == failures + 1
    assert health.not_before is not None
    assert least <= health.not_before - NOW <= least * 1.1
    assert health.why == f"failed {failures + 1} times in a row: answered 503"


@pytest.mark.parametrize(
    ("retry_after_s", "wait", "why"),
    [
        (None, timedelta(hours=6), "left alone for a while: answered 429"),
        (60.0, timedelta(hours=6), "left alone for a while: answered 429"),
        (36_000.0, timedelta(hours=10), "the source asked us to wait: answered 429"),
    ],
)
def test_a_source_of_which_something_else_was_read_rests_and_has_not_failed(
    retry_after_s: float | None, wait: timedelta, why: str
) -> None:
    assert choose_health(
        SourceHealth("arXiv", 2),
        FetchState.OK,
        retry_after_s=retry_after_s,
        rest=timedelta(hours=6),
        why="answered 429",
        every=EVERY,
        now=NOW,
    ) == SourceHealth("arXiv", 0, NOW + wait, why)


@pytest.mark.parametrize(
    ("state", "is_resting"),
    [
        (FetchState.OK, True),
        (FetchState.UNCHANGED, True),
        (FetchState.EMPTY_AS_EXPECTED, True),
        (FetchState.EMPTY_UNEXPECTED, True),
        (FetchState.PARTIAL, False),
        (FetchState.FAILED, False),
    ],
)
def test_only_a_look_at_which_nothing_failed_gives_rest(state: FetchState, is_resting: bool) -> None:
    health = choose_health(
        SourceHealth("x"), state, retry_after_s=None, rest=timedelta(hours=3), why="", every=EVERY, now=NOW
    )

    assert (health.not_before == NOW + timedelta(hours=3)) is is_resting
    assert health.why == ""


def test_sources_that_failed_together_do_not_come_back_together() -> None:
    returns = {
        choose_health(
            SourceHealth(name, 3), FetchState.FAILED, retry_after_s=None, why="", every=EVERY, now=NOW
        ).not_before
        for name in ("a", "b", "c", "d")
    }
    assert len(returns) == 4


@pytest.mark.parametrize("state", [FetchState.FAILED, FetchState.PARTIAL, FetchState.OK])
def test_a_source_that_asks_us_to_wait_is_not_asked_earlier(state: FetchState) -> None:
    health = health_after(0, state, retry_after_s=7200)

    assert health.not_before == NOW + timedelta(hours=2)
    assert health.why.startswith("the source asked us to wait")


def test_nobody_can_send_us_away_for_more_than_a_day() -> None:
    assert health_after(0, FetchState.FAILED, retry_after_s=1e12).not_before == NOW + timedelta(days=1)


@pytest.mark.parametrize("state", [FetchState.OK, FetchState.UNCHANGED, FetchState.PARTIAL, FetchState.STALE])
def test_an_answer_ends_the_waiting(state: FetchState) -> None:
    assert health_after(7, state) == SourceHealth("hf")


WHOLE = Validators('"7"', "Tue, 16 Jun 2026 08:00:00 GMT", "hash", listed=3)


@pytest.mark.parametrize(
    ("known", "is_conditional"),
    [
        (None, False),
        (replace(WHOLE, read_at=None), False),
        (replace(WHOLE, read_at=NOW), True),
        (replace(WHOLE, read_at=NOW - timedelta(days=1)), True),
        (replace(WHOLE, read_at=NOW - timedelta(days=6, hours=23)), True),
        (replace(WHOLE, read_at=NOW - timedelta(days=7)), False),
        (replace(WHOLE, read_at=NOW - timedelta(days=700)), False),
        (replace(WHOLE, read_at=NOW + timedelta(hours=1)), True),
        (Validators(etag='"7"', read_at=NOW), True),
        (Validators(etag='"7"', read_at=NOW - timedelta(days=8)), False),
        (Validators(last_modified="then", read_at=NOW), True),
        (Validators(last_modified="then", read_at=NOW - timedelta(days=8)), False),
        (Validators(content_hash="hash", read_at=NOW), False),
    ],
)
def test_whole_answer_is_asked_for_after_a_week_of_not_modified(
    known: Validators | None, is_conditional: bool
) -> None:
    asked_with = choose_conditions(known, NOW)

    assert bool(asked_with and (asked_with.etag or asked_with.last_modified)) is is_conditional
    assert (asked_with and asked_with.content_hash) == (known and known.content_hash)


OLD, TARGET = "https://old.example.org/feed", "https://new.example.org/feed"


def moved(days: int, target: str = TARGET) -> PermanentRedirect:
    return PermanentRedirect(OLD, target, NOW - timedelta(days=days))


@pytest.mark.parametrize(
    ("move", "asked"), [(None, OLD), (moved(6), OLD), (moved(7), TARGET), (moved(90), TARGET)]
)
def test_a_permanent_redirect_is_believed_after_a_week(move: PermanentRedirect | None, asked: str) -> None:
    assert choose_location(OLD, move, NOW) == asked


@pytest.mark.parametrize(
    ("move", "moved_to", "noted"),
    [
        (None, "", None),
        (None, TARGET, PermanentRedirect(OLD, TARGET, NOW)),
        (moved(3), TARGET, None),
        (moved(3), "https://third.example.org/", PermanentRedirect(OLD, "https://third.example.org/", NOW)),
        (moved(3), "", PermanentRedirect(OLD, "", NOW)),
        (moved(8), "", None),  # the new address itself was asked
        (moved(8), "https://third.example.org/", PermanentRedirect(OLD, "https://third.example.org/", NOW)),
    ],
)
def test_what_is_noted_of_a_redirect(
    move: PermanentRedirect | None, moved_to: str, noted: PermanentRedirect | None
) -> None:
    assert choose_move(OLD, move, moved_to, NOW) == noted


def test_states_use_the_day_of_utc() -> None:
    late: datetime = at("2026-06-20 23:30")

    assert choose_state(LookFacts(answered=1, has_listed=True), HF, late) is FetchState.EMPTY_AS_EXPECTED

"""How a look at a source ended, when it is asked next, and where: the rules, all pure.

A state means something only if its rules are plain, so here they are, the first that holds:

    failed             no request was answered as it should be
    partial            some requests were not
    stale              the source lists in batches, and the one that is due is not out, or is an earlier one again
    ok                 it lists something
    unchanged          every answer is as it was, and there was something in them
    empty-as-expected  nothing is listed, and each date asked for (today, where none was) is one on which it
                       lists nothing; or the feed is in order and has never listed anything; or a search that
                       found something before says that it finds nothing now
    empty-unexpected   nothing is listed although something should be
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from newsletter.collect.kind import SourceKind, never_quiet
from newsletter.model.sources import FetchState, PermanentRedirect, SourceHealth, Validators

GOOD_STATES = frozenset({FetchState.OK, FetchState.UNCHANGED, FetchState.EMPTY_AS_EXPECTED})
"""The states that need no operator."""

_LONGEST_WAIT = timedelta(days=1)
_MOVE_SETTLES = timedelta(days=7)
_NOT_MODIFIED_HOLDS = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class LookFacts:
    """What one look at one source came to.

    listed counts what the changed answers list or leave out, listed_before what stood in the unchanged ones.
    asked_on are the dates asked for. batch_on is the newest date that an answer gives itself, None without.
    found_none: the source itself says that there is nothing. is_repeated: an earlier batch under a new date.
    """

    listed: int = 0
    listed_before: int = 0
    answered: int = 0
    failed: int = 0
    asked_on: Sequence[date] = ()
    quiet_days: frozenset[int] = frozenset()
    batch_on: date | None = None
    found_none: bool = False
    has_listed: bool = False
    is_repeated: bool = False


def choose_state(look: LookFacts, kind: SourceKind, now: datetime) -> FetchState:
    """Name the end of one look at a source, by the rules at the top of this module."""
    if look.failed:
        return FetchState.PARTIAL if look.answered else FetchState.FAILED
    due = kind.batch_due(now)
    if look.is_repeated or (due is not None and look.batch_on is not None and look.batch_on < due):
        return FetchState.STALE
    if look.listed:
        return FetchState.OK
    if look.listed_before:
        return FetchState.UNCHANGED
    if all(kind.is_quiet(day) or day.weekday() in look.quiet_days for day in look.asked_on or [now.date()]):
        return FetchState.EMPTY_AS_EXPECTED
    if kind.is_quiet is never_quiet and look.found_none == look.has_listed:
        return FetchState.EMPTY_AS_EXPECTED
    return FetchState.EMPTY_UNEXPECTED


def choose_health(
    known: SourceHealth,
    state: FetchState,
    *,
    retry_after_s: float | None,
    rest: timedelta = timedelta(),
    why: str,
    every: timedelta,
    now: datetime,
) -> SourceHealth:
    """Decide when a source may be asked again after a look.

    A source that asks us to stay away is not asked before that time. One that fails again and again is asked
    after twice, four, eight times ``every``, a day at most, and up to a tenth later, so that sources that
    failed together do not come back together. rest is how long one is left alone after a look at
    which nothing failed.
    """
    failures = known.failures + 1 if state is FetchState.FAILED else 0
    wait = timedelta()
    if failures > 1:
        wait = min(every * 2 ** min(failures - 1, 16), _LONGEST_WAIT)
        wait *= 1 + zlib.crc32(f"{known.source}{failures}".encode()) % 1000 / 10_000
    if retry_after_s is not None:
        wait = max(wait, min(timedelta(seconds=retry_after_s), _LONGEST_WAIT))
    if state in (FetchState.FAILED, FetchState.PARTIAL):
        rest = timedelta()
    is_asked = retry_after_s is not None and wait >= rest
    wait = max(wait, rest)
    if not wait:
        return SourceHealth(known.source, failures)
    if is_asked:
        reason = "the source asked us to wait"
    elif failures:
        reason = f"failed {failures} times in a row"
    else:
        reason = "left alone for a while" if why else ""
    return SourceHealth(known.source, failures, now + wait, f"{reason}: {why}" if why else reason)


def choose_conditions(known: Validators | None, now: datetime) -> Validators | None:
    """Return what of the last answer a request may name, so that the server can say that nothing has changed.

    After a week in which the server has said nothing else, the whole answer is asked for once: some servers say so
    for ever. Its bytes are still compared, so that an equal one is not parsed.
    """
    if known is None or (known.read_at is not None and now - known.read_at < _NOT_MODIFIED_HOLDS):
        return known
    return replace(known, etag="", last_modified="")


def choose_location(location: str, move: PermanentRedirect | None, now: datetime) -> str:
    """Return where to ask: the location, or where it has permanently redirected to for a week."""
    return move.target if move and now - move.since >= _MOVE_SETTLES else location


def choose_move(
    location: str, move: PermanentRedirect | None, moved_to: str, now: datetime
) -> PermanentRedirect | None:
    """Return what to note of a location that has answered, None where nothing is new.

    A Move with an empty target says that the location answers itself again.
    """
    is_settled = choose_location(location, move, now) != location
    if moved_to and (move is None or move.target != moved_to):
        return PermanentRedirect(location, moved_to, now)
    if not moved_to and move is not None and not is_settled:
        return PermanentRedirect(location, "", now)
    return None

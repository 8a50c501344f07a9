"""Rounds of a fleet: workers on machines of their own, one of which is killed, frozen or cut off while all send. Pure:
a seed gives a round, facts give a verdict, results give a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

from tests.crash.ledger import Row
from tests.support.sink import Moment

READERS = 600
"""Three claims: each machine holds some."""
CONNECTIONS = 12


class Fault(StrEnum):
    KILLED = "killed"
    FROZEN = "frozen"
    CUT_OFF = "cut off"


class Away(StrEnum):
    """How long a machine is away. Another one has its seat after half a minute, and its mails after a whole one."""

    SHORTLY = "shortly"
    ABOUT_THE_LEASE = "for about a minute"
    TO_THE_END = "until the others have sent all"


_AWAY_S = {Away.SHORTLY: (0.2, 25.0), Away.ABOUT_THE_LEASE: (50.0, 80.0)}
_LONGEST_DELAY_MS = 15.0


@dataclass(frozen=True, slots=True)
class FleetRound:
    """The machine is hit when it brings its at_mail-th mail to this moment, delay_ms after it. It is away for away_s;
    None: until the others have sent all."""

    seed: int
    machines: int
    fault: Fault
    machine: int
    at_mail: int
    moment: Moment
    delay_ms: float
    away: Away
    away_s: float | None

    @property
    def cuts(self) -> bool:
        """Whether the relay hangs up there as well: what had not arrived by then never does."""
        return self.fault is Fault.KILLED and self.moment in (Moment.TEXT, Moment.DOT)


def build_fleet_round(seed: int, machines: int) -> FleetRound:
    """Return the round of a seed. Seeds take the faults in turn, and then the machines."""
    chance = Random(seed)
    away = chance.choice(list(Away))
    return FleetRound(
        seed=seed,
        machines=machines,
        fault=list(Fault)[seed % len(Fault)],
        machine=seed // len(Fault) % machines,
        at_mail=chance.randint(1, 120),
        moment=chance.choice(list(Moment)),
        delay_ms=chance.choice((0.0, chance.uniform(0, _LONGEST_DELAY_MS))),
        away=away,
        away_s=chance.uniform(*_AWAY_S[away]) if away in _AWAY_S else None,
    )


@dataclass(frozen=True, slots=True)
class FleetFacts:
    """What a round is judged by. copies: mails that the relay took, by reader. connections: how many the machine had
    open when it was hit, 0 where it was not. codes: exit codes of all workers that were not killed. settled_s: how long
    after the hit everything was sent. broken: what the check of the five promises says."""

    rows: tuple[Row, ...]
    copies: Mapping[str, int]
    connections: int
    codes: tuple[int | None, ...]
    open_at_most: int
    settled_s: float
    broken: str


@dataclass(frozen=True, slots=True)
class FleetResult:
    """One round in short; uncertain: how many mails were, and might have been as many as connections were open."""

    seed: int
    fault: str
    machine: int
    away: str
    when: str
    connections: int
    open_at_most: int
    uncertain: int
    lost: int
    silent: int
    flagged: int
    settled_s: float
    seconds: float
    problems: tuple[str, ...]

    @property
    def counts(self) -> bool:
        """Whether the machine was hit while it sent."""
        return self.connections > 0

    @property
    def words(self) -> str:
        """The round on a line."""
        hit = f"{self.uncertain} of {self.connections} uncertain" if self.counts else "not hit while it sent"
        return (
            f"machine {self.machine} {self.fault} {self.when}, away {self.away}: {hit},"
            f" {self.flagged} known copies, all sent after {self.settled_s:.0f} s"
        )


def build_fleet_result(round_: FleetRound, facts: FleetFacts, seconds: float) -> FleetResult:
    """Judge a round, and put it in short."""
    twice = {address for address, count in facts.copies.items() if count > 1}
    known = {row.address for row in facts.rows if row.was_uncertain}
    silent = (twice - known) | {address for address, count in facts.copies.items() if count > 2}
    lost = {row.address for row in facts.rows} - set(facts.copies)
    return FleetResult(
        **_name(round_),
        connections=facts.connections,
        open_at_most=facts.open_at_most,
        uncertain=len(known),
        lost=len(lost),
        silent=len(silent),
        flagged=len(twice & known - silent),
        settled_s=round(facts.settled_s, 1),
        seconds=round(seconds, 1),
        problems=tuple(_find_problems(facts, len(known), lost, silent)),
    )


def build_fleet_failure(round_: FleetRound, why: str, seconds: float) -> FleetResult:
    """Put a round that could not be played to its end in short: nobody knows its numbers, and it is a problem."""
    numbers: dict[str, Any] = dict.fromkeys(_NUMBERS, 0)
    return FleetResult(**_name(round_), **numbers, seconds=round(seconds, 1), problems=(why,))


_NUMBERS = ("connections", "open_at_most", "uncertain", "lost", "silent", "flagged", "settled_s")


def _name(round_: FleetRound) -> dict[str, Any]:
    when = f"at its mail {round_.at_mail}, {round_.moment} + {round_.delay_ms:.1f} ms"
    away = str(round_.away) if round_.away_s is None else f"for {round_.away_s:.1f} s"
    return {
        "seed": round_.seed,
        "fault": str(round_.fault),
        "machine": round_.machine,
        "away": away,
        "when": when,
    }


def _find_problems(facts: FleetFacts, uncertain: int, lost: set[str], silent: set[str]) -> Iterator[str]:
    states = Counter(row.state for row in facts.rows)
    if len(facts.rows) != READERS or len({row.address for row in facts.rows}) != READERS:
        yield f"{READERS} readers are due, and the ledger has {len(facts.rows)} rows"
    if states["accepted"] != len(facts.rows):
        yield f"not all mails were accepted in the end: {dict(states)}"
    if lost:
        yield f"{len(lost)} readers were lost: {min(lost)} …"
    if silent:
        yield f"{len(silent)} readers have copies that the ledger does not know of: {min(silent)} …"
    if uncertain > facts.connections:
        yield f"{uncertain} mails were uncertain, with {facts.connections} connections open"
    if bad := [code for code in facts.codes if code != 0]:
        yield f"workers that were not killed ended with {bad}"
    if facts.broken:
        yield facts.broken


def word_fleet_table(results: Sequence[FleetResult]) -> str:
    """Return the figures as Markdown: a row for each fault."""
    lines = [
        "| fault | rounds | mails due | lost | unseen copies | copies known as uncertain"
        " | uncertain in a round, at most (of connections open) | all sent after, median and longest |",
        "|---|---|---|---|---|---|---|---|",
    ]
    counted = [result for result in results if result.counts]
    groups = [(str(fault), [result for result in counted if result.fault == fault]) for fault in Fault]
    lines += [_word_row(name, chosen) for name, chosen in [*groups, ("all", counted)] if chosen]
    missed, failed = len(results) - len(counted), sum(bool(result.problems) for result in results)
    lines += ["", f"{len(results)} rounds were played; {missed} were not hit while it sent and do not count;"]
    return "\n".join([*lines, f"{failed} broke a promise."])


def _word_row(name: str, results: Sequence[FleetResult]) -> str:
    most = max(results, key=lambda result: (result.uncertain, -result.connections))
    after_s = sorted(result.settled_s for result in results)
    cells = (
        name,
        f"{len(results):,}",
        f"{len(results) * READERS:,}",
        f"{sum(result.lost for result in results):,}",
        f"{sum(result.silent for result in results):,}",
        f"{sum(result.flagged for result in results):,}",
        f"{most.uncertain} ({most.connections})",
        f"{after_s[len(after_s) // 2]:.0f} s, {after_s[-1]:.0f} s",
    )
    return "| " + " | ".join(cells) + " |"

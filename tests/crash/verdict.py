"""What a round came to, and whether every promise was kept. Pure: facts in, verdict out."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.crash.ledger import Row
from tests.crash.rounds import CONNECTIONS, READERS, Round, Strike

_WELL = (0, 1)  # done, done with failures


@dataclass(frozen=True, slots=True)
class Hit:
    """A strike as it came out. landed: the signal reached a sender that was at the mail it was meant for.

    code: its exit code, None where it stands still. in_data, claimed: how many mails it held then. connections: how
    many it may have to the relay.
    """

    strike: Strike
    landed: bool
    pid: int
    code: int | None
    in_data: int
    claimed: int
    connections: int = CONNECTIONS

    @property
    def may_leave_uncertain(self) -> bool:
        return self.landed and not self.strike.is_polite


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a round is judged by. copies: mails that the relay took, by reader. codes: exit codes of senders that
    no signal hit. broken: what the check of the five promises says."""

    round: Round
    rows: tuple[Row, ...]
    copies: Mapping[str, int]
    hits: tuple[Hit, ...]
    codes: tuple[int | None, ...]
    passes: int
    broken: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Numbers of readers: lost (no copy, and the ledger does not say so), silent (two copies, never uncertain), flagged
    (two copies, uncertain), left (uncertain at the end: both attempts were cut off). problems: every promise that was
    broken, in words."""

    counts: bool
    lost: int
    silent: int
    flagged: int
    left: int
    problems: tuple[str, ...]


def judge(facts: Facts) -> Verdict:
    """Judge a round. It counts where its first strike landed; promises must hold in any case."""
    left = {row.address for row in facts.rows if row.is_left_uncertain}
    uncertain = {row.address for row in facts.rows if row.was_uncertain}
    twice = {address for address, count in facts.copies.items() if count > 1}
    lost = {row.address for row in facts.rows} - set(facts.copies) - left
    silent = (twice - uncertain) | {address for address, count in facts.copies.items() if count > 2}
    problems = list(_find_problems(facts, len(left)))
    if lost:
        problems.append(f"{len(lost)} readers were lost: {min(lost)} …")
    if silent:
        problems.append(
            f"{len(silent)} readers have copies that the ledger does not know of: {min(silent)} …"
        )
    return Verdict(
        counts=facts.hits[0].landed,
        lost=len(lost),
        silent=len(silent),
        flagged=len(twice & uncertain - silent),
        left=len(left),
        problems=tuple(problems),
    )


def _find_problems(facts: Facts, left: int) -> Iterator[str]:
    states = Counter(row.state for row in facts.rows)
    if len(facts.rows) != READERS or len({row.address for row in facts.rows}) != READERS:
        yield f"{READERS} readers are due, and the ledger has {len(facts.rows)} rows"
    pending = len(facts.rows) - states["accepted"] - left
    if pending:
        yield f"after {facts.passes} passes {pending} mails are left: {dict(states)}"
    deadly = [hit for hit in facts.hits if hit.may_leave_uncertain]
    if left and len(deadly) < 2:
        yield f"{left} mails are uncertain for good, and were cut off once"
    uncertain = sum(row.was_uncertain for row in facts.rows)
    connections = sum(hit.connections for hit in deadly)
    if uncertain > connections:
        yield f"{uncertain} mails were uncertain, with {len(deadly)} signals and {connections} connections"
    for hit in facts.hits:
        yield from _find_problems_of_hit(hit)
    if bad := [code for code in facts.codes if code not in _WELL]:
        yield f"senders that no signal hit ended with {bad}"
    if facts.broken:
        yield facts.broken


def _find_problems_of_hit(hit: Hit) -> Iterator[str]:
    name = hit.strike.signal.name
    if hit.in_data > hit.connections:
        yield f"{name} left {hit.in_data} mails uncertain, with {hit.connections} connections"
    if not hit.landed:
        return
    if hit.strike.is_polite:
        if hit.in_data or hit.claimed:
            yield f"{name} left {hit.in_data} mails uncertain and {hit.claimed} claimed"
        if hit.code != 0:
            yield f"{name} ended the sender with {hit.code}, not 0"
    elif hit.strike.signal is signal.SIGKILL and hit.code != -signal.SIGKILL:
        yield f"the sender that was killed ended with {hit.code}"

"""Add rounds up: JSON lines of results → histogram, as text or as tables for docs/reliability.md. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.crash.rounds import CONNECTIONS, READERS, Round, word_strike
from tests.crash.verdict import Facts, Verdict


@dataclass(frozen=True, slots=True)
class Result:
    """One round in short. Each strike: its signal, whether it landed, and how many mails it left uncertain."""

    seed: int
    engine: str
    senders: int
    signal: str
    counts: bool
    strikes: tuple[dict[str, Any], ...]
    lost: int
    silent: int
    flagged: int
    left: int
    problems: tuple[str, ...]
    seconds: float

    @property
    def words(self) -> str:
        """The round on a line."""
        strikes = "; ".join(
            f"{strike['words']}: {strike['uncertain']} uncertain" if strike["landed"] else "missed"
            for strike in self.strikes
        )
        return f"{self.engine}, {self.senders} senders: {strikes}; {self.flagged} known copies"


def build_result(facts: Facts, verdict: Verdict, seconds: float) -> Result:
    """Put a round that was played to its end in short."""
    strikes = tuple(
        {
            "signal": hit.strike.signal.name,
            "words": word_strike(hit.strike),
            "landed": hit.landed,
            "may_leave_uncertain": hit.may_leave_uncertain,
            "uncertain": hit.in_data,
        }
        for hit in facts.hits
    )
    return Result(
        **_name(facts.round),
        counts=verdict.counts,
        strikes=strikes,
        lost=verdict.lost,
        silent=verdict.silent,
        flagged=verdict.flagged,
        left=verdict.left,
        problems=verdict.problems,
        seconds=round(seconds, 2),
    )


def build_failure(round_: Round, why: str, seconds: float) -> Result:
    """Put a round that could not be played to its end in short: nobody knows its numbers, and it is a problem."""
    return Result(
        **_name(round_),
        counts=False,
        strikes=(),
        lost=0,
        silent=0,
        flagged=0,
        left=0,
        problems=(why,),
        seconds=round(seconds, 2),
    )


def _name(round_: Round) -> dict[str, Any]:
    signal = round_.strikes[0].signal.name
    return {"seed": round_.seed, "engine": round_.engine, "senders": round_.senders, "signal": signal}


def word_table(results: Sequence[Result]) -> str:
    """Return the figures as Markdown: a row for each engine and first signal, then uncertain mails for each signal that
    may leave some."""
    counted = [result for result in results if result.counts]
    lines = [
        "| database | signal | rounds | with two senders | hit twice | mails due | lost | unseen copies"
        " | copies known as uncertain | uncertain for good |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for engine, signal in sorted({(result.engine, result.signal) for result in counted}):
        chosen = [result for result in counted if (result.engine, result.signal) == (engine, signal)]
        lines.append(_word_row([engine, signal], chosen))
    lines.append(_word_row(["all", ""], counted))
    missed, failed = len(results) - len(counted), sum(bool(result.problems) for result in results)
    lines += [
        "",
        f"{len(results)} rounds were played; {missed} were not hit inside the send and do not count;",
    ]
    lines += [f"{failed} broke a promise.", "", *_word_histogram(counted)]
    return "\n".join(lines)


def _word_row(name: list[str], results: Sequence[Result]) -> str:
    numbers = (
        len(results),
        sum(result.senders > 1 for result in results),
        sum(sum(strike["landed"] for strike in result.strikes) > 1 for result in results),
        len(results) * READERS,
        sum(result.lost for result in results),
        sum(result.silent for result in results),
        sum(result.flagged for result in results),
        sum(result.left for result in results),
    )
    return "| " + " | ".join([*name, *(f"{number:,}" for number in numbers)]) + " |"


def _word_histogram(results: Sequence[Result]) -> Iterator[str]:
    """The distribution of uncertain mails over the signals that may leave some."""
    strikes = [strike for result in results for strike in result.strikes if strike["may_leave_uncertain"]]
    counts = Counter(strike["uncertain"] for strike in strikes)
    yield f"Uncertain mails left by each of {len(strikes)} signals that end or freeze a sender at once:"
    yield ""
    span = range(max([CONNECTIONS, *counts]) + 1)
    yield "| uncertain | " + " | ".join(str(number) for number in span) + " |"
    yield "|---" * (len(span) + 1) + "|"
    yield "| signals | " + " | ".join(str(counts[number]) for number in span) + " |"

"""What a round is: which signal hits which sender at which moment of which mail. Pure: a seed gives a round."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from signal import Signals

from tests.support.sink import Moment

READERS = 300
CONNECTIONS = 12


class Engine(StrEnum):
    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True, slots=True)
class Strike:
    """A signal to the sender that brings the at_mail-th mail of a pass to this moment, delay_ms after it.

    again_ms: after so long the same signal once more. kill_ms: after so long SIGKILL, without patience. None: not.
    """

    signal: Signals
    at_mail: int
    moment: Moment
    delay_ms: float = 0
    again_ms: float | None = None
    kill_ms: float | None = None

    @property
    def is_polite(self) -> bool:
        """Whether the sender may finish its mails in flight, so that nothing may be uncertain."""
        return self.signal in (signal.SIGTERM, signal.SIGINT) and self.kill_ms is None

    @property
    def cuts(self) -> bool:
        """Whether the relay hangs up there as well: what had not arrived by then never does."""
        return self.signal is signal.SIGKILL and self.moment in (Moment.TEXT, Moment.DOT)


@dataclass(frozen=True, slots=True)
class Round:
    """strikes: the first hits the first pass, a second one the pass after it. senders: how many begin at once. workers:
    so many processes send for each; with more than one, one of these is hit, and whoever started it is not."""

    seed: int
    engine: Engine
    senders: int
    strikes: tuple[Strike, ...]
    workers: int = 1


_SIGNALS = {signal.SIGKILL: 50, signal.SIGTERM: 15, signal.SIGINT: 10, signal.SIGSTOP: 25}
_LONGEST_DELAY_MS = 15.0


def build_round(seed: int, engines: Sequence[Engine] = tuple(Engine), workers: int = 1) -> Round:
    """Return the round of a seed. Seeds take the engines in turn; all else is the same on each."""
    chance = Random(seed)
    [kind] = chance.choices(list(_SIGNALS), list(_SIGNALS.values()))
    strikes = [_build_strike(chance, kind, READERS * 3 // 4)]
    if workers > 1:
        return Round(seed, engines[seed % len(engines)], 1, tuple(strikes), workers)
    if kind is not signal.SIGSTOP and chance.random() < 0.3:
        # Some of what the first left is certain to be left: a quarter of all, less the mails in flight.
        strikes.append(_build_strike(chance, signal.SIGKILL, READERS // 4 - 2 * CONNECTIONS))
    return Round(seed, engines[seed % len(engines)], 2 if chance.random() < 1 / 3 else 1, tuple(strikes))


def _build_strike(chance: Random, kind: Signals, last_mail: int) -> Strike:
    at_mail, moment = chance.randint(1, last_mail), chance.choice(list(Moment))
    delay_ms = chance.choice((0.0, chance.uniform(0, _LONGEST_DELAY_MS)))
    again_ms = kill_ms = None
    if kind in (signal.SIGTERM, signal.SIGINT):
        if chance.random() < 0.4:
            again_ms = chance.uniform(0, 30)
        if chance.random() < 0.3:
            kill_ms = chance.uniform(0, 30)
    return Strike(kind, at_mail, moment, delay_ms, again_ms, kill_ms)


def word_strike(strike: Strike) -> str:
    """Return a strike in words, for the report of a round that failed."""
    words = f"{strike.signal.name} at mail {strike.at_mail}, {strike.moment} + {strike.delay_ms:.1f} ms"
    if strike.again_ms is not None:
        words += f", again after {strike.again_ms:.1f} ms"
    if strike.kill_ms is not None:
        words += f", SIGKILL after {strike.kill_ms:.1f} ms"
    return words

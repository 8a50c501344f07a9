"""A trial ('send --canary'): the first mails go out while everything else is held, and what becomes of them decides
whether the rest may follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.model.ledger import Hold, HoldKind, State

if TYPE_CHECKING:
    from newsletter.storage import SettingStore
    from newsletter.workflows.send_pipeline import SendReport

_TRIAL = Hold(
    HoldKind.TRIAL,
    "the first mails of a canary ('send --canary') are sent; 'newsletter release' sends the rest",
)
_FAILED = (State.REJECTED, State.DEFERRED, State.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How many of the first mails were tried, and how many of those failed. stopped says why not all were tried."""

    tried: int
    failed: int
    stopped: str

    @property
    def failed_percent(self) -> float:
        return 100 * self.failed / self.tried if self.tried else 0.0


async def begin_trial(settings: SettingStore) -> Hold | None:
    """Hold all sending but the trial's own, so that no running clock sends the rest meanwhile. Returns the hold that is
    in its way, if any; then there is no trial."""
    hold = await settings.load_hold()
    if hold is not None and hold.kind is not HoldKind.TRIAL:
        return hold
    await settings.save_hold(_TRIAL)
    return None


def judge_trial(report: SendReport) -> TrialResult:
    """Return how the first mails went."""
    failed = sum(report.states[state] for state in _FAILED)
    return TrialResult(report.states[State.ACCEPTED] + failed, failed, report.stopped)


async def refuse_rest(settings: SettingStore, result: TrialResult) -> None:
    """Hold the rest, because too many of the first mails failed."""
    why = f"{result.failed_percent:.0f} % of the first {result.tried} mails failed"
    await settings.save_hold(Hold(HoldKind.GUARD, why))


async def release_rest(settings: SettingStore) -> bool:
    """Lift the trial's hold, and no other one; return whether sending is allowed now."""
    hold = await settings.load_hold()
    if hold is not None and hold.kind is HoldKind.TRIAL:
        await settings.save_hold(None)
        hold = None
    return hold is None

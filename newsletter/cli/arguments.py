"""What is typed as an argument → values, or what the right form is."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from newsletter.errors import ConfigError, Problem

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.ports import Clock


def refuse_existing(*paths: Path) -> None:
    """Raise ConfigError where one of the files or folders that a command is about to write is there already."""
    if there := [path for path in paths if path.exists()]:
        raise ConfigError([Problem("exists already; nothing was written", file=str(path)) for path in there])


def parse_edition(text: str) -> date | None:
    """Return the date of an edition; None for an empty text. Raises ConfigError with the right form."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            [Problem(f"{text!r} is not a date like 2026-06-16", steps=("--edition",))]
        ) from error


def parse_clock(text: str) -> Clock:
    """Return a clock that stands at an ISO instant (UTC where it names no zone); the real one for an empty text."""
    from newsletter.wiring import FixedClock, SystemClock

    if not text:
        return SystemClock()
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{text!r} is not a time like 2026-06-16T20:00Z"
        raise ConfigError([Problem(message, steps=("--at",))]) from error
    return FixedClock(at if at.tzinfo else at.replace(tzinfo=UTC))

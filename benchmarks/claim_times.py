"""How long each claim takes, in this process and in those that it forks."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from newsletter.model.ledger import Delivery
from newsletter.storage.engine import writing
from newsletter.storage.ledger.claims import Claims
from newsletter.workflows.send_pending import CLAIM_AT_ONCE


@contextmanager
def timed_claims(folder: Path) -> Iterator[None]:
    """Let each claim write down how long its statements took, in milliseconds, without waiting for other writers or for
    the commit; each process has a file in the folder."""
    untimed = Claims.claim
    claim: Any = untimed.__wrapped__  # type: ignore[attr-defined]

    @wraps(claim)
    def timed(self: Claims, connection: Any, *arguments: Any, **options: Any) -> Sequence[Delivery]:
        begun = time.perf_counter()
        rows: Sequence[Delivery] = claim(self, connection, *arguments, **options)
        took_ms = (time.perf_counter() - begun) * 1e3
        if len(rows) == CLAIM_AT_ONCE:
            with (folder / str(os.getpid())).open("a") as file:
                file.write(f"{time.time()} {took_ms}\n")
        return rows

    Claims.claim = writing(timed)  # type: ignore[method-assign]
    try:
        yield
    finally:
        Claims.claim = untimed  # type: ignore[method-assign]


def sum_up_claims(folder: Path) -> dict[str, float]:
    """Return of the full claims how many there were, the median and the 99th percentile in milliseconds, and the
    medians of the first and the last tenth."""
    lines = (line.split() for file in folder.iterdir() for line in file.read_text().splitlines())
    taken = [float(took_ms) for _, took_ms in sorted((float(at), took_ms) for at, took_ms in lines)]
    if not taken:
        return {"claims": 0}
    tenth = max(len(taken) // 10, 1)
    return {
        "claims": len(taken),
        "median": round(statistics.median(taken), 1),
        "p99": round(sorted(taken)[len(taken) * 99 // 100], 1),
        "first_tenth": round(statistics.median(taken[:tenth]), 1),
        "last_tenth": round(statistics.median(taken[-tenth:]), 1),
    }

"""The command line at another time: ``python -m tests.support.at 2026-06-16T20:00Z send …``.

The clock is moved for the whole process and goes on from there; everything else is real.
"""

from __future__ import annotations

import sys
from datetime import datetime

import time_machine

from newsletter.cli import main


def run_at(instant: str) -> None:
    """Run the command line of sys.argv at another time. Raises SystemExit."""
    with time_machine.travel(datetime.fromisoformat(instant), tick=True):
        main()


if __name__ == "__main__":
    run_at(sys.argv.pop(1))

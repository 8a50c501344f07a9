"""The command line at another time: ``python -m tests.acceptance.at 2026-06-16T20:00Z send …``.

The clock is moved for the whole process and goes on from there; everything else is real.
"""

from __future__ import annotations

import sys
from datetime import datetime

import time_machine

from newsletter.cli import main

if __name__ == "__main__":
    instant = sys.argv.pop(1)
    with time_machine.travel(datetime.fromisoformat(instant), tick=True):
        main()

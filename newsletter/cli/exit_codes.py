"""What a command tells its caller."""

from __future__ import annotations

DONE, DONE_WITH_FAILURES, WRONG_INPUT, COULD_NOT_RUN = 0, 1, 2, 3

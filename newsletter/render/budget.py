"""What gives way when a mail would be too long: summaries from the tail, then papers from the tail; and which
pictures it may show."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

MAX_HTML_BYTES = 90_000
"""Of the encoded HTML part. Gmail hides what is behind about 102 kB."""
MAX_PICTURE_BYTES = 150_000
"""Of all the pictures that a mail loads when it is opened: a second or two with a telephone on the road."""


@dataclass(frozen=True, slots=True)
class Cut:
    """How many papers, counted from the end of the mail, have a brief summary, none, or are not shown."""

    brief: int = 0
    bare: int = 0
    dropped: int = 0

    def level(self, from_end: int) -> str:
        """Return how long the summary of a paper may be: ``full``, ``brief`` or ``bare``. 0 is the last paper."""
        if from_end < self.bare:
            return "bare"
        return "brief" if from_end < self.brief else "full"


def cut_at(step: int, papers: int) -> Cut:
    """Return the cut at one step of the ladder: 0 is the whole mail, last_step the shortest."""
    return Cut(
        brief=min(step, papers),
        bare=min(max(step - papers, 0), papers),
        dropped=min(max(step - 2 * papers, 0), max(papers - 1, 0)),
    )


def last_step(papers: int) -> int:
    """Return the last step of the ladder: one paper is left, without a summary."""
    return max(3 * papers - 1, 0)


def choose_step(papers: int, fits: Callable[[int], bool]) -> int:
    """Return the first step that fits, or the last one where none does. Asks about log2 of the steps.

    fits must not turn back to False at a later step.
    """
    if fits(0):
        return 0
    low, high = 0, last_step(papers)
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle):
            high = middle
        else:
            low = middle
    return high


def count_pictures(sizes: Iterable[int]) -> int:
    """Return of how many papers, from the first, a mail shows the pictures; sizes are their bytes, 0 for none."""
    shown, left = 0, MAX_PICTURE_BYTES
    for size in sizes:
        left -= size
        if left < 0:
            break
        shown += 1
    return shown

"""Which runs a reader's digest covers. Windows are counted in run numbers, never in clock time:
a paper that was listed late, or stored late, is in exactly one window all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.model.digest import Window

if TYPE_CHECKING:
    from newsletter.model.readers import Subscriber


def choose_window(subscriber: Subscriber, newest_run: int) -> Window:
    """Return the runs after the reader's last counted digest, up to the newest visible run."""
    return Window(after_run=subscriber.counted_run, upto_run=max(newest_run, subscriber.counted_run))

"""The garbage collector: how often it looks, in a command and while mails are sent."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_NEW_OBJECTS = 100_000  # instead of 700 between two looks: hardly any of a mail's are in cycles


def collect_rarely() -> None:
    """Look for unreachable cycles once in so many new objects, in this process: what imports make is no garbage, and
    looking through it again and again took a tenth of a start, and a quarter of planning."""
    gc.set_threshold(50_000)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Look for unreachable cycles rarely, and not at all among what is there already: templates, caches, modules.

    Looking through these again and again took a twelfth of the time of a pass.
    """
    first, *others = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(max(first, _NEW_OBJECTS), *others)
    try:
        yield
    finally:
        gc.set_threshold(first, *others)
        gc.unfreeze()

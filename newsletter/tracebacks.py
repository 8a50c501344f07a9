"""What a log says of an exception: how it came about, without values; in full once, then as a count.

A traceback names files, lines and what was said, and never variables: they hold keys, addresses and links of readers.
Nor does any line hold a signed name of a link (newsletter/signing.py), whoever quoted it.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections import OrderedDict
from typing import Any

from newsletter.errors import NewsletterError
from newsletter.signing import hide_tokens
from newsletter.text import clean_line

AGAIN_S = 3600.0
"""After so long the same failure is told in full again."""
_MAX_FRAMES = 30
_MAX_LINE = 300
_MAX_LINES = 120
_MAX_KNOWN = 200


def format_traceback(error: BaseException) -> str:
    """Return how an exception came about: its causes first, the innermost frames, no variables, no endless lines."""
    told = traceback.TracebackException.from_exception(error, limit=-_MAX_FRAMES, capture_locals=False)
    lines = [cut(line) for part in told.format() for line in part.rstrip("\n").split("\n")]
    if len(lines) > _MAX_LINES:
        half = _MAX_LINES // 2
        lines = [*lines[:half], f"… {len(lines) - _MAX_LINES} lines left out …", *lines[-half:]]
    return hide_tokens("\n".join(lines))


def word_error(error: BaseException) -> str:
    """Return the kind of an exception and the first line of what it says, short enough for one line of a log."""
    said = (str(error).strip().splitlines() or [""])[0]
    return hide_tokens(cut(f"{type(error).__name__}: {said}" if said else type(error).__name__))


def word_failure(error: BaseException) -> str:
    """Return what went wrong on one clean line: our own words as they are, others with the kind of the exception."""
    own = str(error) if isinstance(error, NewsletterError) else ""
    return clean_line(hide_tokens(own) or word_error(error), _MAX_LINE)


def cut(text: str, most: int = _MAX_LINE) -> str:
    """Return a text of at most so many characters: an exception may quote all that it met."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


class Recurrences(logging.Filter):
    """Tells a failure with its traceback once an hour; the same again in one line each time its number has doubled.

    The same is what has the same words and arose at the same place: a template that fails for a thousand readers.
    """

    def __init__(self) -> None:
        super().__init__()
        self._known: OrderedDict[tuple[object, ...], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is written; take its traceback away where it was told before."""
        error = _find_error(record)
        if error is None:
            return True
        times = self._count((record.name, _words_of(record), type(error), _place_of(error)))
        if times == 1:
            return True
        _shorten(record, error, times)
        return times & (times - 1) == 0

    def _count(self, key: tuple[object, ...]) -> int:
        now = time.monotonic()
        since, times = self._known.pop(key, (now, 0))
        if now - since >= AGAIN_S:
            since, times = now, 0
        self._known[key] = (since, times + 1)
        if len(self._known) > _MAX_KNOWN:
            self._known.popitem(last=False)
        return times + 1


def _find_error(record: logging.LogRecord) -> BaseException | None:
    """Return the exception of a line: of structlog, which hands over a mapping, or of a library."""
    exc_info: object = record.msg.get("exc_info") if isinstance(record.msg, dict) else record.exc_info
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        error: BaseException | None = exc_info[1]
        return error
    return sys.exc_info()[1] if exc_info else None


def _words_of(record: logging.LogRecord) -> object:
    return record.msg.get("event") if isinstance(record.msg, dict) else record.msg


def _place_of(error: BaseException) -> tuple[str, int]:
    place = ("", 0)
    step = error.__traceback__
    while step is not None:
        place = (step.tb_frame.f_code.co_filename, step.tb_lineno)
        step = step.tb_next
    return place


def _shorten(record: logging.LogRecord, error: BaseException, times: int) -> None:
    if isinstance(record.msg, dict):
        values: dict[str, Any] = {**record.msg, "error": word_error(error), "times": times}
        del values["exc_info"]
        record.msg = values  # structlog's own way through logging
        return
    said = (record.getMessage().strip().splitlines() or [""])[0]
    record.msg, record.args = f"{said} ({word_error(error)}; {times} times)", ()
    record.exc_info = record.exc_text = None

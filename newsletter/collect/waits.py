"""How long a server asks us to stay away: read from the headers of its answer. Pure.

Source: RFC 9110 section 10.2.3 for Retry-After. The others are no standard, and their numbers have two meanings:
seconds from now (Reddit, the IETF's drafts), or a time since 1970 (GitHub), in seconds or milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT_S = 86_400.0
_TOO_MANY = 429
_RESETS = ("X-RateLimit-Reset", "RateLimit-Reset", "X-Rate-Limit-Reset", "X-RateLimit-Reset-After")
_REMAINING = ("X-RateLimit-Remaining", "RateLimit-Remaining", "X-Rate-Limit-Remaining")
_OLDEST_TIME_S = 1e9  # 2001: no wait is so long, no time of today so early
_OLDEST_TIME_MS = 1e12


def read_wait(status: int, headers: Mapping[str, str], now: datetime) -> float | None:
    """Return for how many seconds a server asks us to stay away, a day at most; None where it does not.

    The end of a period of a limit counts only where the limit is reached: with 429, or where nothing remains. A time
    is compared with the answer's own ``Date``, so that a clock that is wrong at one end does no harm. headers must not
    care for upper and lower case.
    """
    now = _read_date(headers.get("Date", "")) or now
    wait_s = _read_seconds(headers.get("Retry-After", ""), now)
    if wait_s is None and (status == _TOO_MANY or _is_used_up(headers)):
        resets = [_read_seconds(headers.get(name, ""), now) for name in _RESETS]
        resets.append(_read_policy(headers.get("RateLimit", "")))
        wait_s = next((reset for reset in resets if reset and reset > 0), None)
    return None if wait_s is None else min(max(wait_s, 0.0), LONGEST_WAIT_S)


def _is_used_up(headers: Mapping[str, str]) -> bool:
    return any(re.fullmatch(r"\s*0+(?:\.0*)?\s*", headers.get(name, "")) for name in _REMAINING)


def _read_seconds(text: str, now: datetime) -> float | None:
    """Return the seconds of a number (a wait, or a time since 1970) or of a date."""
    text = text.strip()
    if re.fullmatch(r"[0-9]{1,15}(?:\.[0-9]*)?", text):
        number = float(text)
        if number >= _OLDEST_TIME_MS:
            number /= 1000
        return number - now.timestamp() if number >= _OLDEST_TIME_S else number
    if re.fullmatch(r"[0-9]+", text):
        return LONGEST_WAIT_S
    until = _read_date(text)
    return (until - now).total_seconds() if until else None


def _read_policy(text: str) -> float | None:
    """Return t of ``"default";r=0;t=30``, or reset of ``limit=10, remaining=0, reset=30``.

    Source: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
    """
    found = re.search(r"(?:^|[;,\s])(?:t|reset)=([0-9]{1,9})\b", text)
    return float(found[1]) if found else None


def _read_date(text: str) -> datetime | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            date = read(text)
        except (ValueError, TypeError, OverflowError):
            continue
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    return None

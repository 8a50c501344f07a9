"""For how long a server asks us to stay away: the table."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from newsletter.collect.waits import LONGEST_WAIT_S, read_wait
from tests.support.builders import at

NOW = at("2026-06-16 08:00")
IN_AN_HOUR = int(NOW.timestamp()) + 3_600


@pytest.mark.parametrize(
    ("status", "headers", "wait_s"),
    [
        (429, {}, None),
        (429, {"Retry-After": "120"}, 120),
        (429, {"retry-after": " 120 "}, 120),
        (429, {"Retry-After": "1.5"}, 1.5),
        (429, {"Retry-After": "0"}, 0),
        (503, {"Retry-After": "120"}, 120),
        (403, {"Retry-After": "120"}, 120),
        (429, {"Retry-After": "999999999999999999999"}, LONGEST_WAIT_S),
        (429, {"Retry-After": "-5"}, None),
        (429, {"Retry-After": "soon"}, None),
        (429, {"Retry-After": "120 seconds"}, None),
        (429, {"Retry-After": "Tue, 16 Jun 2026 09:00:00 GMT"}, 3_600),
        (429, {"Retry-After": "Tue, 16 Jun 2026 11:00:00 +0200"}, 3_600),
        (429, {"Retry-After": "2026-06-16T09:00:00Z"}, 3_600),
        (429, {"Retry-After": "Tue, 16 Jun 2026 07:00:00 GMT"}, 0),
        (429, {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, LONGEST_WAIT_S),
        (
            429,
            {"Retry-After": "Tue, 16 Jun 2026 09:00:00 GMT", "Date": "Tue, 16 Jun 2026 08:59:00 GMT"},
            60,
        ),
        (429, {"Retry-After": f"{IN_AN_HOUR}"}, 3_600),
        (429, {"Retry-After": "120", "X-RateLimit-Reset": "7"}, 120),
        # Reddit: seconds, with a fraction or without
        (429, {"x-ratelimit-reset": "289"}, 289),
        (429, {"X-Ratelimit-Reset": "289.5", "X-Ratelimit-Remaining": "0.0"}, 289.5),
        # GitHub: a time, and 403
        (429, {"X-RateLimit-Reset": f"{IN_AN_HOUR}"}, 3_600),
        (403, {"X-RateLimit-Reset": f"{IN_AN_HOUR}", "X-RateLimit-Remaining": "0"}, 3_600),
        (404, {"X-RateLimit-Reset": f"{IN_AN_HOUR}", "X-RateLimit-Remaining": "57"}, None),
        (404, {"X-RateLimit-Reset": f"{IN_AN_HOUR}"}, None),
        (429, {"X-RateLimit-Reset": f"{IN_AN_HOUR}000"}, 3_600),
        (429, {"X-RateLimit-Reset": "2026-06-16T09:00:00+00:00"}, 3_600),
        (429, {"X-RateLimit-Reset": f"{IN_AN_HOUR}", "Date": "Tue, 16 Jun 2026 08:30:00 GMT"}, 1_800),
        (429, {"X-RateLimit-Reset": "1000000001"}, None),
        (429, {"X-RateLimit-Reset": "0"}, None),
        (429, {"X-Rate-Limit-Reset": "60"}, 60),
        (429, {"RateLimit-Reset": "60"}, 60),
        (429, {"X-RateLimit-Reset-After": "1.25"}, 1.25),
        (429, {"RateLimit": "limit=100, remaining=0, reset=50"}, 50),
        (429, {"RateLimit": '"default";r=0;t=30'}, 30),
        (429, {"RateLimit": '"default";r=0'}, None),
        (503, {"RateLimit-Remaining": "0", "RateLimit-Reset": "60"}, 60),
    ],
)
def test_wait_is_read_as_servers_write_it(status: int, headers: dict[str, str], wait_s: float | None) -> None:
    assert read_wait(status, CIMultiDict(headers), NOW) == wait_s

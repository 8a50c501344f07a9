"""Who is counted as one, and how long they wait."""

from __future__ import annotations

import pytest

from newsletter.web.limits import Limit, Limiter, network_of


@pytest.mark.parametrize(
    ("client", "counted"),
    [
        ("203.0.113.77", "203.0.113.77"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::4", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:203.0.113.77", "203.0.113.77"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_household_counts_as_one(client: str, counted: str) -> None:
    assert network_of(client) == counted


def test_client_that_took_its_share_waits_and_others_go_on() -> None:
    limiter, limit = Limiter(), Limit("x", client="2/minute; 3/hour", site="4/hour")

    assert [limiter.take(limit, "192.0.2.1") for _ in range(2)] == [0, 0]
    assert 50 <= limiter.take(limit, "192.0.2.1") <= 61
    assert [limiter.take(limit, "2001:db8::1"), limiter.take(limit, "2001:db8::2")] == [0, 0]
    # Now the site as a whole has given what it gives in an hour.
    assert 3500 <= limiter.take(limit, "192.0.2.9") <= 3601


def test_limits_of_different_things_are_counted_apart() -> None:
    limiter = Limiter()

    assert limiter.take(Limit("x", client="1/minute", site="9/minute"), "192.0.2.1") == 0
    assert limiter.take(Limit("y", client="1/minute", site="9/minute"), "192.0.2.1") == 0


def test_what_is_refused_does_not_count() -> None:
    limiter, limit = Limiter(), Limit("x", client="1/minute", site="2/minute")

    assert limiter.take(limit, "192.0.2.1") == 0
    assert [bool(limiter.take(limit, "192.0.2.1")) for _ in range(5)] == [True] * 5
    assert limiter.take(limit, "192.0.2.2") == 0

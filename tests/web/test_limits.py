"""Who is counted as one, and how long they wait."""

from __future__ import annotations

from newsletter.web.limits import HOUSEHOLD_TIMES, SUBSCRIBE, Limit, Limiter


def test_client_that_took_its_share_waits_and_others_go_on() -> None:
    limiter, limit = Limiter(), Limit("x", client="2/minute; 3/hour", site="32/hour")

    assert [limiter.take(limit, "192.0.2.1") for _ in range(2)] == [0, 0]
    assert 50 <= limiter.take(limit, "192.0.2.1") <= 61
    assert [limiter.take(limit, "2001:db8::1"), limiter.take(limit, "2001:db8::2")] == [0, 0]
    # Now a provider has had what the site gives to one of them in an hour, and others have not.
    assert [limiter.take(limit, f"192.0.2.{number}") for number in (2, 3)] == [0, 0]
    assert 3500 <= limiter.take(limit, "192.0.9.9") <= 3601
    assert limiter.take(limit, "198.51.100.1") == 0


def test_limits_of_different_things_are_counted_apart() -> None:
    limiter = Limiter()

    assert limiter.take(Limit("x", client="1/minute", site="9/minute"), "192.0.2.1") == 0
    assert limiter.take(Limit("y", client="1/minute", site="9/minute"), "192.0.2.1") == 0


def test_what_is_refused_does_not_count() -> None:
    limiter, limit = Limiter(), Limit("x", client="1/minute", site="16/minute")

    assert limiter.take(limit, "192.0.2.1") == 0
    assert [bool(limiter.take(limit, "192.0.2.1")) for _ in range(5)] == [True] * 5
    assert limiter.take(limit, "192.0.2.2") == 0


def test_household_with_many_networks_has_some_times_what_one_has() -> None:
    limiter, limit = Limiter(), Limit("x", client="5/hour")
    taken = [limiter.take(limit, f"2001:db8:7:{number:x}::1") for number in range(40)]

    assert taken.count(0) == 5 * HOUSEHOLD_TIMES
    assert limiter.take(limit, "2001:db8:8::1") == 0


def test_one_provider_does_not_use_up_what_the_site_gives() -> None:
    limiter = Limiter()
    for number in range(400):
        limiter.take(SUBSCRIBE, f"2001:db8:{number:x}::1")

    assert limiter.take(SUBSCRIBE, "2001:db8:ffff::1") > 0
    assert [limiter.take(SUBSCRIBE, client) for client in ("2001:db9::1", "198.51.100.7")] == [0, 0]


def test_work_counts_by_what_it_cost_also_beyond_the_limit() -> None:
    limiter, limit = Limiter(), Limit("x", client="10/minute")

    limiter.charge(limit, "192.0.2.1", 0)
    limiter.charge(limit, "192.0.2.1", 9)
    assert limiter.test(limit, "192.0.2.1") == 0
    limiter.charge(limit, "192.0.2.1", 12)
    assert 50 <= limiter.test(limit, "192.0.2.1") <= 61
    assert limiter.test(limit, "192.0.2.2") == 0

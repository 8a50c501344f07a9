"""What a reply, or the lack of one, means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.deliver.outcome import choose_outcome
from newsletter.model.mail import Accepted, Deferred, Outcome, Rejected, Silence, SmtpReply, Uncertain

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)


def outcome_of(code: int, text: str = "", attempt: int = 1, jitter: float = 0) -> Outcome:
    return choose_outcome(SmtpReply(code, text), attempt, NOW, jitter=jitter)


def minutes_until_retry(attempt: int, jitter: float = 0) -> float:
    outcome = outcome_of(451, attempt=attempt, jitter=jitter)
    assert isinstance(outcome, Deferred)
    return (outcome.retry_at - NOW) / timedelta(minutes=1)


@pytest.mark.parametrize("code", [200, 250, 251, 252, 299])
def test_2yz_is_accepted(code: int) -> None:
    assert outcome_of(code, "ok") == Accepted(f"{code} ok")


@pytest.mark.parametrize("code", [400, 421, 450, 451, 452, 499])
def test_4yz_is_deferred(code: int) -> None:
    assert outcome_of(code, "later") == Deferred(f"{code} later", NOW + timedelta(minutes=5))


@pytest.mark.parametrize("code", [500, 535, 550, 552, 554, 599])
def test_5yz_is_rejected(code: int) -> None:
    assert outcome_of(code, "no") == Rejected(f"{code} no")


def test_silence_is_uncertain_and_keeps_why() -> None:
    assert choose_outcome(Silence("reset"), 1, NOW, jitter=0.5) == Uncertain("reset")


@pytest.mark.parametrize("code", [-1, 0, 100, 199, 300, 354, 399, 600, 999])
def test_a_code_that_ends_nothing_is_an_error(code: int) -> None:
    with pytest.raises(ValueError, match=str(code)):
        outcome_of(code)


def test_wait_doubles_with_each_attempt_up_to_four_hours() -> None:
    assert [minutes_until_retry(n) for n in range(1, 10)] == [5, 10, 20, 40, 80, 160, 240, 240, 240]


def test_attempts_count_from_one() -> None:
    with pytest.raises(ValueError, match="negative"):
        outcome_of(450, attempt=0)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_jitter_adds_at_most_a_fifth(attempt: int, jitter: float) -> None:
    least = minutes_until_retry(attempt)
    assert least <= minutes_until_retry(attempt, jitter) <= least * 1.2 + 1e-6


@pytest.mark.parametrize(
    ("code", "text", "suppress"),
    [
        (550, "5.1.1 no such mailbox", True),
        (553, "5.1.3 bad address syntax", True),
        (551, "5.1.6 moved, left no address", True),
        (556, "5.1.10 the domain takes no mail", True),
        (550, "5.1.1", True),
        # The relay may have a broken resolver, and then it says this of everybody.
        (550, "5.1.2 host unknown", False),
        (550, "5.1.0 address rejected", False),
        (550, "5.1.8 bad sender domain", False),
        (550, "5.1.11 not the same as 5.1.1", False),
        (550, "5.2.1 mailbox disabled, user unknown", False),
        (552, "5.2.2 mailbox full", False),
        (550, "5.7.1 blocked: too many messages to unknown user", False),
        (550, "5.7.515 access denied, sender does not meet the requirements", False),
        # Without an enhanced code only clear words count.
        (550, "User unknown", True),
        (550, "Unknown user: ada@example.org", True),
        (550, "<ada@example.org>: Recipient does not exist", True),
        (553, "no such user here", True),
        (551, "no such mailbox", True),
        (554, "user unknown", False),
        (550, "mailbox unavailable", False),
        (550, "user not local; please try elsewhere", False),
        (550, "Sender verify failed: user unknown", False),
        (550, "", False),
    ],
)
def test_only_a_reply_that_says_that_there_is_no_such_address_suppresses(
    code: int, text: str, suppress: bool
) -> None:
    assert outcome_of(code, text) == Rejected(f"{code} {text}".strip(), suppress=suppress)


def test_a_temporary_reply_never_suppresses() -> None:
    assert isinstance(outcome_of(450, "5.1.1 user unknown"), Deferred)

"""What a reply, or the lack of one, means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.deliver.outcome import choose_outcome
from newsletter.model.mail import Accepted, Deferred, Outcome, Rejected, Silence, SmtpReply, Uncertain, Weight

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


@pytest.mark.parametrize("code", [500, 550, 552, 554, 599])
def test_5yz_is_rejected(code: int) -> None:
    outcome = outcome_of(code, "no")
    assert isinstance(outcome, Rejected)
    assert outcome.reply == f"{code} no"
    assert outcome.weight is not Weight.GONE


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
    ("code", "text", "weight"),
    [
        (550, "5.1.1 no such mailbox", Weight.GONE),
        (551, "5.1.6 recipient unknown, moved, left no address", Weight.GONE),
        (556, "5.1.10 the domain does not accept mail", Weight.GONE),
        (550, "User unknown", Weight.GONE),
        (550, "Unknown user: ada@example.org", Weight.GONE),
        (550, "<ada@example.org>: Recipient does not exist", Weight.GONE),
        (553, "no such user here", Weight.GONE),
        # Either the code or the words say it, or they do not agree.
        (550, "5.1.1", Weight.STRIKE),
        (550, "5.1.0 address rejected", Weight.STRIKE),
        (550, "5.2.1 mailbox disabled, user unknown", Weight.STRIKE),
        (550, "mailbox unavailable", Weight.STRIKE),
        (550, "5.7.1 user unknown", Weight.STRIKE),
        # The relay may have a broken resolver, and then it says this of everybody.
        (550, "5.1.2 host unknown", Weight.STRIKE),
        # Nobody knows what this means.
        (550, "5.1.11 not the same as 5.1.1", Weight.STRIKE),
        (554, "transaction failed", Weight.STRIKE),
        (550, "", Weight.STRIKE),
        (552, "5.2.2 mailbox full", Weight.NONE),
        (552, "5.3.4 too large", Weight.NONE),
        (554, "5.7.1 message rejected as spam", Weight.NONE),
        (553, "5.6.7 no SMTPUTF8", Weight.NONE),
    ],
)
def test_only_a_reply_whose_code_and_words_agree_that_there_is_no_such_address_is_enough_by_itself(
    code: int, text: str, weight: Weight
) -> None:
    assert outcome_of(code, text) == Rejected(f"{code} {text}".strip(), weight)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (550, "5.4.5 Daily user sending limit exceeded"),
        (550, "5.1.8 bad sender domain"),
        (550, "Sender verify failed: user unknown"),
        (554, "5.7.1 blocked"),
        (550, "5.7.1 blocked: too many messages to unknown user"),
        (550, "5.7.515 access denied, sender does not meet the requirements"),
        (550, "relay not permitted, authentication required"),
        (535, "no"),
    ],
)
def test_a_refusal_that_blames_us_is_tried_again_and_charged_to_nobody(code: int, text: str) -> None:
    assert outcome_of(code, text) == Deferred(f"{code} {text}", NOW + timedelta(minutes=5))
    reply = SmtpReply(code, text, elsewhere=True)
    assert choose_outcome(reply, 3, NOW, jitter=1) == Deferred(str(reply), NOW)


def test_a_temporary_reply_never_suppresses() -> None:
    assert isinstance(outcome_of(450, "5.1.1 user unknown"), Deferred)

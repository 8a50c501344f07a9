"""Whose fault is it?"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.deliver.judgement import RULES, judge, write_table
from newsletter.deliver.judgement_words import Cause
from newsletter.model.mail import Blame, Weight

OURS, THEIRS = "bounces+4a-abcdefghij234567@notes.example.net", "ada@example.com"
DOCS = Path(__file__).parents[2] / "docs"


def test_the_docs_show_the_table() -> None:
    assert write_table() in (DOCS / "operations.md").read_text()


def test_each_cause_has_its_row() -> None:
    assert set(RULES) == set(Cause)
    assert {cause for cause, rule in RULES.items() if rule.weight is Weight.GONE} == {Cause.GONE}
    assert not any(rule.weight is not Weight.NONE for rule in RULES.values() if rule.blame is Blame.US)


@given(st.text(max_size=10), st.text(max_size=12), st.text(max_size=300), st.text(max_size=30))
def test_any_text_is_judged(code: str, status: str, text: str, address: str) -> None:
    judge(code, status, text, address, address[::-1])


@given(
    st.sampled_from(["", "5.0.0", "5.1.7", "5.1.8", "5.4.5", "5.7.1", "5.7.26", "4.4.7", "5.9.9"]), st.text()
)
def test_no_text_that_names_no_missing_mailbox_is_enough_by_itself(status: str, text: str) -> None:
    judgement = judge("550", status, text, OURS, THEIRS)

    assert judgement.weight is not Weight.GONE or judgement.cause is Cause.GONE
    if judgement.blame in (Blame.US, Blame.UNKNOWN, Blame.MESSAGE):
        assert judgement.weight is not Weight.GONE


@pytest.mark.parametrize(
    ("text", "blame"),
    [
        (f"<{OURS}>: User unknown", Blame.US),
        (f"<{THEIRS}>: User unknown", Blame.RECIPIENT),
        (f"callout to <prvs=0412ab34cd={OURS}> failed: no such user", Blame.US),
        ("notes.example.net: domain not found", Blame.US),
        ("example.com: domain not found", Blame.RECIPIENT),
        ("Sender address has null MX", Blame.US),
        ("mail server does not accept mail from your IP", Blame.US),
        ("we do not accept mail from notes.example.net", Blame.US),
        ("cannot find MX for your domain", Blame.US),
        ("sorry, your envelope sender domain must exist (#5.7.1)", Blame.US),
        ("STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied", Blame.US),
    ],
)
def test_whose_address_or_host_is_named_decides(text: str, blame: Blame) -> None:
    assert judge("550", "", text, OURS, THEIRS).blame is blame


def test_a_stranger_who_is_unknown_is_no_proof_against_the_recipient() -> None:
    assert judge("550", "5.1.1", "<bo@example.org>: User unknown", OURS, THEIRS).weight is Weight.STRIKE


@pytest.mark.parametrize(
    "text", ["תיבת הדואר מלאה", "Hộp thư đầy", "Cutia poștală este plină", "Posteingang voll"]
)
def test_a_word_of_any_script_has_its_limits(text: str) -> None:
    assert judge("550", "", text, OURS, THEIRS).cause is Cause.FULL

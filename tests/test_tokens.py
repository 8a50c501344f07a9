"""Signed names for links: one purpose, one number, one text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.signing import Purpose, Secret, build_token, check_token, read_number

SECRET = Secret(b"s" * 32)
NUMBERS = st.integers(0, 2**63 - 1)


@given(NUMBERS, st.sampled_from(list(Purpose)), st.text(max_size=40))
def test_a_token_is_read_back_for_its_purpose_and_what_it_is_bound_to(
    number: int, purpose: Purpose, bound: str
) -> None:
    token = build_token(purpose, number, SECRET, bound)

    assert len(token) <= 39
    assert read_number(token) == number
    assert check_token(token, purpose, SECRET, bound) == number
    assert check_token(token, purpose, Secret(b"t" * 32), bound) is None
    assert check_token(token, purpose, SECRET, bound + "x") is None
    for other in set(Purpose) - {purpose}:
        assert check_token(token, other, SECRET, bound) is None


@given(NUMBERS, st.data())
def test_a_token_with_one_sign_changed_is_none(number: int, data: st.DataObject) -> None:
    token = build_token(Purpose.LEAVE, number, SECRET)
    place = data.draw(st.integers(0, len(token) - 1))
    sign = data.draw(st.characters().filter(lambda other: other != token[place]))

    assert check_token(token[:place] + sign + token[place + 1 :], Purpose.LEAVE, SECRET) is None


@pytest.mark.parametrize(
    "text", ["", "a", "a" * 26, "A" * 30, "a" * 40, "0" * 30, "a" * 13 + "b" * 27, "é" * 30]
)
def test_what_is_no_token_names_no_number(text: str) -> None:
    assert read_number(text) is None


def test_a_number_has_one_token_only() -> None:
    token = build_token(Purpose.LEAVE, 7, SECRET)

    assert check_token("a" + token, Purpose.LEAVE, SECRET) is None

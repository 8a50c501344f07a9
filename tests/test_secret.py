"""The key shows itself nowhere."""

import copy
import hmac
import json
import pickle
from collections.abc import Callable

import pytest

from newsletter.signing import Secret

KEY = bytes(range(32))


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        "{}".format,
        "{!r:>9}".format,
        ascii,
        lambda one: f"{one}",
        lambda one: repr([one, {1: one}]),
    ],
)
def test_whatever_shows_it_shows_nothing(show: Callable[[object], str]) -> None:
    shown = show(Secret(KEY))
    assert "Secret(" in shown
    assert not any(form in shown for form in (KEY.hex(), repr(KEY), KEY.decode("latin-1"), "\\x01"))


@pytest.mark.parametrize("write", [pickle.dumps, json.dumps, copy.deepcopy, bytes, vars])
def test_it_cannot_be_written_down(write: Callable[[object], object]) -> None:
    with pytest.raises(TypeError) as refused:
        write(Secret(KEY))
    assert KEY.hex() not in str(refused.value)


def test_a_damaged_one_is_not_quoted() -> None:
    with pytest.raises(ValueError, match="damaged") as refused:
        Secret.from_hex("c0ffee-geheim")
    assert "geheim" not in repr(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("length", [0, 1, 32, 63, 64, 65, 200])
@pytest.mark.parametrize("text", [b"", b"x", b"x" * 1000])
def test_it_signs_as_the_standard_library_does(length: int, text: bytes) -> None:
    key = bytes(range(length))
    secret = Secret(key)
    assert secret.sign(text) == secret.sign(text) == hmac.digest(key, text, "sha256")


def test_it_equals_its_like() -> None:
    assert {Secret(KEY), Secret.from_hex(KEY.hex())} == {Secret(KEY)}
    assert Secret(KEY) != Secret(b"another")
    assert Secret(KEY) != KEY

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import pytest

from newsletter.stored_json import from_json, from_parsed, to_json


@dataclass(frozen=True)
class Thing:
    number: int
    names: tuple[str, ...] = ()
    on: date | None = None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None]}, '{"a":[true,null],"b":1}'),
        ({"é": "ورقة 🔬"}, '{"é":"ورقة 🔬"}'),
        ([date(2026, 6, 16), time(7, 30)], '["2026-06-16","07:30:00"]'),
        (datetime(2026, 6, 16, 7, tzinfo=UTC), '"2026-06-16T07:00:00+00:00"'),
        ((0.1, 1e-07), "[0.1,1e-07]"),
    ],
)
def test_equal_values_are_equal_bytes(value: object, text: str) -> None:
    assert to_json(value) == text


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object has no JSON form"):
        to_json(object())


def test_json_is_read_into_its_type() -> None:
    text = '{"number": 1, "names": ["a"], "on": "2026-06-16", "unknown": 2}'

    assert from_json(Thing, text) == Thing(1, ("a",), date(2026, 6, 16))


def test_json_that_does_not_fit_its_type_is_refused_and_not_quoted() -> None:
    with pytest.raises(
        ValueError, match="this is no Thing: number: Input should be a valid integer"
    ) as caught:
        from_parsed(Thing, {"number": "ada@example.org"})

    assert "ada" not in str(caught.value)

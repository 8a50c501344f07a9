"""Values as JSON and back: what is kept as text, hashed or compared.

Written canonically, so that equal values are equal bytes; read by pydantic, into the dataclasses of the model.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, time
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")

# Made when it is first needed: a command pays for what it reads.
_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


def to_json(value: object) -> str:
    """Return canonical JSON: sorted keys, no spaces, letters of all scripts as they are, times in ISO form."""
    return _ENCODER.encode(value)


def from_json(kind: type[T], text: str) -> T:
    """Return the value of this type that a JSON text says. Raises ValueError, which quotes nothing of it."""
    return from_parsed(kind, json.loads(text))


def from_parsed(kind: type[T], parsed: object) -> T:
    """As ``from_json``, of JSON that is parsed already. What the type does not know is left out."""
    try:
        value: T = _adapter(kind).validate_python(parsed)
        return value
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False, include_input=False)
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in wrong)
        raise ValueError(f"this is no {kind.__name__}: {told}") from None


def _write_time(value: object) -> str:
    if isinstance(value, date | time):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form here")


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_write_time)

"""One thing that a provider tells of one mail to one address, and how its JSON is read. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from newsletter.errors import WebhookError
from newsletter.text import clean_line

_MOST_CHARS = 500


class Happened(StrEnum):
    """What became of a mail, as far as it concerns us."""

    BOUNCED = "bounced"  # no further attempt is made
    DELAYED = "delayed"  # the provider tries again
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """What a provider tells. id is the same each time that it is told.

    status is an enhanced code (RFC 3463) and diagnostic the words of the server that refused; empty where not told.
    classification is what the provider calls it, in its own words. message_id and return_path are those of our mail,
    where the provider passes them on: they prove which one it is about.
    """

    id: str
    happened: Happened
    recipient: str
    status: str = ""
    diagnostic: str = ""
    classification: str = ""
    message_id: str = ""
    return_path: str = ""


@dataclass(frozen=True, slots=True)
class ParsedEvents:
    """The events of one request, in its order, and how many others it had, which do not concern us."""

    events: tuple[ProviderEvent, ...]
    ignored: int = 0


def load_json(body: bytes | str) -> Any:
    """Return what a body says. Raises WebhookError for what is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WebhookError("this is no JSON") from error


def as_mapping(value: object) -> Mapping[str, Any]:
    """Return an object of JSON; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> Sequence[Any]:
    """Return a list of JSON; an empty one for anything else."""
    return value if isinstance(value, list) else ()


def text_of(value: object, *path: str) -> str:
    """Return the text or number at a path of names, on one clean line of at most 500 characters, else ""."""
    for name in path:
        value = as_mapping(value).get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    try:
        return clean_line(str(value), _MOST_CHARS)
    except ValueError:  # an integer of thousands of digits
        return ""

"""A digest, or a notice, as text and back, so that a later attempt shows exactly what the first one did.

Cards are kept apart under the hash of their content: many readers share them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from newsletter.model.digest import Card, Digest, Item, Reason, Section, Window
from newsletter.model.entries import EntryId, EntryKey
from newsletter.model.mail import Fact, Notice
from newsletter.model.readers import Slot
from newsletter.model.topics import Scope


def freeze_digest(digest: Digest) -> tuple[str, dict[str, str]]:
    """Return the digest as canonical JSON, and its cards: content hash (SHA-256) to canonical JSON."""
    cards: dict[str, str] = {}
    sections = []
    for section in digest.sections:
        items = []
        for item in section.items:
            card_hash, card = _freeze_card(item.card)
            cards[card_hash] = card
            items.append(_freeze_item(item))
        rest = _to_json(
            {"overflow": section.overflow, "overflow_url": section.overflow_url, "topic": section.topic}
        )
        sections.append(f'{{"items":[{",".join(items)}],{rest[1:]}')
    before = {
        "is_first": digest.is_first,
        "look": [digest.layout, digest.language],
        "quiet_topics": digest.quiet_topics,
    }
    after = {
        "since_on": digest.since_on,
        "slot": {"at": digest.slot.at, "local_on": digest.slot.local_on},
        "window": {"after_run": digest.window.after_run, "upto_run": digest.window.upto_run},
    }
    # Put together by hand, because the JSON of an item is shared; "sections" stands between its neighbours by name.
    joined = f'{_to_json(before)[:-1]},"sections":[{",".join(sections)}],{_to_json(after)[1:]}'
    return joined, cards


def freeze_notice(notice: Notice, language: str) -> str:
    """Return a notice and the language it is in as canonical JSON."""
    return _to_json({"notice": asdict(notice), "language": language})


def thaw_notice(content_json: str) -> tuple[Notice, str]:
    """Return the notice and its language."""
    frozen = json.loads(content_json)
    values = frozen["notice"]
    values["paragraphs"] = tuple(values["paragraphs"])
    values["facts"] = tuple(Fact(**fact) for fact in values["facts"])
    return Notice(**values), frozen["language"]


@lru_cache(maxsize=4096)
def _freeze_card(card: Card) -> tuple[str, str]:
    """Return the hash and the JSON of a card. Remembered: the cards of an edition are shared by its readers."""
    text = _to_json(asdict(card))
    return hashlib.sha256(text.encode()).hexdigest(), text


@lru_cache(maxsize=16_384)
def _freeze_item(item: Item) -> str:
    """Return the JSON of one entry of a section. Remembered: readers with a topic in common have it in common."""
    card_hash, _ = _freeze_card(item.card)
    return _to_json({"entry": item.entry_id, "card": card_hash, "reason": asdict(item.reason)})


def thaw_digest(digest_json: str, cards: Mapping[str, str]) -> Digest:
    """Return the digest that freeze_digest was given. Raises KeyError where a card is missing."""
    frozen = json.loads(digest_json)
    layout, language = frozen.get("look", ("", ""))  # what an older version froze had only one look
    return Digest(
        slot=Slot(
            date.fromisoformat(frozen["slot"]["local_on"]), datetime.fromisoformat(frozen["slot"]["at"])
        ),
        window=Window(**frozen["window"]),
        sections=tuple(_thaw_section(section, cards) for section in frozen["sections"]),
        quiet_topics=tuple(frozen["quiet_topics"]),
        since_on=_thaw_date(frozen.get("since_on")),
        layout=layout,
        language=language,
        is_first=frozen.get("is_first", False),
    )


def _thaw_section(section: Mapping[str, Any], cards: Mapping[str, str]) -> Section:
    return Section(
        topic=section["topic"],
        items=tuple(
            Item(
                EntryId(item["entry"]),
                _thaw_card(json.loads(cards[item["card"]])),
                _thaw_reason(item["reason"]),
            )
            for item in section["items"]
        ),
        overflow=tuple(EntryId(entry) for entry in section["overflow"]),
        overflow_url=section["overflow_url"],
    )


def _thaw_card(card: dict[str, Any]) -> Card:
    dates = {name: _thaw_date(card[name]) for name in ("published_on", "listed_on")}
    return Card(**{**card, **dates, "key": EntryKey(card["key"]), "authors": tuple(card["authors"])})


def _thaw_reason(reason: dict[str, Any]) -> Reason:
    scope = Scope(reason["scope"]) if reason["scope"] else None
    return Reason(**{**reason, "scope": scope, "words": tuple(reason.get("words", ()))})


def _thaw_date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _to_json(value: object) -> str:
    return _ENCODER.encode(value)


def _write_time(value: object) -> str:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form here")


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_write_time)

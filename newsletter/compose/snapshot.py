"""Snapshots: a digest, or a notice, as text and back, so that a later attempt shows exactly what the first one did.

Cards are kept apart under the hash of their content: many readers share them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache

from newsletter.model.digest import Card, Digest, Item
from newsletter.model.mail import Notice
from newsletter.stored_json import from_parsed, to_json


def dump_digest(digest: Digest) -> tuple[str, dict[str, str]]:
    """Return the digest as canonical JSON, and its cards: content hash (SHA-256) to canonical JSON."""
    cards: dict[str, str] = {}
    sections = []
    for section in digest.sections:
        items = []
        for item in section.items:
            card_hash, card = _dump_card(item.card)
            cards[card_hash] = card
            items.append(_dump_item(item))
        rest = to_json(
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
    joined = f'{to_json(before)[:-1]},"sections":[{",".join(sections)}],{to_json(after)[1:]}'
    return joined, cards


def dump_notice(notice: Notice, language: str) -> str:
    """Return a notice and the language it is in as canonical JSON."""
    return to_json({"notice": asdict(notice), "language": language})


def parse_notice(content_json: str) -> tuple[Notice, str]:
    """Return the notice and its language."""
    parsed = json.loads(content_json)
    return from_parsed(Notice, parsed["notice"]), parsed["language"]


@lru_cache(maxsize=4096)
def _dump_card(card: Card) -> tuple[str, str]:
    """Return the hash and the JSON of a card. Remembered: the cards of an edition are shared by its readers."""
    fields = asdict(card)
    if not card.source:
        del fields["source"]  # the cards of papers keep the bytes, and the hash, that they had without it
    text = to_json(fields)
    return hashlib.sha256(text.encode()).hexdigest(), text


@lru_cache(maxsize=16_384)
def _dump_item(item: Item) -> str:
    """Return the JSON of one entry of a section. Remembered: readers with a topic in common have it in common."""
    card_hash, _ = _dump_card(item.card)
    return to_json({"entry": item.entry_id, "card": card_hash, "reason": asdict(item.reason)})


def parse_digest(digest_json: str, cards: Mapping[str, str]) -> Digest:
    """Return the digest that dump_digest was given. Raises KeyError where a card is missing."""
    parsed = json.loads(digest_json)
    parsed["layout"], parsed["language"] = parsed.pop("look", ("", ""))  # at first there was only one look
    for section in parsed["sections"]:
        for item in section["items"]:
            item["entry_id"] = item.pop("entry")
            item["card"] = json.loads(cards[item["card"]])
    return from_parsed(Digest, parsed)

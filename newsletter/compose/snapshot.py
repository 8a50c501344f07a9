"""Snapshots: a digest, or a notice, as text and back, so that a later attempt shows exactly what the first one did.

Cards are kept apart under the hash of their content: many readers share them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

from newsletter.model.digest import Card, Digest, Item, Reason, Section, Window
from newsletter.model.entries import EntryId
from newsletter.model.mail import Notice
from newsletter.stored_json import from_parsed, to_json

if TYPE_CHECKING:
    from newsletter.model.readers import Slot


def dump_digest(digest: Digest) -> tuple[str, dict[str, str]]:
    """Return the digest as canonical JSON, and its cards: content hash (SHA-256) to canonical JSON."""
    cards: dict[str, str] = {}
    sections = []
    for section in digest.sections:
        text, some = _dump_section(section)
        sections.append(text)
        cards |= some
    # Put together by hand, because what readers share is; "sections" stands between its neighbours by name.
    before = _dump_before(
        digest.is_first, digest.layout, digest.language, digest.pictures, digest.quiet_topics
    )
    after = _dump_after(digest.since_on, digest.slot, digest.window)
    return f'{before},"sections":[{",".join(sections)}],{after}', cards


def _dump_section(section: Section) -> tuple[str, dict[str, str]]:
    """Return a section as JSON, and its cards."""
    before, cards = _dump_papers(section.items, section.overflow, section.overflow_url)
    return f'{before},"topic":{to_json(section.topic)}}}', cards


@lru_cache(maxsize=8192)
def _dump_papers(
    items: tuple[Item, ...], overflow: tuple[EntryId, ...], overflow_url: str
) -> tuple[str, dict[str, str]]:
    """Return what the JSON of a section begins with, whatever its topic is called, and its cards. Remembered for every
    other reader who gets just these."""
    dumped = [_dump_shared(item.entry_id, item.card, item.reason) for item in items]
    # Without "also" they have the bytes that they always had; it stands before all others by name.
    written = [
        f'{{"also":{to_json(item.also)},{text[1:]}' if item.also else text
        for item, (text, _) in zip(items, dumped, strict=True)
    ]
    over = _dump_overflow(overflow, overflow_url)
    return f'{{"items":[{",".join(written)}],{over[1:-1]}', dict([card for _, card in dumped])


@lru_cache(maxsize=8192)
def _dump_overflow(overflow: tuple[EntryId, ...], overflow_url: str) -> str:
    return to_json({"overflow": overflow, "overflow_url": overflow_url})


@lru_cache(maxsize=1024)
def _dump_before(
    is_first: bool, layout: str, language: str, pictures: bool, quiet_topics: tuple[str, ...]
) -> str:
    look = [
        layout,
        language,
        *([pictures] if pictures else []),
    ]  # without it, the bytes that there always were
    before = {"is_first": is_first, "look": look, "quiet_topics": quiet_topics}
    return to_json(before)[:-1]


@lru_cache(maxsize=1024)
def _dump_after(since_on: date | None, slot: Slot, window: Window) -> str:
    after = {
        "since_on": since_on,
        "slot": {"at": slot.at, "local_on": slot.local_on},
        "window": {"after_run": window.after_run, "upto_run": window.upto_run},
    }
    return to_json(after)[1:]


def list_cards(content_json: str) -> set[str]:
    """Return the hashes of the cards that a digest refers to; a notice, or one that was erased, refers to none."""
    parsed = json.loads(content_json) if content_json else {}
    return {item["card"] for section in parsed.get("sections", ()) for item in section["items"]}


def dump_shown(shown: Iterable[tuple[EntryId, str, bool]]) -> str:
    """Return which entries a digest has, in their order, as JSON: [topic, 1 or 0 (over its limit), their ids], …"""
    groups = [
        [topic, int(is_shown), [entry for entry, _, _ in some]]
        for (topic, is_shown), some in groupby(shown, key=lambda one: one[1:])
    ]
    return to_json(groups)


def parse_shown(text: str | None) -> tuple[tuple[EntryId, str, bool], ...]:
    """Return (entry, topic, shown) of each entry that a digest has."""
    groups = json.loads(text) if text else ()
    return tuple((EntryId(entry), topic, bool(shown)) for topic, shown, some in groups for entry in some)


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
    if not card.picture:
        del fields["picture"]  # likewise
    text = to_json(fields)
    return hashlib.sha256(text.encode()).hexdigest(), text


@lru_cache(maxsize=16_384)
def _dump_shared(entry_id: EntryId, card: Card, reason: Reason) -> tuple[str, tuple[str, str]]:
    """Return the JSON of an entry for all readers who get it for this reason, whatever else it fits, and its card."""
    card_hash, card_json = _dump_card(card)
    text = to_json({"entry": entry_id, "card": card_hash, "reason": asdict(reason)})
    return text, (card_hash, card_json)


def parse_digest(digest_json: str, cards: Mapping[str, str]) -> Digest:
    """Return the digest that dump_digest was given. Raises KeyError where a card is missing."""
    parsed = json.loads(digest_json)
    look = parsed.pop("look", ("", ""))  # at first there was only one look
    parsed["layout"], parsed["language"], parsed["pictures"] = (*look, False)[:3]
    for section in parsed["sections"]:
        for item in section["items"]:
            item["entry_id"] = item.pop("entry")
            item["card"] = json.loads(cards[item["card"]])
    return from_parsed(Digest, parsed)

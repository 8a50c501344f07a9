"""Digests as tests state them: each builder asks only for what a test is about."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any

from newsletter.model.digest import Card, Digest, Item, Reason, Section, Window
from newsletter.model.entries import EntryId, EntryKey
from newsletter.model.mail import Identity, Links, Rendered
from newsletter.model.pictures import PictureFile
from newsletter.model.readers import Cadence, EmailAddress, Slot, Subscriber
from newsletter.model.topics import Scope
from newsletter.render import CompiledBundle, compile_bundle, load_bundle, render_digest
from newsletter.settings.shipped import find_shipped

DAY = date(2026, 6, 18)
IDENTITY = Identity(
    name="Daily Papers",
    id="daily",
    from_name="Daily Papers",
    from_address=EmailAddress("digest@news.example.org"),
    leave_address=EmailAddress("leave@news.example.org"),
    bounce_address=EmailAddress("bounce@news.example.org"),
    postal_address="Example Lab\n1 Main Street",
)
READER = Subscriber(
    address=EmailAddress("ada@example.org"),
    cadence=Cadence(days=frozenset(range(5)), at=time(7, 30), zone="Europe/Berlin"),
    topics_json="[]",
)
LINKS = Links(
    leave="mailto:leave@news.example.org?subject=unsubscribe",
    change="mailto:leave@news.example.org?subject=change%20topics",
    leave_mailto="mailto:leave@news.example.org?subject=unsubscribe",
)
HIT = Reason(rule="RAG", scope=Scope.TITLE, upvotes=47, age_hours=9, projected=112, place=2, of=31)
LONG_SUMMARY = "One sentence that says something about retrieval. " * 12


def make_card(number: int = 1, **values: Any) -> Card:
    defaults: dict[str, Any] = {
        "key": EntryKey(f"arxiv:2606.{number:05}"),
        "title": f"Paper {number} about retrieval",
        "summary": LONG_SUMMARY,
        "authors": ("Ada Lindqvist", "Bo Chen"),
        "upvotes": 47,
        "url": f"https://arxiv.org/abs/2606.{number:05}",
        "pdf_url": f"https://arxiv.org/pdf/2606.{number:05}",
    }
    return Card(**{**defaults, **values})


def make_picture(number: int = 1, *, width: int = 400, height: int = 225, size: int = 12_000) -> PictureFile:
    return PictureFile(f"{number:064x}.jpg", width, height, size)


def make_item(number: int = 1, reason: Reason = HIT, **values: Any) -> Item:
    return Item(EntryId(number), make_card(number, **values), reason)


def make_section(*items: Item, topic: str = "RAG", overflow: int = 0, overflow_url: str = "") -> Section:
    more = tuple(EntryId(1000 + number) for number in range(overflow))
    return Section(topic=topic, items=items, overflow=more, overflow_url=overflow_url)


def make_digest(*sections: Section, quiet_topics: tuple[str, ...] = ()) -> Digest:
    slot = Slot(DAY, datetime(2026, 6, 18, 5, 30, tzinfo=UTC))
    return Digest(slot=slot, window=Window(1, 2), sections=sections, quiet_topics=quiet_topics)


@cache
def shipped_templates() -> CompiledBundle:
    return compile_bundle(load_bundle(find_shipped("templates")), IDENTITY)


def render(*sections: Section, quiet_topics: tuple[str, ...] = ()) -> Rendered:
    return render_digest(
        shipped_templates(), make_digest(*sections, quiet_topics=quiet_topics), READER, IDENTITY, LINKS
    )

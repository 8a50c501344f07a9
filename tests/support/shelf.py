"""What a store would know of sources after some looks, without a database: looks at feeds, and what is new in them."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from newsletter.collect import atom_rss, json_feed
from newsletter.collect.changes import choose_changes
from newsletter.collect.linkage import choose_lookups, choose_titles
from newsletter.model.entries import Entry, EntryChange, EntryId, Place, Said, Sighting
from newsletter.model.sources import Fetched, Request, Source
from tests.support.builders import at

START = at("2026-06-16 12:00")
Item = dict[str, Any]


def write_rss(items: Sequence[Item]) -> bytes:
    """RSS of these items: title, link, guid, date, text, extra (XML); what is None is left out."""

    def write(item: Item) -> str:
        parts = [
            f"<{name}>{html.escape(str(item[key]))}</{name}>"
            for key, name in (("title", "title"), ("link", "link"), ("text", "description"))
            if item.get(key)
        ]
        if item.get("guid"):
            parts.append(f'<guid isPermaLink="false">{html.escape(item["guid"])}</guid>')
        if item.get("date"):
            parts.append(f"<pubDate>{format_datetime(item['date'])}</pubDate>")
        return f"<item>{''.join(parts)}{item.get('extra', '')}</item>"

    return (
        '<rss version="2.0" xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Notes</title>'
        f"<link>https://notes.example.net/</link>{''.join(map(write, items))}</channel></rss>"
    ).encode()


def write_json_feed(items: Sequence[Item]) -> bytes:
    """JSON Feed of the same items."""
    names = {"title": "title", "link": "url", "guid": "id", "text": "content_text"}
    return json.dumps(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": "Notes",
            "items": [
                {names[key]: value for key, value in item.items() if key in names and value}
                | ({"date_published": item["date"].isoformat()} if item.get("date") else {})
                for item in items
            ],
        }
    ).encode()


def parse_items(items: Sequence[Item], source: str = "notes", *, is_json: bool = False) -> list[Sighting]:
    kind, write = (json_feed, write_json_feed) if is_json else (atom_rss, write_rss)
    url = f"https://{source}.example.net/feed"
    feed = kind.parse(Fetched(write(items), url), Source(source, "feed", url), Request(url))
    return list(feed.sightings)


class Shelf:
    """Entries, where they were seen, and of each source the date of its newest, as after these looks."""

    def __init__(self) -> None:
        self.entries: dict[EntryId, Entry] = {}
        self.places: dict[EntryId, dict[Place, Said]] = {}
        self.newest: dict[str, datetime | None] = {}
        self.run = 0

    def collect(self, sightings: Sequence[Sighting], now: datetime = START) -> tuple[EntryChange, ...]:
        """Take one pass, with what a store would find of what is known, and nothing else."""
        self.run += 1
        keys = choose_lookups(sightings)
        found = [entry for entry in self.entries.values() if keys & {*entry.keys}]
        titles = choose_titles(found, sightings)
        found += [
            entry
            for number, entry in self.entries.items()
            if entry not in found
            and any((place[0], said.title) in titles for place, said in self.places[number].items())
        ]
        places = {entry.id: self.places[entry.id] for entry in found}
        changes = choose_changes(
            found,
            sightings,
            run=self.run,
            now=now,
            newest=self.newest,
            feeds=self.newest.keys(),
            known_places=places,
        )
        for change in changes:
            self._save(change, now)
        names = [key for entry in self.entries.values() for key in entry.keys]
        assert len(names) == len(set(names)), "a name of two entries"
        return changes

    def look(
        self, *items: Item, source: str = "notes", now: datetime = START, is_json: bool = False
    ) -> list[str]:
        """Return the titles of what is new in one look at one feed, in order."""
        changes = self.collect(parse_items(items, source, is_json=is_json), now)
        return [change.entry.title for change in changes if change.entry.first_seen_run == self.run]

    def _save(self, change: EntryChange, now: datetime) -> None:
        number = change.entry.id or EntryId(max(self.entries, default=0) + 1)
        self.entries[number] = replace(change.entry, id=number)
        seen_in = self.places.get(number, {}) | {one.place: one.said for one in change.sightings}
        for absorbed in change.absorbs:
            del self.entries[absorbed]
            seen_in = self.places.pop(absorbed) | seen_in
        self.places[number] = seen_in
        for one in change.sightings:
            dates = [self.newest.get(one.source), one.entry.published_at and min(one.entry.published_at, now)]
            self.newest[one.source] = max(filter(None, dates), default=None)

"""sources.yaml, the file of further sources: which feeds of a list are new, and the file's text with them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import yaml
from pydantic import ValidationError

from newsletter.collect.identity import choose_keys
from newsletter.settings.config import SourceSettings
from newsletter.settings.yaml_text import load_yaml
from newsletter.text import clean_line

if TYPE_CHECKING:
    from newsletter.model.sources import Source
    from newsletter.settings.opml import Outline

_MAX_NAME_CHARS = 100
_HEAD = (
    "# Sources beside those of config.yaml, written as there. 'newsletter sources import' adds to this file;\n"
    "# change names and take lines out as you like.\n"
)
_FIRST_ITEM = re.compile(r"^( *)- ", re.MULTILINE)


class NewSource(NamedTuple):
    """A feed to be added."""

    name: str
    location: str


class NotTaken(NamedTuple):
    """A feed that is not added, and why. line is that of the list; url lacks its login."""

    line: int
    url: str
    why: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What becomes of the feeds of a list, each in its order."""

    new: tuple[NewSource, ...]
    known: tuple[NotTaken, ...]
    refused: tuple[NotTaken, ...]


def choose_new_sources(feeds: Iterable[Outline], sources: Sequence[Source], folder: Path) -> Choice:
    """Return which feeds of a list are new beside these sources, under names of their own.

    Two addresses are one feed where they differ in scheme, ``www.``, a slash at the end and the like. A feed without a
    title is called after its host; one whose name is taken gets its host behind it, or a number.
    """
    places = {
        _place_of(source.location): f"'{source.name}'" for source in sources if "://" in source.location
    }
    names = {source.name for source in sources}
    new: list[NewSource] = []
    known: list[NotTaken] = []
    refused: list[NotTaken] = []
    for feed in feeds:
        place = _place_of(feed.url)
        url = _without_login(feed.url)
        if why := _find_mistake(feed.url, folder):
            refused.append(NotTaken(feed.line, url, why))
        elif place in places:
            known.append(NotTaken(feed.line, url, f"is there already as {places[place]}"))
        else:
            source = NewSource(_choose_name(feed, names), feed.url)
            new.append(source)
            names.add(source.name)
            places[place] = f"'{source.name}'"
    return Choice(tuple(new), tuple(known), tuple(refused))


def add_sources(text: str, new: Sequence[NewSource]) -> str:
    """Return the text of sources.yaml ("" for none yet) with further feeds at its end; what stood there stays.

    A list that is written in one line is written anew, one below the other.
    """
    before = load_yaml(text, "sources.yaml").value.get("sources") or []
    assert isinstance(before, list)
    added = [{"kind": "feed", "name": source.name, "location": source.location} for source in new]
    if before and (first := _FIRST_ITEM.search(text)):
        whole = text.rstrip("\n") + "\n" + _write_items(added, first[1])
        if _reads_as(whole, [*before, *added]):
            return whole
    comments = "".join(f"{line}\n" for line in text.splitlines() if line.startswith("#")) or _HEAD
    return f"{comments}sources:\n{_write_items([*before, *added], '  ')}"


def _write_items(items: Iterable[object], indent: str) -> str:
    text = yaml.safe_dump(
        list(items), allow_unicode=True, sort_keys=False, width=10_000, default_flow_style=False
    )
    return "".join(f"{indent}{line}\n" for line in text.splitlines())


def _reads_as(text: str, items: object) -> bool:
    return load_yaml(text, "sources.yaml").value.get("sources") == items


def _place_of(url: str) -> str:
    """Return what two addresses of one feed have in common."""
    key = next(iter(choose_keys(url=url)), "")
    if key:
        return key.replace("://www.", "://", 1)
    parts = urlsplit(url)  # a site's front page, which names no work
    return f"{(parts.hostname or '').removeprefix('www.')}{parts.path.rstrip('/')}?{parts.query}"


def _without_login(url: str) -> str:
    """Return an address as it may be shown."""
    return re.sub(r"(?<=://)[^/@]*@", "", url)


def _find_mistake(url: str, folder: Path) -> str:
    """Return what is wrong with the address of a feed, "" for nothing."""
    if "://" not in url:
        return "is not a web address"
    context = {"file": folder / "config.yaml", "environ": {}}
    try:
        SourceSettings.model_validate({"kind": "feed", "name": "feed", "location": url}, context=context)
    except ValidationError as error:
        return str(error.errors()[0]["ctx"]["error"])
    return ""


def _choose_name(feed: Outline, taken: set[str]) -> str:
    host = (urlsplit(feed.url).hostname or "").removeprefix("www.")
    name = clean_line(feed.title, _MAX_NAME_CHARS)
    if "://" in name or not name:
        name = host
    return next(candidate for candidate in _candidates(name, host) if candidate not in taken)


def _candidates(name: str, host: str) -> Iterator[str]:
    yield name
    if host != name:
        yield f"{name} ({host})"
    number = 2
    while True:
        yield f"{name} ({number})"
        number += 1

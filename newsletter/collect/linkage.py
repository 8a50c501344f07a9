"""Which of the things that sources list are one work, and which of them we know.

A source decides first what is one of *its* items: two things that it lists are two, unless they share a name and
nothing speaks against it. A shared address is such a name only while title and date agree, an id as long as one title
stands under it. Over its looks likewise: an address that is known under another id, with another title or a later date,
is another entry; an id that comes back with another title, another address and a later date is one, too. Where neither
id nor address is known, the same title at the same moment stands in, if what is known is not listed besides.

Between sources an address joins, except where one of them has several entries there: then those of the same title.
The ids of papers (arXiv, DOI) join everywhere, but for a DOI that stands only beside several items of a source (a
journal's).

All of it is pure, and the order of the items makes no difference.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from newsletter.collect.identity import choose_keys, sort_keys
from newsletter.model.entries import Entry, EntryId, EntryKey, KnownPlaces, Said, Sighting, Titled, hash_title

_MAX_NAMES = 12
"""So many addresses and ids an entry may have: those that are new at each look would be without end."""
_NO_DATE = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Work:
    """One work of a look: the entries that are known of it, and its sightings, with the keys that are its own.

    numbers are the places of the sightings in the look.
    """

    known: tuple[Entry, ...]
    sightings: tuple[Sighting, ...]
    numbers: tuple[int, ...]


def choose_lookups(sightings: Iterable[Sighting]) -> frozenset[EntryKey]:
    """Return the keys under which the works of these sightings may be known."""
    return frozenset(
        key
        for sighting in sightings
        for key in (*sighting.entry.keys, *_titled_addresses(sighting), _own_name(sighting))
    )


def choose_titles(known: Iterable[Entry], sightings: Iterable[Sighting]) -> frozenset[Titled]:
    """Return the titles under which else the works of these sightings may be known, where their ids are not."""
    names = {key for entry in known for key in entry.keys if not key.startswith("url:")}
    return frozenset(
        Titled(sighting.source, sighting.said.title)
        for sighting in sightings
        if sighting.said.title and not names.intersection(sighting.entry.keys)
    )


def link(known: Sequence[Entry], places: KnownPlaces, sightings: Sequence[Sighting]) -> list[Work]:
    """Return the works that the sightings tell of, in their order.

    known are the entries under the keys of ``choose_lookups`` and the titles of ``choose_titles``, places what was
    listed of each and where.
    """
    clusters = _Clusters(known, places)
    by_source: defaultdict[str, list[int]] = defaultdict(list)
    for number, sighting in enumerate(sightings):
        by_source[sighting.source].append(number)
    by_key = {key: entry for entry in known for key in entry.keys}
    said = _sort_said(known, places)
    for source, numbers in by_source.items():
        items = _split_items(source, sightings, numbers)
        shelf = _Shelf(source, by_key, said[source])
        clusters.add(items, _match_items(items, shelf), shelf)
    clusters.join_papers()
    clusters.join_addresses()
    return _build_works(clusters, sightings)


# --- one source -----------------------------------------------------------------------------------------------------


class _Item:
    """One thing that a source lists, however often. names are those of its keys that stand for it alone."""

    def __init__(
        self, source: str, numbers: Sequence[int], sightings: Sequence[Sighting], shared: set[EntryKey]
    ) -> None:
        self.source = source
        self.numbers = numbers
        self.sightings = sightings
        self.keys = {key for one in sightings for key in one.entry.keys}
        self.names = self.keys - shared

    @cached_property
    def title(self) -> str:
        return max(map(_title_of, self.sightings))

    @cached_property
    def at(self) -> datetime | None:
        return max((one.entry.published_at for one in self.sightings if one.entry.published_at), default=None)

    @cached_property
    def guids(self) -> set[EntryKey]:
        return {key for key in self.keys if key.startswith("guid:")}

    @cached_property
    def shared(self) -> set[EntryKey]:
        """Return the ids that the item has with others."""
        return {key for key in self.keys - self.names if not key.startswith("url:")}

    @cached_property
    def addresses(self) -> set[EntryKey]:
        return {key for key in self.keys if key.startswith("url:")}

    @cached_property
    def is_paper(self) -> bool:
        return any(key.startswith(("arxiv:", "doi:")) for key in self.names)

    @cached_property
    def order(self) -> tuple[object, ...]:
        """What puts items in an order that is not that of the listing."""
        summaries = sorted(one.entry.summary for one in self.sightings)
        return self.at or _NO_DATE, self.title, sorted(self.keys), summaries


def _split_items(source: str, sightings: Sequence[Sighting], numbers: Sequence[int]) -> list[_Item]:
    """Return the items of one source, each with all its sightings; numbers are the places of the source's."""
    claims: defaultdict[EntryKey, list[int]] = defaultdict(list)
    for number in numbers:
        for key in sightings[number].entry.keys:
            claims[key].append(number)
    links = _Links()
    shared: set[EntryKey] = set()
    for key in sorted(claims):  # ids first: what has one id has one address
        parts = _split_claim(key, claims[key], sightings, shared)
        shared |= {key} if len(parts) > 1 else set()
        for part in parts:
            for number in part[1:]:
                links.join(part[0], number)
    shared = {key for key, own in claims.items() if len({links.root(number) for number in own}) > 1}
    items: defaultdict[Hashable, list[int]] = defaultdict(list)
    for number in numbers:
        items[links.root(number)].append(number)
    return [_Item(source, own, [sightings[number] for number in own], shared) for own in items.values()]


def _split_claim(
    key: EntryKey, claimants: Sequence[int], sightings: Sequence[Sighting], shared: set[EntryKey]
) -> list[list[int]]:
    """Return the sightings of one source that have a key, in parts that are one item each as far as the key goes.

    shared are the ids that stand for several items.
    """
    if len(claimants) == 1:
        return [list(claimants)]
    kind = key.partition(":")[0]
    seen = [sightings[number] for number in claimants]
    titles = {_title_of(one) for one in seen}
    guids = {_guids_of(one) for one in seen}
    if kind == "doi":
        is_one = len(titles) == 1 or len(guids) < len(titles) or all(_is_carried(key, one) for one in seen)
    else:
        has_one_id = len(guids) == 1 and bool(frozenset().union(*guids) - shared)
        is_one = kind == "arxiv" or (len(titles) == 1 and (kind == "guid" or has_one_id))
    if is_one:
        return [list(claimants)]
    parts: defaultdict[Hashable, list[int]] = defaultdict(list)
    for number, one in zip(claimants, seen, strict=True):
        parts[_title_of(one)].append(number)
    if kind == "doi":
        return list(parts.values())
    return [part for same in parts.values() for part in _split_same_title(same, sightings)]


def _split_same_title(claimants: Sequence[int], sightings: Sequence[Sighting]) -> list[list[int]]:
    """Return in parts what shares an address (or an id) and a title: by date; where that is one, by id and text."""
    seen = [sightings[number] for number in claimants]
    dates = {one.entry.published_at for one in seen}
    by_date = len(dates - {None}) > 1
    by_text = len(dates) == 1 and len({one.entry.summary for one in seen} - {""}) > 1
    parts: defaultdict[Hashable, list[int]] = defaultdict(list)
    for number, one in zip(claimants, seen, strict=True):
        parts[one.entry.published_at if by_date else _guids_of(one) if by_text else None].append(number)
    return list(parts.values())


def _sort_said(
    known: Sequence[Entry], places: KnownPlaces
) -> Mapping[str, Sequence[tuple[Entry, frozenset[Said]]]]:
    """Return of each source the entries that it has listed, and what it said of them."""
    sorted_: defaultdict[str, list[tuple[Entry, frozenset[Said]]]] = defaultdict(list)
    for entry in known:
        by_source: defaultdict[str, set[Said]] = defaultdict(set)
        for place, said in places.get(entry.id, {}).items():
            by_source[place[0]].add(said)
        for source, all_said in by_source.items():
            sorted_[source].append((entry, frozenset(all_said)))
    return sorted_


class _Shelf:
    """What is known of one source: its entries by title, and what it said of each; and all entries by key."""

    def __init__(
        self, source: str, by_key: Mapping[EntryKey, Entry], said: Sequence[tuple[Entry, frozenset[Said]]]
    ) -> None:
        self._start = f"guid:{source}:"
        self.by_key = by_key
        self.said = {entry.id: all_said for entry, all_said in said}
        self.by_title: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry, all_said in said:
            for title in {title for title, _ in all_said}:
                self.by_title[title].append(entry)

    def choose_guids(self, entry: Entry) -> set[EntryKey]:
        """Return the ids that the source gave an entry; its address is none."""
        given = {key for key in entry.keys if key.startswith(self._start)}
        return {key for key in given if not {*choose_keys(url=key.removeprefix(self._start))} & {*entry.keys}}

    def has_said(self, entry: Entry, title: str) -> bool:
        titles = {said.title for said in self.said[entry.id]} - {""}
        return title in (titles or {hash_title(entry.title)})

    def is_later(self, entry: Entry, at: datetime | None) -> bool:
        known = max((said.at for said in self.said[entry.id] if said.at), default=None)
        return at is not None and known is not None and at > known


def _match_items(items: Sequence[_Item], shelf: _Shelf) -> list[tuple[_Item, EntryId]]:
    """Return which known entries the items of one source are."""
    matches = list(_match_names(items, shelf))
    done = {id(item) for item, entry in matches if entry in shelf.said}
    taken = {entry for _, entry in matches}
    for rank in (_rank_address, _rank_title):
        pairs = [
            (place, item.order, entry.id, item)
            for item in items
            if id(item) not in done
            for entry in _choose_candidates(item, shelf)
            if entry.id not in taken and (place := rank(item, entry, shelf)) is not None
        ]
        for *_, entry_id, item in sorted(pairs, key=lambda pair: pair[:3]):
            if id(item) not in done and entry_id not in taken:
                done.add(id(item))
                taken.add(entry_id)
                matches.append((item, entry_id))
    return matches


def _match_names(items: Sequence[_Item], shelf: _Shelf) -> Iterator[tuple[_Item, EntryId]]:
    """Yield which items have an id, or a paper's, that is known."""
    found: set[tuple[int, EntryId]] = set()
    for kinds in (("arxiv:", "guid:"), ("doi:",)):
        taken = {entry: item for item, entry in found}
        for item in items:
            for key in {name for name in item.names if name.startswith(kinds)}:
                entry = shelf.by_key.get(key)
                if entry and (
                    entry.id not in shelf.said
                    or _is_named(item, key, entry, shelf, taken.get(entry.id, id(item)) == id(item))
                ):
                    found.add((id(item), entry.id))
                    yield item, entry.id
    done = {item for item, _ in found}
    for item in items:
        for key in set() if id(item) in done else {_own_name(one) for one in item.sightings}:
            if key in shelf.by_key:
                yield item, shelf.by_key[key].id


def _is_named(item: _Item, key: EntryKey, entry: Entry, shelf: _Shelf, is_only: bool) -> bool:
    """Tell whether an item is the entry that its source listed under the same id, or the same paper's.

    is_only: no other item has the entry's id.
    """
    if key.startswith("arxiv:"):
        return True
    same_title = shelf.has_said(entry, item.title)
    if key.startswith("doi:"):
        given = shelf.choose_guids(entry)
        has_other_id = bool(item.guids and given) and not item.guids & given
        is_other = has_other_id and not (same_title and is_only)
        # A journal's DOI may stand beside any of its articles; that of a paper of arXiv is the paper's.
        is_paper = any(name.startswith("arxiv:") for name in (*entry.keys, *item.keys))
        return not is_other or is_paper or all(_is_carried(key, one) for one in item.sightings)
    before = {name for name in entry.keys if name.startswith("url:")}
    has_moved = bool(before and item.addresses) and not before & item.addresses
    if same_title or not has_moved:
        return True
    others = {known.id for name in _all_addresses(item) if (known := shelf.by_key.get(name))} - {entry.id}
    return not others and not shelf.is_later(entry, item.at)


def _choose_candidates(item: _Item, shelf: _Shelf) -> list[Entry]:
    """Return the known entries of a source that an item might be, its ids aside."""
    keys = _all_addresses(item) | item.shared
    found = [shelf.by_key[key] for key in keys if key in shelf.by_key] + shelf.by_title.get(item.title, [])
    return [entry for entry in {entry.id: entry for entry in found}.values() if entry.id in shelf.said]


def _rank_address(item: _Item, entry: Entry, shelf: _Shelf) -> int | None:
    """Return how well an item fits a known entry at the same address (or under an id that several items of the source
    have), 0 best, None for not at all."""
    is_there = not _all_addresses(item).isdisjoint(entry.keys)
    if not is_there and item.shared.isdisjoint(entry.keys):
        return None
    same_title = shelf.has_said(entry, item.title)
    is_later = shelf.is_later(entry, item.at)
    if same_title and not is_later:
        return 0 if is_there else 2
    if not is_there or (same_title and item.guids and not item.guids & item.names):
        return None
    has_ids = bool(item.guids and shelf.choose_guids(entry))
    return None if has_ids or (not same_title and is_later) else 1


def _rank_title(item: _Item, entry: Entry, shelf: _Shelf) -> int | None:
    """Return how well an item fits a known entry by title and date, as ``_rank_address``.

    Where neither has a date, its address must end alike, whatever stands before that and behind, and no id may be its
    own.
    """
    said = Said(item.title, item.at)
    if item.is_paper or said not in shelf.said[entry.id]:
        return None
    if said.at:
        return 0
    known = {_end_of(key) for key in entry.keys if key.startswith("url:")}
    return (
        None
        if item.guids & item.names or (item.addresses and not known & set(map(_end_of, item.addresses)))
        else 1
    )


def _end_of(address: EntryKey) -> tuple[str, ...]:
    """Return the last part of an address's path and those that are numbers: a page of another month is another."""
    *folders, last = address.partition("?")[0].split("/")[3:] or [""]
    return (*(folder for folder in folders if folder.isdigit()), last)


# --- all sources ----------------------------------------------------------------------------------------------------


class _Clusters:
    """Items and known entries that are one work. Nodes are numbers of items, and ids of entries as ``(id,)``."""

    def __init__(self, known: Sequence[Entry], places: KnownPlaces) -> None:
        self.items: list[_Item] = []
        self.known = {entry.id: entry for entry in known}
        self._links = _Links()
        self._refused: set[tuple[int, EntryId]] = set()
        self._owners = {key: entry.id for entry in known for key in entry.keys}
        self._sources: dict[Hashable, set[str]] = {}
        self._titles: dict[Hashable, set[Said]] = {}
        for entry in known:
            listed = places.get(entry.id, {})
            self._sources[entry.id,] = {place[0] for place in listed}
            self._titles[entry.id,] = {said for said in listed.values() if said.title} or {
                Said(hash_title(entry.title), entry.published_at)
            }

    def add(self, items: Sequence[_Item], matches: Sequence[tuple[_Item, EntryId]], shelf: _Shelf) -> None:
        """Add the items of one source, and which known entries they are."""
        matched = {(id(item), entry) for item, entry in matches}
        numbers = {id(item): number for number, item in enumerate(items, len(self.items))}
        self.items += items
        for item in items:
            number = numbers[id(item)]
            self._sources[number] = {item.source}
            self._titles[number] = {Said(item.title, item.at)}
            for key in item.names:
                owner = self._owners.get(key)
                if owner in shelf.said and (id(item), owner) not in matched:
                    self._refused.add((number, owner))
        for item, entry in matches:
            self._join([numbers[id(item)], (entry,)])

    def join_papers(self) -> None:
        """Join what has a paper's id, or a source's own."""
        for key, numbers in self._claims(("arxiv:", "doi:", "guid:")).items():
            owner = self._owners.get(key)
            if owner is None:
                self._join(numbers)
            else:
                self._join(
                    [(owner,), *(number for number in numbers if (number, owner) not in self._refused)]
                )

    def join_addresses(self) -> None:
        """Join what has an address, but nothing that a source has as two: of those only what has one title."""
        for key, numbers in sorted(self._claims(("url:",)).items()):
            titled = {
                name
                for number in numbers
                for one in self.items[number].sightings
                for name in _titled_addresses(one)
            }
            owners = {
                self._owners[name] for name in (key, *titled) if name in self._owners and name.startswith(key)
            }
            nodes: list[Hashable] = [*numbers, *((owner,) for owner in owners)]
            if self._join_if_apart(nodes):
                continue
            by_said: defaultdict[Said, list[Hashable]] = defaultdict(list)
            by_title: defaultdict[str, list[Hashable]] = defaultdict(list)
            for node in nodes:
                for said in self._titles[self.root(node)]:
                    by_said[said].append(node)
                    by_title[said.title].append(node)
            for same in (*_in_order(by_said), *_in_order(by_title)):
                self._join_if_apart(same)

    def root(self, node: Hashable) -> Hashable:
        return self._links.root(node)

    def _claims(self, kinds: tuple[str, ...]) -> dict[EntryKey, list[int]]:
        claims: defaultdict[EntryKey, list[int]] = defaultdict(list)
        for number, item in enumerate(self.items):
            for key in item.addresses if kinds == ("url:",) else item.names:
                if key.startswith(kinds):
                    claims[key].append(number)
        return claims

    def _join_if_apart(self, nodes: Sequence[Hashable]) -> bool:
        """Join nodes no two of which have a source in common; tell whether they are one now."""
        roots = {self.root(node) for node in nodes}
        if sum(len(self._sources[root]) for root in roots) > len(
            set().union(*(self._sources[root] for root in roots))
        ):
            return False
        self._join(nodes)
        return True

    def _join(self, nodes: Sequence[Hashable]) -> None:
        first, *others = nodes
        for other in others:
            one, two = self.root(first), self.root(other)
            if one != two:
                self._links.join(one, two)
                root = self.root(one)
                self._sources[root] = self._sources[one] | self._sources[two]
                self._titles[root] = self._titles[one] | self._titles[two]


def _build_works(clusters: _Clusters, sightings: Sequence[Sighting]) -> list[Work]:
    known: defaultdict[Hashable, list[Entry]] = defaultdict(list)
    owners: dict[EntryKey, Hashable] = {}
    for entry in clusters.known.values():
        known[clusters.root((entry.id,))].append(entry)
        owners |= dict.fromkeys(entry.keys, clusters.root((entry.id,)))
    numbers: defaultdict[Hashable, list[int]] = defaultdict(list)
    claims: defaultdict[EntryKey, set[Hashable]] = defaultdict(set)
    claimed: defaultdict[Hashable, set[EntryKey]] = defaultdict(set)
    for number, item in enumerate(clusters.items):
        root = clusters.root(number)
        numbers[root] += item.numbers
        for key in (*item.keys, *(name for one in item.sightings for name in _titled_addresses(one))):
            claims[key].add(root)
            claimed[root].add(key)
    # A name of several that nobody has had is nobody's.
    free = {key for key, roots in claims.items() if key in owners or len(roots) == 1}
    works = []
    for root, own in numbers.items():
        own.sort()
        seen = [sightings[number] for number in own]
        own_free = {key for key in claimed[root] if key in free and owners.get(key, root) == root}
        names = _choose_names(seen, known[root], own_free)
        works.append(Work(tuple(known[root]), tuple(_rename(one, names) for one in seen), tuple(own)))
    return sorted(works, key=lambda work: work.numbers)


def _choose_names(
    seen: Sequence[Sighting], known: Sequence[Entry], free: Collection[EntryKey]
) -> tuple[EntryKey, ...]:
    """Return the names of a work, the strongest first; of those that are new only free ones."""
    had = {key for entry in known for key in entry.keys}
    wanted = {key for one in seen for key in one.entry.keys if key in free}
    for one in seen:
        if any(key.startswith("url:") and key not in wanted for key in one.entry.keys):
            wanted |= {key for key in _titled_addresses(one) if key in free}
    if not had | wanted:
        wanted = {min(map(_own_name, seen))}
    weak = [key for key in sort_keys(wanted - had) if key.startswith(("url:", "guid:"))]
    room = _MAX_NAMES - sum(key.startswith(("url:", "guid:")) for key in had) if had else len(weak)
    return sort_keys((had | wanted).difference(weak[max(room, 0) :]))


def _rename(sighting: Sighting, names: tuple[EntryKey, ...]) -> Sighting:
    """Return a sighting with those of its keys that are its work's; with the work's first one where none is."""
    own = [key for key in sighting.entry.keys if key in names]
    titled = [key for key in _titled_addresses(sighting) if key in names]
    keys = sort_keys([*own, *titled]) or names[:1]
    if keys == sighting.entry.keys:
        return sighting
    return replace(sighting, entry=replace(sighting.entry, key=keys[0], aliases=keys[1:]))


def _titled_addresses(sighting: Sighting) -> list[EntryKey]:
    """Return the names that stand for an address where several works have it: with the title."""
    title = _title_of(sighting)
    return [EntryKey(f"{key} {title}") for key in sighting.entry.keys if key.startswith("url:")]


def _all_addresses(item: _Item) -> set[EntryKey]:
    return item.addresses | {key for one in item.sightings for key in _titled_addresses(one)}


def _own_name(sighting: Sighting) -> EntryKey:
    """Return the name of a sighting all of whose keys are those of others, too: all that it says."""
    entry = sighting.entry
    text = "\n".join([*entry.keys, entry.title, str(entry.published_at or ""), entry.summary])
    return EntryKey(f"guid:{sighting.source}:{hashlib.sha256(text.encode()).hexdigest()}")


def _is_carried(key: EntryKey, sighting: Sighting) -> bool:
    """Tell whether the address or the id of an item has the key in it: then it is the item's, not a journal's."""
    return key in choose_keys(url=sighting.entry.url, guid=sighting.guid)


def _title_of(sighting: Sighting) -> str:
    return hash_title(sighting.entry.title)


def _in_order(groups: Mapping[Any, list[Hashable]]) -> list[list[Hashable]]:
    return [groups[name] for name in sorted(groups, key=str)]


def _guids_of(sighting: Sighting) -> frozenset[EntryKey]:
    return frozenset(key for key in sighting.entry.keys if key.startswith("guid:"))


class _Links:
    """What belongs together (union-find)."""

    def __init__(self) -> None:
        self._parents: dict[Hashable, Hashable] = {}

    def root(self, node: Hashable) -> Hashable:
        while (parent := self._parents.get(node, node)) != node:
            # Halving the path keeps long chains cheap.
            self._parents[node] = self._parents.get(parent, parent)
            node = parent
        return node

    def join(self, one: Hashable, other: Hashable) -> None:
        one, other = self.root(one), self.root(other)
        if one != other:
            self._parents[other] = one

"""The full-text index of entries: FTS5 on SQLite, a tsvector with a GIN index on PostgreSQL.

What differs between the two is here and nowhere else. The index holds folded tokens (`match.lookup`), so both engines
find the same and neither sees a text that somebody wrote. It is no part of the metadata: what stands in it can be made
again from the entries (``index_all``), which migrations do when the folding changes.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, TextClause, bindparam, text

from newsletter.match.lookup import EveryOf, Lookup, Run, SomeOf, list_tokens
from newsletter.model.entries import Entry, EntryId, EntryKey
from newsletter.storage.dialects import CleanText, in_chunks

_CREATE = {
    "sqlite": (
        # All that is not ASCII is part of a token for this tokenizer, these are part of ours ("c++", "3.5").
        "CREATE VIRTUAL TABLE entry_words USING fts5(title, rest, tokenize=\"ascii tokenchars '.+#'\")",
    ),
    "postgresql": (
        "CREATE TABLE entry_words (entry BIGINT CONSTRAINT pk_entry_words PRIMARY KEY, words TSVECTOR NOT NULL)",
        "CREATE INDEX ix_entry_words_words ON entry_words USING gin (words)",
    ),
}
_SAVE = {
    "sqlite": "INSERT OR REPLACE INTO entry_words (rowid, title, rest) VALUES (:entry, :title, :rest)",
    "postgresql": "INSERT INTO entry_words (entry, words) VALUES (:entry, CAST(:words AS tsvector))"
    " ON CONFLICT (entry) DO UPDATE SET words = excluded.words",
}
_DELETE = {
    "sqlite": "DELETE FROM entry_words WHERE rowid = :entry",
    "postgresql": "DELETE FROM entry_words WHERE entry = :entry",
}
_FIND = {
    "sqlite": "SELECT rowid FROM entry_words WHERE entry_words MATCH :wanted ORDER BY rowid DESC LIMIT :limit",
    "postgresql": "SELECT entry FROM entry_words WHERE words @@ CAST(:wanted AS tsquery)"
    " ORDER BY entry DESC LIMIT :limit",
}
_TEXTS = (
    "id, title, summary, ai_summary, authors, organization, ai_keywords, categories, primary_category, note"
)
_LISTS = ("authors", "ai_keywords", "categories")
_MOST_POSITIONS = 16_383  # of a tsvector; further ones are all the last

MOST_RUNS = 3_000
"""A lookup with more runs of tokens is not worth asking for."""


def create_word_index(connection: Connection) -> None:
    """Make the empty index."""
    for statement in _CREATE[connection.dialect.name]:
        connection.execute(text(statement))


def index_all(connection: Connection) -> None:
    """Put every entry into the index."""
    ids = list(connection.scalars(text("SELECT id FROM entries ORDER BY id")))
    save = _write_save(connection.dialect.name)
    for some in in_chunks(ids):
        rows = connection.execute(
            text(f"SELECT {_TEXTS} FROM entries WHERE id BETWEEN :first AND :last"),
            {"first": some[0], "last": some[-1]},
        )
        connection.execute(save, [_build_row(row.id, _read_texts(row)) for row in rows])


def save_words(connection: Connection, entries: Sequence[tuple[EntryId, Entry]]) -> None:
    """Put entries into the index, each in place of what stood there for its id."""
    if entries:
        rows = [_build_row(number, entry) for number, entry in entries]
        connection.execute(_write_save(connection.dialect.name), rows)


def delete_words(connection: Connection, entry: EntryId) -> None:
    """Take an entry out of the index."""
    connection.execute(text(_DELETE[connection.dialect.name]), {"entry": entry})


def find_words(
    connection: Connection, lookup: Lookup, limit: int, *, in_title: bool = False
) -> list[EntryId]:
    """Return the ids of entries that have what is looked for, the newest first; in_title: all of it in the title."""
    dialect = connection.dialect.name
    write = write_match if dialect == "sqlite" else write_tsquery
    wanted = write(lookup, in_title=in_title)
    find = text(_FIND[dialect]).bindparams(bindparam("wanted", type_=CleanText()))
    return list(connection.scalars(find, {"wanted": wanted, "limit": limit}))


def load_indexed(connection: Connection, ids: Collection[EntryId]) -> dict[EntryId, Entry]:
    """Return the texts of entries that the index holds, as they stand in the table of entries, by id."""
    found: dict[EntryId, Entry] = {}
    for some in in_chunks(ids):
        numbers = ", ".join(str(int(number)) for number in some)
        for row in connection.execute(text(f"SELECT {_TEXTS} FROM entries WHERE id IN ({numbers})")):
            found[row.id] = _read_texts(row)
    return found


def has_same_words(one: Entry, other: Entry) -> bool:
    """Say whether two views of an entry stand in the index alike."""
    return all(getattr(one, name) == getattr(other, name) for name in _TEXTS.split(", ")[1:])


def count_runs(lookup: Lookup) -> int:
    """Return how many runs of tokens are looked for."""
    return 1 if isinstance(lookup, Run) else sum(map(count_runs, lookup.parts))


def write_match(lookup: Lookup, *, in_title: bool = False) -> str:
    """Return a lookup in the language of FTS5. Tokens have no quotes in them."""
    match lookup:
        case Run():
            written = f'"{" ".join(lookup.tokens)}"' + (" *" if lookup.is_open else "")
        case EveryOf():
            written = " AND ".join(f"({write_match(part)})" for part in lookup.parts)
        case SomeOf():
            written = " OR ".join(f"({write_match(part)})" for part in lookup.parts)
    return f"title : ({written})" if in_title else written


def write_tsquery(lookup: Lookup, *, in_title: bool = False) -> str:
    """Return a lookup as PostgreSQL writes a tsquery. Tokens have no quotes and backslashes in them."""
    match lookup:
        case Run():
            weight = "A" if in_title else ""
            mark = f":{weight}" if weight else ""
            *before, last = (f"'{token}'" for token in lookup.tokens)
            last += f":*{weight}" if lookup.is_open else mark
            return " <-> ".join([*(token + mark for token in before), last])
        case EveryOf():
            return " & ".join(f"({write_tsquery(part, in_title=in_title)})" for part in lookup.parts)
        case SomeOf():
            return " | ".join(f"({write_tsquery(part, in_title=in_title)})" for part in lookup.parts)


def _write_save(dialect: str) -> TextClause:
    texts = ("title", "rest") if dialect == "sqlite" else ("words",)
    return text(_SAVE[dialect]).bindparams(*(bindparam(name, type_=CleanText()) for name in texts))


def _build_row(number: EntryId, entry: Entry) -> dict[str, Any]:
    """Return an entry for the index of either engine: each takes the values that it has a place for."""
    title, rest = list_tokens(entry)
    return {
        "entry": number,
        "title": " ".join(title),
        "rest": " ".join(rest),
        "words": _write_tsvector(title, rest),
    }


def _write_tsvector(title: Sequence[str], rest: Sequence[str]) -> str:
    places: dict[str, list[str]] = {}
    for position, token in enumerate(title, 1):
        places.setdefault(token, []).append(f"{min(position, _MOST_POSITIONS)}A")
    # A gap, so that no phrase begins in the title and ends in the abstract.
    for position, token in enumerate(rest, len(title) + 2):
        places.setdefault(token, []).append(str(min(position, _MOST_POSITIONS)))
    return " ".join(f"'{token}':{','.join(found)}" for token, found in places.items())


def _read_texts(row: Any) -> Entry:
    values = {name: getattr(row, name) for name in _TEXTS.split(", ")[1:]}
    values |= {name: tuple(json.loads(values[name])) for name in _LISTS}
    return Entry(key=EntryKey(""), **values)

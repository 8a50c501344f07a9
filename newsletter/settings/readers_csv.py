"""A list of readers as CSV → who may be taken from it, and of everybody else why not; and back. Pure.

Lists come from spreadsheets and from what other products export (docs/subscribers.md): their names of columns are
known, and what a spreadsheet makes of a time. Whoever left there, bounced or never confirmed is passed over. What
cannot be told apart is refused: a column twice, two columns of addresses, a name that is nearly one of ours.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from newsletter.address import address_key, parse_address
from newsletter.errors import AddressError, ConfigError, Problem, QueryError
from newsletter.match.topics import parse_topics
from newsletter.settings.csv_text import CsvRow, read_csv
from newsletter.settings.readers import CheckedReader, check_reader
from newsletter.settings.topic_lines import form_of, split_topics, word_mistake
from newsletter.stored_json import to_json

if TYPE_CHECKING:
    from newsletter.model.readers import AddressKey, Cadence, EmailAddress, Subscriber
    from newsletter.model.topics import Topic

COLUMNS = (
    *("address", "name", "days", "hour", "zone"),
    *("language", "layout", "pictures", "everything_else", "topics"),
)
"""The columns that are written; only the address must be there. Topics are JSON, or lines with ``|`` between."""
CONSENT_COLUMN = "consent"
"""Stands in an exported list, too: whoever is not confirmed there is not taken from it."""

_MOST_SHOWN = 120
_FORMULA = ("=", "+", "-", "@", "\t")

_NAMES: Mapping[str, str] = {
    **{column.replace("_", " "): column for column in COLUMNS if column != "address"},
    **dict.fromkeys(
        ("email", "e mail", "mail", "email address", "e mail address", "mail address", "subscriber email"),
        "address",
    ),
    **dict.fromkeys(
        (
            "e mail adresse",
            "emailadresse",
            "mailadresse",
            "adresse e mail",
            "adresse email",
            "courriel",
            "correo",
            "correo electrónico",
        ),
        "address",
    ),
    **dict.fromkeys(("full name", "display name", "subscriber name"), "name"),
    **dict.fromkeys(("first name", "firstname", "fname", "given name", "forename"), "first name"),
    **dict.fromkeys(("last name", "lastname", "lname", "surname", "family name"), "last name"),
    **dict.fromkeys(("timezone", "time zone"), "zone"),
    "topic": "topics",
    "lang": "language",
}
"""Names of columns, folded → the field that they are. ``address`` is one, too, where no other is: elsewhere it is where
somebody lives."""


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(","))


_STATUS = _words(
    "consent, status, subscription status, subscriber status, subscriber type, email status, member status,"
    " email marketing status"
)
_MAILED = _words(
    ", confirmed, subscribed, enabled, active, regular, premium, gifted, trialed, unpaid, churning, past due, paid,"
    " free, comped, complimentary, opted in, yes, true, 1"
)
"""What a status says of those who may be mailed, in any product. Other words are not understood, so: not mailed."""
_TYPE = _words("type")
_NOT_MAILED = _words(
    "unsubscribed, unactivated, unconfirmed, pending, removed, spammy, undeliverable, bounced, complained, blocked,"
    " blocklisted, disabled, cleaned, paused, upcoming, inactive"
)
"""What Buttondown's ``type`` says of those who may not. The name is too common to ask more of it."""
_YES = _words(
    "subscribed, subscribed to emails, is subscribed, opted in, opt in, accepts marketing, confirmed"
)
_NO = _words(
    "email disabled, unsubscribed, is unsubscribed, opted out, opt out, bounced, complained, blocklisted, blacklisted,"
    " suppressed, deleted, cleaned, unsub time, clean time, unsubscribed at, unsubscribe time, unsubscribe date,"
    " unsubscription date, deleted at, bounced at, cleaned at, complained at, blocked at, opt out date, opt out time"
)
_FALSE = _words(", 0, no, n, false, f, off, none, null, nil, never, -, –, —")
_TICKS = _words("✓, ✔, ☑, ✅, +")
"""Signs that are understood as yes, where a yes is asked for; others are no consent, and no answer either."""
_COMPLAINED = _words("complained, complained at, spammy")
_ENDED = _NO | _words("unsubscribed, left, removed, undeliverable, blocked, disabled, opted out")
"""Columns and words that say that mail to somebody has ended; others say only that it has not begun."""
_ENDED_BY_NO = _words("subscribed, subscribed to emails, is subscribed")


@dataclass(frozen=True, slots=True)
class Taken:
    """Somebody who may be taken from a list."""

    line: int
    reader: CheckedReader


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is wrong, and why."""

    line: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Skipped:
    """Somebody whom the list itself says not to mail; why is the same text for all whom the same is said of. has_ended:
    they left, bounced or complained there, rather than never having begun."""

    line: int
    address: str
    why: str
    has_ended: bool = False
    is_complaint: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody who stands in a list of whom not to mail."""

    line: int
    address: EmailAddress


ListRow = Taken | Refused | Skipped | Named


@dataclass(frozen=True, slots=True)
class ReaderList:
    """Every row of a list, in its order, and what the operator should know of the list as a whole."""

    rows: tuple[ListRow, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a newsletter knows and wants. topics_json counts for whoever brings no topics."""

    layouts: Collection[str]
    library: Mapping[str, Topic]
    everything_else: int
    topics_json: str = "[]"


# --- a whole list ---------------------------------------------------------------------------------


def read_list(data: bytes, file: str, terms: Terms) -> ReaderList:
    """Return what a list says of everybody in it. Each row but the first and empty ones is in the answer once.

    Raises ConfigError where the list is wrong as a whole: nobody can be taken from it.
    """
    columns, rows, is_guessed = _open_list(data, file)
    reader = _RowReader(columns, file, terms, is_guessed=is_guessed)
    notes = list(_note_columns(columns))
    if is_guessed:
        notes.append(_note_encoding(rows))
    return ReaderList(tuple(_settle_equal(map(reader.read, _take_out(rows)), file)), tuple(notes))


def read_unwanted(data: bytes, file: str) -> ReaderList:
    """Return whom a list of people not to be mailed names: each address once, and whom it says to be mailed not at all.

    Raises ConfigError as read_list.
    """
    columns, rows, _ = _open_list(data, file)
    named: dict[AddressKey, ListRow] = {}
    others: list[ListRow] = []
    for row in rows:
        _, typed = read_mailbox(_read_cell(columns.read(row, "address")))
        if why := columns.find_wanted(row):
            others.append(Skipped(row.line, typed, why))
            continue
        try:
            address = parse_address(typed)
        except AddressError as error:
            place = (columns.called["address"],)
            others.append(Refused(row.line, (Problem(str(error), file, row.line, steps=place),)))
        else:
            named.setdefault(address_key(address), Named(row.line, address))
    return ReaderList((*named.values(), *others), ())


def _open_list(data: bytes, file: str) -> tuple[_Columns, deque[CsvRow], bool]:
    """Return what the columns of a list are, its rows, and whether its letters are guessed. Raises ConfigError."""
    table = read_csv(data, file, lambda name: _fold(name) in _KNOWN)
    if not table.rows:
        raise ConfigError([Problem("is empty; the first row names the columns", file=file, line=1)])
    head, rows = table.rows[0], table.rows[1:]
    if len(head.cells) == 1 and _ADDRESS.fullmatch(head.cells[0]):
        head, rows = CsvRow(head.line, ("address",)), table.rows  # nothing but addresses
    return _find_columns(head, file), deque(rows), table.is_guessed


def _take_out(rows: deque[CsvRow]) -> Iterator[CsvRow]:
    """Yield the rows, each of which is gone then: a list may have a million, and what is made of them comes beside."""
    while rows:
        yield rows.popleft()


def _settle_equal(rows: Iterable[ListRow], file: str) -> Iterator[ListRow]:
    """Yield the rows; an address counts once, and not at all where one of its rows says not to mail it."""
    rows = list(rows)
    unwanted = {address_key(row.address): row.line for row in rows if isinstance(row, Skipped)}
    first: dict[AddressKey, int] = {}
    for row in rows:
        if not isinstance(row, Taken):
            yield row
            continue
        key = address_key(row.reader.address)
        if key in unwanted:
            yield Skipped(
                row.line, row.reader.address, "another row for the same person says not to mail them"
            )
        elif first.setdefault(key, row.line) != row.line:
            message = f"{row.reader.address} is in the file twice, first in line {first[key]}"
            yield Refused(row.line, (Problem(message, file=file, line=row.line),))
        else:
            yield row


def _note_encoding(rows: Iterable[CsvRow]) -> str:
    odd = ((row.line, cell) for row in rows for cell in row.cells if not cell.isascii())
    line, cell = next(odd, (0, ""))
    shown = f": see line {line}, {cell[:60]!r}" if line else ""
    return f"is not UTF-8 and was read as Windows-1252, which Excel writes; are these letters right{shown}?"


# --- columns --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where things stand in a row. fields: by field; verdicts: columns that say whether somebody may be mailed, with
    their name in the file and how they are read; unread: the others, by name."""

    width: int
    fields: Mapping[str, int]
    called: Mapping[str, str]
    verdicts: tuple[tuple[int, str, Callable[[str], bool]], ...]
    unread: tuple[str, ...]

    def read(self, row: CsvRow, field: str) -> str:
        """Return what a row says of a field that there is."""
        return _cell(row, self.fields[field])

    def find_unwanted(self, row: CsvRow, address: str) -> Skipped | None:
        """Return why a row says not to mail somebody; None where it does not say so."""
        against = [
            (shown, value)
            for index, shown, may in self.verdicts
            if not may(_fold(value := _cell(row, index)))
        ]
        if not against:
            return None
        shown, value = against[0]
        said = [(_fold(name), _fold(word)) for name, word in against]
        return Skipped(
            row.line,
            address,
            f"{shown!r} is {value!r}",
            any(_has_ended(*one) for one in said),
            any(_COMPLAINED & {*one} for one in said),
        )

    def find_wanted(self, row: CsvRow) -> str:
        """Return where a row says that somebody is mailed, and nowhere that they are not; else nothing."""
        if self.find_unwanted(row, ""):
            return ""
        said = ((shown, _cell(row, index)) for index, shown, _ in self.verdicts)
        return next(
            (f"{shown!r} is {value!r}" for shown, value in said if value and _fold(shown) in _STATUS | _YES),
            "",
        )


def _fold(name: str) -> str:
    """Return a name or value as its words. What has none is its signs: ``?`` is not empty, and says something."""
    signs = name.replace("\ufe0f", "").strip()
    return re.sub(r"[\W_]+", " ", signs).strip().casefold() or signs


def _cell(row: CsvRow, index: int) -> str:
    return row.cells[index] if index < len(row.cells) else ""


def _has_ended(column: str, value: str) -> bool:
    """Tell whether a column that says not to mail somebody says that they were mailed before."""
    said = {column, value}
    return bool(said & (_ENDED | _COMPLAINED)) or (column in _ENDED_BY_NO and value != "" and value in _FALSE)


def _may_by_status(value: str) -> bool:
    return value in _MAILED


def _may_by_type(value: str) -> bool:
    return value not in _NOT_MAILED


def _may_by_yes(value: str) -> bool:
    is_said = value in _TICKS or re.search(r"\w", value) is not None
    return is_said and value not in _FALSE and _may_by_type(value)


def _may_by_no(value: str) -> bool:
    return value in _FALSE


_VERDICTS: Mapping[str, Callable[[str], bool]] = {
    **dict.fromkeys(_STATUS, _may_by_status),
    **dict.fromkeys(_TYPE, _may_by_type),
    **dict.fromkeys(_YES, _may_by_yes),
    **dict.fromkeys(_NO, _may_by_no),
}
_KNOWN = frozenset(("address", *_NAMES, *_VERDICTS))


def _find_columns(head: CsvRow, file: str) -> _Columns:
    """Return what the columns are. Raises ConfigError where that is not clear."""
    folded = [_fold(name) for name in head.cells]
    has_email = any(_NAMES.get(name) == "address" for name in folded)
    fields: dict[str, int] = {}
    called: dict[str, str] = {}
    verdicts = []
    unread = []
    problems = []
    for index, (name, shown) in enumerate(zip(folded, head.cells, strict=True)):
        field = _NAMES.get(name) or ("address" if name == "address" and not has_email else None)
        if field is None:
            if name in _VERDICTS:
                verdicts.append((index, shown, _VERDICTS[name]))
            elif shown:
                unread.append(shown)
            continue
        if field in fields:
            problems.append(f"has two columns for the {field}, {called[field]!r} and {shown!r}; remove one")
            continue
        fields[field], called[field] = index, shown
    problems += _find_misspelled(unread, fields)
    if "address" not in fields and not problems:
        names = ", ".join(name for name in head.cells if name)
        if len(names) > _MOST_SHOWN:  # of a file that is no list of readers
            names = names[:_MOST_SHOWN] + "…"
        problems.append(
            f"has no column 'address' or 'email'; the first row must name the columns, and names {names}"
        )
    if problems:
        raise ConfigError([Problem(message, file=file, line=head.line) for message in problems])
    return _Columns(len(head.cells), fields, called, tuple(verdicts), tuple(unread))


def _find_misspelled(unread: Iterable[str], fields: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with names that are nearly one of ours, where ours is missing."""
    missing = {name.replace("_", " "): name for name in (*COLUMNS, CONSENT_COLUMN) if name not in fields}
    if "address" not in fields:
        missing["email"] = "email"
    for shown in unread:
        for near in get_close_matches(_fold(shown), missing, n=1, cutoff=0.8):
            yield f"unknown column {shown!r}; did you mean '{missing[near]}'?"


def _note_columns(columns: _Columns) -> Iterator[str]:
    if columns.unread:
        yield f"ignored columns: {', '.join(columns.unread)}"


# --- rows -----------------------------------------------------------------------------------------

_ADDRESS = re.compile(r"[^\s@\"'<>(),;|]+@[^\s@\"'<>(),;|]+\.[^\s@\"'<>(),;|]+")
_NAMED = re.compile(r'"?([^"<>]*?)"?\s*<\s*([^<>]+?)\s*>')
_CLOCK = re.compile(
    r"(?:(?:1899-12-3[01]|1900-01-0[01]|12/3[01]/1899|1/[01]/1900|3[01]\.12\.1899)[T ])?"  # a day that is none
    r"(\d{1,2}):(\d\d)(?::00(?:\.0+)?)?(?:\s*([ap])\.?m\.?)?",
    re.IGNORECASE,
)
_PART_OF_DAY = re.compile(r"0?[.,]\d+")
_MINUTES = 24 * 60


class _RowReader:
    """Reads the rows of one list."""

    def __init__(self, columns: _Columns, file: str, terms: Terms, *, is_guessed: bool) -> None:
        self._columns = columns
        self._file = file
        self._terms = terms
        self._is_guessed = is_guessed
        self._topics: dict[str, str | Problem] = {"": terms.topics_json}
        self._cadences: dict[Cadence, Cadence] = {}

    def read(self, row: CsvRow) -> ListRow:
        """Return what a row says."""
        given = {field: _cell(row, index) for field, index in self._columns.fields.items()}
        named, given["address"] = read_mailbox(_read_cell(given["address"]))
        if unwanted := self._columns.find_unwanted(row, given["address"]):
            return unwanted
        full = f"{given.get('first name', '')} {given.get('last name', '')}".strip()
        given["name"] = _read_cell(given.get("name", "")) or full or named
        given["days"] = re.sub(r"\s*[;|/]\s*", ",", given.get("days", ""))
        given["hour"] = read_hour(given.get("hour", ""))
        try:
            self._check_shape(row, given["address"])
            return Taken(row.line, self._check(given))
        except ConfigError as error:
            placed = (Problem(one.message, self._file, row.line, steps=one.steps) for one in error.problems)
            return Refused(row.line, tuple(placed))

    def _check_shape(self, row: CsvRow, address: str) -> None:
        if any(row.cells[self._columns.width :]):
            raise ConfigError([Problem("has more cells than the header row")])
        if self._is_guessed and not address.isascii():
            message = f"{address!r} has a character that is not UTF-8, which is not guessed in an address"
            raise ConfigError([Problem(f"{message}; save the list as UTF-8", steps=(self._call("address"),))])

    def _check(self, given: Mapping[str, str]) -> CheckedReader:
        topics = self._read_topics(given.get("topics", ""))
        wrong = [topics] if isinstance(topics, Problem) else []
        try:
            reader = check_reader(
                given,
                topics if isinstance(topics, str) else "?",
                layouts=self._terms.layouts,
                everything_else=self._terms.everything_else,
                call=self._call,
            )
        except ConfigError as error:
            raise ConfigError([*error.problems, *wrong]) from error
        if wrong:
            raise ConfigError(wrong)
        # Very many readers have one cadence in common.
        return replace(reader, cadence=self._cadences.setdefault(reader.cadence, reader.cadence))

    def _read_topics(self, cell: str) -> str | Problem:
        """Return the topics of a cell as JSON, or what is wrong with them. Most people of a list have the same."""
        if cell not in self._topics:
            try:
                forms = json.loads(cell) if cell.startswith("[") else map(form_of, split_topics(cell))
                topics_json = to_json([form for form in forms if form])
                parse_topics(topics_json, self._terms.library)
                self._topics[cell] = topics_json
            except QueryError as error:
                self._topics[cell] = Problem(word_mistake(error), steps=(self._call("topics"),))
            except ValueError as error:
                self._topics[cell] = Problem(f"is not a JSON list: {error}", steps=(self._call("topics"),))
        return self._topics[cell]

    def _call(self, field: str) -> str:
        return self._columns.called.get(field, field)


def read_mailbox(cell: str) -> tuple[str, str]:
    """Return the name and the address of ``Ada <ada@example.org>``, ``mailto:ada@example.org`` or a bare address."""
    text = cell.strip().rstrip(",;").rstrip()
    named = _NAMED.fullmatch(text)
    name, address = (named[1].strip(), named[2]) if named else ("", text)
    if address[:7].lower() == "mailto:":
        address = address[7:].partition("?")[0]
    return name, address.strip()


def read_hour(cell: str) -> str:
    """Return ``07:00`` for what spreadsheets make of it: ``7:00:00``, ``7:00 AM``, ``0.291666`` of a day, with a date
    before their calendar begins. What is not clear stays as it is."""
    found = _CLOCK.fullmatch(cell)
    if found:
        hour, minute, half = int(found[1]), found[2], (found[3] or "").lower()
        if half and not 1 <= hour <= 12:
            return cell
        hour = hour % 12 + (12 if half == "p" else 0) if half else hour
        return f"{hour:02}:{minute}"
    if _PART_OF_DAY.fullmatch(cell):
        minutes = float(cell.replace(",", ".")) * _MINUTES
        # Cut after some digits, 7:00 is 0.29166; what is no minute is no time.
        if abs(minutes - round(minutes)) < 0.05 and round(minutes) < _MINUTES:
            return f"{round(minutes) // 60:02}:{round(minutes) % 60:02}"
    return cell


# --- writing --------------------------------------------------------------------------------------


def write_csv_row(reader: Subscriber, days: str) -> tuple[str, ...]:
    """Return a reader as a row of a list, in the order of COLUMNS and CONSENT_COLUMN."""
    return (
        _write_cell(reader.address),
        _write_cell(reader.name),
        days,
        f"{reader.cadence.at:%H:%M}",
        reader.cadence.zone,
        reader.language,
        reader.layout,
        "" if reader.pictures is None else "on" if reader.pictures else "off",
        str(reader.everything_else),
        reader.topics_json,
        reader.consent,
    )


def _write_cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: readers write their names and addresses themselves."""
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA) else text


def _read_cell(text: str) -> str:
    return text[1:] if text[:1] == "'" and text.lstrip("'").startswith(_FORMULA) else text

"""What people see: rich tables on a terminal, plain lines in a log.

What others wrote (a relay, a bounce, a feed, a reader) cannot speak to the terminal: all that a command prints goes
through here and loses its control characters and marks of direction, or has them escaped where it is JSON.
"""

from __future__ import annotations

import json
import sys
import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from newsletter.cli.table import Table
from newsletter.compose.subscription import next_mail_at, pause_ends_on
from newsletter.model.ledger import LedgerCounts, State
from newsletter.text import clean_output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from newsletter.model.readers import Subscriber
    from newsletter.model.sources import FetchRecord
    from newsletter.settings.topic_lines import ReadTopics

_TOLD_AT = 15
"""The column at which begins what a line says of the thing that it names."""


class CleanConsole(Console):
    """A console whose texts are clean; its own signs for colours and bars stay. Lines end between words, so that
    nothing that one copies is broken."""

    def print(self, *objects: Any, soft_wrap: bool | None = None, **options: Any) -> None:
        """Print; a text that is too long for the terminal goes on further in than it begins."""
        if soft_wrap is None and len(objects) == 1 and isinstance(objects[0], (str, Text)):
            text, soft_wrap = objects[0], True
            lines = (Text(text) if isinstance(text, str) else text).split("\n", allow_blank=True)
            objects = (Text("\n").join(piece for line in lines for piece in self._hang(line)),)
        super().print(*objects, soft_wrap=soft_wrap, **options)

    def _hang(self, line: Text) -> Iterator[Text]:
        """Yield a line as it fits, with its colours: what follows the first piece stands two columns further in."""
        indent = " " * (len(line.plain) - len(line.plain.lstrip(" ")) + 2)
        end = 0
        for number, piece in enumerate(self.break_line(line.plain, indent=indent) or [""]):
            words = piece.strip(" ") if number else piece
            start = line.plain.index(words, end)
            end = start + len(words)
            yield Text(indent if number else "") + line[start:end]

    def break_line(self, text: str, taken: int = 0, indent: str = "") -> list[str]:
        """Return the lines of a text on this terminal, beside ``taken`` columns: no word is broken, and no line in a
        pipe."""
        if not self.is_terminal or len(text) <= self.width - taken:
            return [text]
        width = max(self.width - taken, 20)
        return textwrap.wrap(
            *(text, width),
            subsequent_indent=indent,
            expand_tabs=False,
            replace_whitespace=False,
            break_long_words=False,
            break_on_hyphens=False,
        )

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Return what is shown of a renderable, piece by piece."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else clean_output(text), style, control)


# No markup: what a source or a relay says may hold brackets. In a pipe there is no edge to break lines at.
console = CleanConsole(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 200)
_complaints = CleanConsole(stderr=True, highlight=False, markup=False, emoji=False)


def complain(what: object) -> None:
    """Print one message to standard error."""
    _complaints.print(str(what))


def tell(about: str, what: str, style: str | None = None) -> None:
    """Print a line about one thing, broken only between words; without a name it goes on about the last one."""
    for number, line in enumerate(console.break_line(what, taken=_TOLD_AT) or [""]):
        console.print(f"{'' if number else about:{_TOLD_AT - 1}} {line}", style=style, soft_wrap=True)


def count(number: int, noun: str, plural: str = "") -> str:
    """Return so many of something: ``1 reader``, ``2 readers``."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def print_json(value: object, indent: int | None = None) -> None:
    """Print a value as JSON: letters of all scripts as they are, what no terminal should obey as escapes."""
    print(_write_json(value, indent))


@contextmanager
def json_array() -> Iterator[Callable[[object], None]]:
    """Print the values that are given one after the other as one JSON array. Each has a line, and so have the signs
    between them: what reads line by line finds whole values, too."""
    sign = "["

    def add(value: object) -> None:
        nonlocal sign
        print(f"{sign}\n{_write_json(value)}")
        sign = ","

    yield add
    print("]" if sign == "," else "[]")


def _write_json(value: object, indent: int | None = None) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    if not text.isprintable():
        text = "".join(
            sign if sign.isprintable() or sign == "\n" else json.dumps(sign)[1:-1] for sign in text
        )
    return text


def in_iso(at: datetime | None) -> str | None:
    """Return an instant as JSON has it: ``2026-06-16T07:00:00+00:00``."""
    return at.isoformat(timespec="seconds") if at else None


def show_table(table: Table, *, is_whole: bool = False) -> None:
    """Print a table as wide as the terminal is, in a pipe as wide as it needs; is_whole: nothing in it is cut."""
    for line in table.lay_out(console.width if console.is_terminal else None, is_whole=is_whole):
        console.print(line, soft_wrap=True)


def show_doubts(read: ReadTopics) -> None:
    """Print what is odd about topics that were typed, beside what the command prints."""
    for doubt in read.doubts:
        complain(f"warning: {doubt.told}")


def show_fetches(records: Sequence[FetchRecord]) -> None:
    """Print how each source's fetch ended."""
    from newsletter.collect.source_health import GOOD_STATES

    if not records:
        return
    table = Table("source", "state", "listed#", "new#", "at (UTC)")
    for record in records:
        colour = "green" if record.state in GOOD_STATES else "red"
        table.add_row(
            record.source,
            Text(record.state, style=colour),
            str(record.listed),
            str(record.new),
            f"{record.finished_at:%Y-%m-%d %H:%M}",
        )
    show_table(table)
    for record in records:
        if record.message:
            console.print(f"{record.source}: {record.message}")


def show_ledger(counts: Mapping[str, LedgerCounts]) -> None:
    """Print the equation of each edition."""
    for edition, found in counts.items():
        console.print(f"{edition}: {found.equation}")


def show_contradictions(found: Sequence[str]) -> None:
    """Print what does not fit together in the ledger, and what to do."""
    for what in found:
        console.print(f"the ledger is inconsistent: {what}", style="red")
    if found:
        console.print(
            "run 'newsletter hold' until the cause is known; was the database edited by hand?", style="red"
        )


def show_uncertain(counts: Mapping[str, LedgerCounts]) -> bool:
    """Print how many mails of these editions are left uncertain, and what to do; return whether any is."""
    uncertain = sum(found[State.UNCERTAIN] for found in counts.values())
    if uncertain:
        console.print(
            f"uncertain, may or may not have arrived: {uncertain}. See 'newsletter deliveries --state uncertain';"
            " 'newsletter resolve' settles them.",
            style="red",
        )
    return uncertain > 0


def draw_bars(numbers: Sequence[int]) -> str:
    """Return a small bar chart of one line; a zero is a dot, so that it differs from little."""
    most = max(numbers, default=0)
    steps = "▁▂▃▄▅▆▇█"
    return "".join(steps[(number * len(steps) - 1) // most] if number > 0 else "·" for number in numbers)


def word_consent(reader: Subscriber, *, is_suppressed: bool) -> str:
    """Return whether a reader is mailed, in a word or two; of a pause also when it ends."""
    if is_suppressed:
        return "suppressed"
    end = pause_ends_on(reader)
    return f"paused until {end.day} {end:%b %Y}" if end else str(reader.consent)


def word_next(reader: Subscriber, *, is_suppressed: bool = False) -> str:
    """Return when a reader's next digest is due, in UTC; ``-`` for one who is not mailed at present."""
    due_at = next_mail_at(reader, is_suppressed=is_suppressed)
    return f"{due_at:%Y-%m-%d %H:%M}" if due_at else "-"

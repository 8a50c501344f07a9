"""The commands about subscribers: list, add, pause, remove, restore."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from newsletter.cli.exit_codes import DONE, WRONG_INPUT
from newsletter.cli.readers import load_page, load_reader
from newsletter.cli.show import (
    console,
    in_iso,
    json_array,
    show_doubts,
    show_table,
    word_consent,
    word_next,
)
from newsletter.cli.table import Table
from newsletter.compose.subscription import next_mail_at, pause_ends_on, word_refusal
from newsletter.errors import ConfigError, Problem
from newsletter.match.topics import list_names
from newsletter.model.readers import Consent, Refused, Subscriber, SubscriberId
from newsletter.settings.advice import word_days
from newsletter.wiring import open_newsletter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from newsletter.model.topics import Topic
    from newsletter.settings.config import Config
    from newsletter.workflows.subscriptions import Subscriptions

_BATCH = 500


async def list_page(config: Config, after: str, limit: int, *, is_wide: bool = False) -> int:
    """Print how many readers there are, and those whose addresses follow ``after``, at most so many."""
    async with open_newsletter(config) as newsletter:
        counts = await newsletter.views.count_readers()
        readers, more = await load_page(newsletter, after, limit)
        suppressed = await newsletter.subscribers.load_suppressed([reader.address for reader in readers])
    more_columns = ("name", "days", "hour", "zone") if is_wide else ()
    table = Table("address", "consent", "next due (UTC)", "topics…", *more_columns)
    for reader in readers:
        is_suppressed = reader.address in suppressed
        at = reader.cadence
        table.add_row(
            reader.address,
            word_consent(reader, is_suppressed=is_suppressed),
            word_next(reader, is_suppressed=is_suppressed),
            ", ".join(list_names(reader.topics_json, newsletter.library)),
            *((reader.name, word_days(at.days), f"{at.at:%H:%M}", at.zone) if is_wide else ()),
        )
    if not any(counts.values()):
        console.print("no subscribers yet")
        return DONE
    show_table(table, is_whole=is_wide)
    if more:
        told = ", ".join(f"{number:,} {consent}" for consent, number in counts.items() if number)
        console.print(
            f"{table.row_count} of {sum(counts.values()):,} ({told}); the next ones: --after {readers[-1].address}."
            " --json and 'newsletter subscribers export' write all"
        )
    return DONE


async def list_as_json(config: Config) -> int:
    """Print everybody as a JSON array."""
    async with open_newsletter(config) as newsletter:
        with json_array() as add_value:
            after, more = "", True
            while more:
                readers, more = await load_page(newsletter, after, _BATCH)
                suppressed = await newsletter.subscribers.load_suppressed([one.address for one in readers])
                for reader in readers:
                    add_value(_write_reader(reader, reader.address in suppressed, newsletter.library))
                after = readers[-1].address if readers else ""
    return DONE


def _write_reader(reader: Subscriber, is_suppressed: bool, library: Mapping[str, Topic]) -> dict[str, object]:
    """Return a reader as JSON says them. next_due_at is null for whom no digest is due."""
    paused_until = pause_ends_on(reader)
    return {
        "address": reader.address,
        "name": reader.name,
        "consent": "suppressed" if is_suppressed else str(reader.consent),
        "paused_until": paused_until.isoformat() if paused_until else None,
        "days": word_days(reader.cadence.days),
        "hour": f"{reader.cadence.at:%H:%M}",
        "zone": reader.cadence.zone,
        "topics": list(list_names(reader.topics_json, library)),
        "language": reader.language,
        "layout": reader.layout,
        "pictures": reader.pictures,
        "next_due_at": in_iso(next_mail_at(reader, is_suppressed=is_suppressed)),
    }


async def add(config: Config, given: Mapping[str, str], topics: Sequence[str]) -> int:
    """Add one confirmed subscriber, whose preferences the store owns. given is what was typed, by the field's name."""
    from newsletter.settings.readers import check_reader, new_subscriber
    from newsletter.settings.topic_lines import require_topics

    async with open_newsletter(config) as newsletter:
        read = require_topics(topics, newsletter.library, "--topic")
        show_doubts(read)
        checked = check_reader(
            given,
            read.topics_json,
            layouts=newsletter.bundle.layouts,
            everything_else=config.everything_else,
            call=lambda field: {"address": "ADDRESS", "topics": "--topic"}.get(field, f"--{field}"),
        )
        wanted = new_subscriber(checked)
        added = await (await newsletter.subscriptions()).add(wanted, "added by the operator")
    if isinstance(added, Refused):
        console.print(f"{checked.address} {word_refusal(added)}")
        return WRONG_INPUT
    console.print(f"added {checked.address}; next digest {word_next(added)} UTC")
    return DONE


async def pause(config: Config, address: str, until: str) -> int:
    """Pause one subscriber, until a day if given. Their preferences stay whose they are; a row of the file does not
    wake them up."""
    try:
        first_on = date.fromisoformat(until) if until else None
    except ValueError as error:
        raise ConfigError(
            [Problem(f"{until!r} is not a date like 2026-06-16", steps=("--until",))]
        ) from error
    why = f"paused until {first_on}" if first_on else "paused by the operator"
    moved = await _move(config, address, lambda known, reader: known.pause(reader, first_on, why))
    end = pause_ends_on(moved.after)
    first = f"; next digest {word_next(moved.after)} UTC" if end and not moved.is_suppressed else ""
    until_when = f"until {end}{first}" if end else "until 'newsletter subscribers restore'"
    _tell_move(moved, f"is paused {until_when}")
    return DONE


async def remove(config: Config, address: str) -> int:
    """Note that one subscriber has left."""
    why = "removed by the operator"
    moved = await _move(config, address, lambda known, reader: known.leave(reader, why, is_told=True))
    _tell_move(moved, "has left and gets no digest; 'newsletter subscribers restore' takes them back")
    if moved.after.file_owned:
        console.print("Their row in subscribers.yaml does not bring them back.")
    return DONE


async def restore(config: Config, address: str, reason: str) -> int:
    """Take one subscriber back, and lift the suppression of their address."""
    if not reason.strip():
        raise ConfigError(
            [Problem("say why they may be mailed again; it is kept in the record", steps=("--reason",))]
        )
    moved = await _move(config, address, lambda known, reader: known.restore(reader, reason))
    _tell_move(moved, f"is mailed again; next digest {word_next(moved.after)} UTC")
    return DONE


class _Moved(NamedTuple):
    """One subscriber before and after a move, and whether their address is suppressed now."""

    before: Subscriber
    after: Subscriber
    is_suppressed: bool


def _tell_move(moved: _Moved, what: str) -> None:
    """Say what became of a reader, that they are told, and who decides about their preferences."""
    if moved.before == moved.after:
        console.print(f"{moved.after.address} {what}. It was so before; nothing has changed.")
        return
    console.print(
        f"{moved.after.address} {what}. {'' if moved.is_suppressed else 'A mail tells them.'}".rstrip()
    )
    if moved.after.consent is not Consent.LEFT:
        console.print(_word_ownership(moved.after))


def _word_ownership(reader: Subscriber) -> str:
    """Return who decides about a reader's preferences: whether they are mailed is another question."""
    if reader.file_owned:
        return "Their preferences are still those of their row in subscribers.yaml."
    return "Their preferences are still their own: a row in subscribers.yaml does not change them."


async def _move(
    config: Config,
    address: str,
    move: Callable[[Subscriptions, SubscriberId], Awaitable[Subscriber | Refused]],
) -> _Moved:
    """Move one subscriber, who is told by mail.

    Raises ConfigError where there is none, or the move is refused.
    """
    async with open_newsletter(config) as newsletter:
        reader = await load_reader(newsletter, address)
        moved = await move(await newsletter.subscriptions(), reader.id)
        suppressed = await newsletter.subscribers.load_suppressed([reader.address])
    if isinstance(moved, Refused):
        raise ConfigError([Problem(f"{reader.address} {word_refusal(moved)}")])
    return _Moved(reader, moved, bool(suppressed))

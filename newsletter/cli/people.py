"""The commands about subscribers: list, add, pause, remove, restore."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from newsletter.address import parse_address
from newsletter.checked_yaml import to_json
from newsletter.cli import DONE, WRONG_INPUT
from newsletter.cli.show import build_table, console
from newsletter.compose.slots import next_slot, pause_until
from newsletter.config import Config
from newsletter.errors import ConfigError, Problem
from newsletter.match.topics import parse_topics
from newsletter.model import Consent, Subscriber
from newsletter.subscribers_file import parse_cadence, parse_name
from newsletter.wiring import Newsletter, open_newsletter
from newsletter.workflows.import_subscribers import start_window

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


async def list_all(config: Config) -> int:
    """Print everybody."""
    async with open_newsletter(config) as newsletter:
        readers = await newsletter.subscribers.load_all()
        suppressed = await newsletter.subscribers.load_suppressed([reader.address for reader in readers])
        table = build_table("address", "name", "consent", "days", "hour", "zone", "topics", "next due (UTC)")
        for reader in readers:
            topics = parse_topics(reader.topics_json, newsletter.library)
            consent = "suppressed" if reader.address in suppressed else str(reader.consent)
            table.add_row(
                reader.address,
                reader.name,
                consent,
                show_days(reader.cadence.days),
                f"{reader.cadence.at:%H:%M}",
                reader.cadence.zone,
                ", ".join(topic.name for topic in topics),
                f"{reader.next_due_at:%Y-%m-%d %H:%M}" if reader.next_due_at else "-",
            )
    if table.row_count:
        console.print(table)
    else:
        console.print("no subscribers yet")
    return DONE


def show_days(days: frozenset[int]) -> str:
    """Return the days of a cadence in a word, or by their names."""
    known = {frozenset(range(7)): "daily", frozenset(range(5)): "weekdays", frozenset({5, 6}): "weekends"}
    return known.get(days) or ",".join(_WEEKDAYS[day] for day in sorted(days))


async def add(
    config: Config, address: str, *, name: str, days: str, hour: str, zone: str, topics: Sequence[str]
) -> int:
    """Add one confirmed subscriber, whose preferences the store owns."""
    checked = parse_address(address)
    named = parse_name(name, "--name")
    cadence = parse_cadence(days, hour, zone)
    async with open_newsletter(config) as newsletter:
        if await newsletter.subscribers.load(checked) is not None:
            console.print(f"{checked} is known already; see 'newsletter subscribers list'")
            return WRONG_INPUT
        topics_json = to_json(list(topics))
        parse_topics(topics_json, newsletter.library)
        now = newsletter.clock.now()
        reader = Subscriber(
            address=checked,
            cadence=cadence,
            topics_json=topics_json,
            name=named,
            everything_else=config.everything_else,
            next_due_at=next_slot(cadence, now).at,
            file_owned=False,
        )
        reader = await start_window(reader, newsletter.entries, now)
        await newsletter.subscribers.save([reader], now, "added by the operator")
    console.print(f"added {checked}; next digest {reader.next_due_at:%Y-%m-%d %H:%M} UTC")
    return DONE


async def pause(config: Config, address: str, until: str) -> int:
    """Pause one subscriber, until a day if given; the store owns them from now on, so that the file does not wake
    them up."""
    if not until:
        return await _set_consent(config, address, Consent.PAUSED, "paused by the operator")
    try:
        first_on = date.fromisoformat(until)
    except ValueError as error:
        raise ConfigError([Problem(f"{until!r} is not a date like 2026-06-16", path="--until")]) from error
    async with open_newsletter(config) as newsletter:
        reader = await load_reader(newsletter, address)
        paused = pause_until(reader, first_on)
        if paused.next_due_at is None or paused.next_due_at <= newsletter.clock.now():
            raise ConfigError([Problem(f"{until} is not a day to come", path="--until")])
        await newsletter.subscribers.save([paused], newsletter.clock.now(), f"paused until {first_on}")
    console.print(f"{paused.address}: paused; next digest {paused.next_due_at:%Y-%m-%d %H:%M} UTC")
    return DONE


async def remove(config: Config, address: str) -> int:
    """Note that one subscriber has left."""
    return await _set_consent(config, address, Consent.LEFT, "removed by the operator")


async def restore(config: Config, address: str, reason: str) -> int:
    """Take one subscriber back, and lift the suppression of their address."""
    if not reason.strip():
        raise ConfigError([Problem("say why they may be mailed again", path="--reason")])
    async with open_newsletter(config) as newsletter:
        reader = await load_reader(newsletter, address)
        now = newsletter.clock.now()
        await newsletter.subscribers.lift_suppression(reader.address, reason, now)
        back = replace(
            reader,
            consent=Consent.CONFIRMED,
            # What came while they were away is not sent after them.
            counted_run=max(reader.counted_run, await newsletter.entries.newest_run()),
            next_due_at=next_slot(reader.cadence, now).at,
            wake_at=None,
            file_owned=False,
        )
        await newsletter.subscribers.save([back], now, reason)
    console.print(f"{back.address} is back; next digest {back.next_due_at:%Y-%m-%d %H:%M} UTC")
    return DONE


async def _set_consent(config: Config, address: str, consent: Consent, why: str) -> int:
    async with open_newsletter(config) as newsletter:
        reader = await load_reader(newsletter, address)
        changed = replace(reader, consent=consent, wake_at=None, file_owned=False)
        await newsletter.subscribers.save([changed], newsletter.clock.now(), why)
    console.print(f"{reader.address}: {consent}")
    return DONE


async def load_reader(newsletter: Newsletter, address: str) -> Subscriber:
    """Return a subscriber by address. Raises ConfigError where there is none."""
    checked = parse_address(address)
    reader = await newsletter.subscribers.load(checked)
    if reader is None:
        raise ConfigError([Problem(f"{checked} is not a subscriber; see 'newsletter subscribers list'")])
    return reader

"""Which readers a command is about: all who are mailed, a page of them, or the one who was named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.address import address_key, is_same_address, parse_address
from newsletter.errors import ConfigError, Problem
from newsletter.model.readers import Consent, Subscriber

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.wiring import Newsletter


async def load_page(newsletter: Newsletter, after: str, limit: int) -> tuple[Sequence[Subscriber], bool]:
    """Return the readers whose addresses follow ``after``, at most so many, and whether there are more."""
    found = await newsletter.subscribers.load_page(address_key(after), limit + 1)
    return found[:limit], len(found) > limit


async def load_readers(newsletter: Newsletter) -> list[Subscriber]:
    """Return everybody as they are in the store with subscribers.yaml laid over them, by address; writes nothing."""
    readers = {address_key(reader.address): reader for reader in await newsletter.subscribers.load_all()}
    if newsletter.config.subscribers_path is not None and newsletter.config.subscribers_path.exists():
        chosen = await newsletter.file.choose()
        readers |= {address_key(reader.address): reader for reader in (*chosen.save, *chosen.dropped)}
    mailed = (reader for reader in readers.values() if reader.consent is Consent.CONFIRMED)
    return sorted(mailed, key=lambda reader: reader.address)


def pick_reader(readers: Sequence[Subscriber], whose: str) -> Subscriber:
    """Return one reader by address, the first one for an empty text. Raises ConfigError where there is none."""
    if not whose:
        if not readers:
            raise ConfigError(
                [Problem("there are no subscribers yet: fill in subscribers.yaml, or give --topic")]
            )
        return readers[0]
    address = parse_address(whose)
    for reader in readers:
        if is_same_address(reader.address, address):
            return reader
    raise ConfigError(
        [Problem(f"{address} is not a confirmed subscriber; see 'newsletter subscribers list'")]
    )


async def load_reader(newsletter: Newsletter, address: str) -> Subscriber:
    """Return a subscriber by address. Raises ConfigError where there is none."""
    checked = parse_address(address)
    reader = await newsletter.subscribers.load(checked)
    if reader is None:
        raise ConfigError([Problem(f"{checked} is not a subscriber; see 'newsletter subscribers list'")])
    return reader

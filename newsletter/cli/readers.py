"""Which readers a command is about: all who are mailed, a page of them, or the one who was named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.address import address_key, parse_address
from newsletter.errors import ConfigError, Problem
from newsletter.model.readers import AddressKey, Consent, Subscriber

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from newsletter.wiring import Newsletter

_PAGE = 500


async def load_page(newsletter: Newsletter, after: str, limit: int) -> tuple[Sequence[Subscriber], bool]:
    """Return the readers whose addresses follow ``after``, at most so many, and whether there are more."""
    found = await newsletter.subscribers.load_page(address_key(after), limit + 1)
    return found[:limit], len(found) > limit


async def each_page(newsletter: Newsletter) -> AsyncIterator[Sequence[Subscriber]]:
    """Yield everybody, whatever their consent, page by page, as they are in the store with subscribers.yaml laid over
    them: first those whom only the file knows, then the others by address. Writes nothing."""
    laid = await _lay_file_over(newsletter)
    yield sorted((reader for reader in laid.values() if not reader.id), key=_by_address)
    after, more = "", True
    while more:
        page, more = await load_page(newsletter, after, _PAGE)
        yield [laid.get(address_key(reader.address), reader) for reader in page]
        after = page[-1].address if page else ""


async def each_mailed(newsletter: Newsletter) -> AsyncIterator[Subscriber]:
    """Yield those of everybody who are mailed, in the order of `each_page`."""
    async for page in each_page(newsletter):
        for reader in page:
            if reader.consent is Consent.CONFIRMED:
                yield reader


async def load_readers(newsletter: Newsletter) -> list[Subscriber]:
    """Return all who are mailed, by address."""
    return sorted([reader async for reader in each_mailed(newsletter)], key=_by_address)


async def pick_mailed(newsletter: Newsletter, whose: str) -> Subscriber:
    """Return one who is mailed by address, the first one for an empty text. Raises ConfigError where there is none."""
    if not whose:
        first = await find_first(newsletter)
        if first is None:
            message = "there are no subscribers yet: fill in subscribers.yaml, or give --topic"
            raise ConfigError([Problem(message)])
        return first
    reader = await find_reader(newsletter, whose)
    if reader is not None and reader.consent is Consent.CONFIRMED:
        return reader
    address = parse_address(whose)
    raise ConfigError(
        [Problem(f"{address} is not a confirmed subscriber; see 'newsletter subscribers list'")]
    )


async def find_first(newsletter: Newsletter) -> Subscriber | None:
    """Return the first by address who is mailed, if anybody is."""
    first: list[Subscriber] = []
    async for reader in each_mailed(newsletter):
        first.append(reader)
        if reader.id:  # those after this one have later addresses
            break
    return min(first, key=_by_address, default=None)


async def find_reader(newsletter: Newsletter, whose: str) -> Subscriber | None:
    """Return somebody by address, whatever their consent, with subscribers.yaml laid over them."""
    address = parse_address(whose)
    laid = await _lay_file_over(newsletter)
    return laid.get(address_key(address)) or await newsletter.subscribers.load(address)


async def _lay_file_over(newsletter: Newsletter) -> dict[AddressKey, Subscriber]:
    """Return the readers whom subscribers.yaml would add or change, as they would be."""
    path = newsletter.config.subscribers_path
    if path is None or not path.exists():
        return {}
    chosen = await newsletter.file.choose()
    return {address_key(reader.address): reader for reader in (*chosen.save, *chosen.dropped)}


def _by_address(reader: Subscriber) -> str:
    return reader.address


async def load_reader(newsletter: Newsletter, address: str) -> Subscriber:
    """Return a subscriber by address. Raises ConfigError where there is none."""
    checked = parse_address(address)
    reader = await newsletter.subscribers.load(checked)
    if reader is None:
        raise ConfigError([Problem(f"{checked} is not a subscriber; see 'newsletter subscribers list'")])
    return reader

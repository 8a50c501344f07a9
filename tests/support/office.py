"""A newsletter with one collected day, a relay that can be told to misbehave, and a clock that the test sets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from newsletter.deliver.relays import Relay, RelayPool
from newsletter.deliver.smtp import SmtpMailer
from newsletter.model.ledger import Delivery, State
from newsletter.model.readers import EmailAddress
from newsletter.model.servers import RelayConfig
from newsletter.settings.config import load_config
from newsletter.wiring import Newsletter, open_newsletter
from newsletter.workflows.collect_entries import CollectReport
from newsletter.workflows.send_pipeline import SendReport
from tests.support.builders import at
from tests.support.clock import SetClock
from tests.support.house import House
from tests.support.moves import watch_moves
from tests.support.papers import make_day
from tests.support.sink import Sink

EVE = at("2026-06-15 18:00")
MORNING = at("2026-06-16 07:00")
IN_MEMORY = "sqlite:///:memory:"
"""For tests of what workflows decide, which no engine changes: what the stores do is tried on both in tests/storage."""
SECRET = "s3cret-of-a-provider"
"""What ${SECRET} stands for in the configuration."""


@dataclass(slots=True)
class Office:
    """What a test of a workflow works with.

    gone: who has left, with how many mails they had by then. others: who gets mails that are no digests.
    """

    newsletter: Newsletter
    sink: Sink
    clock: SetClock
    folder: Path
    gone: dict[str, int] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)

    def write_day(self, text: str) -> None:
        (self.folder / "day.json").write_text(text)

    def write_subscribers(self, *addresses: str, topics: str = "[robot]") -> None:
        rows = "".join(f"  - {{address: {address}, topics: {topics}}}\n" for address in addresses)
        (self.folder / "subscribers.yaml").write_text(
            "defaults: {days: daily, hour: '07:00', zone: UTC}\nsubscribers:\n" + rows
        )

    async def join(self, *addresses: str, topics: str = "[robot]") -> None:
        """Let these readers join now."""
        self.write_subscribers(*addresses, topics=topics)
        await self.newsletter.file.take_over()

    async def leave(self, address: str) -> None:
        """Let a reader leave now."""
        store = self.newsletter.subscribers
        reader = await store.load(EmailAddress(address))
        assert reader is not None
        await (await self.newsletter.subscriptions()).leave(reader.id, "left", is_told=False)
        self.note_gone(address)

    def note_gone(self, address: str) -> None:
        """Remember that nobody may mail this address from now on."""
        self.gone[address] = sum(message.rcpt_to == address for message in self.sink.messages)

    def use_relay(self, **changes: Any) -> None:
        """Let the mails go to the sink as through a relay with these settings, which a test's configuration may not
        have: short waits, TLS, a login."""
        relay = replace(RelayConfig("127.0.0.1", self.sink.port, security="none"), **changes)
        newsletter = self.newsletter
        pool = RelayPool([Relay(str(relay), SmtpMailer(relay))], newsletter.settings, self.clock)
        self.newsletter = replace(newsletter, mailer=pool)

    async def collect(self) -> CollectReport:
        return await self.newsletter.collector.collect()

    async def send(self, stop: asyncio.Event | None = None) -> SendReport:
        """Plan and send what is due at the clock's time."""
        await self.newsletter.planner.plan_due()
        async with self.newsletter.sender(stop or asyncio.Event()) as sender:
            return await sender.send_pending()

    async def rows(self, edition: str = "2026-06-16") -> dict[str, Delivery]:
        """The ledger's rows of an edition by address."""
        loaded = await self.newsletter.ledger.reads.load_edition(edition)
        return {address: delivery for delivery, address in loaded}

    async def states(self, edition: str = "2026-06-16") -> dict[str, State]:
        return {address: delivery.state for address, delivery in (await self.rows(edition)).items()}


@asynccontextmanager
async def opened_office(folder: Path, database_url: str, more: str = "") -> AsyncIterator[Office]:
    """An office in this folder, on the eve of its first edition. more: sections for its configuration."""
    async with Sink() as sink:
        House.build(
            folder,
            sources="- {kind: hf_daily_papers, location: day.json}",
            subscribers="subscribers: []",
            port=sink.port,
            database_url="${DATABASE}",
            more=more,
        )
        (folder / "day.json").write_text(make_day())
        clock = SetClock(EVE)
        # A configuration names no database that ends with the process.
        named = "sqlite:///newsletter.db" if database_url == IN_MEMORY else database_url
        config = load_config(folder / "config.yaml", {"DATABASE": named, "SECRET": SECRET})
        async with open_newsletter(config, clock=clock, database_url=database_url) as newsletter:
            await watch_moves(newsletter.database)
            yield Office(newsletter, sink, clock, folder)

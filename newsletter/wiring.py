"""Config → the real Fetcher, stores, clock and Mailer. Only this module names who stands behind a port."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from newsletter import __version__
from newsletter.compose.slots import fingerprint_zones
from newsletter.deliver.dkim import DkimKey, load_dkim_key
from newsletter.deliver.inbox import ImapInbox, MaildirInbox
from newsletter.deliver.maildir import MaildirMailer
from newsletter.deliver.relays import Relay, RelayPool
from newsletter.deliver.return_path import build_return_path
from newsletter.deliver.smtp import SmtpMailer
from newsletter.errors import ClashError, ConfigError, MailerError, Problem, StoreError
from newsletter.files import read_regular, tighten
from newsletter.match.topics import parse_topic, parse_topics
from newsletter.model.ledger import Delivery, DeliveryId, State
from newsletter.model.mail import Identity
from newsletter.model.readers import ConsentMove, EmailAddress, SubscriberId
from newsletter.model.sources import Source
from newsletter.model.topics import Topic
from newsletter.ports import Clock, Inbox, Mailer
from newsletter.render import CompiledBundle, compile_bundle, load_bundle
from newsletter.settings.checked_yaml import did_you_mean
from newsletter.settings.config import BounceSettings, Config
from newsletter.settings.samples import find_sample_readers
from newsletter.settings.shipped import find_shipped
from newsletter.settings.subscribers_file import FileImport
from newsletter.settings.yaml_text import load_yaml, read_text
from newsletter.signing import Secret
from newsletter.storage import (
    Archive,
    ConfirmationStore,
    Database,
    EntryStore,
    EpochGuard,
    EvidenceStore,
    Heartbeat,
    Ledger,
    PersonalStore,
    RunStore,
    SessionStore,
    SettingStore,
    SubscriberStore,
    find_process_space,
    is_dead,
    open_database,
)
from newsletter.web_links import WebLinks
from newsletter.workflows.alerts import queue_alerts
from newsletter.workflows.build_mail import MailBuilder
from newsletter.workflows.collect_entries import CollectReport, collect_entries
from newsletter.workflows.compose_digests import DigestBuilder
from newsletter.workflows.health import SHOWN_SET_ASIDE, Health, load_health
from newsletter.workflows.import_subscribers import choose_subscribers
from newsletter.workflows.liked_papers import choose_lookup
from newsletter.workflows.plan import realign_schedule
from newsletter.workflows.send_pending import Sender
from newsletter.workflows.subscribe import thin_unconfirmed
from newsletter.workflows.subscriptions import Subscriptions

# What only some commands need and is dear to import, the HTTP client above all, is imported where it is used.
if TYPE_CHECKING:
    from newsletter.collect.fetch import HttpFetcher
    from newsletter.workflows.handle_bounces import IncomingReport

log = structlog.get_logger()

_IMPORT_TRIES = 5
_NO_WAY_OUT = "no way to send: set 'relay' (an SMTP server) or 'maildir' (a folder) in the configuration"


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class FixedClock:
    """A clock that stands: for the demo, for ``--at``, and for tests."""

    at: datetime

    def now(self) -> datetime:
        return self.at


@dataclass(frozen=True, slots=True)
class Newsletter:
    """One newsletter, opened: what the commands and the scheduler work with."""

    config: Config
    identity: Identity
    library: Mapping[str, Topic]
    templates: CompiledBundle
    dkim: DkimKey | None
    database: Database
    runs: RunStore
    entries: EntryStore
    archive: Archive
    subscribers: SubscriberStore
    ledger: Ledger
    settings: SettingStore
    evidence: EvidenceStore
    personal: PersonalStore
    confirmations: ConfirmationStore
    sessions: SessionStore
    guard: EpochGuard
    clock: Clock
    mailer: Mailer | None

    def choose_mailer(self) -> Mailer:
        """Return the way out. Raises MailerError where the configuration names none."""
        if self.mailer is None:
            raise MailerError(_NO_WAY_OUT)
        return self.mailer

    def refuse_samples(self) -> None:
        """Raise ConfigError where mail goes to a relay and samples of 'init' are left: addresses, hosts, readers."""
        path = self.config.subscribers_path
        if not self.config.relays:
            return
        readers: Sequence[Problem] = ()
        if path is not None:
            with suppress(ConfigError):  # what is wrong with the file is told when it is taken over
                readers = tuple(find_sample_readers(load_yaml(read_text(path), str(path))))
        problems = [*self.config.samples, *readers]
        if problems:
            raise ConfigError(problems)

    async def choose_import(self) -> FileImport:
        """Decide what subscribers.yaml changes in the store; writes nothing. Raises ConfigError."""
        if self.config.subscribers_path is None:
            return FileImport((), ())
        return await choose_subscribers(
            self.config.subscribers_path,
            self.subscribers,
            self.entries,
            self.library,
            self.templates.bundle.layouts,
            self.config.everything_else,
            self.clock.now(),
        )

    async def import_subscribers(self) -> tuple[str, ...]:
        """Take over what subscribers.yaml says; return notes. Raises ConfigError; then nothing has changed."""
        self.refuse_samples()
        for _ in range(_IMPORT_TRIES):
            chosen = await self.choose_import()
            with suppress(ClashError):  # another process takes the same file over: see what it has left to do
                now, why = self.clock.now(), "subscribers file"
                await self.subscribers.save(chosen.save, now, why, move=ConsentMove.LIST)
                await self.subscribers.save(chosen.dropped, now, why, move=ConsentMove.UNLIST)
                return chosen.notes
        raise StoreError("other processes keep changing the same readers; try again", is_passing=True)

    async def new_digest_builder(self) -> DigestBuilder:
        """Return a builder over the newest run that is visible now."""
        return DigestBuilder(self.entries, self.library, await self.entries.newest_run(), self.clock.now())

    async def subscriptions(self) -> Subscriptions:
        """Return what moves subscriptions."""
        return self.build_subscriptions(await self.settings.load_secret())

    def build_subscriptions(self, secret: Secret) -> Subscriptions:
        """Return what moves subscriptions; secret is that of the database."""
        return Subscriptions(
            subscribers=self.subscribers,
            entries=self.entries,
            identity=self.identity,
            library=self.library,
            links=self.web_links,
            secret=secret,
            clock=self.clock,
        )

    async def new_mail_builder(self) -> MailBuilder:
        secret = await self.settings.load_secret()
        return MailBuilder(self.templates, self.identity, secret, self.dkim, self.web_links)

    @property
    def web_links(self) -> WebLinks | None:
        """Where the pages of the web face are, None where there is none."""
        return WebLinks(self.config.web.url) if self.config.web else None

    async def prepare_planning(self) -> None:
        """Do what comes before planning: end pauses that are over, and follow time zones whose rules have changed."""
        now = self.clock.now()
        await self.subscribers.wake(now, await self.entries.newest_run())
        rules = fingerprint_zones(
            await self.subscribers.load_zones(), datetime(now.year, now.month, 1, tzinfo=UTC)
        )
        if rules != await self.settings.load_zone_rules():
            moved = await realign_schedule(self.subscribers, now)
            await self.settings.save_zone_rules(rules)
            if moved:
                log.info("time zone rules changed; slots moved", readers=moved)

    async def thin(self) -> None:
        """Forget what is over: looks, old votes, and people who were asked and never confirmed."""
        now = self.clock.now()
        await self.runs.thin(now)
        erased = await thin_unconfirmed(self.subscribers, self.confirmations, now)
        if erased:
            log.info("erased unconfirmed subscribers", people=erased)

    async def load_everything(self, reader: SubscriberId) -> dict[str, Any]:
        """Return all that is stored about a reader, as values that JSON can hold."""
        stored = await self.personal.load_everything(reader)
        return {"newsletter": self.identity.name, "written_at": self.clock.now().isoformat(), **stored}

    async def load_health(self) -> Health:
        """Return how this newsletter is."""
        now = self.clock.now()
        settings = self.config.alerts
        return await load_health(
            self.ledger,
            self.runs,
            self.settings,
            self.guard,
            await self.load_paused(),
            settings.late_after if settings else timedelta(hours=1),
            await self.evidence.load_set_aside(now - SHOWN_SET_ASIDE),
            now,
        )

    async def load_paused(self) -> dict[str, str]:
        """Return which of the configured relays are left alone now, by whatever process, and why."""
        configured = {str(relay) for relay in self.config.relays}
        pauses, now = await self.settings.load_pauses(), self.clock.now()
        return {
            relay: f"{pause.why}; until {pause.until:%Y-%m-%d %H:%M} UTC"
            for relay, pause in pauses.items()
            if relay in configured and pause.until > now
        }

    async def queue_alerts(self) -> int:
        """Queue a mail to the operator about each thing that is wrong, each once; return how many were queued."""
        if self.config.alerts is None:
            return 0
        return await queue_alerts(
            await self.load_health(),
            self.config.alerts.to,
            self.identity,
            self.subscribers,
            self.ledger.planning,
            self.clock.now(),
        )

    async def handle_bounces(self) -> IncomingReport:
        """Read what came back, and do what follows; return what that was. Raises MailerError."""
        from newsletter.workflows.handle_bounces import IncomingReport, handle_bounces

        if self.config.bounces is None:
            return IncomingReport()
        inbox = build_inbox(self.config.bounces)
        try:
            return await handle_bounces(
                inbox,
                self.evidence,
                self.identity.bounce_address,
                await self.settings.load_secret(),
                self.clock,
            )
        finally:
            await inbox.close()

    async def _choose_return_path(self) -> Callable[[DeliveryId], EmailAddress] | None:
        """Return what gives each mail its own envelope sender, None where nobody would read what comes back."""
        if self.config.bounces is None or not self.config.bounces.tagged:
            return None
        secret = await self.settings.load_secret()
        return lambda delivery: build_return_path(self.identity.bounce_address, delivery, secret)

    @asynccontextmanager
    async def fetcher(self) -> AsyncIterator[HttpFetcher]:
        """Open the fetcher; file sources are relative to the configuration's folder."""
        from newsletter.collect.fetch import HttpFetcher

        fetcher = HttpFetcher(
            version=__version__,
            contact=self.config.contact_text,
            base_folder=self.config.folder,
            allow_private_hosts=self.config.fetch.allow_private_hosts,
        )
        try:
            yield fetcher
        finally:
            await fetcher.close()

    async def collect(
        self, *, at_once: bool = False, progress: Callable[[str], None] = lambda _source: None
    ) -> CollectReport:
        """Look at every source once, with at_once also at those for which it is too early; then look up the papers
        that topics name and no source has brought."""
        async with self.fetcher() as fetcher:

            async def look(sources: Sequence[Source]) -> CollectReport:
                every = self.config.schedule.collect_every
                return await collect_entries(
                    sources, fetcher, self.runs, self.clock, every, at_once=at_once, progress=progress
                )

            report = await look(self.config.source_list)
            topics = await self._load_naming_topics()
            lookup = await choose_lookup(topics, self.entries, self.config.fetch.arxiv_api)
            if lookup is None:
                return report
            named = await look([lookup])
            return CollectReport(
                report.records + named.records, report.run or named.run, report.waiting + named.waiting
            )

    async def _load_naming_topics(self) -> list[Topic]:
        """Return the topics that may name papers: of the configuration, of stored readers, and of those in the file."""
        texts: dict[str, None] = {}
        for key in ("like", "unlike"):
            texts |= dict.fromkeys(await self.subscribers.load_topics_with(key))
        with suppress(Exception):  # its own step of the clock says what is wrong with the file
            texts |= dict.fromkeys(reader.topics_json for reader in (await self.choose_import()).save)
        return [
            *self.library.values(),
            *(topic for text in texts for topic in parse_topics(text, self.library)),
        ]

    @asynccontextmanager
    async def sender(
        self,
        stop: asyncio.Event,
        progress: Callable[[Delivery, State], None] = lambda _delivery, _state: None,
    ) -> AsyncIterator[Sender]:
        """Open one pass of sending: a relay, and an instance with its heartbeat that holds the claims.

        An instance that ends with an error is not retired: it is found dead and what it held is taken back.
        """
        mailer = self.choose_mailer()
        host, boot = socket.gethostname(), find_process_space()
        instance = await self.ledger.claims.register_instance(host, boot, os.getpid(), self.clock.now())
        heartbeat = Heartbeat(self.database, instance, self.clock)
        heartbeat.start()
        try:
            yield Sender(
                subscribers=self.subscribers,
                ledger=self.ledger,
                settings=self.settings,
                mailer=mailer,
                guard=self.guard,
                return_path=await self._choose_return_path(),
                digests=await self.new_digest_builder(),
                mails=await self.new_mail_builder(),
                clock=self.clock,
                resend=self.config.schedule.resend,
                quiet_day=self.config.schedule.quiet_day,
                instance=instance,
                is_dead=lambda other: is_dead(
                    other, host=host, boot=boot, alive=_is_alive, now=self.clock.now()
                ),
                stop=stop,
                progress=progress,
            )
            await self.ledger.claims.retire_instance(instance)
        finally:
            heartbeat.stop()
            await mailer.close()


@asynccontextmanager
async def open_newsletter(
    config: Config, *, clock: Clock | None = None, database_url: str = ""
) -> AsyncIterator[Newsletter]:
    """Open the database (made and migrated as needed) and compile the templates.

    Raises TemplateError, QueryError (a named topic) or StoreError before anything is done.
    """
    identity = config.identity
    templates = load_templates(config, identity)
    library = build_library(config)
    database = await open_database(database_url or config.database_url)
    tighten(config.epoch_file)
    settings = SettingStore(database)
    guard = EpochGuard(database, config.epoch_file)
    clock = clock or SystemClock()
    try:
        yield Newsletter(
            config=config,
            identity=identity,
            library=library,
            templates=templates,
            dkim=load_dkim(config, identity),
            database=database,
            runs=RunStore(database),
            entries=EntryStore(database),
            archive=Archive(database),
            subscribers=SubscriberStore(database),
            ledger=Ledger(database, guard),
            settings=settings,
            evidence=EvidenceStore(database),
            personal=PersonalStore(database),
            confirmations=ConfirmationStore(database),
            sessions=SessionStore(database),
            guard=guard,
            clock=clock,
            mailer=build_mailer(config, settings, clock),
        )
    finally:
        await database.close()


def load_templates(config: Config, identity: Identity) -> CompiledBundle:
    """Load and compile the shipped templates and over them the operator's own.

    Raises TemplateError, and ConfigError where there is no such layout.
    """
    bundle = load_bundle(find_shipped("templates"), config.templates)
    if identity.layout not in bundle.layouts:
        advice = did_you_mean(identity.layout, bundle.layouts)
        message = f"there is no layout {identity.layout!r}; {advice}"
        raise ConfigError([Problem(message, file=str(config.file), steps=("newsletter", "layout"))])
    return compile_bundle(bundle, identity)


def load_dkim(config: Config, identity: Identity) -> DkimKey | None:
    """Read the key that signs our mail, None where the relay signs. Raises ConfigError for what is no such key."""
    if config.dkim is None:
        return None
    domain = config.dkim.domain or identity.domain
    if domain != identity.domain and not identity.domain.endswith(f".{domain}"):
        message = f"{domain} is not aligned with {identity.domain}: receivers want the sender's domain or its parent"
        raise ConfigError([Problem(message, file=str(config.file), steps=("dkim", "domain"))])
    try:
        return load_dkim_key(read_regular(config.dkim.key), domain, config.dkim.selector)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(
            [Problem(f"{config.dkim.key}: {why}", file=str(config.file), steps=("dkim",))]
        ) from error


def build_library(config: Config) -> dict[str, Topic]:
    """Return the operator's named topics by name. Raises QueryError."""
    topics = [parse_topic(form, {}) for form in config.topics]
    return {topic.name: topic for topic in topics}


def build_mailer(config: Config, store: SettingStore, clock: Clock) -> Mailer | None:
    """Return the mailer that the configuration names, None where it names none. Connects to nothing."""
    if config.maildir is not None:
        return MaildirMailer(config.maildir)
    if not config.relays:
        return None
    relays = [
        Relay(str(relay), SmtpMailer(relay), relay.per_second, relay.per_day) for relay in config.relays
    ]
    return RelayPool(relays, store, clock)


def build_inbox(settings: BounceSettings) -> Inbox:
    """Return where mail about our mail arrives. Connects to nothing yet."""
    if settings.imap is None:
        assert settings.maildir is not None  # one of the two is given
        return MaildirInbox(settings.maildir)
    return ImapInbox(settings.imap.config)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

"""Config → the real Fetcher, stores, clock and Mailer. Only this module names who stands behind a port."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsletter import __version__
from newsletter.deliver.return_path import build_return_path
from newsletter.errors import ConfigError, MailerError, Problem
from newsletter.files import read_regular, tighten
from newsletter.match.topics import parse_topic
from newsletter.model.ledger import Delivery, DeliveryId, RetentionPeriods, State
from newsletter.model.mail import Identity
from newsletter.model.readers import EmailAddress, Subscriber, SubscriberId
from newsletter.model.servers import WHOLE, Part
from newsletter.model.steps import StepName
from newsletter.model.topics import Topic
from newsletter.ports import Clock, Inbox, Mailer
from newsletter.render import CompiledBundle, compile_bundle, load_bundle
from newsletter.settings.advice import did_you_mean
from newsletter.settings.config import BounceSettings, Config
from newsletter.settings.shipped import find_shipped
from newsletter.signing import Secret
from newsletter.storage import (
    Archive,
    ConfirmationStore,
    Database,
    EntryStore,
    EpochGuard,
    FeedbackStore,
    Ledger,
    OperatorLog,
    OperatorViews,
    PersonalStore,
    PictureStore,
    RunStore,
    SchemaState,
    SessionStore,
    SettingStore,
    SubscriberStore,
    backup,
    hold_lease,
    inspect_database,
    list_sqlite_files,
    open_database,
)
from newsletter.web_links import WebLinks
from newsletter.workflows.alerts import queue_alerts
from newsletter.workflows.build_mail import Mail, MailBuilder
from newsletter.workflows.collect_all import Collector
from newsletter.workflows.compose_digests import DigestBuilder
from newsletter.workflows.health import Health, load_health
from newsletter.workflows.import_subscribers import SubscribersFile
from newsletter.workflows.keep_pictures import PictureKeeper
from newsletter.workflows.keep_slots import SlotKeeper
from newsletter.workflows.operator_acts import OperatorDesk
from newsletter.workflows.plan import Planner
from newsletter.workflows.preview import preview_reader
from newsletter.workflows.send_crew import Crew, Forks, Hear, hire
from newsletter.workflows.send_pending import Sender
from newsletter.workflows.send_waiting import Builders, Dispatcher
from newsletter.workflows.subscriptions import Subscriptions
from newsletter.workflows.tick import Clockwork, StepGuard
from newsletter.workflows.upkeep import Upkeep

# What only some commands need and is dear to import, the HTTP client above all, is imported where it is used.
if TYPE_CHECKING:
    from newsletter.collect.fetch import HttpFetcher
    from newsletter.deliver.dkim import DkimKey
    from newsletter.workflows.handle_bounces import IncomingReport

NO_WAY_OUT = "no way to send: set 'relay' (an SMTP server) or 'maildir' (a folder) in the configuration"


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


SYSTEM_CLOCK = SystemClock()


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
    pictures: PictureStore
    subscribers: SubscriberStore
    ledger: Ledger
    settings: SettingStore
    feedback: FeedbackStore
    personal: PersonalStore
    confirmations: ConfirmationStore
    sessions: SessionStore
    operator_log: OperatorLog
    views: OperatorViews
    guard: EpochGuard
    clock: Clock
    mailer: Mailer | None
    forks: Forks | None

    def choose_mailer(self) -> Mailer:
        """Return the transport. Raises MailerError where the configuration names none."""
        if self.mailer is None:
            raise MailerError(NO_WAY_OUT)
        return self.mailer

    @property
    def file(self) -> SubscribersFile:
        """What the operator writes of readers."""
        return SubscribersFile(
            path=self.config.subscribers_path,
            subscribers=self.subscribers,
            entries=self.entries,
            library=self.library,
            layouts=self.templates.bundle.layouts,
            everything_else=self.config.everything_else,
            samples=self.config.samples if self.config.relays else None,
            clock=self.clock,
        )

    @property
    def planner(self) -> Planner:
        """Who decides what is due."""
        return Planner(
            subscribers=self.subscribers,
            entries=self.entries,
            settings=self.settings,
            planning=self.ledger.planning,
            clock=self.clock,
            catch_up=self.config.schedule.catch_up,
            spread=self.config.schedule.spread,
        )

    async def back_up(self, file: Path) -> None:
        """Copy the database into a file that does not exist yet. Raises StoreError."""
        await backup(self.database, file)

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

    async def operator_desk(self) -> OperatorDesk:
        """Return where an operator acts."""
        return self.build_operator_desk(await self.settings.load_secret())

    def build_operator_desk(self, secret: Secret) -> OperatorDesk:
        """Return where an operator acts; secret is that of the database."""

        async def build_test(reader: Subscriber, to: EmailAddress) -> Mail | None:
            digests, mails = await self.new_digest_builder(), await self.new_mail_builder()
            mail = await preview_reader(reader, digests, mails, self.ledger.reads, self.clock, to=to)
            return None if mail.digest.is_empty else mail

        return OperatorDesk(
            ledger=self.ledger,
            subscribers=self.subscribers,
            subscriptions=self.build_subscriptions(secret),
            settings=self.settings,
            log=self.operator_log,
            library=self.library,
            layouts=self.templates.bundle.layouts,
            everything_else=self.config.everything_else,
            clock=self.clock,
            retry_for=self.config.schedule.catch_up,
            choose_mailer=self.choose_mailer,
            build_test=build_test,
            poll=self.collector.poll,
        )

    async def new_mail_builder(self) -> MailBuilder:
        secret = await self.settings.load_secret()
        return MailBuilder(self.templates, self.identity, secret, self.dkim, self.web_links)

    @property
    def web_links(self) -> WebLinks | None:
        """Where the pages of the web UI are, None where there is none."""
        return WebLinks(self.config.web.url) if self.config.web else None

    @property
    def picture_keeper(self) -> PictureKeeper:
        """Who brings the small pictures of papers."""
        return PictureKeeper(self.fetcher, self.pictures, self.clock, self.config.fetch.pictures)

    @property
    def upkeep(self) -> Upkeep:
        """What forgets what is over."""
        kept = self.config.retention
        return Upkeep(
            self.ledger,
            self.settings,
            self.runs,
            self.subscribers,
            self.confirmations,
            RetentionPeriods(kept.content, kept.deliveries, kept.looks),
            self.clock,
        )

    async def load_everything(self, reader: SubscriberId) -> dict[str, Any]:
        """Return all that is stored about a reader, as values that JSON can hold."""
        stored = await self.personal.load_everything(reader)
        return {"newsletter": self.identity.name, "written_at": self.clock.now().isoformat(), **stored}

    async def load_health(self) -> Health:
        """Return how this newsletter is."""
        alerts = self.config.alerts
        return await load_health(
            self.ledger,
            self.runs,
            self.settings,
            self.feedback,
            self.guard,
            relays={str(relay) for relay in self.config.relays},
            late_after=alerts.late_after if alerts else timedelta(hours=1),
            now=self.clock.now(),
        )

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
        from newsletter.workflows.answer_letters import LetterAnswers
        from newsletter.workflows.handle_bounces import IncomingReport, handle_bounces

        if self.config.bounces is None:
            return IncomingReport()
        secret = await self.settings.load_secret()
        answers = LetterAnswers(
            self.subscribers, self.ledger.planning, self.feedback, self.identity, self.web_links, secret
        )
        inbox = build_inbox(self.config.bounces)
        try:
            return await handle_bounces(inbox, self.feedback, secret, answers, self.clock)
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
        from newsletter.collect.proxies import read_proxies

        fetcher = HttpFetcher(
            version=__version__,
            contact=self.config.contact_text,
            base_folder=self.config.folder,
            allow_private_hosts=self.config.fetch.allow_private_hosts,
            proxies=read_proxies(os.environ),
        )
        try:
            yield fetcher
        finally:
            await fetcher.close()

    @property
    def collector(self) -> Collector:
        """Who looks at the sources."""
        return Collector(
            sources=self.config.source_list,
            every=self.config.schedule.collect_every,
            arxiv_api=self.config.fetch.arxiv_api,
            arxiv_repository=self.config.fetch.arxiv_repository,
            open_fetcher=self.fetcher,
            runs=self.runs,
            entries=self.entries,
            subscribers=self.subscribers,
            library=self.library,
            file=self.file,
            clock=self.clock,
        )

    def dispatcher(self, stop: asyncio.Event) -> Dispatcher:
        """Return who sends what waits; stop, once set, lets the mails in flight finish and the rest wait."""
        return Dispatcher(
            ledger=self.ledger,
            entries=self.entries,
            settings=self.settings,
            guard=self.guard,
            clock=self.clock,
            resend=self.config.schedule.resend,
            choose_mailer=self.choose_mailer,
            hire=partial(self.hire, stop),
            new_builders=self.new_builders,
            open_sender=partial(self.sender, stop),
        )

    async def hire(
        self, stop: asyncio.Event, progress: Hear, *, due: int, begin_at: datetime | None = None
    ) -> Crew | None:
        """Return processes at work on so many mails; None where this one is enough, or nothing can go out now."""
        pauses, now = await self.settings.load_pauses(), self.clock.now()
        paused = {relay for relay, pause in pauses.items() if pause.until > now}
        if {str(relay) for relay in self.config.relays} <= paused:
            return None
        if await self.settings.load_hold() or await self.guard.check():
            return None
        return hire(self.forks, due, stop, progress, begin_at=begin_at)

    async def new_builders(self) -> Builders:
        """Return what a pass of sending builds its mails with, over the newest run that is visible now."""
        now = self.clock.now()
        return Builders(await self.new_digest_builder(), await self.new_mail_builder(), now)

    @asynccontextmanager
    async def sender(
        self,
        stop: asyncio.Event,
        progress: Callable[[Delivery, State], None] = lambda _delivery, _state: None,
        builders: Builders | None = None,
    ) -> AsyncIterator[Sender]:
        """Open one pass of sending: a relay, and a lease for what it claims. builders are new ones where none are
        given."""
        mailer = self.choose_mailer()
        builders = builders or await self.new_builders()
        try:
            async with hold_lease(self.database, self.ledger.claims, self.clock) as lease:
                yield Sender(
                    subscribers=self.subscribers,
                    ledger=self.ledger,
                    settings=self.settings,
                    mailer=mailer,
                    guard=self.guard,
                    return_path=await self._choose_return_path(),
                    digests=builders.digests,
                    mails=builders.mails,
                    clock=self.clock,
                    resend=self.config.schedule.resend,
                    quiet_day=self.config.schedule.quiet_day,
                    lease=lease,
                    stop=stop,
                    progress=progress,
                )
        finally:
            await mailer.close()

    def build_clockwork(self, stop: asyncio.Event) -> Clockwork:
        """Return the steps of this newsletter's clock at work."""
        from newsletter.workflows.handle_bounces import log_incoming

        async def read_mail() -> None:
            log_incoming(await self.handle_bounces())

        dispatcher = self.dispatcher(stop)
        return Clockwork(
            acts={
                StepName.SUBSCRIBERS_FILE: self.file.take_over_and_log,
                StepName.COLLECTING: self.collector.collect_if_due,
                StepName.INCOMING_MAIL: read_mail,
                StepName.PICTURES: self.picture_keeper.keep,
                StepName.UPKEEP: self.upkeep.thin_if_due,
                StepName.PAUSES_AND_ZONES: self.planner.prepare,
                StepName.PLANNING: self.planner.plan_and_log,
                StepName.SENDING: dispatcher.send_all,
                StepName.ALERTS: self.queue_alerts,
                StepName.NOTICES: dispatcher.send_notices,
            },
            guard=StepGuard(self.settings, self.clock),
            is_first=self.collector.is_first,
            stop=stop,
            slots=SlotKeeper(self.ledger.claims.load_next_due, dispatcher.warm_up, self.clock),
        )


@asynccontextmanager
async def open_newsletter(
    config: Config,
    *,
    clock: Clock = SYSTEM_CLOCK,
    database_url: str = "",
    templates: CompiledBundle | None = None,
    part: Part = WHOLE,
    forks: Forks | None = None,
) -> AsyncIterator[Newsletter]:
    """Open the database (made and migrated as needed) and load the templates, unless they are given. part is what this
    process may use of the relays, forks where others come from that send beside it. Raises TemplateError, QueryError
    (a named topic) or StoreError before anything is done."""
    identity, library = config.identity, build_library(config)
    templates = templates or load_templates(config, identity)
    async with _open_tables(config, database_url) as database:
        settings, guard = SettingStore(database), EpochGuard(database, config.epoch_file)
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
            pictures=PictureStore(database),
            subscribers=SubscriberStore(database),
            ledger=Ledger(database, guard, config.strike_policy),
            settings=settings,
            feedback=FeedbackStore(database, config.strike_policy),
            personal=PersonalStore(database),
            confirmations=ConfirmationStore(database),
            sessions=SessionStore(database),
            operator_log=OperatorLog(database),
            views=OperatorViews(database),
            guard=guard,
            clock=clock,
            mailer=build_mailer(config, settings, clock, part),
            forks=forks,
        )


@asynccontextmanager
async def _open_tables(config: Config, database_url: str) -> AsyncIterator[Database]:
    database = await open_database(database_url or config.database_url)
    try:
        tighten(config.epoch_file)
        yield database
    finally:
        await database.close()


async def inspect_tables(config: Config) -> SchemaState:
    """Return how the tables of the database are, which is neither made nor changed. Raises StoreError."""
    return await inspect_database(config.database_url)


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
    from newsletter.deliver.dkim import load_dkim_key

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


def list_private_files(config: Config) -> list[Path]:
    """Return what holds addresses or keys, whether it is there or not."""
    key = config.dkim.key if config.dkim else None
    database = list_sqlite_files(config.database_file) if config.database_file else []
    named = [config.epoch_file, config.maildir, key, config.subscribers_path, *database]
    return [path for path in named if path is not None]


def build_library(config: Config) -> dict[str, Topic]:
    """Return the operator's named topics by name. Raises QueryError."""
    topics = [parse_topic(form, {}) for form in config.topics]
    return {topic.name: topic for topic in topics}


def build_mailer(config: Config, store: SettingStore, clock: Clock, part: Part = WHOLE) -> Mailer | None:
    """Return the mailer that the configuration names, None where it names none; part is what this process may use of
    each relay. Connects to nothing."""
    if config.maildir is not None:
        from newsletter.deliver.maildir import MaildirMailer

        return MaildirMailer(config.maildir)
    if not config.relays:
        return None
    from newsletter.deliver.relays import Relay, RelayPool
    from newsletter.deliver.smtp import SmtpMailer

    relays = [
        Relay(
            name=str(relay),
            mailer=SmtpMailer(replace(relay, connections=part.share(relay.connections))),
            per_second=relay.per_second,
            per_day=relay.per_day,
            processes=part.of,
        )
        for relay in config.relays
    ]
    return RelayPool(relays, store, clock)


def build_inbox(settings: BounceSettings) -> Inbox:
    """Return where bounces and complaints arrive. Connects to nothing yet."""
    from newsletter.deliver.inbox import ImapInbox, MaildirInbox

    if settings.imap is None:
        assert settings.maildir is not None  # one of the two is given
        return MaildirInbox(settings.maildir)
    return ImapInbox(settings.imap.config)

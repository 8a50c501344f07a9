"""Config → the real Fetcher, stores, clock and Mailer. Only this module names who stands behind a port."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsletter import __version__
from newsletter.errors import ConfigError, MailerError, Problem
from newsletter.files import read_regular, tighten
from newsletter.model.servers import WHOLE, Part
from newsletter.settings.shipped import find_shipped

# A command needs a few of these, and each costs its start: what stands behind a name is imported when it is asked for.
if TYPE_CHECKING:
    from newsletter.collect.fetch import HttpFetcher
    from newsletter.deliver.dkim import DkimKey
    from newsletter.model.ledger import Delivery, DeliveryId, State
    from newsletter.model.mail import Identity
    from newsletter.model.readers import EmailAddress, Subscriber, SubscriberId
    from newsletter.model.topics import Topic
    from newsletter.ports import Clock, Inbox, Mailer, WakeUps
    from newsletter.render import Bundle, CompiledBundle
    from newsletter.settings.config import BounceSettings, Config
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
    )
    from newsletter.web_links import WebLinks
    from newsletter.workflows.build_mail import Mail, MailBuilder
    from newsletter.workflows.collect_all import Collector
    from newsletter.workflows.compose_digests import DigestBuilder
    from newsletter.workflows.handle_bounces import IncomingReport
    from newsletter.workflows.health import Health
    from newsletter.workflows.import_subscribers import SubscribersFile
    from newsletter.workflows.keep_pictures import PictureKeeper
    from newsletter.workflows.operator_acts import OperatorDesk
    from newsletter.workflows.plan import Planner
    from newsletter.workflows.send_crew import Crew, Forks, Hear
    from newsletter.workflows.send_pending import Sender
    from newsletter.workflows.send_waiting import Builders, Dispatcher
    from newsletter.workflows.shared_work import SharedWork
    from newsletter.workflows.subscriptions import Subscriptions
    from newsletter.workflows.tick import Clockwork
    from newsletter.workflows.upkeep import Upkeep

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


@dataclass(frozen=True)
class Newsletter:
    """One newsletter, opened: what the commands and the scheduler work with.

    templates_given are those of another process; mailer stands in place of the configured one.
    """

    config: Config
    database: Database
    guard: EpochGuard
    clock: Clock
    part: Part = WHOLE
    forks: Forks | None = None
    templates_given: CompiledBundle | None = None
    mailer: Mailer | None = None

    def load_now(self) -> None:
        """Load what sending needs, before anything is done. Raises TemplateError, QueryError, ConfigError."""
        for _ in (self.templates, self.library, self.dkim):
            pass

    @property
    def identity(self) -> Identity:
        return self.config.identity

    @cached_property
    def library(self) -> Mapping[str, Topic]:
        """The operator's named topics by name. Raises QueryError."""
        from newsletter.match.topics import parse_topic

        topics = [parse_topic(form, {}) for form in self.config.topics]
        return {topic.name: topic for topic in topics}

    @cached_property
    def bundle(self) -> Bundle:
        """The templates as they are written. Raises TemplateError."""
        from newsletter.render.bundle import load_bundle

        if self.templates_given is not None:
            return self.templates_given.bundle
        return load_bundle(find_shipped("templates"), self.config.templates)

    @cached_property
    def templates(self) -> CompiledBundle:
        """The templates, ready for use. Raises TemplateError, and ConfigError where there is no such layout."""
        return self.templates_given or load_templates(self.config, self.bundle)

    @cached_property
    def dkim(self) -> DkimKey | None:
        """The key that signs our mail. Raises ConfigError."""
        return load_dkim(self.config, self.identity)

    @cached_property
    def runs(self) -> RunStore:
        from newsletter.storage.runs import RunStore

        return RunStore(self.database)

    @cached_property
    def entries(self) -> EntryStore:
        from newsletter.storage.entries import EntryStore

        return EntryStore(self.database)

    @cached_property
    def archive(self) -> Archive:
        from newsletter.storage.archive import Archive

        return Archive(self.database)

    @cached_property
    def subscribers(self) -> SubscriberStore:
        from newsletter.storage.subscribers import SubscriberStore

        return SubscriberStore(self.database)

    @cached_property
    def settings(self) -> SettingStore:
        from newsletter.storage.settings import SettingStore

        return SettingStore(self.database)

    @cached_property
    def personal(self) -> PersonalStore:
        from newsletter.storage.personal import PersonalStore

        return PersonalStore(self.database)

    @cached_property
    def pictures(self) -> PictureStore:
        from newsletter.storage.pictures import PictureStore

        return PictureStore(self.database)

    @cached_property
    def confirmations(self) -> ConfirmationStore:
        from newsletter.storage.confirmations import ConfirmationStore

        return ConfirmationStore(self.database)

    @cached_property
    def sessions(self) -> SessionStore:
        from newsletter.storage.confirmations import SessionStore

        return SessionStore(self.database)

    @cached_property
    def operator_log(self) -> OperatorLog:
        from newsletter.storage.operator_log import OperatorLog

        return OperatorLog(self.database)

    @cached_property
    def views(self) -> OperatorViews:
        from newsletter.storage.operator_views import OperatorViews

        return OperatorViews(self.database)

    @cached_property
    def feedback(self) -> FeedbackStore:
        from newsletter.storage.feedback import FeedbackStore

        return FeedbackStore(self.database, self.config.strike_policy)

    @cached_property
    def ledger(self) -> Ledger:
        from newsletter.storage.ledger import Ledger

        return Ledger(self.database, self.guard, self.config.strike_policy)

    @cached_property
    def _mailer(self) -> Mailer | None:
        return self.mailer or build_mailer(self.config, self.settings, self.clock, self.part)

    def choose_mailer(self) -> Mailer:
        """Return the transport. Raises MailerError where the configuration names none."""
        if self._mailer is None:
            raise MailerError(NO_WAY_OUT)
        return self._mailer

    @property
    def file(self) -> SubscribersFile:
        """What the operator writes of readers."""
        from newsletter.workflows.import_subscribers import SubscribersFile

        return SubscribersFile(
            path=self.config.subscribers_path,
            subscribers=self.subscribers,
            entries=self.entries,
            library=self.library,
            layouts=self.bundle.layouts,
            everything_else=self.config.everything_else,
            samples=self.config.samples if self.config.relays else None,
            clock=self.clock,
        )

    @property
    def planner(self) -> Planner:
        """Who decides what is due."""
        from newsletter.workflows.plan import Planner

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
        from newsletter.storage.backup import backup

        await backup(self.database, file)

    async def new_digest_builder(self) -> DigestBuilder:
        """Return a builder over the newest run that is visible now."""
        from newsletter.workflows.compose_digests import DigestBuilder

        pictures = self.pictures if self.web_links else None
        newest_run = await self.entries.newest_run()
        return DigestBuilder(self.entries, self.library, newest_run, self.clock.now(), pictures)

    async def subscriptions(self) -> Subscriptions:
        """Return what moves subscriptions."""
        return self.build_subscriptions(await self.settings.load_secret())

    def build_subscriptions(self, secret: Secret) -> Subscriptions:
        """Return what moves subscriptions; secret is that of the database."""
        from newsletter.workflows.subscriptions import Subscriptions

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
        from newsletter.workflows.operator_acts import OperatorDesk
        from newsletter.workflows.preview import preview_reader

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
            layouts=self.bundle.layouts,
            everything_else=self.config.everything_else,
            clock=self.clock,
            retry_for=self.config.schedule.catch_up,
            choose_mailer=self.choose_mailer,
            build_test=build_test,
            poll=self.collector.poll,
        )

    async def new_mail_builder(self) -> MailBuilder:
        """Return what makes mails of digests and notices."""
        from newsletter.workflows.build_mail import MailBuilder

        secret = await self.settings.load_secret()
        return MailBuilder(self.templates, self.identity, secret, self.dkim, self.web_links)

    @property
    def web_links(self) -> WebLinks | None:
        """Where the pages of the web UI are, None where there is none."""
        from newsletter.web_links import WebLinks

        return WebLinks(self.config.web.url) if self.config.web else None

    @property
    def picture_keeper(self) -> PictureKeeper:
        """Who brings the small pictures of papers."""
        from newsletter.workflows.keep_pictures import PictureKeeper

        return PictureKeeper(self.fetcher, self.pictures, self.clock, self.config.fetch.pictures)

    @property
    def upkeep(self) -> Upkeep:
        """What forgets what is over."""
        from newsletter.model.ledger import RetentionPeriods
        from newsletter.workflows.upkeep import Upkeep

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
        from newsletter.workflows.health import load_health

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
        from newsletter.workflows.alerts import queue_alerts

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
        from newsletter.deliver.return_path import build_return_path

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
        from newsletter.workflows.collect_all import Collector

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
        from newsletter.workflows.send_waiting import Dispatcher

        return Dispatcher(
            ledger=self.ledger,
            entries=self.entries,
            settings=self.settings,
            guard=self.guard,
            clock=self.clock,
            resend=self.config.schedule.resend,
            stop=stop,
            choose_mailer=self.choose_mailer,
            hire=partial(self.hire, stop),
            new_builders=self.new_builders,
            open_sender=self.sender,
        )

    async def hire(
        self, stop: asyncio.Event, progress: Hear, *, due: int, begin_at: datetime | None = None
    ) -> Crew | None:
        """Return processes for so many mails, which wait until they may begin; None where this one is enough, or
        nothing can go out now."""
        from newsletter.workflows.send_crew import hire

        pauses, now = await self.settings.load_pauses(), self.clock.now()
        paused = {relay for relay, pause in pauses.items() if pause.until > now}
        if {str(relay) for relay in self.config.relays} <= paused:
            return None
        if await self.settings.load_hold() or await self.guard.check():
            return None
        return hire(self.forks, due, stop, progress, begin_at=begin_at)

    async def new_builders(self) -> Builders:
        """Return what a pass of sending builds its mails with, over the newest run that is visible now."""
        from newsletter.workflows.send_waiting import Builders

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
        from newsletter.storage.lease import hold_lease
        from newsletter.workflows.send_pending import Sender

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

    async def _read_mail(self) -> None:
        from newsletter.workflows.handle_bounces import log_incoming

        log_incoming(await self.handle_bounces())

    def build_shared_work(self, stop: asyncio.Event) -> SharedWork:
        """Return the clock's work as jobs that any number of machines share."""
        from newsletter.model.steps import StepName
        from newsletter.workflows.shared_work import SharedWork, choose_seats
        from newsletter.workflows.tick import StepGuard

        def open_seat(part: Part) -> Dispatcher:
            return replace(self, part=part, templates_given=self.templates).dispatcher(stop)

        return SharedWork(
            wake_ups=self._choose_wake_ups(),
            guard=StepGuard(self.settings, self.clock),
            clock=self.clock,
            stop=stop,
            collector=self.collector,
            claims=self.ledger.claims,
            resend=self.config.schedule.resend,
            acts={
                StepName.SUBSCRIBERS_FILE: self.file.take_over_and_log,
                StepName.INCOMING_MAIL: self._read_mail,
                StepName.PICTURES: self.picture_keeper.keep,
                StepName.UPKEEP: self.upkeep.thin,
                StepName.PAUSES_AND_ZONES: self.planner.prepare,
                StepName.PLANNING: self.planner.plan_and_log,
                StepName.ALERTS: self.queue_alerts,
            },
            seats=choose_seats(
                self.config.send.processes, [relay.connections for relay in self.config.relays]
            ),
            open_seat=open_seat,
        )

    def _choose_wake_ups(self) -> WakeUps:
        """Return what carries jobs: a queue in PostgreSQL, else this process."""
        from newsletter.storage.wake_ups import QueuedWakeUps
        from newsletter.workflows.in_process import InProcess

        return InProcess() if self.database.is_sqlite else QueuedWakeUps(self.config.database_url)

    def build_clockwork(self, stop: asyncio.Event) -> Clockwork:
        """Return the steps of this newsletter's clock at work."""
        from newsletter.model.steps import StepName
        from newsletter.workflows.keep_slots import SlotKeeper
        from newsletter.workflows.tick import Clockwork, StepGuard

        dispatcher = self.dispatcher(stop)
        return Clockwork(
            acts={
                StepName.SUBSCRIBERS_FILE: self.file.take_over_and_log,
                StepName.COLLECTING: self.collector.collect_if_due,
                StepName.INCOMING_MAIL: self._read_mail,
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
    """Open the database (made and migrated as needed). part is what this process may use of the relays, forks where
    others come from that send beside it; templates are those of another process. Raises StoreError."""
    from newsletter.storage.epoch import EpochGuard
    from newsletter.storage.schema import open_database

    database = await open_database(database_url or config.database_url)
    try:
        tighten(config.epoch_file)
        yield Newsletter(
            config=config,
            database=database,
            guard=EpochGuard(database, config.epoch_file),
            clock=clock,
            part=part,
            forks=forks,
            templates_given=templates,
        )
    finally:
        await database.close()


async def inspect_tables(config: Config) -> SchemaState:
    """Return how the tables of the database are, which is neither made nor changed. Raises StoreError."""
    from newsletter.storage.schema import inspect_database

    return await inspect_database(config.database_url)


def load_templates(config: Config, bundle: Bundle | None = None) -> CompiledBundle:
    """Compile the shipped templates and over them the operator's own, which are read unless they are given.

    Raises TemplateError, and ConfigError where there is no such layout.
    """
    from newsletter.render.bundle import load_bundle
    from newsletter.render.digest import compile_bundle
    from newsletter.settings.advice import did_you_mean

    bundle = bundle or load_bundle(find_shipped("templates"), config.templates)
    layout = config.identity.layout
    if layout not in bundle.layouts:
        message = f"there is no layout {layout!r}; {did_you_mean(layout, bundle.layouts)}"
        raise ConfigError([Problem(message, file=str(config.file), steps=("newsletter", "layout"))])
    return compile_bundle(bundle, config.identity)


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
    from newsletter.storage.engine import list_sqlite_files

    key = config.dkim.key if config.dkim else None
    database = list_sqlite_files(config.database_file) if config.database_file else []
    named = [config.epoch_file, config.maildir, key, config.subscribers_path, *database]
    return [path for path in named if path is not None]


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

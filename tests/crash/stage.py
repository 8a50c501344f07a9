"""A newsletter for each round: prepared once for each engine, copied for each round."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL, make_url

from tests.crash.ledger import LedgerView
from tests.crash.relay import StrikingRelay
from tests.crash.rounds import CONNECTIONS, READERS, Engine
from tests.support.fork_server import Command, ForkServer
from tests.support.house import House
from tests.support.papers import make_day
from tests.support.postgres import fresh_database

EDITION = "2026-06-16"
ADDRESSES = frozenset(f"reader{number}@example.org" for number in range(READERS))
_SUBSCRIBERS = "defaults: {days: daily, hour: '07:00', zone: UTC}\nsubscribers:\n" + "".join(
    f"  - {{address: {address}, topics: [robot, pruning]}}\n" for address in sorted(ADDRESSES)
)
_DELAY_S = 0.02  # a relay near by


@dataclass(frozen=True, slots=True)
class Scene:
    """The place of one round: a newsletter that has mails to send, and the relay that takes them."""

    house: House
    database_url: str
    relay: StrikingRelay
    ledger: LedgerView
    fork_server: ForkServer
    commands: list[Command] = field(default_factory=list)

    async def start_send(self, at: str = "") -> Command:
        command = await self.fork_server.start(self.house, "send", "--edition", EDITION, at=at)
        self.commands.append(command)
        return command


class Stage:
    """Where rounds are played. postgres is a server's URL, None where only SQLite is played. workers: so many processes
    send for each sender."""

    def __init__(self, fork_server: ForkServer, folder: Path, postgres: str | None, workers: int = 1) -> None:
        self._workers = workers
        self._fork_server = fork_server
        self._folder = folder
        self._postgres = make_url(postgres) if postgres else None
        self._template: URL | None = None

    @classmethod
    @asynccontextmanager
    async def prepared(
        cls, folder: Path, engines: Iterable[Engine], postgres: str | None = None, workers: int = 1
    ) -> AsyncIterator[Stage]:
        """Prepare a newsletter on each engine that has collected and imported, and has sent nothing yet."""
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(ForkServer.running())
            stage = cls(server, folder, postgres, workers)
            if Engine.SQLITE in engines:
                await stage._prepare("prepared-sqlite", stage._sqlite_url("prepared-sqlite"))
            if Engine.POSTGRESQL in engines:
                assert stage._postgres is not None
                stage._template = stack.enter_context(fresh_database(stage._postgres))
                await stage._prepare("prepared-postgresql", _show(stage._template))
            yield stage

    @asynccontextmanager
    async def set_scene(self, name: str, engine: Engine) -> AsyncIterator[Scene]:
        """A fresh newsletter in a folder of this name; at the end none of its commands runs any more."""
        async with AsyncExitStack() as stack:
            relay = await stack.enter_async_context(StrikingRelay(delay_s=_DELAY_S))
            shutil.rmtree(self._folder / name, ignore_errors=True)
            (self._folder / name).mkdir()
            if engine is Engine.SQLITE:
                url = self._sqlite_url(name)
                for file in (self._folder / "prepared-sqlite").glob("newsletter.db*"):
                    shutil.copy(file, self._folder / name)
            else:
                assert self._template is not None
                url = _show(stack.enter_context(fresh_database(self._template, as_template=True)))
            house = self._build(name, url, relay.port)
            scene = Scene(house, url, relay, LedgerView(url), self._fork_server)
            try:
                yield scene
            finally:
                for command in scene.commands:
                    command.kill()
                for command in scene.commands:
                    await command.wait()

    async def _prepare(self, name: str, url: str) -> None:
        (self._folder / name).mkdir(parents=True)
        house = self._build(name, url, port=1)
        for arguments in (("collect",), ("send", "--dry-run")):
            command = await self._fork_server.start(house, *arguments)
            assert await command.wait() == 0, f"{arguments} failed, see {house.folder}"

    def _build(self, name: str, url: str, port: int) -> House:
        folder = self._folder / name
        (folder / "day.json").write_text(make_day())
        return House.build(
            folder,
            sources="- {kind: hf_daily_papers, location: day.json}",
            subscribers=_SUBSCRIBERS,
            port=port,
            database_url=url,
            connections=CONNECTIONS,
            processes=self._workers,
        )

    def _sqlite_url(self, name: str) -> str:
        return f"sqlite:///{self._folder / name / 'newsletter.db'}"


def _show(url: URL) -> str:
    return url.render_as_string(hide_password=False)

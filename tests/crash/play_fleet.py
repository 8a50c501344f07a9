"""Play rounds of a fleet: workers on machines of their own, on one PostgreSQL, until everything is sent."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import URL, make_url

from newsletter.settings.config import load_config
from newsletter.wiring import FixedClock, open_newsletter
from tests.crash.fleet import (
    CONNECTIONS,
    READERS,
    Fault,
    FleetFacts,
    FleetResult,
    FleetRound,
    build_fleet_failure,
    build_fleet_result,
)
from tests.crash.ledger import LedgerView, Row
from tests.crash.machines import HERE, Machine, running_machines
from tests.crash.play import find_broken_promise
from tests.support.certificate import NO_OPENSSL, make_certificate, serve_with
from tests.support.fork_server import Command
from tests.support.house import House
from tests.support.papers import make_day
from tests.support.postgres import fresh_database
from tests.support.sink import Hangup, Moment, Sink

EDITION = "2026-06-16"
ADDRESSES = tuple(f"reader{number}@example.org" for number in range(READERS))
_SUBSCRIBERS = "defaults: {days: daily, hour: '07:00', zone: UTC}\nsubscribers:\n" + "".join(
    f"  - {{address: {address}, topics: [robot, pruning]}}\n" for address in ADDRESSES
)
_DELAY_S = 0.03  # a relay on another machine
_ALL_HERE_S = 20.0
_PATIENCE_S = 240.0
_JOIN = ("restored", "--nothing-was-sent")
_WORK = ("worker", "--log-json")
_LOOK_EVERY_S = 0.3


@dataclass(slots=True, eq=False)
class _Trap:
    """A fault that waits for its mail. strike does it, and returns at once."""

    round: FleetRound
    address: str
    strike: Callable[[], None]
    connections: int = 0
    sprung: asyncio.Event = field(default_factory=asyncio.Event)
    seen: int = 0


@dataclass(slots=True, eq=False)
class _Relay(Sink):
    """A relay for machines. It takes its time until all of them are there, so that all of them send."""

    trap: _Trap | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    _strikes: set[asyncio.Task[None]] = field(default_factory=set)

    async def reach(self, moment: Moment, peer: tuple[str, int]) -> None:
        if moment is Moment.RCPT:
            await self.gate.wait()
        trap = self.trap
        if trap is None or moment is not trap.round.moment or peer[0] != trap.address:
            return
        trap.seen += 1
        if trap.seen != trap.round.at_mail:
            return
        striking = asyncio.create_task(self._strike(trap))
        self._strikes.add(striking)
        striking.add_done_callback(self._strikes.discard)
        if moment in (Moment.AGREED, Moment.ANSWERED):
            return  # the answer is out; the fault comes into what the machine does next
        await striking
        if trap.round.cuts:
            raise Hangup

    async def _strike(self, trap: _Trap) -> None:
        await asyncio.sleep(trap.round.delay_ms / 1000)
        trap.strike()
        trap.connections = self.open_from[trap.address]
        trap.sprung.set()


class Fleet:
    """Where rounds are played: lanes of machines, each for one round at a time."""

    def __init__(self, folder: Path, template: URL, certificate: Path) -> None:
        self._folder = folder
        self._template = template
        self._certificate = certificate

    @classmethod
    @asynccontextmanager
    async def prepared(cls, folder: Path, postgres: str) -> AsyncIterator[Fleet]:
        """Prepare a newsletter of which everybody's digest is due. Raises RuntimeError without openssl."""
        certificate = make_certificate(folder, [f"IP:{HERE}"])
        if certificate is None:
            raise RuntimeError(NO_OPENSSL)
        os.environ["SSL_CERT_FILE"] = str(certificate)
        with fresh_database(make_url(postgres)) as template:
            fleet = cls(folder, template, certificate)
            house = fleet._build_house(folder / "prepared", template, port=1, seats=1)
            collected = await asyncio.to_thread(house.run, "collect")
            assert collected.returncode == 0, collected.stdout + collected.stderr
            await _plan(house)
            yield fleet

    async def play(self, round_: FleetRound, machines: Sequence[Machine]) -> FleetResult:
        """Play a round. One that breaks a promise leaves a folder with what its workers said, and why."""
        folder, begun = self._folder / f"seed-{round_.seed}", time.monotonic()
        try:
            facts = await self._play(round_, machines, folder)
            result = build_fleet_result(round_, facts, time.monotonic() - begun)
        except Exception as error:
            # A worker that hangs, say: the other rounds go on, and this one counts as failed.
            why = f"{type(error).__name__}: {error}"
            result = build_fleet_failure(round_, why, time.monotonic() - begun)
        if result.problems:
            (folder / "result.json").write_text(json.dumps(asdict(result), indent=2))
        else:
            shutil.rmtree(folder)
        return result

    async def _play(self, round_: FleetRound, machines: Sequence[Machine], folder: Path) -> FleetFacts:
        async with AsyncExitStack() as stack:
            url = stack.enter_context(fresh_database(self._template, as_template=True))
            relay = _Relay(host="0.0.0.0", tls=serve_with(self._certificate), delay_s=_DELAY_S)
            await stack.enter_async_context(relay)
            houses = [
                self._build_house(folder / machine.name, url, relay.port, round_.machines)
                for machine in machines
            ]
            game = _Game(round_, machines, houses, relay, LedgerView(_show(url)))
            try:
                rows = await game.play()
                return FleetFacts(
                    rows=rows,
                    copies=Counter(message.rcpt_to for message in relay.messages),
                    connections=game.trap.connections if game.trap else 0,
                    codes=tuple(command.code for command in game.commands if command is not game.killed),
                    open_at_most=relay.open_at_most,
                    settled_s=game.settled_s,
                    broken=await find_broken_promise(_show(url), relay.messages, EDITION),
                )
            finally:
                await game.end()

    def _build_house(self, folder: Path, url: URL, port: int, seats: int) -> House:
        folder.mkdir(parents=True)
        (folder / "day.json").write_text(make_day())
        its_url = _show(url if port == 1 else url.set(host=HERE, port=5432, query={}))
        house = House.build(
            folder,
            sources="- {kind: hf_daily_papers, location: day.json}",
            subscribers=_SUBSCRIBERS,
            database_url=its_url,
        )
        text = (folder / "config.yaml").read_text().splitlines()
        relay = f"relay: {{host: {HERE}, port: {port}, security: tls, connections: {CONNECTIONS}}}"
        lines = [line for line in text if not line.startswith(("relay:", "send:"))]
        (folder / "config.yaml").write_text("\n".join([*lines, relay, f"send: {{processes: {seats}}}", ""]))
        return house


@dataclass(slots=True)
class _Game:
    """A round under way."""

    round: FleetRound
    machines: Sequence[Machine]
    houses: Sequence[House]
    relay: _Relay
    ledger: LedgerView
    commands: list[Command] = field(default_factory=list)
    trap: _Trap | None = None
    killed: Command | None = None
    settled_s: float = 0
    _settled: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def _victim(self) -> Machine:
        return self.machines[self.round.machine]

    async def play(self) -> tuple[Row, ...]:
        """Play to the end; return the rows of the ledger. Raises TimeoutError where that does not come."""
        for joined in await asyncio.gather(*(self._start(*each, *_JOIN) for each in self._places)):
            assert await joined.wait() == 0, "a machine could not join"
        self.commands += await asyncio.gather(*(self._start(*each, *_WORK) for each in self._places))
        worker = self.commands[self.round.machine]
        trap = _Trap(self.round, self._victim.address, lambda: self._strike(worker))
        self.trap = self.relay.trap = trap
        with suppress(TimeoutError):
            async with asyncio.timeout(_ALL_HERE_S):
                while not all(self.relay.open_from[each.address] for each in self.machines):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        self.relay.gate.set()
        healing = asyncio.create_task(self._heal(worker))
        try:
            await self._settle()
            self._settled.set()
            await healing
        finally:
            healing.cancel()
        for command in self.commands:
            if command.code is None:
                os.kill(command.pid, signal.SIGTERM)
        for command in self.commands:
            await command.wait(_PATIENCE_S)
        async with asyncio.timeout(_PATIENCE_S):
            while self.relay.open_now:  # noqa: ASYNC110 - what was under way arrives
                await asyncio.sleep(0.01)
        return await asyncio.to_thread(self.ledger.load_rows)

    async def end(self) -> None:
        """Let nothing run any more, and the machines be whole."""
        self._victim.plug_in()
        for command in self.commands:
            command.kill()
        for command in self.commands:
            await command.wait()

    @property
    def _places(self) -> list[tuple[Machine, House]]:
        return list(zip(self.machines, self.houses, strict=True))

    async def _start(self, machine: Machine, house: House, *arguments: str) -> Command:
        return await machine.fork_server.start(house, *arguments)

    def _strike(self, worker: Command) -> None:
        match self.round.fault:
            case Fault.KILLED:
                self.killed = worker
                os.kill(worker.pid, signal.SIGKILL)
            case Fault.FROZEN:
                os.kill(worker.pid, signal.SIGSTOP)
            case Fault.CUT_OFF:
                self._victim.pull_cable()

    async def _heal(self, worker: Command) -> None:
        """Let the machine be back when its time has come; where it was killed a new worker begins."""
        assert self.trap is not None
        waiting = [asyncio.create_task(event.wait()) for event in (self.trap.sprung, self._settled)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        if not self.trap.sprung.is_set():
            return
        if self.round.away_s is not None:
            await asyncio.sleep(self.round.away_s)
        else:
            await self._settled.wait()
        match self.round.fault:
            case Fault.KILLED:
                await self._begin_again()
            case Fault.FROZEN:
                os.kill(worker.pid, signal.SIGCONT)
            case Fault.CUT_OFF:
                self._victim.plug_in()

    async def _begin_again(self) -> None:
        """Start a worker where one was killed, and wait until it works: before that a stop just ends it."""
        machine, house = self._places[self.round.machine]
        self.commands.append(await self._start(machine, house, *_WORK))
        newest = max(house.folder.glob("output-*"), key=lambda file: int(file.name.partition("-")[2]))
        async with asyncio.timeout(_PATIENCE_S):
            while '"working"' not in newest.read_text():  # noqa: ASYNC110 - another process decides
                await asyncio.sleep(0.01)

    async def _settle(self) -> None:
        """Wait until all is accepted, as the ledger says."""
        assert self.trap is not None
        begun = 0.0
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                rows = await asyncio.to_thread(self.ledger.load_rows)
                if self.trap.sprung.is_set() and not begun:
                    begun = time.monotonic()
                if rows and all(row.state == "accepted" for row in rows):
                    break
                await asyncio.sleep(_LOOK_EVERY_S)
        self.settled_s = time.monotonic() - begun if begun else 0


async def play_fleet_rounds(
    rounds: Sequence[FleetRound],
    folder: Path,
    note: Callable[[FleetResult], None],
    *,
    postgres: str,
    jobs: int,
) -> None:
    """Play these rounds, jobs at a time; note gets each result as it comes."""
    waiting = iter(rounds)
    async with Fleet.prepared(folder, postgres) as fleet:

        async def work(lane: int) -> None:
            async with running_machines(lane, rounds[0].machines) as machines:
                for round_ in waiting:
                    note(await fleet.play(round_, machines))

        async with asyncio.TaskGroup() as lanes:
            for lane in range(min(jobs, len(rounds))):
                lanes.create_task(work(lane))


async def _plan(house: House) -> None:
    """Let everybody's digest be due, and nothing be sent."""
    clock = FixedClock(datetime.fromisoformat(house.at))
    async with open_newsletter(load_config(house.folder / "config.yaml", {}), clock=clock) as newsletter:
        await newsletter.file.take_over()
        await newsletter.planner.plan_date(date.fromisoformat(EDITION))


def _show(url: URL) -> str:
    return url.render_as_string(hide_password=False)

"""Processes that send beside this one, so that a large queue goes out over all cores.

They are forked by a process that is itself forked before this one has an event loop, threads or a database. That one
does nothing until it is asked for the first time; then it compiles the templates, which all its children share. So a
small queue costs nothing, a worker begins within milliseconds, and what a day's mails needed is gone when they are
sent, which it would not be in workers that stay.

Each worker is told by a socket what to do, and tells by it what it did, a line of JSON each; a line more lets it
connect to the relays. The end of that socket means: stop, with the mails in flight finished. So workers end with
whoever started them, however that ends.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from newsletter.errors import NewsletterError
from newsletter.logs import log
from newsletter.scheduler import stop_on_signals
from newsletter.tracebacks import word_failure
from newsletter.wiring import SYSTEM_CLOCK, load_templates, open_newsletter
from newsletter.workflows.send_crew import SMALL_QUEUE, WorkOrder
from newsletter.workflows.send_pending import CLAIM_AT_ONCE, Sender
from newsletter.workflows.send_pipeline import SendReport

if TYPE_CHECKING:
    from newsletter.model.ledger import Delivery, DeliveryId, State
    from newsletter.ports import Clock
    from newsletter.render import CompiledBundle
    from newsletter.settings.config import Config

_TELL_EVERY_S = 0.5
_LONGEST_LINE = 1 << 20
_BEGIN = b"begin\n"


class Forks:
    """Where workers come from."""

    def __init__(self, launcher: socket.socket, most: int, least: int) -> None:
        self.most = most
        self.least = least
        self._launcher = launcher

    async def start(self, order: WorkOrder) -> Worker:
        """Start a worker at this. Raises OSError where that is not possible."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._launcher, [b"+"], [theirs.fileno()])
        reader, writer = await asyncio.open_connection(sock=ours, limit=_LONGEST_LINE)
        writer.write(json.dumps(order.to_json()).encode() + b"\n")
        return Worker(reader, writer)


class Worker:
    """The side of whoever started one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def listen(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what the worker tells, until it has ended."""
        try:
            with suppress(OSError):
                # One that was killed may have begun a line.
                while (line := await self._reader.readline()).endswith(b"\n"):
                    yield json.loads(line)
        finally:
            self._writer.close()

    def let_begin(self) -> None:
        """Let it connect to the relays."""
        with suppress(OSError, RuntimeError):
            self._writer.write(_BEGIN)

    def stop(self) -> None:
        """Let it finish the mails in flight."""
        with suppress(OSError, RuntimeError):
            self._writer.write_eof()


def choose_most(wanted: int | None, cores: int, connections: Sequence[int]) -> int:
    """Return how many processes may send: as wanted, else one a core; each has a connection of its own to every relay.
    connections are those that the relays allow; without a relay one process is enough."""
    return min(wanted or cores, *connections) if connections else 1


def count_cores() -> int:
    """Return how many cores this process may use, by its affinity and by the limit of its control group."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, max(1, round(int(quota) / int(period))))
    return cores


@contextmanager
def forking(config: Config, clock: Clock = SYSTEM_CLOCK) -> Iterator[Forks | None]:
    """Have workers at hand until the block ends; None where there is never to be more than one process. To be called
    before this process has an event loop or threads."""
    wanted = config.send.processes
    most = choose_most(wanted, count_cores(), [relay.connections for relay in config.relays])
    if most < 2:
        yield None
        return
    ours, theirs = socket.socketpair()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _leave_after(_launch, theirs, config, clock)
    theirs.close()
    try:
        with ours:
            yield Forks(ours, most, CLAIM_AT_ONCE if wanted else SMALL_QUEUE)
    finally:
        os.waitpid(pid, 0)


# --- the launcher -------------------------------------------------------------------------


def _leave_after(work: Any, *arguments: Any) -> NoReturn:
    """Do the work of a fork, and end without what its parent would do at its end."""
    code = 1
    try:
        work(*arguments)
        code = 0
    except BaseException as error:
        log.error("a process for sending failed", error=word_failure(error))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _launch(parent: socket.socket, config: Config, clock: Clock) -> None:
    """Fork a worker for each socket that comes, until the parent is gone. A stop is for workers: they end by it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a worker, so none becomes a zombie
    templates = None
    while True:
        asked, passed, _, _ = socket.recv_fds(parent, 1, 1)
        if not asked:
            break
        if templates is None:
            templates = load_templates(config)
            templates.compile_layout(config.identity.layout, config.identity.language)
            gc.collect()
            gc.freeze()  # what is never looked at by the collector stays shared
        channel = socket.socket(fileno=passed[0])
        if os.fork() == 0:
            parent.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _leave_after(_run_worker, channel, config, clock, templates)
        channel.close()
    with suppress(ChildProcessError):
        os.waitpid(-1, 0)  # returns when all have ended, because their ends are ignored


# --- a worker -----------------------------------------------------------------------------


def _run_worker(channel: socket.socket, config: Config, clock: Clock, templates: CompiledBundle) -> None:
    asyncio.run(_work(channel, config, clock, templates))


async def _work(channel: socket.socket, config: Config, clock: Clock, templates: CompiledBundle) -> None:
    """Send as the order says, and tell of it."""
    stop = asyncio.Event()
    stop_on_signals(stop)
    reader, writer = await asyncio.open_connection(sock=channel)
    teller = _Teller(writer)
    order = WorkOrder.from_json(json.loads(await reader.readline()))
    begin = asyncio.Event()
    beside = [asyncio.create_task(_listen(reader, begin, stop)), asyncio.create_task(teller.run())]
    report = SendReport()
    try:
        async with (
            open_newsletter(config, clock=clock, templates=templates, part=order.part) as newsletter,
            newsletter.sender(stop, teller.note) as sender,
        ):
            if order.begin_at is not None:
                await _wait_warmly(sender, order.begin_at, clock, begin)
            await _wait_for_any(begin, stop)
            report = await sender.send_pending(order.edition)
    except NewsletterError as error:
        report.stop(str(error))
    for task in beside:
        task.cancel()
    with suppress(OSError):  # nobody is there to hear it
        teller.tell(taken=report.taken, stopped=report.stopped, ended=True)
        await writer.drain()


class _Teller:
    """Tells now and then how many mails have come to which state, and which mails these were."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._counts: Counter[State] = Counter()
        self._mails: list[DeliveryId] = []
        self.tell(pid=os.getpid())

    def note(self, delivery: Delivery, state: State) -> None:
        self._counts[state] += 1
        self._mails.append(delivery.id)

    def tell(self, **news: Any) -> None:
        news |= {"counts": self._counts, "mails": self._mails}
        self._writer.write(json.dumps(news).encode() + b"\n")
        self._counts.clear()
        self._mails.clear()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_TELL_EVERY_S)
            self.tell()


async def _listen(reader: asyncio.StreamReader, begin: asyncio.Event, stop: asyncio.Event) -> None:
    """Set begin when whoever started us lets us connect, and stop when they say so or are gone."""
    with suppress(OSError):  # it died without having read all that it was told
        if await reader.readline():
            begin.set()
            await reader.read()
    stop.set()


async def _wait_warmly(sender: Sender, begin_at: datetime, clock: Clock, begin: asyncio.Event) -> None:
    """Make ready what is needed at that moment, and wait for it."""
    mails = await sender.warm_up(begin_at)
    await _wait_for_any(begin, sender.stop)
    if sender.stop.is_set():
        return
    await sender.mailer.warm_up(mails)
    with suppress(TimeoutError):
        await asyncio.wait_for(sender.stop.wait(), max((begin_at - clock.now()).total_seconds(), 0))


async def _wait_for_any(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()

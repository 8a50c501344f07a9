"""Play a round: senders, signals, passes that recover, until nothing is left to send."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from newsletter.model.servers import Part
from newsletter.storage import Ledger, SubscriberStore, open_database
from tests.crash.relay import Trap
from tests.crash.rounds import CONNECTIONS, Round, Strike
from tests.crash.stage import EDITION, Scene
from tests.crash.verdict import Facts, Hit
from tests.support.fork_server import Command
from tests.support.invariants import check_ledger
from tests.support.sink import Received

PAST_THE_LEASE = "2026-06-16T18:40:00+00:00"  # ten minutes after the senders that begin a round
_MOST_PASSES = 5
_PATIENCE_S = 120
_FROZEN_S = 0.5


async def play(round_: Round, scene: Scene) -> Facts:
    """Play one round on a fresh scene; return what there is to judge. Raises TimeoutError where a sender hangs."""
    game = _Game(scene)
    senders = round_.senders
    for strike in round_.strikes:
        hit = await (
            game.hit_worker(strike, round_.workers) if round_.workers > 1 else game.play_pass(strike, senders)
        )
        game.hits.append(hit)
        senders = 1
    passes = await game.finish()
    await wait_until(lambda: scene.relay.open_now == 0)  # what was under way when a sender died has arrived
    pids = {hit.pid for hit in game.hits}
    rows = await asyncio.to_thread(scene.ledger.load_rows)
    if round_.workers > 1:
        uncertain = sum(row.was_uncertain for row in rows)
        game.hits = [replace(hit, in_data=uncertain) for hit in game.hits]
    return Facts(
        round=round_,
        rows=rows,
        copies=Counter(message.rcpt_to for message in scene.relay.messages),
        hits=tuple(game.hits),
        codes=tuple(command.code for command in scene.commands if command.pid not in pids),
        passes=passes,
        broken=await find_broken_promise(scene.database_url, scene.relay.messages, EDITION),
    )


async def freeze(command: Command) -> bool:
    """Stop a process; return whether it stands still, False where it has ended."""
    if command.code is None:
        with suppress(ProcessLookupError):
            os.kill(command.pid, signal.SIGSTOP)
        await wait_until(lambda: command.code is not None or _is_still(command.pid))
    return command.code is None


async def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until this holds. Raises TimeoutError after two minutes."""
    async with asyncio.timeout(_PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - other processes decide
            await asyncio.sleep(0.005)


@dataclass(slots=True)
class _Game:
    """A round under way. frozen is the sender that stands still, if one does."""

    scene: Scene
    hits: list[Hit] = field(default_factory=list)
    frozen: Command | None = None
    at: str = ""

    async def play_pass(self, strike: Strike, senders: int) -> Hit:
        """Let senders send, and strike; return what that left."""
        scene = self.scene
        scene.relay.trap = trap = Trap(strike)
        commands = [await scene.start_send(self.at) for _ in range(senders)]
        trap.pids += [command.pid for command in commands]
        await wait_until(lambda: trap.sprung.is_set() or all(command.ended.is_set() for command in commands))
        victim = next((command for command in commands if command.pid == trap.hit), None)
        landed = victim is not None
        if victim is not None and strike.signal is signal.SIGSTOP:
            if landed := await freeze(victim):
                self.frozen, self.at = victim, PAST_THE_LEASE
        elif victim is not None:
            await victim.wait()
        held = await asyncio.to_thread(scene.ledger.count_held, trap.hit)
        await self._wait_for([command for command in commands if command is not self.frozen])
        code = victim.code if victim is not None else None
        return Hit(strike, landed, trap.hit, code, held["in_data"], held["claimed"])

    async def hit_worker(self, strike: Strike, workers: int) -> Hit:
        """Let a sender send with several processes, and strike one of them; whoever started it must come to the end.

        What it held when it was hit is not to be seen, since the others take it over at once: it is what was uncertain.
        """
        scene = self.scene
        scene.relay.trap = trap = Trap(strike, family=True)
        command = await scene.start_send(self.at)
        trap.pids.append(command.pid)
        await wait_until(lambda: trap.sprung.is_set() or command.ended.is_set())
        landed = trap.hit not in (0, command.pid)
        if landed and strike.signal is signal.SIGSTOP:
            await asyncio.sleep(_FROZEN_S)  # its claims are not void, so nobody can go on for it
            with suppress(ProcessLookupError):
                os.kill(trap.hit, signal.SIGCONT)
        await command.wait(_PATIENCE_S)
        code = -signal.SIGKILL if strike.signal is signal.SIGKILL else 0
        return Hit(strike, landed, trap.hit, code, 0, 0, connections=Part(0, workers).share(CONNECTIONS))

    async def finish(self) -> int:
        """Send until nothing is left, and wake who stands still after the first pass; return the number of passes."""
        self.scene.relay.trap = None
        passes = 0
        while passes < _MOST_PASSES:
            passes += 1
            await self._wait_for([await self.scene.start_send(self.at)])
            if self.frozen is not None:
                with suppress(ProcessLookupError):
                    os.kill(self.frozen.pid, signal.SIGCONT)
                await self.frozen.wait()
                self.frozen = None
            rows = await asyncio.to_thread(self.scene.ledger.load_rows)
            if all(row.state == "accepted" or row.is_left_uncertain for row in rows):
                break
        return passes

    async def _wait_for(self, commands: Sequence[Command]) -> None:
        """Wait until these have ended, and see to it that nobody who stands still keeps them from it.

        A sender that is frozen inside a transaction keeps others out: on SQLite as long as it stands still, on
        PostgreSQL until the server's patience ends. They wait, and then stop. That is promised, and takes minutes to
        see: here it is woken for a moment.
        """
        async with asyncio.timeout(_PATIENCE_S):
            for command in commands:
                while command.code is None:
                    with suppress(TimeoutError):
                        await command.wait(0.5)
                    frozen = self.frozen
                    if command.code is not None or frozen is None or frozen.code is not None:
                        continue
                    if await asyncio.to_thread(self.scene.ledger.is_held_up):
                        os.kill(frozen.pid, signal.SIGCONT)
                        await asyncio.sleep(0.005)
                        await freeze(frozen)
                        await self._count_again(frozen)

    async def _count_again(self, frozen: Command) -> None:
        """Note what a sender held that was woken for a moment, where that is more."""
        held = await asyncio.to_thread(self.scene.ledger.count_held, frozen.pid)
        self.hits[:] = [
            replace(hit, in_data=max(hit.in_data, held["in_data"])) if hit.pid == frozen.pid else hit
            for hit in self.hits
        ]


async def find_broken_promise(url: str, messages: Sequence[Received], edition: str) -> str:
    """Hold the five promises against the ledger; return what is broken, empty where nothing is."""
    database = await open_database(url)
    try:
        ledger, subscribers = Ledger(database), SubscriberStore(database)
        await check_ledger(ledger, subscribers, messages, edition)
    except AssertionError as error:
        return str(error) or "a promise is broken"
    finally:
        await database.close()
    return ""


def _is_still(pid: int) -> bool:
    """Tell whether a process is stopped. Linux only: proc(5)."""
    try:
        return re.search(r"State:\s+T", Path(f"/proc/{pid}/status").read_text()) is not None
    except (FileNotFoundError, ProcessLookupError):
        return False

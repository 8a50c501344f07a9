"""Play many rounds, some at a time."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.crash.play import play
from tests.crash.report import Result, build_failure, build_result
from tests.crash.rounds import Round
from tests.crash.stage import Stage
from tests.crash.verdict import judge


async def play_rounds(
    rounds: Sequence[Round],
    folder: Path,
    note: Callable[[Result], None],
    *,
    postgres: str | None,
    jobs: int,
) -> None:
    """Play these rounds, jobs at a time; note gets each result as it comes. postgres is the URL of a server.

    A round that breaks a promise leaves a folder with its files, what its senders said, and why.
    """
    waiting = iter(rounds)
    processes = max(round_.workers for round_ in rounds)
    async with Stage.prepared(folder, {round_.engine for round_ in rounds}, postgres, processes) as stage:

        async def work() -> None:
            for round_ in waiting:
                note(await _play_one(round_, stage, folder))

        async with asyncio.TaskGroup() as workers:
            for _ in range(jobs):
                workers.create_task(work())


async def _play_one(round_: Round, stage: Stage, folder: Path) -> Result:
    name, begun = f"seed-{round_.seed}-{round_.engine}", time.monotonic()
    try:
        async with stage.set_scene(name, round_.engine) as scene:
            facts = await play(round_, scene)
        result = build_result(facts, judge(facts), time.monotonic() - begun)
    except Exception as error:
        # A sender that hangs, say: the other rounds go on, and this one counts as failed.
        result = build_failure(round_, f"{type(error).__name__}: {error}", time.monotonic() - begun)
    if result.problems:
        (folder / name / "result.json").write_text(json.dumps(asdict(result), indent=2))
    else:
        shutil.rmtree(folder / name)
    return result

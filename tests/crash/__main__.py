"""``python -m tests.crash --rounds 500 --seed 1 --jobs 2 --engine both --json FILE``; ``--only SEED`` plays one again.

``--machines 3``: rounds against workers on so many machines (machines.py), on PostgreSQL. ``--table FILE`` plays
nothing and prints the figures of a run as Markdown. A round that breaks a promise leaves its folder. Exit code 1 where
one did.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from tests.crash.fleet import FleetResult, build_fleet_round, word_fleet_table
from tests.crash.machines import enter_own_network, find_missing
from tests.crash.play_fleet import play_fleet_rounds
from tests.crash.report import Result, word_table
from tests.crash.rounds import Engine, build_round
from tests.crash.run import play_rounds
from tests.support.postgres import NO_POSTGRES, running_postgres


def main() -> int:
    arguments = _read_arguments()
    if arguments.table:
        print(_word_table(_load_results(arguments.table)))
        return 0
    if arguments.machines:
        if missing := find_missing():
            sys.exit(missing)
        enter_own_network("-m", "tests.crash", *sys.argv[1:])
    results = _load_results(arguments.json) if arguments.resume and arguments.json else []
    played = {result.seed for result in results}
    seeds = arguments.only or range(arguments.seed, arguments.seed + arguments.rounds)
    results += _play([seed for seed in seeds if seed not in played], arguments)
    print("\n" + _word_table(results))
    failed = " ".join(str(result.seed) for result in results if result.problems)
    if failed:
        more = f" --workers {arguments.workers}" if arguments.workers > 1 else ""
        more += f" --machines {arguments.machines}" if arguments.machines else ""
        print(f"\nagain: python -m tests.crash --engine {arguments.engine}{more} --only {failed}")
    return int(bool(failed))


class _Notes:
    """Takes results in as they come, and tells of each; a file gets them as well, a line each."""

    def __init__(self, rounds: int, folder: Path, file: Path | None) -> None:
        self.results: list[Result | FleetResult] = []
        self._rounds = rounds
        self._folder = folder
        self._file = file
        self._begun = time.monotonic()

    def note(self, result: Result | FleetResult) -> None:
        self.results.append(result)
        each_s = (time.monotonic() - self._begun) / len(self.results)
        left_min = each_s * (self._rounds - len(self.results)) / 60
        print(
            f"{len(self.results)}/{self._rounds}  seed {result.seed}, {result.words}"
            f"  ({each_s:.1f} s a round, {left_min:.0f} min left)",
            flush=True,
        )
        for problem in result.problems:
            print(f"    BROKEN: {problem}, see {self._folder}", flush=True)
        if self._file:
            with self._file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(asdict(result)) + "\n")


def _play(seeds: Sequence[int], arguments: argparse.Namespace) -> Sequence[Result | FleetResult]:
    """Play the rounds of these seeds, and tell of each; return their results."""
    folder = Path(tempfile.mkdtemp(prefix="newsletter-crash-"))
    notes = _Notes(len(seeds), folder, arguments.json)
    if arguments.json and not arguments.resume:
        arguments.json.write_text("")
    if seeds and arguments.machines:
        fleet_rounds = [build_fleet_round(seed, arguments.machines) for seed in seeds]
        with _running_postgres(for_others=True) as url:
            asyncio.run(
                play_fleet_rounds(fleet_rounds, folder, notes.note, postgres=url, jobs=arguments.jobs)
            )
    elif seeds:
        engines = tuple(Engine) if arguments.engine == "both" else (Engine(arguments.engine),)
        rounds = [build_round(seed, engines, arguments.workers) for seed in seeds]
        with _postgres_for({round_.engine for round_ in rounds}) as postgres:
            asyncio.run(play_rounds(rounds, folder, notes.note, postgres=postgres, jobs=arguments.jobs))
    if not any(result.problems for result in notes.results):
        shutil.rmtree(folder)
    return notes.results


def _load_results(file: Path) -> list[Result | FleetResult]:
    """Return the results of a run, none where it has not begun."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    found = [json.loads(line) for line in lines]
    return [FleetResult(**result) if "fault" in result else Result(**result) for result in found]


def _word_table(results: Sequence[Result | FleetResult]) -> str:
    """Return the figures as Markdown. All are of one kind."""
    if fleet := [result for result in results if isinstance(result, FleetResult)]:
        return word_fleet_table(fleet)
    return word_table([result for result in results if isinstance(result, Result)])


@contextmanager
def _postgres_for(engines: set[Engine]) -> Iterator[str | None]:
    """The URL of a server where one is needed."""
    if Engine.POSTGRESQL not in engines:
        yield None
        return
    with _running_postgres() as url:
        yield url


@contextmanager
def _running_postgres(*, for_others: bool = False) -> Iterator[str]:
    with running_postgres(for_others=for_others) as server:
        if server is None:
            sys.exit(NO_POSTGRES)
        yield server.url


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Hit a sender in the middle of a send, many times.")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1, help="the first round's; each round has the next one")
    parser.add_argument("--jobs", type=int, default=2, help="so many rounds at a time")
    parser.add_argument(
        "--workers", type=int, default=1, help="so many processes a sender, one of which is hit"
    )
    parser.add_argument(
        "--machines", type=int, default=0, help="so many machines, each with a 'newsletter worker'"
    )
    parser.add_argument("--engine", choices=[*Engine, "both"], default="both")
    parser.add_argument("--only", type=int, nargs="+", metavar="SEED", help="play these again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write each result there, a line each")
    parser.add_argument(
        "--resume", action="store_true", help="play only the rounds that this file does not have yet"
    )
    parser.add_argument(
        "--table", type=Path, metavar="FILE", help="print the figures of such a file, in Markdown"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

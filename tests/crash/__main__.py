"""``python -m tests.crash --rounds 500 --seed 1 --jobs 2 --engine both --json FILE``; ``--only SEED`` plays one again.

``--table FILE`` plays nothing and prints the figures of a run as Markdown. A round that breaks a promise leaves its
folder. Exit code 1 where one did.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from tests.crash.report import Result, word_table
from tests.crash.rounds import Engine, Round, build_round
from tests.crash.run import play_rounds
from tests.support.postgres import NO_POSTGRES, running_postgres


def main() -> int:
    arguments = _read_arguments()
    if arguments.table:
        lines = arguments.table.read_text(encoding="utf-8").splitlines()
        print(word_table([Result(**json.loads(line)) for line in lines]))
        return 0
    engines = tuple(Engine) if arguments.engine == "both" else (Engine(arguments.engine),)
    seeds = arguments.only or range(arguments.seed, arguments.seed + arguments.rounds)
    rounds = [build_round(seed, engines, arguments.workers) for seed in seeds]
    results = _play(rounds, arguments.jobs, arguments.json)
    print("\n" + word_table(results))
    failed = " ".join(str(result.seed) for result in results if result.problems)
    if failed:
        more = f" --workers {arguments.workers}" if arguments.workers > 1 else ""
        print(f"\nagain: python -m tests.crash --engine {arguments.engine}{more} --only {failed}")
    return int(bool(failed))


def _play(rounds: list[Round], jobs: int, file: Path | None) -> list[Result]:
    """Play rounds and tell of each; return their results, which file gets as well, a line each, as they come."""
    results: list[Result] = []
    begun = time.monotonic()

    def note(result: Result) -> None:
        results.append(result)
        each_s = (time.monotonic() - begun) / len(results)
        left_min = each_s * (len(rounds) - len(results)) / 60
        strikes = "; ".join(
            f"{strike['words']}: {strike['uncertain']} uncertain" if strike["landed"] else "missed"
            for strike in result.strikes
        )
        print(
            f"{len(results)}/{len(rounds)}  seed {result.seed}, {result.engine}, {result.senders} senders: {strikes}"
            f"; {result.flagged} known copies  ({each_s:.1f} s a round, {left_min:.0f} min left)",
            flush=True,
        )
        for problem in result.problems:
            print(f"    BROKEN: {problem}, see {folder}", flush=True)
        if file:
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(asdict(result)) + "\n")

    folder = Path(tempfile.mkdtemp(prefix="newsletter-crash-"))
    if file:
        file.write_text("")
    with _postgres_for(rounds) as postgres:
        asyncio.run(play_rounds(rounds, folder, note, postgres=postgres, jobs=jobs))
    if not any(result.problems for result in results):
        shutil.rmtree(folder)
    return results


@contextmanager
def _postgres_for(rounds: list[Round]) -> Iterator[str | None]:
    """The URL of a server where one is needed."""
    if all(round_.engine is not Engine.POSTGRESQL for round_ in rounds):
        yield None
        return
    with running_postgres() as server:
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
    parser.add_argument("--engine", choices=[*Engine, "both"], default="both")
    parser.add_argument("--only", type=int, nargs="+", metavar="SEED", help="play these again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write each result there, a line each")
    parser.add_argument(
        "--table", type=Path, metavar="FILE", help="print the figures of such a file, in Markdown"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

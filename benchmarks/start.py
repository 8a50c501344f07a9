"""What it costs to start a command, beside a Python that does nothing and one that imports SQLAlchemy, in turns.

    python -m benchmarks.start [--json FILE] [--rounds N]

The commands run in a folder with the sample files of ``newsletter init`` and an empty database, so that they have
nothing to do but to begin and to end. Modules are compiled before, as they are where pip installed them. CPU is that
of the process, user and system, the least of all rounds: other work on the machine can only add to it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

TARGET_S = 0.6
"""A command that has nothing to do takes less CPU than this."""

PEER = "python -c 'import sqlalchemy'"
"""What each command is compared with: no command that asks the database can be cheaper."""

COMMANDS: dict[str, Sequence[str]] = {
    "python -c pass": ("-c", "pass"),
    PEER: ("-c", "import sqlalchemy"),
    **{
        f"newsletter {line}": ("-m", "newsletter", *line.split())
        for line in (
            "--help",
            "--version",
            "subscribers list",
            "subscribers list --json",
            "topics list",
            "topics explain robot*",
            "deliveries",
            "sources",
            "status",
            "status --json",
            "collect --help",
            "check",
        )
    },
}


@dataclass(frozen=True, slots=True)
class Cost:
    """The least CPU of a process, and how many modules of ours it has imported."""

    cpu_s: float
    modules: int


def run(rounds: int, commands: Sequence[str] = tuple(COMMANDS)) -> dict[str, Cost]:
    """Return what each command costs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for arguments in (("init",), ("subscribers", "list")):  # the second one makes the database
            _start(["-m", "newsletter", *arguments], folder).check_returncode()
        # The first start of each compiles what it imports.
        modules = {command: _count_modules(COMMANDS[command], folder) for command in commands}
        turns = [
            {command: _measure(COMMANDS[command], folder) for command in commands} for _ in range(rounds)
        ]
    return {command: Cost(min(turn[command] for turn in turns), modules[command]) for command in commands}


def _start(arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Start Python with these arguments; bytecode is kept in the folder, whatever the environment says of it."""
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )


def _count_modules(arguments: Sequence[str], folder: Path) -> int:
    lines = _start(["-X", "importtime", *arguments], folder).stderr.splitlines()
    return sum(" newsletter" in line for line in lines if "import time:" in line)


def _measure(arguments: Sequence[str], folder: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _start(arguments, folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def print_table(costs: dict[str, Cost]) -> None:
    """Print what each costs, in seconds and in imports of SQLAlchemy where that was measured."""
    table = Table(title=f"CPU of a start; a command that does nothing: below {TARGET_S} s")
    for column in ("command", "CPU s", "of SQLAlchemy's", "our modules"):
        table.add_column(column, justify="left" if column == "command" else "right")
    for command, cost in costs.items():
        ratio = f"{cost.cpu_s / costs[PEER].cpu_s:.2f}" if PEER in costs else ""
        table.add_row(command, f"{cost.cpu_s:.2f}", ratio, str(cost.modules))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what it costs to start a command.")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    costs = run(args.rounds)
    print_table(costs)
    if args.json:
        args.json.write_text(json.dumps({command: asdict(cost) for command, cost in costs.items()}, indent=2))


if __name__ == "__main__":
    main()

"""What it costs to start a command, beside a Python that does nothing, in the same run.

    python -m benchmarks.start [--json FILE] [--rounds N]

The commands run in a folder with the sample files of ``newsletter init`` and an empty database, so that they have
nothing to do but to begin and to end. CPU is that of the process, user and system, the least of all rounds: other
work on the machine can only add to it.
"""

from __future__ import annotations

import argparse
import json
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

_PYTHON = ("-c", "pass")
COMMANDS: dict[str, Sequence[str]] = {
    "python -c pass": _PYTHON,
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


def measure(arguments: Sequence[str], folder: Path, rounds: int) -> Cost:
    """Start Python with these arguments so many times."""
    cpu_s = min(_measure_once(arguments, folder) for _ in range(rounds))
    listed = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return Cost(
        cpu_s, sum(" newsletter" in line for line in listed.stderr.splitlines() if "import time:" in line)
    )


def _measure_once(arguments: Sequence[str], folder: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run(rounds: int, commands: Sequence[str] = tuple(COMMANDS)) -> dict[str, Cost]:
    """Return what each command costs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for arguments in (("init",), ("subscribers", "list")):  # the second one makes the database
            subprocess.run(
                [sys.executable, "-m", "newsletter", *arguments], cwd=folder, capture_output=True, check=True
            )
        return {command: measure(COMMANDS[command], folder, rounds) for command in commands}


def print_table(costs: dict[str, Cost]) -> None:
    table = Table(title=f"CPU of a start; a command that does nothing: below {TARGET_S} s")
    for column in ("command", "CPU s", "our modules"):
        table.add_column(column, justify="left" if column == "command" else "right")
    for command, cost in costs.items():
        table.add_row(command, f"{cost.cpu_s:.2f}", str(cost.modules))
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

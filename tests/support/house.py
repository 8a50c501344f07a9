"""A newsletter in a folder, as an operator has it: its files, and the command line to run it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent

from tests.support.commands import clean_environment, run_command

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class House:
    """The folder of one newsletter. at is the instant at which its commands run."""

    folder: Path
    at: str = "2026-06-16T18:30:00+00:00"

    @classmethod
    def build(
        cls,
        folder: Path,
        *,
        sources: str,
        subscribers: str,
        port: int = 1,
        database_url: str = "sqlite:///newsletter.db",
        more: str = "",
        connections: int = 4,
        processes: int | str = 1,
        at: str = "2026-06-16T18:30:00+00:00",
    ) -> House:
        """Write config.yaml and subscribers.yaml. port is that of an SMTP server on this machine. With more processes
        than one, commands have to be processes of their own: they fork."""
        (folder / "config.yaml").write_text(
            "newsletter:\n"
            "  name: Test Papers\n"
            "  from: Test Papers <digest@news.example.org>\n"
            f"database:\n  url: {database_url}\n"
            f"sources:\n{indent(dedent(sources).strip(), '  ')}\n"
            "fetch: {allow_private_hosts: on}\n"
            f"relay: {{host: 127.0.0.1, port: {port}, security: none, connections: {connections}}}\n"
            f"send: {{processes: {processes}}}\n" + dedent(more),
            encoding="utf-8",
        )
        (folder / "subscribers.yaml").write_text(dedent(subscribers), encoding="utf-8")
        return cls(folder, at)

    def run(self, *arguments: str, at: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command to its end in the newsletter's folder, in this process."""
        return run_command(*arguments, folder=self.folder, at=at or self.at)

    def run_process(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end as a process of its own."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command as a process of its own and leave it running."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of such a process."""
        return [sys.executable, "-m", "tests.support.at", self.at, *arguments]

    def environment(self) -> dict[str, str]:
        return {**clean_environment(), "PYTHONPATH": str(REPOSITORY)}

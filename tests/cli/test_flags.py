"""What every command line is expected to know: its version, help by a letter, and completion in a shell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

import newsletter
from newsletter.cli import app
from tests.support.commands import clean_environment, run_command


def list_commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command, and of every group of commands."""
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from list_commands(below, (*path, name))


COMMANDS = list(list_commands(typer.main.get_command(app)))


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version_is_told(tmp_path: Path, flag: str) -> None:
    done = run_command(flag, folder=tmp_path)

    assert (done.returncode, done.stdout) == (0, f"newsletter {newsletter.__version__}\n")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_has_a_letter_everywhere(tmp_path: Path, words: tuple[str, ...]) -> None:
    short, long = (run_command(*words, flag, folder=tmp_path) for flag in ("-h", "--help"))

    assert (short.returncode, short.stdout) == (0, long.stdout)
    assert "Usage:" in short.stdout


def test_a_shell_completes_commands(tmp_path: Path) -> None:
    asked = {"_NEWSLETTER_COMPLETE": "complete_bash", "COMP_WORDS": "newsletter subs", "COMP_CWORD": "1"}
    done = run_command(folder=tmp_path, environment={**clean_environment(), **asked})

    assert done.stdout.split() == ["subscribers"]
    assert "--install-completion" in run_command("--help", folder=tmp_path).stdout

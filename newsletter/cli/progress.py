"""How far a long piece of work is: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from newsletter.cli.show import console
from newsletter.workflows.pace import PaceKeeper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from newsletter.model.ledger import Delivery, State
    from newsletter.workflows.send_crew import Hear


@contextmanager
def collecting_progress(total: int) -> Iterator[Callable[[str], None]]:
    """Show a bar while sources are looked at; in a log, a line for every hundredth of them."""
    done = 0
    if console.is_terminal:
        with Progress(
            TextColumn("collecting"), BarColumn(), MofNCompleteColumn(), console=console, transient=True
        ) as bar:
            task = bar.add_task("collect", total=total)
            yield lambda _source: bar.advance(task)
        return

    def tell(_source: str) -> None:
        nonlocal done
        done += 1
        if done % 100 == 0:
            console.print(f"polled {done} of {total} sources")

    yield tell


@contextmanager
def counting_progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a bar while mails are made; in a log, a line for every hundredth of them."""
    done = 0
    if console.is_terminal:
        with Progress(
            TextColumn(what),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        ) as bar:
            task = bar.add_task(what, total=total)
            yield lambda: bar.advance(task)
        return

    def tell() -> None:
        nonlocal done
        done += 1
        if done % 100 == 0:
            console.print(f"{what}: {done} of {total}")

    yield tell


@contextmanager
def sending_progress(total: int) -> Iterator[Hear]:
    """Show a bar while mails go out, with rate and remaining time; in a log, a line every ten seconds."""
    if console.is_terminal:
        columns = (
            TextColumn("sending"),
            BarColumn(),
            MofNCompleteColumn(),
            _SpeedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("send", total=total or None)
            yield lambda _delivery, _state: bar.advance(task)
        return

    keeper = PaceKeeper(total)

    def tell(_delivery: Delivery | None, _state: State) -> None:
        if pace := keeper.advance():
            console.print(f"sent {pace}")

    yield tell


class _SpeedColumn(ProgressColumn):
    """How many a second, of late."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f}/s" if task.speed else "")

"""The command serve, and the web UI as a child of the clock (run --web)."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from newsletter.cli.exit_codes import DONE
from newsletter.errors import ConfigError, Problem
from newsletter.logs import log
from newsletter.scheduler import stop_on_signals
from newsletter.wiring import open_newsletter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.settings.config import Config, WebSettings


FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
_STEADY_S = 60.0
"""A web UI that ran for so long was well: the next pause is the first again."""
_GRACE_S = 15.0
"""More than the requests under way may take (web/server.py)."""


async def serve(config: Config, *, with_parent: bool) -> int:
    """Serve the pages until a signal says stop; with_parent also when the standard input ends."""
    settings = require_web(config)
    from newsletter.web import serve as serve_pages

    async with open_newsletter(config) as newsletter:
        stop = asyncio.Event()
        stop_on_signals(stop)
        if with_parent:
            _stop_at_end_of_input(stop)
        await serve_pages(newsletter, settings, stop)
    return DONE


def require_web(config: Config) -> WebSettings:
    """Return the settings of the web UI. Raises ConfigError where there are none."""
    if config.web is None:
        message = (
            "is not set, so there is nothing to serve; set at least 'web: {url: https://…}' (docs/web.md)"
        )
        raise ConfigError([Problem(message, file=str(config.file), steps=("web",))])
    return config.web


def build_command(config: Config, *, log_json: bool) -> list[str]:
    """Return how the web UI of this configuration is started as a child. Raises ConfigError where it has none."""
    require_web(config)
    command = [
        sys.executable,
        "-P",
        "-m",
        "newsletter",
        "serve",
        "--with-parent",
        "--config",
        str(config.file),
    ]
    return [*command, "--log-json"] if log_json else command


async def keep_serving(command: Sequence[str], stop: asyncio.Event) -> None:
    """Run the web UI until ``stop`` is set, and start it again when it ends, each time a little later.

    Raises nothing: mail goes out whatever becomes of the pages.
    """
    loop = asyncio.get_running_loop()
    pause = FIRST_PAUSE_S
    while not stop.is_set():
        begun = loop.time()
        why = await _run_once(command, stop)
        if stop.is_set():
            return
        if loop.time() - begun >= _STEADY_S:
            pause = FIRST_PAUSE_S
        log.error("the web process ended and is restarted", why=why, in_s=pause)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)


async def _run_once(command: Sequence[str], stop: asyncio.Event) -> str:
    """Run the child until it ends or ``stop`` is set; return why it ended."""
    try:
        # The pipe tells the child when we are gone, even where we had no time to say so.
        child = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
    except OSError as error:
        return f"cannot be started: {error}"
    log.info("the web process is running", pid=child.pid)
    ending = asyncio.create_task(child.wait())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({ending, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        if not ending.done():
            await _end(child, ending)
    return f"exit code {child.returncode}"


async def _end(child: asyncio.subprocess.Process, ending: asyncio.Task[int]) -> None:
    """Let the child finish its requests, for a while."""
    with suppress(ProcessLookupError):
        child.terminate()
    done, _ = await asyncio.wait({ending}, timeout=_GRACE_S)
    if not done:
        log.error("the web process does not stop and is killed", pid=child.pid)
        with suppress(ProcessLookupError):
            child.kill()
        await ending


def _stop_at_end_of_input(stop: asyncio.Event) -> None:
    """Let the end of the standard input set ``stop``: whoever has started us is gone."""
    loop = asyncio.get_running_loop()
    descriptor = sys.stdin.fileno()

    def read() -> None:
        if not os.read(descriptor, 1024):
            loop.remove_reader(descriptor)
            stop.set()

    loop.add_reader(descriptor, read)

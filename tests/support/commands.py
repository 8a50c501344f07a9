"""The command line in this process: everything is real but the process.

A start costs a process its imports, a hundred times what most commands then do. What belongs to a process (signals, a
sudden end, two at once, the umask that it was started with, ``serve``) is tested with `House.start` and its like.
"""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from datetime import datetime
from pathlib import Path
from unittest.mock import patch

import structlog
import time_machine

from newsletter import files, logs
from newsletter.cli import main

_alone = threading.Lock()
"""The working directory, the environment and the outputs are this process's: one command at a time has them."""


def clean_environment() -> dict[str, str]:
    """Return the environment of the tests without what configures a newsletter."""
    return {key: value for key, value in os.environ.items() if not key.startswith("NEWSLETTER_")}


def run_command(
    *arguments: str, folder: Path, environment: Mapping[str, str] | None = None, at: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in this folder; afterwards this process is as it was.

    environment: all variables that it has, by default those of the tests. at: the instant at which it runs, "" for now;
    the clock goes on from there. Raises AssertionError where another command runs.
    """
    assert _alone.acquire(blocking=False), "two commands at once need processes of their own: House.start"
    try:
        with ExitStack() as stack:
            stack.enter_context(chdir(folder))
            given = clean_environment() if environment is None else environment
            stack.enter_context(patch.dict(os.environ, given, clear=True))
            stack.enter_context(patch.object(sys, "argv", ["newsletter", *arguments]))
            stack.enter_context(patch.object(sys, "stdin", io.StringIO()))
            stack.enter_context(_kept_process())
            outputs = io.BytesIO(), io.BytesIO()
            out, err = (
                io.TextIOWrapper(output, "utf-8", "backslashreplace", write_through=True)
                for output in outputs
            )
            stack.enter_context(redirect_stdout(out))
            stack.enter_context(redirect_stderr(err))
            if at:
                stack.enter_context(time_machine.travel(datetime.fromisoformat(at), tick=True))
            code = _run_main()
        said, told = (output.getvalue().decode() for output in outputs)
        return subprocess.CompletedProcess(arguments, code, said, told)
    finally:
        _alone.release()


@contextmanager
def _kept_process() -> Iterator[None]:
    """Put back what a command sets for its whole process: the umask, the logs, and who tells of errors."""
    umask = os.umask(0o022)
    os.umask(umask)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    lines = structlog.get_config()
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    switch_s = sys.getswitchinterval()
    threshold = gc.get_threshold()

    try:
        with (
            patch.object(files, "_umask_at_start", None),
            patch.object(logs, "_is_to_be_configured", False),
            patch.object(
                asyncio.SelectorEventLoop, "add_signal_handler"
            ),  # whoever runs the tests gets signals
        ):
            yield
    finally:
        os.umask(umask)
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.configure(**lines)
        sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
        sys.setswitchinterval(switch_s)
        gc.set_threshold(*threshold)


def _run_main() -> int:
    """Return the exit code that the process would have."""
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0

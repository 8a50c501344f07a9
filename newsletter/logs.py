"""Logs: one line an event on standard error; for people on a terminal, JSON with ``--log-json``.

Whatever fails and is caught by nobody, in a thread or a task too, is told here as well: no other way of printing an
exception is left, and so none that shows variables (tracebacks.py).
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any

from newsletter.signing import hide_tokens
from newsletter.text import clean_output
from newsletter.tracebacks import Recurrences, format_traceback, word_error

# Most commands log no line, and need not pay for structlog, which brings Rich's tracebacks and Pygments.
if TYPE_CHECKING:
    import structlog

_is_to_be_configured = False
"""Whether the logs are set up and structlog, which comes with the first line, does not know of it."""


class Logger:
    """structlog's logger, imported when there is something to say."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_load_structlog().get_logger(), name)


log = Logger()


def set_up_logs(*, as_json: bool = False) -> None:
    """Send structlog and the libraries' warnings to standard error in one form."""
    global _is_to_be_configured
    _is_to_be_configured = True
    handler = _Handler(sys.stderr)
    handler.addFilter(Recurrences())
    handler.setFormatter(_Formatter(as_json))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # These tell of every job and every request; our own lines say what matters.
    for noisy in ("apscheduler", "aiohttp", "alembic", "flufl.bounce", "mail.log"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    _tell_what_nobody_catches()


def _load_structlog() -> Any:
    """Return structlog, which sends its lines to the handler of set_up_logs where that was called."""
    global _is_to_be_configured
    import structlog

    if _is_to_be_configured:
        structlog.configure(
            processors=[*_list_processors(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
            logger_factory=structlog.stdlib.LoggerFactory(ignore_frame_names=[__name__]),
            wrapper_class=structlog.stdlib.BoundLogger,
        )
        _is_to_be_configured = False
    return structlog


def _list_processors() -> list[structlog.typing.Processor]:
    """Return what is added to every line, ours or a library's."""
    import structlog

    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _build_formatter(*, as_json: bool) -> logging.Formatter:
    import structlog

    renderer: structlog.typing.Processor
    if as_json:
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_list_processors(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.ExceptionRenderer(_format_exc_info),
            _clean_texts,
            renderer,
            _hide_tokens,
        ],
    )


class _Formatter(logging.Formatter):
    """The form of a line, made with the first one."""

    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    @cached_property
    def _form(self) -> logging.Formatter:
        return _build_formatter(as_json=self._as_json)

    def format(self, record: logging.LogRecord) -> str:
        return self._form.format(record)


def report_loop_failure(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what failed in an event loop where nobody waits for it: without the values that asyncio would add."""
    what = str(context.get("message", "")).partition("(")[0].strip()
    log.error("something failed in the background", what=what, exc_info=context.get("exception"))


class _Handler(logging.StreamHandler[Any]):
    def handleError(self, record: logging.LogRecord) -> None:
        """Say that a line is missing; logging would print its values in its place."""
        error = sys.exc_info()[1]
        if error is not None and sys.stderr is not None and not isinstance(error, OSError):
            print(f"a log line could not be written: {word_error(error)}", file=sys.stderr)


def _format_exc_info(exc_info: structlog.typing.ExcInfo) -> str:
    return format_traceback(exc_info[1])


def _clean_texts(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Clean what others may have written, before it meets the colours of a terminal; all but texts stand as reprs."""
    return {name: clean_output(value) if isinstance(value, str) else value for name, value in event.items()}


def _hide_tokens(_logger: Any, _method: str, line: Any) -> Any:
    """Hide what signs a link, whoever quoted it. The last of the processors: it gets the line as it will be written."""
    return hide_tokens(line)


def _tell_what_nobody_catches() -> None:
    def end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        log.critical("the program stops: this is a bug, please report it", exc_info=error)

    def end_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            log.error("a thread stopped because of a bug", exc_info=args.exc_value)

    def ignore(args: Any) -> None:
        # As when an object is thrown away; Python would print its repr.
        if args.exc_value is not None:
            log.error("an error while cleaning up", exc_info=args.exc_value)

    sys.excepthook, threading.excepthook, sys.unraisablehook = end, end_thread, ignore

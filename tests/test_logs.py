"""What the log says of a failure: in full once, never with values that others should not see."""

import asyncio
import gc
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from newsletter import logs, tracebacks
from newsletter.logs import log, report_loop_failure, set_up_logs
from newsletter.signing import Purpose, Secret, build_token
from newsletter.text import clean_output
from newsletter.tracebacks import format_traceback, word_error

HIDDEN = "hunter2-in-a-local-variable"
TOKEN = build_token(Purpose.PREFERENCES, 7, Secret(b"s" * 32), "ada@example.org")


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module, name in ((sys, "excepthook"), (threading, "excepthook"), (sys, "unraisablehook")):
        monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.setattr(logs, "_is_to_be_configured", False)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def fail(hidden: str) -> None:
    message = f"no such thing {len(hidden)}"
    raise ValueError(message)


def fail_with(says: str) -> None:
    raise LookupError(says)


async def fail_later(hidden: str) -> None:
    fail(hidden)


def by_structlog() -> None:
    try:
        fail(HIDDEN)
    except ValueError:
        log.exception("it failed", reader=1)


def by_a_library() -> None:
    try:
        fail(HIDDEN)
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")


def in_a_thread() -> None:
    thread = threading.Thread(target=fail, args=(HIDDEN,))
    thread.start()
    thread.join()


def uncaught() -> None:
    try:
        fail(HIDDEN)
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)


def in_a_task_that_nobody_awaits() -> None:
    async def work() -> None:
        asyncio.get_running_loop().set_exception_handler(report_loop_failure)
        task = asyncio.create_task(fail_later(HIDDEN))
        await asyncio.wait({task})
        del task
        gc.collect()

    asyncio.run(work())


def in_a_callback() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(report_loop_failure)
        loop.call_soon(fail, HIDDEN)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(work())


def while_something_is_thrown_away() -> None:
    class Fragile:
        def __init__(self, hidden: str) -> None:
            self.hidden = hidden

        def __repr__(self) -> str:
            return self.hidden

        def __del__(self) -> None:
            fail(self.hidden)

    Fragile(HIDDEN)
    gc.collect()


WAYS = [
    by_structlog,
    by_a_library,
    in_a_thread,
    uncaught,
    in_a_task_that_nobody_awaits,
    in_a_callback,
    while_something_is_thrown_away,
]


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_failure_is_told_with_its_place_and_without_variables(
    way: Callable[[], None], as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs(as_json=as_json)
    way()
    said = capsys.readouterr().err
    assert "ValueError: no such thing 27" in said
    assert "in fail" in said
    assert HIDDEN not in said
    assert "locals" not in said
    assert len(said) < 4000
    if as_json:
        assert all(json.loads(line) for line in said.splitlines())


def test_the_same_failure_of_a_thousand_readers_has_one_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs()
    for reader in range(1000):
        try:
            fail("x" * reader)
        except ValueError:
            log.exception("a digest could not be built", reader=reader)
    said = capsys.readouterr().err
    assert said.count("Traceback") == 1
    assert len(said.splitlines()) < 20
    assert "times=512" in said


def test_another_failure_has_a_traceback_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs()
    for way in (by_structlog, by_structlog, by_a_library, by_a_library):
        way()
    said = capsys.readouterr().err
    assert said.count("Traceback") == 2
    assert said.count("no such thing") == 4


def test_after_an_hour_the_same_failure_is_told_in_full_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up_logs()
    by_structlog()
    monkeypatch.setattr(tracebacks, "AGAIN_S", 0.0)
    by_structlog()
    assert capsys.readouterr().err.count("Traceback") == 2


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_no_line_holds_a_token_whoever_quoted_it(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(as_json=as_json)
    for text in (
        TOKEN,
        f"/me/{TOKEN}/data",
        f"unsubscribe%20{TOKEN}",
        f"<mailto:a@b?subject=unsubscribe+{TOKEN}>",
    ):
        log.error(text, path=text)
        logging.getLogger("uvicorn").error("%s", text)
        try:
            fail_with(text)
        except LookupError:
            log.exception("it failed")
    said = capsys.readouterr().err
    assert TOKEN not in said
    assert said.count("[token]") >= 12


def test_an_exception_that_quotes_all_it_met_is_cut() -> None:
    with pytest.raises(LookupError) as failed:
        fail_with("card " * 100_000 + "\n" + "line\n" * 5000)
    assert len(word_error(failed.value)) <= 300
    assert len(format_traceback(failed.value)) < 50_000


def test_a_line_that_cannot_be_written_shows_no_values(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken:
        def __repr__(self) -> str:
            raise ValueError("no repr")

    set_up_logs()
    log.error("it failed", hidden=HIDDEN, broken=Broken())
    said = capsys.readouterr().err
    assert HIDDEN not in said
    assert "a log line could not be written" in said


@pytest.mark.parametrize("as_json", [True, False])
def test_nothing_that_others_wrote_speaks_to_the_terminal(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "550 \x1b[31mred\x1b]0;title\x07 \x9b31m \0 \u202eturned half \ud83d"
    set_up_logs(as_json=as_json)
    log.warning(said, reply=said, several=[said])
    logging.getLogger("library").warning("it said %s", said)
    try:
        fail_with(said)
    except LookupError:
        log.exception("it failed")

    told = capsys.readouterr().err
    assert "red" in told
    assert clean_output(told) == told

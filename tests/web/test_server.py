"""The web UI as a process: its sockets, its patience, its end, and the clock that keeps it running."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from newsletter.cli.serving import keep_serving
from newsletter.errors import ListenError
from newsletter.settings.config import Listen, load_config
from newsletter.web import server
from newsletter.web.server import PatientProtocol, bind, serve
from newsletter.wiring import open_newsletter
from tests.support.house import House

HOST = "news.example.org"
GET = f"GET /healthz HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


def build_house(folder: Path, *, web: str = "", port: int = 1) -> House:
    """A newsletter without sources that work; its pages listen on ports that the system chooses."""
    lines = f"web: {{url: https://{HOST}, listen: '127.0.0.1:0', metrics_listen: '127.0.0.1:0'}}\n"
    return House.build(
        folder,
        sources="- {kind: hf_daily_papers, location: day.json}",
        subscribers="subscribers: []",
        port=port,
        more=web or lines,
    )


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@asynccontextmanager
async def serving(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[int, int]]:
    """The web UI in this process; yields its port and that of its metrics."""
    build_house(folder)
    ports: list[int] = []

    def bind_and_note(listen: Listen, key: str) -> socket.socket:
        bound = bind(listen, key)
        ports.append(bound.getsockname()[1])
        return bound

    monkeypatch.setattr(server, "bind", bind_and_note)
    config = load_config(folder / "config.yaml", {})
    assert config.web is not None
    stop = asyncio.Event()
    async with open_newsletter(config) as newsletter:
        running = asyncio.create_task(serve(newsletter, config.web, stop))
        while len(ports) < 2:
            await asyncio.sleep(0.01)
            assert not running.done(), running.exception()
        yield ports[0], ports[1]
        stop.set()
        await running


async def ask(port: int, request: bytes = GET) -> bytes:
    """Send a request on a connection of its own; return what came until the server closed it or 5 s were over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        async with asyncio.timeout(5):
            return await reader.read(100_000)
    finally:
        writer.close()


async def drip(writer: asyncio.StreamWriter, parts: Sequence[bytes], *, every_s: float) -> None:
    """Send the parts one by one. Raises ConnectionError where the other side has enough."""
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(every_s)


CLOSING = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


async def test_metrics_are_not_on_the_public_listener_and_pages_not_on_that_of_the_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path, monkeypatch) as (port, metrics_port):
        assert (await ask(port, CLOSING)).startswith(b"HTTP/1.1 200")
        assert b" 404 " in (await ask(port, CLOSING.replace(b"/healthz", b"/metrics")))[:20]
        metrics = await ask(metrics_port, CLOSING.replace(b"/healthz", b"/metrics"))
        assert metrics.startswith(b"HTTP/1.1 200")
        assert b'newsletter_web_requests_total{page="health.show_alive",status="2xx"} 1.0' in metrics
        assert b" 404 " in (await ask(metrics_port, CLOSING))[:20]


async def test_a_head_that_drips_is_cut_off_and_others_are_served_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_TIMEOUT_S", 0.5)
    async with serving(tmp_path, monkeypatch) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        begun = time.monotonic()
        parts = [GET[:-2], *(f"X-{number}: a\r\n".encode() for number in range(200))]
        with pytest.raises(ConnectionError):
            await drip(writer, parts, every_s=0.05)
        assert 0.4 < time.monotonic() - begun < 3
        assert (await ask(port, CLOSING)).startswith(b"HTTP/1.1 200")
        writer.close()
        del reader


async def test_a_second_head_that_drips_on_a_kept_connection_is_cut_off_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_TIMEOUT_S", 0.5)
    async with serving(tmp_path, monkeypatch) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        assert (await reader.readuntil(b"ok\n")).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(0.8)  # longer than a head may take: nothing has begun, so nothing is late
        writer.write(GET + GET[:20])  # a whole one, and in the same bytes the beginning of another
        assert (await reader.readuntil(b"ok\n")).startswith(b"HTTP/1.1 200")
        begun = time.monotonic()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        assert 0.3 < time.monotonic() - begun < 3
        writer.close()


async def test_a_connection_that_says_nothing_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_TIMEOUT_S", 0.3)
    async with serving(tmp_path, monkeypatch) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(3):
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
        writer.close()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="needs TCP_USER_TIMEOUT, which Linux has")
async def test_a_connection_whose_answers_are_not_read_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "UNREAD_MS", 500)
    lost = asyncio.Event()
    connection_lost = PatientProtocol.connection_lost

    def note(self: PatientProtocol, exc: Exception | None) -> None:
        connection_lost(self, exc)
        lost.set()

    monkeypatch.setattr(PatientProtocol, "connection_lost", note)
    async with serving(tmp_path, monkeypatch) as (port, _):
        lazy = socket.socket()
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.connect(("127.0.0.1", port))
        lazy.setblocking(False)
        asking = asyncio.create_task(
            asyncio.get_running_loop().sock_sendall(lazy, GET.replace(b"/healthz", b"/subscribe") * 2000)
        )
        async with asyncio.timeout(30):
            await lost.wait()
        asking.cancel()
        lazy.close()
        assert (await ask(port, CLOSING)).startswith(b"HTTP/1.1 200")


async def test_a_head_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(tmp_path, monkeypatch) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        # What the kernel holds counts too; the server itself reads at most some 64 kB at once.
        with pytest.raises(ConnectionError):
            await drip(writer, [GET[:-2] + b"X-Long: ", *[b"a" * 10_000] * 100], every_s=0.01)
        writer.close()
        del reader


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_taken_port_is_told_by_its_name_in_the_configuration(host: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as other:
        other.bind((host, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(
            ListenError, match=rf"web\.listen: cannot listen on \S+:{port}: the port is in use"
        ):
            bind(Listen(host, port), "web.listen")


def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(ListenError, match="this machine does not have that address"):
        bind(Listen("192.0.2.1", 0), "web.listen")


# --- the commands -----------------------------------------------------------------------------------------


def read_until(process_lines: Iterator[str], wanted: str) -> dict[str, object]:
    """Return the next log line of this event."""
    for line in process_lines:
        if line.startswith("{"):
            event: dict[str, object] = json.loads(line)
            if event["event"] == wanted:
                return event
    raise AssertionError(f"the process ended without {wanted!r}")


def port_of(event: dict[str, object]) -> int:
    listen = event["listen"]
    assert isinstance(listen, list)
    return int(listen[0].rpartition(":")[2])


def test_serve_with_a_port_that_is_taken_says_so_and_could_not_run(tmp_path: Path) -> None:
    with taken_port() as port:
        house = build_house(
            tmp_path, web=f"web: {{url: 'https://{HOST}', listen: '127.0.0.1:{port}', metrics_listen: off}}\n"
        )
        done = house.run("serve")
    assert done.returncode == 3
    assert f"web.listen: cannot listen on 127.0.0.1:{port}: the port is in use" in done.stderr


@pytest.mark.parametrize("command", [("serve",), ("run", "--web")])
def test_without_web_in_the_configuration_it_is_told_before_anything_starts(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    house = build_house(tmp_path, web="contact: ops@example.org\n")
    done = house.run(*command)
    assert done.returncode == 2
    assert "web: is not set" in done.stderr
    assert not (tmp_path / "newsletter.db").exists()


async def test_sigterm_finishes_the_request_under_way(tmp_path: Path) -> None:
    process = build_house(tmp_path).start("serve", "--log-json")
    assert process.stdout is not None
    try:
        port = port_of(await asyncio.to_thread(read_until, iter(process.stdout), "serving"))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"POST /healthz HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 4\r\n\r\nab".encode())
        await writer.drain()
        await asyncio.sleep(0.3)

        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.5)
        with pytest.raises(ConnectionError):  # nothing new is begun
            await asyncio.open_connection("127.0.0.1", port)
        assert process.poll() is None
        writer.write(b"cd")
        async with asyncio.timeout(5):
            answer = await reader.read()

        assert answer.startswith(b"HTTP/1.1 405")
        assert await asyncio.to_thread(process.wait, 10) == 0
        writer.close()
    finally:
        process.kill()
        process.wait()


async def test_the_clock_starts_a_web_face_again_that_was_killed_and_ends_it_with_itself(
    tmp_path: Path,
) -> None:
    process = build_house(tmp_path).start("run", "--web", "--log-json")
    assert process.stdout is not None
    lines = iter(process.stdout)
    try:
        first = await asyncio.to_thread(read_until, lines, "the web process is running")
        await asyncio.to_thread(read_until, lines, "serving")
        os.kill(int(str(first["pid"])), signal.SIGKILL)
        ended = await asyncio.to_thread(read_until, lines, "the web process ended and is restarted")
        assert ended["why"] == "exit code -9"
        second = await asyncio.to_thread(read_until, lines, "the web process is running")
        port = port_of(await asyncio.to_thread(read_until, lines, "serving"))
        assert second["pid"] != first["pid"]
        assert (await ask(port, CLOSING)).startswith(b"HTTP/1.1 200")

        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 30) == 0
        assert not is_running(int(str(second["pid"])))
    finally:
        process.kill()
        process.wait()


async def test_a_web_face_whose_clock_was_killed_ends_by_itself(tmp_path: Path) -> None:
    process = build_house(tmp_path).start("run", "--web", "--log-json")
    assert process.stdout is not None
    lines = iter(process.stdout)
    try:
        child = int(str((await asyncio.to_thread(read_until, lines, "the web process is running"))["pid"]))
        await asyncio.to_thread(read_until, lines, "serving")
        process.kill()
        await asyncio.to_thread(read_until, lines, "stopped serving")
        for _ in range(100):
            if not is_running(child):
                break
            await asyncio.sleep(0.1)
        assert not is_running(child)
    finally:
        process.kill()
        process.wait()


async def test_a_web_face_that_cannot_be_started_takes_nothing_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.cli.serving.FIRST_PAUSE_S", 0.01)
    stop = asyncio.Event()
    marks = tmp_path / "marks"
    tries = asyncio.create_task(keep_serving(["sh", "-c", f"echo x >> {marks}; exit 2"], stop))
    missing = asyncio.create_task(keep_serving([str(tmp_path / "no-such-program")], stop))
    await asyncio.sleep(0.5)
    stop.set()
    await asyncio.wait_for(asyncio.gather(tries, missing), 5)
    # 0.01 s, 0.02 s, 0.04 s …: more than two, and not fifty.
    assert 2 < len(marks.read_text().splitlines()) < 8


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"

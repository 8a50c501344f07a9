"""Distinct digests a second, from the plan to the relay's 250, beside other ways to send the same mails.

    python -m benchmarks.delivery [--json FILE] [--mails N] [--rounds N] [--memory]

All go over 16 connections into one smtp-sink of Postfix on this machine, the senders in turn, the median of the
rounds counts. Every reader has four topics and gets ten papers or so: in the first readership of 18 topics in many
combinations, in the second one (``_own``) of 3,600, each with a name of its own. Ours starts cold each time and the
others warm, so the mails must be many thousands: a large edition is meant. ``cpu_us`` is what the sending processes
used for a mail, servers aside. Beside ours:

    nodemailer   pooled; composes (and signs) the same subject, HTML, text and headers
    naive        for each mail: MJML, EmailMessage, dkimpy, and a connection of aiosmtplib
    smtp-source  Postfix's own, one fixed message of the same size
    pipelined    a prototype of a session with pipelining, prebuilt mails

A second table has the prototype beside aiosmtplib on kept connections, prebuilt mails, into a server of our own in
Python, in clear and over TLS. Then comes our rate into a server that takes 50 ms for each message.

--memory adds the peak memory at 10,000 and 200,000 readers (long).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, NamedTuple

import aiosmtplib
import dkim
from mjml import mjml2html
from rich.console import Console
from rich.table import Table

from benchmarks.delivery_newsletter import DOMAIN, OWN, SHARED, build_mails, make_certificate, make_key
from benchmarks.pipelined import Mail, send_all
from tests.support.postgres import running_postgres

CONNECTIONS = 16
_OURS = (
    ("newsletter_sqlite", "sqlite", 1, SHARED),
    ("newsletter_sqlite_own", "sqlite", 1, OWN),
    ("newsletter_sqlite_2", "sqlite", 2, SHARED),
    ("newsletter_sqlite_own_2", "sqlite", 2, OWN),
    ("newsletter_postgres", "postgres", 1, SHARED),
    ("newsletter_postgres_own", "postgres", 1, OWN),
    ("newsletter_postgres_2", "postgres", 2, SHARED),
)
_PEERS = Path(__file__).parent / "peers"
_MJML = "<mjml><mj-body>{}</mj-body></mjml>"
_SECTION = "<mj-section><mj-column><mj-text>{}</mj-text></mj-column></mj-section>"


@contextmanager
def running_sink() -> Iterator[int]:
    """Run smtp-sink on a free port; there must be exactly one, because it shares its port with any other."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    program = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    assert program, "needs smtp-sink, a part of Postfix"
    command = [program, "-u", "nobody", f"127.0.0.1:{port}", "1000"]
    sink = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while count_listeners(port) != 1:
            assert time.monotonic() < deadline, f"{count_listeners(port)} listen on port {port}, not one"
            time.sleep(0.05)
        yield port
    finally:
        sink.kill()
        sink.wait()


def count_listeners(port: int) -> int:
    """Return how many sockets listen on a port of this machine."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    listening = (line.split() for line in lines)
    return sum(fields[3] == "0A" and int(fields[1].partition(":")[2], 16) == port for fields in listening)


class Speed(NamedTuple):
    """Mails a second, and microseconds of CPU a mail."""

    rate: float
    cpu_us: float


def run_newsletter(
    port: int,
    database: str,
    signed: bool,
    readers: int,
    connections: int = CONNECTIONS,
    processes: int = 1,
    topics: str = SHARED,
) -> dict[str, float]:
    """Send with the product in a process of its own, which may start others; return its rate, CPU and peak memory."""
    arguments = [
        str(port),
        database,
        str(int(signed)),
        str(readers),
        str(connections),
        str(processes),
        topics,
    ]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.delivery_newsletter", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"ended with {done.returncode}: {done.stderr[-2000:]}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def run_nodemailer(port: int, mails: Path, key: Path | None) -> Speed | None:
    """Send with nodemailer's pool; None where it is not installed."""
    if not shutil.which("node") or not (_PEERS / "node_modules" / "nodemailer").is_dir():
        return None
    arguments = ["node", str(_PEERS / "send.mjs"), str(mails), str(port), str(CONNECTIONS)]
    arguments += [str(key)] if key else []
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout)
    return Speed(figures["rate"], figures["cpuUs"])


async def run_naive(port: int, mails: list[dict[str, Any]], key: bytes | None) -> Speed:
    """Send the obvious way: everything anew for each mail."""
    places = asyncio.Semaphore(CONNECTIONS)

    async def send(mail: dict[str, Any]) -> None:
        async with places:
            message = _build_naively(mail, key)
            await aiosmtplib.send(
                message, sender=f"bounces@{DOMAIN}", recipients=[mail["to"]], hostname="127.0.0.1", port=port,
                start_tls=False,
            )  # fmt: skip

    begun, cpu_begun_s = time.perf_counter(), time.process_time()
    await asyncio.gather(*(send(mail) for mail in mails))
    took_s, cpu_s = time.perf_counter() - begun, time.process_time() - cpu_begun_s
    return Speed(len(mails) / took_s, cpu_s / len(mails) * 1e6)


def _build_naively(mail: dict[str, Any], key: bytes | None) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = mail["from"], mail["to"], mail["subject"]
    message["Message-ID"] = mail["messageId"]
    message.set_content(mail["text"])
    sections = "".join(_SECTION.format(one) for one in mail["paragraphs"])
    message.add_alternative(mjml2html(_MJML.format(sections)), subtype="html")
    content = message.as_bytes()
    return bytes(dkim.sign(content, b"s1", DOMAIN.encode(), key)) + content if key else content


def run_smtp_source(port: int, size: int, messages: int) -> float | None:
    """Send one fixed message again and again with Postfix's own program."""
    program = shutil.which("smtp-source", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if not program:
        return None
    begun = time.perf_counter()
    options = ["-d", "-s", str(CONNECTIONS), "-l", str(size), "-m", str(messages)]
    subprocess.run([program, *options, f"127.0.0.1:{port}"], check=True, capture_output=True)
    return messages / (time.perf_counter() - begun)


async def run_pipelined(port: int, mails: list[Mail], tls: ssl.SSLContext | None = None) -> float:
    """Send prebuilt mails with the prototype."""
    begun = time.perf_counter()
    codes = await send_all(mails, port, CONNECTIONS, tls)
    assert codes == [250] * len(mails)
    return len(mails) / (time.perf_counter() - begun)


async def run_aiosmtplib(port: int, mails: list[Mail], tls: ssl.SSLContext | None = None) -> float:
    """Send prebuilt mails over kept connections of aiosmtplib."""
    left = iter(mails)

    async def work() -> None:
        client = aiosmtplib.SMTP(
            hostname="127.0.0.1", port=port, use_tls=tls is not None, start_tls=False, tls_context=tls,
            local_hostname="localhost",
        )  # fmt: skip
        async with client:
            for mail in left:
                await client.sendmail(mail.sender, [mail.recipient], mail.message)

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return len(mails) / (time.perf_counter() - begun)


def measure_tls(mails: list[Mail], rounds: int) -> dict[str, dict[str, float | None]]:
    """Return the rates of the prototype and of aiosmtplib into our own server, in clear and over TLS."""
    rates: dict[str, dict[str, list[float | None]]] = {"clear": {}, "tls": {}}
    with tempfile.TemporaryDirectory() as folder:
        certificate = Path(folder) / "certificate.pem"
        certificate.write_bytes(make_certificate())
        trust = ssl.create_default_context(cafile=str(certificate))
        for _ in range(rounds):
            for name, tls in (("clear", None), ("tls", trust)):
                with running_slow_server(0, certificate if tls else None) as port:
                    row = rates[name]
                    ours = asyncio.run(run_pipelined(port, mails, tls))
                    row.setdefault("pipelined_prototype", []).append(ours)
                    row.setdefault("aiosmtplib", []).append(asyncio.run(run_aiosmtplib(port, mails, tls)))
    return {name: {who: _median(figures) for who, figures in row.items()} for name, row in rates.items()}


def _median(figures: list[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return round(statistics.median(known), 1) if known else None


def measure(built: list[dict[str, Any]], mails: int, rounds: int, postgres: str) -> dict[str, Any]:
    """Run all senders in turn, ``rounds`` times; return the rates and the CPU as the JSON has them."""
    speeds: dict[str, dict[str, list[Speed | None]]] = {"unsigned": {}, "signed": {}}
    others: dict[str, list[float | None]] = {"smtp_source": [], "pipelined_prototype": []}
    with tempfile.TemporaryDirectory() as folder, running_sink() as port:
        key_file = Path(folder) / "key.pem"
        key_file.write_bytes(make_key())
        file = Path(folder) / "mails.jsonl"
        file.write_text("".join(json.dumps(mail) + "\n" for mail in built))
        prebuilt = prebuild(built)
        for _ in range(rounds):
            for name, key in (("unsigned", None), ("signed", key_file)):
                row = speeds[name]
                for who, database, processes, topics in _OURS:
                    url = postgres if database == "postgres" else database
                    ours = None
                    if url:
                        figures = run_newsletter(
                            port, url, key is not None, mails, processes=processes, topics=topics
                        )
                        ours = Speed(figures["rate"], figures["cpu_us"])
                    row.setdefault(who, []).append(ours)
                row.setdefault("nodemailer", []).append(run_nodemailer(port, file, key))
                secret = key.read_bytes() if key else None
                row.setdefault("naive", []).append(asyncio.run(run_naive(port, built[:100], secret)))
            size = len(prebuilt[0].message)
            others["smtp_source"].append(run_smtp_source(port, size, mails))
            others["pipelined_prototype"].append(asyncio.run(run_pipelined(port, prebuilt)))
    rate, cpu_us = (
        {
            name: {who: _median([speed and speed[field] for speed in some]) for who, some in row.items()}
            for name, row in speeds.items()
        }
        for field in range(len(Speed._fields))
    )
    return {**rate, **{name: _median(figures) for name, figures in others.items()}, "cpu_us": cpu_us}


def prebuild(built: list[dict[str, Any]]) -> list[Mail]:
    """Return mails as the prototype takes them."""
    return [Mail(f"bounces@{DOMAIN}", mail["to"], mail["raw"].encode()) for mail in built]


def main() -> None:
    """Measure, print one table, and write the figures where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--mails", type=int, default=12_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--memory", action="store_true", help="also the peak memory of 10,000 and 200,000 readers"
    )
    arguments = parser.parse_args()
    built = build_mails(min(arguments.mails, 500))
    with running_postgres(durable=True) as server:
        rates = measure(built, arguments.mails, arguments.rounds, server.url if server else "")
    sessions = measure_tls(prebuild(built), arguments.rounds)
    slow = measure_slow_server()
    memory: dict[str, float | None] = {"10000": None, "200000": None}
    if arguments.memory:
        with running_sink() as port:
            for readers in memory:
                memory[readers] = run_newsletter(port, "sqlite", False, int(readers))["peak_mb"]
    _print(rates, sessions, memory, slow)
    if arguments.json:
        figures = {"rates": rates, "peak_memory_mb": memory, "sessions": sessions, "slow_server": slow}
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


def measure_slow_server(delay_ms: int = 50) -> dict[str, float]:
    """Return our rate into a server that takes 50 ms for each message, as a share of connections / delay."""
    shares = {}
    for connections in (8, 20):
        with running_slow_server(delay_ms) as port:
            # Half a minute of mails: what comes once, at the start, is not what is asked for here.
            mails = 30_000 * connections // delay_ms
            figures = run_newsletter(port, "sqlite", False, mails, connections)
        shares[str(connections)] = round(figures["rate"] / (connections * 1000 / delay_ms), 2)
    return shares


@contextmanager
def running_slow_server(delay_ms: int, certificate: Path | None = None) -> Iterator[int]:
    """Run our own server, which takes its time for each message, on a port of its own."""
    with tempfile.TemporaryDirectory() as folder:
        port_file = Path(folder) / "port"
        command = [sys.executable, "-m", "benchmarks.slow_server", str(port_file), str(delay_ms)]
        server = subprocess.Popen([*command, str(certificate)] if certificate else command)
        try:
            while not port_file.exists() or not port_file.read_text():
                time.sleep(0.05)
            yield int(port_file.read_text())
        finally:
            server.kill()
            server.wait()


def _print(
    rates: dict[str, Any],
    sessions: dict[str, dict[str, float | None]],
    memory: dict[str, float | None],
    slow: dict[str, float],
) -> None:
    console = Console(width=120, highlight=False)
    kinds, cpu_us = ("unsigned", "signed"), rates["cpu_us"]
    table = Table("", *(f"{kind}, {what}" for kind in kinds for what in ("mails/s", "CPU us")), box=None)
    for who in rates["unsigned"]:
        table.add_row(who, *(_show(figures[kind][who]) for kind in kinds for figures in (rates, cpu_us)))
    for who in ("smtp_source", "pipelined_prototype"):
        table.add_row(who, _show(rates[who]))
    for ours in ("newsletter_sqlite", "newsletter_sqlite_own", "newsletter_sqlite_2"):
        for peer in ("nodemailer", "naive"):
            rows = [figures[kind] for kind in kinds for figures in (rates, cpu_us)]
            cells = (f"{row[ours] / row[peer]:.2f}" if row[peer] else "not measured" for row in rows)
            table.add_row(f"{ours} to {peer}", *cells)
    console.print(table)
    console.print(
        "targets: CPU to nodemailer at most 1.0 unsigned, .6 signed; rate of two processes 1.2 and 2.3"
    )
    table = Table("prebuilt mails a second into our own server", *sessions, box=None)
    for who in sessions["tls"]:
        table.add_row(who, *(_show(row[who]) for row in sessions.values()))
    console.print(table)
    for connections, share in slow.items():
        console.print(
            f"50 ms a message, {connections} connections: {share:.0%} of what they could carry (target 80 %)"
        )
    if any(memory.values()):
        console.print(
            "peak memory: " + ", ".join(f"{mb} MB at {readers} readers" for readers, mb in memory.items())
        )


def _show(rate: float | None) -> str:
    return f"{rate:.0f}" if rate else "not measured"


if __name__ == "__main__":
    main()

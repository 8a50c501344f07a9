"""Our side of the delivery benchmark, in a process of its own:

    python -m benchmarks.delivery_newsletter PORT DATABASE SIGNED READERS CONNECTIONS PROCESSES TOPICS

DATABASE is "sqlite" (a file of its own) or the URL of a PostgreSQL server; TOPICS is "shared", or "own" for readers who
call and write their topics in 3,600 ways. Prints {"rate", "peak_mb", "cpu_us"}: mails
a second and CPU a mail of all our processes, from planning to the last outcome, importing readers and collecting papers
not included; the peak memory of the process that was started.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
import tempfile
import time as clock_time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from ipaddress import IPv4Address
from itertools import islice
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from sqlalchemy import create_engine, make_url, text

from benchmarks.processes import Watch
from newsletter.model.ledger import State
from newsletter.model.readers import Cadence, EmailAddress, Subscriber
from newsletter.sample_day import sample_file
from newsletter.settings.config import Config, load_config
from newsletter.stored_json import to_json
from newsletter.wiring import FixedClock, Newsletter, open_newsletter
from newsletter.workers import forking
from newsletter.workflows.garbage import collect_rarely
from newsletter.workflows.preview import preview_reader
from newsletter.workflows.send_crew import Forks, hire, send_with

DOMAIN = "news.example.org"
_EVENING = datetime(2026, 6, 16, 18, 30, tzinfo=UTC)
_BATCH = 5000
SHARED, OWN = "shared", "own"
_WORDS = (
    *(
        "robot*",
        "language model",
        "diffusion",
        "agent*",
        "reasoning",
        "video",
        "benchmark",
        "vision",
        "training",
    ),
    *("data", "generation", "multimodal", "reinforcement", "image*", "planning", "memory", "speech", "3D"),
)


def make_key() -> bytes:
    """Return a private key of 2048 bits as PEM."""
    key = generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def make_certificate() -> bytes:
    """Return a certificate for this machine, good for a day, and its key, as PEM."""
    key = generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return certificate.public_bytes(Encoding.PEM) + private


def stream_readers(number: int, topics: str = SHARED) -> Iterator[Subscriber]:
    """Yield readers with four topics each in an order of their own, two or three papers a topic."""
    chance = random.Random(7)
    make_topic = _make_own_topic if topics == OWN else _make_shared_topic
    for place in range(number):
        topics_json = to_json([make_topic(word, chance) for word in chance.sample(_WORDS, 4)])
        yield Subscriber(
            EmailAddress(f"reader{place}@example.org"),
            Cadence(frozenset(range(7)), time(7), "UTC"),
            topics_json,
            everything_else=2,
            next_due_at=_EVENING.replace(hour=7, minute=0),
            file_owned=False,
        )


def _make_shared_topic(word: str, chance: random.Random) -> dict[str, Any]:
    return {"name": word.strip("*").title(), "any": [word], "limit": str(chance.choice((2, 3)))}


def _make_own_topic(word: str, chance: random.Random) -> dict[str, Any]:
    """Return one of 3,600 topics: 200 for each word, each with a name of its own, and a second word and a limit."""
    variant = chance.randrange(200)
    words = dict.fromkeys((word, _WORDS[variant % len(_WORDS)]))
    return {"name": f"{word.strip('*').title()} {variant}", "any": list(words), "limit": str(2 + variant % 2)}


def write_config(
    folder: Path, port: int, database_url: str, signed: bool, connections: int, processes: int | str = 1
) -> Config:
    """Write the configuration of a newsletter into a folder, and load it."""
    if signed:
        (folder / "dkim.pem").write_bytes(make_key())
    dkim = f"dkim: {{key: dkim.pem, selector: s1, domain: {DOMAIN}}}\n" if signed else ""
    (folder / "config.yaml").write_text(
        f"newsletter: {{name: Test Papers, from: Test Papers <digest@{DOMAIN}>}}\n"
        f"sources: [{{kind: hf_daily_papers, location: {sample_file()}}}]\n"
        "subscribers: {path: off}\n"
        f"relay: {{host: 127.0.0.1, port: {port}, security: none, connections: {connections},"
        " messages_per_connection: 100000}\n" + dkim + f"send: {{processes: {processes}}}\n"
        "database: {url: '${DATABASE}'}\n"
    )
    return load_config(folder / "config.yaml", {"DATABASE": database_url})


async def prepare(newsletter: Newsletter, readers: int, topics: str = SHARED) -> None:
    """Collect the day and save the readers."""
    await newsletter.collector.collect()
    everybody = stream_readers(readers, topics)
    while some := list(islice(everybody, _BATCH)):
        await newsletter.subscribers.save(some, _EVENING, "benchmark")


async def send(config: Config, forks: Forks | None, readers: int, topics: str) -> dict[str, float]:
    """Send everybody's digest; return mails a second, and their CPU."""
    async with open_newsletter(config, clock=FixedClock(_EVENING), forks=forks) as newsletter:
        await prepare(newsletter, readers, topics)
        with Watch(memory=False) as watch:
            begun = clock_time.perf_counter()
            stop = asyncio.Event()
            # As the clock does it: processes make themselves ready before there is anything to send.
            crew = hire(forks, readers, stop, lambda _delivery, _state: None)
            await newsletter.planner.plan_due()
            async with newsletter.sender(stop) as sender:
                report = await send_with(sender, crew)
            took_s = clock_time.perf_counter() - begun
        assert report.states[State.ACCEPTED] == readers, report
        cpu_s = sum(usage.cpu_s for usage in watch.usages.values())
        return {"rate": round(readers / took_s, 1), "cpu_us": round(cpu_s / readers * 1e6)}


def build_mails(number: int) -> list[dict[str, Any]]:
    """Return the mails of the first readers as other programs take them: parts, headers, and the message (raw)."""
    return asyncio.run(_build_mails(number))


async def _build_mails(number: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        config = write_config(Path(name), 1, f"sqlite:///{Path(name) / 'mails.db'}", False, 1)
        async with open_newsletter(config, clock=FixedClock(_EVENING)) as newsletter:
            await prepare(newsletter, number)
            digests, mails = await newsletter.new_digest_builder(), await newsletter.new_mail_builder()
            built = []
            for reader in await newsletter.subscribers.load_all():
                mail = await preview_reader(reader, digests, mails, newsletter.ledger.reads, newsletter.clock)
                items = [item for section in mail.digest.sections for item in section.items]
                built.append(
                    {
                        "from": f"Test Papers <digest@{DOMAIN}>",
                        "to": reader.address,
                        "subject": mail.rendered.subject,
                        "text": mail.rendered.text,
                        "html": mail.rendered.html,
                        "messageId": f"<{uuid.uuid4().hex}@{DOMAIN}>",
                        "headers": {"List-Id": f"Test Papers <test-papers.{DOMAIN}>", "Precedence": "bulk"},
                        "paragraphs": [
                            f"<b>{_plain(i.card.title)}</b> {_plain(i.card.summary)}" for i in items
                        ],
                        "raw": mail.message.decode("ascii"),
                    }
                )
            return built


def _plain(text: str) -> str:
    return text.replace("&", "and").replace("<", "(").replace(">", ")")


def main() -> None:
    collect_rarely()  # as a command does
    port, database, signed, readers, connections, processes, topics = sys.argv[1:]
    url = database
    if database != "sqlite":
        server = make_url(database)
        engine = create_engine(server.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
        name = f"benchmark_{uuid.uuid4().hex}"
        with engine.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        engine.dispose()
        url = server.set(database=name).render_as_string(hide_password=False)
    with tempfile.TemporaryDirectory() as folder:
        if database == "sqlite":
            url = f"sqlite:///{folder}/newsletter.db"
        config = write_config(Path(folder), int(port), url, signed == "1", int(connections), int(processes))
        with forking(config, FixedClock(_EVENING)) as forks:
            figures = asyncio.run(send(config, forks, int(readers), topics))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**figures, "peak_mb": round(peak_mb, 1)}))


if __name__ == "__main__":
    main()

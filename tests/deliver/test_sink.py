"""The sink as a process of its own, as crash tests of the sender use it."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from newsletter.deliver.smtp import RelayConfig, SmtpMailer, SmtpSession
from newsletter.model import EmailAddress, Envelope

PROJECT = Path(__file__).parents[2]
MESSAGE = b"Message-ID: <%d@example.org>\r\n\r\ntext\r\n"


def wait_for_file(path: Path) -> str:
    """Return what is in a file that another process makes."""
    give_up_at = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < give_up_at, f"{path} never came"
        time.sleep(0.02)
    return path.read_text()


async def test_each_accepted_message_is_a_line_in_the_log_before_it_is_answered(tmp_path: Path) -> None:
    log = tmp_path / "log"
    sink = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.deliver.sink", "--port-file", str(tmp_path / "port")),
        *("--log", str(log), "--delay-ms", "5"),
        cwd=PROJECT,
    )
    try:
        port = int(await asyncio.to_thread(wait_for_file, tmp_path / "port"))
        mailer = SmtpMailer(RelayConfig("127.0.0.1", port, security="none"))
        for number, local in enumerate(["ada", "dot550-bob", "dropafterdot-eve"]):
            to = EmailAddress(f"{local}@example.org")
            session = await mailer.begin(Envelope(EmailAddress("bounce@example.org"), to))
            assert isinstance(session, SmtpSession)
            await session.data(MESSAGE % number)
            if number == 0:
                assert log.read_text() == "<0@example.org> ada@example.org\n"
        await mailer.close()
    finally:
        sink.kill()
        await sink.wait()

    assert log.read_text().splitlines() == [
        "<0@example.org> ada@example.org",
        "<2@example.org> dropafterdot-eve@example.org",
    ]

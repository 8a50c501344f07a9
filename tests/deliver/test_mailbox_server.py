"""The server of the demo: what our own mailer sends to it lies in a Maildir."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from newsletter.deliver.mailbox_server import MailboxServer
from newsletter.deliver.smtp import SmtpMailer, SmtpSession
from newsletter.model.mail import Envelope, Silence, SmtpReply
from newsletter.model.readers import EmailAddress
from newsletter.model.servers import RelayConfig
from tests.deliver.test_maildir import filed, no_file_larger_than

MESSAGE = b"From: news@example.org\r\nSubject: one\r\n\r\n.\r\n..\r\n" + b"x" * 900 + b"\r\n"


async def send(mailer: SmtpMailer, to: str = "ada@example.org") -> SmtpReply | Silence:
    session = await mailer.begin(Envelope(EmailAddress("bounce@example.org"), EmailAddress(to)))
    assert isinstance(session, SmtpSession)
    return await session.data(MESSAGE)


def mailer_to(server: MailboxServer) -> SmtpMailer:
    return SmtpMailer(RelayConfig(server.host, server.port, security="none"))


async def test_what_it_receives_lies_in_the_maildir_byte_for_byte(tmp_path: Path) -> None:
    async with MailboxServer(tmp_path) as server:
        mailer = mailer_to(server)
        replies = await asyncio.gather(*(send(mailer, f"reader{n}@example.org") for n in range(8)))
        assert await send(mailer, "zoë@example.org") == SmtpReply(250, "2.0.0 filed")
        await mailer.close()

    assert set(replies) == {SmtpReply(250, "2.0.0 filed")}
    assert filed(tmp_path) == [MESSAGE] * 9


async def test_a_full_disk_is_a_temporary_refusal(tmp_path: Path) -> None:
    async with MailboxServer(tmp_path) as server:
        mailer = mailer_to(server)
        with no_file_larger_than(10):
            answer = await send(mailer)
        await mailer.close()

    assert str(answer).startswith("452 4.3.1 cannot take the message")
    assert filed(tmp_path) == []


async def test_two_servers_have_ports_of_their_own(tmp_path: Path) -> None:
    async with MailboxServer(tmp_path / "a") as one, MailboxServer(tmp_path / "b") as other:
        assert one.port != other.port


async def test_it_ends_while_a_client_is_still_connected(tmp_path: Path) -> None:
    async with MailboxServer(tmp_path) as server:
        mailer = mailer_to(server)
        await send(mailer)
    await mailer.close()


def test_it_has_no_port_before_it_runs(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="not running"):
        _ = MailboxServer(tmp_path).port

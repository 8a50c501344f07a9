"""A Maildir behind the port of a relay."""

from __future__ import annotations

import mailbox
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from newsletter.deliver.maildir import MaildirMailer, MaildirSession
from newsletter.errors import MailerError
from newsletter.model.mail import Envelope, SmtpReply
from newsletter.model.readers import EmailAddress
from newsletter.ports import Mailer

ENVELOPE = Envelope(EmailAddress("bounce@example.org"), EmailAddress("ada@example.org"))
MESSAGE = b"From: news@example.org\r\nSubject: one\r\n\r\n.\r\nFrom here\r\n"


async def send(folder: Path, message: bytes = MESSAGE) -> SmtpReply:
    mailer: Mailer = MaildirMailer(folder)
    session = await mailer.begin(ENVELOPE)
    assert isinstance(session, MaildirSession)
    reply = await session.data(message)
    await mailer.close()
    return reply


def filed(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / "new").iterdir())]


def all_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@contextmanager
def no_file_larger_than(size_bytes: int) -> Iterator[None]:
    """Stand in for a full disk: the kernel refuses to make a file any larger."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_message_is_filed_byte_for_byte(tmp_path: Path) -> None:
    reply = await send(tmp_path / "mail")

    assert reply.code == 250
    assert filed(tmp_path / "mail") == [MESSAGE]


async def test_the_reply_names_the_file(tmp_path: Path) -> None:
    reply = await send(tmp_path)

    assert (tmp_path / "new" / reply.text.split()[-1]).exists()


async def test_the_standard_library_reads_the_folder(tmp_path: Path) -> None:
    await send(tmp_path / "mail")

    (message,) = mailbox.Maildir(tmp_path / "mail", create=False)
    assert message["Subject"] == "one"


async def test_equal_messages_are_all_kept_in_the_order_of_their_coming(tmp_path: Path) -> None:
    messages = [MESSAGE, MESSAGE, MESSAGE + b"third\r\n"]
    for message in messages:
        await send(tmp_path, message)

    assert filed(tmp_path) == messages


async def test_an_abandoned_session_files_nothing(tmp_path: Path) -> None:
    session = await MaildirMailer(tmp_path).begin(ENVELOPE)
    await session.abandon()

    assert filed(tmp_path) == []


async def test_a_full_disk_is_a_452_and_leaves_no_file(tmp_path: Path) -> None:
    with no_file_larger_than(10):
        reply = await send(tmp_path)

    assert str(reply).startswith("452 4.3.1 ")
    assert all_files(tmp_path) == []
    assert (await send(tmp_path)).code == 250


async def test_a_folder_that_cannot_be_made_stops_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(MailerError, match="choose a folder that can be written"):
        await MaildirMailer(tmp_path / "file" / "mail").begin(ENVELOPE)


def test_it_takes_one_message_at_a_time(tmp_path: Path) -> None:
    assert MaildirMailer(tmp_path).connections == 1

"""Where mail about our mail arrives: a Maildir, and a mailbox behind a real IMAP server."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.deliver.inbox import ImapConfig, ImapInbox, MaildirInbox
from newsletter.deliver.maildir import file_message, make_maildir
from newsletter.errors import MailerError
from tests.inbox.tools import dovecot, find_missing

MAILS = [b"Subject: one\r\n\r\nfirst\r\n", b"Subject: two\r\n\r\nsecond\r\n"]


async def test_a_maildir_gives_each_message_once(tmp_path: Path) -> None:
    make_maildir(tmp_path)
    for mail in MAILS:
        file_message(tmp_path, mail)
    inbox = MaildirInbox(tmp_path)

    found = [(name, message) async for name, message in inbox.read()]
    await inbox.finish(found[0][0])

    assert [message for _, message in found] == MAILS
    assert [message async for _, message in inbox.read()] == MAILS[1:]
    assert [path.name for path in (tmp_path / "cur").iterdir()] == [f"{found[0][0]}:2,S"]


async def test_a_maildir_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MailerError, match="nowhere"):
        [one async for one in MaildirInbox(tmp_path / "nowhere").read()]


@pytest.fixture
def served_folder() -> Iterator[Path]:
    """Yield a folder with a short name that any user may enter: Dovecot's sockets lie in it, its users are others."""
    with tempfile.TemporaryDirectory(prefix="imap-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.mark.skipif("dovecot" in find_missing(), reason="needs Dovecot: apt install dovecot-imapd")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to run Dovecot as its own users")
async def test_an_imap_mailbox_gives_each_message_until_it_is_done(served_folder: Path) -> None:
    maildir = served_folder / "maildir"
    make_maildir(maildir)
    for mail in MAILS:
        file_message(maildir, mail)
    for path in (maildir, *maildir.rglob("*")):
        shutil.chown(path, 65534, 65534)
    with dovecot(served_folder / "dovecot", maildir) as port:
        inbox = ImapInbox(ImapConfig("127.0.0.1", port, "none", "anybody", "pass"))
        found = [(name, message) async for name, message in inbox.read()]
        await inbox.finish(found[0][0])
        left = [message async for _, message in inbox.read()]
        await inbox.close()
        wrong = ImapInbox(ImapConfig("127.0.0.1", port, "none", "anybody", "no such password"))
        with pytest.raises(MailerError, match=r"bounces\.imap"):
            [one async for one in wrong.read()]

    assert [message.splitlines()[0] for _, message in found] == [b"Subject: one", b"Subject: two"]
    assert [message.splitlines()[-1] for message in left] == [b"second"]

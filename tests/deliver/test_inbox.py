"""Where mail about our mail arrives: a Maildir, and a mailbox behind a real IMAP server."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.deliver.inbox import MOST_BYTES, ImapInbox, MaildirInbox
from newsletter.deliver.maildir import file_message, make_maildir
from newsletter.errors import MailerError
from newsletter.model.reports import Unreadable
from newsletter.model.servers import ImapConfig
from tests.support.imap_server import ImapServer, Oddity
from tests.support.tools import dovecot, find_missing

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


@pytest.mark.parametrize("below", ["nowhere", "file", "file/below"])
async def test_a_maildir_that_is_none_is_told(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MailerError, match="cannot read the Maildir"):
        [one async for one in MaildirInbox(tmp_path / below).read()]


async def test_what_is_no_message_in_a_maildir_holds_up_no_message(tmp_path: Path) -> None:
    make_maildir(tmp_path)
    new = tmp_path / "new"
    (new / "0-folder").mkdir()
    os.mkfifo(new / "1-pipe")
    (new / "2-link").symlink_to(tmp_path / "gone")
    (new / "3-loop").symlink_to(new / "3-loop")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(new / "4-socket"))
    file_message(tmp_path, MAILS[0])
    inbox = MaildirInbox(tmp_path)

    found = [message async for _, message in inbox.read()]

    assert [message for message in found if not isinstance(message, Unreadable)] == MAILS[:1]


@pytest.mark.parametrize("name", [b"1" * 254, b"\xff\xfe.host", b"a\nb", b"-rf"])
async def test_a_message_of_any_name_is_done_or_set_aside(tmp_path: Path, name: bytes) -> None:
    inbox = MaildirInbox(tmp_path)
    for act, place in ((inbox.finish, tmp_path / "cur"), (inbox.set_aside, tmp_path / ".set-aside" / "new")):
        make_maildir(tmp_path)
        (tmp_path / "new" / os.fsdecode(name)).write_bytes(MAILS[0])
        [(found, _)] = [one async for one in inbox.read()]

        await act(found)

        assert [path.read_bytes() for path in place.iterdir()] == MAILS[:1]
        assert not list((tmp_path / "new").iterdir())


async def test_of_a_huge_message_the_beginning_is_read(tmp_path: Path) -> None:
    make_maildir(tmp_path)
    with (tmp_path / "new" / "huge").open("wb") as file:
        file.write(MAILS[0])
        file.truncate(1 << 33)

    [(_, message)] = [one async for one in MaildirInbox(tmp_path).read()]

    assert isinstance(message, bytes)
    assert len(message) == MOST_BYTES
    assert message.startswith(MAILS[0])


async def test_a_maildir_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    make_maildir(tmp_path)
    file_message(tmp_path, MAILS[0])
    (tmp_path / "cur").rmdir()
    (tmp_path / "cur").touch()
    (tmp_path / ".set-aside").touch()
    inbox = MaildirInbox(tmp_path)
    [(name, _)] = [one async for one in inbox.read()]

    for act in (inbox.finish, inbox.set_aside):
        with pytest.raises(MailerError, match="make the Maildir writable"):
            await act(name)


def imap_inbox(server: ImapServer) -> ImapInbox:
    return ImapInbox(ImapConfig("127.0.0.1", server.port, "none", "anybody", "pass"))


async def test_over_imap_a_message_comes_as_the_bytes_that_arrived() -> None:
    broken = b"Subject: offer\r\nContent-Type: multipart/mixed\r\n\r\nHei\xdfe Ware\r\n"
    async with ImapServer([broken, b"x" * (MOST_BYTES + 9)]) as server:
        inbox = imap_inbox(server)
        found = [message async for _, message in inbox.read()]
        await inbox.close()

    assert found == [broken, b"x" * MOST_BYTES]
    assert not any(server.flags.values()), "reading marks nothing as seen"


@pytest.mark.parametrize("odd", ["nil", "nothing", "other", "bye", "hang"])
async def test_a_message_that_a_server_does_not_give_holds_up_no_other(
    odd: Oddity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.deliver.inbox._TIMEOUT_S", 0.2)
    async with ImapServer([MAILS[0], b"never had", MAILS[1]], odd={102: odd}) as server:
        inbox = imap_inbox(server)
        found = {}
        async for uid, message in inbox.read():
            found[uid] = message
            await (inbox.set_aside(uid) if isinstance(message, Unreadable) else inbox.finish(uid))
        await inbox.close()

    assert found.pop("101") == MAILS[0]
    assert found.pop("103") == MAILS[1]
    assert isinstance(found.pop("102"), Unreadable)
    assert server.copied == [(102, "INBOX/set-aside")]
    assert all("\\Seen" in flags for flags in server.flags.values())


@pytest.mark.parametrize("refused", [{"CREATE", "COPY"}, {"COPY"}, {"LIST", "COPY"}])
async def test_where_a_server_has_no_folder_for_it_a_message_is_flagged(refused: set[str]) -> None:
    async with ImapServer(MAILS, refused=refused) as server:
        inbox = imap_inbox(server)
        await inbox.set_aside("101")
        await inbox.close()

    assert server.flags == {101: {"\\Flagged", "\\Seen"}, 102: set()}


async def test_a_server_that_marks_nothing_is_told_and_the_connection_stays() -> None:
    async with ImapServer(MAILS, refused={"STORE"}) as server:
        inbox = imap_inbox(server)
        for act in (inbox.finish, inbox.set_aside):
            with pytest.raises(MailerError, match="the server answered STORE with NO") as raised:
                await act("101")
            assert not raised.value.is_passing
        assert len([one async for one in inbox.read()]) == 2
        await inbox.close()


async def test_a_mailbox_that_never_greets_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsletter.deliver.inbox._TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        inbox = ImapInbox(ImapConfig("127.0.0.1", silent.getsockname()[1], "none", "anybody", "pass"))
        with pytest.raises(MailerError, match="timed out") as raised:
            [one async for one in inbox.read()]

    assert raised.value.is_passing


@pytest.fixture
def served_folder() -> Iterator[Path]:
    """Yield a folder with a short name that any user may enter: Dovecot's sockets lie in it, its users are others."""
    with tempfile.TemporaryDirectory(prefix="imap-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.mark.skipif(
    "/usr/lib/dovecot/imap" in find_missing(), reason="needs Dovecot: apt install dovecot-imapd"
)
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

    assert [message for _, message in found] == MAILS
    assert left == MAILS[1:]

"""The wire: which bytes are which replies, and to which command each reply goes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiosmtplib import SMTPException, SMTPResponseException

from newsletter.deliver.smtp_wire import MAX_REPLY_BYTES, RawReply, ReplyReader, SmtpChannel
from newsletter.model.mail import SmtpReply

LONG = b"x" * 100_000


def read_all(parts: Sequence[bytes]) -> tuple[list[RawReply], str]:
    """Return the replies in what arrives, and what is wrong with it, if anything is."""
    reader = ReplyReader()
    replies: list[RawReply] = []
    for part in parts:
        try:
            replies.extend(reader.read(part))
        except SMTPResponseException as error:
            return replies, error.message
    return replies, ""


# --- bytes → replies ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "replies"),
    [
        (b"250 ok\r\n", [RawReply(250, "ok")]),
        (b"250 ok\n", [RawReply(250, "ok")]),
        (b"250\r\n", [RawReply(250, "")]),
        (b"250-one\r\n250 two\r\n", [RawReply(250, "one\ntwo")]),
        (b"250-one\r\n250-\r\n250 two\r\n", [RawReply(250, "one\n\ntwo")]),
        (b"250-one\r\nno code\r\n250 two\r\n", [RawReply(250, "one\nno code\ntwo")]),
        (b"250-fine\r\n550 not so fine\r\n", [RawReply(550, "fine\nnot so fine")]),
        (b"250 ok\r\n550 5.1.1 no\r\n", [RawReply(250, "ok"), RawReply(550, "5.1.1 no")]),
        (b"250-a\r\n250 b\r\n450-c\r\n450 d\r\n", [RawReply(250, "a\nb"), RawReply(450, "c\nd")]),
        (b"250 a\r\n250 b\r\n354 c\r\n", [RawReply(250, "a"), RawReply(250, "b"), RawReply(354, "c")]),
        (b"550 gr\xf6\xdfe\r\n", [RawReply(550, "gr\ufffd\ufffde")]),
        (b"250 not ended", []),
        (b"250 ok\r\n250-not ended\r\n", [RawReply(250, "ok")]),
    ],
)
def test_replies_are_the_same_however_their_bytes_arrive(data: bytes, replies: list[RawReply]) -> None:
    assert read_all([data]) == (replies, "")
    assert read_all([data[n : n + 1] for n in range(len(data))]) == (replies, "")
    for cut in range(len(data)):
        assert read_all([data[:cut], data[cut:]]) == (replies, "")


@pytest.mark.parametrize(
    ("data", "replies", "said"),
    [
        (b"what a fine letter\r\n", [], "what a fine letter"),
        (b"\r\n", [], ""),
        (b"2500 ok\r\n", [], "2500 ok"),
        (b"25 ok\r\n", [], "25 ok"),
        (b"250 ok\r\nnonsense\r\n250 ok\r\n", [RawReply(250, "ok")], "nonsense"),
        (b"ok " + b"x" * MAX_REPLY_BYTES, [], "ok xxx"),
    ],
)
def test_what_is_no_reply_ends_it_after_what_was(data: bytes, replies: list[RawReply], said: str) -> None:
    found, wrong = read_all([data])
    assert found == replies
    assert wrong.startswith(f"this is not an SMTP reply: {said}")


@pytest.mark.parametrize("line", [b"250-" + LONG + b"\r\n", LONG, b"250-short\r\n" * 9_000])
def test_of_a_reply_without_end_only_its_beginning_is_kept(line: bytes) -> None:
    replies, wrong = read_all([b"250-begun ", *[line] * 20])
    assert wrong
    assert [reply.code for reply in replies] == [250], "the code that it began with counts"
    assert replies[0].text.startswith("begun ")
    assert len(replies[0].text) < 100_000


def test_a_long_reply_is_read_to_its_end_and_the_next_one_is_its_own() -> None:
    (long, short), wrong = read_all(
        [b"250-" + LONG + b"\r\n", b"250-more\r\n" * 9_000, b"250 end\r\n450 next\r\n"]
    )
    assert (long.code, short, wrong) == (250, RawReply(450, "next"), "")
    assert len(long.text) < 100_000


# --- replies → commands -------------------------------------------------------------------


@dataclass(eq=False)
class Peer:
    """The other end of a channel."""

    channel: SmtpChannel
    sock: socket.socket

    async def say(self, data: bytes) -> None:
        """Say this, or end where it is nothing, and wait until the channel has heard it."""
        if data:
            self.sock.sendall(data)
        else:
            self.sock.shutdown(socket.SHUT_WR)
        for _ in range(3):  # ready, read, answered
            await asyncio.sleep(0)

    async def hear(self) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self.sock, 1 << 20)


@asynccontextmanager
async def open_channel() -> AsyncIterator[Peer]:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    peer = Peer(SmtpChannel(transport), theirs)
    try:
        yield peer
    finally:
        peer.channel.close()
        theirs.close()


async def outcome(reply: asyncio.Future[SmtpReply]) -> str:
    """Return what a reply says, or the error that it is."""
    try:
        return str(await asyncio.wait_for(asyncio.shield(reply), 5))
    except (SMTPException, OSError) as error:
        return str(error) or type(error).__name__


LOST = "the relay closed the connection"
NONSENSE = "this is not an SMTP reply: nonsense"
END = b""


@pytest.mark.parametrize(
    ("arrives", "answers", "is_open"),
    [
        ([b"250 a\r\n", b"250 b\r\n", b"250 c\r\n"], ["250 a", "250 b", "250 c"], True),
        ([b"250 a\r\n250 b\r\n250 c\r\n"], ["250 a", "250 b", "250 c"], True),
        ([b"250-a\r\n2", b"50 b\r\n550 c\r\n25", b"0 d\r\n"], ["250 a b", "550 c", "250 d"], True),
        ([b"450 a\r\n503 b\r\n503 c\r\n"], ["450 a", "503 b", "503 c"], True),
        ([b"250 a\r\n", END], ["250 a", LOST, LOST], False),
        ([b"250 a\r\n421 b\r\n", END], ["250 a", "421 b", LOST], False),
        ([END], [LOST] * 3, False),
        (
            [b"250 a\r\nnonsense\r\n"],
            ["250 a", NONSENSE, NONSENSE],
            False,
        ),
        ([b"250 a\r\n250 b\r\n250 c\r\n421 bye\r\n"], ["250 a", "250 b", "250 c"], False),
        ([b"250 a\r\n250 b\r\n250 c\r\n", b"250 d\r\n"], ["250 a", "250 b", "250 c"], False),
        ([b"250 a\r\n250 b\r\n250 c\r\n", END], ["250 a", "250 b", "250 c"], False),
    ],
)
async def test_each_command_gets_its_own_reply(
    arrives: list[bytes], answers: list[str], is_open: bool
) -> None:
    async with open_channel() as peer:
        replies = peer.channel.ask(b"RSET\r\n", b"MAIL\r\n", b"RCPT\r\n", timeout_s=5)
        assert await peer.hear() == b"RSET\r\nMAIL\r\nRCPT\r\n", "in one write"
        for data in arrives:
            await peer.say(data)
        assert [await outcome(reply) for reply in replies] == answers
        assert peer.channel.is_open is is_open


async def test_a_channel_that_has_ended_writes_nothing_and_says_why() -> None:
    async with open_channel() as peer:
        await peer.say(b"421 4.4.2 idle for too long\r\n")
        with pytest.raises(SMTPException, match=r"the relay said 421 4\.4\.2 idle for too long"):
            peer.channel.ask(b"MAIL\r\n", timeout_s=5)
        assert await peer.hear() == b""


async def test_a_reply_to_who_was_cancelled_is_not_taken_for_the_next() -> None:
    async with open_channel() as peer:
        mail, rcpt = peer.channel.ask(b"MAIL\r\n", b"RCPT\r\n", timeout_s=5)
        mail.cancel()
        await peer.say(b"250 mail\r\n550 rcpt\r\n")
        assert await outcome(rcpt) == "550 rcpt"


async def test_each_reply_has_its_own_time() -> None:
    """A shorter wait after a longer one is as short as it says; a reply in time gives the next one all of its own."""
    loop = asyncio.get_running_loop()
    async with open_channel() as peer:
        (answer,) = peer.channel.ask(b"message", timeout_s=60)
        await peer.say(b"250 ok\r\n")
        assert await outcome(answer) == "250 ok"

        begun = loop.time()
        first, second, third = peer.channel.ask(b"RSET\r\n", b"MAIL\r\n", b"RCPT\r\n", timeout_s=0.2)
        for reply in (first, second):
            await asyncio.sleep(0.15)
            await peer.say(b"250 ok\r\n")
            assert await outcome(reply) == "250 ok"
        assert await outcome(third) == "TimeoutError"
        assert 0.45 < loop.time() - begun < 3
        assert not peer.channel.is_open

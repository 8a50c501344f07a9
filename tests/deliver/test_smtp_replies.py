"""What counts as a reply, at every stage, against a real socket that says what it is told to.

By the first digit (RFC 5321 sections 4.2.1 and 4.3.2), however long it is and whatever stands behind the code.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from newsletter.deliver.outcome import choose_outcome
from newsletter.deliver.smtp import SmtpMailer
from newsletter.deliver.smtp_wire import MAX_REPLY_BYTES
from newsletter.errors import MailerError
from newsletter.model.mail import Accepted, Envelope, Silence, SmtpReply, Uncertain
from newsletter.model.readers import EmailAddress
from newsletter.model.servers import RelayConfig
from newsletter.text import clean_line

ENVELOPE = Envelope(EmailAddress("bounces@example.org"), EmailAddress("ada@example.org"))
MESSAGE = b"Message-ID: <1@example.org>\r\n\r\ntext\r\n"
USUAL = {
    "GREETING": b"220 ready\r\n",
    "EHLO": b"250-relay\r\n250 SIZE 10000000\r\n",
    "HELO": b"250 relay\r\n",
    "STARTTLS": b"220 go\r\n",
    "AUTH": b"235 2.7.0 welcome\r\n",
    "MAIL": b"250 2.1.0 ok\r\n",
    "RCPT": b"250 2.1.5 ok\r\n",
    "DATA": b"354 go ahead\r\n",
    "DOT": b"250 2.0.0 taken\r\n",
    "RSET": b"250 2.0.0 ok\r\n",
    "QUIT": b"221 bye\r\n",
}
LONG = b"x" * 10_000


@pytest.fixture(autouse=True, params=[True, False], ids=["pipelining", "one by one"])
def _pipelining(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is said here holds with MAIL and RCPT in one write, and one after the other."""
    if request.param:
        monkeypatch.setitem(USUAL, "EHLO", b"250-relay\r\n250-PIPELINING\r\n250 SIZE 10000000\r\n")


@dataclass(eq=False)
class Relay:
    """A server that answers each command with the bytes that are given for it."""

    says: Mapping[str, bytes]
    tls: ssl.SSLContext | None = None
    port: int = 0
    commands: list[str] = field(default_factory=list)
    messages: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(stage: str) -> None:
            writer.write(self.says.get(stage, USUAL[stage]))
            await writer.drain()

        try:
            await say("GREETING")
            while line := await reader.readline():
                command = line.split(None, 1)[0].decode().upper()
                self.commands.append(command)
                await say(command if command in USUAL else "RSET")
                if command == "DATA" and self.says.get("DATA", USUAL["DATA"])[:1] == b"3":
                    await reader.readuntil(b"\r\n.\r\n")
                    self.messages += 1
                    await say("DOT")
                elif command == "STARTTLS" and self.tls:
                    await writer.start_tls(self.tls)
                elif command == "QUIT":
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def running(
    says: Mapping[str, bytes], tls: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[tuple[Relay, SmtpMailer]]:
    """A relay that says this, and a mailer that uses it."""
    relay = Relay(says, tls)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    config = RelayConfig(
        host="127.0.0.1", port=relay.port, security="none", connect_timeout_s=10, command_timeout_s=10
    )
    mailer = SmtpMailer(replace(config, **{"data_timeout_s": 10, **options}))
    try:
        yield relay, mailer
    finally:
        await mailer.close()
        server.close()


async def send(mailer: SmtpMailer) -> SmtpReply | Silence:
    session = await mailer.begin(ENVELOPE)
    return session if isinstance(session, SmtpReply) else await session.data(MESSAGE)


# --- by the first digit -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        ("GREETING", b"250 ready\r\n"),
        ("GREETING", b"220-" + LONG + b"\r\n220 ready\r\n"),
        ("EHLO", b"299 relay\r\n"),
        ("EHLO", b"250-relay\r\n" + b"250-X-ONE-OF-MANY something\r\n" * 2_000 + b"250 SIZE 10000000\r\n"),
        ("EHLO", b"250\r\n"),
        ("MAIL", b"250\r\n"),
        ("MAIL", b"251 2.1.0 ok\r\n"),
        ("MAIL", b"250ok\r\n"),
        ("RCPT", b"252 2.1.5 cannot verify, but will take it\r\n"),
        ("RCPT", b"299 whatever\r\n"),
        ("RCPT", b"251 will forward\r\n"),
        ("DATA", b"350 go on\r\n"),
        ("DATA", b"399\r\n"),
        ("DATA", b"354-two\r\n354 lines\r\n"),
        ("DOT", b"200 ok\r\n"),
        ("DOT", b"251 2.0.0 taken, will forward\r\n"),
        ("DOT", b"252 2.0.0 taken\r\n"),
        ("DOT", b"299\r\n"),
        ("DOT", b"250\n"),
        ("DOT", b"250 " + LONG + b"\r\n"),
        ("DOT", (b"250-" + LONG + b"\r\n") * 20 + b"250 " + LONG + b"\r\n"),
        ("DOT", b"250-a line\r\na line without a code\r\n250 taken\r\n"),
        ("DOT", b"250 " + b"\xff\xfe\x80 \x00\x1b[31m \x9b" + b"\r\n"),
        ("DOT", b"250-2.0.0 " + "größe\r\n".encode("latin-1") + b"250 2.0.0 ok\r\n"),
    ],
)
async def test_what_is_good_by_its_first_digit_is_taken_once(stage: str, reply: bytes) -> None:
    async with running({stage: reply}) as (relay, mailer):
        first, second = await send(mailer), await send(mailer)

    assert relay.messages == 2, "each message once, on a connection that can be used again"
    for answer in (first, second):
        assert isinstance(answer, SmtpReply), answer
        assert answer.code // 100 == 2
        assert isinstance(choose_outcome(answer, 1, datetime.now(UTC), jitter=0), Accepted)
        assert clean_line(answer.text) == answer.text
        assert len(answer.text) <= 1_000


@pytest.mark.parametrize("stage", ["RCPT", "DATA", "DOT"])
@pytest.mark.parametrize(
    ("reply", "code", "text"),
    [
        (b"550 5.7.1 no\x00pe\r\n", 550, "5.7.1 nope"),
        (b"550 5.7.1 \x1b[31mred\x1b]0;title\x07 no\r\n", 550, "5.7.1 [31mred]0;title no"),
        (b"550 5.7.1 gr\xf6\xdfe\r\n", 550, "5.7.1 gr\ufffd\ufffde"),
        (b"559\r\n", 559, ""),
        (b"550no such user\r\n", 550, "no such user"),
        (b"499 not now\r\n", 499, "not now"),
        (b"250-2.0.0 it looked so well\r\n550 5.7.1 no\r\n", 550, "2.0.0 it looked so well 5.7.1 no"),
        (b"450-4.7.1 one\r\n450-\r\n450 4.7.1 two\r\n", 450, "4.7.1 one 4.7.1 two"),
        (b"452 " + b"word " * 2_000 + b"\r\n", 452, ("word " * 200).strip()[:995] + "…"),
    ],
)
async def test_a_refusal_is_a_refusal_whatever_else_it_says(
    stage: str, reply: bytes, code: int, text: str
) -> None:
    async with running({stage: reply}) as (_, mailer):
        answer = await send(mailer)

    assert isinstance(answer, SmtpReply)
    assert answer.code == code
    assert answer.text[:900] == text[:900]
    assert len(answer.text) <= 1_000


async def test_a_reply_without_end_counts_by_the_code_that_it_begins_with() -> None:
    endless = b"250-" + b"x" * 100 + b"\r\n"
    async with running({"DOT": endless * (MAX_REPLY_BYTES // len(endless) + 2)}) as (relay, mailer):
        answer = await send(mailer)
        assert isinstance(answer, SmtpReply)
        assert answer.code == 250
        assert isinstance(await send(mailer), SmtpReply), "on a connection of its own"
    assert relay.messages == 2


@pytest.mark.parametrize(
    "reply",
    [
        b"what a fine letter\r\n",
        b"\r\n",
        b"\x00250 ok\r\n",
        b"2500 ok\r\n",
        b"25 ok\r\n",
        b"600 ok\r\n",
        b"150 wait\r\n",
        b"354 go ahead\r\n",
        b"ok " + b"x" * (MAX_REPLY_BYTES + 1),
    ],
)
async def test_after_the_message_what_is_no_reply_is_silence(reply: bytes) -> None:
    async with running({"DOT": reply}) as (_, mailer):
        answer = await send(mailer)

    assert isinstance(answer, Silence)
    assert clean_line(answer.why) == answer.why
    assert isinstance(choose_outcome(answer, 1, datetime.now(UTC), jitter=0), Uncertain)


# --- a server that knows HELO alone -------------------------------------------------------


@pytest.mark.parametrize(
    "refusal", [b"500 what?\r\n", b"502 5.5.2 not implemented\r\n", b"550 no\r\n", b"599\r\n"]
)
async def test_a_server_that_knows_helo_alone_gets_the_mail(refusal: bytes) -> None:
    async with running({"EHLO": refusal}) as (relay, mailer):
        answer = await send(mailer)

    assert isinstance(answer, SmtpReply)
    assert answer.code == 250
    assert relay.commands[:3] == ["EHLO", "HELO", "MAIL"]


async def test_a_server_that_refuses_ehlo_for_now_is_busy() -> None:
    async with running({"EHLO": b"450 4.3.2 not now\r\n"}) as (relay, mailer):
        assert await send(mailer) == SmtpReply(450, "4.3.2 not now")
    assert "HELO" not in relay.commands


async def test_a_server_that_knows_helo_alone_gets_nothing_in_clear_where_tls_is_wanted() -> None:
    async with running({"EHLO": b"502 no\r\n"}, security="starttls") as (relay, mailer):
        with pytest.raises(MailerError, match="does not offer STARTTLS; nothing was sent unencrypted"):
            await send(mailer)
    assert "MAIL" not in relay.commands


async def test_a_server_that_knows_helo_alone_takes_no_login() -> None:
    async with running({"EHLO": b"502 no\r\n"}, username="ada", password="secret") as (relay, mailer):
        with pytest.raises(MailerError, match="does not offer a login here"):
            await send(mailer)
    assert "MAIL" not in relay.commands


async def test_a_server_that_wants_neither_is_told_about() -> None:
    async with running({"EHLO": b"502 no\r\n", "HELO": b"554 no \x1b[31mservice\r\n"}) as (_, mailer):
        with pytest.raises(MailerError, match=r"does not let us in \(554 no \[31mservice\)"):
            await send(mailer)


@pytest.mark.parametrize(
    ("welcome", "is_in"), [(b"250 2.7.0 ok\r\n", True), (b"299\r\n", True), (b"535 no\r\n", False)]
)
async def test_a_login_counts_by_its_first_digit(welcome: bytes, is_in: bool) -> None:
    says = {"EHLO": b"250-relay\r\n250 AUTH PLAIN\r\n", "AUTH": welcome}
    async with running(says, username="ada", password="secret") as (_, mailer):
        if is_in:
            assert isinstance(await send(mailer), SmtpReply)
        else:
            with pytest.raises(MailerError, match="refused the login as ada"):
                await send(mailer)


@pytest.mark.usefixtures("_trusted")
async def test_starttls_counts_by_its_first_digit(server_tls: ssl.SSLContext) -> None:
    says = {"EHLO": b"250-relay\r\n250 STARTTLS\r\n", "STARTTLS": b"250 go\r\n"}
    async with running(says, server_tls, security="starttls") as (relay, mailer):
        assert isinstance(await send(mailer), SmtpReply)

    assert relay.commands[:4] == ["EHLO", "STARTTLS", "EHLO", "MAIL"]


# --- one reply a command ------------------------------------------------------------------


async def test_mail_and_rcpt_go_out_together_where_the_relay_offers_it() -> None:
    with_rcpt = {
        "EHLO": b"250-relay\r\n250 PIPELINING\r\n",
        "MAIL": b"",
        "RCPT": b"250 sender\r\n250 recipient\r\n",
    }
    async with running(with_rcpt) as (relay, mailer):
        assert await send(mailer) == SmtpReply(250, "2.0.0 taken")
        assert await send(mailer) == SmtpReply(250, "2.0.0 taken")
    assert relay.commands == ["EHLO", *["MAIL", "RCPT", "DATA"] * 2, "QUIT"]


@pytest.mark.parametrize("rcpt", [b"503 5.5.1 no sender\r\n", b"250 ok\r\n", b"550 5.1.1 nobody\r\n"])
async def test_where_mail_is_refused_for_now_that_is_the_reply_whatever_rcpt_is_told(rcpt: bytes) -> None:
    async with running({"MAIL": b"451 4.3.0 not now\r\n", "RCPT": rcpt}) as (relay, mailer):
        for _ in range(2):
            assert await send(mailer) == SmtpReply(451, "4.3.0 not now")
    assert relay.commands.count("EHLO") == 1, "the connection is of use"
    assert relay.commands.index("RSET") < [n for n, one in enumerate(relay.commands) if one == "MAIL"][1]


@pytest.mark.parametrize(
    ("says", "messages", "connections"),
    [
        ({"DOT": b"250 taken\r\n421 4.4.2 enough\r\n"}, 2, 2),
        ({"DOT": b"250 taken\r\n250 taken\r\n"}, 2, 2),
        ({"RCPT": b"250 ok\r\n421 4.4.2 going down\r\n"}, 0, 2),
        ({"DATA": b"354 go ahead\r\n250 taken already\r\n"}, 0, 2),
    ],
)
async def test_what_nobody_asked_for_ends_the_connection(
    says: Mapping[str, bytes], messages: int, connections: int
) -> None:
    async with running(says) as (relay, mailer):
        for _ in range(2):
            answer = await send(mailer)
            assert isinstance(answer, SmtpReply), (
                "and all is definite: nothing had flowed, or the reply was there"
            )
            assert answer.code == (250 if messages else 451)
    assert relay.messages == messages
    assert relay.commands.count("EHLO") == connections


class ByPacket(Relay):
    """Hears what comes in one packet together, and answers it together; at a recipient "drop…" it hangs up, at "mute…"
    it falls silent. is_losing: only the first command of a packet, as some do that look into mail on its way."""

    is_losing = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(USUAL["GREETING"])
        while data := await reader.read(65536):
            said = b""
            for line in data.split(b"\r\n")[: 1 if self.is_losing else -1]:
                command = line.split(None, 1)[0].decode().upper() if line.strip() else ""
                self.commands.append(command)
                if b"<drop" in line:
                    writer.close()
                    return
                if b"<mute" in line:
                    said = b""
                    break
                said += b"250-relay\r\n250 PIPELINING\r\n" if command == "EHLO" else USUAL.get(command, b"")
            writer.write(USUAL["DOT"] if data.endswith(b"\r\n.\r\n") else said)
        writer.close()


@asynccontextmanager
async def running_by_packet(*, is_losing: bool = False) -> AsyncIterator[tuple[ByPacket, SmtpMailer]]:
    relay = ByPacket({})
    relay.is_losing = is_losing
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    mailer = SmtpMailer(RelayConfig("127.0.0.1", port, security="none", command_timeout_s=0.2))
    try:
        yield relay, mailer
    finally:
        await mailer.close()
        server.close()


async def test_a_relay_that_loses_what_it_did_not_wait_for_gets_one_command_at_a_time() -> None:
    async with running_by_packet(is_losing=True) as (_, mailer):
        first = await send(mailer)
        assert isinstance(first, SmtpReply)
        assert first.code == 451, "it may be this recipient"
        assert await send(mailer) == SmtpReply(250, "2.0.0 taken")


@pytest.mark.parametrize("local", ["drop", "mute"])
@pytest.mark.parametrize("kept", [False, True])
async def test_a_recipient_at_whom_a_relay_breaks_off_is_at_fault_also_where_mail_had_no_reply_yet(
    local: str, kept: bool
) -> None:
    async with running_by_packet() as (relay, mailer):
        if kept:
            assert await send(mailer) == SmtpReply(250, "2.0.0 taken")
        reply = await mailer.begin(replace(ENVELOPE, rcpt_to=EmailAddress(f"{local}@example.org")))
        assert isinstance(reply, SmtpReply)
        assert str(reply).startswith("451 4.4.2 the relay closed the connection at RCPT")
        assert await send(mailer) == SmtpReply(250, "2.0.0 taken"), "and others do not wait for that"
    assert relay.commands.count("EHLO") == 3 + kept

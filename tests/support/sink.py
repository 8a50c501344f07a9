"""An SMTP server that misbehaves on demand, and remembers each message that it has accepted.

What it does to a message is chosen by the recipient's local part, up to the first "-":

    rcpt450-…          answers RCPT with that code (any code); rcpt550 says 5.1.1
    grey451-…          answers RCPT with that code the first time that it sees the address, then accepts
    dropatrcpt-…       closes the connection instead of answering RCPT
    mutercpt-…         never answers RCPT
    data451-…          answers DATA with that code
    dropatdata-…       closes the connection instead of answering DATA
    mutedata-…         never answers DATA
    dropbeforedot-…    closes the connection in the middle of the message
    dot550-…           answers the message with that code, and has not accepted it
    policy-…           answers the message with 554 5.7.1, and has not accepted it
    lostafterdot-…     closes the connection after the dot, not accepted
    dropafterdot-…     closes the connection after the dot, accepted
    garbledafterdot-…  answers the message with a line that is no reply, accepted
    slow-…             accepts, and answers after slow_s seconds, or once slow_until is set

    once-…             does what stands behind it the first time that it sees the address, then accepts
    storm451-…         answers RCPT with that code as long as the sink's storm lasts

Anything else is accepted.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import re
import ssl
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from enum import StrEnum
from types import TracebackType
from typing import ClassVar, Self

_SCRIPTED = re.compile(r"(?P<what>rcpt|grey|storm|data|dot)(?P<code>\d{3})-")


@dataclass(frozen=True, slots=True)
class Received:
    """One message, as it came: without the final dot and with doubled dots undone."""

    message_id: str
    mail_from: str
    rcpt_to: str
    content: bytes


class Moment(StrEnum):
    """The moments of one mail, in their order."""

    RCPT = "before the answer to RCPT"
    AGREED = "after the answer to RCPT"
    TEXT = "in the middle of the text"
    DOT = "after the dot, not taken yet"
    TAKEN = "taken, not answered yet"
    ANSWERED = "after the answer to the dot"


class Hangup(Exception):
    """The server closes this connection now, without a word."""


@dataclass(slots=True, eq=False)
class Sink:
    """``async with Sink() as sink:`` listens on a loopback address at ``sink.port``.

    tls: wrap each connection at once. starttls: offer STARTTLS. logins: user to password; then MAIL needs
    a login, in one of the ways of auths. greeting, ehlo, mail, rcpt, dot: replies to send instead of the usual
    ones. mute:
    never greets. storm: see above. close_after: closes a connection after so many messages. close_idle_s: after so
    long without a command.
    hang_up_at: "connect" or "MAIL": closes the connection there instead of answering.
    enough_after: answers MAIL with 421 after so many messages on one connection.
    open_from: how many connections are open from an address now.
    pipelining: of all sinks: offer PIPELINING, and take a group of commands as it comes.
    """

    pipelining: ClassVar[bool] = True
    host: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    starttls: ssl.SSLContext | None = None
    logins: Mapping[str, str] = field(default_factory=dict)
    auths: tuple[str, ...] = ("PLAIN",)
    greeting: str = "220 sink ready"
    ehlo: str = ""
    mail: str = ""
    rcpt: str = ""
    dot: str = ""
    mute: bool = False
    storm: bool = False
    hang_up_at: str = ""
    smtputf8: bool = False
    delay_s: float = 0
    slow_s: float = 1
    slow_until: asyncio.Event | None = None
    close_after: int = 0
    enough_after: int = 0
    close_idle_s: float | None = None
    on_accepted: Callable[[Received], None] | None = None

    messages: list[Received] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    open_now: int = 0
    open_at_most: int = 0
    open_from: Counter[str] = field(default_factory=Counter)
    port: int = 0
    _seen: set[str] = field(default_factory=set)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def copies(self, message_id: str) -> int:
        return sum(message.message_id == message_id for message in self.messages)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open_now += 1
        self.open_at_most = max(self.open_at_most, self.open_now)
        peer = writer.get_extra_info("peername") or ("", 0)  # it may be gone already
        host, port = peer[:2]
        self.open_from[host] += 1
        try:
            await _Conversation(self, reader, writer, (host, port)).hold()
        except (Hangup, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # also when the sink is closed: ending the task normally keeps asyncio from complaining
        finally:
            self.open_now -= 1
            self.open_from[host] -= 1
            self._tasks.discard(task)
            writer.close()

    async def reach(self, moment: Moment, peer: tuple[str, int]) -> None:
        """A mail has come to this moment, on the connection from that address and port: for who wants to step in.

        May raise Hangup. At AGREED and ANSWERED the answer is out.
        """

    def accept(self, mail_from: str, rcpt_to: str, content: bytes) -> None:
        message_id = BytesHeaderParser().parsebytes(content).get("Message-ID", "").strip()
        received = Received(message_id, mail_from, rcpt_to, content)
        self.messages.append(received)
        if self.on_accepted is not None:
            self.on_accepted(received)


@dataclass(slots=True, eq=False)
class _Conversation:
    sink: Sink
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    peer: tuple[str, int]
    secured: bool = False
    user: str = ""
    mail_from: str | None = None
    rcpt_to: str = ""
    script: str = ""
    taken: int = 0

    async def hold(self) -> None:
        if self.sink.mute:
            await asyncio.sleep(3600)
        if self.sink.hang_up_at == "connect":
            return
        await self._say(self.sink.greeting)
        if not self.sink.greeting.startswith("220"):
            return
        while True:
            try:
                line = await asyncio.wait_for(self._line(), self.sink.close_idle_s)
            except TimeoutError:
                return
            command = line.decode("utf-8", "replace")
            self.sink.commands.append(command)
            verb = command.split(":")[0].split(" ")[0].upper()
            await getattr(self, f"_{verb.lower()}", self._unknown)(command)

    async def _line(self) -> bytes:
        return (await self.reader.readuntil(b"\r\n"))[:-2]

    async def _say(self, *lines: str) -> None:
        for line in lines:
            self.writer.write(line.encode() + b"\r\n")
        await self.writer.drain()

    async def _unknown(self, command: str) -> None:
        await self._say(f"502 5.5.1 {command.split(' ')[0]} is not known here")

    async def _ehlo(self, command: str) -> None:
        if self.sink.ehlo:
            await self._say(self.sink.ehlo)
            return
        extensions = ["SIZE 10000000", "8BITMIME", "ENHANCEDSTATUSCODES"]
        if self.sink.pipelining:
            extensions.append("PIPELINING")
        if self.sink.starttls and not self.secured:
            extensions.append("STARTTLS")
        if self.sink.logins:
            extensions.append("AUTH " + " ".join(self.sink.auths))
        if self.sink.smtputf8:
            extensions.append("SMTPUTF8")
        await self._say("250-sink", *(f"250-{one}" for one in extensions[:-1]), f"250 {extensions[-1]}")

    async def _starttls(self, command: str) -> None:
        assert self.sink.starttls is not None
        await self._say("220 2.0.0 go ahead")
        await self.writer.start_tls(self.sink.starttls)
        self.secured = True

    async def _auth(self, command: str) -> None:
        _, how, *first = command.split(" ")
        user, is_right = await self._ask_login(how, base64.b64decode(first[0]).decode() if first else "")
        if how not in self.sink.auths or not is_right:
            await self._say("535 5.7.8 authentication failed")
            return
        self.user = user
        await self._say("235 2.7.0 welcome")

    async def _ask_login(self, how: str, first: str) -> tuple[str, bool]:
        """Return who logs in, and whether they know their password (RFC 4954, RFC 4616, RFC 2195, XOAUTH2)."""
        logins = self.sink.logins
        match how:
            case "PLAIN":
                _, user, password = first.split("\0")
            case "LOGIN":
                user, password = first, await self._challenge("Password:")
            case "CRAM-MD5":
                user, _, proof = (await self._challenge("<1@sink>")).rpartition(" ")
                right = hmac.new(logins.get(user, "").encode(), b"<1@sink>", "md5").hexdigest()
                return user, user in logins and proof == right
            case _:
                named = dict(part.split("=", 1) for part in first.split("\1") if part)
                user, password = named["user"], named["auth"].removeprefix("Bearer ")
        return user, logins.get(user) == password

    async def _challenge(self, text: str) -> str:
        await self._say("334 " + base64.b64encode(text.encode()).decode())
        return base64.b64decode(await self._line()).decode()

    async def _mail(self, command: str) -> None:
        if self.sink.hang_up_at == "MAIL":
            raise Hangup
        if self.taken and self.taken == self.sink.enough_after:
            await self._answer("421")
        elif self.sink.mail:
            await self._say(self.sink.mail)
        elif self.sink.logins and not self.user:
            await self._say("530 5.7.0 authentication required")
        elif self.mail_from is not None:
            await self._say("503 5.5.1 nested MAIL")
        else:
            self.mail_from = command[command.index("<") + 1 : command.rindex(">")]
            await self._say("250 2.1.0 ok")

    async def _rcpt(self, command: str) -> None:
        address = command[command.index("<") + 1 : command.rindex(">")]
        new = address not in self.sink._seen
        self.sink._seen.add(address)
        self.script = address
        if address.startswith("once-"):
            self.script = address.removeprefix("once-") if new else ""
        if self.script.startswith("dropatrcpt-"):
            raise Hangup
        if self.script.startswith("mutercpt-"):
            await asyncio.sleep(3600)
        scripted = _SCRIPTED.match(self.script)
        refuses = {"rcpt": True, "grey": new, "storm": self.sink.storm}
        if scripted and refuses.get(scripted["what"]):
            await self._answer(scripted["code"])
            return
        if self.sink.rcpt:
            await self._say(self.sink.rcpt)
            return
        self.rcpt_to = address
        await self._reach(Moment.RCPT)
        await self._say("250 2.1.5 ok")
        await self._reach(Moment.AGREED)

    async def _data(self, command: str) -> None:
        scripted = _SCRIPTED.match(self.script)
        if self.mail_from is None or not self.rcpt_to:
            await self._say("503 5.5.1 no envelope")
        elif self.script.startswith("dropatdata-"):
            raise Hangup
        elif self.script.startswith("mutedata-"):
            await asyncio.sleep(3600)
        elif scripted and scripted["what"] == "data":
            await self._answer(scripted["code"])
        else:
            await self._say("354 go ahead")
            await self._take(self.mail_from, await self._read_message())

    async def _read_message(self) -> bytes:
        if self.script.startswith("dropbeforedot-"):
            await self.reader.readexactly(100)
            raise Hangup
        lines: list[bytes] = []
        while (line := await self.reader.readuntil(b"\n")) != b".\r\n":
            if not lines:
                await self._reach(Moment.TEXT)
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    async def _take(self, mail_from: str, content: bytes) -> None:
        await self._reach(Moment.DOT)
        await asyncio.sleep(self.sink.delay_s)
        what = self.script.partition("-")[0]
        scripted = _SCRIPTED.match(self.script)
        if scripted and scripted["what"] == "dot":
            await self._answer(scripted["code"])
            self._forget()
            return
        refusal = "554 5.7.1 your mail is not wanted here" if what == "policy" else self.sink.dot
        if refusal:
            await self._say(refusal)
            self._forget()
            return
        if what == "lostafterdot":
            raise Hangup
        self.sink.accept(mail_from, self.rcpt_to, content)
        await self._reach(Moment.TAKEN)
        if what == "dropafterdot":
            raise Hangup
        if what == "slow" and self.sink.slow_until:
            await self.sink.slow_until.wait()
        elif what == "slow":
            await asyncio.sleep(self.sink.slow_s)
        self._forget()
        await self._say("what a fine letter" if what == "garbledafterdot" else "250 2.0.0 accepted")
        await self._reach(Moment.ANSWERED)
        self.taken += 1
        if self.taken == self.sink.close_after:
            raise Hangup

    async def _reach(self, moment: Moment) -> None:
        await self.sink.reach(moment, self.peer)

    async def _answer(self, code: str) -> None:
        """Answer with a scripted code; 421 also closes the connection, as it says."""
        detail = "5.1.1 no such mailbox" if code == "550" else f"{code[0]}.0.0 as scripted"
        await self._say(f"{code}-{detail}", f"{code} {detail}")
        if code == "421":
            raise Hangup

    def _forget(self) -> None:
        self.mail_from, self.rcpt_to = None, ""

    async def _rset(self, command: str) -> None:
        self._forget()
        await self._say("250 2.0.0 ok")

    async def _noop(self, command: str) -> None:
        await self._say("250 2.0.0 ok")

    async def _quit(self, command: str) -> None:
        await self._say("221 2.0.0 bye")
        raise Hangup

"""I/O: one relay's connections, opened by aiosmtplib, with MAIL, RCPT and DATA driven by us.

We drive the three commands ourselves because the one question that matters, "can the relay have taken
this message?", has a different answer at each of them. Before DATA nothing was sent: a refusal is a
reply, a broken connection can be replaced. Until the relay has answered DATA, a broken connection is a refusal as
well: the message has not begun to flow. After that a reply is definite and silence is uncertain.

MAIL and RCPT go out in one write where the relay offers PIPELINING (RFC 2920). DATA stays alone: whoever sends commits
``in_data`` in between, and only for a recipient that was accepted.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiosmtplib
from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPConnectResponseError,
    SMTPException,
    SMTPHeloError,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from newsletter.deliver.oauth import AccessTokens
from newsletter.deliver.outcome import Answer, read_answer
from newsletter.deliver.smtp_wire import MAX_REPLY_CHARS, SmtpChannel, SmtpClient, to_reply
from newsletter.errors import LoginError, MailerError
from newsletter.logs import log
from newsletter.model.mail import Envelope, Silence, SmtpReply
from newsletter.model.servers import RelayConfig, is_loopback
from newsletter.text import clean_line

if TYPE_CHECKING:
    from newsletter.model.readers import EmailAddress

_GOODBYE_S = 2.0  # QUIT is a courtesy; nobody waits long for its answer
_CLOSING = 421  # RFC 5321 section 3.8: the server is about to close this connection
_LOGIN_WANTED = 530  # RFC 4954 section 6
_REFUSALS = (Answer.LATER, Answer.REFUSED)
_UNSAFE = re.compile(r"[\s<>\"\x00-\x1f\x7f]")

_NETWORK_ERRORS = (SMTPException, OSError)


@dataclass(slots=True, eq=False)
class _Connection:
    """A connection, logged in.

    extensions: what the relay offers, in lower case, with its parameters (RFC 5321 section 4.1.1.1).
    tls: its version, empty without. pipelines: MAIL and RCPT go out in one write.
    kept: it has waited between envelopes, so the relay may have closed it meanwhile.
    unfinished: the relay may still hold an envelope, so RSET comes first.
    """

    channel: SmtpChannel
    extensions: Mapping[str, str]
    tls: str
    pipelines: bool
    messages: int = 0
    kept: bool = False
    unfinished: bool = False
    idle_since: float = 0.0


class SmtpMailer:
    """Mailer over SMTP: at most ``relay.connections`` at once, kept open between messages."""

    def __init__(self, relay: RelayConfig) -> None:
        self.connections = relay.connections
        self._relay = relay
        self._tokens = AccessTokens(relay.oauth) if relay.oauth else None
        self._places = asyncio.Semaphore(relay.connections)
        self._idle: list[_Connection] = []
        self._pipelines = True

    async def begin(self, envelope: Envelope) -> SmtpSession | SmtpReply:
        """Open a session for one envelope; the reply where MAIL or RCPT was refused.

        Waits while ``connections`` sessions are open. A connection that the relay has closed while it
        was idle is replaced. A relay that breaks off at RCPT on a new connection gives a 451 of ours:
        it may be this recipient, and others must not wait for that.
        Raises MailerError where the relay cannot be used at all (connection, TLS, login, our sender address).
        """
        await self._places.acquire()
        try:
            session = await self._begin(envelope)
        except BaseException:
            self._places.release()
            raise
        if isinstance(session, SmtpReply):
            self._places.release()
        return session

    async def warm_up(self, mails: int) -> None:
        """Open connections for so many mails, at most as many as there may be, and keep them. The first one decides: a
        login that is refused is not tried by all. What fails is told when a mail meets it."""
        wanted = min(mails, self.connections) - len(self._idle)
        if wanted > 0 and await self._open_idle():
            await asyncio.gather(*(self._open_idle() for _ in range(wanted - 1)))

    async def _open_idle(self) -> bool:
        async with self._places:
            with suppress(MailerError):
                fresh = await self._connect()
                if isinstance(fresh, _Connection):
                    self._keep(fresh)
                    return True
        return False

    async def close(self) -> None:
        """Say goodbye on the kept connections."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(_say_goodbye(connection.channel) for connection in idle))

    async def check(self) -> str:
        """Connect, log in and leave; return one line that says what the relay is like.

        Raises MailerError.
        """
        connection = await self._connect()
        if isinstance(connection, SmtpReply):
            raise MailerError(f"relay {self._relay} is not ready: {connection}; try again later")
        size = connection.extensions.get("size", "")
        facts = [
            f"{self._relay.security} ({connection.tls})" if connection.tls else "no TLS",
            f"logged in as {self._relay.username}" if self._relay.username else "no login",
            f"accepts up to {int(size) / 1e6:,.0f} MB" if size.isdigit() and int(size) else "",
            "PIPELINING" if connection.pipelines else "",
            "SMTPUTF8" if "smtputf8" in connection.extensions else "",
        ]
        await _say_goodbye(connection.channel)
        return f"{self._relay}: " + ", ".join(fact for fact in facts if fact)

    async def _begin(self, envelope: Envelope) -> SmtpSession | SmtpReply:
        kept = await self._take_idle()
        if kept is not None:
            try:
                answer = await self._open(kept, envelope)
            except _NETWORK_ERRORS:
                answer = None  # closed while it was idle: nothing was sent, so a fresh one can take over
            if answer is not None and not _is_closing(answer):
                return answer
        try:
            return await self._begin_fresh(envelope, at_once=self._pipelines)
        except _NETWORK_ERRORS as error:
            raise MailerError(
                f"relay {self._relay} closed the connection at MAIL ({_say(error)}); nothing was sent, try again later"
            ) from error

    async def _begin_fresh(self, envelope: Envelope, *, at_once: bool) -> SmtpSession | SmtpReply:
        """Open a session on a new connection. Where it breaks before any reply, MAIL and RCPT are asked one by one on
        another: a relay may keep its replies until it has dealt with the recipient, and only that tells whose fault it
        is."""
        fresh = await self._connect()
        if isinstance(fresh, SmtpReply):
            return fresh
        fresh.pipelines = fresh.pipelines and at_once
        try:
            return await self._open(fresh, envelope)
        except _NETWORK_ERRORS:
            if not fresh.pipelines:
                raise
        return await self._begin_fresh(envelope, at_once=False)

    async def _take_idle(self) -> _Connection | None:
        """Return a kept connection that still looks alive; one that has carried enough is seen off."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.channel.is_open:
                continue
            idle_s = time.monotonic() - connection.idle_since
            if connection.messages < self._relay.messages_per_connection and idle_s < self._relay.idle_s:
                return connection
            await _say_goodbye(connection.channel)
        return None

    async def _open(self, connection: _Connection, envelope: Envelope) -> SmtpSession | SmtpReply:
        """Send MAIL and RCPT. Any exception leaves the connection dropped."""
        try:
            return await self._send_envelope(connection, envelope)
        except BaseException:
            connection.channel.close()
            raise

    async def _send_envelope(self, connection: _Connection, envelope: Envelope) -> SmtpSession | SmtpReply:
        options, encoding = b"", "ascii"
        if not (envelope.mail_from + envelope.rcpt_to).isascii():
            if "smtputf8" not in connection.extensions:
                self._keep(connection)
                return SmtpReply(553, "5.6.7 the relay does not accept non-ASCII addresses (SMTPUTF8)")
            options, encoding = b" SMTPUTF8", "utf-8"
        commands = [
            *([b"RSET\r\n"] if connection.unfinished else []),
            b"MAIL FROM:" + _mailbox(envelope.mail_from, encoding) + options + b"\r\n",
            b"RCPT TO:" + _mailbox(envelope.rcpt_to, encoding) + b"\r\n",
        ]
        replies = self._ask(connection, commands)
        if connection.unfinished and read_answer(reset := await next(replies)) is not Answer.DONE:
            raise SMTPResponseException(reset.code, reset.text)
        connection.unfinished = True
        reply = await next(replies)
        self._check_sender(reply, envelope)
        if read_answer(reply) is not Answer.DONE:
            if connection.pipelines and not _is_closing(reply):
                with suppress(
                    *_NETWORK_ERRORS
                ):  # RCPT is out already, and its answer is for no other command
                    await next(replies)
            return self._refused(connection, "MAIL", reply)
        try:
            reply = await next(replies)
        except _NETWORK_ERRORS as error:
            if isinstance(error, TimeoutError) and connection.pipelines:
                log.warning(
                    "no answer to RCPT after MAIL; commands go one by one now", relay=str(self._relay)
                )
                self._pipelines = False  # something on the way may lose what it did not wait for
            if connection.kept:
                raise
            connection.channel.close()
            return SmtpReply(451, f"4.4.2 the relay closed the connection at RCPT: {_say(error)}")
        if read_answer(reply) is not Answer.DONE:
            return self._refused(connection, "RCPT", reply)
        return SmtpSession(self, connection)

    def _ask(self, connection: _Connection, commands: Sequence[bytes]) -> Iterator[Awaitable[SmtpReply]]:
        """Yield what the reply to each command will be. All go out at once where that is possible, else each when its
        reply is wanted."""
        for group in [commands] if connection.pipelines else [[command] for command in commands]:
            yield from connection.channel.ask(*group, timeout_s=self._relay.command_timeout_s)

    def _check_sender(self, reply: SmtpReply, envelope: Envelope) -> None:
        """Raise MailerError where MAIL is refused for good: it says nothing about this recipient, and the next one
        would be refused just the same."""
        if reply.code == _LOGIN_WANTED:
            raise MailerError(
                f"relay {self._relay} requires a login ({reply}): set relay.username and password"
            )
        if read_answer(reply) is Answer.REFUSED:
            raise MailerError(
                f"relay {self._relay} refuses the sender {envelope.mail_from} ({reply}): "
                "check newsletter.from and newsletter.bounce_address"
            )

    def _refused(self, connection: _Connection, command: str, reply: SmtpReply) -> SmtpReply:
        """Return the refusal and keep the connection, unless the reply makes no sense or ends it."""
        if read_answer(reply) not in _REFUSALS:
            connection.channel.close()
            return SmtpReply(
                451, f"4.5.0 the relay answered {command} with {reply}, which is not a valid reply"
            )
        self._keep_or_drop(connection, reply)
        return reply

    def _keep_or_drop(self, connection: _Connection, reply: SmtpReply) -> None:
        if _is_closing(reply):
            connection.channel.close()
        else:
            self._keep(connection)

    def _keep(self, connection: _Connection) -> None:
        connection.kept = True
        connection.idle_since = time.monotonic()
        self._idle.append(connection)

    async def _connect(self) -> _Connection | SmtpReply:
        """Return a connection that is open, secured and logged in; the reply if the relay is busy now."""
        if self._tokens is None:
            return await self._open_client("")
        token = await self._tokens.get()
        try:
            return await self._open_client(token)
        except LoginError:
            # It may have been revoked before its time: one that is new decides.
            self._tokens.forget(token)
            return await self._open_client(await self._tokens.get())

    async def _open_client(self, token: str) -> _Connection | SmtpReply:
        relay = self._relay
        client = SmtpClient(
            hostname=relay.host,
            port=relay.port,
            # Asking for the name of this machine can take a resolver seconds; loopback need not know it.
            local_hostname="localhost" if is_loopback(relay.host) else None,
            timeout=relay.command_timeout_s,
            use_tls=relay.security == "tls",
            start_tls=False,  # ours: who refuses EHLO for now is busy, and is not asked for STARTTLS
        )
        try:
            async with asyncio.timeout(relay.connect_timeout_s):
                await client.connect()
                await _greet(client)
                if relay.security == "starttls":
                    await client.starttls()
                    await _greet(client)
                if relay.username:
                    await _log_in(client, relay, token)
                return self._take_over(client)
        except _NETWORK_ERRORS as error:
            _drop(client)
            if isinstance(error, SMTPResponseException) and _means_later(error):
                return _reply(error)
            kind = LoginError if isinstance(error, SMTPAuthenticationError) else MailerError
            raise kind(_explain(relay, error)) from error
        except BaseException:
            _drop(client)
            raise

    def _take_over(self, client: aiosmtplib.SMTP) -> _Connection:
        """Return what aiosmtplib has opened as a connection of ours. Raises SMTPServerDisconnected where it is gone."""
        transport, extensions = client.transport, client.esmtp_extensions
        if not isinstance(transport, asyncio.Transport):
            raise SMTPServerDisconnected("the connection was lost")
        tls = transport.get_extra_info("ssl_object")
        return _Connection(
            SmtpChannel(transport), extensions, tls.version() if tls else "", "pipelining" in extensions
        )


class SmtpSession:
    """A connection on which MAIL and RCPT were accepted, for exactly one message."""

    def __init__(self, mailer: SmtpMailer, connection: _Connection) -> None:
        self._mailer = mailer
        self._connection = connection

    async def data(self, message: bytes) -> SmtpReply | Silence:
        """Send the message and return the relay's answer: a reply code is definite, all else is Silence.

        Never raises for what the network does. A connection whose answer is missing is not used again.
        """
        try:
            answer = await self._send(message)
            self._settle(answer)
        except BaseException:
            self._connection.channel.close()  # cancelled: nobody knows how much the relay has read
            raise
        finally:
            self._mailer._places.release()
        return answer

    async def abandon(self) -> None:
        """Leave without DATA; the next envelope on this connection begins with RSET."""
        self._mailer._keep(self._connection)
        self._mailer._places.release()

    async def _send(self, message: bytes) -> SmtpReply | Silence:
        """Send the message. Only a definite reply is a reply: once DATA has begun, anything else is silence,
        which is uncertain."""
        size = self._connection.extensions.get("size", "")
        if size.isdigit() and 0 < int(size) < len(message):
            return SmtpReply(
                552, f"5.3.4 the relay accepts at most {size} bytes, the message has {len(message)}"
            )
        refused = await self._begin_data()
        if refused is not None:
            return refused
        timeout_s = self._mailer._relay.data_timeout_s
        try:
            answer = self._connection.channel.ask(_as_sent(message), timeout_s=timeout_s)
        except SMTPServerDisconnected as error:
            return _broken_at_data(error)
        try:
            reply = await answer[0]
        except TimeoutError:
            return Silence(f"no answer to the message within {timeout_s:g} s")
        except _NETWORK_ERRORS as error:
            return Silence(f"no answer to the message: {_say(error)}")
        if read_answer(reply) in (Answer.DONE, *_REFUSALS):
            return reply
        return Silence(f"the relay answered {reply}, which does not say whether it accepted the message")

    async def _begin_data(self) -> SmtpReply | None:
        """Send DATA; None where the relay waits for the message now. All else is definite: nothing has flowed yet."""
        timeout_s = self._mailer._relay.data_timeout_s
        channel = self._connection.channel
        try:
            (answer,) = channel.ask(b"DATA\r\n", timeout_s=timeout_s)
            reply = await answer
        except TimeoutError:
            return SmtpReply(451, f"4.4.2 the relay did not answer DATA within {timeout_s:g} s")
        except _NETWORK_ERRORS as error:
            return _broken_at_data(error)
        answered = read_answer(reply)
        if answered is Answer.GO_ON:
            return None
        if answered in _REFUSALS:
            return reply
        channel.close()
        return SmtpReply(451, f"4.5.0 the relay answered DATA with {reply}, which is not a valid reply")

    def _settle(self, answer: SmtpReply | Silence) -> None:
        """Keep the connection for the next message, or drop it."""
        self._connection.messages += 1
        if isinstance(answer, Silence):
            self._connection.channel.close()
            return
        self._connection.unfinished = read_answer(answer) is not Answer.DONE
        self._mailer._keep_or_drop(self._connection, answer)


# --- connections --------------------------------------------------------------------------


async def _greet(client: aiosmtplib.SMTP) -> None:
    """Say EHLO; HELO to a server that does not know it (RFC 5321 section 3.2), which then offers nothing further."""
    try:
        await client.ehlo()
    except SMTPHeloError as error:
        if read_answer(_reply(error)) is not Answer.REFUSED or not client.is_connected:
            raise
        await client.helo()


async def _log_in(client: aiosmtplib.SMTP, relay: RelayConfig, token: str) -> None:
    if token:
        await client.auth_xoauth2(relay.username, token)
        return
    match relay.auth:
        case "auto":
            await client.login(relay.username, relay.password)
        case "plain":
            await client.auth_plain(relay.username, relay.password)
        case "login":
            await client.auth_login(relay.username, relay.password)
        case "cram-md5":
            await client.auth_crammd5(relay.username, relay.password)


def _mailbox(address: EmailAddress, encoding: str) -> bytes:
    """Return an address as it stands in MAIL and RCPT. Raises ValueError where it would say more than an address."""
    if _UNSAFE.search(address):
        raise ValueError(f"{address!r} is not allowed in a command")
    return f"<{address}>".encode(encoding)


def _as_sent(message: bytes) -> bytes:
    """Return a message with CRLF line ends as it follows DATA (RFC 5321 section 4.5.2)."""
    if b"\r\n." in message or message.startswith(
        b"."
    ):  # three bytes are found in a quarter of the time of two
        message = (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:]
    return message + (b".\r\n" if message.endswith(b"\r\n") else b"\r\n.\r\n")


async def _say_goodbye(channel: SmtpChannel) -> None:
    with suppress(*_NETWORK_ERRORS):
        (answer,) = channel.ask(b"QUIT\r\n", timeout_s=_GOODBYE_S)
        await answer
    channel.close()


def _drop(client: aiosmtplib.SMTP) -> None:
    """End a connection at once, without letting what is still unsent flow."""
    if isinstance(client.transport, asyncio.WriteTransport):
        client.transport.abort()
    client.close()


# --- what the relay said ------------------------------------------------------------------


def _reply(error: SMTPResponseException) -> SmtpReply:
    return to_reply(error.code, error.message)


def _broken_at_data(error: Exception) -> SmtpReply:
    return SmtpReply(451, f"4.4.2 the relay closed the connection at DATA, before the message: {_say(error)}")


def _is_closing(answer: object) -> bool:
    return isinstance(answer, SmtpReply) and answer.code == _CLOSING


def _means_later(error: SMTPResponseException) -> bool:
    """Whether a relay that does not let us in is only busy: 421 anywhere, or a greeting with 4yz."""
    greeting = isinstance(error, SMTPConnectResponseError | SMTPHeloError)
    return error.code == _CLOSING or (greeting and 400 <= error.code <= 499)


def _say(error: BaseException) -> str:
    """Return what happened in a few words; some exceptions have none of their own."""
    return clean_line(str(error), MAX_REPLY_CHARS) or type(error).__name__


def _explain(relay: RelayConfig, error: BaseException) -> str:
    """Return what went wrong between connecting and the login, and what to do about it."""
    what, advice = _diagnose(relay, error)
    return f"relay {relay}: {what}; {advice}"


def _diagnose(relay: RelayConfig, error: BaseException) -> tuple[str, str]:
    """Return what is wrong with the relay, and what to do, by the innermost cause that is known."""
    for cause in _causes(error):
        if found := _diagnose_connection(relay, cause):
            return found
    if isinstance(error, SMTPAuthenticationError):
        return (
            f"it refused the login as {relay.username} ({_reply(error)})",
            "allow this account to send by SMTP at its provider, and check relay.username and relay.oauth"
            if relay.oauth
            else "check relay.username and the password",
        )
    if isinstance(error, TimeoutError):
        return (
            f"not ready within {relay.connect_timeout_s:g} s",
            "check relay.host, relay.port and relay.security, and firewalls on the way",
        )
    if isinstance(error, SMTPResponseException):
        return f"it does not let us in ({_reply(error)})", "ask its operator whether this machine may use it"
    if "No suitable authentication" in str(error):
        return (
            "it offers only XOAUTH2 to log in",
            "it accepts access tokens instead of a password: set relay.oauth",
        )
    if "auth" in str(error).casefold():
        return (
            "it does not offer a login here",
            "use its submission port (587 or 465), or remove relay.username",
        )
    if "STARTTLS" in str(error):
        return (
            "it does not offer STARTTLS",
            "nothing was sent unencrypted; use a port that offers it (587), or relay.security 'tls' (465)",
        )
    return f"no connection ({_say(error)})", "check relay.host and relay.port"


def _diagnose_connection(relay: RelayConfig, cause: BaseException) -> tuple[str, str] | None:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not valid for {relay.host} ({cause.verify_message})",
            "use the host name of the certificate, or trust its authority on this machine",
        )
    if isinstance(cause, ssl.SSLError):
        return (
            f"TLS failed ({_say(cause)})",
            "check relay.security: port 465 speaks 'tls', ports 587 and 25 speak 'starttls'",
        )
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused", "check relay.host and relay.port, and that the relay is running"
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and what it was raised from, outermost first."""
    while error is not None:
        yield error
        error = error.__cause__

"""I/O: one relay's connections, with MAIL, RCPT and DATA driven by us over aiosmtplib.

We drive the three commands ourselves because the one question that matters, "can the relay have taken
this message?", has a different answer at each of them. Before DATA nothing was sent: a refusal is a
reply, a broken connection can be replaced. Until the relay has answered DATA, a broken connection is a refusal as
well: the message has not begun to flow. After that a reply is definite and silence is uncertain.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import aiosmtplib
from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPConnectResponseError,
    SMTPException,
    SMTPHeloError,
    SMTPResponseException,
)

from newsletter.deliver.oauth import AccessTokens
from newsletter.deliver.outcome import Answer, read_answer
from newsletter.deliver.smtp_wire import SmtpClient
from newsletter.errors import LoginError, MailerError
from newsletter.model.mail import Envelope, Silence, SmtpReply
from newsletter.model.readers import EmailAddress
from newsletter.model.servers import RelayConfig, is_loopback
from newsletter.text import clean_line

_GOODBYE_S = 2.0  # QUIT is a courtesy; nobody waits long for its answer
_CLOSING = 421  # RFC 5321 section 3.8: the server is about to close this connection
_LOGIN_WANTED = 530  # RFC 4954 section 6
_MAX_REPLY_CHARS = 1_000  # RFC 5321 section 4.5.3.1.5 allows 512 a line
_REFUSALS = (Answer.LATER, Answer.REFUSED)
_UNSAFE = re.compile(r"[\s<>\"\x00-\x1f\x7f]")

_NETWORK_ERRORS = (SMTPException, OSError)


@dataclass(slots=True, eq=False)
class _Connection:
    """A connection, logged in.

    kept: it has waited between envelopes, so the relay may have closed it meanwhile.
    unfinished: the relay may still hold an envelope, so RSET comes first.
    """

    client: aiosmtplib.SMTP
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

    async def close(self) -> None:
        """Say goodbye on the kept connections."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(_quit(connection.client) for connection in idle))

    async def check(self) -> str:
        """Connect, log in and leave; return one line that says what the relay is like.

        Raises MailerError.
        """
        client = await self._connect()
        if isinstance(client, SmtpReply):
            raise MailerError(f"relay {self._relay} is not ready: {client}; try again later")
        tls = client.get_transport_info("ssl_object")
        size = client.esmtp_extensions.get("size", "")
        facts = [
            f"{self._relay.security} ({tls.version()})" if tls else "no TLS",
            f"logged in as {self._relay.username}" if self._relay.username else "no login",
            f"accepts up to {size} bytes" if size.isdigit() and int(size) else "",
            "SMTPUTF8" if client.supports_extension("smtputf8") else "",
        ]
        await _quit(client)
        return f"relay {self._relay}: " + ", ".join(fact for fact in facts if fact)

    async def _begin(self, envelope: Envelope) -> SmtpSession | SmtpReply:
        kept = await self._take_idle()
        if kept is not None:
            try:
                answer = await self._open(kept, envelope)
            except _NETWORK_ERRORS:
                answer = None  # closed while it was idle: nothing was sent, so a fresh one can take over
            if answer is not None and not _is_closing(answer):
                return answer
        client = await self._connect()
        if isinstance(client, SmtpReply):
            return client
        fresh = _Connection(client)
        try:
            return await self._open(fresh, envelope)
        except _NETWORK_ERRORS as error:
            raise MailerError(
                f"relay {self._relay} closed the connection at MAIL ({_say(error)}); nothing was sent, try again later"
            ) from error

    async def _take_idle(self) -> _Connection | None:
        """Return a kept connection that still looks alive; one that has carried enough is seen off."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.client.is_connected:
                continue
            idle_s = time.monotonic() - connection.idle_since
            if connection.messages < self._relay.messages_per_connection and idle_s < self._relay.idle_s:
                return connection
            await _quit(connection.client)
        return None

    async def _open(self, connection: _Connection, envelope: Envelope) -> SmtpSession | SmtpReply:
        """Send MAIL and RCPT. Any exception leaves the connection dropped."""
        try:
            return await self._send_envelope(connection, envelope)
        except BaseException:
            _drop(connection.client)
            raise

    async def _send_envelope(self, connection: _Connection, envelope: Envelope) -> SmtpSession | SmtpReply:
        client = connection.client
        options, encoding = b"", "ascii"
        if not (envelope.mail_from + envelope.rcpt_to).isascii():
            if not client.supports_extension("smtputf8"):
                self._keep(connection)
                return SmtpReply(553, "5.6.7 the relay does not accept non-ASCII addresses (SMTPUTF8)")
            options, encoding = b" SMTPUTF8", "utf-8"
        sender, recipient = _mailbox(envelope.mail_from, encoding), _mailbox(envelope.rcpt_to, encoding)
        timeout_s = self._relay.command_timeout_s
        if connection.unfinished:
            await client.rset()
        connection.unfinished = True
        reply = await _ask(client, b"MAIL FROM:" + sender + options, timeout_s)
        if reply.code == _LOGIN_WANTED:
            raise MailerError(
                f"relay {self._relay} requires a login ({reply}): set relay.username and password"
            )
        if read_answer(reply) is Answer.REFUSED:
            # It says nothing about this recipient: the next one would be refused just the same.
            raise MailerError(
                f"relay {self._relay} refuses the sender {envelope.mail_from} ({reply}): "
                "check newsletter.from and newsletter.bounce_address"
            )
        if read_answer(reply) is not Answer.DONE:
            return self._refused(connection, "MAIL", reply)
        try:
            reply = await _ask(client, b"RCPT TO:" + recipient, timeout_s)
        except _NETWORK_ERRORS as error:
            if connection.kept:
                raise
            _drop(client)
            return SmtpReply(451, f"4.4.2 the relay closed the connection at RCPT: {_say(error)}")
        if read_answer(reply) is not Answer.DONE:
            return self._refused(connection, "RCPT", reply)
        return SmtpSession(self, connection)

    def _refused(self, connection: _Connection, command: str, reply: SmtpReply) -> SmtpReply:
        """Return the refusal and keep the connection, unless the reply makes no sense or ends it."""
        if read_answer(reply) not in _REFUSALS:
            _drop(connection.client)
            return SmtpReply(
                451, f"4.5.0 the relay answered {command} with {reply}, which is not a valid reply"
            )
        self._keep_or_drop(connection, reply)
        return reply

    def _keep_or_drop(self, connection: _Connection, reply: SmtpReply) -> None:
        if _is_closing(reply):
            _drop(connection.client)
        else:
            self._keep(connection)

    def _keep(self, connection: _Connection) -> None:
        connection.kept = True
        connection.idle_since = time.monotonic()
        self._idle.append(connection)

    async def _connect(self) -> aiosmtplib.SMTP | SmtpReply:
        """Return a client that is connected, secured and logged in; the reply if the relay is busy now."""
        if self._tokens is None:
            return await self._open_client("")
        token = await self._tokens.get()
        try:
            return await self._open_client(token)
        except LoginError:
            # It may have been revoked before its time: one that is new decides.
            self._tokens.forget(token)
            return await self._open_client(await self._tokens.get())

    async def _open_client(self, token: str) -> aiosmtplib.SMTP | SmtpReply:
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
        except _NETWORK_ERRORS as error:
            _drop(client)
            if isinstance(error, SMTPResponseException) and _means_later(error):
                return _reply(error)
            kind = LoginError if isinstance(error, SMTPAuthenticationError) else MailerError
            raise kind(_explain(relay, error)) from error
        except BaseException:
            _drop(client)
            raise
        return client


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
            _drop(self._connection.client)  # cancelled: nobody knows how much the relay has read
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
        timeout_s = self._mailer._relay.data_timeout_s
        client = self._connection.client
        size = client.esmtp_extensions.get("size", "")
        if size.isdigit() and 0 < int(size) < len(message):
            return SmtpReply(
                552, f"5.3.4 the relay accepts at most {size} bytes, the message has {len(message)}"
            )
        refused = await self._begin_data(timeout_s)
        if refused is not None:
            return refused
        try:
            reply = await _transmit(client, message, timeout_s)
        except TimeoutError:
            return Silence(f"no answer to the message within {timeout_s:g} s")
        except _NETWORK_ERRORS as error:
            return Silence(f"no answer to the message: {_say(error)}")
        if read_answer(reply) in (Answer.DONE, *_REFUSALS):
            return reply
        return Silence(f"the relay answered {reply}, which does not say whether it accepted the message")

    async def _begin_data(self, timeout_s: float) -> SmtpReply | None:
        """Send DATA; None where the relay waits for the message now. All else is definite: nothing has flowed yet."""
        client = self._connection.client
        try:
            reply = await _ask(client, b"DATA", timeout_s)
        except TimeoutError:
            _drop(client)  # its late answer would be taken for that to the next command
            return SmtpReply(451, f"4.4.2 the relay did not answer DATA within {timeout_s:g} s")
        except _NETWORK_ERRORS as error:
            _drop(client)
            return SmtpReply(
                451, f"4.4.2 the relay closed the connection at DATA, before the message: {_say(error)}"
            )
        answer = read_answer(reply)
        if answer is Answer.GO_ON:
            return None
        if answer in _REFUSALS:
            return reply
        _drop(client)
        return SmtpReply(451, f"4.5.0 the relay answered DATA with {reply}, which is not a valid reply")

    def _settle(self, answer: SmtpReply | Silence) -> None:
        """Keep the connection for the next message, or drop it."""
        self._connection.messages += 1
        if isinstance(answer, Silence):
            _drop(self._connection.client)
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


async def _ask(client: aiosmtplib.SMTP, command: bytes, timeout_s: float) -> SmtpReply:
    """Send a command and return its reply, whatever it says. Raises TimeoutError; the client is of no use after that.

    The wait is ours: that of aiosmtplib makes a task of each reply, and its mail() and rcpt() parse what is parsed.
    """
    async with asyncio.timeout(timeout_s):
        answer = await client.execute_command(command, timeout=None)
    return SmtpReply(answer.code, _one_line(answer.message))


def _mailbox(address: EmailAddress, encoding: str) -> bytes:
    """Return an address as it stands in MAIL and RCPT. Raises ValueError where it would say more than an address."""
    if _UNSAFE.search(address):
        raise ValueError(f"{address!r} is not allowed in a command")
    return f"<{address}>".encode(encoding)


async def _transmit(client: aiosmtplib.SMTP, message: bytes, timeout_s: float) -> SmtpReply:
    """Send the message after DATA, as client.data does. That runs two regular expressions over each message, which
    take as long as all the rest; ours has CRLF line ends already, and dots are quickly looked for."""
    if client.protocol is None:
        raise aiosmtplib.SMTPServerDisconnected("the connection was lost")
    if b"\n." in message or message.startswith(b"."):
        message = (b"\n" + message).replace(b"\n.", b"\n..")[1:]
    client.protocol.write(message + (b".\r\n" if message.endswith(b"\r\n") else b"\r\n.\r\n"))
    async with asyncio.timeout(timeout_s):
        answer = await client.protocol.read_response(timeout=None)
    return SmtpReply(answer.code, _one_line(answer.message))


async def _quit(client: aiosmtplib.SMTP) -> None:
    try:
        await client.quit(timeout=_GOODBYE_S)
    except _NETWORK_ERRORS:
        pass
    finally:
        _drop(client)


def _drop(client: aiosmtplib.SMTP) -> None:
    """End a connection at once, without letting what is still unsent flow."""
    if isinstance(client.transport, asyncio.WriteTransport):
        client.transport.abort()
    client.close()


# --- what the relay said ------------------------------------------------------------------


def _reply(error: SMTPResponseException) -> SmtpReply:
    return SmtpReply(error.code, _one_line(error.message))


@lru_cache(maxsize=256)  # most replies are one of a few
def _one_line(text: str) -> str:
    """Return the lines of a reply as one clean line, short enough for the record."""
    return clean_line(text, _MAX_REPLY_CHARS)


def _is_closing(answer: object) -> bool:
    return isinstance(answer, SmtpReply) and answer.code == _CLOSING


def _means_later(error: SMTPResponseException) -> bool:
    """Whether a relay that does not let us in is only busy: 421 anywhere, or a greeting with 4yz."""
    greeting = isinstance(error, SMTPConnectResponseError | SMTPHeloError)
    return error.code == _CLOSING or (greeting and 400 <= error.code <= 499)


def _say(error: BaseException) -> str:
    """Return what happened in a few words; some exceptions have none of their own."""
    return _one_line(str(error)) or type(error).__name__


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

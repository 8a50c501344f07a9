"""The mailer against a real SMTP server that misbehaves on demand."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from newsletter.deliver.smtp import SmtpMailer, SmtpSession
from newsletter.errors import MailerError
from newsletter.model.mail import Envelope, Silence, SmtpReply
from newsletter.model.readers import EmailAddress
from newsletter.model.servers import Auth, RelayConfig
from tests.support.sink import Sink

MESSAGE = b"From: news@example.org\r\nMessage-ID: <1@example.org>\r\n\r\n" + b"text\r\n" * 100
ACCEPTED = SmtpReply(250, "2.0.0 accepted")


@pytest.fixture(autouse=True, params=[True, False], ids=["pipelining", "one by one"])
def _pipelining(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is said here holds with MAIL and RCPT in one write, and one after the other."""
    monkeypatch.setattr(Sink, "pipelining", request.param)


def relay_of(sink: Sink, **changes: Any) -> RelayConfig:
    return replace(RelayConfig(host="127.0.0.1", port=sink.port, security="none"), **changes)


def envelope_to(local: str) -> Envelope:
    return Envelope(EmailAddress("bounce@example.org"), EmailAddress(f"{local}@example.org"))


async def begin(mailer: SmtpMailer, local: str) -> SmtpSession:
    session = await mailer.begin(envelope_to(local))
    assert isinstance(session, SmtpSession), session
    return session


async def send(mailer: SmtpMailer, local: str = "ada", message: bytes = MESSAGE) -> SmtpReply | Silence:
    session = await mailer.begin(envelope_to(local))
    return session if isinstance(session, SmtpReply) else await session.data(message)


# --- a message goes through ---------------------------------------------------------------


async def test_a_message_arrives_byte_for_byte_with_its_envelope() -> None:
    message = MESSAGE + b".\r\n..\r\n.dot first\r\n" + b"y" * 900 + b"\r\n"
    async with Sink() as sink:
        mailer = SmtpMailer(relay_of(sink))
        assert await send(mailer, message=message) == ACCEPTED
        await mailer.close()

    (received,) = sink.messages
    assert received.content == message
    assert (received.mail_from, received.rcpt_to) == ("bounce@example.org", "ada@example.org")
    assert sink.copies("<1@example.org>") == 1


async def test_one_connection_carries_many_messages_and_says_goodbye() -> None:
    async with Sink() as sink:
        mailer = SmtpMailer(relay_of(sink))
        for _ in range(5):
            assert await send(mailer) == ACCEPTED
        await mailer.close()

    assert sink.connections == 1
    assert sink.commands[-1] == "QUIT"
    assert "RSET" not in sink.commands


async def test_never_more_connections_than_allowed_and_all_of_them_at_work() -> None:
    async with Sink(delay_s=0.02) as sink:
        mailer = SmtpMailer(relay_of(sink, connections=3))
        replies = await asyncio.gather(*(send(mailer, f"reader{n}") for n in range(20)))
        await mailer.close()

    assert replies == [ACCEPTED] * 20
    assert sink.open_at_most == sink.connections == 3


async def test_a_connection_is_replaced_after_its_share_of_messages() -> None:
    async with Sink() as sink:
        mailer = SmtpMailer(relay_of(sink, messages_per_connection=2))
        for _ in range(5):
            assert await send(mailer) == ACCEPTED
        await mailer.close()

    assert sink.connections == 3
    assert sink.commands.count("QUIT") == 3


async def test_the_mailer_can_be_used_again_after_close() -> None:
    async with Sink() as sink:
        mailer = SmtpMailer(relay_of(sink))
        await mailer.close()
        assert await send(mailer) == ACCEPTED
        await mailer.close()
        assert await send(mailer) == ACCEPTED
        await mailer.close()


async def test_an_abandoned_session_sends_nothing_and_leaves_the_connection_usable() -> None:
    async with Sink() as sink:
        mailer = SmtpMailer(relay_of(sink, connections=1))
        await (await begin(mailer, "ada")).abandon()
        assert await send(mailer, "bob") == ACCEPTED
        await mailer.close()

    assert [message.rcpt_to for message in sink.messages] == ["bob@example.org"]
    assert sink.connections == 1
    assert "DATA" not in sink.commands[: sink.commands.index("RSET")]


# --- a definite reply ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("local", "reply"),
    [
        ("rcpt450-a", "450 4.0.0 as scripted 4.0.0 as scripted"),
        ("rcpt550-a", "550 5.1.1 no such mailbox 5.1.1 no such mailbox"),
        ("data451-a", "451 4.0.0 as scripted 4.0.0 as scripted"),
        ("data554-a", "554 5.0.0 as scripted 5.0.0 as scripted"),
        ("dot452-a", "452 4.0.0 as scripted 4.0.0 as scripted"),
        ("dot550-a", "550 5.1.1 no such mailbox 5.1.1 no such mailbox"),
    ],
)
async def test_a_refusal_is_the_reply_and_the_connection_serves_the_next(local: str, reply: str) -> None:
    async with Sink() as sink:
        mailer = SmtpMailer(relay_of(sink, connections=1))
        assert str(await send(mailer, local)) == reply
        assert await send(mailer, "bob") == ACCEPTED
        await mailer.close()

    assert sink.connections == 1
    assert [message.rcpt_to for message in sink.messages] == ["bob@example.org"]


async def test_a_sender_that_is_refused_for_good_stops_the_relay_and_charges_nobody() -> None:
    async with Sink(mail="550 5.7.1 not yours to send from") as sink:
        mailer = SmtpMailer(relay_of(sink))
        with pytest.raises(MailerError, match=r"refuses the sender .*check newsletter\.from"):
            await mailer.begin(envelope_to("ada"))
        await mailer.close()


async def test_a_sender_that_is_refused_for_now_is_the_reply() -> None:
    async with Sink(mail="451 4.3.0 not now") as sink:
        mailer = SmtpMailer(relay_of(sink))
        assert await send(mailer) == SmtpReply(451, "4.3.0 not now")
        await mailer.close()


@pytest.mark.parametrize("local", ["rcpt421-a", "data421-a", "dot421-a"])
async def test_421_is_the_reply_and_ends_the_connection(local: str) -> None:
    async with Sink() as sink:
        mailer = SmtpMailer(relay_of(sink, connections=1))
        reply = await send(mailer, local)
        assert isinstance(reply, SmtpReply)
        assert reply.code == 421
        assert await send(mailer, "bob") == ACCEPTED
        await mailer.close()

    assert sink.connections == 2


@pytest.mark.parametrize("busy", [{"greeting": "421 4.3.2 too busy"}, {"ehlo": "421 4.3.2 too busy"}])
async def test_a_relay_that_is_busy_when_we_connect_gives_a_reply(busy: dict[str, str]) -> None:
    async with Sink(**busy) as sink:  # type: ignore[arg-type]
        mailer = SmtpMailer(relay_of(sink))
        assert await mailer.begin(envelope_to("ada")) == SmtpReply(421, "4.3.2 too busy")
        with pytest.raises(MailerError, match=r"421 4\.3\.2 too busy; try again later"):
            await mailer.check()


async def test_greylisting_is_overcome_by_the_next_attempt() -> None:
    async with Sink() as sink:
        mailer = SmtpMailer(relay_of(sink))
        first = await send(mailer, "grey450-a")
        assert isinstance(first, SmtpReply)
        assert first.code == 450
        assert await send(mailer, "grey450-a") == ACCEPTED
        await mailer.close()

    assert len(sink.messages) == 1


@pytest.mark.parametrize("code", [354, 199])
async def test_a_nonsense_answer_to_rcpt_never_looks_like_an_accepted_message(code: int) -> None:
    async with Sink() as sink:
        mailer = SmtpMailer(relay_of(sink))
        reply = await mailer.begin(envelope_to(f"rcpt{code}-a"))
        assert isinstance(reply, SmtpReply)
        assert reply.code == 451
        assert f"answered RCPT with {code}" in reply.text


# --- silence ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("local", "said"),
    [
        ("dropatdata-ada", "4.4.2 the relay closed the connection at DATA, before the message: "),
        ("mutedata-ada", "4.4.2 the relay did not answer DATA within 0.2 s"),
        ("data250-ada", "4.5.0 the relay answered DATA with 250 2.0.0 as scripted"),
    ],
)
async def test_before_the_message_begins_to_flow_all_is_definite(local: str, said: str) -> None:
    async with Sink() as sink:
        mailer = SmtpMailer(relay_of(sink, connections=1, data_timeout_s=0.2))
        answer = await send(mailer, local)
        assert isinstance(answer, SmtpReply)
        assert answer.code == 451
        assert answer.text.startswith(said)
        assert await send(mailer) == ACCEPTED, "and its connection is not used again"
        await mailer.close()
    assert sink.connections == 2


@pytest.mark.parametrize(
    ("local", "accepted", "why"),
    [
        ("dropbeforedot-a", 0, "no answer to the message: "),
        ("lostafterdot-a", 0, "no answer to the message: "),
        ("dropafterdot-a", 1, "no answer to the message: "),
        ("garbledafterdot-a", 1, "no answer to the message: "),
        ("slow-a", 1, "no answer to the message within 0.2 s"),
        ("dot354-a", 0, "does not say whether it accepted the message"),
    ],
)
async def test_anything_but_a_reply_is_silence_and_ends_the_connection(
    local: str, accepted: int, why: str
) -> None:
    async with Sink() as sink:
        mailer = SmtpMailer(relay_of(sink, connections=1, data_timeout_s=0.2))
        answer = await send(mailer, local)
        assert isinstance(answer, Silence)
        assert why in answer.why
        assert len(sink.messages) == accepted
        assert await send(mailer, "bob") == ACCEPTED
        await mailer.close()

    assert sink.connections == 2


async def test_a_slow_answer_within_the_wait_is_an_answer() -> None:
    async with Sink(slow_s=0.3) as sink:
        mailer = SmtpMailer(relay_of(sink, command_timeout_s=0.1))
        assert await send(mailer, "slow-a") == ACCEPTED
        await mailer.close()


async def test_a_connection_whose_data_was_cancelled_is_never_used_again() -> None:
    arrived = asyncio.Event()
    async with Sink(slow_s=0.3, on_accepted=lambda _: arrived.set()) as sink:
        mailer = SmtpMailer(relay_of(sink, connections=1))
        session = await begin(mailer, "slow-a")
        sending = asyncio.create_task(session.data(MESSAGE))
        await arrived.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert await send(mailer, "bob") == ACCEPTED
        await mailer.close()

    assert sink.connections == 2
    assert len(sink.messages) == 2


async def test_a_begin_cancelled_at_rcpt_gives_its_place_back() -> None:
    async with Sink() as sink:
        mailer = SmtpMailer(relay_of(sink, connections=1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(mailer.begin(envelope_to("mutercpt-a")), 0.1)
        assert await asyncio.wait_for(send(mailer, "bob"), 5) == ACCEPTED
        await mailer.close()


async def test_a_begin_cancelled_while_it_connects_leaves_no_connection() -> None:
    async with Sink(mute=True) as sink:
        mailer = SmtpMailer(relay_of(sink, connections=1))
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(mailer.begin(envelope_to("ada")), 0.1)
        assert sink.connections == 2


# --- connections that die before DATA -----------------------------------------------------


async def test_a_connection_closed_while_idle_is_replaced() -> None:
    async with Sink(close_idle_s=0.05) as sink:
        mailer = SmtpMailer(relay_of(sink))
        assert await send(mailer) == ACCEPTED
        await asyncio.sleep(0.15)
        assert await send(mailer) == ACCEPTED
        await mailer.close()

    assert sink.connections == 2


async def test_a_relay_that_closes_after_each_message_gets_a_connection_for_each() -> None:
    async with Sink(close_after=1) as sink:
        mailer = SmtpMailer(relay_of(sink, connections=1))
        for _ in range(5):
            assert await send(mailer) == ACCEPTED
        await mailer.close()

    assert sink.connections == 5
    assert len(sink.messages) == 5


async def test_a_kept_connection_on_which_the_relay_has_had_enough_is_replaced() -> None:
    async with Sink(enough_after=2) as sink:  # then MAIL is answered with 421
        mailer = SmtpMailer(relay_of(sink, connections=1))
        for _ in range(5):
            assert await send(mailer) == ACCEPTED
        await mailer.close()

    assert sink.connections == 3
    assert len(sink.messages) == 5


async def test_a_kept_connection_that_dies_at_rcpt_is_replaced_once() -> None:
    async with Sink() as sink:
        mailer = SmtpMailer(relay_of(sink, connections=1))
        assert await send(mailer) == ACCEPTED
        reply = await mailer.begin(envelope_to("dropatrcpt-a"))
        assert isinstance(reply, SmtpReply)
        assert str(reply).startswith("451 4.4.2 the relay closed the connection at RCPT")
        assert sink.connections == 2
        assert await send(mailer, "bob") == ACCEPTED
        await mailer.close()


async def test_a_recipient_at_whom_the_relay_falls_silent_is_deferred_and_others_go_on() -> None:
    async with Sink() as sink:
        mailer = SmtpMailer(relay_of(sink, connections=1, command_timeout_s=0.1))
        reply = await mailer.begin(envelope_to("mutercpt-a"))
        assert isinstance(reply, SmtpReply)
        assert reply.code == 451
        assert await send(mailer, "bob") == ACCEPTED
        await mailer.close()


# --- the relay cannot be used -------------------------------------------------------------


async def failure(relay: RelayConfig) -> str:
    """Return what begin raises, which is also what check raises, and says the relay first."""
    messages = []
    for use in (SmtpMailer(relay).check, lambda: SmtpMailer(relay).begin(envelope_to("ada"))):
        action: Callable[[], Awaitable[object]] = use
        with pytest.raises(MailerError) as caught:
            await action()
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert messages[0].startswith(f"relay {relay.host}:{relay.port}: ")
    return messages[0].removeprefix(f"relay {relay.host}:{relay.port}: ")


async def test_a_port_where_nothing_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: nobody else can take the port meanwhile
        relay = RelayConfig("127.0.0.1", taken.getsockname()[1], security="none")
        assert await failure(relay) == (
            "connection refused; check relay.host and relay.port, and that the relay is running"
        )


async def test_a_relay_that_never_greets_costs_the_connect_timeout_only() -> None:
    async with Sink(mute=True) as sink:
        begun = time.monotonic()
        assert (await failure(relay_of(sink, connect_timeout_s=0.2))).startswith(
            "not ready within 0.2 s; check"
        )
        assert time.monotonic() - begun < 2


async def test_a_relay_that_hangs_up_at_once() -> None:
    async with Sink(hang_up_at="connect") as sink:
        said = await failure(relay_of(sink))

    assert said.startswith("no connection (")
    assert said.endswith("; check relay.host and relay.port")


async def test_a_relay_that_breaks_off_before_any_recipient_is_named_charges_nobody() -> None:
    async with Sink(hang_up_at="MAIL") as sink:
        with pytest.raises(
            MailerError, match=r"closed the connection at MAIL .*; nothing was sent, try again later"
        ):
            await SmtpMailer(relay_of(sink)).begin(envelope_to("ada"))


async def test_a_relay_that_does_not_let_us_in() -> None:
    async with Sink(greeting="554 5.7.1 you are blocked") as sink:
        assert "it does not let us in (554 5.7.1 you are blocked); ask its operator" in await failure(
            relay_of(sink)
        )


@pytest.mark.usefixtures("_trusted")
async def test_a_refused_login_names_the_user_and_never_the_password(server_tls: ssl.SSLContext) -> None:
    async with Sink(starttls=server_tls, logins={"ada": "right"}) as sink:
        relay = relay_of(sink, security="starttls", username="ada", password="wr0ng-secret")
        said = await failure(relay)

    assert said == (
        "it refused the login as ada (535 5.7.8 authentication failed); check relay.username and the password"
    )
    assert "wr0ng-secret" not in repr(relay) + str(relay) + said


async def test_a_relay_that_wants_a_login_charges_nobody() -> None:
    async with Sink(logins={"ada": "right"}) as sink:
        with pytest.raises(MailerError, match=r"530 5\.7\.0 .*set relay\.username and password"):
            await SmtpMailer(relay_of(sink)).begin(envelope_to("bob"))


async def test_a_relay_without_logins_is_told_apart() -> None:
    async with Sink() as sink:
        assert "it does not offer a login here" in await failure(relay_of(sink, username="ada", password="x"))


async def test_a_failed_begin_gives_its_place_back() -> None:
    async with Sink(greeting="554 no") as sink:
        mailer = SmtpMailer(relay_of(sink, connections=1))
        for _ in range(3):
            with pytest.raises(MailerError):
                await asyncio.wait_for(mailer.begin(envelope_to("ada")), 5)


# --- TLS ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("_trusted")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_starttls_and_login(server_tls: ssl.SSLContext, host: str) -> None:
    async with Sink(starttls=server_tls, logins={"ada": "pässword"}) as sink:
        mailer = SmtpMailer(
            relay_of(sink, host=host, security="starttls", username="ada", password="pässword")
        )
        assert await send(mailer) == ACCEPTED
        await mailer.close()

    verbs = [command.split(" ")[0] for command in sink.commands]
    assert verbs == ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"]


@pytest.mark.usefixtures("_trusted")
@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("PLAIN", "plain"),
        ("LOGIN", "login"),
        ("CRAM-MD5", "cram-md5"),
        ("PLAIN", "auto"),
        ("LOGIN", "auto"),
        ("CRAM-MD5", "auto"),
    ],
)
async def test_every_usual_way_to_log_in(server_tls: ssl.SSLContext, offered: str, chosen: Auth) -> None:
    async with Sink(starttls=server_tls, logins={"ada": "secret"}, auths=(offered,)) as sink:
        right = relay_of(sink, security="starttls", username="ada", password="secret", auth=chosen)
        mailer = SmtpMailer(right)
        assert await send(mailer) == ACCEPTED
        await mailer.close()

        wrong = replace(right, password="wr0ng")
        assert "it refused the login as ada (535 5.7.8 authentication failed)" in await failure(wrong)
    assert len(sink.messages) == 1


@pytest.mark.usefixtures("_trusted")
async def test_a_relay_that_wants_an_access_token_is_told_apart(server_tls: ssl.SSLContext) -> None:
    async with Sink(starttls=server_tls, logins={"ada": "token"}, auths=("XOAUTH2",)) as sink:
        said = await failure(relay_of(sink, security="starttls", username="ada", password="token"))

    assert said.startswith(
        "it offers only XOAUTH2 to log in; it accepts access tokens instead of a password: set relay.oauth"
    )


@pytest.mark.usefixtures("_trusted")
async def test_implicit_tls(server_tls: ssl.SSLContext) -> None:
    async with Sink(tls=server_tls) as sink:
        mailer = SmtpMailer(relay_of(sink, security="tls"))
        assert await send(mailer) == ACCEPTED
        await mailer.close()


async def test_a_certificate_that_nobody_vouches_for_is_refused(server_tls: ssl.SSLContext) -> None:
    async with Sink(starttls=server_tls) as sink:
        assert "its certificate is not valid for 127.0.0.1 (self-signed certificate)" in await failure(
            relay_of(sink, security="starttls")
        )
    async with Sink(tls=server_tls) as sink:
        assert "its certificate is not valid" in await failure(relay_of(sink, security="tls"))
    assert sink.messages == []


@pytest.mark.usefixtures("_trusted")
async def test_a_certificate_for_another_name_is_refused(server_tls: ssl.SSLContext) -> None:
    async with Sink(host="127.0.0.2", starttls=server_tls) as sink:
        said = await failure(relay_of(sink, host="127.0.0.2", security="starttls"))

    assert said.startswith("its certificate is not valid for 127.0.0.2 (IP address mismatch")


async def test_without_starttls_nothing_is_sent_in_clear() -> None:
    async with Sink(logins={"ada": "right"}) as sink:
        relay = relay_of(sink, security="starttls", username="ada", password="right")
        assert "it does not offer STARTTLS; nothing was sent unencrypted" in await failure(relay)

    assert {command.split(" ")[0] for command in sink.commands} == {"EHLO"}


async def test_implicit_tls_to_a_port_that_speaks_plainly_says_what_to_change() -> None:
    async with Sink() as sink:
        said = await failure(relay_of(sink, security="tls", connect_timeout_s=2))

    assert said.startswith("TLS failed (")
    assert "check relay.security" in said


@pytest.mark.parametrize("host", ["mail.example.org", "192.0.2.1", "localhost.example.org", "::"])
def test_no_tls_is_refused_for_any_other_machine(host: str) -> None:
    with pytest.raises(ValueError, match="on this machine"):
        RelayConfig(host, 25, security="none")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "::1"])
def test_no_tls_is_allowed_for_this_machine(host: str) -> None:
    assert RelayConfig(host, 25, security="none").host == host


# --- addresses outside ASCII --------------------------------------------------------------


async def test_an_address_outside_ascii_goes_out_where_the_relay_takes_it() -> None:
    async with Sink(smtputf8=True) as sink:
        mailer = SmtpMailer(relay_of(sink))
        assert await send(mailer, "zoë") == ACCEPTED
        await mailer.close()

    assert "MAIL FROM:<bounce@example.org> SMTPUTF8" in sink.commands
    assert sink.messages[0].rcpt_to == "zoë@example.org"


async def test_an_address_outside_ascii_is_refused_for_good_where_the_relay_does_not() -> None:
    async with Sink() as sink:
        mailer = SmtpMailer(relay_of(sink, connections=1))
        reply = await mailer.begin(envelope_to("zoë"))
        assert isinstance(reply, SmtpReply)
        assert str(reply).startswith("553 5.6.7 ")
        assert await send(mailer, "bob") == ACCEPTED
        await mailer.close()

    assert sink.connections == 1


# --- check --------------------------------------------------------------------------------


async def test_check_says_in_one_line_what_the_relay_is_like_and_sends_nothing() -> None:
    async with Sink(smtputf8=True) as sink:
        said = await SmtpMailer(relay_of(sink)).check()

    facts = [
        "no TLS",
        "no login",
        "accepts up to 10 MB",
        *["PIPELINING"] * Sink.pipelining,
        "SMTPUTF8",
    ]
    assert said == f"127.0.0.1:{sink.port}: {', '.join(facts)}"
    assert [command.split(" ")[0] for command in sink.commands] == ["EHLO", "QUIT"]


@pytest.mark.usefixtures("_trusted")
async def test_check_logs_in_over_tls(server_tls: ssl.SSLContext) -> None:
    async with Sink(starttls=server_tls, logins={"ada": "right"}) as sink:
        relay = relay_of(sink, security="starttls", username="ada", password="right")
        assert "starttls (TLSv1.3), logged in as ada" in await SmtpMailer(relay).check()


async def test_a_goodbye_that_nobody_answers_is_not_waited_for_long() -> None:
    async with Sink() as sink:
        mailer = SmtpMailer(relay_of(sink))
        assert await send(mailer) == ACCEPTED
    begun = time.monotonic()
    await mailer.close()  # the relay is gone
    assert time.monotonic() - begun < 2.5

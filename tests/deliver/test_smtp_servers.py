"""The mailer against servers that others run: Postfix, and the submission service of Dovecot before it."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from newsletter.deliver.smtp import SmtpMailer, SmtpSession
from newsletter.model.mail import Envelope, SmtpReply
from newsletter.model.readers import EmailAddress
from newsletter.model.servers import RelayConfig
from tests.support import tools

SUBMISSION = Path("/usr/lib/dovecot/submission")
LOGIN: dict[str, Any] = {"username": "ada", "password": "pass"}


@dataclass(frozen=True)
class Servers:
    """The ports of what runs (submission is 0 where there is no Dovecot), and where all mail ends."""

    smtp: int
    smtps: int
    submission: int
    maildir: Path


@pytest.fixture(scope="module")
def servers(certificate: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    if os.getuid() != 0 or shutil.which("postfix", path=tools.ENVIRON["PATH"]) is None:
        pytest.skip("needs Postfix, and root to start one: apt install postfix")
    folder = tmp_path_factory.mktemp("servers")
    for above in [folder, *folder.parents]:  # Postfix and Dovecot work as users of their own
        if above.stat().st_uid == os.getuid() and above != Path("/"):
            above.chmod(above.stat().st_mode | 0o011)
    options = [
        f"smtpd_tls_cert_file = {certificate}",
        f"smtpd_tls_key_file = {certificate}",
        "smtpd_tls_security_level = may",
        "mynetworks =",
        "smtpd_relay_restrictions = reject_unauth_destination",
    ]
    smtps, taken = tools.take_port(), tools.take_port()
    with ExitStack() as stack:
        submission = 0
        if SUBMISSION.exists():
            # Dovecot asks Postfix only when a mail comes, so it may be there first.
            submission, logins = stack.enter_context(
                tools.dovecot_submission(folder / "dovecot", certificate, taken)
            )
            options += [
                "smtpd_sasl_auth_enable = yes",
                "smtpd_sasl_type = dovecot",
                f"smtpd_sasl_path = inet:127.0.0.1:{logins}",
            ]
        inet = "inet n - n - - smtpd -o smtpd_client_connection_count_limit=0"
        smtp, maildir = stack.enter_context(
            tools.postfix(
                folder / "postfix",
                options="\n".join(options),
                more_services=f"127.0.0.1:{taken} {inet}\n"
                f"127.0.0.1:{smtps} {inet} -o smtpd_tls_wrappermode=yes\n",
            )
        )
        yield Servers(smtp, smtps, submission, maildir)


def relay(servers: Servers, name: str) -> RelayConfig:
    """Return the relay of that name; skips where what it needs is not there."""
    if not servers.submission and "login" in name:
        pytest.skip("needs Dovecot: apt install dovecot-submissiond")
    return {
        "postfix": RelayConfig("127.0.0.1", servers.smtp, security="none"),
        "postfix, STARTTLS": RelayConfig("localhost", servers.smtp, security="starttls"),
        "postfix, TLS": RelayConfig("localhost", servers.smtps, security="tls"),
        "postfix, STARTTLS, login": RelayConfig("localhost", servers.smtp, security="starttls", **LOGIN),
        "postfix, TLS, login": RelayConfig("localhost", servers.smtps, security="tls", **LOGIN),
        "dovecot, STARTTLS, login": RelayConfig(
            "localhost", servers.submission, security="starttls", **LOGIN
        ),
    }[name]


@pytest.mark.usefixtures("_trusted")
@pytest.mark.parametrize(
    "name",
    [
        "postfix",
        "postfix, STARTTLS",
        "postfix, TLS",
        "postfix, STARTTLS, login",
        "postfix, TLS, login",
        "dovecot, STARTTLS, login",
    ],
)
async def test_mails_and_refusals_take_turns_on_few_connections(servers: Servers, name: str) -> None:
    mailer = SmtpMailer(relay(servers, name))
    assert "PIPELINING" in await mailer.check()

    async def send(number: int) -> None:
        """Send one mail that is accepted, after one that is refused and one that is given up before DATA."""
        for local, domain in [("bob", "elsewhere.example"), ("ada", "example.org"), ("ada", "example.org")]:
            begun = await mailer.begin(
                Envelope(EmailAddress("bounces@example.org"), EmailAddress(f"{local}@{domain}"))
            )
            if domain == "elsewhere.example":
                assert isinstance(begun, SmtpReply)
                assert begun.code == 554
                assert "Relay access denied" in begun.text
                given_up = False
                continue
            assert isinstance(begun, SmtpSession), begun
            if not given_up:
                await begun.abandon()
                given_up = True
                continue
            body = b".a dot first\r\n" + b"text of a line, and more of it\r\n" * 1_500
            answer = await begun.data(
                b"From: <news@example.org>\r\nX-Number: %s-%d\r\n\r\n" % (name.encode(), number) + body
            )
            assert isinstance(answer, SmtpReply), answer
            assert answer.code == 250

    await asyncio.gather(*(send(number) for number in range(12)))
    await mailer.close()

    def arrived() -> list[bytes]:
        mails = [path.read_bytes() for path in (servers.maildir / "new").glob("*")]
        return [mail for mail in mails if b"X-Number: %s-" % name.encode() in mail]

    await asyncio.to_thread(tools.wait_for, lambda: len(arrived()) >= 12, "the mails")
    mails = arrived()
    numbers = sorted(
        int(mail.split(b"X-Number: ")[1].split(b"\n")[0].strip().rpartition(b"-")[2]) for mail in mails
    )
    assert numbers == list(range(12)), "each once"
    assert all(b"\n.a dot first" in mail and mail.count(b"and more of it") == 1_500 for mail in mails)

"""Access tokens: asked for once, renewed in time, never shown; and the logins that use them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.deliver.inbox import ImapInbox
from newsletter.deliver.oauth import AccessTokens, parse_answer
from newsletter.deliver.smtp import SmtpMailer
from newsletter.errors import LoginError, MailerError
from newsletter.model.servers import ImapConfig, OAuthConfig
from tests.deliver.test_smtp import ACCEPTED, relay_of, send
from tests.support.imap_server import ImapServer
from tests.support.sink import Sink
from tests.support.token_server import TokenServer


def config_of(server: TokenServer, folder: Path, refresh_token: str = "") -> OAuthConfig:
    return OAuthConfig(
        server.url,
        "client-1",
        folder / "oauth-tokens.json",
        client_secret="s3cret",
        refresh_token=refresh_token,
        scope="https://mail.example.org/.default",
    )


async def test_all_connections_share_one_request(tmp_path: Path) -> None:
    async with TokenServer("first") as server:
        tokens = AccessTokens(config_of(server, tmp_path, "first"))
        assert set(await asyncio.gather(*(tokens.get() for _ in range(20)))) == {"access-1"}

    assert server.forms == [
        {
            "grant_type": "refresh_token",
            "refresh_token": "first",
            "client_id": "client-1",
            "client_secret": "s3cret",
            "scope": "https://mail.example.org/.default",
        }
    ]


async def test_without_a_refresh_token_the_program_asks_for_itself(tmp_path: Path) -> None:
    async with TokenServer() as server:
        assert await AccessTokens(config_of(server, tmp_path)).get() == "access-1"
    assert server.forms[0]["grant_type"] == "client_credentials"
    assert not (tmp_path / "oauth-tokens.json").exists()


@pytest.mark.parametrize("life_s", [200, "200", 1])
async def test_a_token_that_ends_soon_is_renewed(
    tmp_path: Path, life_s: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 1000.0
    monkeypatch.setattr("newsletter.deliver.oauth.time.monotonic", lambda: now_s)
    async with TokenServer(life_s=life_s) as server:
        tokens = AccessTokens(config_of(server, tmp_path))
        assert await tokens.get() == "access-1"
        now_s += 2
        assert await tokens.get() == "access-2"


async def test_a_token_that_was_refused_is_not_used_again(tmp_path: Path) -> None:
    async with TokenServer() as server:
        tokens = AccessTokens(config_of(server, tmp_path))
        tokens.forget(await tokens.get())
        assert await tokens.get() == "access-2"


async def test_a_replaced_refresh_token_outlives_the_process(tmp_path: Path) -> None:
    async with TokenServer("first", rotate=True) as server:
        config = config_of(server, tmp_path, "first")
        await AccessTokens(config).get()
        await AccessTokens(config).get()  # another process, later
        assert [form["refresh_token"] for form in server.forms] == ["first", "refresh-1"]

        server.refresh_tokens.add("second")
        await AccessTokens(replace(config, refresh_token="second")).get()
        assert server.forms[-1]["refresh_token"] == "second", "what the operator has set anew comes first"
    assert (tmp_path / "oauth-tokens.json").stat().st_mode & 0o77 == 0


async def test_two_processes_may_renew_at_once(tmp_path: Path) -> None:
    async with TokenServer("first", rotate=True) as server:
        config = config_of(server, tmp_path, "first")
        got = await asyncio.gather(*(AccessTokens(config).get() for _ in range(2)), return_exceptions=True)
        assert any(isinstance(token, str) for token in got)
        assert await AccessTokens(config).get()


async def test_a_file_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    async with TokenServer("first", rotate=True) as server:
        config = replace(config_of(server, tmp_path, "first"), file=tmp_path / "nowhere" / "tokens.json")
        with pytest.raises(MailerError, match=r"cannot store the new refresh token in .*tokens.json"):
            await AccessTokens(config).get()


@pytest.mark.parametrize(
    ("status", "body", "said", "is_passing"),
    [
        (
            400,
            '{"error": "invalid_grant"}',
            "it refused: invalid_grant; the refresh token has expired",
            False,
        ),
        (401, '{"error": "invalid_client", "error_description": "AADSTS7000222"}', "(AADSTS7000222)", False),
        (400, '{"error": "invalid_scope"}', "check scope", False),
        (400, '{"error": "interaction_required"}', "check the settings under oauth", False),
        (404, "<html>not here</html>", "it answers 404 without a token; check oauth.token_url", False),
        (302, "", "it answers 302 without a token", False),
        (200, "{}", "it answers 200 without a token", False),
        (200, '{"access_token": 7}', "it answers 200 without a token", False),
        (200, '{"access_token": "with\\nline"}', "it answers 200 without a token", False),
        (200, "[" * 100_000, "it answers 200 without a token", False),
        (429, '{"error": "slow_down"}', "it answers 429; retried later", True),
        (503, "", "it answers 503; retried later", True),
    ],
)
async def test_what_a_token_server_refuses_is_told_with_advice(
    tmp_path: Path, status: int, body: str, said: str, is_passing: bool
) -> None:
    async with TokenServer() as server:
        server.answers.append((status, body))
        with pytest.raises(MailerError) as caught:
            await AccessTokens(config_of(server, tmp_path)).get()
    assert said in str(caught.value)
    assert str(caught.value).startswith("token server 127.0.0.1:")
    assert caught.value.is_passing is is_passing


async def test_a_token_server_that_is_not_there_is_asked_again(tmp_path: Path) -> None:
    async with TokenServer() as server:
        config = config_of(server, tmp_path)
    with pytest.raises(MailerError, match="no connection") as caught:
        await AccessTokens(config).get()
    assert caught.value.is_passing


@given(st.integers(100, 599), st.binary() | st.text().map(str.encode))
def test_no_answer_breaks_the_reading(status: int, body: bytes) -> None:
    with contextlib.suppress(MailerError):
        parse_answer(status, body)


VALUES = st.none() | st.text() | st.floats() | st.integers() | st.lists(st.text())
FIELDS = st.sampled_from(["access_token", "expires_in", "refresh_token", "error"])


@given(st.dictionaries(FIELDS, VALUES))
def test_no_fields_break_the_reading(fields: dict[str, object]) -> None:
    try:
        answer = parse_answer(200, json.dumps(fields).encode())
    except MailerError:
        return
    assert answer.access_token == fields["access_token"]
    assert answer.life_s > 0


def test_secrets_do_not_show(tmp_path: Path) -> None:
    shown = repr(OAuthConfig("https://t.example.org", "client", tmp_path, "s3cret", "r3fresh"))
    assert "s3cret" not in shown
    assert "r3fresh" not in shown


# --- logins -------------------------------------------------------------------------------


@pytest.mark.usefixtures("_trusted")
async def test_the_relay_takes_the_token(server_tls: ssl.SSLContext, tmp_path: Path) -> None:
    async with (
        TokenServer() as server,
        Sink(starttls=server_tls, logins=server.valid, auths=("XOAUTH2",)) as sink,
    ):
        server.valid["ada"] = ""
        mailer = SmtpMailer(
            relay_of(sink, security="starttls", username="ada", oauth=config_of(server, tmp_path))
        )
        assert await send(mailer) == ACCEPTED
        await mailer.close()


@pytest.mark.usefixtures("_trusted")
async def test_a_revoked_token_is_replaced_at_once(server_tls: ssl.SSLContext, tmp_path: Path) -> None:
    async with (
        TokenServer() as server,
        Sink(starttls=server_tls, logins=server.valid, auths=("XOAUTH2",)) as sink,
    ):
        server.valid["ada"] = ""
        mailer = SmtpMailer(
            relay_of(sink, security="starttls", username="ada", oauth=config_of(server, tmp_path))
        )
        await mailer.check()
        server.valid["ada"] = "another"  # revoked
        assert await mailer.check()
        assert len(server.forms) == 2

        sink.logins = {"ada": "never"}  # the account may not send
        with pytest.raises(LoginError, match=r"check relay\.username and relay\.oauth"):
            await mailer.check()


async def test_the_mailbox_takes_the_token(tmp_path: Path) -> None:
    async with TokenServer() as server, ImapServer([b"Subject: one\r\n\r\n"], logins=server.valid) as imap:
        server.valid["ada"] = ""
        inbox = ImapInbox(
            ImapConfig("127.0.0.1", imap.port, "none", "ada", oauth=config_of(server, tmp_path))
        )
        assert [name async for name, _ in inbox.read()] == ["101"]
        assert "logged in as ada, folder INBOX" in await inbox.check()
        await inbox.close()

        server.valid["ada"] = "another"
        with pytest.raises(LoginError, match=r"check bounces\.imap"):
            await inbox.check()
        assert "logged in as ada" in await inbox.check(), "the next look has another token"
        await inbox.close()

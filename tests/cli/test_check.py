"""``check --relay`` says what is wrong with a login, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.cli.exit_codes import COULD_NOT_RUN, DONE
from newsletter.cli.start import check
from newsletter.settings.config import load_config
from tests.support.imap_server import ImapServer
from tests.support.sink import Sink
from tests.support.token_server import TokenServer

CONFIG = """\
newsletter: {{name: Test, from: digest@example.com}}
sources: [{{kind: feed, location: feed.xml}}]
subscribers: {{path: off}}
relay:
  host: 127.0.0.1
  security: none
  port: {relay}
  username: ada
  oauth: {{token_url: {url}, client_id: client-1, client_secret: '${{CLIENT_SECRET}}'}}
bounces:
  imap:
    host: 127.0.0.1
    security: none
    port: {imap}
    username: ada
    oauth: {{token_url: {url}, client_id: client-1, client_secret: '${{CLIENT_SECRET}}'}}
"""


async def run_check(
    folder: Path, server: TokenServer, sink: Sink, imap: ImapServer, secret: str = "s3cret"
) -> int:
    file = folder / "config.yaml"
    file.write_text(CONFIG.format(relay=sink.port, imap=imap.port, url=server.url), encoding="utf-8")
    config = load_config(file, {"CLIENT_SECRET": secret})
    return await check(config, relay=True, sources=False, dns=False)


async def test_logins_with_access_tokens_are_tried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        TokenServer() as server,
        Sink(logins=server.valid, auths=("XOAUTH2",)) as sink,
        ImapServer([], logins=server.valid) as imap,
    ):
        server.valid["ada"] = ""
        assert await run_check(tmp_path, server, sink, imap) == DONE
        said = " ".join(capsys.readouterr().out.split())
        assert f"relay 127.0.0.1:{sink.port}: no TLS, logged in as ada" in said
        assert f"mailbox 127.0.0.1:{imap.port}: logged in as ada, folder INBOX" in said

        assert await run_check(tmp_path, server, sink, imap, "expired") == COULD_NOT_RUN
        said = " ".join(capsys.readouterr().out.split())
        assert said.count("it refused: invalid_client") == 2
        assert "expired" not in said.replace("may have expired", "")

"""A token server of OAuth 2 on this machine: what Microsoft's and Google's do, as far as RFC 6749 has it."""

from __future__ import annotations

import json
from typing import Any, Self

from aiohttp import web


class TokenServer:
    """``async with TokenServer() as server:`` listens at ``server.url``. Each access token is a new one.

    refresh_tokens are those that it takes; rotate: each is taken once, and its successor is given. secret is that of
    the client. answers are given, in their order, before it does what it should: a status and a body.
    """

    def __init__(
        self, *refresh_tokens: str, rotate: bool = False, secret: str = "s3cret", life_s: object = 3600
    ) -> None:
        self.refresh_tokens = set(refresh_tokens)
        self.valid: dict[str, str] = {}
        """Access tokens that hold, as a server keeps users and their passwords."""
        self.forms: list[dict[str, str]] = []
        self.answers: list[tuple[int, str]] = []
        self._rotate, self._secret, self._life_s = rotate, secret, life_s

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/token", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/token"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append(form)
        if self.answers:
            status, body = self.answers.pop(0)
            return web.Response(status=status, text=body)
        if form.get("client_secret", "") != self._secret:
            return self._refuse("invalid_client", "AADSTS7000215: Invalid client secret provided.", 401)
        token = form.get("refresh_token", "")
        if form["grant_type"] == "refresh_token" and token not in self.refresh_tokens:
            return self._refuse("invalid_grant", "Token has been expired or revoked.")
        given: dict[str, Any] = {"access_token": f"access-{len(self.forms)}", "token_type": "Bearer"}
        given["expires_in"] = self._life_s
        if self._rotate and token:
            self.refresh_tokens.remove(token)
            given["refresh_token"] = f"refresh-{len(self.forms)}"
            self.refresh_tokens.add(given["refresh_token"])
        self.valid["ada"] = given["access_token"]
        return web.json_response(given)

    def _refuse(self, error: str, description: str, status: int = 400) -> web.Response:
        text = json.dumps({"error": error, "error_description": description})
        return web.Response(status=status, text=text, content_type="application/json")

"""I/O: access tokens for logins (OAuth 2), which the program renews with a refresh token or with its own credentials.

Many large providers take no passwords: a login at the relay or the mailbox then needs an access token, which holds for
about an hour. Where the token server answers with another refresh token, the old one may end soon (RFC 6749 section 6),
so the new one is kept in a file; it counts as long as the operator has not set another first one.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from newsletter.errors import MailerError
from newsletter.files import write_private
from newsletter.text import clean_line

if TYPE_CHECKING:
    from newsletter.model.servers import OAuthConfig

MARGIN_S = 300.0
"""A token that ends so soon is not used for another login."""
_TIMEOUT_S = 30.0
_MOST_BYTES = 64 * 1024
_USUAL_LIFE_S = 3600.0
_MOST_SAID_CHARS = 200
_ADVICE: Mapping[str, str] = {  # RFC 6749 section 5.2
    "invalid_grant": "the refresh token has expired or was revoked: sign in again and set the new one",
    "invalid_client": "check client_id and client_secret; the secret may have expired",
    "unauthorized_client": "allow this kind of login for the application where it is registered",
    "unsupported_grant_type": "set refresh_token, or remove it: the server expects the other kind of login",
    "invalid_scope": "check scope",
    "invalid_request": "check token_url, client_id and scope",
}


class TokenAnswer(NamedTuple):
    """What a token server gave: the token, for how many seconds, and the refresh token to use from now on, or ""."""

    access_token: str
    life_s: float
    refresh_token: str


class AccessTokens:
    """The access token of one login. Asked for once for all connections, and again shortly before it ends."""

    def __init__(self, config: OAuthConfig) -> None:
        self._config = config
        self._lock = asyncio.Lock()
        self._token = ""
        self._ends_at_s = 0.0

    async def get(self) -> str:
        """Return a token that holds for some minutes. Raises MailerError, a passing one where asking again may help."""
        async with self._lock:
            if not self._token or time.monotonic() > self._ends_at_s - MARGIN_S:
                answer = await self._renew()
                self._token = answer.access_token
                self._ends_at_s = time.monotonic() + max(answer.life_s, MARGIN_S + 1)
            return self._token

    def forget(self, token: str) -> None:
        """Ask for another one next time: a server did not take this one."""
        if token == self._token:
            self._token = ""

    async def _renew(self) -> TokenAnswer:
        config = self._config
        given = config.refresh_token
        if not given:
            return await self._ask({"grant_type": "client_credentials"})
        kept = _load_kept(config.file, given)
        try:
            answer = await self._ask({"grant_type": "refresh_token", "refresh_token": kept or given})
        except MailerError:
            # Another process may have used it up meanwhile and kept its successor.
            newer = _load_kept(config.file, given)
            if newer == kept:
                raise
            answer = await self._ask({"grant_type": "refresh_token", "refresh_token": newer})
        if answer.refresh_token not in ("", kept or given):
            _keep(config.file, given, answer.refresh_token)
        return answer

    async def _ask(self, grant: Mapping[str, str]) -> TokenAnswer:
        """Send one request (RFC 6749 sections 4.4.2 and 6). Raises MailerError."""
        import aiohttp  # here: it is dear to import, and few logins need it

        config = self._config
        host = urlsplit(config.token_url).netloc
        given = {"client_id": config.client_id, "client_secret": config.client_secret, "scope": config.scope}
        form = {**grant, **{name: value for name, value in given.items() if value}}
        try:
            async with (
                aiohttp.ClientSession(
                    timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S), trust_env=True
                ) as session,
                session.post(
                    config.token_url,
                    data=form,
                    headers={"Accept": "application/json"},
                    allow_redirects=False,  # the secrets are for this address only
                ) as response,
            ):
                body = await response.content.read(_MOST_BYTES)
                while not response.content.at_eof() and len(body) < _MOST_BYTES:
                    body += await response.content.read(_MOST_BYTES - len(body))
        except TimeoutError as error:
            raise MailerError(
                f"token server {host}: no answer within {_TIMEOUT_S:g} s", is_passing=True
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            said = clean_line(str(error), _MOST_SAID_CHARS)
            raise MailerError(
                f"token server {host}: no connection ({said}); check oauth.token_url", is_passing=True
            ) from error
        try:
            return parse_answer(response.status, body)
        except MailerError as error:
            raise MailerError(f"token server {host}: {error}", is_passing=error.is_passing) from error


def parse_answer(status: int, body: bytes) -> TokenAnswer:
    """Return what a token server answered. Source: RFC 6749 sections 5.1 and 5.2.

    Raises MailerError with what is wrong and what to do; a passing one for 429 and 5xx. It never quotes a token.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        answer = {}
    token = answer.get("access_token")
    if 200 <= status <= 299 and isinstance(token, str) and token.isascii() and token.isprintable() and token:
        refresh = answer.get("refresh_token")
        return TokenAnswer(
            token, _read_life(answer.get("expires_in")), refresh if isinstance(refresh, str) else ""
        )
    if status == 429 or status >= 500:
        raise MailerError(f"it answers {status}; retried later", is_passing=True)
    kind, told = _text(answer, "error"), _text(answer, "error_description")
    if not kind:
        raise MailerError(f"it answers {status} without a token; check oauth.token_url")
    what = f"{kind} ({told})" if told else kind
    raise MailerError(f"it refused: {what}; {_ADVICE.get(kind, 'check the settings under oauth')}")


def _read_life(value: object) -> float:
    """Return the seconds that a token holds; some servers write them as a text."""
    try:
        life_s = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return _USUAL_LIFE_S
    return life_s if 0 < life_s < 10**8 else _USUAL_LIFE_S


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    return clean_line(value, _MOST_SAID_CHARS) if isinstance(value, str) else ""


# --- the file of replaced refresh tokens --------------------------------------------------


def _load_kept(file: Path, given: str) -> str:
    """Return the successor of a refresh token, "" where there is none. Raises MailerError."""
    try:
        kept = json.loads(file.read_bytes())
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise MailerError(
            f"cannot read {file} ({clean_line(str(error), _MOST_SAID_CHARS)}); delete it"
        ) from error
    value = kept.get(_name(given)) if isinstance(kept, dict) else None
    return value if isinstance(value, str) else ""


def _keep(file: Path, given: str, successor: str) -> None:
    """Write a successor down, whole or not at all. Raises MailerError."""
    try:
        known = json.loads(file.read_bytes()) if file.exists() else {}
        part = file.with_name(f".{file.name}.part")
        write_private(part, json.dumps({**known, _name(given): successor}).encode())
        part.replace(file)
    except (OSError, ValueError) as error:
        raise MailerError(
            f"cannot store the new refresh token in {file} ({clean_line(str(error), _MOST_SAID_CHARS)});"
            " make it writable, or choose another oauth.file"
        ) from error


def _name(given: str) -> str:
    return hashlib.sha256(given.encode()).hexdigest()

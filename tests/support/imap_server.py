"""A mailbox over IMAP that can be told to misbehave: as much of RFC 3501 as our reading takes."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Literal, Self

Oddity = Literal["nil", "nothing", "other", "bye", "hang"]
"""How a message is answered that cannot be had: its text is NIL, nothing is sent, it has another UID, the connection
ends, or nothing comes."""


class ImapServer:
    """``async with ImapServer(messages) as server:`` listens on 127.0.0.1. UIDs count from 101.

    odd says how some are answered, refused which commands are answered with NO. logins: user to access token, which
    are wanted then (XOAUTH2). flags are those of each UID, copied
    the UIDs that were copied elsewhere.
    """

    def __init__(
        self,
        messages: Sequence[bytes],
        *,
        odd: Mapping[int, Oddity] | None = None,
        refused: Collection[str] = (),
        logins: Mapping[str, str] | None = None,
    ) -> None:
        self.messages = {101 + place: message for place, message in enumerate(messages)}
        self.flags: dict[int, set[str]] = {uid: set() for uid in self.messages}
        self.copied: list[tuple[int, str]] = []
        self._odd = odd or {}
        self._refused = refused
        self._logins = logins
        self._connections: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._connections:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        writer.write(b"* OK ready\r\n")
        with suppress(ConnectionError):
            while line := (await reader.readline()).decode():
                tag, _, rest = line.strip().partition(" ")
                if rest.startswith("AUTHENTICATE XOAUTH2"):
                    writer.write(b"+ \r\n")
                    said = base64.b64decode(await reader.readline()).decode()
                    rest = "NOOP" if said in self._right_logins() else "REFUSED"
                if not await self._answer(tag, rest.removeprefix("UID "), writer):
                    break
                await writer.drain()
        self._connections.discard(writer)
        writer.close()

    def _right_logins(self) -> list[str]:
        return [f"user={user}\1auth=Bearer {token}\1\1" for user, token in (self._logins or {}).items()]

    async def _answer(self, tag: str, command: str, writer: asyncio.StreamWriter) -> bool:
        """Answer one command; False where the connection ends."""
        verb, _, rest = command.partition(" ")
        verb = verb.upper()
        if verb in self._refused or verb == "REFUSED":
            writer.write(f"{tag} NO not here\r\n".encode())
            return True
        if verb == "CAPABILITY":
            writer.write(b"* CAPABILITY IMAP4rev1\r\n")
        elif verb == "SEARCH":
            unseen = " ".join(str(uid) for uid, flags in self.flags.items() if "\\Seen" not in flags)
            writer.write(f"* SEARCH {unseen}\r\n".encode())
        elif verb == "LIST":
            writer.write(b'* LIST (\\Noselect) "/" ""\r\n')
        elif verb == "SELECT":
            writer.write(b"* 1 EXISTS\r\n")
        elif verb == "COPY":
            uid, _, folder = rest.partition(" ")
            self.copied.append((int(uid), folder.strip('"')))
        elif verb == "STORE":
            uid, _, flags = rest.partition(" ")
            self.flags[int(uid)] |= set(re.findall(r"\\\w+", flags))
        elif verb == "FETCH" and not await self._send(tag, int(rest.split()[0]), rest, writer):
            return False
        writer.write(f"{tag} OK done\r\n".encode())
        return verb != "LOGOUT"

    async def _send(self, tag: str, uid: int, items: str, writer: asyncio.StreamWriter) -> bool:
        odd = self._odd.get(uid)
        if odd == "bye":
            writer.write(b"* BYE so long\r\n")
            return False
        if odd == "hang":
            await asyncio.Event().wait()
        if odd == "nil":
            writer.write(f"* 1 FETCH (UID {uid} BODY[]<0> NIL)\r\n".encode())
        elif odd != "nothing":
            part = re.search(r"BODY\.PEEK\[\](?:<0\.(\d+)>)?", items)
            assert part, f"asks for other than the bytes as they arrived: {items}"
            text = self.messages[uid][: int(part[1])] if part[1] else self.messages[uid]
            named = uid + 1000 if odd == "other" else uid
            writer.write(f"* 1 FETCH (UID {named} BODY[]<0> {{{len(text)}}}\r\n".encode() + text + b")\r\n")
        return True

"""I/O: a small SMTP server on this machine that files what it receives into a Maildir.

For the demo and for trying things out: real SMTP, and nothing leaves the machine.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP

from newsletter.deliver.maildir import file_message, make_maildir


class MailboxServer:
    """``async with MailboxServer(folder) as server:`` listens on 127.0.0.1 at ``server.port``."""

    host = "127.0.0.1"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port, chosen by the kernel. Raises RuntimeError before the server has started."""
        if self._server is None:
            raise RuntimeError("the mailbox server is not running")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        """File one message; called by aiosmtpd."""
        try:
            await asyncio.to_thread(file_message, self._folder, envelope.content)
        except OSError as error:
            return f"452 4.3.1 cannot take the message: {error.strerror}"
        return "250 2.0.0 filed"

    async def __aenter__(self) -> Self:
        make_maildir(self._folder)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(self, hostname="localhost", enable_SMTPUTF8=True, loop=loop), self.host, 0
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            # Not wait_closed: from Python 3.12 on it waits for clients that keep their connection open.
            self._server.close()
            self._server = None

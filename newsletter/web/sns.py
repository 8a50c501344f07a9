"""I/O: what Amazon SNS is asked for: the certificate that it signs with, and to confirm a subscription."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from newsletter.deliver.webhooks.ses import SnsMessage, is_of_amazon
from newsletter.errors import FetchError, WebhookError
from newsletter.model.sources import Fetched

if TYPE_CHECKING:
    from newsletter.ports import Fetcher

_MOST_CERTIFICATES = 8


class Sns:
    """Asks SNS, and nobody else: whatever address a message names, it is asked only if it is Amazon's."""

    def __init__(self, open_fetcher: Callable[[], AbstractAsyncContextManager[Fetcher]]) -> None:
        self._open_fetcher = open_fetcher
        self._certificates: dict[str, bytes] = {}

    async def load_certificate(self, message: SnsMessage) -> bytes:
        """Return the certificate that a message names, in PEM. Raises WebhookError."""
        url = message.fields.get("SigningCertURL", "")
        if url not in self._certificates:
            body = await self._ask(url)
            while len(self._certificates) >= _MOST_CERTIFICATES:
                del self._certificates[next(iter(self._certificates))]
            self._certificates[url] = body
        return self._certificates[url]

    async def confirm(self, message: SnsMessage) -> None:
        """Confirm the subscription that a message offers. Raises WebhookError."""
        await self._ask(message.fields.get("SubscribeURL", ""))

    async def _ask(self, url: str) -> bytes:
        if not is_of_amazon(url):
            raise WebhookError("a message of SNS names an address that is not Amazon's")
        try:
            async with self._open_fetcher() as fetcher:
                answer = await fetcher.fetch(url, None)
        except FetchError as error:
            raise WebhookError(f"Amazon SNS cannot be asked: {error}") from error
        if not isinstance(answer, Fetched) or not is_of_amazon(answer.url):
            raise WebhookError("Amazon SNS has sent us elsewhere")
        return answer.body

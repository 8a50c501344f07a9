"""Where the pages of the web UI are: the mails name them, and the web UI serves them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from newsletter.address import address_key
from newsletter.model.readers import NOBODY, EmailAddress, SubscriberId
from newsletter.signing import Purpose, Secret, build_token

if TYPE_CHECKING:
    from newsletter.model.entries import EntryKey


@dataclass(frozen=True, slots=True)
class WebLinks:
    """Absolute addresses below the public one, which has no slash at its end."""

    base: str

    @property
    def prefix(self) -> str:
        """The path that all pages are below, "" or ``/papers``."""
        return urlsplit(self.base).path

    @property
    def host(self) -> str:
        """Host and port as a browser sends them."""
        return urlsplit(self.base).netloc.lower()

    @property
    def is_secure(self) -> bool:
        return self.base.startswith("https://")

    def page(self, path: str = "/", **query: str) -> str:
        """Return the address of a page by its path; empty values of the query are left out."""
        given = {name: value for name, value in query.items() if value}
        return f"{self.base}{path}" + (f"?{urlencode(given)}" if given else "")

    def edition(self, day: date) -> str:
        """Return the archive page of one date."""
        return self.page(f"/{day.isoformat()}")

    def paper(self, key: EntryKey) -> str:
        """Return the page of one paper."""
        return self.page(f"/papers/{quote(key, safe=':/')}")

    def citation(self, key: EntryKey, form: str) -> str:
        """Return one paper as a file for reference managers; form is ``bib`` or ``ris``."""
        return f"{self.paper(key)}.{form}"

    def leave(self, reader: SubscriberId, secret: Secret) -> str:
        """Return where one reader leaves: a page with a button, and the address of the one-click POST (RFC 8058)."""
        return self.page(f"/leave/{build_token(Purpose.LEAVE, reader, secret)}")

    def preferences(self, reader: SubscriberId, address: EmailAddress, secret: Secret) -> str:
        """Return one reader's own page, as long as this is their address. Nobody's page, which test mails lead to, is
        bound to none."""
        bound = address_key(address) if reader != NOBODY else ""
        return self.page(f"/me/{build_token(Purpose.PREFERENCES, reader, secret, bound)}")

    def confirm(self, confirmation: int, secret: Secret) -> str:
        """Return where something that was asked for is confirmed."""
        return self.page(f"/confirm/{build_token(Purpose.CONFIRM, confirmation, secret)}")

    def webhook(self, provider: str, secret: Secret) -> str:
        """Return where a provider tells what became of mails."""
        return self.page(f"/webhooks/{provider}/{build_token(Purpose.WEBHOOK, 0, secret, provider)}")

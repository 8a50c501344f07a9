"""Readers as tests of their pages find them: their links, and what becomes of them."""

from __future__ import annotations

import json
import re

from sqlalchemy import Connection, select

from newsletter.model.ledger import Kind
from newsletter.model.readers import EmailAddress, Subscriber
from newsletter.storage.ledger.view import ledger
from newsletter.storage.tables import consents
from newsletter.web.site import Site
from tests.support.builders import make_subscriber
from tests.support.given import put_readers
from tests.support.website import READER


async def load(site: Site, address: str = READER) -> Subscriber:
    """The reader as the database has them now."""
    reader = await site.newsletter.subscribers.load(EmailAddress(address))
    assert reader is not None
    return reader


async def given_other(site: Site, address: str = "bob@example.org", **facts: object) -> Subscriber:
    """Another reader, whose next digest comes in the morning."""
    reader = make_subscriber(address, file_owned=False, **facts)  # type: ignore[arg-type]
    await put_readers(site.newsletter.database, reader)
    return await load(site, address)


def leave_path(site: Site, reader: Subscriber) -> str:
    return site.links.leave(reader.id, site.secret).removeprefix(site.links.base)


def own_path(site: Site, reader: Subscriber) -> str:
    """The path of the reader's own page."""
    return site.links.preferences(reader.id, reader.address, site.secret).removeprefix(site.links.base)


async def load_consents(site: Site, reader: Subscriber) -> list[tuple[str, str, str]]:
    """The record of consent: what, how, from where."""

    def look(connection: Connection) -> list[tuple[str, str, str]]:
        rows = connection.execute(
            select(consents.c.consent, consents.c.why, consents.c.origin)
            .where(consents.c.subscriber == reader.id)
            .order_by(consents.c.id)
        )
        return [(row.consent, row.why, row.origin) for row in rows]

    return await site.newsletter.database.read(look)


async def load_notices(site: Site, kind: Kind) -> list[tuple[str, str, str]]:
    """The queued notices of a kind: to whom, subject, where its button leads."""

    def look(connection: Connection) -> list[tuple[str, str, str]]:
        rows = connection.execute(
            select(ledger.c.address, ledger.c.content_json).where(ledger.c.kind == kind).order_by(ledger.c.id)
        )
        notices = [(row.address, json.loads(row.content_json)["notice"]) for row in rows]
        return [(address, notice["subject"], notice["url"]) for address, notice in notices]

    return await site.newsletter.database.read(look)


def fields_of(html: str, name: str = "") -> dict[str, str]:
    """The hidden fields of the form that has a button or field of this name."""
    for form in re.findall(r"<form.*?</form>", html, re.DOTALL):
        if f'name="{name}"' in form:
            return dict(re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', form))
    raise AssertionError(f"no form has {name!r}")


def main_of(html: str) -> str:
    """A page without what stands around it on every page."""
    return html.partition("<main")[2].partition("</main>")[0]

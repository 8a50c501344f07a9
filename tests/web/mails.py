"""Every kind of mail that a newsletter sends, sent for real into a maildir, and the links in them."""

from __future__ import annotations

import email
import html
import re
from collections.abc import Iterable
from dataclasses import replace
from email import policy
from email.message import EmailMessage
from pathlib import Path

from sqlalchemy import Connection, select

from newsletter.model.ledger import Kind
from newsletter.model.mail import Fact
from newsletter.model.readers import EmailAddress, Subscriber
from newsletter.model.reports import BounceReport, ReportKind
from newsletter.storage.ledger.view import ledger
from newsletter.web.site import Site
from newsletter.workflows.alerts import Alert, queue_alert
from newsletter.workflows.answer_letters import LetterAnswers
from tests.support.builders import at, make_subscriber
from tests.support.due import send_due
from tests.support.website import NOW, browsing
from tests.web.readers import given_other, leave_path, load, load_notices, own_path

OPERATOR = EmailAddress("operator@example.org")
WITH_OPERATOR = f"  operators: [{OPERATOR}]\n"
"""For ``more`` of `website.opened_site`."""

LEAVING = "leaving@readers.example"
MOVING = "moving@readers.example"
TAKEN = "taken@readers.example"
ASKING = "asking@readers.example"


async def send_every_kind(site: Site) -> list[EmailMessage]:
    """Let readers and the operator cause each kind of mail once at least, and send all of them; return the mails.

    The site is one of `website.opened_site` with WITH_OPERATOR.
    """
    for layout in site.newsletter.templates.bundle.layouts:
        for language in ("en", "ar"):
            await given_due(site, f"{layout}-{language}@readers.example", layout=layout, language=language)
    taken, moving, leaving = [await given_other(site, one) for one in (TAKEN, MOVING, LEAVING)]
    await site.newsletter.ledger.planning.queue_notice(site.subscriptions.write_changed(taken, NOW), NOW)
    desk = site.desk
    for address in (ASKING, TAKEN):  # the second one has it already
        await desk.ask(make_subscriber(address, file_owned=False), "en", "203.0.113.0/24", NOW)
    async with browsing(site) as client:
        await client.post(leave_path(site, leaving), data={"do": "leave"})
        await client.post("/operate", data={"address": OPERATOR})
        for wanted in ("moved@readers.example", TAKEN):
            await client.post(f"{own_path(site, moving)}/address", data={"address": wanted})
        for address, _, url in await load_notices(site, Kind.CONFIRM):
            if address == MOVING:  # agrees at the old end, so the new end is asked
                await client.post(url.removeprefix(site.links.base))
    alert = Alert("late", "Mails are late", (Fact("Waiting", "3"),), "Look at the relay.")
    await queue_alert(
        alert, OPERATOR, site.identity, site.newsletter.subscribers, site.newsletter.ledger.planning, NOW
    )
    await given_letter(site, taken)
    await send_due(site.newsletter)
    folder = site.newsletter.config.maildir
    assert folder is not None
    return read_maildir(folder)


async def given_letter(site: Site, reader: Subscriber) -> None:
    """A reader who asked to leave in words of their own."""
    newsletter = site.newsletter
    answers = LetterAnswers(
        newsletter.subscribers,
        newsletter.ledger.planning,
        newsletter.feedback,
        site.identity,
        site.links,
        site.secret,
    )
    await answers.answer("a" * 64, BounceReport(ReportKind.WISH, sender=reader.address), NOW)


async def given_due(site: Site, address: str, **wanted: str) -> Subscriber:
    """A reader whose digest is due now and covers everything."""
    reader = make_subscriber(
        address,
        topics_json='["RAG","Agents & tools"]',
        everything_else=5,
        next_due_at=at("2026-06-17 07:00"),
        file_owned=False,
    )
    await site.newsletter.subscribers.save([replace(reader, **wanted)], NOW, "added")  # type: ignore[arg-type]
    return await load(site, address)


def read_maildir(folder: Path) -> list[EmailMessage]:
    """Return what was delivered there."""
    found = sorted(file for file in folder.glob("**/new/*") if file.is_file())
    messages = [email.message_from_bytes(file.read_bytes(), policy=policy.default) for file in found]
    return [message for message in messages if isinstance(message, EmailMessage)]


async def load_sent_kinds(site: Site) -> set[Kind]:
    """The kinds of which mails were accepted."""

    def look(connection: Connection) -> set[Kind]:
        kinds = connection.scalars(select(ledger.c.kind).where(ledger.c.state == "accepted").distinct())
        return set(map(Kind, kinds))

    return await site.newsletter.database.read(look)


def find_links(message: EmailMessage, base: str) -> set[str]:
    """The addresses below the newsletter's own in a mail: in its parts, and in its headers."""
    texts = [str(value) for value in message.values()]
    texts += [
        html.unescape(part.get_content()) for part in message.walk() if part.get_content_maintype() == "text"
    ]
    return {link for text in texts for link in re.findall(rf"{re.escape(base)}[^\s<>\"'\])]*", text)}


def list_links(messages: Iterable[EmailMessage], base: str) -> list[str]:
    """The links of all these mails, each once."""
    return sorted({link for message in messages for link in find_links(message, base)})

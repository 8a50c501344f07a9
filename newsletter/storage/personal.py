"""What readers do with what is theirs, in the database: leave, change preferences and address, see all of it.

Each change is one transaction that takes effect only where the reader still is as the page showed them: two pages that
are open at once, or a page and the sender, do not undo each other's work.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select

from newsletter.address import is_same_address
from newsletter.compose.snapshot import parse_shown
from newsletter.compose.subscription import status_of
from newsletter.model.ledger import Kind, SentDigest, State
from newsletter.model.readers import AddressChange, Consent, ConsentMove, EmailAddress, SubscriberId
from newsletter.storage.dialects import in_chunks, key_of
from newsletter.storage.engine import Store, reading, writing
from newsletter.storage.erase import erase_person, give_up_address
from newsletter.storage.ledger.reads import load_absorbed
from newsletter.storage.ledger.view import answers, ledger
from newsletter.storage.subscriptions import check_move, load_ids, lock_readers, log_consents, write_readers
from newsletter.storage.tables import (
    bounces,
    confirmations,
    consents,
    entries,
    sessions,
    strikes,
    suppressions,
)
from newsletter.storage.tables import subscribers as readers


class PersonalStore(Store):
    """The readers of one database, as each of them may see and change themself."""

    @reading
    def load_left_at(self, connection: Connection, reader: SubscriberId) -> datetime | None:
        """Return when a reader who is away left; None for one who has not left."""
        newest = select(func.max(consents.c.at)).where(
            consents.c.subscriber == reader, consents.c.consent == Consent.LEFT
        )
        left = select(readers.c.id).where(readers.c.id == reader, readers.c.consent == Consent.LEFT)
        if connection.scalar(left) is None:
            return None
        at: datetime | None = connection.scalar(newest)
        return at

    @writing
    def change_address(
        self,
        connection: Connection,
        reader: SubscriberId,
        old: EmailAddress,
        new: EmailAddress,
        now: datetime,
        origin: str,
    ) -> AddressChange:
        """Give a reader another address, where it is free and they still have the old one.

        Somebody who entered the new address and never confirmed it holds nothing: what is known of them goes.
        The consent record says that both addresses agreed. A list that still names the old one makes no reader of it.
        """
        mine = lock_readers(connection, [reader]).get(reader)
        if mine is None or not is_same_address(mine.address, old):
            return AddressChange.OVER
        for number in load_ids(connection, [new]).values():
            holder = lock_readers(connection, [number])[number]
            if holder.consent is not Consent.UNCONFIRMED or not erase_person(connection, number):
                return AddressChange.TAKEN
        moved = replace(mine, address=new, file_owned=False, decided_at=now)
        check_move(status_of(mine), ConsentMove.CHANGE, moved)
        write_readers(connection, [moved])
        if not is_same_address(old, new):
            give_up_address(connection, mine)
        log_consents(connection, [moved], now, "address changed, confirmed at both addresses", origin)
        return AddressChange.DONE

    @reading
    def load_sent(
        self, connection: Connection, reader: SubscriberId, limit: int, before: str = ""
    ) -> Sequence[SentDigest]:
        """Return a reader's digests, the newest edition first, at most so many; with ``before`` those of earlier
        editions."""
        column = ledger.c
        wanted = [column.recipient == reader, column.kind == Kind.DIGEST]
        if before:
            wanted.append(column.key < before)
        rows = connection.execute(
            select(column.key, column.state, column.slot_at, column.entries_json)
            .where(*wanted)
            .order_by(column.key.desc())
            .limit(limit)
        )
        return [
            SentDigest(
                row.key,
                State(row.state),
                row.slot_at,
                sum(shown for _, _, shown in parse_shown(row.entries_json)),
            )
            for row in rows
        ]

    @reading
    def load_everything(self, connection: Connection, reader: SubscriberId) -> dict[str, Any]:
        """Return all that is stored about a reader, as values that JSON can hold; empty where there is none.

        One key a table; what others share (papers, templates) is named only. Left out is what proves that somebody
        reads a mailbox, so that this cannot be read instead of it: where the buttons of mails lead, and what was asked
        of an address that is not the reader's (yet).
        """

        def load(query: Select[Any]) -> list[dict[str, Any]]:
            return [_write_row(row) for row in connection.execute(query)]

        person = load(select(readers).where(readers.c.id == reader))
        if not person:
            return {}
        address = person[0]["address"]
        mine = select(ledger.c.id).where(_is_mail_of(reader, address))
        about_me = or_(bounces.c.address == address, bounces.c.delivery.in_(mine))
        return {
            "subscriber": person[0],
            "consents": load(select(consents).where(consents.c.subscriber == reader).order_by(consents.c.id)),
            "confirmations": load(
                select(confirmations)
                .where(confirmations.c.subscriber == reader, key_of(confirmations.c.address) == address)
                .order_by(confirmations.c.id)
            ),
            "mails": _load_mails(connection, reader, address),
            "reports": load(select(bounces).where(about_me).order_by(bounces.c.at, bounces.c.id)),
            "strikes": load(select(strikes).where(strikes.c.address == address).order_by(strikes.c.day)),
            "suppressions": load(
                select(suppressions).where(suppressions.c.address == address).order_by(suppressions.c.id)
            ),
            "sessions": load(
                select(sessions.c.address, sessions.c.expires_at).where(sessions.c.address == address)
            ),
        }


# --- all of it ----------------------------------------------------------------------------

_JSON_COLUMNS = ("days", "topics_json", "wanted_json", "content_json")
_HIDDEN = ("recipient", "subscriber", "delivery", "entries_json")
"""The reader's own number, which each row would repeat; and the row that a list belongs to."""


def _is_mail_of(reader: SubscriberId, address: str) -> ColumnElement[bool]:
    """Return the condition that a mail is a reader's own. What was asked of another address is not."""
    column = ledger.c
    foreign = and_(column.kind == Kind.CONFIRM, key_of(column.address) != address)
    return and_(column.recipient == reader, ~foreign)


def _load_mails(connection: Connection, reader: SubscriberId, address: str) -> list[dict[str, Any]]:
    """Return a reader's mails, each with its attempts and papers, by slot."""
    mails = connection.execute(
        select(ledger).where(_is_mail_of(reader, address)).order_by(ledger.c.slot_at, ledger.c.id)
    ).all()
    tries: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for some in in_chunks([row.id for row in mails]):
        of_attempts = select(answers).where(answers.c.delivery.in_(some)).order_by(answers.c.number)
        for row in connection.execute(of_attempts):
            tries[row.delivery].append(_write_row(row))
    papers = _name_papers(connection, mails)
    return [
        {**_hide_link(_write_row(row)), "attempts": tries[row.id], "papers": papers[row.id]} for row in mails
    ]


def _name_papers(connection: Connection, mails: Sequence[Row[Any]]) -> dict[int, list[dict[str, Any]]]:
    """Return the papers of each digest, in its order."""
    absorbed = load_absorbed(connection)
    shown = {
        row.id: [
            (absorbed.get(entry, entry), topic, shown)
            for entry, topic, shown in parse_shown(row.entries_json)
        ]
        for row in mails
    }
    names: dict[int, Row[Any]] = {}
    for some in in_chunks({entry for found in shown.values() for entry, _, _ in found}):
        rows = connection.execute(
            select(entries.c.id, entries.c.key, entries.c.title).where(entries.c.id.in_(some))
        )
        names |= {row.id: row for row in rows}
    return {
        mail: [
            {"topic": topic, "shown": is_shown, "key": names[entry].key, "title": names[entry].title}
            for entry, topic, is_shown in found
        ]
        for mail, found in shown.items()
    }


def _hide_link(mail: dict[str, Any]) -> dict[str, Any]:
    """Return a mail without where its button leads."""
    content = mail["content_json"]
    if mail["kind"] == Kind.DIGEST or not content:
        return mail
    return {**mail, "content_json": {**content, "notice": {**content["notice"], "url": ""}}}


def _write_row(row: Row[Any]) -> dict[str, Any]:
    """Return a row as JSON can hold it: times in UTC, what is JSON already as what it means."""
    written: dict[str, Any] = {}
    for name, value in row._mapping.items():
        if name in _HIDDEN:
            continue
        if name in _JSON_COLUMNS and value:
            value = json.loads(value)
        written[name] = value.isoformat() if isinstance(value, date) else value
    return written

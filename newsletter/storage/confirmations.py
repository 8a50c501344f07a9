"""What waits for a click in a mail, and who is logged in to the operator's page, in the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from newsletter.address import list_domains, mailbox_key
from newsletter.model.readers import Asked, Confirmation, Consent, EmailAddress, SubscriberId
from newsletter.storage.engine import Store, reading, writing
from newsletter.storage.tables import confirmations, sessions, subscribers


class ConfirmationStore(Store):
    """What was asked for on a page and waits for a click in a mail."""

    @writing
    def ask(
        self,
        connection: Connection,
        asked: Asked,
        subscriber: SubscriberId,
        address: EmailAddress,
        wanted_json: str,
        origin: str,
        now: datetime,
        expires_at: datetime,
    ) -> int:
        """Write down what was asked for; return its number, which is never given again."""
        numbers = connection.scalars(
            insert(confirmations)
            .values(
                asked=asked,
                subscriber=subscriber,
                address=address,
                wanted_json=wanted_json,
                origin=origin,
                asked_at=now,
                expires_at=expires_at,
            )
            .returning(confirmations.c.id)
        )
        return int(numbers.one())

    @reading
    def load(self, connection: Connection, confirmation: int) -> Confirmation | None:
        """Return what was asked for under a number."""
        rows = connection.execute(select(confirmations).where(confirmations.c.id == confirmation))
        row = rows.one_or_none()
        if row is None:
            return None
        return Confirmation(
            id=row.id,
            asked=Asked(row.asked),
            subscriber=SubscriberId(row.subscriber),
            address=EmailAddress(row.address),
            wanted_json=row.wanted_json,
            origin=row.origin,
            asked_at=row.asked_at,
            expires_at=row.expires_at,
            done_at=row.done_at,
        )

    @writing
    def finish(self, connection: Connection, confirmation: int, now: datetime) -> bool:
        """Take a confirmation; True for the first one who asks before it expires, and for nobody else."""
        done = connection.execute(
            update(confirmations)
            .where(
                confirmations.c.id == confirmation,
                confirmations.c.done_at.is_(None),
                confirmations.c.expires_at > now,
            )
            .values(done_at=now)
        )
        return done.rowcount > 0

    @reading
    def count_since(self, connection: Connection, address: EmailAddress, since: datetime) -> int:
        """Return how often something was asked for in the name of a mailbox since then, however its address was
        spelled."""
        mailbox = mailbox_key(address)
        at_its_domains = or_(
            *(
                confirmations.c.address.endswith(f"@{domain}", autoescape=True)
                for domain in list_domains(mailbox)
            )
        )
        asked = select(confirmations.c.address).where(confirmations.c.asked_at >= since, at_its_domains)
        return sum(mailbox_key(other) == mailbox for other in connection.scalars(asked))

    @reading
    def load_lapsed(self, connection: Connection, now: datetime, limit: int) -> Sequence[SubscriberId]:
        """Return people who were asked whether they want the newsletter and did not say so in time, by id."""
        last = func.max(confirmations.c.expires_at)
        lapsed = (
            select(confirmations.c.subscriber)
            .join(subscribers, subscribers.c.id == confirmations.c.subscriber)
            .where(subscribers.c.consent == Consent.UNCONFIRMED)
            .group_by(confirmations.c.subscriber)
            .having(last <= now, func.min(confirmations.c.asked) == Asked.SUBSCRIBE)
            .having(func.max(confirmations.c.asked) == Asked.SUBSCRIBE)
            .order_by(confirmations.c.subscriber)
            .limit(limit)
        )
        return [SubscriberId(number) for number in connection.scalars(lapsed)]

    @writing
    def thin(self, connection: Connection, before: datetime) -> int:
        """Forget what expired before then, but for people who are still to be erased; return how many rows went."""
        waiting = select(subscribers.c.id).where(subscribers.c.consent == Consent.UNCONFIRMED)
        gone = connection.execute(
            delete(confirmations).where(
                confirmations.c.expires_at <= before, confirmations.c.subscriber.not_in(waiting)
            )
        )
        return gone.rowcount


class SessionStore(Store):
    """The operator's sessions. Only hashes of tokens are kept, so that a copy of the database opens nothing."""

    @writing
    def open(
        self,
        connection: Connection,
        address: EmailAddress,
        token_hash: str,
        now: datetime,
        expires_at: datetime,
    ) -> None:
        """Begin a session; those that have expired go."""
        connection.execute(delete(sessions).where(sessions.c.expires_at <= now))
        connection.execute(
            insert(sessions).values(token_hash=token_hash, address=address, expires_at=expires_at)
        )

    @reading
    def load(self, connection: Connection, token_hash: str, now: datetime) -> EmailAddress | None:
        """Return whose session this is; None where there is none, or it has expired."""
        address = connection.scalar(
            select(sessions.c.address).where(sessions.c.token_hash == token_hash, sessions.c.expires_at > now)
        )
        return EmailAddress(address) if address is not None else None

    @writing
    def close(self, connection: Connection, token_hash: str) -> None:
        """End a session."""
        connection.execute(delete(sessions).where(sessions.c.token_hash == token_hash))

"""A year in which much comes back, and who is mailed at its end: reports as mails, one mail a day to each reader."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from newsletter.deliver.return_path import build_return_path
from newsletter.model.ledger import DeliveryId, State
from newsletter.model.mail import Identity
from newsletter.model.readers import EmailAddress, Slot, SubscriberId
from newsletter.model.reports import Unreadable
from newsletter.signing import Secret
from newsletter.storage import Database, FeedbackStore, Ledger, SubscriberStore
from newsletter.storage.tables import subscribers
from newsletter.workflows.answer_letters import LetterAnswers
from newsletter.workflows.handle_bounces import handle_bounces
from tests.support.builders import DAY
from tests.support.deliveries import put_delivery
from tests.support.given import NOW, given_reader, make_snapshot

SECRET = Secret(b"s" * 32)
OURS = EmailAddress("bounces@news.example.net")
OTHERS = [f"r{n}@far{n}.example.org" for n in range(4)]
AT_PROVIDER = [f"p{n}@provider.example.com" for n in range(3)]
FULL, GONE, COMPLAINER = "full@a.example.org", "gone@b.example.org", "cross@c.example.org"
EVERYBODY = [*OTHERS, *AT_PROVIDER, FULL, GONE, COMPLAINER]

BROKEN_DNS = range(40, 47)
FILTER = range(90, 150)
ODD_FILTER = range(200, 214)


class ListInbox:
    """An inbox with these messages, each handed out once."""

    set_aside_place = "nowhere"

    def __init__(self, messages: Mapping[str, bytes]) -> None:
        self._messages = messages

    async def read(self) -> AsyncIterator[tuple[str, bytes | Unreadable]]:
        for name, message in self._messages.items():
            yield name, message

    async def finish(self, name: str) -> None: ...

    async def set_aside(self, name: str) -> None:
        raise AssertionError(name)

    async def check(self) -> str:
        return "fine"

    async def close(self) -> None: ...


class SetClock:
    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


def say_what_comes_back(address: str, day: int) -> str:
    """Return what the report about this day's mail says, "" where none comes."""
    if day in BROKEN_DNS:
        return f"550 5.1.8 <{OURS}>: Sender address rejected: Domain not found"
    if address in AT_PROVIDER and day in FILTER:
        return "550 5.0.0 Mail content denied. See our page on filters"
    if address in AT_PROVIDER and day in ODD_FILTER:
        return "550 5.0.0 E-4711 (x9)"
    if address == FULL:
        return "552 5.2.2 The mailbox is full"
    if address == GONE and day >= 20:
        return f"550 5.1.1 <{GONE}>: Recipient address rejected: User unknown"
    return "complaint" if address == COMPLAINER and day == 60 else ""


def write_report(address: str, said: str, path: str, day: int) -> bytes:
    if said == "complaint":
        kind, part = "feedback-report", f"Feedback-Type: abuse\nOriginal-Mail-From: <{path}>"
    else:
        kind = "delivery-status"
        part = (
            f"Reporting-MTA: dns; mx.example.com\n\nFinal-Recipient: rfc822; {address}\n"
            f"Action: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; {said}"
        )
    return (
        f"From: mailer-daemon@mx.example.com\nTo: {path}\nSubject: Undelivered, day {day}\n"
        f'Content-Type: multipart/report; report-type={kind}; boundary="b"\n'
        f"\n--b\nContent-Type: text/plain\n\nIt failed.\n--b\nContent-Type: message/{kind}\n\n{part}\n--b--\n"
    ).encode()


async def send_day(database: Database, readers: Mapping[str, int], day: int, now: datetime) -> dict[str, int]:
    """Write down that each of these readers got a mail; return the deliveries by address."""

    def work(connection: Connection) -> dict[str, int]:
        found: dict[str, int] = {}
        for address, reader in readers.items():
            snapshot = replace(make_snapshot(), address=EmailAddress(address), message_id=f"{reader}-{day}")
            slot = Slot(DAY + timedelta(days=day), now)
            found[address] = put_delivery(
                *(connection, SubscriberId(reader), slot, State.ACCEPTED), snapshot=snapshot
            )
        return found

    return await database.write(work)


async def test_after_a_year_exactly_the_gone_mailbox_and_the_complainer_are_mailed_no_more(
    database: Database,
) -> None:
    for address in EVERYBODY:
        await given_reader(database, address)
    store, feedback, clock = SubscriberStore(database), FeedbackStore(database), SetClock()
    identity = Identity("Papers", "papers", "Papers", OURS, OURS, OURS)
    answers = LetterAnswers(store, Ledger(database).planning, feedback, identity, None, SECRET)
    numbers = await database.read(
        lambda connection: {
            row.address: row.id for row in connection.execute(select(subscribers.c.address, subscribers.c.id))
        }
    )

    for day in range(365):
        clock.at = NOW + timedelta(days=day)
        mailed = {one for one in EVERYBODY if say_what_comes_back(one, day)}
        mailed -= set(await store.load_suppressed(list(map(EmailAddress, EVERYBODY))))
        sent = await send_day(database, {one: numbers[one] for one in sorted(mailed)}, day, clock.at)
        reports = {}
        for address, row in sent.items():
            path = build_return_path(OURS, DeliveryId(row), SECRET)
            reports[address] = write_report(address, say_what_comes_back(address, day), path, day)
        done = await handle_bounces(ListInbox(reports), feedback, SECRET, answers, clock)
        assert sum(done.done.values()) == len(reports)

    assert set(await store.load_suppressed(list(map(EmailAddress, EVERYBODY)))) == {GONE, COMPLAINER}

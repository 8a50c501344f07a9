from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest
from sqlalchemy import Connection, select

from newsletter.compose.subscription import leave
from newsletter.errors import StoreError
from newsletter.model.ledger import DeliveryFilter
from newsletter.model.mail import Rejected, Weight
from newsletter.model.readers import (
    AddressChange,
    Cadence,
    Consent,
    ConsentMove,
    EmailAddress,
    Subscriber,
    Suppression,
    Unwanted,
)
from newsletter.storage import (
    Database,
    Ledger,
    PersonalStore,
    SettingStore,
    SubscriberStore,
    dialects,
)
from newsletter.storage.suppressions import suppress
from newsletter.storage.tables import consents
from tests.support.builders import make_subscriber
from tests.support.given import (
    DUE,
    NOW,
    claim_one,
    given_instance,
    given_queued,
    given_reader,
    put_readers,
    reload,
    settle,
)


async def load_consent_log(database: Database) -> list[tuple[str, str]]:
    def look(connection: Connection) -> list[tuple[str, str]]:
        rows = connection.execute(select(consents.c.consent, consents.c.why).order_by(consents.c.id))
        return [(consent, why) for consent, why in rows]

    return await database.read(look)


async def test_subscriber_comes_back_as_saved(database: Database) -> None:
    store = SubscriberStore(database)
    saved = Subscriber(
        address=EmailAddress("ada@xn--bcher-kva.example"),
        cadence=Cadence(frozenset({0, 3}), time(7, 30), "Europe/Berlin"),
        topics_json='["RAG"]',
        name="Ada Ünlü",
        language="de",
        pictures=True,
        everything_else=3,
        consent=Consent.UNCONFIRMED,
        counted_run=6,
        next_due_at=DUE,
        file_owned=False,
    )
    await store.save([saved], NOW, "signed up")

    loaded = await store.load(saved.address)

    assert loaded is not None
    assert loaded == replace(saved, id=loaded.id)
    assert await store.load_many([loaded.id]) == {loaded.id: loaded}
    assert await store.load(EmailAddress("nobody@example.org")) is None


async def test_everybody_comes_by_address(database: Database) -> None:
    store = SubscriberStore(database)
    await store.save([make_subscriber(f"{name}@example.org") for name in "cab"], NOW, "added")

    assert [reader.address[0] for reader in await store.load_all()] == ["a", "b", "c"]


async def test_update_moves_the_counted_run_only_forward(database: Database) -> None:
    reader = await given_reader(database, counted_run=6)

    await SubscriberStore(database).save([replace(reader, counted_run=0, name="New")], NOW, "edited")

    assert await reload(database) == replace(reader, name="New")


async def test_consent_log_has_what_is_new_or_changed(database: Database) -> None:
    store = SubscriberStore(database)
    reader = await given_reader(database)
    await store.save([replace(reader, name="New")], NOW, "renamed")
    await store.move(reader.id, ConsentMove.LEAVE, lambda known: leave(known, NOW), NOW, "left by mail")

    assert await load_consent_log(database) == [("confirmed", "added"), ("left", "left by mail")]


async def test_due_are_confirmed_readers_longest_due_first(database: Database) -> None:
    store = SubscriberStore(database)
    hour = timedelta(hours=1)
    await store.save(
        [
            make_subscriber("late@example.org", next_due_at=DUE),
            make_subscriber("later@example.org", next_due_at=DUE - hour),
            make_subscriber("future@example.org", next_due_at=NOW + hour),
            make_subscriber("never@example.org"),
            make_subscriber("now@example.org", next_due_at=NOW),
        ],
        NOW,
        "added",
    )

    await put_readers(database, make_subscriber("left@example.org", next_due_at=DUE, consent=Consent.LEFT))

    due = await store.load_due(NOW, limit=10)

    readers = await store.load_many([one.id for one in due])
    assert [readers[one.id].address for one in due] == [
        "later@example.org",
        "late@example.org",
        "now@example.org",
    ]
    assert [(one.cadence, one.next_due_at) for one in due] == [
        (readers[one.id].cadence, readers[one.id].next_due_at) for one in due
    ]
    assert len(await store.load_due(NOW, limit=2)) == 2


async def test_topics_with_a_key_are_found_once_each(database: Database) -> None:
    store = SubscriberStore(database)
    liking = '[{"like":["2402.17764"],"name":"x"}]'
    await store.save(
        [
            make_subscriber("a@example.org", topics_json=liking),
            make_subscriber("b@example.org", topics_json=liking),
            make_subscriber("c@example.org", topics_json='["like"]'),
        ],
        NOW,
        "added",
    )

    assert await store.load_topics_with("like") == [liking]
    assert await store.load_topics_with("unlike") == []


async def test_suppression_holds_until_it_is_lifted_and_can_come_again(database: Database) -> None:
    subscribers, ledger = SubscriberStore(database), Ledger(database)
    reader = await given_reader(database)
    instance = await given_instance(database)

    async def be_rejected(days: int) -> None:
        await given_queued(database, reader, days)
        delivery = await claim_one(database, instance, NOW + timedelta(days=days))
        rejected = Rejected("550 5.1.1 no such user", Weight.GONE)
        await settle(ledger, delivery, instance, rejected)

    await be_rejected(0)
    addresses = [reader.address, EmailAddress("other@example.org")]
    assert await subscribers.load_suppressed(addresses) == {
        reader.address: Suppression("bounced: 550 5.1.1 no such user")
    }

    assert await subscribers.lift_suppression(reader.address, "asked for it", NOW)
    assert not await subscribers.lift_suppression(reader.address, "asked for it", NOW)
    assert await subscribers.load_suppressed(addresses) == {}

    await be_rejected(1)
    assert reader.address in await subscribers.load_suppressed(addresses)


async def test_more_readers_than_fit_into_one_statement_are_saved(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialects, "_CHUNK", 7)
    store = SubscriberStore(database)
    await store.save([make_subscriber(f"{n:05}@example.org") for n in range(20)], NOW, "imported")
    everybody = await store.load_all()
    paused = [replace(reader, consent=Consent.PAUSED) for reader in everybody]
    await store.save(paused, NOW, "paused", move=ConsentMove.PAUSE)

    assert {reader.consent for reader in await store.load_all()} == {Consent.PAUSED}
    assert len(await load_consent_log(database)) == 40


async def test_a_reader_is_found_however_the_address_is_spelled_and_mailed_as_it_was_typed(
    database: Database,
) -> None:
    store = SubscriberStore(database)
    typed, other = EmailAddress("Ada.Holm@example.org"), EmailAddress("ADA.holm@example.org")
    await store.save([make_subscriber(typed)], NOW, "added")

    found = await store.load(other)

    assert found is not None
    assert found.address == typed
    assert await store.load_known([other, EmailAddress("groß@example.org")]) == {other}
    with pytest.raises(StoreError):
        await store.save([make_subscriber(other)], NOW, "added")


async def test_addresses_that_differ_by_more_than_ascii_case_are_different_readers(
    database: Database,
) -> None:
    store = SubscriberStore(database)
    names = ("groß", "gross", "λόγος", "λόγοσ", "ﬁsh", "fish", "Jörg", "jÖrg")
    await store.save([make_subscriber(f"{name}@example.org") for name in names], NOW, "added")

    assert len(await store.load_all()) == len(names)
    for name in names:
        found = await store.load(EmailAddress(f"{name}@example.org"))
        assert found is not None
        assert found.address == f"{name}@example.org"


async def test_a_suppression_holds_for_every_spelling_of_an_address(database: Database) -> None:
    store, address = SubscriberStore(database), EmailAddress("Ada@example.org")
    other = EmailAddress("ADA@example.org")

    def change(connection: Connection) -> None:
        suppress(connection, address, "bounced", NOW)

    await database.write(change)

    assert await store.load_suppressed([other, address]) == dict.fromkeys(
        [other, address], Suppression("bounced")
    )
    assert await store.lift_suppression(other, "they wrote", NOW)
    assert await store.load_suppressed([address]) == {}


async def test_who_was_erased_is_known_under_every_spelling(database: Database) -> None:
    store = SubscriberStore(database)
    typed, other = EmailAddress("Ada@example.org"), EmailAddress("aDa@example.org")
    await given_reader(database, typed)
    reader = await store.load(typed)
    assert reader is not None
    await SettingStore(database).load_secret()

    assert await store.erase(reader.id)

    assert await store.load_erased([other, EmailAddress("gus@example.org")]) == {other}
    assert await store.load(typed) is None


async def test_deliveries_are_found_however_an_address_is_spelled(database: Database) -> None:
    await given_queued(database, await given_reader(database, "Ada@example.org"))
    wanted = DeliveryFilter(address=EmailAddress("aDA@example.org"))

    assert len(await Ledger(database).reads.find(wanted)) == 1


async def test_no_list_brings_back_an_address_that_was_given_up_for_another(database: Database) -> None:
    store, personal = SubscriberStore(database), PersonalStore(database)
    old, new = EmailAddress("ada@example.org"), EmailAddress("ada@example.net")
    await given_reader(database, old)
    reader = await store.load(old)
    assert reader is not None
    await SettingStore(database).load_secret()

    for one, other in ((old, new), (new, old), (old, new)):
        assert await personal.change_address(reader.id, one, other, NOW, "") is AddressChange.DONE

    assert await store.load_erased([old]) == {old}
    assert await store.load(old) is None
    moved = await store.load(new)
    assert moved is not None
    assert (moved.id, moved.consent) == (reader.id, reader.consent)


async def test_many_addresses_are_suppressed_at_once_and_a_reason_stays(database: Database) -> None:
    store = SubscriberStore(database)
    await store.suppress(EmailAddress("a@example.org"), "bounced", NOW)
    wanted = [Unwanted(EmailAddress(f"{name}@example.org"), "left", name == "c") for name in "abc"]

    for unwanted in ((), wanted):
        await store.suppress_all(unwanted, NOW)

    assert await store.load_suppressed([one.address for one in wanted]) == {
        "a@example.org": Suppression("bounced"),
        "b@example.org": Suppression("left"),
        "c@example.org": Suppression("left", is_complaint=True),
    }

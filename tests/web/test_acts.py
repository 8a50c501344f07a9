"""The operator's buttons: each asks first, does it once confirmed, and leaves a record that says who."""

from __future__ import annotations

import getpass
import re
from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest

from newsletter.model.acts import Act, Wish
from newsletter.model.ledger import DayCount, Delivery, DeliveryFilter, State
from newsletter.model.mail import Outcome, Rejected, Uncertain
from newsletter.model.readers import Consent, EmailAddress
from newsletter.model.sources import FetchRecord, FetchState
from newsletter.web.report import choose_days, fold_looks
from newsletter.workflows.operator_acts import name_command_line
from tests.support.builders import at
from tests.support.given import given_in_data, given_instance, given_reader, make_snapshot, settle
from tests.support.website import NOW, READER
from tests.web.readers import given_other, load, main_of
from tests.web.snapshot import take_snapshot
from tests.web.test_operate import OPERATOR, OperatorDesk, answers_at_once, desk, small_desk

__all__ = ["answers_at_once", "desk", "small_desk"]


def read_fields(html: str) -> dict[str, str]:
    form = html.partition('action="http://127.0.0.1:8080/operate/do"')[2].partition("</form>")[0]
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))


async def act(at_desk: OperatorDesk, name: Act, subject: object = "", why: str = "") -> httpx2.Response:
    """Press a button, and confirm."""
    asked = await at_desk.client.post("/operate/ask", data={"act": name, "subject": str(subject), "why": why})
    assert asked.status_code == 200
    return await at_desk.client.post("/operate/do", data=read_fields(asked.text))


async def test_a_button_asks_first_and_leaves_one_record_that_says_who(desk: OperatorDesk) -> None:
    await desk.log_in()
    newsletter = desk.site.newsletter
    before = await take_snapshot(newsletter.database)

    asked = await desk.client.post("/operate/ask", data={"act": "hold", "why": "a typo"})

    assert "No mail goes out until somebody releases." in asked.text
    assert await take_snapshot(newsletter.database) == before
    done = await desk.client.post("/operate/do", data=read_fields(asked.text))
    assert "On hold: a typo" in done.text
    hold = await newsletter.settings.load_hold()
    assert hold is not None
    assert hold.why == "a typo"
    (record,) = await newsletter.operator_log.load_newest(9)
    assert record == (NOW, OPERATOR, Act.HOLD, "", "On hold: a typo")
    assert "On hold: a typo" in (await desk.client.get("/operate")).text

    assert "Released" in (await act(desk, Act.RELEASE)).text
    assert await newsletter.settings.load_hold() is None


async def test_without_a_session_or_with_a_form_of_something_else_nothing_is_done(
    small_desk: OperatorDesk,
) -> None:
    for path in ("/operate/ask", "/operate/do"):
        assert (await small_desk.client.post(path, data={"act": "hold", "why": "x"})).status_code == 303
    await small_desk.log_in()
    asked = await small_desk.client.post("/operate/ask", data={"act": "hold", "why": "a typo"})
    fields = read_fields(asked.text)
    before = await take_snapshot(small_desk.site.newsletter.database)

    for changed in ({"token": ""}, {"why": "other"}, {"act": "release"}, {"subject": "x"}):
        answer = await small_desk.client.post("/operate/do", data={**fields, **changed})
        assert answer.status_code == 403
    for unknown in ("", "nosuch", "<b>"):
        for path in ("/operate/ask", "/operate/do"):
            assert (await small_desk.client.post(path, data={"act": unknown})).status_code == 404

    assert await take_snapshot(small_desk.site.newsletter.database) == before


async def test_a_reader_is_paused_mailed_again_removed_suppressed_lifted_and_added(
    desk: OperatorDesk,
) -> None:
    await desk.log_in()
    site = desk.site
    reader = await load(site)

    assert "is paused" in (await act(desk, Act.PAUSE, READER)).text
    assert (await load(site)).consent is Consent.PAUSED
    assert "is mailed again" in (await act(desk, Act.RESTORE, READER, "asked by phone")).text
    assert (await load(site)).consent is Consent.CONFIRMED
    assert "is mailed no more" in (await act(desk, Act.SUPPRESS, READER, "a lawyer")).text
    assert list(await site.newsletter.subscribers.load_suppressed([EmailAddress(READER)])) == [READER]
    assert "may be mailed again" in (await act(desk, Act.LIFT, READER, "settled")).text
    assert not await site.newsletter.subscribers.load_suppressed([EmailAddress(READER)])
    assert "has left" in (await act(desk, Act.REMOVE, READER)).text
    assert (await load(site)).consent is Consent.LEFT
    added = await act(desk, Act.ADD, "new@readers.example.org", "RAG\nrobotics: robot*")
    assert "is added" in added.text
    assert (await load(site, "new@readers.example.org")).consent is Consent.CONFIRMED

    records = await site.newsletter.operator_log.load_newest(9)
    assert [record.act for record in records] == [
        Act.ADD, Act.REMOVE, Act.LIFT, Act.SUPPRESS, Act.RESTORE, Act.PAUSE,
    ]  # fmt: skip
    assert {record.subject for record in records[1:]} == {f"reader {reader.id}"}


@pytest.mark.parametrize(
    ("name", "subject", "why", "says"),
    [
        (Act.HOLD, "", "", "Say why"),
        (Act.PAUSE, "nobody@example.org", "", "is no reader"),
        (Act.PAUSE, "no address", "", "This is not an e-mail address"),
        (Act.SUPPRESS, READER, "", "Say why"),
        (Act.LIFT, READER, "because", "is not suppressed"),
        (Act.ADD, READER, "RAG", READER),
        (Act.ADD, "other@example.org", "RAG AND (", "topics"),
        (Act.ACCEPTED, "7", "in the log", "not uncertain any more"),
        (Act.ACCEPTED, "x", "in the log", "not uncertain any more"),
        (Act.NOT_SENT, "7", "", "Say how you know"),
        (Act.POLL, "no such source", "", "There is no source of this name"),
        (Act.TEST, "", "", "is not subscribed"),
    ],
)
async def test_what_cannot_be_done_is_told_and_not_recorded(
    small_desk: OperatorDesk, name: Act, subject: str, why: str, says: str
) -> None:
    await small_desk.log_in()

    answer = await act(small_desk, name, subject, why)

    assert answer.status_code == 422
    assert says in answer.text, main_of(answer.text)
    assert await small_desk.site.newsletter.operator_log.load_newest(9) == []


@pytest.mark.parametrize("reads", [True, False])
async def test_a_test_is_offered_to_an_operator_who_reads_and_others_see_why_not(
    small_desk: OperatorDesk, reads: bool
) -> None:
    if reads:
        await given_other(small_desk.site, OPERATOR)
    await small_desk.log_in()

    page = (await small_desk.client.get("/operate")).text

    assert ('name="act" value="test"' in page) is reads
    assert (f"{OPERATOR} is not subscribed. Subscribe it" in page) is not reads


async def test_an_operator_who_reads_gets_a_test_and_the_ledger_knows_nothing_of_it(
    small_desk: OperatorDesk,
) -> None:
    await given_other(small_desk.site, OPERATOR)
    await small_desk.log_in()
    before = await small_desk.site.newsletter.ledger.reads.count_pending()
    sent = len(small_desk.sink.messages)

    answer = await act(small_desk, Act.TEST)

    assert "A test is on its way" in answer.text
    assert [one.rcpt_to for one in small_desk.sink.messages[sent:]] == [OPERATOR]
    assert await small_desk.site.newsletter.ledger.reads.count_pending() == before


@pytest.mark.parametrize(
    ("name", "says", "states"),
    [
        (Act.ACCEPTED, "it arrived", {State.ACCEPTED}),
        (Act.NOT_SENT, "goes out again", {State.QUEUED, State.DEFERRED}),
    ],
)
async def test_uncertain_mails_are_settled_and_rejected_ones_go_out_again(
    desk: OperatorDesk, name: Act, says: str, states: set[State]
) -> None:
    desk.clock.at = at("2026-06-16 12:00")
    await desk.log_in()
    newsletter = desk.site.newsletter
    rejected = await _given(desk, "c@mail.example", Rejected("550 no"))
    uncertain = await _given(desk, "a@mail.example", Uncertain("broke"))
    page = (await desk.client.get("/operate")).text
    assert f'name="subject" value="{uncertain.id}"' in page
    assert "Send the rejected mails again" in page

    assert says in (await act(desk, name, uncertain.id, "relay log")).text
    assert "Queued again: 1" in (await act(desk, Act.RETRY, rejected.key)).text

    found = await newsletter.ledger.reads.find(DeliveryFilter(rejected.key))
    by_id = {delivery.id: delivery.state for delivery, _ in found}
    assert by_id[uncertain.id] in states
    assert by_id[rejected.id] in {State.QUEUED, State.DEFERRED}


async def _given(desk: OperatorDesk, address: str, outcome: Outcome) -> Delivery:
    newsletter = desk.site.newsletter
    instance = await given_instance(newsletter.database)
    reader = await given_reader(newsletter.database, address)
    snapshot = replace(make_snapshot(), address=EmailAddress(address))
    delivery = await given_in_data(newsletter.database, reader, instance, snapshot=snapshot)
    await settle(newsletter.ledger, delivery, instance, outcome)
    return delivery


async def test_commands_leave_the_same_record(small_desk: OperatorDesk) -> None:
    newsletter = small_desk.site.newsletter
    desk = await newsletter.operator_desk()

    await desk.act_on(Wish(Act.HOLD, name_command_line(), why="a typo"))

    (record,) = await newsletter.operator_log.load_newest(1)
    assert record.who == f"command line ({getpass.getuser()})"


async def test_of_an_operator_who_is_erased_the_record_keeps_no_address(small_desk: OperatorDesk) -> None:
    await small_desk.log_in()
    await act(small_desk, Act.HOLD, why="a typo")

    await small_desk.site.newsletter.subscribers.erase((await load(small_desk.site, OPERATOR)).id)

    assert {record.who for record in await small_desk.site.newsletter.operator_log.load_newest(9)} == {""}


def test_looks_that_found_nothing_are_told_together() -> None:
    def look(
        hour: int, state: FetchState = FetchState.UNCHANGED, new: int = 0, says: str = ""
    ) -> FetchRecord:
        moment = at("2026-06-16 00:00") + timedelta(hours=hour)
        return FetchRecord("HF", state, moment, moment, listed=new, new=new, message=says)

    looks = [look(0, FetchState.OK, 3), *map(look, (1, 2, 3)), look(4, says="slow"), look(5), look(6)]

    assert [(one.newest.finished_at.hour, one.times) for one in fold_looks(looks)] == [
        (6, 2), (4, 1), (3, 3), (0, 1),
    ]  # fmt: skip
    assert fold_looks([]) == ()


def test_charts_of_a_first_day_show_a_week_and_of_a_long_time_a_month() -> None:
    today = NOW.date()
    assert len(choose_days(today, [])) == 7
    assert (
        len(choose_days(today, [DayCount(today, "x", 3), DayCount(today - timedelta(days=90), "x", 0)])) == 7
    )
    assert len(choose_days(today, [DayCount(today - timedelta(days=11), "x", 1)])) == 12
    assert len(choose_days(today, [DayCount(today - timedelta(days=90), "x", 1)])) == 30
    assert choose_days(today, [])[-1] == today

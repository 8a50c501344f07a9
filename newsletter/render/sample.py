"""Small digests against which templates are tried when they are loaded: everything, the least, nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from newsletter.model.digest import Card, Digest, Item, Reason, Section, Window
from newsletter.model.entries import EntryId, EntryKey
from newsletter.model.mail import Fact, Links, Notice
from newsletter.model.pictures import PictureFile
from newsletter.model.readers import Cadence, EmailAddress, Slot, Subscriber
from newsletter.model.topics import Scope

_DAY = date(2026, 6, 18)
_SLOT = Slot(_DAY, datetime(2026, 6, 18, 5, 30, tzinfo=UTC))
_WINDOW = Window(after_run=1, upto_run=2)

READER = Subscriber(
    address=EmailAddress("reader@example.org"),
    cadence=Cadence(days=frozenset(range(5)), at=time(7, 30), zone="Europe/Berlin"),
    topics_json="[]",
)

_FULL_CARD = Card(
    key=EntryKey("arxiv:2606.01234"),
    title="A title",
    summary="A summary. It has two sentences.",
    authors=("A. One", "B. Two", "C. Three", "D. Four", "E. Five"),
    author_count=7,
    organization="An organisation",
    published_on=_DAY,
    listed_on=_DAY,
    upvotes=47,
    comments=3,
    code_stars=1204,
    url="https://example.org/abs",
    pdf_url="https://example.org/pdf",
    discussion_url="https://example.org/discussion",
    code_url="https://example.org/code",
    project_url="https://example.org/project",
    picture=PictureFile(f"{'0' * 64}.jpg", 400, 225, 12_000),
)
_BARE_CARD = Card(key=EntryKey("url:https://example.org/post"), title="A title")
_REASON = Reason(
    rule="RAG",
    scope=Scope.TITLE,
    upvotes=47,
    age_hours=9,
    projected=110,
    place=2,
    of=31,
    late=True,
    reached=5,
)

FULL = Digest(
    slot=_SLOT,
    window=_WINDOW,
    sections=(
        Section(
            topic="A topic",
            items=(
                Item(EntryId(1), _FULL_CARD, _REASON),
                Item(EntryId(2), _BARE_CARD, Reason()),
            ),
            overflow=(EntryId(3),),
            overflow_url="https://example.org/more",
        ),
        Section(topic="", items=(Item(EntryId(4), _FULL_CARD, Reason()),), overflow=(EntryId(5),)),
    ),
    quiet_topics=("A quiet topic",),
    pictures=True,
)
BARE = Digest(
    slot=_SLOT,
    window=_WINDOW,
    sections=(Section(topic="A topic", items=(Item(EntryId(1), _BARE_CARD, Reason()),)),),
)
EMPTY = Digest(slot=_SLOT, window=_WINDOW, sections=())
EMPTY_WITH_QUIET_TOPIC = Digest(slot=_SLOT, window=_WINDOW, sections=(), quiet_topics=("A quiet topic",))

WEEKLY = Digest(
    slot=_SLOT,
    window=_WINDOW,
    sections=(
        Section(
            topic="A topic",
            items=tuple(Item(EntryId(number), _FULL_CARD, _REASON) for number in range(9)),
        ),
        FULL.sections[1],
    ),
    since_on=date(2026, 6, 12),
    is_first=True,
)

ALL = (FULL, BARE, EMPTY, EMPTY_WITH_QUIET_TOPIC, WEEKLY)

ITEMS = (*FULL.sections[0].items, *BARE.sections[0].items)

_MAILTO = "mailto:leave@example.org"
LINKS = (
    Links(leave=_MAILTO, change="mailto:change@example.org", leave_mailto=_MAILTO),
    Links(
        leave="https://example.org/leave",
        change="https://example.org/me",
        leave_mailto=_MAILTO,
        web="https://example.org/today",
        pictures="https://example.org/pictures/",
    ),
)

NOTICES = (
    Notice(
        subject="A subject",
        preheader="A line that says something else",
        paragraphs=("A paragraph.", "Another one."),
        facts=(Fact("A fact", "its value"),),
        button="Press here",
        url="https://example.org/press",
        why="You get this mail because you pressed.",
    ),
    Notice(subject="A subject", preheader="", paragraphs=()),
)

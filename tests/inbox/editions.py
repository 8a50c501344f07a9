"""Golden editions: the mails that a digest must survive being, in every layout, and the mails that are no digests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache

from newsletter.collect import hf_daily_papers
from newsletter.compose.item import build_card
from newsletter.deliver.dkim import DkimKey, sign_message
from newsletter.deliver.message import Letter, build_message, build_message_id
from newsletter.model.digest import Card, Digest, Item, Reason, Section
from newsletter.model.entries import EntryId, EntryKey
from newsletter.model.ledger import Kind
from newsletter.model.mail import Fact, Identity, Links, Notice, Rendered
from newsletter.model.pictures import PictureFile
from newsletter.model.readers import EmailAddress, SubscriberId
from newsletter.model.sources import Fetched, Request, Source
from newsletter.model.topics import Scope
from newsletter.render import choose_look, render_digest, render_notice
from newsletter.render.language import load_language
from newsletter.render.notices import write_alert, write_changed, write_confirm, write_goodbye
from newsletter.sample_day import SAMPLE_DAY, sample_file
from newsletter.signing import Secret
from tests.support.digests import READER, make_card, make_digest, make_section, shipped_templates
from tests.support.drawings import draw_picture

IDENTITY = Identity(
    name="Trending Papers",
    id="papers",
    from_name="Trending Papers",
    from_address=EmailAddress("digest@news.example.org"),
    leave_address=EmailAddress("leave@news.example.org"),
    bounce_address=EmailAddress("bounce@news.example.org"),
    postal_address="Example Lab\n1 Main Street\n12345 Sampletown",
)
SECRET = Secret(bytes(range(32)))
LINKS = Links(
    leave="https://news.example.org/u/" + "k7" * 13,
    change="https://news.example.org/p/" + "k7" * 13,
    leave_mailto="mailto:leave@news.example.org?subject=unsubscribe%20" + "k7" * 13,
    web="https://news.example.org/e/2026-06-18",
    archive="https://news.example.org/archive",
    one_click="https://news.example.org/u/" + "k7" * 13,
    pictures="https://news.example.org/pictures/",
)
LAYOUTS = ("cards", "compact")
PICTURED = ("plain", "fifty", "german", "rtl", "hostile", "no-summaries", "weekly")
"""The digests that are also sent with the pictures of their papers."""


@dataclass(frozen=True)
class Edition:
    """One mail as it goes out. papers is how many it has to show, None for a mail that is no digest. has_pictures: it
    shows those of its papers."""

    name: str
    rendered: Rendered
    message: bytes
    language: str
    papers: int | None
    has_pictures: bool = False


def _reason(number: int, **values: object) -> Reason:
    some = Reason(
        rule=("agent*", "retrieval-augmented generation", "cs.CL")[number % 3],
        scope=(Scope.TITLE, Scope.ABSTRACT, Scope.CATEGORY)[number % 3],
        upvotes=60 - number,
        age_hours=9,
        projected=130 - 2 * number,
        place=number + 1,
        of=57,
    )
    return replace(some, **values)  # type: ignore[arg-type]  # the tests' own names


@cache
def sample_cards() -> tuple[Card, ...]:
    """Return the papers of the sample day as cards, most votes first."""
    source = Source("sample", "hf_daily_papers", str(sample_file()))
    feed = hf_daily_papers.parse(
        Fetched(sample_file().read_bytes(), source.location), source, Request(source.location, SAMPLE_DAY)
    )
    cards = [replace(build_card(sighting.entry), listed_on=SAMPLE_DAY) for sighting in feed.sightings]
    return tuple(sorted(cards, key=lambda card: -(card.upvotes or 0)))


def _items(cards: tuple[Card, ...], first: int = 0, **values: object) -> tuple[Item, ...]:
    return tuple(
        Item(EntryId(first + number), card, _reason(first + number, **values))
        for number, card in enumerate(cards)
    )


def _three_topics(cards: tuple[Card, ...]) -> tuple[Section, ...]:
    third = -(-len(cards) // 3)
    late = _items(cards[third : third + 1], third, late=True, reached=5)
    sections = (
        Section(
            "Agents that use tools",
            _items(cards[:third]),
            (EntryId(900), EntryId(901)),
            "https://huggingface.co/papers/date/2026-06-16",
        ),
        Section("Robots", late + _items(cards[third + 1 : 2 * third], third + 1)),
        Section("", _items(cards[2 * third :], 2 * third, rule="", scope=None)),
    )
    return tuple(section for section in sections if section.items)


HOSTILE = (
    "<script>alert(1)</script> {{ 7*7 }} {% include 'x' %} ]]> <!--[if mso]> \ud800 \u202egnp\u202c "
    + "x" * 10_000
)
_RTL_TITLES = (
    "نماذج لغوية كبيرة للعربية: دراسة مقارنة",
    "Attention Is All You Need (Revisited), Part 2!",
    "BERT في العربية: ما الذي تغيّر؟",
)
_CJK = (
    "大規模言語モデルにおける推論の効率化：新しい手法",
    "多模态大模型的长上下文压缩方法研究",
    "한국어 대화 모델의 안전성 평가",
)
_CJK_SUMMARY = (
    "本論文では、大規模言語モデルの推論を高速化する新しい手法を提案する。実験により、精度を保ったまま速度が二倍になることを示す。"
    * 2
)


def build_digests() -> Mapping[str, tuple[Digest, str]]:
    """Return each golden digest and the language of its reader."""
    cards = sample_cards()
    pool = tuple(
        replace(
            cards[number % len(cards)],
            key=EntryKey(f"arxiv:2606.{number:05}"),
            url=f"https://arxiv.org/abs/2606.{number:05}",
        )
        for number in range(50)
    )
    long_url = "https://example.org/a/" + "b" * 170 + "?c=d&e=f"
    hostile = make_card(
        1,
        title=HOSTILE,
        summary=HOSTILE,
        authors=(HOSTILE, "B"),
        organization=HOSTILE,
        url="javascript:alert(1)",
    )
    return {
        "plain": (
            make_digest(*_three_topics(cards[:10]), quiet_topics=("pruning", "quantum computing")),
            "en",
        ),
        "fifty": (make_digest(*_three_topics(pool)), "en"),
        "one": (make_digest(make_section(*_items(cards[:1]), topic="Agents")), "en"),
        "quiet-topic": (
            make_digest(make_section(*_items(cards[:2]), topic="Agents"), quiet_topics=("Robots",)),
            "en",
        ),
        "empty": (make_digest(quiet_topics=("Robots", "Agents")), "en"),
        "german": (make_digest(*_three_topics(cards[:6]), quiet_topics=("Robotik",)), "de"),
        "rtl": (
            make_digest(
                make_section(
                    *_items(
                        tuple(
                            replace(card, title=title)
                            for card, title in zip(cards, _RTL_TITLES, strict=False)
                        )
                    ),
                    topic="الوكلاء الأذكياء",
                ),
                make_section(*_items(cards[3:5], 3), topic="Robots (cs.RO)"),
                quiet_topics=("RAG",),
            ),
            "ar",
        ),
        "cjk": (
            make_digest(
                make_section(
                    *_items(
                        tuple(
                            replace(card, title=title, summary=_CJK_SUMMARY, authors=("山田太郎", "王小明"))
                            for card, title in zip(cards, _CJK, strict=False)
                        )
                    ),
                    topic="大規模言語モデル",
                )
            ),
            "en",
        ),
        "hostile": (
            make_digest(make_section(*_items((hostile, cards[0])), topic=HOSTILE), quiet_topics=(HOSTILE,)),
            "en",
        ),
        "no-summaries": (
            make_digest(
                make_section(*_items(tuple(replace(card, summary="") for card in cards[:5])), topic="Agents")
            ),
            "en",
        ),
        "long-urls": (
            make_digest(
                make_section(
                    *_items(
                        tuple(
                            replace(card, url=f"{long_url}&n={n}", pdf_url=f"{long_url}&p={n}")
                            for n, card in enumerate(cards[:3])
                        )
                    ),
                    topic="Agents",
                )
            ),
            "en",
        ),
        "weekly": (
            replace(make_digest(*_three_topics(pool[:24])), since_on=date(2026, 6, 12), is_first=True),
            "en",
        ),
    }


def build_notices() -> Mapping[str, tuple[Notice, Kind, bool]]:
    """Return the mails that are no digests, with their kind and whether they can be left from."""
    lang = load_language("en")
    url = "https://news.example.org/c/" + "m3" * 13
    return {
        "confirm": (write_confirm(lang, IDENTITY, READER.address, url), Kind.CONFIRM, False),
        "changed": (write_changed(lang, IDENTITY, READER, ("Agents", "Robots")), Kind.CHANGED, True),
        "goodbye": (write_goodbye(lang, IDENTITY, url), Kind.GOODBYE, False),
        "alert": (
            write_alert(
                lang,
                IDENTITY,
                "3 of 120 mails were not accepted",
                (Fact("Edition", "2026-06-18"), Fact("Last reply", "451 4.3.0 try again later")),
                ("The relay deferred them, and they are tried again until the next digest is due.",),
            ),
            Kind.ALERT,
            False,
        ),
    }


_DRAWN = range(7)
"""The drawings that the mails show."""


def list_picture_files() -> Mapping[str, bytes]:
    """Return what our host would answer, by the name of the file."""
    return {f"{picture.hash}.jpg": picture.body for picture in map(draw_picture, _DRAWN)}


def _add_pictures(digest: Digest) -> Digest:
    """Return a digest that shows pictures, which all papers but each fifth one have."""

    def add(item: Item) -> Item:
        picture = draw_picture(item.entry_id % len(_DRAWN))
        file = PictureFile(f"{picture.hash}.jpg", picture.width, picture.height, 12_000)
        return item if item.entry_id % 5 == 4 else replace(item, card=replace(item.card, picture=file))

    sections = tuple(replace(section, items=tuple(map(add, section.items))) for section in digest.sections)
    return replace(digest, sections=sections)


def _address(kind: Kind, key: str, to_name: str, date: datetime) -> Letter:
    message_id = build_message_id(IDENTITY, kind, key, SubscriberId(7), SECRET)
    return Letter(kind, message_id, READER.address, to_name, date)


def build_edition(
    name: str,
    layout: str,
    digest: Digest,
    language: str,
    key: DkimKey | None = None,
    links: Links = LINKS,
    *,
    pictures: bool = False,
) -> Edition:
    """Return one golden digest as the mail that a reader would get, with the pictures of its papers or without."""
    templates = shipped_templates()
    reader = replace(READER, language=language, layout=layout)
    identity = replace(IDENTITY, pictures=pictures)
    digest = choose_look(templates, _add_pictures(digest), reader, identity)
    rendered = render_digest(templates, digest, reader, identity, links)
    name = f"{name}-{layout}-pictures" if pictures else f"{name}-{layout}"
    message, _ = build_message(
        rendered,
        _address(Kind.DIGEST, name, "Ada", digest.slot.at),
        IDENTITY,
        links=links,
        language=language,
    )
    message = sign_message(message, key) if key else message
    return Edition(name, rendered, message.to_bytes(), language, digest.entry_count, pictures)


def build_editions(key: DkimKey | None = None) -> list[Edition]:
    """Return all golden editions: each digest in each layout, some with pictures, then the other mails."""
    editions = [
        build_edition(name, layout, digest, language, key, pictures=pictures)
        for name, (digest, language) in build_digests().items()
        for layout in (("weekly",) if name == "weekly" else LAYOUTS)
        for pictures in ((False, True) if name in PICTURED else (False,))
    ]
    for name, (notice, kind, can_leave) in build_notices().items():
        rendered = render_notice(shipped_templates(), notice, "en", IDENTITY, LINKS if can_leave else None)
        message, _ = build_message(
            rendered,
            _address(kind, name, "", datetime(2026, 6, 18, 5, 30, tzinfo=UTC)),
            IDENTITY,
            links=LINKS if can_leave else None,
        )
        message = sign_message(message, key) if key else message
        editions.append(Edition(name, rendered, message.to_bytes(), "en", None))
    return editions

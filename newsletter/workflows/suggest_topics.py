"""Topics to suggest, from what the sources hold: the operator's own, then categories, keywords and phrases. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.errors import QueryError
from newsletter.match.similarity import is_little_word
from newsletter.match.topics import parse_topic

if TYPE_CHECKING:
    from newsletter.model.entries import Entry
    from newsletter.model.topics import Topic

MOST_NAMED, MOST_CATEGORIES, MOST_WORDS = 40, 8, 16

_CANDIDATES = 40
_LEAST_ENTRIES = 2
_MOST_SHARE = 0.3  # what finds more than this of all entries chooses little
_MOST_SHARED = 0.8  # of two topics that have more of their entries in common, the second says little

_CATEGORIES = {
    "astro-ph": "Astrophysics",
    "cs.AI": "Artificial intelligence",
    "cs.AR": "Hardware architecture",
    "cs.CL": "Computation and language",
    "cs.CR": "Cryptography and security",
    "cs.CV": "Computer vision",
    "cs.CY": "Computers and society",
    "cs.DB": "Databases",
    "cs.DC": "Distributed computing",
    "cs.DS": "Data structures and algorithms",
    "cs.GR": "Graphics",
    "cs.HC": "Human-computer interaction",
    "cs.IR": "Information retrieval",
    "cs.LG": "Machine learning",
    "cs.MA": "Multi-agent systems",
    "cs.NE": "Neural and evolutionary computing",
    "cs.RO": "Robotics",
    "cs.SD": "Sound",
    "cs.SE": "Software engineering",
    "eess.AS": "Audio and speech processing",
    "eess.IV": "Image and video processing",
    "eess.SP": "Signal processing",
    "eess.SY": "Systems and control",
    "math.OC": "Optimization and control",
    "physics.comp-ph": "Computational physics",
    "q-bio.QM": "Quantitative methods in biology",
    "quant-ph": "Quantum physics",
    "stat.ME": "Statistical methodology",
    "stat.ML": "Machine learning (statistics)",
}
"""Names of arXiv's categories that people may not know by their codes: https://arxiv.org/category_taxonomy"""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A topic that can be picked. form is what `match.topics.parse_topic` reads; count how many entries it finds.

    label is the topic's name for people; code is that of a category, else empty.
    """

    form: str | Mapping[str, str]
    label: str
    count: int
    code: str = ""


def suggest_topics(
    entries: Sequence[Entry], library: Mapping[str, Topic], find: Callable[[Topic], int]
) -> tuple[Suggestion, ...]:
    """Return the library's topics in its order, then categories and words of these entries, the most found first.

    find returns the entries that a topic finds as a bit set. Words that find much the same entries as a topic
    before them are not suggested.
    """
    named = [
        Suggestion(name, name, find(topic).bit_count()) for name, topic in list(library.items())[:MOST_NAMED]
    ]
    found = {find(topic) for topic in library.values()}
    return (*named, *_suggest_categories(entries), *_suggest_words(entries, library, find, found))


def _suggest_categories(entries: Iterable[Entry]) -> list[Suggestion]:
    counts = Counter(code for entry in entries for code in set(entry.categories))
    common = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_CATEGORIES]
    return [
        Suggestion({code: f"category:{code}"}, _CATEGORIES.get(code, code), count, code)
        for code, count in common
        if count >= _LEAST_ENTRIES and _is_topic({code: f"category:{code}"})
    ]


def _suggest_words(
    entries: Sequence[Entry], library: Mapping[str, Topic], find: Callable[[Topic], int], found: set[int]
) -> list[Suggestion]:
    known = {_same(name) for name in library}
    suggestions = []
    for words in _find_common(entries):
        if _same(words) in known or not _is_topic(words):
            continue
        hits = find(parse_topic(words))
        if not _LEAST_ENTRIES <= hits.bit_count() <= max(5, _MOST_SHARE * len(entries)):
            continue
        if any(_is_like(hits, others) for others in found):
            continue
        found.add(hits)
        suggestions.append(Suggestion(words, words[:1].upper() + words[1:], hits.bit_count()))
    suggestions.sort(key=lambda one: (-one.count, one.label.casefold()))
    return suggestions[:MOST_WORDS]


def _is_like(hits: int, others: int) -> bool:
    return (hits & others).bit_count() > _MOST_SHARED * (hits | others).bit_count()


def _is_topic(form: str | Mapping[str, str]) -> bool:
    """Say whether what a source gives can be a topic as it stands; some characters have a meaning there."""
    if isinstance(form, str) and (form != " ".join(form.split()) or set(form) & set(',:"()/{}*~=')):
        return False
    try:
        parse_topic(form)
    except QueryError:
        return False
    return True


def _find_common(entries: Sequence[Entry]) -> list[str]:
    """Return the keywords and phrases that most entries have and that name a subject, spelled as within sentences."""
    spelled: dict[str, Counter[str]] = {}
    cut: Counter[str] = Counter()
    for entry in entries:
        phrases = list(_phrases_of(entry.title))
        cut.update({_same(phrase) for phrase, goes_on in phrases if goes_on})
        words = {_same(word): word for word in (*entry.ai_keywords, *(phrase for phrase, _ in phrases))}
        for letters, word in words.items():
            if letters and names_a_subject(word):
                spelled.setdefault(letters, Counter())[word] += 1
    common = sorted(spelled.items(), key=lambda pair: (-pair[1].total(), pair[0]))
    whole = [(letters, spellings) for letters, spellings in common if 2 * cut[letters] <= spellings.total()]
    text = "\n".join(f"{entry.summary}\n{entry.ai_summary}" for entry in entries)
    return [_spell(spellings, text) for _, spellings in whole[:_CANDIDATES]]


def names_a_subject(words: str) -> bool:
    """Say whether a keyword or phrase tells what a paper is about.

    Numbered names (of a model, of a benchmark's year) pass with their season, a property ("adaptive") is no subject,
    and what any paper may say of itself ("technical report") chooses nothing.
    """
    parts = words.split()
    if any(any(map(str.isdigit, part)) and not _DIMENSIONS.match(part) for part in parts):
        return False
    if all(part.casefold() in _SAID_OF_ANY for part in parts):
        return False
    return len(parts) > 1 or sum(map(str.isupper, words)) > 1 or words.casefold().endswith(_NOUN_ENDS)


def _spell(spellings: Counter[str], text: str) -> str:
    """Return how most sentences write it; where none does, the most common spelling without the capitals of a title."""
    pattern = re.compile(rf"\b{re.escape(next(iter(spellings)))}\b", re.IGNORECASE)
    counts: Counter[str] = Counter(pattern.findall(text))
    if not counts:
        counts = Counter(
            {_OF_TITLES.sub(lambda found: found[0].lower(), one): spellings[one] for one in spellings}
        )
    return min(counts, key=lambda word: (-counts[word], sum(map(str.isupper, word)), word))


def _same(words: str) -> str:
    """Return what is equal for spellings of the same words: letters and digits alone."""
    return _SIGNS.sub("", words.casefold())


_SIGNS = re.compile(r"[\W_]+")
_WORD = re.compile(r"\w[\w-]+")


_OF_TITLES = re.compile(r"\b[A-Z][a-z]+\b")
_DIMENSIONS = re.compile(r"[1-4][dD]\b")
_NOUN_ENDS = ("s", "ing", "ion", "ment", "ity", "ance", "ence", "graphy", "logy")
_SAID_OF_ANY = frozenset(
    """
    a ability accuracy action adaptive advanced analysis application applications approach approaches
    architecture architectures attention automatic based baseline baselines benchmark benchmarks better case
    challenge challenges comparison complex comprehensive computation data dataset datasets deep design domain
    domains dynamic efficiency efficient end everyday evaluation experiment experiments exploration fast feature
    features framework frameworks function functions general generalization hidden high improvement inference
    information input inputs insights knowledge large latent learned learning level limitations long low
    mechanism method methods metric metrics model models modeling module modules new novel offline online open
    output outputs paper parameters performance perspective pipeline pipelines place practical preliminary
    problem problems process quality real recent report research results robust robustness sample samples
    scalable scale scaling set settings simple small solution solutions source space spaces states step steps
    strategies strategy structure studies study survey system systems task tasks technical technique techniques
    technology test tests time toward towards training understanding unified universal usage user users
    validation via visual work
    """.split()  # noqa: SIM905
)


def _phrases_of(title: str) -> Iterator[tuple[str, bool]]:
    """Yield the pairs of words of a title that say something and stand side by side, and whether the phrase goes on:
    of "large language models", "large language" is a piece."""
    words = list(_WORD.finditer(title))
    for one, other, after in zip(words, words[1:], [*words[2:], None], strict=False):
        if _is_phrase(title, one, other):
            yield title[one.start() : other.end()], after is not None and _is_phrase(title, other, after)


def _is_phrase(title: str, one: re.Match[str], other: re.Match[str]) -> bool:
    is_little = is_little_word(one[0]) or is_little_word(other[0])
    return title[one.end() : other.start()] == " " and not is_little

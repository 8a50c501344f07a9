"""Topics to suggest, from what the sources hold: the operator's own, then categories, keywords and phrases. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from newsletter.errors import QueryError
from newsletter.match.similarity import is_little_word
from newsletter.match.topics import parse_topic
from newsletter.model.entries import Entry
from newsletter.model.topics import Topic

MOST_NAMED, MOST_CATEGORIES, MOST_WORDS = 40, 8, 16

_CANDIDATES = 40
_LEAST_ENTRIES = 2
_MOST_SHARE = 0.3  # what finds more than this of all entries chooses little

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

    find returns the entries that a topic finds as a bit set. Words that find the same entries are suggested once.
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
        if hits in found or not _LEAST_ENTRIES <= hits.bit_count() <= max(5, _MOST_SHARE * len(entries)):
            continue
        found.add(hits)
        suggestions.append(Suggestion(words, words, hits.bit_count()))
    suggestions.sort(key=lambda one: (-one.count, one.label.casefold()))
    return suggestions[:MOST_WORDS]


def _is_topic(form: str | Mapping[str, str]) -> bool:
    """Say whether what a source gives can be a topic as it stands; some characters have a meaning there."""
    if isinstance(form, str) and (form != " ".join(form.split()) or set(form) & set(',:"()/{}*~=')):
        return False
    try:
        parse_topic(form)
    except QueryError:
        return False
    return True


def _find_common(entries: Iterable[Entry]) -> list[str]:
    """Return the keywords and phrases that most entries have, as they are mostly spelled."""
    spelled: dict[str, Counter[str]] = {}
    for entry in entries:
        words = {_same(word): word for word in (*entry.ai_keywords, *_phrases_of(entry.title))}
        for letters, word in words.items():
            if letters:
                spelled.setdefault(letters, Counter())[word] += 1
    common = sorted(spelled.items(), key=lambda pair: (-pair[1].total(), pair[0]))[:_CANDIDATES]
    return [
        min(spellings, key=lambda word: (-spellings[word], sum(map(str.isupper, word)), word))
        for _, spellings in common
    ]


def _same(words: str) -> str:
    """Return what is equal for spellings of the same words: letters and digits alone."""
    return _SIGNS.sub("", words.casefold())


_SIGNS = re.compile(r"[\W_]+")
_WORD = re.compile(r"\w[\w-]+")


def _phrases_of(title: str) -> Iterator[str]:
    """Yield the pairs of words of a title that say something and stand side by side."""
    for one, other in pairwise(_WORD.finditer(title)):
        if (
            title[one.end() : other.start()] == " "
            and not is_little_word(one[0])
            and not is_little_word(other[0])
        ):
            yield title[one.start() : other.end()]

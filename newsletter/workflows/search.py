"""What somebody asks the archive: plain words, or a query in the language of topics.

Plain words are answered by the full-text index alone: every word must be there, in any form, in the title, the
abstract, the names or the keywords. A query with operators means what it means in a topic: the index brings candidates,
the matcher decides. A query that is wrong is answered as plain words, and its mistake is told.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.collect.identity import name_keys
from newsletter.errors import QueryError
from newsletter.match.lookup import Lookup, build_lookup, build_plain_lookup
from newsletter.match.query import OPERATORS, parse_query
from newsletter.text import clean_line, clean_output

if TYPE_CHECKING:
    from newsletter.match.budget import Budget
    from newsletter.match.corpus import Corpus
    from newsletter.model.entries import Entry, EntryKey
    from newsletter.model.topics import Query
    from newsletter.storage import Archive
    from newsletter.workflows.newest_corpus import NewestCorpus

MAX_CHARS = 400
MOST_LOOKED_AT = 1_000
"""So many candidates of a query are looked at, the newest."""

_AT_ONCE = 50

# Marks, scopes, comparisons, operators and regular expressions. "C++", "text/image" and "e-mail" are plain words.
_IN_LANGUAGE = re.compile(
    rf"""["()*~<>] | (?<!\S)= | (?<!\S)(?:{OPERATORS})(?!\S) | (?<!\S)[A-Za-z]+(?:\|[A-Za-z]+)*:\S | (?<!\S)/\S+/(?!\S)
      | (?<!\S)(?:upvotes|comments|stars|date)\s*=""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, read: a query, or what plain words ask the index for.

    problem is what is wrong with a query that is therefore read as plain words.
    """

    text: str
    query: Query | None = None
    lookup: Lookup | None = None
    problem: QueryError | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be looked for."""
        return self.query is None and self.lookup is None


@dataclass(frozen=True, slots=True)
class Answer:
    """Some of the papers that were found. total counts them; is_cut: there may be more than were looked at."""

    total: int
    entries: tuple[Entry, ...]
    is_cut: bool = False


def read_question(text: str) -> Question:
    """Return what a text asks; any text can be asked."""
    asked = clean_line(text)[:MAX_CHARS]
    if not _IN_LANGUAGE.search(asked):
        return Question(asked, lookup=build_plain_lookup(asked))
    try:
        return Question(asked, parse_query(asked))
    except QueryError as error:
        words = re.sub(rf"(?<!\S)(?:{OPERATORS})(?!\S)", " ", asked)
        return Question(asked, lookup=build_plain_lookup(words), problem=error)


def find_keys(text: str) -> frozenset[EntryKey]:
    """Return the names that a text may be of one paper: an arXiv id, a DOI, an address."""
    asked = clean_output(text).strip()
    return (
        frozenset(name_keys(asked)) if asked and len(asked) <= MAX_CHARS and " " not in asked else frozenset()
    )


class Searcher:
    """Answers questions, shared by all visitors. Queries are looked at in threads of their own, a few entries at a
    time, so that many who ask wait for each other and nobody else for them."""

    def __init__(self, archive: Archive, corpora: NewestCorpus) -> None:
        self._archive = archive
        self._corpora = corpora
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="search")

    async def answer(self, question: Question, budget: Budget, *, offset: int, limit: int) -> Answer:
        """Return the papers that a question finds, from ``offset`` on: those with the words in their titles first and
        then the newest first for plain words, the newest first for a query. Raises BudgetError, StoreError."""
        if question.query is not None:
            entries, is_cut = await self.find_matching(question.query, budget)
            return Answer(len(entries), tuple(entries[offset : offset + limit]), is_cut)
        if question.lookup is None:
            return Answer(0, ())
        found = await self._archive.search(question.lookup, offset=offset, limit=limit)
        return Answer(found.total, found.entries)

    async def find_newest(self, question: Question, budget: Budget, limit: int) -> Sequence[Entry]:
        """Return the newest papers that a question finds, the newest first. Raises BudgetError, StoreError."""
        if question.query is not None:
            entries, _ = await self.find_matching(question.query, budget)
            return entries[:limit]
        return await self._archive.load_candidates(question.lookup, limit) if question.lookup else ()

    async def find_matching(self, query: Query, budget: Budget) -> tuple[Sequence[Entry], bool]:
        """Return the newest papers for which a query holds, the newest first; and whether older ones were not looked
        at. Raises BudgetError, StoreError."""
        corpus = await self._corpora.open()
        lookup = build_lookup(query, corpus.acronyms)
        candidates = await self._archive.load_candidates(lookup, MOST_LOOKED_AT)
        found: list[Entry] = []
        for start in range(0, len(candidates), _AT_ONCE):
            some = candidates[start : start + _AT_ONCE]
            found += await asyncio.get_running_loop().run_in_executor(
                self._threads, _match, corpus, query, some, budget
            )
        return found, len(candidates) == MOST_LOOKED_AT


def _match(corpus: Corpus, query: Query, entries: Sequence[Entry], budget: Budget) -> list[Entry]:
    with budget.counted():
        return [entry for entry in budget.over(entries) if corpus.match(query, entry)]

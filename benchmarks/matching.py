"""Many topics, many readers: how long it takes to match and to choose, beside what the obvious program does.

    python -m benchmarks.matching [--data DIR] [--json FILE] [--readers 1000000]

Papers and topics are invented (words as frequent as in a language), or with --data the abstracts and the keywords of a
folder with jsonl files.
Each part runs in a process of its own, so that its peak memory is its own. Peers: ``phrase in text.lower()``, and one
regular expression for each topic; both look for fewer spellings. For readers the peer is the least that there is to do:
phrases looked up in a dict of word runs, and integers as bit sets. Reading the topics (parsing, compiling, indexing) is
done once, not for each paper: its time stands in the note, for the peers too.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import re
import resource
import time
from array import array
from bisect import bisect
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from newsletter.compose.choice import Claim, choose_topics, first_entries
from newsletter.match.index import QueryIndex
from newsletter.match.topics import parse_topic
from newsletter.match.words import fold_entry
from newsletter.model.entries import Entry, EntryId, EntryKey
from newsletter.model.topics import Query

_PAPERS = 1_000
_ENTRIES = 500
_PHRASES = 20_000
_PEER_TOPICS = 200  # one regular expression for each of 10,000 topics would take minutes
_SHOWN = 10
_SEED = 20_260_616

Paper = tuple[str, str]


class Part(NamedTuple):
    """One line of the table. note says what was done, and what was scaled up from less."""

    name: str
    seconds: float
    peak_mb: float
    note: str = ""


# --- what is matched ----------------------------------------------------------------------


def make_words(count: int, rng: random.Random) -> list[str]:
    """Return invented words, the most frequent first; short ones are frequent."""
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    words: dict[str, None] = {}
    while len(words) < count:
        words["".join(rng.choices(syllables, k=rng.choice((1, 2, 2, 3, 3, 4))))] = None
    return sorted(words, key=len)


def make_papers(count: int, rng: random.Random) -> list[Paper]:
    """Return titles and abstracts of invented words, distributed as Zipf found."""
    words = make_words(20_000, rng)
    weights = list(accumulate(1 / (rank + 2) for rank in range(len(words))))

    def say(length: int) -> str:
        return " ".join(words[bisect(weights, rng.random() * weights[-1])] for _ in range(length))

    return [
        (say(10).capitalize(), ". ".join(say(20).capitalize() for _ in range(9)) + ".") for _ in range(count)
    ]


def load_papers(folder: Path, count: int) -> list[Paper]:
    """Return the first titles and abstracts of the jsonl files of a folder."""
    papers: list[Paper] = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row.get("abstract") and len(papers) < count:
                papers.append((row["title"], row["abstract"]))
    return papers


def load_keywords(folder: Path) -> list[str]:
    """Return the different keywords that the papers of a folder were given, those of 3 to 60 letters and blanks."""
    found: dict[str, None] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            for keyword in (*row.get("keywords", ()), *row.get("ai_keywords", ())):
                if re.fullmatch(r"[A-Za-z][A-Za-z -]{1,58}[A-Za-z]", keyword):
                    found[keyword.lower()] = None
    return list(found)


def draw_phrases(papers: Sequence[Paper], count: int, rng: random.Random) -> list[str]:
    """Return different phrases of one to three words that stand in the papers, or nearly so."""
    phrases: dict[str, None] = {}
    while len(phrases) < count:
        words = re.findall(r"[a-z]{4,}", rng.choice(papers)[1].lower())
        begin = rng.randrange(len(words) - 3)
        phrase = " ".join(words[begin : begin + rng.choice((1, 2, 2, 3))])
        phrases[phrase if rng.random() < 0.7 or " " in phrase else f"{phrase} {rng.choice(words)}"] = None
    return list(phrases)


def parse_phrase(phrase: str) -> Query:
    """Return the query of a topic of one phrase."""
    return parse_topic({"name": phrase, "any": [f'"{phrase}"']}).query


def index_phrases(phrases: Sequence[str]) -> tuple[QueryIndex, list[Query]]:
    """Return the product's index of topics of one phrase each, and their queries."""
    queries = list(map(parse_phrase, phrases))
    return QueryIndex(queries), queries


def match_papers(index: QueryIndex, papers: Sequence[Paper]) -> dict[Query, list[tuple[int, float]]]:
    """Return for each query that finds papers their numbers, with the strength of each match."""
    found: dict[Query, list[tuple[int, float]]] = {}
    for number, (title, abstract) in enumerate(papers):
        entry = Entry(EntryKey(f"k{number}"), title, abstract, id=EntryId(number))
        for query, match in index.match(fold_entry(entry)):
            found.setdefault(query, []).append((number, match.strength))
    return found


# --- topics × papers ----------------------------------------------------------------------


def match_ours(papers: Sequence[Paper], phrases: Sequence[str]) -> Part:
    """Fold and match, with every place and reason."""
    ready = time.perf_counter()
    index, _ = index_phrases(phrases)
    began = time.perf_counter()
    found = match_papers(index, papers)
    return Part(
        "ours", _since(began), _peak(), f"{_count(found)} matches, {began - ready:.1f} s to read the topics"
    )


def match_substrings(papers: Sequence[Paper], phrases: Sequence[str]) -> Part:
    """``phrase in text.lower()`` for each."""
    began = time.perf_counter()
    texts = [f"{title}\n{abstract}".lower() for title, abstract in papers]
    found = sum(phrase in text for phrase in phrases for text in texts)
    return Part("substrings", _since(began), _peak(), f"{found:,} matches")


def match_patterns(papers: Sequence[Paper], phrases: Sequence[str]) -> Part:
    """One compiled regular expression for each topic."""
    some = phrases[:: max(1, len(phrases) // _PEER_TOPICS)]
    scale = len(phrases) / len(some)
    ready = time.perf_counter()
    patterns = [re.compile(rf"\b{re.escape(phrase)}\b", re.IGNORECASE) for phrase in some]
    began = time.perf_counter()
    texts = [f"{title}\n{abstract}" for title, abstract in papers]
    found = sum(pattern.search(text) is not None for pattern in patterns for text in texts)
    note = f"{int(found * scale):,} matches, {(began - ready) * scale:.1f} s to read the topics"
    if scale > 1:
        note += f", scaled from {len(some)} topics"
    return Part("one regex a topic", _since(began) * scale, _peak(), note)


# --- readers ------------------------------------------------------------------------------


def draw_readers(count: int, phrases: int, rng: random.Random) -> tuple[array[int], array[int]]:
    """Return the topics of all readers in one array, and where each reader's topics begin: 1 to 10 of so many each."""
    topics, begins = array("H"), array("L", [0])
    for _ in range(count):
        topics.extend(rng.randrange(phrases) for _ in range(rng.randint(1, 10)))
        begins.append(len(topics))
    return topics, begins


def choose_ours(papers: Sequence[Paper], phrases: Sequence[str], readers: int) -> Part:
    """Match all phrases, give each reader's entries to the best of their topics, cut each topic at ten."""
    topics, begins = draw_readers(readers, len(phrases), random.Random(_SEED))
    ready = time.perf_counter()
    index, queries = index_phrases(phrases)
    began = time.perf_counter()
    found = match_papers(index, papers)
    # A claim for each strength: the entries with the phrase in the title, and those with it in the abstract.
    wanted = [_claim_entries(found.get(query, ())) for query in queries]
    shown = digests = 0
    for reader in range(readers):
        claims = [
            Claim(strength, order, entries)
            for order, topic in enumerate(topics[begins[reader] : begins[reader + 1]])
            for strength, entries in wanted[topic]
        ]
        if claims:
            digests += 1
            for entries in choose_topics(claims).values():
                shown += len(list(first_entries(entries, _SHOWN)))
    note = f"{digests:,} digests, {shown:,} entries, {began - ready:.1f} s to read the topics"
    return Part("ours", _since(began), _peak(), note)


def _claim_entries(matches: Iterable[tuple[int, float]]) -> list[tuple[float, int]]:
    """Return the matches of a topic as one bit set for each strength."""
    entries: dict[float, int] = {}
    for number, strength in matches:
        entries[strength] = entries.get(strength, 0) | 1 << number
    return list(entries.items())


def _count(found: dict[Query, list[tuple[int, float]]]) -> str:
    return f"{sum(map(len, found.values())):,}"


def choose_least(papers: Sequence[Paper], phrases: Sequence[str], readers: int) -> Part:
    """Phrases in a dict of word runs, one bit set a reader, readers with equal sets grouped, ten entries each."""
    topics, begins = draw_readers(readers, len(phrases), random.Random(_SEED))
    ready = time.perf_counter()
    numbers = {tuple(phrase.split()): number for number, phrase in enumerate(phrases)}
    began = time.perf_counter()
    masks = [0] * len(phrases)
    for number, (title, abstract) in enumerate(papers):
        words = re.findall(r"\w+", f"{title} {abstract}".lower())
        for begin in range(len(words)):
            for end in range(begin + 1, begin + 4):
                phrase = numbers.get(tuple(words[begin:end]))
                if phrase is not None:
                    masks[phrase] |= 1 << number
    groups: dict[int, list[int]] = {}
    for reader in range(readers):
        entries = 0
        for topic in topics[begins[reader] : begins[reader + 1]]:
            entries |= masks[topic]
        if entries:
            groups.setdefault(entries, []).append(reader)
    shown = sum(len(list(first_entries(entries, _SHOWN))) * len(group) for entries, group in groups.items())
    digests = sum(map(len, groups.values()))
    note = f"{digests:,} digests, {shown:,} entries, {began - ready:.1f} s to read the topics"
    return Part("the least", _since(began), _peak(), note)


# --- the whole ----------------------------------------------------------------------------


def _since(began: float) -> float:
    return time.perf_counter() - began


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run_apart(measure: Callable[..., Part], *arguments: Any) -> Part:
    """Return what a measure says that runs in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, arguments)


def measure_all(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, list[Part]]:
    """Return the parts of each job."""
    rng = random.Random(_SEED)
    papers = load_papers(options.data, _PAPERS) if options.data else make_papers(_PAPERS, rng)
    keywords = load_keywords(options.data) if options.data else []
    rng.shuffle(keywords)
    parts: dict[str, list[Part]] = {}
    for count in (100, 10_000):
        job = f"{count:,} topics × {len(papers):,} papers"
        say(job)
        phrases = list(dict.fromkeys([*keywords, *draw_phrases(papers, count, rng)]))[:count]
        parts[job] = [
            run_apart(measure, papers, phrases) for measure in (match_ours, match_substrings, match_patterns)
        ]
    job = f"{options.readers:,} readers × {_ENTRIES} entries"
    say(job)
    entries = papers[:_ENTRIES]
    phrases = draw_phrases(papers, _PHRASES, rng)
    parts[job] = [
        run_apart(measure, entries, phrases, options.readers) for measure in (choose_ours, choose_least)
    ]
    return parts


def show(parts: dict[str, list[Part]], console: Console) -> None:
    """Print one table; ratios are to ours: more than 1 is slower than we are."""
    table = Table("job", "how", "seconds", "beside ours", "peak MB", "note")
    for job, lines in parts.items():
        for part in lines:
            ratio = part.seconds / lines[0].seconds
            table.add_row(
                job, part.name, f"{part.seconds:.2f}", f"{ratio:.2f}", f"{part.peak_mb:.0f}", part.note
            )
    console.print(table)


def to_json(parts: dict[str, list[Part]]) -> dict[str, Any]:
    """Return the figures by job and by how it was done."""

    def figures(lines: Iterable[Part]) -> dict[str, Any]:
        return {part.name: {"seconds": part.seconds, "peak_mb": part.peak_mb} for part in lines}

    return {job: figures(lines) for job, lines in parts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--data", type=Path, help="a folder with jsonl files of papers; else they are invented"
    )
    parser.add_argument("--readers", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    options = parser.parse_args()
    console = Console(width=120)
    parts = measure_all(options, lambda line: console.print(line, style="dim"))
    show(parts, console)
    if options.json:
        options.json.write_text(json.dumps(to_json(parts), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

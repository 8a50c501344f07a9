"""Do the right papers come, in the right order? The product's matcher and rankers on labels that others gave.

    python -m benchmarks.relevance --data DIR [--json FILE]

DIR has the files author_keywords.jsonl, hf_daily.jsonl, arxiv_categories.jsonl, arxiv_taxonomy.json,
ijcai_topics.jsonl, csfcube_queries.jsonl, csfcube_docs.jsonl and upvote_series.jsonl; what needs a missing one is left
out. Each measure says how it is taken. nDCG and MAP are means over topics, F1 is the mean of the topics' own.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from math import log2
from pathlib import Path
from statistics import correlation, mean
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from newsletter.compose.diversity import diversify
from newsletter.match.acronyms import GROUPS, learn_acronyms
from newsletter.match.fold import fold
from newsletter.match.matcher import match_topic
from newsletter.match.rank import build_scale, page_day_hours, projected_votes, rank_entries
from newsletter.match.similarity import Interest, LexicalSimilarity
from newsletter.match.topics import parse_topic
from newsletter.match.words import FoldedEntry, fold_entry
from newsletter.model.entries import Entry, EntryId, EntryKey
from newsletter.model.topics import Candidate, Likeness, Match, Rank

_LEAST_PAPERS = 10
_LEAST_OF_DAY = 20  # the order of a few papers says little
_SEEDS = (0, 1, 2)
_LIKED_TOPICS = 14
_TOP = 10

Row = Mapping[str, Any]
Say = Callable[[str], None]


class Measured(NamedTuple):
    """One line of the table. ours and peer are None where the data is not there."""

    name: str
    ours: float | None
    peer: float | None = None
    note: str = ""


# --- data and measures --------------------------------------------------------------------


def load(folder: Path, name: str) -> list[Row]:
    """Return the rows of a file, none where it is not there."""
    path = folder / name
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def make_entries(rows: Iterable[Row]) -> list[FoldedEntry]:
    """Return the folded title and abstract of each row."""
    return [
        fold_entry(Entry(EntryKey(str(row["id"])), row["title"], row["abstract"], id=EntryId(number)))
        for number, row in enumerate(rows, start=1)
    ]


def ndcg(order: Sequence[bool], relevant: int, most: int = _TOP) -> float:
    """Return the nDCG of the first ``most`` of an order, in which ``relevant`` are relevant altogether."""
    gain = sum(1 / log2(place + 1) for place, hit in enumerate(order[:most], start=1) if hit)
    best = sum(1 / log2(place + 1) for place in range(1, min(relevant, most) + 1))
    return gain / best if best else 0.0


def average_precision(order: Sequence[bool]) -> float:
    """Return the mean of the precision at each relevant place."""
    hits = [place for place, hit in enumerate(order, start=1) if hit]
    return mean(found / place for found, place in enumerate(hits, start=1)) if hits else 0.0


def spearman(scores: Sequence[Any], came: Sequence[float]) -> float | None:
    """Return the rank correlation of scores with what came, equal ones sharing a rank; None for nothing to compare."""
    if len(scores) < 3 or len(set(came)) < 2 or len(set(scores)) < 2:
        return None
    return correlation(_ranks(scores), _ranks(came))


def _ranks(values: Sequence[Any]) -> list[float]:
    ascending = sorted(values)
    return [(bisect_left(ascending, value) + bisect_right(ascending, value)) / 2 for value in values]


def order_by(scores: Mapping[EntryKey, float]) -> list[EntryKey]:
    """Return keys, the highest score first, then by key."""
    return sorted(scores, key=lambda key: (-scores[key], key))


def values_of(likeness: Mapping[EntryKey, Likeness], keys: Iterable[EntryKey]) -> dict[EntryKey, float]:
    """Return how near each entry is, 0 where nothing is known of it."""
    return {key: likeness[key].value if key in likeness else 0.0 for key in keys}


# --- keywords -----------------------------------------------------------------------------


def find_keywords(rows: Sequence[Row], field: str) -> list[str]:
    """Return the keywords that ten papers were given, each as most of them write it; case, blanks and hyphens aside."""
    given: Counter[str] = Counter()
    spelled: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        keywords = {keyword: fold(keyword).letters for keyword in row[field]}
        given.update({letters for letters in keywords.values() if letters})
        for keyword, letters in keywords.items():
            spelled[letters][keyword] += 1
    often = [letters for letters, papers in given.items() if papers >= _LEAST_PAPERS]
    return sorted(min(spelled[letters].items(), key=lambda pair: (-pair[1], pair[0]))[0] for letters in often)


def measure_keywords(rows: Sequence[Row], field: str, name: str) -> list[Measured]:
    """Each keyword that ten papers were given is a topic of one quoted word. A paper is right where one of its keywords
    has that word, by the same spelling rules; so precision and recall say what its text adds and hides."""
    entries = make_entries(rows)
    acronyms = learn_acronyms(f"{row['title']}. {row['abstract']}" for row in rows)
    listed = [
        fold_entry(Entry(EntryKey(str(row["id"])), "; ".join(row[field]), id=EntryId(1))) for row in rows
    ]
    texts = [f"{row['title']}\n{row['abstract']}".lower() for row in rows]
    topics = {word: parse_topic({"name": word, "any": [f'"{word}"']}) for word in find_keywords(rows, field)}
    right = {
        word: {number for number, entry in enumerate(listed) if match_topic(topic, entry, acronyms)}
        for word, topic in topics.items()
    }

    def find_ours(word: str) -> set[int]:
        return {number for number, entry in enumerate(entries) if match_topic(topics[word], entry, acronyms)}

    def find_substring(word: str) -> set[int]:
        return {number for number, text in enumerate(texts) if word.lower() in text}

    measured = []
    scores = {}
    for finder in (find_ours, find_substring):
        each = []
        for word, gold in right.items():
            found = finder(word)
            hits = len(found & gold)
            precision, recall = hits / len(found) if found else 0.0, hits / len(gold)
            f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
            each.append((precision, recall, f1))
        scores[finder] = [mean(column) for column in zip(*each, strict=True)]
    for place, what in enumerate(("precision", "recall", "F1")):
        note = f"{len(topics)} topics, {len(rows)} papers; beside substrings"
        measured.append(
            Measured(f"{name}: {what}", scores[find_ours][place], scores[find_substring][place], note)
        )
    return measured


_TERM = re.compile(r"[A-Za-z]{2,5}")


def measure_short_terms(rows: Sequence[Row]) -> list[Measured]:
    """Of the hits of short terms in capitals, how many are the term in capitals or its long form?"""
    entries = make_entries(rows)
    terms = [group for group in GROUPS if _TERM.fullmatch(group[0]) and sum(map(str.isupper, group[0])) >= 2]
    hits = confirmed = 0
    for short, *long in terms:
        topic = parse_topic({"name": short, "any": [f'"{short}"']})
        own = re.compile(rf"(?<![A-Za-z0-9]){re.escape(short)}s?(?![A-Za-z0-9])")
        meant = [fold(form).letters for form in long]
        for entry in entries:
            match = match_topic(topic, entry)
            if match is None:
                continue
            hits += 1
            text = f"{entry.entry.title}\n{entry.entry.summary}"
            folded = fold(text).letters
            confirmed += bool(own.search(text)) or any(form in folded for form in meant)
    return [
        Measured("short capital terms: precision", confirmed / hits if hits else None, None, f"{hits} hits")
    ]


# --- descriptions and liked papers --------------------------------------------------------


def measure_described(
    entries: Sequence[FoldedEntry], topics: Sequence[tuple[Interest, set[EntryKey]]], name: str
) -> Measured:
    """A topic's name and description rank all papers; those with its label are relevant. Peer: shared words."""
    similarity = LexicalSimilarity(entries)
    keys = [folded.entry.key for folded in entries]
    words = {
        folded.entry.key: set(f"{folded.entry.title} {folded.entry.summary}".lower().split())
        for folded in entries
    }
    ours, peer = [], []
    for interest, relevant in topics:
        likeness = similarity.measure(interest, keys)
        order = order_by(values_of(likeness, keys))
        ours.append(ndcg([key in relevant for key in order], len(relevant)))
        asked = set(f"{interest.name} {interest.about}".lower().split())
        shared = {key: float(len(asked & words[key])) for key in keys}
        peer.append(ndcg([key in relevant for key in order_by(shared)], len(relevant)))
    note = f"{len(topics)} topics, {len(entries)} papers; beside words in common"
    return Measured(name, mean(ours) if ours else None, mean(peer) if peer else None, note)


def find_labelled(rows: Sequence[Row], field: str) -> dict[str, set[EntryKey]]:
    """Return for each label the papers that have it."""
    labelled: dict[str, set[EntryKey]] = defaultdict(set)
    for row in rows:
        for label in row[field]:
            labelled[label].add(EntryKey(str(row["id"])))
    return labelled


def describe_categories(
    rows: Sequence[Row], taxonomy: Mapping[str, Row]
) -> list[tuple[Interest, set[EntryKey]]]:
    """Return arXiv's categories that ten papers and at most half of them have, by arXiv's own words."""
    return [
        (Interest(taxonomy[label]["name"], taxonomy[label]["description"]), papers)
        for label, papers in sorted(find_labelled(rows, "categories").items())
        if label in taxonomy
        and _LEAST_PAPERS <= len(papers) <= len(rows) / 2
        and "is an alias" not in taxonomy[label]["description"]
    ]


def describe_phrases(rows: Sequence[Row]) -> list[tuple[Interest, set[EntryKey]]]:
    """Return the topic phrases of a conference that five papers have: ``Area: CODE: Topic``, the last part."""
    return [
        (Interest(label.rpartition(": ")[2], label.rpartition(": ")[2]), papers)
        for label, papers in sorted(find_labelled(rows, "labels").items())
        if len(papers) >= 5
    ]


def split_liked(
    rows: Sequence[Row], field: str, liked: int
) -> Iterator[tuple[tuple[EntryKey, ...], list[EntryKey], set[EntryKey]]]:
    """Yield liked papers of a topic, the papers to rank, and those of them that have the topic.

    Half of the papers are history, the others are ranked; the fourteen topics with most papers (at most half of all),
    three times.
    """
    labelled = find_labelled(rows, field)
    topics = [label for label in labelled if 2 * _LEAST_PAPERS <= len(labelled[label]) <= len(rows) / 2]
    topics = sorted(topics, key=lambda label: (-len(labelled[label]), label))[:_LIKED_TOPICS]
    for seed in _SEEDS:
        keys = [EntryKey(str(row["id"])) for row in rows]
        random.Random(seed).shuffle(keys)
        history, ranked = keys[: len(keys) // 2], keys[len(keys) // 2 :]
        for label in topics:
            known = [key for key in history if key in labelled[label]]
            relevant = labelled[label].intersection(ranked)
            if len(known) >= liked and relevant:
                yield tuple(known[:liked]), ranked, relevant


def measure_liked(rows: Sequence[Row], field: str, liked: int, similarity: LexicalSimilarity) -> float | None:
    """A few liked papers rank the papers of the other half."""
    scores = []
    for like, ranked, relevant in split_liked(rows, field, liked):
        likeness = similarity.measure(Interest(like=like), ranked)
        order = order_by(values_of(likeness, ranked))
        scores.append(ndcg([key in relevant for key in order], len(relevant)))
    return mean(scores) if scores else None


def measure_csfcube(queries: Sequence[Row], docs: Sequence[Row]) -> Measured:
    """One paper ranks its candidates; those that experts graded 2 or 3 are relevant (MAP)."""
    similarity = LexicalSimilarity(make_entries(docs))
    known = {str(doc["id"]) for doc in docs}
    scores = []
    for query in queries:
        grades = {EntryKey(key): grade for key, grade in query["relevance"].items() if key in known}
        grades.pop(EntryKey(query["query"]), None)
        likeness = similarity.measure(Interest(like=(EntryKey(query["query"]),)), list(grades))
        order = order_by(values_of(likeness, grades))
        scores.append(average_precision([grades[key] >= 2 for key in order]))
    return Measured("CSFCube: MAP", mean(scores) if scores else None, None, f"{len(queries)} queries")


# --- votes --------------------------------------------------------------------------------


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


class Series(NamedTuple):
    """The votes of one paper at several moments, the first capture first."""

    row: Row
    began_at: datetime
    readings: tuple[tuple[datetime, int], ...]

    def nearest(self, moment: datetime, most: timedelta) -> int | None:
        """Return the votes at the reading nearest to a moment, None where it is further away than ``most``."""
        distance, votes = min((abs(at - moment), votes) for at, votes in self.readings)
        return votes if distance <= most else None

    def final(self, after: datetime) -> int | None:
        """Return the last reading, at least 60 hours after the page day began, and later than ``after``."""
        at, votes = self.readings[-1]
        return votes if at >= self.began_at + timedelta(hours=60) and at > after else None

    def score(self, votes: int, now: datetime) -> tuple[float, int]:
        """Return what decides the product's order first: the projected votes, then the comments."""
        hours = page_day_hours(self.began_at.date(), now)
        return round(projected_votes(votes, hours), 6), self.row.get("comments0") or 0


def read_series(row: Row) -> Series:
    """Return the series of one row."""
    readings = [(_at(row["t0"]), row["up0"]), *((_at(at), votes) for at, votes, *_ in row["later"])]
    began_at = datetime.combine(date.fromisoformat(row["page"]), datetime.min.time(), UTC)
    return Series(row, began_at, tuple(sorted(readings)))


def measure_votes(rows: Sequence[Row]) -> list[Measured]:
    """Order within a page day at about 08 UTC beside the votes at the next midnight; the papers of the last four
    page days together beside their final votes. Peer: the votes of the moment alone."""
    days: dict[str, list[Series]] = defaultdict(list)
    for series in map(read_series, rows):
        days[series.row["page"]].append(series)
    ahead, few, mixed, by_votes = [], [], [], []
    for page, papers in sorted(days.items()):
        seen_at = max(paper.readings[0][0] for paper in papers)
        midnight = papers[0].began_at + timedelta(days=1)
        later = [(paper, paper.nearest(midnight, timedelta(hours=5))) for paper in papers]
        known = [(paper, votes) for paper, votes in later if votes is not None]
        if len(known) >= _LEAST_OF_DAY and seen_at < midnight - timedelta(hours=12):
            ahead.append(_correlate(known, seen_at))
            few.append(_correlate([pair for pair in known if pair[0].row["up0"] <= 2], seen_at))
        pool = [
            (paper, now, final)
            for back in range(4)
            for paper in days.get((date.fromisoformat(page) - timedelta(days=back)).isoformat(), ())
            if (now := paper.nearest(seen_at, timedelta(hours=12))) is not None
            and (final := paper.final(seen_at)) is not None
        ]
        if len({paper.row["page"] for paper, _, _ in pool}) >= 2 and len(pool) >= 10:
            came = [float(final) for _, _, final in pool]
            mixed.append(spearman([paper.score(now, seen_at)[0] for paper, now, _ in pool], came))
            by_votes.append(spearman([now for _, now, _ in pool], came))
    return [
        Measured("votes 16 h ahead: Spearman", _mean(ahead), None, f"{len(ahead)} days"),
        Measured("votes, at most 2 yet: Spearman", _mean(few), None, f"{len(few)} days"),
        Measured(
            "votes, days mixed: Spearman",
            _mean(mixed),
            _mean(by_votes),
            f"{len(mixed)} pools; beside the votes alone",
        ),
    ]


def _correlate(known: Sequence[tuple[Series, int]], now: datetime) -> float | None:
    return spearman(
        [paper.score(paper.row["up0"], now) for paper, _ in known], [float(votes) for _, votes in known]
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return mean(known) if known else None


# --- diversity ----------------------------------------------------------------------------


def measure_diversity(rows: Sequence[Row]) -> list[Measured]:
    """The ten papers of each month with and without diversity: pairs that are more alike than 99 % of all pairs, and
    the votes that are kept (as percentiles)."""
    months: dict[str, list[FoldedEntry]] = defaultdict(list)
    for row, folded in zip(rows, make_entries(rows), strict=True):
        entry = Entry(
            folded.entry.key,
            row["title"],
            row["abstract"],
            organization=row.get("org") or "",
            upvotes=row["upvotes_last"],
            listed_on=_at(row["submitted"]).date(),
            sources=("hf",),
            id=folded.entry.id,
        )
        months[row["submitted"][:7]].append(FoldedEntry(entry, folded.fields))
    alike: dict[bool, list[int]] = {True: [], False: []}
    kept: dict[bool, list[float]] = {True: [], False: []}
    for papers in months.values():
        if len(papers) < 3 * _TOP:
            continue
        similarity = LexicalSimilarity(papers)
        keys = [folded.entry.key for folded in papers]
        every = sorted(similarity.compare(a, b) for n, a in enumerate(keys) for b in keys[:n])
        edge = every[int(len(every) * 0.99)]
        entries = [folded.entry for folded in papers]
        now = datetime.combine(max(e.listed_on for e in entries if e.listed_on), datetime.max.time(), UTC)
        scale = build_scale(entries, now)
        ranked = rank_entries([(entry, Match((), 1.0)) for entry in entries], Rank.TRENDING, now, scale)
        diverse = diversify(ranked, lambda a, b: similarity.compare(a.key, b.key), _TOP)  # noqa: B023
        for is_diverse, order in ((True, diverse), (False, ranked)):
            top: list[Candidate] = list(order[:_TOP])
            pairs = [similarity.compare(a.entry.key, b.entry.key) for n, a in enumerate(top) for b in top[:n]]
            alike[is_diverse].append(sum(cosine > edge for cosine in pairs))
            kept[is_diverse].append(mean(candidate.score for candidate in top))
    if not alike[True]:
        return [Measured("near-duplicates in ten", None), Measured("votes kept", None)]
    note = f"{len(alike[True])} months; beside the order of votes alone"
    return [
        Measured("near-duplicates in ten", mean(alike[True]), mean(alike[False]), note),
        Measured("votes kept", mean(kept[True]), mean(kept[False]), note),
    ]


# --- the whole ----------------------------------------------------------------------------


def measure_all(folder: Path, say: Say) -> dict[str, list[Measured]]:
    """Return all measures by group; groups whose data is missing have none."""
    found: dict[str, list[Measured]] = {}

    def run(group: str, needed: Sequence[str], measure: Callable[..., list[Measured]]) -> None:
        say(group)
        data = [load(folder, name) for name in needed]
        if all(data):
            found[group] = measure(*data)
        else:
            say(f"  missing: {', '.join(name for name, rows in zip(needed, data, strict=True) if not rows)}")

    authors, hf, arxiv = "author_keywords.jsonl", "hf_daily.jsonl", "arxiv_categories.jsonl"
    ijcai = "ijcai_topics.jsonl"
    run("authors", [authors], lambda rows: measure_keywords(rows, "keywords", "authors' keywords"))
    run("hf", [hf], lambda rows: measure_keywords(rows, "ai_keywords", "HF keywords"))
    run("short", [authors], measure_short_terms)
    taxonomy = folder / "arxiv_taxonomy.json"
    if taxonomy.exists():
        names = json.loads(taxonomy.read_text(encoding="utf-8"))
        run(
            "about",
            [arxiv],
            lambda rows: [
                measure_described(make_entries(rows), describe_categories(rows, names), "about: nDCG@10")
            ],
        )
    run(
        "phrase",
        [ijcai],
        lambda rows: [measure_described(make_entries(rows), describe_phrases(rows), "phrase: nDCG@10")],
    )
    run("like", [ijcai, arxiv], measure_both_liked)
    run("csfcube", ["csfcube_queries.jsonl", "csfcube_docs.jsonl"], lambda q, d: [measure_csfcube(q, d)])
    run("votes", ["upvote_series.jsonl"], measure_votes)
    run("diversity", [hf], measure_diversity)
    return found


def measure_both_liked(ijcai: Sequence[Row], arxiv: Sequence[Row]) -> list[Measured]:
    """The mean of both sets at one, three and ten liked papers."""
    sets = [
        (rows, field, LexicalSimilarity(make_entries(rows)))
        for rows, field in ((ijcai, "labels"), (arxiv, "categories"))
    ]
    measured = []
    for liked in (1, 3, 10):
        each = [measure_liked(rows, field, liked, similarity) for rows, field, similarity in sets]
        note = "topics {}, categories {}".format(
            *("-" if value is None else f"{value:.3f}" for value in each)
        )
        measured.append(Measured(f"like {liked}: nDCG@10", _mean(each), None, note))
    return measured


def to_json(found: Mapping[str, Sequence[Measured]]) -> dict[str, Any]:
    """Return the figures by name; None for what was not measured."""

    def value(group: str, place: int = 0) -> float | None:
        return found[group][place].ours if group in found else None

    return {
        "keyword_f1": {"authors": value("authors", 2), "hf": value("hf", 2)},
        "about_ndcg10": {"core": value("about"), "semantic": None},
        "phrase_ndcg10": {"core": value("phrase"), "semantic": None},
        "like_ndcg10": {
            "core": {"1": value("like", 0), "3": value("like", 1), "10": value("like", 2)},
            "semantic": {"1": None, "3": None, "10": None},
        },
        "csfcube_map": {"core": value("csfcube"), "semantic": None},
        "votes": {"h16": value("votes", 0), "mixed": value("votes", 2), "few": value("votes", 1)},
        "short_terms_precision": value("short"),
        "diversity": {"near_duplicates": value("diversity", 0), "votes_kept": value("diversity", 1)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with the labelled papers")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    options = parser.parse_args()
    console = Console(width=120)
    found = measure_all(options.data, lambda line: console.print(line, style="dim"))
    table = Table("measure", "ours", "peer", "on")
    for lines in found.values():
        for line in lines:
            figures = ("-" if figure is None else f"{figure:.3f}" for figure in (line.ours, line.peer))
            table.add_row(line.name, *figures, line.note)
    console.print(table)
    if options.json:
        options.json.write_text(json.dumps(to_json(found), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

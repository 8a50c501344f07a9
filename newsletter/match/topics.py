"""What a reader wrote becomes a Topic, or a QueryError.

A topic is written as a name, as one line under a name, or in long form:

    - RAG
    - robotics: "robot*, manipulation, category:cs.RO"
    - name: Small models
      any: ["small language model", SLM]
      none: [survey, "title:benchmark"]

All three become the same tree: AllOf(AnyOf(any), all…, Not(none)…). Commas separate words; quotes protect them; what a
word says is read by `match.query`, what a line says by `match.topic_line`. ``query`` takes a boolean query string
instead. ``about`` describes what is wanted,
``like`` and ``unlike`` name papers; without any words these alone choose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from newsletter.errors import Message, QueryError, Steps
from newsletter.match.fold import fold
from newsletter.match.piece import Piece, did_you_mean, piece_of
from newsletter.match.query import (
    DEFAULT_WHERE,
    SCOPES,
    find_contradiction,
    parse_item,
    parse_query_piece,
    parse_whole,
    split_at_commas,
    split_query,
)
from newsletter.match.topic_line import MOST_LINE_CHARS, is_name, is_query, split_name
from newsletter.model.topics import AllOf, AnyOf, Not, Query, Rank, Scope, Topic

NO_LIBRARY: Mapping[str, Topic] = MappingProxyType({})

_GROUPS = ("any", "all", "none")
_WORDS = ("any", "all", "query")  # where one of them is, the name is none
_OWN = (*_GROUPS, "query", "where", "about", "like", "unlike")
_CALLED_ELSEWHERE: Mapping[str, str] = {
    "name": "title label",
    "any": "words keywords terms include or",
    "all": "must and required",
    "none": "exclude excludes not without except",
    "query": "search q filter",
    "where": "in fields field scope",
    "about": "description describe",
    "like": "similar example examples",
    "min_upvotes": "votes upvotes min_votes stars",
    "limit": "max top count",
    "wait": "delay",
    "rank": "sort order",
    "weight": "priority boost",
}
"""What other products call our keys."""
_MAX_WAIT = timedelta(days=90)


# --- topics -------------------------------------------------------------------------------


def parse_topics(topics_json: str, library: Mapping[str, Topic] = NO_LIBRARY) -> tuple[Topic, ...]:
    """Return the topics of a reader, in the reader's order, from a JSON list of forms (see parse_topic).

    Results are remembered, since most readers have the topics of others.
    Raises QueryError; its path begins with ``("topics", 1)``.
    """
    return _parse_topics_once(topics_json, tuple(library.items()))


@lru_cache(maxsize=4096)
def _parse_topics_once(topics_json: str, library: tuple[tuple[str, Topic], ...]) -> tuple[Topic, ...]:
    try:
        forms = json.loads(topics_json)
    except (ValueError, RecursionError) as error:
        position = error.pos if isinstance(error, json.JSONDecodeError) else 0
        raise QueryError(
            Message("topics are not JSON: {error}", error=error), text=topics_json, position=position
        ) from error
    if not isinstance(forms, list):
        raise QueryError(Message("topics must be a list"), text=topics_json)
    parse = _parser_of_forms(library)
    topics = []
    for index, form in enumerate(forms):
        try:
            topics.append(parse(json.dumps(form)))
        except QueryError as error:
            raise error.within("topics", index) from error
    check_names(topics)
    return tuple(topics)


@lru_cache(maxsize=8)
def _parser_of_forms(library: tuple[tuple[str, Topic], ...]) -> Callable[[str], Topic]:
    """Return what parses one form, as JSON. It remembers: readers whose lists differ have the same topics in them, and
    then share one object; and what many ask for under names of their own is parsed once."""
    known = dict(library)
    parse_nameless = lru_cache(maxsize=20_000)(
        lambda rest_json: parse_topic({"name": "-", **json.loads(rest_json)}, known)
    )

    @lru_cache(maxsize=20_000)
    def parse(form_json: str) -> Topic:
        form = json.loads(form_json)
        if isinstance(form, dict) and "name" in form and not form.keys().isdisjoint(_WORDS):
            rest = {key: value for key, value in form.items() if key != "name"}
            with suppress(QueryError):  # a mistake is told with the name
                name = _parse_name(form["name"], ("name",))
                return replace(parse_nameless(json.dumps(rest)), name=name)
        return parse_topic(form, known)

    return parse


def list_names(topics_json: str, library: Mapping[str, Topic]) -> list[str]:
    """Return the names of stored topics, as parse_topics reads them; none where they cannot be read any more."""
    try:
        return [topic.name for topic in parse_topics(topics_json, library)]
    except QueryError:
        return []


def parse_topic(form: object, library: Mapping[str, Topic] = NO_LIBRARY) -> Topic:
    """Return the topic of one YAML or JSON form: a line, ``{name: line}``, or the long form with ``name``.

    A name that stands alone (or with limits, but without words) means the topic of the library with
    that name, and otherwise is itself what is looked for. Scalars may be text, int or float.
    Raises QueryError with the text and position of the mistake, and its path inside the topic: ``("any", 2)``.
    """
    if isinstance(form, Mapping):
        return _parse_mapping(form, library)
    if _is_scalar(form):
        return _parse_line(str(form), library)
    return piece_of("").fail(
        Message("a topic must be a name, 'name: words', or a mapping with 'name'"),
        hint=Message("write it without brackets: - RAG"),
    )


def check_names(topics: Sequence[Topic]) -> None:
    """Raise QueryError where two topics of a reader have the same name (case and spaces aside)."""
    seen: dict[str, int] = {}
    for index, topic in enumerate(topics):
        first = seen.setdefault(topic.name.casefold(), index)
        if first != index:
            raise QueryError(
                Message("two topics have the name {name}", name=repr(topic.name)),
                text=topic.name,
                hint=Message("rename or remove one (the other is topics[{number}])", number=first),
                path=("topics", index),
            )


# --- lines --------------------------------------------------------------------------------


def _parse_line(text: str, library: Mapping[str, Topic]) -> Topic:
    line = piece_of(text)
    if not line.value:
        line.fail(Message("the name is empty"), hint=Message("give the topic a name"))
    if line.value.startswith("{"):
        line.fail(
            Message("a topic in braces must not be quoted"),
            hint=Message("write it without quotes: {{name: RAG, limit: 5}}"),
        )
    known = _find_in(library, " ".join(line.written.split()))
    if known is not None:
        return known
    name, words = split_name(line)
    if name in _KEYS and words is not line:
        return _parse_long({name: words.written}, library)
    return Topic(name, _parse_words_line(words))


def _parse_named(name: str, line: str, library: Mapping[str, Topic]) -> Topic:
    """Return the topic of ``name: line``, which YAML has taken apart."""
    if is_name(piece_of(name).value):
        return Topic(_parse_name(name, (name,)), _parse_words_line(piece_of(line, (name,))))
    try:
        return _parse_line(f"{name}: {line}", library)
    except QueryError as error:
        at = error.position - len(name) - 2
        text, position = (line, at) if at >= 0 else (name, error.position)
        raise QueryError(error.message, text=text, position=position, hint=error.hint) from error


def _parse_words_line(words: Piece, where: tuple[Scope, ...] = DEFAULT_WHERE) -> Query:
    """Return what a line of words asks for: a query string, or words with commas between them of which any will do."""
    if len(words.value) > MOST_LINE_CHARS:
        words.fail(
            Message("this topic has more than {most} characters", most=MOST_LINE_CHARS),
            at=MOST_LINE_CHARS,
            hint=Message("split it into several"),
        )
    if is_query(words.value):
        return parse_query_piece(words, where)
    return _build_query({"any": tuple(parse_item(item, where) for item in split_at_commas(words))})


def _parse_mapping(form: Mapping[Any, object], library: Mapping[str, Topic]) -> Topic:
    if "name" in form or len(form) != 1:
        return _parse_long(form, library)
    name, line = next(iter(form.items()))
    if name in _KEYS:
        return _parse_long(form, library)
    if isinstance(line, Mapping):
        return piece_of(str(name)).fail(
            Message("the words of {name} must be a line or a list", name=repr(str(name))),
            hint=Message("long form: 'name: {name}' next to its keys", name=name),
        )
    if _is_scalar(line) and str(line).strip():
        return _parse_named(str(name), str(line), library)
    return _parse_long({"name": name, "any": line}, library, {"any": str(name)})


def _parse_long(
    form: Mapping[Any, object],
    library: Mapping[str, Topic],
    shown_as: Mapping[str, str] = MappingProxyType({}),
) -> Topic:
    """Parse the long form. shown_as names keys as the reader wrote them, for messages."""
    _check_keys(form)
    name = _parse_name(form.get("name"), ("name",))
    topic = None if any(key in form for key in _OWN) else _find_in(library, name)
    if topic is None:
        topic = _parse_own(form, name, shown_as)
    settings = {key: parse(form[key], (key,)) for key, parse in _SETTINGS.items() if key in form}
    return replace(topic, **settings)


def _parse_own(form: Mapping[Any, object], name: str, shown_as: Mapping[str, str]) -> Topic:
    """Return the topic that the form's own words, description and papers make."""
    where = _parse_where(form["where"], ("where",)) if "where" in form else DEFAULT_WHERE
    groups = {
        key: _parse_group(form[key], where, (shown_as.get(key, key),)) for key in _GROUPS if key in form
    }
    if "query" in form:
        whole = parse_query_piece(_scalar(form["query"], ("query",)), where)
        groups["all"] = (whole, *groups.get("all", ()))
    about = _parse_about(form["about"], ("about",)) if "about" in form else ""
    like, unlike = (_parse_papers(form[key], (key,)) if key in form else () for key in ("like", "unlike"))
    twice = sorted(set(like) & set(unlike))
    if twice:
        piece_of(twice[0], ("unlike",)).fail(
            Message("{paper} is both liked and disliked", paper=twice[0]), hint=Message("remove one")
        )
    has_words = "any" in groups or "all" in groups
    is_described = bool(about or like) and not has_words
    if is_described and "where" in form and not groups:
        piece_of("", ("where",)).fail(
            Message("there are no words to search for"),
            hint=Message("add them under 'any', or remove 'where'"),
        )
    if not has_words and not is_described:
        groups["any"] = (_parse_words_line(piece_of(name, ("name",)), where),)
    query = _build_query(groups)
    problem = find_contradiction(query)
    if problem:
        piece_of(name).fail(
            Message("nothing can match: {problem}", problem=problem),
            hint=Message("remove it from 'none', or from the rest"),
        )
    return Topic(name, query, about=about, like=like, unlike=unlike, is_described=is_described)


def _check_keys(form: Mapping[Any, object]) -> None:
    for key in form:
        if key not in _KEYS:
            piece_of(str(key)).fail(
                Message("unknown key {key}", key=repr(str(key))),
                hint=did_you_mean(str(key), _KEYS, _CALLED_ELSEWHERE),
            )


def _parse_name(value: object, path: Steps) -> str:
    if not _is_scalar(value):
        piece_of("", path).fail(Message("a topic needs a name on one line"), hint=Message("write name: RAG"))
    name = " ".join(str(value).split())
    if not name:
        piece_of("", path).fail(Message("the name is empty"), hint=Message("give the topic a name"))
    return name


def _find_in(library: Mapping[str, Topic], name: str) -> Topic | None:
    wanted = name.casefold()
    return next((topic for key, topic in library.items() if key.casefold() == wanted), None)


# --- groups of words ----------------------------------------------------------------------


def _parse_group(value: object, where: tuple[Scope, ...], path: Steps) -> tuple[Query, ...]:
    return tuple(parse_item(item, where) for item in _split_group(value, path))


def _split_group(value: object, path: Steps) -> list[Piece]:
    """Return the items of ``any``, ``all`` or ``none``: a line with commas, or a list of such lines."""
    lines: list[Piece] = []
    if isinstance(value, list | tuple):
        for index, line in enumerate(value):
            if not _is_scalar(line):
                piece_of("", (*path, index)).fail(
                    Message("a word must be text"), hint=Message("write each word on its own line")
                )
            lines.append(piece_of(str(line), (*path, index)))
    elif _is_scalar(value):
        lines.append(piece_of(str(value), path))
    elif value is not None:
        piece_of("", path).fail(
            Message("must be a line of words or a list of words"), hint=Message("such as [robot, drone]")
        )
    if not any(line.value for line in lines):
        piece_of("", path).fail(Message("the group is empty"), hint=Message("add words or remove the key"))
    return [item for line in lines for item in split_at_commas(line)]


def list_items(form: object, library: Mapping[str, Topic] = NO_LIBRARY) -> list[Piece]:
    """Return the words of a topic as they are written in its form, each with its place; nothing of a topic that stands
    in the library. The form is one that `parse_topic` reads."""
    if not isinstance(form, Mapping):
        line = piece_of(str(form))
        known = _find_in(library, " ".join(line.written.split()))
        return [] if known else _split_words(split_name(line)[1])
    if "name" not in form:
        ((name, line),) = form.items()
        if isinstance(line, list | tuple):
            return _split_group(line, (str(name),))
        if is_name(piece_of(str(name)).value):
            return _split_words(piece_of(str(line), (str(name),)))
        return list_items(f"{name}: {line}", library)
    items = [item for key in _GROUPS if key in form for item in _split_group(form[key], (key,))]
    if "query" in form:
        items += split_query(piece_of(str(form["query"]), ("query",)))
    if not any(key in form for key in _OWN) and not _find_in(library, str(form["name"])):
        items += _split_words(piece_of(str(form["name"]), ("name",)))
    return items


def _split_words(words: Piece) -> list[Piece]:
    return split_query(words) if is_query(words.value) else split_at_commas(words)


def _build_query(groups: Mapping[str, tuple[Query, ...]]) -> Query:
    parts: list[Query] = []
    wanted = groups.get("any", ())
    if wanted:
        parts.append(wanted[0] if len(wanted) == 1 else AnyOf(wanted))
    parts.extend(groups.get("all", ()))
    parts.extend(Not(part) for part in groups.get("none", ()))
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


# --- descriptions and papers --------------------------------------------------------------

_MAX_ABOUT_CHARS = 2000
_MAX_PAPERS = 200
_PAPER = re.compile(
    r"(?:arxiv:\s*)?(?:[0-9]{4}\.[0-9]{4,5}|[a-z-]+(?:\.[a-z]{2})?/[0-9]{7})(?:v[0-9]{1,2})?"
    r"|(?:doi:\s*)?10\.[0-9]{4,9}/\S+|https?://\S+",
    re.IGNORECASE,
)


def _parse_about(value: object, path: Steps) -> str:
    text = _scalar(value, path)
    if not fold(text.value).surfaces:
        text.fail(
            Message("the description is empty"),
            hint=Message("write a sentence on what you want to read about"),
        )
    if len(text.value) > _MAX_ABOUT_CHARS:
        text.fail(
            Message("the description is longer than {most} characters", most=_MAX_ABOUT_CHARS),
            at=_MAX_ABOUT_CHARS,
            hint=Message("a few sentences are enough"),
        )
    return " ".join(text.value.split())


def _parse_papers(value: object, path: Steps) -> tuple[str, ...]:
    """Return the papers of ``like`` or ``unlike``: a line with commas, or a list of identifiers."""
    items = value if isinstance(value, list | tuple) else [value]
    papers: dict[str, None] = {}
    for index, item in enumerate(items):
        place = (*path, index) if isinstance(value, list | tuple) else path
        if not _is_scalar(item):
            piece_of("", place).fail(
                Message("a paper must be an arXiv id, a DOI or a URL"),
                hint=Message("such as 2402.17764"),
            )
        line = piece_of(_write_arxiv_id(item) if isinstance(item, float) else str(item), place)
        for name in split_at_commas(line):
            if not _PAPER.fullmatch(name.value):
                name.fail(
                    Message("{name} is not a paper", name=repr(name.value[:60])),
                    hint=Message("write an arXiv id (2402.17764), a DOI (10.1000/182) or a URL (https://…)"),
                )
            papers[name.value] = None
    if not papers:
        piece_of("", path).fail(Message("names no paper"), hint=Message("add one or remove the key"))
    if len(papers) > _MAX_PAPERS:
        piece_of("", path).fail(
            Message("more than {most} papers", most=_MAX_PAPERS), hint=Message("the newest ones matter most")
        )
    return tuple(papers)


def _write_arxiv_id(number: float) -> str:
    """Return the arXiv id that YAML read as a number: 2402.1 was 2402.10000.

    Ids have five digits after the dot since January 2015, and four before
    (https://info.arxiv.org/help/arxiv_identifier.html).
    """
    digits = 5 if number >= 1501 else 4
    return f"{number:0{digits + 5}.{digits}f}"


# --- settings -----------------------------------------------------------------------------


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _scalar(value: object, path: Steps) -> Piece:
    if not _is_scalar(value):
        piece_of("", path).fail(Message("must be a single value"), hint=Message("write it without brackets"))
    return piece_of(str(value), path)


def _parse_where(value: object, path: Steps) -> tuple[Scope, ...]:
    names = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value or "")
    whole = piece_of(names, path)
    found: dict[Scope, None] = {}
    for name in split_at_commas(whole):
        scope = SCOPES.get(name.value.casefold())
        if scope is None:
            name.fail(
                Message("unknown scope {name}", name=repr(name.value)),
                hint=did_you_mean(name.value, tuple(SCOPES)),
            )
        found[scope] = None
    return tuple(found)


def _parse_min_upvotes(value: object, path: Steps) -> int:
    return parse_whole(_scalar(value, path))


def _parse_limit(value: object, path: Steps) -> int:
    text = _scalar(value, path)
    limit = parse_whole(text)
    if limit < 1:
        text.fail(Message("must be at least 1"), hint=Message("for none, remove the topic"))
    return limit


def _parse_weight(value: object, path: Steps) -> float:
    text = _scalar(value, path)
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text.value) or float(text.value) == 0:
        text.fail(
            Message("{text} is not a number above 0", text=repr(text.value)),
            hint=Message("write it like 1.5"),
        )
    return float(text.value)


def _parse_wait(value: object, path: Steps) -> timedelta:
    text = _scalar(value, path)
    found = re.fullmatch(r"([0-9]{1,4})\s*([dh])", text.value)
    if not found:
        return text.fail(
            Message("{text} is not a duration", text=repr(text.value)),
            hint=Message("write days or hours like 2d or 12h"),
        )
    count = int(found[1])
    wait = timedelta(days=count) if found[2] == "d" else timedelta(hours=count)
    if wait > _MAX_WAIT:
        text.fail(
            Message("{text} is too long", text=repr(text.value)),
            hint=Message("at most {most}d", most=_MAX_WAIT.days),
        )
    return wait


def _parse_rank(value: object, path: Steps) -> Rank:
    text = _scalar(value, path)
    known = [rank.value for rank in Rank]
    if text.value.casefold() not in known:
        text.fail(Message("unknown rank {text}", text=repr(text.value)), hint=did_you_mean(text.value, known))
    return Rank(text.value.casefold())


_SETTINGS: Mapping[str, Callable[[object, Steps], Any]] = {
    "min_upvotes": _parse_min_upvotes,
    "wait": _parse_wait,
    "limit": _parse_limit,
    "weight": _parse_weight,
    "rank": _parse_rank,
}

_KEYS = ("name", *_OWN, *_SETTINGS)

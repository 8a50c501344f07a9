"""The topic language: what a reader wrote becomes a Topic with its Query tree, or a QueryError.

A topic is written as a name, as one line under a name, or in long form:

    - RAG
    - robotics: "robot*, manipulation, category:cs.RO"
    - name: Small models
      any: ["small language model", SLM]
      none: [survey, "title:benchmark"]

All three become the same tree: AllOf(AnyOf(any), all…, Not(none)…). Commas separate words; quotes protect
them. A word may carry one mark (``robot*``, ``=RAG``, ``agent~``, ``"a b"~5``), be a regular expression
(``/fine-?tun\\w+/``) or a comparison (``upvotes>=3``), and have a scope (``title:``).

``query`` takes a boolean query string instead (match/query.lark): ``(alignment OR jailbreak~) AND NOT title:survey``.
`parse_query` and `print_query` are each other's inverse.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from difflib import get_close_matches
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NoReturn

import re2
from lark import Lark, Token, Tree, UnexpectedInput

from newsletter.errors import QueryError
from newsletter.match.fold import fold
from newsletter.match.spelling import word_forms
from newsletter.model import AllOf, AnyOf, Compare, Measure, Not, Query, Rank, Scope, Spelling, Topic, Words

NO_LIBRARY: Mapping[str, Topic] = MappingProxyType({})

_DEFAULT_WHERE = (Scope.TITLE, Scope.ABSTRACT)
_SCOPES = {scope.value: scope for scope in Scope} | {"cat": Scope.CATEGORY}
_GROUPS = ("any", "all", "none")
_KEYS = ("name", *_GROUPS, "query", "where", "min_upvotes", "wait", "limit", "weight", "rank")
_LATER_KEYS = ("about", "like", "unlike")
_CODES = frozenset({Scope.CATEGORY, Scope.PRIMARY})
_CODE_SCOPES = ((Scope.CATEGORY,), (Scope.PRIMARY,))
_MIN_PREFIX = 3
_MAX_WAIT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class _Text:
    """A piece of what the reader wrote: whole[start:], stripped, and the path of whole inside the topic."""

    value: str
    whole: str
    start: int
    path: str

    def part(self, begin: int, end: int | None = None) -> _Text:
        """Return value[begin:end] without the spaces around it, as a piece with its own place."""
        raw = self.value[begin:end]
        return replace(self, value=raw.strip(), start=self.start + begin + len(raw) - len(raw.lstrip()))

    def fail(self, message: str, *, at: int = 0, hint: str = "") -> NoReturn:
        text = f"{self.path}: {message}" if self.path else message
        raise QueryError(text, text=self.whole, position=self.start + at, hint=hint)


def _text_of(raw: str, path: str) -> _Text:
    return _Text(raw, raw, 0, path).part(0)


def _nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that was probably meant, or an empty text."""
    names = sorted(known)
    word = word.casefold()[:40]
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return close[0]
    begun = [name for name in names if len(word) >= 2 and name.startswith(word)]
    return begun[0] if begun else ""


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    nearest = _nearest(word, known)
    return f"did you mean '{nearest}'?" if nearest else f"known: {', '.join(known)}"


# --- topics -------------------------------------------------------------------------------


def parse_topics(topics_json: str, library: Mapping[str, Topic] = NO_LIBRARY) -> tuple[Topic, ...]:
    """Return the topics of a reader, in the reader's order, from a JSON list of forms (see parse_topic).

    Results are remembered, since most readers have the topics of others.
    Raises QueryError; its message begins with the place: ``topics[1].any[0]: …``.
    """
    return _parse_topics_once(topics_json, tuple(library.items()))


@lru_cache(maxsize=4096)
def _parse_topics_once(topics_json: str, library: tuple[tuple[str, Topic], ...]) -> tuple[Topic, ...]:
    try:
        forms = json.loads(topics_json)
    except (ValueError, RecursionError) as error:
        position = error.pos if isinstance(error, json.JSONDecodeError) else 0
        raise QueryError(f"topics are not JSON: {error}", text=topics_json, position=position) from error
    if not isinstance(forms, list):
        raise QueryError("topics must be a list", text=topics_json)
    known = dict(library)
    topics = tuple(_parse_form(form, known, f"topics[{index}]") for index, form in enumerate(forms))
    check_names(topics)
    return topics


def parse_topic(form: object, library: Mapping[str, Topic] = NO_LIBRARY) -> Topic:
    """Return the topic of one YAML or JSON form: a name, ``{name: line}``, or the long form with ``name``.

    A name that stands alone (or with limits, but without words) means the topic of the library with
    that name, and otherwise is itself the word looked for. Scalars may be text, int or float.
    Raises QueryError with the text and position of the mistake; its message begins with the path
    inside the topic: ``any[2]: …``.
    """
    return _parse_form(form, library, "")


def check_names(topics: Sequence[Topic]) -> None:
    """Raise QueryError where two topics of a reader have the same name (case and spaces aside)."""
    seen: dict[str, int] = {}
    for index, topic in enumerate(topics):
        first = seen.setdefault(topic.name.casefold(), index)
        if first != index:
            raise QueryError(
                f"topics[{index}]: there are two topics with the name {topic.name!r}",
                text=topic.name,
                hint=f"rename or remove one (the other is topics[{first}])",
            )


def _parse_form(form: object, library: Mapping[str, Topic], path: str) -> Topic:
    if isinstance(form, Mapping):
        return _parse_mapping(form, library, path)
    if _is_scalar(form):
        return _parse_long({"name": form}, library, path)
    return _text_of("", path).fail("a topic must be a name, 'name: words', or a mapping with 'name'")


def _parse_mapping(form: Mapping[Any, object], library: Mapping[str, Topic], path: str) -> Topic:
    if "name" in form or len(form) != 1:
        return _parse_long(form, library, path)
    name, line = next(iter(form.items()))
    if name in _KEYS or name in _LATER_KEYS:
        return _parse_long(form, library, path)
    if isinstance(line, Mapping):
        return _text_of(str(name), path).fail(
            f"the words of {str(name)!r} must be a line or a list",
            hint=f"long form: 'name: {name}' beside its keys",
        )
    return _parse_long({"name": name, "any": line}, library, path, {"any": str(name)})


def _parse_long(
    form: Mapping[Any, object],
    library: Mapping[str, Topic],
    path: str,
    shown_as: Mapping[str, str] = MappingProxyType({}),
) -> Topic:
    """Parse the long form. shown_as names keys as the reader wrote them, for messages."""

    def path_of(key: str) -> str:
        return ".".join(part for part in (path, shown_as.get(key, key)) if part)

    _check_keys(form, path)
    name = _parse_name(form.get("name"), path_of("name"))
    topic = _find_in(library, name) if not any(key in form for key in (*_GROUPS, "query", "where")) else None
    if topic is None:
        where = _parse_where(form["where"], path_of("where")) if "where" in form else _DEFAULT_WHERE
        groups = {key: _parse_group(form[key], where, path_of(key)) for key in _GROUPS if key in form}
        if "query" in form:
            whole = _parse_query(_scalar(form["query"], path_of("query")), where)
            groups["all"] = (whole, *groups.get("all", ()))
        if "any" not in groups and "all" not in groups:
            groups["any"] = _parse_group(name, where, path_of("name") if len(form) > 1 else path)
        query = _build_query(groups)
        problem = find_contradiction(query)
        if problem:
            _text_of(name, path).fail(
                f"nothing can match: {problem}", hint="take it out of 'none', or out of the rest"
            )
        topic = Topic(name, query)
    settings = {key: parse(form[key], path_of(key)) for key, parse in _SETTINGS.items() if key in form}
    return replace(topic, **settings)


def _check_keys(form: Mapping[Any, object], path: str) -> None:
    for key in form:
        if key in _KEYS:
            continue
        shown = _text_of(str(key), path)
        if key in _LATER_KEYS:
            shown.fail(f"'{key}' is not supported yet", hint=f"known: {', '.join(_KEYS)}")
        shown.fail(f"unknown key {str(key)!r}", hint=_did_you_mean(str(key), _KEYS))


def _parse_name(value: object, path: str) -> str:
    if not _is_scalar(value):
        _text_of("", path).fail("a topic needs a name, in one line of text")
    name = " ".join(str(value).split())
    if not name:
        _text_of("", path).fail("the name is empty")
    return name


def _find_in(library: Mapping[str, Topic], name: str) -> Topic | None:
    wanted = name.casefold()
    return next((topic for key, topic in library.items() if key.casefold() == wanted), None)


# --- groups of words ----------------------------------------------------------------------


def _parse_group(value: object, where: tuple[Scope, ...], path: str) -> tuple[Query, ...]:
    """Return the items of ``any``, ``all`` or ``none``: a line with commas, or a list of such lines."""
    lines: list[_Text] = []
    if isinstance(value, list | tuple):
        for index, line in enumerate(value):
            if not _is_scalar(line):
                _text_of("", f"{path}[{index}]").fail("a word must be text")
            lines.append(_text_of(str(line), f"{path}[{index}]"))
    elif _is_scalar(value):
        lines.append(_text_of(str(value), path))
    elif value is not None:
        _text_of("", path).fail("must be a line of words or a list of words")
    if not any(line.value for line in lines):
        _text_of("", path).fail("the group is empty", hint="add words or leave the key out")
    return tuple(_parse_item(item, where) for line in lines for item in _split_at_commas(line))


_PATTERN_ITEM = re.compile(r"(?:\A|,)\s*(?:[^\W\d|]+:\s*)?(/(?:\\.|[^/\\])+/)(?=\s*(?:,|\Z))")


def _split_at_commas(line: _Text) -> list[_Text]:
    """Return the items of a line. Commas in quotes, in braces and in a regular expression do not separate."""
    cuts = [-1]
    quote = brace = -1
    patterns = [found.span(1) for found in _PATTERN_ITEM.finditer(line.value)]
    for index, char in enumerate(line.value):
        if any(begin <= index < end for begin, end in patterns):
            continue
        if char == '"':
            quote = index if quote < 0 else -1
        elif quote >= 0:
            continue
        elif char == "{":
            brace = index
        elif char == "}":
            brace = -1
        elif char == "," and brace < 0:
            cuts.append(index)
    if quote >= 0:
        line.fail("this quote is not closed", at=quote)
    if brace >= 0:
        line.fail("this brace is not closed", at=brace)
    cuts.append(len(line.value))
    return [line.part(begin + 1, end) for begin, end in pairwise(cuts)]


def _build_query(groups: Mapping[str, tuple[Query, ...]]) -> Query:
    parts: list[Query] = []
    wanted = groups.get("any", ())
    if wanted:
        parts.append(wanted[0] if len(wanted) == 1 else AnyOf(wanted))
    parts.extend(groups.get("all", ()))
    parts.extend(Not(part) for part in groups.get("none", ()))
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def find_contradiction(query: Query) -> str:
    """Return why nothing at all can match a query, or an empty text where something can."""
    return _why_dead(query, ())


def _why_dead(query: Query, forbidden: Sequence[Words]) -> str:
    match query:
        case Words():
            return f"{_shown(query)} is both needed and forbidden" if _is_covered(query, forbidden) else ""
        case AnyOf():
            reasons = [_why_dead(part, forbidden) for part in query.parts]
            if not reasons or not all(reasons):
                return ""
            return f"{', '.join(_shown(part) for part in query.parts)}: all that is wanted is also forbidden"
        case AllOf():
            return _why_all_dead(query, forbidden)
        case _:
            return ""


def _why_all_dead(query: AllOf, forbidden: Sequence[Words]) -> str:
    banned = [*forbidden]
    for part in query.parts:
        if isinstance(part, Not):
            inner = part.part.parts if isinstance(part.part, AnyOf) else (part.part,)
            banned += [words for words in inner if isinstance(words, Words)]
    for part in query.parts:
        reason = _why_dead(part, banned)
        if reason:
            return reason
    return _why_out_of_range([part for part in query.parts if isinstance(part, Compare)])


def _why_out_of_range(comparisons: Sequence[Compare]) -> str:
    """Return which two comparisons leave no number between them, or an empty text."""
    for low in comparisons:
        for high in comparisons:
            if low.measure is not high.measure or low.operator not in (">", ">=", "=") or low is high:
                continue
            from_, to = _ordinal(low), _ordinal(high)
            from_ += low.operator == ">"
            to -= high.operator == "<"
            if high.operator in ("<", "<=", "=") and from_ > to:
                return f"{_shown(low)} and {_shown(high)} exclude each other"
    return ""


def _ordinal(comparison: Compare) -> int:
    if comparison.measure is Measure.DATE:
        return date.fromisoformat(comparison.value).toordinal()
    return int(comparison.value)


def _is_covered(needed: Words, forbidden: Sequence[Words]) -> bool:
    return any(_covers(words, needed) for words in forbidden)


def _covers(forbidden: Words, needed: Words) -> bool:
    """Say whether every text with the needed words has the forbidden ones, as far as their spelling shows."""
    if not set(needed.where) <= set(forbidden.where):
        return False
    if forbidden == replace(needed, where=forbidden.where):
        return True
    return (
        forbidden.spelling is Spelling.FOLDED
        and needed.spelling is Spelling.FOLDED
        and _CODES.isdisjoint(forbidden.where)
        and not _forms(forbidden.text).isdisjoint(_forms(needed.text))
    )


def _forms(text: str) -> frozenset[str]:
    folded = fold(text)
    before = folded.letters[: folded.offsets[-2]]
    return frozenset(before + form for form in word_forms(folded.tokens[-1].surface))


def written(words: Words) -> str:
    """Return a word with its mark, as the reader wrote it: ``robot*``, ``=RAG``, ``agent~``, ``/rag/``."""
    match words.spelling:
        case Spelling.EXACT:
            return f"={words.text}"
        case Spelling.REGEX:
            return f"/{words.text}/"
        case Spelling.NEAR:
            return f'"{words.text}"~{words.within}'
        case Spelling.PREFIX:
            return words.text + "*"
        case Spelling.INFLECTED:
            return words.text + "~"
        case Spelling.FOLDED:
            return words.text


def print_query(query: Query) -> str:
    """Return a query in the language of query strings, such that `parse_query` gives the same tree again.

    Scopes that are not the usual two stand before a word, joined by "|". A query that takes everything is an
    empty text, which is no query string.
    """
    match query:
        case Words():
            return _print_words(query)
        case Compare():
            return f"{query.measure}{query.operator}{query.value}"
        case Not():
            return f"NOT {_print_part(query.part)}"
        case AllOf():
            return " AND ".join(map(_print_part, query.parts))
        case AnyOf():
            return " OR ".join(map(_print_part, query.parts))


def _print_part(query: Query) -> str:
    text = print_query(query)
    return f"({text})" if isinstance(query, AllOf | AnyOf) else text


_BARE = re.compile(r"[^\W_](?:[\w.+#-]*[\w+#])?")


def _print_words(words: Words) -> str:
    scope = "" if words.where == _DEFAULT_WHERE else "|".join(words.where) + ":"
    if words.where in _CODE_SCOPES:
        return scope + words.text
    text = f'"{words.text}"'
    if _BARE.fullmatch(words.text) and words.text not in ("AND", "OR", "NOT", "and", "or", "not"):
        text = words.text
    match words.spelling:
        case Spelling.EXACT:
            return f"{scope}={text}"
        case Spelling.PREFIX:
            return f"{scope}{words.text}*" if text == words.text else f'{scope}"{words.text}*"'
        case Spelling.INFLECTED:
            return f"{scope}{text}~"
        case Spelling.FOLDED:
            return scope + text
        case _:
            return scope + written(words)


def _shown(part: Query) -> str:
    return repr(written(part)) if isinstance(part, Words) else print_query(part)


# --- query strings ------------------------------------------------------------------------

_MAX_QUERY_CHARS = 4000
_MAX_DEPTH = 20
_SKIPPED = re.compile(r'"[^"]*"|(?<![^\s(:])/(?:\\.|[^/\\])+/(?=[\s()]|$)')


def parse_query(text: str, where: tuple[Scope, ...] = (Scope.TITLE, Scope.ABSTRACT)) -> Query:
    """Return the tree of a query string such as ``(alignment OR "red team*") AND NOT title:survey``.

    where is where words without a scope are looked for. Raises QueryError with the position of the mistake.
    """
    return _parse_query(_text_of(text, ""), where)


def _parse_query(text: _Text, where: tuple[Scope, ...]) -> Query:
    if not text.value:
        text.fail("the query is empty", hint='write words, such as: "small language model" OR SLM')
    if len(text.value) > _MAX_QUERY_CHARS:
        text.fail(f"the query is longer than {_MAX_QUERY_CHARS} characters", hint="make several topics of it")
    _check_brackets(text)
    try:
        tree = _grammar().parse(text.value)
    except UnexpectedInput as error:
        _fail_at(text, error)
    query = _build_tree(tree, text, where)
    problem = find_contradiction(query)
    if problem:
        text.fail(f"nothing can match: {problem}")
    return query


@lru_cache(maxsize=1)
def _grammar() -> Lark:
    return Lark.open("query.lark", rel_to=__file__, parser="lalr", maybe_placeholders=False)


def _check_brackets(text: _Text) -> None:
    """Raise QueryError for quotes and parentheses without their partners, and for too many in each other."""
    blanked = _SKIPPED.sub(lambda found: " " * len(found[0]), text.value)
    if '"' in blanked:
        text.fail("this quote is not closed", at=blanked.index('"'))
    opened: list[int] = []
    for index, char in enumerate(blanked):
        if char == "(":
            opened.append(index)
            if len(opened) > _MAX_DEPTH:
                text.fail(f"parentheses stand more than {_MAX_DEPTH} deep", at=index)
        elif char == ")":
            if not opened:
                text.fail("this parenthesis was never opened", at=index)
            if not blanked[opened[-1] + 1 : index].strip() and not text.value[opened[-1] + 1 : index].strip():
                text.fail("the group is empty", at=opened[-1], hint="put words into it or take it out")
            opened.pop()
    if opened:
        text.fail("this parenthesis is not closed", at=opened[-1])
    if re.search(r"(?:NOT\s+){20}", blanked):
        text.fail("there are too many NOT in a row", at=blanked.index("NOT"))


def _fail_at(text: _Text, error: UnexpectedInput) -> NoReturn:
    at: int | None = getattr(error, "pos_in_stream", None)
    is_end = at is None or at < 0 or getattr(getattr(error, "token", None), "type", "") == "$END"
    position = len(text.value) if is_end or at is None else at
    rest = text.value[position:]
    operator = re.match(r"AND|OR", rest)
    if not rest or rest.startswith(")"):
        text.fail("a word is missing here", at=position, hint="an operator stands between two words")
    if operator:
        hint = f'put quotes around it if it is text: "{operator[0]}"'
        text.fail(f"a word is missing before {operator[0]}", at=position, hint=hint)
    text.fail(f"{rest[:20]!r} was not expected here", at=position, hint="put quotes around text")


def _build_tree(tree: Tree[Token] | Token, text: _Text, where: tuple[Scope, ...]) -> Query:
    if isinstance(tree, Token):
        begin = tree.start_pos or 0
        return _parse_term(text.part(begin, begin + len(tree)), where)
    if tree.data == "negated":
        return Not(_build_tree(tree.children[0], text, where))
    if tree.data == "scoped":
        scope, inner = tree.children
        begin = int(getattr(scope, "start_pos", 0) or 0)
        name = text.part(begin, begin + len(str(scope)) - 1)
        return _build_tree(inner, text, _parse_scopes(name))
    parts = tuple(_build_tree(child, text, where) for child in tree.children)
    return AnyOf(parts) if tree.data == "or_" else AllOf(parts)


def _parse_term(item: _Text, where: tuple[Scope, ...]) -> Query:
    if item.value in ("and", "or", "not"):
        hint = f'write {item.value.upper()}, or "{item.value}" if you look for the word'
        item.fail("operators are written in capitals", hint=hint)
    if item.value.startswith("-"):
        item.fail("a word cannot begin with '-'", hint=f"write NOT {item.value[1:]}")
    if item.value.endswith(",") or item.value.startswith(","):
        item.fail("a comma means nothing in a query", at=item.value.index(","), hint="write OR between words")
    return _parse_item(item, where)


# --- one item -----------------------------------------------------------------------------

_COMPARISON = re.compile(r"([^\W\d]+)\s*(<=|>=|==|!=|<|>|=)\s*(.*)", re.DOTALL)
_SCOPED = re.compile(r'([^":]*):(.*)', re.DOTALL)
_OPERATOR = re.compile(r"(?<!\S)(?:AND|OR|NOT)(?!\S)")
_QUOTED = re.compile(r'"([^"]*)"(.*)', re.DOTALL)
_NEAR = re.compile(r"~\s*([0-9]{1,9})")
_MAX_WITHIN = 50


def _parse_item(item: _Text, where: tuple[Scope, ...]) -> Query:
    if not item.value:
        item.fail("a word is missing here", hint="take out the comma, or add the word")
    if item.value.startswith("-"):
        item.fail("a word cannot begin with '-'", hint="put what you do not want under 'none'")
    comparison = _COMPARISON.fullmatch(item.value)
    if comparison:
        return _parse_comparison(item, comparison)
    scoped = None if item.value.startswith("/") else _SCOPED.fullmatch(item.value)
    if scoped:
        scopes = _parse_scopes(item.part(0, scoped.end(1)))
        return _parse_words(item.part(scoped.start(2)), scopes)
    return _parse_words(item, where)


def _parse_scopes(names: _Text) -> tuple[Scope, ...]:
    """Return the scopes of ``title`` or ``title|tag``."""
    found: dict[Scope, None] = {}
    for name in names.value.split("|"):
        found[_parse_scope(names, name.strip())] = None
    return tuple(found)


def _parse_scope(item: _Text, name: str) -> Scope:
    found = _SCOPES.get(name.casefold())
    if found:
        return found
    nearest = _nearest(name, _SCOPES)
    hint = f"did you mean '{nearest}:'? If it is text, put" if nearest else "if it is text, put"
    return item.fail(f"unknown scope {name!r}", hint=f'{hint} quotes around it: "{item.whole.strip()}"')


def _parse_comparison(item: _Text, found: re.Match[str]) -> Compare:
    name, operator, value = found.groups()
    known = [measure.value for measure in Measure]
    if name.casefold() not in known:
        nearest = _nearest(name, known)
        hint = (
            f"did you mean '{nearest}'?"
            if nearest
            else f'if it is text, put quotes around it: "{item.value}"'
        )
        item.fail(f"unknown measure {name!r}", hint=hint)
    if operator in ("==", "!="):
        item.fail(f"unknown comparison {operator!r}", at=found.start(2), hint="known: < <= = >= >")
    measure = Measure(name.casefold())
    value_text = item.part(found.start(3))
    if measure is Measure.DATE:
        _parse_date(value_text)
    else:
        value = str(_parse_whole(value_text))
    return Compare(measure, operator, value)


def _parse_date(value: _Text) -> date:
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value.value):
            return date.fromisoformat(value.value)
    except ValueError:
        pass
    return value.fail(f"{value.value!r} is not a date", hint="write it as 2026-06-01")


def _parse_words(item: _Text, where: tuple[Scope, ...]) -> Words:
    if where in _CODE_SCOPES:
        return _parse_category(item, where)
    if len(item.value) > 1 and item.value.startswith("/") and item.value.endswith("/"):
        return _parse_pattern(item, where)
    body, spelling = item, Spelling.FOLDED
    if body.value.startswith("="):
        body, spelling = body.part(1), Spelling.EXACT
    quoted = _QUOTED.fullmatch(body.value)
    if quoted:
        inner, mark = body.part(*quoted.span(1)), body.part(quoted.start(2))
        near = _NEAR.fullmatch(mark.value)
        if near:
            return _parse_near(item, inner, int(near[1]), where, spelling)
        if mark.value not in ("", "~"):
            mark.fail("nothing may follow a closing quote", hint="separate words with commas")
    else:
        _check_unquoted(body)
        inner = body.part(0, -1) if body.value.endswith("~") else body
        mark = body.part(len(body.value) - 1) if body.value.endswith("~") else body.part(len(body.value))
    star = inner.value.endswith("*")
    if spelling is Spelling.EXACT and (star or mark.value):
        item.fail("'=' asks for the exact word, so it takes neither '*' nor '~'")
    if star and mark.value:
        item.fail("a word takes '*' or '~', not both")
    if star:
        spelling = Spelling.PREFIX
        inner = inner.part(0, -1)
    elif mark.value:
        spelling = Spelling.INFLECTED
    return _check_words(item, inner, Words(" ".join(inner.value.split()), where, spelling))


def _check_unquoted(body: _Text) -> None:
    operator = _OPERATOR.search(body.value)
    if operator:
        body.fail(
            f"{operator[0]} has no meaning in a list of words",
            at=operator.start(),
            hint="put the whole under 'query', or quotes around it if it is text",
        )
    if '"' in body.value:
        body.fail("a quote must stand at the beginning", at=body.value.index('"'))
    near = re.search(r"~\s*\d+\Z", body.value)
    if near:
        body.fail("nearness is for words in quotes", at=near.start(), hint='write it as "a b"~5')


def _parse_near(
    item: _Text, inner: _Text, within: int, where: tuple[Scope, ...], spelling: Spelling
) -> Words:
    words = inner.value.split()
    if spelling is Spelling.EXACT or "*" in inner.value:
        item.fail("words that are near each other take neither '=' nor '*'")
    if len(words) < 2 or not all(fold(word).tokens for word in words):
        item.fail("nearness needs two words at least", hint='write it as "a b"~5')
    if not 1 <= within <= _MAX_WITHIN:
        item.fail(f"~{within} is out of range", hint=f"write ~1 to ~{_MAX_WITHIN}")
    return Words(" ".join(words), where, Spelling.NEAR, within)


def _parse_pattern(item: _Text, where: tuple[Scope, ...]) -> Words:
    pattern = item.value[1:-1]
    try:
        compiled = compile_pattern(pattern)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error.args[0])
        return item.fail(f"not a regular expression: {reason}", at=1, hint="RE2 knows no look-around, no \\1")
    if compiled.search("") is not None:
        item.fail("this regular expression matches the empty text", hint="it would match everything")
    return Words(pattern, where, Spelling.REGEX)


@lru_cache(maxsize=4096)
def compile_pattern(pattern: str) -> Any:
    """Return the compiled RE2 pattern, case aside; RE2 reads any text in linear time. Raises re2.error."""
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = 1 << 20
    return re2.compile(pattern, options)


def _check_words(item: _Text, inner: _Text, words: Words) -> Words:
    if words.spelling is Spelling.PREFIX and not inner.value:
        item.fail("a star alone would match everything", hint="write at least three letters before it")
    if "*" in inner.value:
        item.fail("a star can only stand at the end", at=inner.start - item.start + inner.value.index("*"))
    tokens = fold(inner.value).tokens
    if not tokens:
        item.fail(f"{item.value!r} has no letters or digits" if item.value else "a word is missing here")
    if words.spelling is Spelling.PREFIX and len(tokens[-1].surface) < _MIN_PREFIX:
        item.fail(f"{item.value!r} is too short", hint="write at least three letters before the star")
    if words.where == (Scope.AUTHOR,) and all(len(token.surface) == 1 for token in tokens):
        item.fail(f"{item.value!r} has only initials", hint="write the family name in full: author:Doe J")
    return words


_CATEGORY = re.compile(r"[\w.-]*(?:\{[\w.,\s-]*\}[\w.-]*)?\*?", re.ASCII)


def _parse_category(item: _Text, where: tuple[Scope, ...]) -> Words:
    text = item.value.removeprefix('"').removesuffix('"').strip()
    if not text:
        item.fail("a category is missing here", hint="write one as cs.CL, cs.* or cs.{CL,LG}")
    if not text.strip("*. "):
        item.fail("a star alone would match everything", hint="write cs.* for all of cs")
    if not _CATEGORY.fullmatch(text) or re.search(r"[{,]\s*[,}]", text):
        item.fail(f"{text!r} is not a category", hint="write one as cs.CL, cs.* or cs.{CL,LG}")
    return Words("".join(text.split()), where)


# --- settings -----------------------------------------------------------------------------


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _scalar(value: object, path: str) -> _Text:
    if not _is_scalar(value):
        _text_of("", path).fail("must be a single value")
    return _text_of(str(value), path)


def _parse_whole(text: _Text) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text.value):
        text.fail(f"{text.value!r} is not a whole number from 0")
    return int(text.value)


def _parse_where(value: object, path: str) -> tuple[Scope, ...]:
    names = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value or "")
    whole = _text_of(names, path)
    found: dict[Scope, None] = {}
    for name in _split_at_commas(whole):
        scope = _SCOPES.get(name.value.casefold())
        if scope is None:
            name.fail(f"unknown scope {name.value!r}", hint=_did_you_mean(name.value, tuple(_SCOPES)))
        found[scope] = None
    return tuple(found)


def _parse_min_upvotes(value: object, path: str) -> int:
    return _parse_whole(_scalar(value, path))


def _parse_limit(value: object, path: str) -> int:
    text = _scalar(value, path)
    limit = _parse_whole(text)
    if limit < 1:
        text.fail("must be at least 1")
    return limit


def _parse_weight(value: object, path: str) -> float:
    text = _scalar(value, path)
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text.value) or float(text.value) == 0:
        text.fail(f"{text.value!r} is not a number above 0")
    return float(text.value)


def _parse_wait(value: object, path: str) -> timedelta:
    text = _scalar(value, path)
    found = re.fullmatch(r"([0-9]{1,4})\s*([dh])", text.value)
    if not found:
        return text.fail(f"{text.value!r} is not a duration", hint="write days or hours as 2d or 12h")
    count = int(found[1])
    wait = timedelta(days=count) if found[2] == "d" else timedelta(hours=count)
    if wait > _MAX_WAIT:
        text.fail(f"{text.value!r} is too long", hint=f"at most {_MAX_WAIT.days}d")
    return wait


def _parse_rank(value: object, path: str) -> Rank:
    text = _scalar(value, path)
    known = [rank.value for rank in Rank]
    if text.value.casefold() not in known:
        text.fail(f"unknown rank {text.value!r}", hint=_did_you_mean(text.value, known))
    return Rank(text.value.casefold())


_SETTINGS: Mapping[str, Callable[[object, str], Any]] = {
    "min_upvotes": _parse_min_upvotes,
    "wait": _parse_wait,
    "limit": _parse_limit,
    "weight": _parse_weight,
    "rank": _parse_rank,
}

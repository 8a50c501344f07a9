"""The query language: words with their marks and scopes, comparisons, and boolean query strings (query.lark).

A word may carry one mark (``robot*``, ``=RAG``, ``agent~``, ``"a b"~5``), be a regular expression
(``/fine-?tun\\w+/``) or a comparison (``upvotes>=3``), and have a scope (``title:``). Lists of words and query strings
such as ``(alignment OR jailbreak~) AND NOT title:survey`` have the same words.

`parse_query` and `print_query` are each other's inverse. Mistakes are QueryErrors with their place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NoReturn

import re2

from newsletter.errors import Message, QueryError
from newsletter.match.fold import STARRED, fold
from newsletter.match.piece import Piece, nearest_of, piece_of
from newsletter.match.spelling import word_forms
from newsletter.model.topics import AllOf, AnyOf, Compare, Measure, Not, Query, Scope, Spelling, Words

if TYPE_CHECKING:
    from lark import Lark, Token, Tree, UnexpectedInput

DEFAULT_WHERE = (Scope.TITLE, Scope.ABSTRACT)
"""Where words without a scope are looked for."""

SCOPES = {scope.value: scope for scope in Scope} | {"cat": Scope.CATEGORY}
"""The scopes by the words that readers write before a colon."""

OPERATORS = "AND|OR|NOT"
"""The operators of query strings (query.lark has them, too)."""

_CODES = frozenset({Scope.CATEGORY, Scope.PRIMARY})
_CODE_SCOPES = ((Scope.CATEGORY,), (Scope.PRIMARY,))
_MIN_PREFIX = 3
_STARRED = re.compile(STARRED)


# --- trees --------------------------------------------------------------------------------


def list_words(query: Query) -> list[Words]:
    """Return all words of a query in their order, also those that it excludes."""
    match query:
        case Words():
            return [query]
        case Compare():
            return []
        case Not():
            return list_words(query.part)
        case AllOf() | AnyOf():
            return [words for part in query.parts for words in list_words(part)]


def find_contradiction(query: Query) -> str:
    """Return why nothing at all can match a query, or an empty text where something can."""
    return _why_dead(query, ())


def _why_dead(query: Query, forbidden: Sequence[Words]) -> str:
    """Return why nothing can match, under words that are excluded from outside; empty where something can."""
    match query:
        case Words():
            return (
                Message("{query} is both required and excluded", query=_shown(query))
                if _is_covered(query, forbidden)
                else ""
            )
        case AnyOf():
            reasons = [_why_dead(part, forbidden) for part in query.parts]
            if not reasons or not all(reasons):
                return ""
            return Message(
                "{value}: everything required is also excluded",
                value=", ".join(_shown(part) for part in query.parts),
            )
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
                return Message("{low} and {high} exclude each other", low=_shown(low), high=_shown(high))
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
    return frozenset(before + form for form in word_forms(folded.surfaces[-1]))


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


_BARE = re.compile(rf"(?!(?:{OPERATORS}|{OPERATORS.lower()})\Z)[^\W_](?:[\w.+#-]*[\w+#])?")


def _print_words(words: Words) -> str:
    scope = "" if words.where == DEFAULT_WHERE else "|".join(words.where) + ":"
    if words.where in _CODE_SCOPES:
        return scope + words.text
    text = f'"{words.text}"'
    if _BARE.fullmatch(words.text):
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


def parse_query(text: str, where: tuple[Scope, ...] = DEFAULT_WHERE) -> Query:
    """Return the tree of a query string such as ``(alignment OR "red team*") AND NOT title:survey``.

    where is where words without a scope are looked for. Raises QueryError with the position of the mistake.
    """
    return parse_query_piece(piece_of(text), where)


def parse_query_piece(text: Piece, where: tuple[Scope, ...]) -> Query:
    """Return the tree of a query string that stands in a file. Raises QueryError."""
    if not text.value:
        text.fail(
            Message("the query is empty"), hint=Message('write words, such as: "small language model" OR SLM')
        )
    if len(text.value) > _MAX_QUERY_CHARS:
        text.fail(
            Message("the query is longer than {most} characters", most=_MAX_QUERY_CHARS),
            hint=Message("split it into several topics"),
        )
    _check_brackets(text)
    from lark import UnexpectedInput  # here: lists of words need no grammar

    try:
        tree = _grammar().parse(text.value)
    except UnexpectedInput as error:
        _fail_at(text, error)
    query = _build_tree(tree, text, where)
    problem = find_contradiction(query)
    if problem:
        text.fail(
            Message("nothing can match: {problem}", problem=problem), hint=Message("remove one of these")
        )
    return query


def split_query(text: Piece) -> list[Piece]:
    """Return the words of a query string that `parse_query_piece` reads, as they are written, without operators."""
    tokens = _grammar().lex(text.value)
    return [text.part(token.start_pos or 0, token.end_pos) for token in tokens if token.type == "TERM"]


@lru_cache(maxsize=1)
def _grammar() -> Lark:
    from lark import Lark

    return Lark.open("query.lark", rel_to=__file__, parser="lalr", maybe_placeholders=False)


def _check_brackets(text: Piece) -> None:
    """Raise QueryError for quotes and parentheses without their partners, and for too many in each other."""
    blanked = _SKIPPED.sub(lambda found: " " * len(found[0]), text.value)
    if '"' in blanked:
        text.fail(
            Message("this quote is not closed"),
            at=blanked.index('"'),
            hint=Message("put a quote at the end of the phrase, too"),
        )
    opened: list[int] = []
    for index, char in enumerate(blanked):
        if char == "(":
            opened.append(index)
            if len(opened) > _MAX_DEPTH:
                text.fail(
                    Message("parentheses are nested more than {most} deep", most=_MAX_DEPTH),
                    at=index,
                    hint=Message("split it into several topics"),
                )
        elif char == ")":
            _check_group(text, opened, index)
            opened.pop()
    if opened:
        text.fail(
            Message("this parenthesis is not closed"),
            at=opened[-1],
            hint=Message("put ')' after it or remove it"),
        )
    if re.search(r"(?:NOT\s+){20}", blanked):
        text.fail(
            Message("too many NOT in a row"),
            at=blanked.index("NOT"),
            hint=Message("two NOTs cancel each other"),
        )


def _check_group(text: Piece, opened: list[int], end: int) -> None:
    """Raise QueryError for a parenthesis that closes none, or nothing."""
    if not opened:
        text.fail(
            Message("this parenthesis was never opened"),
            at=end,
            hint=Message("put '(' before it or remove it"),
        )
    if not text.value[opened[-1] + 1 : end].strip():
        text.fail(Message("the group is empty"), at=opened[-1], hint=Message("add words to it or remove it"))


def _fail_at(text: Piece, error: UnexpectedInput) -> NoReturn:
    """Say what the parser stumbled over in words of the reader, at its place."""
    at: int | None = getattr(error, "pos_in_stream", None)
    is_end = at is None or at < 0 or getattr(getattr(error, "token", None), "type", "") == "$END"
    position = len(text.value) if is_end or at is None else at
    rest = text.value[position:]
    operator = re.match(r"AND|OR", rest)
    if not rest or rest.startswith(")"):
        text.fail(
            Message("a word is missing here"),
            at=position,
            hint=Message("an operator goes between two words"),
        )
    if operator:
        hint = Message('if it is text, quote it: "{word}"', word=operator[0])
        text.fail(Message("a word is missing before {word}", word=operator[0]), at=position, hint=hint)
    text.fail(
        Message("{word} is unexpected here", word=repr(rest[:20])),
        at=position,
        hint=Message("put quotes around text"),
    )


def _build_tree(tree: Tree[Token] | Token, text: Piece, where: tuple[Scope, ...]) -> Query:
    if isinstance(tree, str):
        begin = tree.start_pos or 0
        return _parse_term(text.part(begin, begin + len(tree)), where)
    if tree.data == "negated":
        return Not(_build_tree(tree.children[0], text, where))
    if tree.data == "scoped":
        scope, inner = tree.children
        begin = int(getattr(scope, "start_pos", 0) or 0)
        name = text.part(begin, begin + len(str(scope)) - 1)
        return _build_tree(inner, text, _parse_scopes(name, name.value))
    parts = tuple(_build_tree(child, text, where) for child in tree.children)
    return AnyOf(parts) if tree.data == "or_" else AllOf(parts)


def _parse_term(item: Piece, where: tuple[Scope, ...]) -> Query:
    if item.value in ("and", "or", "not"):
        hint = Message(
            'write {operator}, or "{word}" for the word', operator=item.value.upper(), word=item.value
        )
        item.fail(Message("operators are written in capitals"), hint=hint)
    if item.value.startswith("-"):
        item.fail(
            Message("a word cannot begin with '-'"), hint=Message("write NOT {item}", item=item.value[1:])
        )
    if item.value.endswith(",") or item.value.startswith(","):
        item.fail(
            Message("commas have no meaning in a query"),
            at=item.value.index(","),
            hint=Message("put OR between words"),
        )
    return parse_item(item, where)


# --- one item -----------------------------------------------------------------------------

_COMPARISON = re.compile(r"([^\W\d]+)\s*(<=|>=|==|!=|<|>|=)\s*(.*)", re.DOTALL)
_SCOPED = re.compile(r'([^":]*):(.*)', re.DOTALL)
_OPERATOR = re.compile(rf"(?<!\S)(?:{OPERATORS})(?!\S)")
_QUOTED = re.compile(r'"([^"]*)"(.*)', re.DOTALL)
_NEAR = re.compile(r"~\s*([0-9]{1,9})")
_MAX_WITHIN = 50


def parse_item(item: Piece, where: tuple[Scope, ...]) -> Query:
    """Return one word with its mark and scope, or one comparison. Raises QueryError."""
    try:
        return _parse_text(item.value, where)
    except QueryError:
        return _parse_item(item, where)  # a mistake is told with its place


@lru_cache(maxsize=8192)  # many topics have the same words
def _parse_text(text: str, where: tuple[Scope, ...]) -> Query:
    return _parse_item(Piece(text, text, 0, ()), where)


def _parse_item(item: Piece, where: tuple[Scope, ...]) -> Query:
    if not item.value:
        item.fail(Message("a word is missing here"), hint=Message("remove the comma, or add the word"))
    if item.value.startswith("-"):
        item.fail(
            Message("a word cannot begin with '-'"), hint=Message("put what you do not want under 'none'")
        )
    comparison = _COMPARISON.fullmatch(item.value)
    if comparison:
        return _parse_comparison(item, comparison)
    scoped = None if item.value.startswith("/") else _SCOPED.fullmatch(item.value)
    if scoped:
        scopes = _parse_scopes(item.part(0, scoped.end(1)), item.value)
        return _parse_words(item.part(scoped.start(2)), scopes)
    return _parse_words(item, where)


def _parse_scopes(names: Piece, item: str) -> tuple[Scope, ...]:
    """Return the scopes of ``title`` or ``title|tag``, which stand before the colon of an item."""
    found: dict[Scope, None] = {}
    for name in names.value.split("|"):
        found[_parse_scope(names, name.strip(), item)] = None
    return tuple(found)


def _parse_scope(names: Piece, name: str, item: str) -> Scope:
    found = SCOPES.get(name.casefold())
    if found:
        return found
    nearest = nearest_of(name, SCOPES)
    hint = (
        Message("did you mean '{known}:'? If it is text, quote it: \"{item}\"", known=nearest, item=item[:60])
        if nearest
        else Message('if it is text, quote it: "{item}"', item=item[:60])
    )
    return names.fail(Message("unknown scope {name}", name=repr(name)), hint=hint)


def _parse_comparison(item: Piece, found: re.Match[str]) -> Compare:
    name, operator, value = found.groups()
    known = [measure.value for measure in Measure]
    if name.casefold() not in known:
        nearest = nearest_of(name, known)
        hint = (
            Message("did you mean '{known}'?", known=nearest)
            if nearest
            else Message('if it is text, quote it: "{item}"', item=item.value)
        )
        item.fail(Message("unknown measure {name}", name=repr(name)), hint=hint)
    if operator in ("==", "!="):
        item.fail(
            Message("unknown comparison {word}", word=repr(operator)),
            at=found.start(2),
            hint=Message("known: < <= = >= >"),
        )
    measure = Measure(name.casefold())
    value_text = item.part(found.start(3))
    if measure is Measure.DATE:
        _parse_date(value_text)
    else:
        value = str(parse_whole(value_text))
    return Compare(measure, operator, value)


def _parse_date(value: Piece) -> date:
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value.value):
            return date.fromisoformat(value.value)
    except ValueError:
        pass
    return value.fail(
        Message("{value} is not a date", value=repr(value.value)), hint=Message("write it like 2026-06-01")
    )


def _parse_words(item: Piece, where: tuple[Scope, ...]) -> Words:
    """Return the words of one item with their mark: = for exact, * for a beginning, ~ for inflected, "…"~5 for
    near."""
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
            mark.fail(
                Message("nothing may follow a closing quote"), hint=Message("separate words with commas")
            )
    else:
        _check_unquoted(body)
        inner = body.part(0, -1) if body.value.endswith("~") else body
        mark = body.part(len(body.value) - 1) if body.value.endswith("~") else body.part(len(body.value))
    star = _without_names(inner.value).endswith("*")
    if spelling is Spelling.EXACT and (star or mark.value):
        item.fail(
            Message("'=' asks for the exact word, so it takes neither '*' nor '~'"),
            hint=Message("remove one of them"),
        )
    if star and mark.value:
        item.fail(Message("a word takes '*' or '~', not both"), hint=Message("remove one of them"))
    if star:
        spelling = Spelling.PREFIX
        inner = inner.part(0, -1)
    elif mark.value:
        spelling = Spelling.INFLECTED
    return _check_words(item, inner, Words(" ".join(inner.value.split()), where, spelling))


def _without_names(text: str) -> str:
    """Return a text of the same length in which "A*" and "Q*", names of algorithms, have no stars."""
    return _STARRED.sub(lambda name: name[0].replace("*", " "), text)


def _check_unquoted(body: Piece) -> None:
    operator = _OPERATOR.search(body.value)
    if operator:
        body.fail(
            Message("{word} has no meaning in a list of words", word=operator[0]),
            at=operator.start(),
            hint=Message("put all of it under 'query', or quote it if it is text"),
        )
    if '"' in body.value:
        body.fail(
            Message("a quote must be at the beginning"),
            at=body.value.index('"'),
            hint=Message('put the whole word in quotes: "red team"'),
        )
    near = re.search(r"~\s*\d+\Z", body.value)
    if near:
        body.fail(
            Message("nearness is for words in quotes"), at=near.start(), hint=Message('write it like "a b"~5')
        )


def _parse_near(
    item: Piece, inner: Piece, within: int, where: tuple[Scope, ...], spelling: Spelling
) -> Words:
    words = inner.value.split()
    if spelling is Spelling.EXACT or "*" in _without_names(inner.value):
        item.fail(Message("words in a nearness phrase take neither '=' nor '*'"))
    if len(words) < 2 or not all(fold(word).surfaces for word in words):
        item.fail(Message("nearness needs at least two words"), hint=Message('write it like "a b"~5'))
    if not 1 <= within <= _MAX_WITHIN:
        item.fail(
            Message("~{within} is out of range", within=within),
            hint=Message("write ~1 to ~{most}", most=_MAX_WITHIN),
        )
    return Words(" ".join(words), where, Spelling.NEAR, within)


def _parse_pattern(item: Piece, where: tuple[Scope, ...]) -> Words:
    pattern = item.value[1:-1]
    try:
        compiled = compile_pattern(pattern)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error.args[0])
        return item.fail(
            Message("not a regular expression: {reason}", reason=reason),
            at=1,
            hint=Message("RE2 supports neither look-around nor \\1"),
        )
    if compiled.search("") is not None:
        item.fail(
            Message("this regular expression matches the empty text"),
            hint=Message("it would match everything"),
        )
    return Words(pattern, where, Spelling.REGEX)


@lru_cache(maxsize=4096)
def compile_pattern(pattern: str) -> Any:
    """Return the compiled RE2 pattern, case aside; RE2 reads any text in linear time. Raises re2.error."""
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = 1 << 20
    return re2.compile(pattern, options)


def _check_words(item: Piece, inner: Piece, words: Words) -> Words:
    if words.spelling is Spelling.PREFIX and not inner.value:
        item.fail(
            Message("a star alone would match everything"),
            hint=Message("put at least three letters before it"),
        )
    if "*" in (rest := _without_names(inner.value)):
        item.fail(
            Message("a star is only allowed at the end"),
            at=inner.start - item.start + rest.index("*"),
            hint=Message("write the beginning of a word and a star: robot*"),
        )
    tokens = fold(inner.value).tokens
    if not tokens:
        message = (
            Message("{item} has no letters or digits", item=repr(item.value))
            if item.value
            else Message("a word is missing here")
        )
        item.fail(message, hint=Message("write the word to search for"))
    if words.spelling is Spelling.PREFIX and len(tokens[-1].surface) < _MIN_PREFIX:
        item.fail(
            Message("{item} is too short", item=repr(item.value)),
            hint=Message("put at least three letters before the star"),
        )
    if words.where == (Scope.AUTHOR,) and not any(
        len(token.surface) > 1 or token.surface.upper() == token.surface.lower() for token in tokens
    ):
        item.fail(
            Message("{item} has only initials", item=repr(item.value)),
            hint=Message("write the family name in full: author:Doe J"),
        )
    return words


_CATEGORY = re.compile(r"[\w.-]*(?:\{[\w.,\s-]*\}[\w.-]*)?\*?", re.ASCII)


def _parse_category(item: Piece, where: tuple[Scope, ...]) -> Words:
    text = item.value.removeprefix('"').removesuffix('"').strip()
    if not text:
        item.fail(
            Message("a category is missing here"), hint=Message("write one like cs.CL, cs.* or cs.{{CL,LG}}")
        )
    if not text.strip("*. "):
        item.fail(Message("a star alone would match everything"), hint=Message("write cs.* for all of cs"))
    if not _CATEGORY.fullmatch(text) or re.search(r"[{,]\s*[,}]", text):
        item.fail(
            Message("{text} is not a category", text=repr(text)),
            hint=Message("write one like cs.CL, cs.* or cs.{{CL,LG}}"),
        )
    return Words("".join(text.split()), where)


# --- lists of items -----------------------------------------------------------------------

_PATTERN_ITEM = re.compile(r"(?:\A|,)\s*(?:[^\W\d|]+:\s*)?(/(?:\\.|[^/\\])+/)(?=\s*(?:,|\Z))")


_PARTING = re.compile(r'[,"{}]')


def split_at_commas(line: Piece) -> list[Piece]:
    """Return the items of a line. Commas in quotes, in braces and in a regular expression do not separate."""
    if not _PARTING.search(line.value):
        return [line.part(0)]
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
        line.fail(
            Message("this quote is not closed"),
            at=quote,
            hint=Message("put a quote at the end of the phrase, too"),
        )
    if brace >= 0:
        line.fail(
            Message("this brace is not closed"), at=brace, hint=Message("write categories like cs.{{CL,LG}}")
        )
    cuts.append(len(line.value))
    return [line.part(begin + 1, end) for begin, end in pairwise(cuts)]


def parse_whole(text: Piece) -> int:
    """Return a whole number from 0. Raises QueryError."""
    if not re.fullmatch(r"[0-9]{1,9}", text.value):
        text.fail(
            Message("{text} is not a whole number of at least 0", text=repr(text.value)),
            hint=Message("write it like 5"),
        )
    return int(text.value)

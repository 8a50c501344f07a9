"""A run-time template, cut into its pieces once: mails are written from them without Jinja.

    {{ overview }}                                   a value, looked up and escaped
    {% if quiet %} … {% endif %}                     a test of values
    {% for section in sections %} … {% endfor %}     what an item makes is remembered where nothing else is used for it

and the text between them, which is encoded once. Any other node is rendered by Jinja, once for each combination of the
values that it names. A template in which one node decides what names mean in another one (``set``, macros) is one node.

A `Form` is rendered by Jinja once for many mails, with a gap where something else stands in each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from itertools import groupby
from operator import attrgetter, itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import jinja2
from jinja2 import filters, nodes
from markupsafe import escape

from newsletter.render.sheet import CardMark, Line, Sheet, Stretch, split_at_cards
from newsletter.render.source import TemplateSource, check_template

if TYPE_CHECKING:
    from newsletter.encoding import Part

_Scope = Mapping[str, Any]
_Get = Callable[[_Scope], Any]
_Write = Callable[[Sheet, _Scope], None]

_BINDING = (
    *(nodes.Assign, nodes.AssignBlock, nodes.Macro, nodes.Block, nodes.Extends),
    *(nodes.Import, nodes.FromImport, nodes.ExprStmt),
)
_CAPTURING = (*_BINDING, nodes.FilterBlock, nodes.CallBlock, nodes.EvalContextModifier)
_MOST_WRITTEN = 4096
_OFTEN = 3  # from so many mails on, what they share is one piece
_MOST_RENDERED = 256  # each may be a whole page


def new_environment(**options: Any) -> jinja2.Environment:
    """Return an environment for run-time Jinja: unknown values are errors, blocks leave no empty lines."""
    return jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )


class Values(NamedTuple):
    """The names of the values that a template may use. own are those of which a mail has others than the next one;
    own_parts name for lists what of their items is another one in each mail, while the rest of an item is not."""

    names: frozenset[str]
    own: frozenset[str]
    own_parts: Mapping[str, str] = MappingProxyType({})


class Template:
    """A run-time template with these values, which is written on sheets of one kind. What Jinja raises about it names
    it."""

    def __init__(
        self,
        environment: jinja2.Environment,
        name: str,
        text: str,
        values: Values,
        sheet: type[Sheet],
    ) -> None:
        self._cutter = _Cutter(environment, name, sheet, values)
        self._whole = self._cutter.compile(self._cutter.parse(text))
        self._text = text
        self._sheet = sheet

    @cached_property
    def _writers(self) -> list[_Write]:
        """What writes it: cut when it is first written, because a card is only rendered."""
        return self._cutter.cut_whole(self._cutter.parse(self._text))

    def render(self, values: Mapping[str, Any]) -> str:
        """Return what Jinja makes of it."""
        return self._whole.render(values)

    def leave_gaps(self, owner: str, attribute: str) -> tuple[jinja2.Template, list[Gap]] | None:
        """Return the template with marks in place of an attribute of a value, and what fills each. None where it asks
        for the attribute in any other way than to write it."""
        body = self._cutter.parse(self._text)
        gaps = self._cutter.leave_gaps(body, owner, attribute)
        return None if gaps is None else (self._cutter.compile(body), gaps)

    def write(self, values: Mapping[str, Any]) -> Part:
        """Return the same as a part of a mail. The values may hold cards (``sheet.CardMark``)."""
        sheet = self._sheet()
        for write in self._writers:
            write(sheet, values)
        return sheet.finish()

    def write_line(self, values: Mapping[str, Any]) -> str:
        """Return the same as one line of text."""
        line = Line()
        for write in self._writers:
            write(line, values)
        return " ".join(line.loose.split())


Gap = Callable[[_Scope], str]
"""Returns what stands in a gap of a form in the mail that has these values."""

_GAP = re.compile("\ufdd0gap([0-9]+)\ufdd1")  # of noncharacters, as the marks of cards


class Form:
    """A template that Jinja renders once for many mails, but for one attribute of a value, which is another one in the
    next mail: it leaves a gap there. tidy is applied to all of it.

    A template that asks for the attribute in any other way than to write it is one gap: Jinja renders it each time.
    """

    def __init__(self, template: Template, owner: str, attribute: str, tidy: Callable[[str], str]) -> None:
        self.template = template
        self._path = owner, attribute
        self._tidy = tidy

    @cached_property
    def _open(self) -> tuple[jinja2.Template, list[Gap]] | None:
        return self.template.leave_gaps(*self._path)

    def render(self, values: Mapping[str, Any]) -> list[str | Gap]:
        """Return its texts and gaps in their order."""
        if self._open is None:
            return [lambda scope: self._tidy(self.template.render(scope))]
        template, gaps = self._open
        text, *others = _GAP.split(self._tidy(template.render(values)))
        pieces: list[str | Gap] = [text]
        for number, text in zip(others[::2], others[1::2], strict=True):
            pieces += [gaps[int(number)], text]
        return [piece for piece in pieces if piece] or [""]


def parse_template(
    environment: jinja2.Environment,
    source: TemplateSource,
    text: str,
    values: Values,
    sheet: type[Sheet] = Sheet,
) -> Template:
    """Return the text that a source was built to as a template, see there. Raises TemplateError."""
    parsed: list[Template] = []
    check_template(source, lambda: parsed.append(Template(environment, source.name, text, values, sheet)))
    return parsed[0]


class _Part(NamedTuple):
    """What a node came to when it was cut: text, or what writes it."""

    node: nodes.Node
    what: str | _Write


class _NotPlainError(Exception):
    """An expression is more than we look up ourselves."""


class _Cutter:
    """Cuts one template. names are always those that have values where a node stands."""

    def __init__(
        self, environment: jinja2.Environment, name: str, sheet: type[Sheet], values: Values
    ) -> None:
        self._environment = environment
        self._name = name
        self._values = values
        self._is_escaped = bool(environment.autoescape)
        self._is_tidied = sheet.is_tidied

    def parse(self, text: str) -> list[nodes.Node]:
        return self._environment.parse(text, name=self._name, filename=self._name).body

    def compile(self, body: list[nodes.Node]) -> jinja2.Template:
        code = self._environment.compile(self._template_of(body), name=self._name, filename=self._name)
        return jinja2.Template.from_code(self._environment, code, self._environment.make_globals(None))

    def cut_whole(self, body: list[nodes.Node]) -> list[_Write]:
        """Return what writes a template. What lines in a row make of no value that is a mail's own is remembered."""
        names, own, _ = self._values
        if any(any(self._template_of(body).find_all(kind)) for kind in _BINDING):
            return [self._keep(body, names)]

        def name_values(parts: Iterable[_Part]) -> set[str]:
            return _find_names([part.node for part in parts]) & names

        return self._join_lines(
            self._cut_parts(body, names, is_kept=True),
            lambda parts: not own.isdisjoint(name_values(parts)),
            lambda parts: _getter(itemgetter, name_values(parts)),
        )

    def _cut_item(self, body: list[nodes.Node], target: str, own: str) -> list[_Write]:
        """Return what writes an item of a list, and uses nothing else. What lines in a row make of anything but its own
        part is remembered."""

        def key_of(parts: Iterable[_Part]) -> _Get:
            get = _getter(attrgetter, _find_attributes([part.node for part in parts], target))
            return lambda scope: get(scope[target])

        return self._join_lines(
            self._cut_parts(body, frozenset({target}), is_kept=True),
            lambda parts: any(_asks_for(part.node, target, own) for part in parts),
            key_of,
        )

    def _join_lines(
        self,
        parts: Iterable[_Part],
        is_own: Callable[[list[_Part]], bool],
        key_of: Callable[[list[_Part]], _Get],
    ) -> list[_Write]:
        """Return what writes some parts: lines in a row that have nothing of a mail's own from what they came to last
        time with the same key."""
        writers: list[_Write] = []
        for lines_are_own, lines in groupby(_split_lines(parts), is_own):
            some = [part for line in lines for part in line]
            run = _join(some, self._write_text)
            writers += run if lines_are_own or len(run) == 1 else [_remember_run(run, key_of(some))]
        return writers

    def _cut(self, body: Iterable[nodes.Node], names: frozenset[str]) -> list[_Write]:
        """Return what writes these nodes, one after the other."""
        return _join(self._cut_parts(body, names), self._write_text)

    def _cut_parts(
        self, body: Iterable[nodes.Node], names: frozenset[str], *, is_kept: bool = False
    ) -> Iterator[_Part]:
        for node in body:
            if isinstance(node, nodes.Output):
                for expression in node.nodes:
                    yield _Part(expression, self._cut_output(expression, names))
            elif isinstance(node, nodes.If):
                yield _Part(node, self._cut_if(node, names))
            elif isinstance(node, nodes.For):
                yield _Part(node, self._cut_for(node, names, is_kept=is_kept))
            else:
                yield _Part(node, self._keep([node], names))

    def _write_text(self, text: str) -> _Write:
        stretch = Stretch(text, is_tidied=self._is_tidied)
        return lambda sheet, _: sheet.write_stretch(stretch)

    def _cut_output(self, node: nodes.Expr, names: frozenset[str]) -> str | _Write:
        if isinstance(node, nodes.TemplateData):
            return node.data
        try:
            constant = node.as_const(nodes.EvalContext(self._environment, self._name))
            return str(escape(constant) if self._is_escaped else constant)
        except nodes.Impossible:
            pass
        try:
            get = self._look_up(node, names)
        except _NotPlainError:
            return self._keep([nodes.Output([node], lineno=node.lineno)], names)
        word = self._word

        def write(sheet: Sheet, scope: _Scope) -> None:
            value = get(scope)
            if type(value) is CardMark:
                sheet.write_card(value)
            else:
                sheet.write(word(value))

        return write

    def _word(self, value: object) -> str:
        return str(escape(value)) if self._is_escaped else str(value)

    def leave_gaps(self, body: list[nodes.Node], owner: str, attribute: str) -> list[Gap] | None:
        """Put a mark in place of each expression that writes an attribute of a value; return what fills them. None
        where it is asked for elsewhere, or where something may be made of what is written."""
        template = self._template_of(body)
        gaps: list[Gap] = []
        for output in list(template.find_all(nodes.Output)):
            for place, expression in enumerate(output.nodes):
                if _asks_for(expression, owner, attribute):
                    try:
                        get = self._look_up(expression, frozenset({owner}))
                    except _NotPlainError:
                        return None
                    output.nodes[place] = nodes.TemplateData(f"\ufdd0gap{len(gaps)}\ufdd1")
                    gaps.append(lambda scope, get=get: self._word(get(scope)))  # type: ignore[misc]
        is_closed = _asks_for(template, owner, attribute) or any(template.find_all(_CAPTURING))
        return None if is_closed else gaps

    def _cut_if(self, node: nodes.If, names: frozenset[str]) -> _Write:
        holds = self._cut_test(node.test, names)
        otherwise: list[nodes.Node] = node.else_
        for other in reversed(node.elif_):
            otherwise = [nodes.If(other.test, other.body, [], otherwise, lineno=other.lineno)]
        branches = self._cut(otherwise, names), self._cut(node.body, names)

        def write(sheet: Sheet, scope: _Scope) -> None:
            for one in branches[1] if holds(scope) else branches[0]:
                one(sheet, scope)

        return write

    def _cut_test(self, node: nodes.Node, names: frozenset[str]) -> _Get:
        """Return what finds something that is true where the test holds."""
        try:
            return self._look_up(node, names)
        except _NotPlainError:
            wanted, render = self._render_once([nodes.If(node, [_text_of("1")], [], [])], names)
            return lambda scope: render(*[scope[name] for name in wanted])

    def _cut_for(self, node: nodes.For, names: frozenset[str], *, is_kept: bool) -> _Write:
        """Return what writes a loop. One that asks which turn it is (``loop``), or has several targets or an ``else``,
        is left to Jinja."""
        used = _find_names([*node.body, *([node.test] if node.test else [])])
        if not isinstance(node.target, nodes.Name) or node.else_ or node.recursive or "loop" in used:
            return self._keep([node], names)
        try:
            items = self._look_up(node.iter, names)
        except _NotPlainError:
            return self._keep([node], names)
        target = node.target.name
        is_closed = not used & names - {target}
        inner = frozenset({target}) if is_closed else names | {target}
        own = self._values.own_parts.get(node.iter.name) if isinstance(node.iter, nodes.Name) else None
        writers = self._cut_item(node.body, target, own) if is_closed and own else self._cut(node.body, inner)
        fits = self._cut_test(node.test, inner) if node.test else None

        def write_item(sheet: Sheet, scope: _Scope, item: object) -> None:
            inside = {target: item} if is_closed else {**scope, target: item}
            if fits is None or fits(inside):
                for one in writers:
                    one(sheet, inside)

        write = _remember(write_item, _identify) if is_closed else write_item

        def write_all(sheet: Sheet, scope: _Scope, some: Iterable[object]) -> None:
            for item in some:
                write(sheet, scope, item)

        # The items of a page are others in each mail, and what of an item stands in many is kept with the lines around.
        write_loop = _remember(write_all, _identify) if is_closed and not is_kept else write_all
        return lambda sheet, scope: write_loop(sheet, scope, items(scope))

    # --- what is looked up, and what is left to Jinja ---

    def _look_up(self, node: nodes.Node, names: frozenset[str]) -> _Get:
        """Return what finds the value of an expression. Raises _NotPlainError for one that is left to Jinja."""
        if isinstance(node, nodes.Name) and node.name in names:
            return itemgetter(node.name)
        if isinstance(node, nodes.Getattr):
            attribute, owner = node.attr, self._look_up(node.node, names)
            return lambda scope: getattr(owner(scope), attribute)
        if node.find(nodes.Getattr) and any(part.attr == "card" for part in node.find_all(nodes.Getattr)):
            raise _NotPlainError  # only Jinja's result is looked through for marks
        if isinstance(node, nodes.Const):
            constant = node.value
            return lambda _: constant
        return self._combine(node, names)

    def _combine(self, node: nodes.Node, names: frozenset[str]) -> _Get:
        if isinstance(node, nodes.Not):
            negated = self._look_up(node.node, names)
            return lambda scope: not negated(scope)
        if isinstance(node, nodes.CondExpr) and node.expr2 is not None:
            holds, *both = (self._look_up(part, names) for part in (node.test, node.expr2, node.expr1))
            return lambda scope: both[bool(holds(scope))](scope)
        if isinstance(node, nodes.Concat) and not self._is_escaped:
            parts = [self._look_up(part, names) for part in node.nodes]
            return lambda scope: "".join([str(part(scope)) for part in parts])
        if isinstance(node, nodes.Filter) and node.node is not None and node.name not in filters.FILTERS:
            return self._filter(node, self._look_up(node.node, names))
        raise _NotPlainError

    def _filter(self, node: nodes.Filter, get: _Get) -> _Get:
        """Return what applies one of our own filters, which ask for nothing but their arguments."""
        function = self._environment.filters[node.name]
        try:
            arguments = [argument.as_const() for argument in node.args]
            named: dict[str, Any] = {str(pair.key): pair.value.as_const() for pair in node.kwargs}
        except nodes.Impossible:
            raise _NotPlainError from None
        if node.dyn_args or node.dyn_kwargs:
            raise _NotPlainError
        return lambda scope: function(get(scope), *arguments, **named)

    def _keep(self, body: list[nodes.Node], names: frozenset[str]) -> _Write:
        """Return what writes nodes as Jinja renders them."""
        wanted, render = self._render_once(body, names)

        @lru_cache(maxsize=_MOST_RENDERED)
        def split(*values: object) -> list[CardMark | Stretch]:
            return [
                part if isinstance(part, CardMark) else Stretch(part, is_tidied=self._is_tidied)
                for part in split_at_cards(render(*values))
            ]

        def write(sheet: Sheet, scope: _Scope) -> None:
            for part in split(*[scope[name] for name in wanted]):
                if isinstance(part, CardMark):
                    sheet.write_card(part)
                else:
                    sheet.write_stretch(part)

        return write

    def _render_once(
        self, body: list[nodes.Node], names: frozenset[str]
    ) -> tuple[list[str], Callable[..., str]]:
        """Return the names of the values that nodes need, and what renders nodes with these values."""
        wanted = sorted(_find_names(body) & names)
        template = self.compile(body)

        def render(*values: object) -> str:
            return template.render(dict(zip(wanted, values, strict=True)))

        return wanted, render

    def _template_of(self, body: list[nodes.Node]) -> nodes.Template:
        template = nodes.Template(body, lineno=1)
        template.set_environment(self._environment)
        return template


def _find_names(body: Iterable[nodes.Node]) -> set[str]:
    """Return the names that nodes use, without those that a loop sets for itself."""
    used: set[str] = set()
    for node in body:
        if isinstance(node, nodes.Name):
            used.add(node.name)
        elif isinstance(node, nodes.For):
            own = _find_names([node.target]) | {"loop"}
            used |= (
                _find_names([node.iter])
                | _find_names(node.iter_child_nodes(exclude=("iter", "target"))) - own
            )
        else:
            used |= _find_names(node.iter_child_nodes())
    return used


def _asks_for(node: nodes.Node, owner: str, attribute: str) -> bool:
    """Say whether a node uses an attribute of a value, or the value in any way but for its other attributes."""
    if isinstance(node, nodes.Name):
        return node.name == owner
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name) and node.node.name == owner:
        return node.attr == attribute
    return any(_asks_for(child, owner, attribute) for child in node.iter_child_nodes())


def _find_attributes(body: Iterable[nodes.Node], owner: str) -> set[str]:
    """Return the attributes of a value that nodes use."""
    return {
        used.attr
        for node in body
        for used in (node, *node.find_all(nodes.Getattr))
        if isinstance(used, nodes.Getattr) and isinstance(used.node, nodes.Name) and used.node.name == owner
    }


def _text_of(text: str) -> nodes.Output:
    return nodes.Output([nodes.TemplateData(text)])


def _split_lines(parts: Iterable[_Part]) -> Iterator[list[_Part]]:
    """Yield parts together up to the end of a line; the text behind it, which a value may follow, by itself."""
    line: list[_Part] = []
    for part in parts:
        if not isinstance(part.what, str) or "\n" not in part.what:
            line.append(part)
            continue
        end = part.what.find("\n") + 1
        yield [*line, part._replace(what=part.what[:end])]
        if part.what[end:]:
            yield [part._replace(what=part.what[end:])]
        line = []
    if line:
        yield line


def _getter(kind: Callable[..., _Get], wanted: set[str]) -> _Get:
    """Return what gets the wanted values, all at once."""
    return kind(*sorted(wanted)) if wanted else lambda _: ()


def _join(parts: Iterable[_Part], write_text: Callable[[str], _Write]) -> list[_Write]:
    """Return what writes some parts, texts in a row together."""
    writers: list[_Write] = []
    text = ""
    for _, what in parts:
        if isinstance(what, str):
            text += what
            continue
        writers += [write_text(text), what] if text else [what]
        text = ""
    return [*writers, write_text(text)] if text else writers


def _remember_run(run: list[_Write], key_of: _Get) -> _Write:
    """Return what writes a run of nodes from what it came to last time with the same key."""

    def write_run(sheet: Sheet, scope: _Scope, _: object) -> None:
        for one in run:
            one(sheet, scope)

    write = _remember(write_run, lambda scope, _: key_of(scope))
    return lambda sheet, scope: write(sheet, scope, None)


def _identify(_: _Scope, item: object) -> int:
    return id(item)


class _Written:
    """What something came to on a sheet: pieces, and the state of the sheet behind them."""

    __slots__ = ("item", "pieces", "raw_bytes", "seen", "state")

    def __init__(self, item: object, pieces: list[bytes], raw_bytes: int, state: Any) -> None:
        self.item = item
        self.pieces = pieces
        self.raw_bytes = raw_bytes
        self.state = state
        self.seen = 1


def _remember(
    write: Callable[[Sheet, _Scope, Any], None], key_of: Callable[[_Scope, Any], Hashable]
) -> Callable[[Sheet, _Scope, Any], None]:
    """Return what writes from what it came to last time, with the same key, on a sheet of the same state.

    Items are known by identity: those of many mails are one object, and hashing one costs more than writing it. An item
    is kept, so that no other one can get its identity.
    """
    known: dict[Hashable, _Written] = {}

    def write_again(sheet: Sheet, scope: _Scope, item: object) -> None:
        key = key_of(scope, item), sheet.state
        found = known.get(key)
        if found is None:
            start, raw_bytes = len(sheet.pieces), sheet.raw_bytes
            write(sheet, scope, item)
            if len(known) >= _MOST_WRITTEN:
                known.clear()
            known[key] = _Written(item, sheet.pieces[start:], sheet.raw_bytes - raw_bytes, sheet.state)
            return
        found.seen += 1
        if found.seen == _OFTEN and found.pieces:
            found.pieces = [b"".join(found.pieces)]
        sheet.pieces += found.pieces
        sheet.raw_bytes += found.raw_bytes
        sheet.state = found.state

    return write_again

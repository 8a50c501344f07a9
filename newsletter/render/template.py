"""A run-time template, cut into its pieces when it is parsed: mails are written from them without Jinja.

    {{ overview }}                                   a value, looked up and escaped
    {% if quiet %} … {% endif %}                     a test of values
    {% for section in sections %} … {% endfor %}     what an item makes is remembered where nothing else is used for it

and the text between them, which is encoded once. Any other node is rendered by Jinja, once for each combination of the
values that it names. A template in which one node decides what names mean in another one (``set``, macros) is one node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import jinja2
from jinja2 import filters, meta, nodes
from markupsafe import escape

from newsletter.encoding import Part
from newsletter.render.sheet import CardMark, Sheet, Stretch, split_at_cards
from newsletter.render.source import TemplateSource, check_template

_Scope = Mapping[str, Any]
_Get = Callable[[_Scope], Any]
_Write = Callable[[Sheet, _Scope], None]

_BINDING = (
    *(nodes.Assign, nodes.AssignBlock, nodes.Macro, nodes.Block, nodes.Extends),
    *(nodes.Import, nodes.FromImport, nodes.ExprStmt),
)
_MOST_ITEMS = 8192
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


class Template:
    """A run-time template with these values, which is written on sheets of one kind. What Jinja raises about it names
    it."""

    def __init__(
        self,
        environment: jinja2.Environment,
        name: str,
        text: str,
        values: Iterable[str],
        sheet: type[Sheet],
    ) -> None:
        cutter = _Cutter(environment, name, sheet)
        self._whole = cutter.compile(cutter.parse(text))
        self._sheet = sheet
        self._writers = cutter.cut_whole(cutter.parse(text), frozenset(values))

    def render(self, values: Mapping[str, Any]) -> str:
        """Return what Jinja makes of it."""
        return self._whole.render(values)

    def write(self, values: Mapping[str, Any]) -> Part:
        """Return the same as a part of a mail. The values may hold cards (``sheet.CardMark``)."""
        sheet = self._sheet()
        for write in self._writers:
            write(sheet, values)
        return sheet.finish()


def parse_template(
    environment: jinja2.Environment,
    source: TemplateSource,
    text: str,
    values: Iterable[str],
    sheet: type[Sheet] = Sheet,
) -> Template:
    """Return the text that a source was built to as a template, see there. Raises TemplateError."""
    parsed: list[Template] = []
    check_template(source, lambda: parsed.append(Template(environment, source.name, text, values, sheet)))
    return parsed[0]


class _NotPlainError(Exception):
    """An expression is more than we look up ourselves."""


class _Cutter:
    """Cuts one template. names are always those that have values where a node stands."""

    def __init__(self, environment: jinja2.Environment, name: str, sheet: type[Sheet]) -> None:
        self._environment = environment
        self._name = name
        self._is_escaped = bool(environment.autoescape)
        self._is_tidied = sheet.is_tidied

    def parse(self, text: str) -> list[nodes.Node]:
        return self._environment.parse(text, name=self._name, filename=self._name).body

    def compile(self, body: list[nodes.Node]) -> jinja2.Template:
        code = self._environment.compile(self._template_of(body), name=self._name, filename=self._name)
        return jinja2.Template.from_code(self._environment, code, self._environment.make_globals(None))

    def cut_whole(self, body: list[nodes.Node], names: frozenset[str]) -> list[_Write]:
        if any(any(self._template_of(body).find_all(kind)) for kind in _BINDING):
            return [self._keep(body, names)]
        return self._cut(body, names, is_top=True)

    def _cut(
        self, body: Iterable[nodes.Node], names: frozenset[str], *, is_top: bool = False
    ) -> list[_Write]:
        """Return what writes these nodes, one after the other."""
        cut: list[str | _Write] = []
        for node in body:
            if isinstance(node, nodes.Output):
                cut += [self._cut_output(part, names) for part in node.nodes]
            elif isinstance(node, nodes.If):
                cut.append(self._cut_if(node, names))
            elif isinstance(node, nodes.For):
                cut.append(self._cut_for(node, names, is_top=is_top))
            else:
                cut.append(self._keep([node], names))
        writers: list[_Write] = []
        text = ""
        for one in cut:
            if isinstance(one, str):
                text += one
                continue
            writers += [self._write_text(text), one] if text else [one]
            text = ""
        return [*writers, self._write_text(text)] if text else writers

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
        word: Callable[[Any], str] = (lambda value: str(escape(value))) if self._is_escaped else str

        def write(sheet: Sheet, scope: _Scope) -> None:
            value = get(scope)
            if type(value) is CardMark:
                sheet.write_card(value)
            else:
                sheet.write(word(value))

        return write

    def _cut_if(self, node: nodes.If, names: frozenset[str]) -> _Write:
        holds = self._cut_test(node.test, names)
        otherwise: list[nodes.Node] = node.else_
        for other in reversed(node.elif_):
            otherwise = [nodes.If(other.test, other.body, [], otherwise, lineno=other.lineno)]
        branches = self._cut(otherwise, names), self._cut(node.body, names)

        def write(sheet: Sheet, scope: _Scope) -> None:
            for one in branches[holds(scope)]:
                one(sheet, scope)

        return write

    def _cut_test(self, node: nodes.Node, names: frozenset[str]) -> Callable[[_Scope], bool]:
        try:
            get = self._look_up(node, names)
            return lambda scope: bool(get(scope))
        except _NotPlainError:
            wanted, render = self._render_once([nodes.If(node, [_text_of("1")], [], [])], names)
            return lambda scope: bool(render(*[scope[name] for name in wanted]))

    def _cut_for(self, node: nodes.For, names: frozenset[str], *, is_top: bool) -> _Write:
        """Return what writes a loop. One that asks which turn it is (``loop``), or has several targets or an ``else``,
        is left to Jinja."""
        used = self._find_names([nodes.If(node.test or nodes.Const(True), node.body, [], [])])
        if not isinstance(node.target, nodes.Name) or node.else_ or node.recursive or "loop" in used:
            return self._keep([node], names)
        try:
            items = self._look_up(node.iter, names)
        except _NotPlainError:
            return self._keep([node], names)
        target = node.target.name
        inner = names | {target}
        writers = self._cut(node.body, inner)
        fits = self._cut_test(node.test, inner) if node.test else None

        def write_item(sheet: Sheet, scope: _Scope, item: object) -> None:
            inside = {**scope, target: item}
            if fits is None or fits(inside):
                for one in writers:
                    one(sheet, inside)

        write = _remember_items(write_item) if is_top and not used & names - {target} else write_item

        def write_all(sheet: Sheet, scope: _Scope) -> None:
            for item in items(scope):
                write(sheet, scope, item)

        return write_all

    # --- what is looked up, and what is left to Jinja ---

    def _look_up(self, node: nodes.Node, names: frozenset[str]) -> _Get:
        """Return what finds the value of an expression. Raises _NotPlainError for one that is left to Jinja."""
        if isinstance(node, nodes.Name) and node.name in names:
            name = node.name
            return lambda scope: scope[name]
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
        wanted = sorted(self._find_names(body) & names)
        template = self.compile(body)

        def render(*values: object) -> str:
            return template.render(dict(zip(wanted, values, strict=True)))

        return wanted, render

    def _find_names(self, body: list[nodes.Node]) -> frozenset[str]:
        """Return the names that nodes use and do not set themselves."""
        return frozenset(meta.find_undeclared_variables(self._template_of(body)))

    def _template_of(self, body: list[nodes.Node]) -> nodes.Template:
        template = nodes.Template(body, lineno=1)
        template.set_environment(self._environment)
        return template


def _text_of(text: str) -> nodes.Output:
    return nodes.Output([nodes.TemplateData(text)])


def _remember_items(
    write: Callable[[Sheet, _Scope, object], None],
) -> Callable[[Sheet, _Scope, object], None]:
    """Return what writes an item from what it came to last time on a sheet of the same state. Items are known by
    identity: those of many mails are one object, and hashing one would cost more than writing it."""
    known: dict[object, tuple[object, list[bytes], int, Any]] = {}

    def write_again(sheet: Sheet, scope: _Scope, item: object) -> None:
        key = (id(item), sheet.state)
        found = known.get(key)
        if found is not None:
            _, pieces, raw_bytes, sheet.state = found
            sheet.pieces += pieces
            sheet.raw_bytes += raw_bytes
            return
        start, raw_bytes = len(sheet.pieces), sheet.raw_bytes
        write(sheet, scope, item)
        if len(known) >= _MOST_ITEMS:
            known.clear()
        # The item is kept, so that no other one can get its identity.
        known[key] = item, sheet.pieces[start:], sheet.raw_bytes - raw_bytes, sheet.state

    return write_again

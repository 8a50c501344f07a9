"""An operator's own page templates, looked at before anybody asks for a page: they compile, and use only values that
their page has."""

from __future__ import annotations

from pathlib import Path

import jinja2
from jinja2 import meta, nodes

from newsletter.errors import Problem, TemplateError
from newsletter.settings.advice import did_you_mean
from newsletter.web.site import build_environment

ON_EVERY_PAGE = frozenset({"lang", "say", "say_count", "identity", "links", "path", "static"})
"""The values that Site.page gives to each template."""


def check_own_templates(own: Path, shipped: Path) -> list[str]:
    """Return the names of the templates in ``own``; all of them are well.

    Raises TemplateError with file and line: what does not compile, and names that the shipped template of the same name
    does not use, which nobody will fill in. Templates of other names are only compiled.
    """
    environment = build_environment((own, shipped))
    names = sorted(path.name for path in own.glob("*.html.j2"))
    problems = []
    for name in names:
        if (shipped / name).exists():
            known = ON_EVERY_PAGE | _find_names(environment, shipped / name)
            problems += _find_unknown(environment, own / name, known)
    if problems:
        raise TemplateError(problems)
    return names


def _find_names(environment: jinja2.Environment, file: Path) -> set[str]:
    return meta.find_undeclared_variables(environment.parse(file.read_text("utf-8")))


def _find_unknown(environment: jinja2.Environment, file: Path, known: frozenset[str]) -> list[Problem]:
    tree = environment.parse(file.read_text("utf-8"))
    unknown = meta.find_undeclared_variables(tree) - known
    problems = []
    for name in sorted(unknown):
        lines = [node.lineno for node in tree.find_all(nodes.Name) if node.name == name]
        advice = did_you_mean(name, sorted(known))
        message = f"{name!r} is not a value of this page; {advice}"
        problems.append(Problem(message, file=str(file), line=min(lines, default=0)))
    return sorted(problems, key=lambda problem: problem.line)

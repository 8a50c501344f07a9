"""No function of the product is longer than a screen."""

from __future__ import annotations

import ast
from pathlib import Path

import newsletter

MOST_LINES = 40
"""Of a function without its docstring, whose lines are facts and not steps."""
PRODUCT = Path(newsletter.__file__).parent
EXCEPTED = (
    "storage/migrations/",  # done once, from the first line to the last
    "cli/__init__.py",  # the tables of arguments
)


def test_no_function_is_longer_than_a_screen() -> None:
    too_long = [
        f"{path.relative_to(PRODUCT)}: {node.name} has {lines} lines"
        for path in sorted(PRODUCT.rglob("*.py"))
        if not str(path.relative_to(PRODUCT)).startswith(EXCEPTED)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (lines := _count_lines(node)) > MOST_LINES
    ]

    assert not too_long


def _count_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert function.end_lineno is not None
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is None:
        return lines
    docstring = function.body[0]
    assert docstring.end_lineno is not None
    return lines - (docstring.end_lineno - docstring.lineno + 1)

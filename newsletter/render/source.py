"""Template sources, built: theme and partials filled in, and every line still knows which file it came from.

A template has two kinds of Jinja in it. ``[[ theme.light.ink ]]``, ``[[ _("Unsubscribe") ]]`` and
``[% include "parts/footer.txt.j2" %]`` are answered here, once for each language. ``{{ paper.title }}`` and
``{% for … %}`` stay for each digest.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import jinja2
from markupsafe import escape

from newsletter.errors import Problem, TemplateError
from newsletter.tracebacks import word_error

if TYPE_CHECKING:
    from newsletter.render.bundle import Bundle
    from newsletter.render.language import Language
    from newsletter.render.theme import Theme

RUN_TIME_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_BUILD_TIME_TAG = re.compile(r"\[\[.*?\]\]|\[%.*?%\]|\[#.*?#\]", re.DOTALL)
_MARK = re.compile("\ue100([^\ue101]*)\ue101")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a built line came from. text is that line as the operator wrote it."""

    name: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class TemplateSource:
    """A built template. origins has one item for each line of text."""

    name: str
    text: str
    origins: tuple[Origin, ...]
    bundle: Bundle

    def problem(self, message: str, line: int = 0, column: int = 0) -> Problem:
        """Return a problem at a place of the built text (from 1) as a place in the operator's file."""
        if not line or not self.origins:
            return Problem(message, file=self.bundle.file(self.name))
        line = min(line, len(self.origins))  # what is missing is missed behind the last line
        origin = self.origins[line - 1]
        built = self.text.splitlines()[line - 1]
        return Problem(
            message,
            file=self.bundle.file(origin.name),
            line=origin.line,
            column=_move_column(column, built, origin.text) or _guess_column(message, origin.text),
        )


def build_source(bundle: Bundle, name: str, theme: Theme, language: Language) -> TemplateSource:
    """Return a template with its partials, the theme and the fixed words filled in.

    Partials are named from the templates folder, or as they lie beside the template that includes them.
    Raises TemplateError.
    """
    is_markup = not name.endswith(".txt.j2")
    try:
        marked = (
            _build_environment(bundle)
            .get_template(name)
            .render(
                theme=theme,
                language=language.code,
                direction=language.direction,
                start="right" if language.direction == "rtl" else "left",
                end="left" if language.direction == "rtl" else "right",
                _=lambda text: str(escape(language.say(text))) if is_markup else language.say(text),
            )
        )
    except Exception as error:
        raise TemplateError([_build_problem(bundle, name, error)]) from error
    return _read_marks(bundle, name, marked)


@lru_cache(maxsize=8)
def _build_environment(bundle: Bundle) -> jinja2.Environment:
    """Return the environment for build-time Jinja. Remembered: partials are parsed once for all who include them."""
    environment = jinja2.Environment(
        block_start_string="[%",
        block_end_string="%]",
        variable_start_string="[[",
        variable_end_string="]]",
        comment_start_string="[#",
        comment_end_string="#]",
        loader=jinja2.FunctionLoader(lambda wanted: _load_marked(bundle, wanted)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # trusted text only: the operator's templates and our colours
    )
    environment.join_path = lambda template, parent: _find(bundle, template, parent)  # type: ignore[method-assign]
    return environment


def check_template(source: TemplateSource, attempt: Callable[[], object]) -> None:
    """Parse or render this source; whatever that raises becomes a TemplateError with the place."""
    try:
        attempt()
    except TemplateError:
        raise
    except Exception as error:
        line, _ = _place_of(error, {source.name})
        raise TemplateError([source.problem(_message_of(error), line)]) from error


def _find(bundle: Bundle, wanted: str, parent: str) -> str:
    """Return the full name of a partial: the one beside its parent, if there is one."""
    beside = str(PurePosixPath(parent).parent / wanted)
    return beside if beside in bundle.sources else wanted


def _load_marked(bundle: Bundle, name: str) -> tuple[str, str, None] | None:
    text = bundle.sources.get(name)
    return None if text is None else (_mark_lines(name, text), name, None)


def _mark_lines(name: str, text: str) -> str:
    """Return the text with a mark before each line that says where it stands.

    Not inside a tag, and not before a line that begins with a build-time block: that one leaves no line.
    """
    tags = [match.span() for match in _BUILD_TIME_TAG.finditer(text)]
    marked = []
    offset = 0
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        while tags and tags[0][1] <= offset:
            del tags[0]
        inside = bool(tags) and tags[0][0] < offset
        is_block = line.lstrip().startswith(("[%", "[#"))
        marked.append(line if inside or is_block else f"\ue100{name}:{number}\ue101{line}")
        offset += len(line)
    return "".join(marked)


def _read_marks(bundle: Bundle, name: str, marked: str) -> TemplateSource:
    lines = []
    origins = []
    last = Origin(name, 1, "")
    for line in marked.splitlines(keepends=True):
        marks = _MARK.findall(line)
        if marks:
            origin_name, _, number = marks[0].rpartition(":")
            last = Origin(origin_name, int(number), bundle.sources[origin_name].splitlines()[int(number) - 1])
        lines.append(_MARK.sub("", line))
        origins.append(last)
    return TemplateSource(name, "".join(lines), tuple(origins), bundle)


def _build_problem(bundle: Bundle, name: str, error: Exception) -> Problem:
    if isinstance(error, jinja2.TemplateNotFound):
        line, place = _place_of(error, set(bundle.sources))
        missing = PurePosixPath(error.name or "").name
        message = f"there is no template {missing!r} beside this one"
    else:
        line, place = _place_of(error, set(bundle.sources))
        message = _message_of(error)
    place = place or name
    lines = bundle.sources.get(place, "").splitlines()
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    return Problem(message, file=bundle.file(place), line=line, column=_guess_column(message, text))


def _place_of(error: Exception, names: set[str]) -> tuple[int, str]:
    """Return line and template in which an exception of Jinja arose, (0, "") where it does not say."""
    if isinstance(error, jinja2.TemplateSyntaxError):
        return error.lineno, error.name or error.filename or ""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename in names:
            return frame.lineno or 0, frame.filename
    return 0, ""


def _message_of(error: Exception) -> str:
    if isinstance(error, jinja2.UndefinedError):
        text = str(error)
        unknown = re.search(r"has no attribute '(\w+)'", text) or re.search(r"'(\w+)' is undefined", text)
        return f"there is no value {unknown[1]!r} here" if unknown else text
    if isinstance(error, jinja2.TemplateError):
        return str(error.message or error)
    if isinstance(error, TypeError) and ".<locals>.t_" in str(error):
        return "there is no filter of a name that is used here"  # Jinja's stand-in for one takes no arguments
    return word_error(error)


def _move_column(column: int, built: str, written: str) -> int:
    """Return the column in the line as written, 0 where what was filled in before it hides the place."""
    if not column:
        return 0
    if built[:column] == written[:column]:
        return column
    rest = built[column - 1 :]
    return len(written) - len(rest) + 1 if rest and written.endswith(rest) else 0


def _guess_column(message: str, text: str) -> int:
    """Return where the last name that the message quotes stands in the line, else its first tag, else 0."""
    for quoted in reversed(re.findall(r"'([^']+)'", message)):
        found = re.search(rf"(?<!\w){re.escape(quoted)}(?!\w)", text)
        if found:
            return found.start() + 1
    tag = re.search(r"\{[{%#]|\[[\[%#]", text)
    return tag.start() + 1 if tag else 0

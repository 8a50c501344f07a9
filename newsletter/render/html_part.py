"""Jinja in MJML → HTML with Jinja in it, once; then HTML for each digest."""

from __future__ import annotations

import re
from xml.parsers import expat

from mjml import mjml2html

from newsletter.errors import TemplateError
from newsletter.render.source import RUN_TIME_TAG, TemplateSource
from newsletter.render.template import Template, Values, new_environment, parse_template
from newsletter.render.wording import cut_summary

# What HTML lets stand alone and XML does not.
_VOID = re.compile(r"<(?:br|hr|img|meta|wbr|link|input)\b[^<>]*>", re.IGNORECASE)


def parse_html(source: TemplateSource, values: Values) -> Template:
    """Return the source, still MJML, as a template: what is wrong in its Jinja shows with the right line.

    Raises TemplateError.
    """
    return _parse(source, source.text, values)


def compile_fragment(source: TemplateSource, values: Values) -> Template:
    """Return a piece of HTML without MJML, a paper's card, as a template. Raises TemplateError."""
    template = parse_html(source, values)
    _check_well_formed(source, f"<card>{source.text}</card>", len("<card>"))
    return template


def compile_html(source: TemplateSource, values: Values) -> Template:
    """Return the source as an HTML template that has these values. What is filled in is escaped.

    The Jinja tags wait as plain words while MJML is compiled: no tag can break the XML, and
    no content ever gets there. Raises TemplateError.
    """
    _check_well_formed(source, source.text)
    tags: list[str] = []
    word = "jinja"
    while word in source.text:
        word += "x"

    def keep(match: re.Match[str]) -> str:
        tags.append(match[0])
        return f"{word}{len(tags) - 1}tag"

    waiting = RUN_TIME_TAG.sub(keep, source.text)
    try:
        html = mjml2html(waiting, fonts={})  # by default it loads a web font wherever it reads "Roboto"
    except ValueError as error:
        raise _explain(source, str(error)) from error
    unknown = re.search(r"</?(mj-[\w-]+)", html)
    if unknown:
        raise _explain_unknown(source, unknown[1])
    if 'dir="rtl"' in html:
        html = html.replace("text-align:left", "text-align:right")  # MJML's columns know only left
    # Indentation is worth bytes of every mail; MJML has no element in which it matters.
    html = re.sub(r"\n\s+", "\n", html)
    # Lines, so that what changes and what does not stand on lines of their own.
    html = re.sub(r"(</(?:td|tr|table|div|style|head)>)(?=<)", r"\1\n", html)
    # SMTP doubles a dot that begins a line, in each mail anew; where white space may stand, it need not begin one.
    html = html.replace("\n.", "\n .")
    html = re.sub(rf"{word}(\d+)tag", lambda match: tags[int(match[1])], html)
    return _parse(source, html, values)


def _parse(source: TemplateSource, text: str, values: Values) -> Template:
    environment = new_environment(autoescape=True)
    environment.filters["sentences"] = cut_summary
    return parse_template(environment, source, text, values)


def _check_well_formed(source: TemplateSource, text: str, shift: int = 0) -> None:
    """Raise TemplateError where the text is no XML: MJML knows no place, and lets some lost tags pass.

    shift is how many columns the text's first line has more than the source's.
    """
    xml = _VOID.sub(_blank, _without_tags(text).replace("&", "+"))
    try:
        expat.ParserCreate().Parse(xml, True)
    except expat.ExpatError as error:
        column = error.offset + 1 - (shift if error.lineno == 1 else 0)
        message = f"{'HTML' if shift else 'MJML'}: {expat.ErrorString(error.code)}"
        raise TemplateError([source.problem(message, error.lineno, column)]) from error


def _explain(source: TemplateSource, reason: str) -> TemplateError:
    """Return what MJML refuses, with the place where it tells it: an offset behind the ``<``, in bytes."""
    reason = reason.replace(" in root template", "")
    at = re.search(r" at position (\d+):\d+$", reason)
    if not at:
        return TemplateError([source.problem(f"MJML: {reason}")])
    # The offset is one in the text with placeholders; asked again with text of equal length, it is ours.
    same_length = _without_tags(source.text).encode()
    try:
        mjml2html(same_length.decode(), fonts={})
    except ValueError as error:
        at = re.search(r" at position (\d+):\d+", str(error)) or at
    line, column = _place(same_length[: int(at[1]) - 1].decode(errors="replace"))
    return TemplateError([source.problem(f"MJML: {reason.partition(' at position ')[0]}", line, column)])


def _without_tags(text: str) -> str:
    """Return the text with letters in place of its Jinja tags; every other character keeps its place."""
    return RUN_TIME_TAG.sub(lambda match: re.sub(r"[^\n]", "x", match[0]), text)


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def _explain_unknown(source: TemplateSource, element: str) -> TemplateError:
    found = re.search(rf"</?{element}\b", source.text)
    line, column = _place(source.text[: found.start()]) if found else (0, 0)
    return TemplateError([source.problem(f"MJML: there is no element <{element}> here", line, column)])


def _place(before: str) -> tuple[int, int]:
    """Return line and column of the character that follows this text."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")

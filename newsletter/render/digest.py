"""One digest as a mail: the bundle compiled once, then subject, HTML and text for each reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import jinja2

from newsletter.errors import Problem, TemplateError
from newsletter.model import Digest, Identity, Rendered, Subscriber
from newsletter.render import sample
from newsletter.render.budget import MAX_HTML_BYTES, choose_step, cut_at, encoded_bytes
from newsletter.render.bundle import HTML, REQUIRED, SUBJECT, TEXT, Bundle
from newsletter.render.context import DigestContext, build_context
from newsletter.render.html_part import compile_html, parse_html
from newsletter.render.source import Source, build_source, check_template
from newsletter.render.text_part import compile_text, tidy
from newsletter.render.theme import build_theme


@dataclass(frozen=True)
class CompiledBundle:
    """A bundle whose templates are known to compile and to render."""

    bundle: Bundle
    subject: jinja2.Template
    html: jinja2.Template
    text: jinja2.Template


def compile_bundle(bundle: Bundle, identity: Identity) -> CompiledBundle:
    """Return the templates, ready to render, in the identity's accent colour.

    Each is rendered against small sample digests, so that an unknown value fails here and not while
    sending. Raises TemplateError with all the templates' mistakes, each with its file, line and column
    where they can be known, and ConfigError where the accent is no colour.
    """
    theme = build_theme(identity.accent)
    contexts = [build_context(digest, sample.READER, identity) for digest in sample.ALL]
    problems: list[Problem] = []
    compiled: dict[str, jinja2.Template] = {}
    for name in REQUIRED:
        if name not in bundle.sources:
            problems.append(Problem("there is no such template", file=bundle.file(name)))
            continue
        try:
            compiled[name] = _compile(build_source(bundle, name, theme), contexts)
        except TemplateError as error:
            problems += error.problems
    if problems:
        raise TemplateError(problems)
    return CompiledBundle(bundle, subject=compiled[SUBJECT], html=compiled[HTML], text=compiled[TEXT])


def _compile(source: Source, contexts: Sequence[DigestContext]) -> jinja2.Template:
    """Return the template; its Jinja is tried first, in the operator's own lines, which MJML would lose."""
    written = parse_html(source) if source.name == HTML else compile_text(source)
    for context in contexts:
        check_template(source, lambda context=context: written.render(context))  # type: ignore[misc]
    if source.name != HTML:
        return written
    template = compile_html(source)
    for context in contexts:
        check_template(source, lambda context=context: template.render(context))  # type: ignore[misc]
    return template


def render_digest(
    compiled: CompiledBundle, digest: Digest, subscriber: Subscriber, identity: Identity
) -> Rendered:
    """Return the mail that this reader gets; the same arguments give the same bytes.

    Its encoded HTML has at most 90 kB: where it would be longer, summaries are shortened from the tail,
    then papers give way to "12 more on the web".
    """

    @cache
    def html_at(step: int) -> tuple[DigestContext, str]:
        context = build_context(digest, subscriber, identity, cut_at(step, digest.entry_count))
        return context, compiled.html.render(context)

    step = choose_step(digest.entry_count, lambda step: encoded_bytes(html_at(step)[1]) <= MAX_HTML_BYTES)
    context, html = html_at(step)
    return Rendered(
        subject=" ".join(compiled.subject.render(context).split()),
        html=html,
        text=tidy(compiled.text.render(context)),
    )

"""Digest → Rendered(subject, html, text). Templates are compiled once; no content meets MJML."""

from newsletter.render.bundle import Bundle, load_bundle
from newsletter.render.digest import (
    CompiledBundle,
    choose_look,
    compile_bundle,
    render_digest,
    render_notice,
)
from newsletter.render.language import list_languages

__all__ = [
    "Bundle",
    "CompiledBundle",
    "choose_look",
    "compile_bundle",
    "list_languages",
    "load_bundle",
    "render_digest",
    "render_notice",
]

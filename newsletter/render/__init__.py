"""Digest → Rendered(subject, html, text). Templates are compiled once; no content meets MJML."""

from newsletter.render.bundle import Bundle, load_bundle
from newsletter.render.digest import CompiledBundle, compile_bundle, render_digest

__all__ = ["Bundle", "CompiledBundle", "compile_bundle", "load_bundle", "render_digest"]

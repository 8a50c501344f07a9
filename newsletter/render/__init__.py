"""Digest → Rendered(subject, html, text). Templates are compiled once; no content meets MJML.

What renders is imported when it is first asked for: most commands make no mail.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.render.bundle import Bundle, load_bundle
    from newsletter.render.catalogs import list_languages
    from newsletter.render.digest import (
        CompiledBundle,
        choose_look,
        compile_bundle,
        render_digest,
        render_notice,
    )

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

_HOMES = {
    "Bundle": "bundle",
    "CompiledBundle": "digest",
    "choose_look": "digest",
    "compile_bundle": "digest",
    "list_languages": "catalogs",
    "load_bundle": "bundle",
    "render_digest": "digest",
    "render_notice": "digest",
}

if not TYPE_CHECKING:  # a type checker knows the names from above

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(name)
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

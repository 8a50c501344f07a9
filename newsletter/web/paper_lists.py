"""Papers in lists, with the pictures that are kept of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from newsletter.web.paper_views import PaperLine, build_line

if TYPE_CHECKING:
    from newsletter.model.entries import Entry, EntryKey
    from newsletter.render.language import Language
    from newsletter.web.site import Site


async def build_lines(
    site: Site, lang: Language, entries: Iterable[Entry], new: Collection[EntryKey] = ()
) -> list[PaperLine]:
    """Return what a list shows of entries, in their order. new are the keys of those that are marked as new."""
    listed = list(entries)
    pictures = await site.newsletter.pictures.find([entry.key for entry in listed])
    return [
        build_line(lang, site.links, entry, is_new=entry.key in new, picture=pictures.get(entry.key))
        for entry in listed
    ]

"""Papers as files for reference managers: BibTeX and RIS."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from starlette.responses import Response

from newsletter.render.citations import BIBTEX_TYPE, RIS_TYPE, build_citation, write_bibtex, write_ris

if TYPE_CHECKING:
    from starlette.requests import Request

    from newsletter.model.entries import Entry

_FORMS = {"bib": (write_bibtex, BIBTEX_TYPE), "ris": (write_ris, RIS_TYPE)}

MOST_CITED = 200
"""So many papers of a search are in a file, the newest."""


def split_form(name: str) -> tuple[str, str]:
    """Return a name without the ending of a file, and the form that it asks for; "" where it asks for none."""
    stem, _, form = name.rpartition(".")
    return (stem, form) if form in _FORMS else (name, "")


def answer_citations(request: Request, entries: Iterable[Entry], name: str) -> Response:
    """Return papers in the form that the address asks for, as a file that browsers save under this name."""
    form = split_form(request.url.path)[1]
    write, media_type = _FORMS[form]
    headers = {"content-disposition": f'attachment; filename="{name}.{form}"', "x-robots-tag": "noindex"}
    return Response(write(map(build_citation, entries)), media_type=media_type, headers=headers)

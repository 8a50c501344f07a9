"""The templates of one newsletter as one value: read once, named by a hash, kept with what was sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from newsletter.errors import Problem, TemplateError
from newsletter.files import read_regular
from newsletter.stored_json import to_json
from newsletter.text import clean_text

HTML, TEXT, SUBJECT = "digest.mjml.j2", "digest.txt.j2", "subject.txt.j2"
PAPER_HTML, PAPER_TEXT = "paper.html.j2", "paper.txt.j2"
LAYOUT_FILES = (HTML, TEXT, SUBJECT, PAPER_HTML, PAPER_TEXT)
"""The files of a layout, in a folder that has its name."""

NOTICE_HTML, NOTICE_TEXT = "notice/notice.mjml.j2", "notice/notice.txt.j2"
"""The mails that are no digests."""


@dataclass(frozen=True)
class Bundle:
    """Template sources by their name in the templates folder (``cards/digest.mjml.j2``).

    folder and shipped are only for messages to the operator, and no part of the value: shipped names what did not
    come from the operator's own folder.
    """

    sources: Mapping[str, str]
    folder: str = field(default="", compare=False)
    shipped: Mapping[str, str] = field(default_factory=dict, compare=False)

    def __hash__(self) -> int:
        return hash(self.hash)

    @property
    def is_shipped(self) -> bool:
        """Whether no template is the operator's own."""
        return bool(self.sources) and all(name in self.shipped for name in self.sources)

    @cached_property
    def layouts(self) -> tuple[str, ...]:
        """The names of the layouts: every folder that has a page of a digest."""
        return tuple(sorted(name.partition("/")[0] for name in self.sources if name.endswith("/" + HTML)))

    @cached_property
    def hash(self) -> str:
        """The SHA-256 of names and texts: equal bundles render equal mails."""
        return hashlib.sha256(self.json.encode()).hexdigest()

    @cached_property
    def json(self) -> str:
        """Names and texts as canonical JSON, for the store."""
        return to_json(dict(self.sources))

    @classmethod
    def from_json(cls, text: str) -> Bundle:
        """Return the bundle that ``json`` is."""
        return cls(json.loads(text))

    def file(self, name: str) -> str:
        """Return what a message to the operator calls this template."""
        return self.shipped.get(name) or str(Path(self.folder) / name)


def load_bundle(shipped: Path, own: Path | None = None) -> Bundle:
    """Read the shipped templates, and over them those of the operator's own folder.

    A file of the same name replaces the shipped one; a new folder is a new layout, and what it lacks comes from the
    shipped layout ``cards``. Raises TemplateError for every file that is not UTF-8 text.
    """
    sources, problems = _read_folder(shipped)
    places = {name: str(shipped / name) for name in sources}
    if own is not None:
        read, more = _read_folder(own)
        sources |= read
        problems += more
        places = {name: place for name, place in places.items() if name not in read}
    for layout in {name.partition("/")[0] for name in sources if name.endswith("/" + HTML)}:
        for file in LAYOUT_FILES:
            fallback = sources.get(f"cards/{file}")
            if f"{layout}/{file}" not in sources and fallback is not None:
                sources[f"{layout}/{file}"] = fallback
                places[f"{layout}/{file}"] = places.get(
                    f"cards/{file}", str((own or shipped) / "cards" / file)
                )
    if problems:
        raise TemplateError(problems)
    return Bundle(dict(sorted(sources.items())), folder=str(own or shipped), shipped=places)


def _read_folder(folder: Path) -> tuple[dict[str, str], list[Problem]]:
    sources: dict[str, str] = {}
    problems = []
    for path in sorted(folder.glob("*/*.j2")):
        try:
            sources[path.relative_to(folder).as_posix()] = _read_utf8(path)
        except _UnreadableError as error:
            problems.append(error.problem)
    return sources, problems


class _UnreadableError(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def _read_utf8(path: Path) -> str:
    try:
        body = read_regular(path)
    except OSError as error:
        raise _UnreadableError(Problem(f"cannot be read: {error.strerror}", file=str(path))) from error
    try:
        return clean_text(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        before = body[: error.start]
        problem = Problem(
            f"byte 0x{body[error.start]:02x} is not UTF-8; save the file as UTF-8",
            file=str(path),
            line=before.count(b"\n") + 1,
            column=error.start - before.rfind(b"\n"),
        )
        raise _UnreadableError(problem) from error

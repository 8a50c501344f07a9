"""The templates of one newsletter as one value: read once, named by a hash, kept with what was sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from newsletter.errors import Problem, TemplateError

SUBJECT = "digest/subject.txt.j2"
HTML = "digest/body.mjml.j2"
TEXT = "digest/body.txt.j2"
REQUIRED = (HTML, TEXT, SUBJECT)


@dataclass(frozen=True)
class Bundle:
    """Template sources by their name in the templates folder (``digest/body.mjml.j2``).

    folder is only for messages to the operator; it is not part of the value.
    """

    sources: Mapping[str, str]
    folder: str = field(default="", compare=False)

    @cached_property
    def hash(self) -> str:
        """The SHA-256 of names and texts: equal bundles render equal mails."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Return names and texts as canonical JSON, for the store."""
        return json.dumps(dict(self.sources), ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Bundle:
        """Return the bundle that to_json wrote."""
        return cls(json.loads(text))

    def file(self, name: str) -> str:
        """Return what a message to the operator calls this template."""
        return str(Path(self.folder) / name)


def load_bundle(folder: Path) -> Bundle:
    """Read the digest's templates and their partials from a templates folder.

    Raises TemplateError for every file that is missing or is not UTF-8 text.
    """
    sources: dict[str, str] = {}
    problems = []
    for path in sorted((folder / "digest").glob("*.j2")):
        try:
            sources[path.relative_to(folder).as_posix()] = _read_utf8(path)
        except _UnreadableError as error:
            problems.append(error.problem)
    read = {*sources, *(Path(problem.file).relative_to(folder).as_posix() for problem in problems)}
    problems += [
        Problem("there is no such template; copy the shipped one", file=str(folder / name))
        for name in REQUIRED
        if name not in read
    ]
    if problems:
        raise TemplateError(problems)
    return Bundle(sources, folder=str(folder))


class _UnreadableError(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def _read_utf8(path: Path) -> str:
    try:
        body = path.read_bytes()
    except OSError as error:
        raise _UnreadableError(Problem(f"cannot be read: {error.strerror}", file=str(path))) from error
    try:
        return body.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = body[: error.start]
        problem = Problem(
            f"byte 0x{body[error.start]:02x} is not UTF-8; save the file as UTF-8",
            file=str(path),
            line=before.count(b"\n") + 1,
            column=error.start - before.rfind(b"\n"),
        )
        raise _UnreadableError(problem) from error

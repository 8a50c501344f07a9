"""What stands in the files of ``init`` as a sample, and must not reach real mail: addresses, hosts, readers. Pure.

A sample is known by its value, so it is found under whatever key it was put. Other names that belong to nobody
(RFC 2606) may be a trial of one's own: they are told, not refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.errors import Problem
    from newsletter.settings.yaml_text import Document

SAMPLE_READERS = frozenset(
    f"{name}@example.org" for name in ("emmy", "grace", "ravi", "maia", "tomas", "wren")
)
_SAMPLE = re.compile(
    r"(?<![\w.+-])(?:digest|editor|leave|bounces|operator)@example\.org(?![\w.-])"
    r"|(?<![\w.@+-])(?:smtp|smtp2|imap|papers)\.example\.org(?![\w.-])"
    r"|https://example\.org/newsletter|[^,]*\bSampletown\b",
    re.IGNORECASE,
)
_RESERVED = re.compile(
    r"(?:^|[@./])(?:example\.(?:com|net|org)|[\w-]+\.(?:example|invalid|test))(?=$|[\s>/:])", re.IGNORECASE
)
_ADVICE = "nothing is sent to a relay until then"


def find_samples(document: Document) -> Iterator[Problem]:
    """Yield the values of a configuration that are samples of ``init``, with line and key."""
    for steps, text in document.texts_below(()):
        found = _SAMPLE.search(text)
        if found and steps[0] not in ("topics", "sources"):
            message = (
                f"{found[0].strip()!r} is a sample; replace it with your own, or remove the line: {_ADVICE}"
            )
            yield document.problem(steps, message)


def find_sample_readers(document: Document) -> Iterator[Problem]:
    """Yield the rows of a file of readers that are samples of ``init``."""
    for steps, text in document.texts_below(()):
        if steps[-1] == "address" and text.strip().casefold() in SAMPLE_READERS:
            message = (
                f"{text.strip()} is a sample reader; replace it with a real one, or remove the row: {_ADVICE}"
            )
            yield document.problem(steps, message)


def find_reserved(document: Document) -> list[str]:
    """Return the values with a name that belongs to nobody, as ``me@example.net``: where mail cannot arrive."""
    return [
        text
        for steps, text in document.texts_below(())
        if steps[0] not in ("topics", "sources") and _RESERVED.search(text)
    ]


def find_reserved_addresses(addresses: Iterable[str]) -> list[str]:
    """Return the addresses at a name that belongs to nobody."""
    return [address for address in addresses if _RESERVED.search(address)]


def switch_off_readers(text: str) -> str:
    """Return the sample file of readers with all its rows switched off, as ``init`` writes it."""
    head, mark, rows = text.partition("\nsubscribers:\n")
    lines = [_switch_off(line) for line in rows.splitlines()]
    return head + mark + "\n".join(lines) + "\n"


def _switch_off(line: str) -> str:
    return f"  #{line[2:]}" if line.strip() and not line.startswith("  #") else line

"""The sample day: one day of papers that comes with the project, for the demo and for trying things without a network.

README.md says which parts of it are facts and which were written for it.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

SAMPLE_DAY = date(2026, 6, 16)
"""A Tuesday: the listing date of all its papers."""


def sample_file() -> Path:
    """Return the file of the day, in the form of the Hugging Face Daily Papers API."""
    return Path(__file__).parent / f"daily-papers-{SAMPLE_DAY}.json"

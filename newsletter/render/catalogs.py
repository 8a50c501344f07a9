"""Which languages there are: those that have a catalog in ``newsletter/locale``, and English, which the code says."""

from __future__ import annotations

from pathlib import Path

LOCALES = Path(__file__).parent.parent / "locale"
DOMAIN = "newsletter"
SOURCE_LANGUAGE = "en"


def list_languages() -> tuple[str, ...]:
    """Return the codes of the languages that mails can be in, English first."""
    found = sorted(path.parent.parent.name for path in LOCALES.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))
    return (SOURCE_LANGUAGE, *(code.replace("_", "-") for code in found))

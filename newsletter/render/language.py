"""The languages of the mails: fixed words from gettext catalogs, dates and numbers from CLDR (Babel).

A language is a catalog in ``newsletter/locale``; docs/templates.md says how one is added. English is what the code
itself says. What a mail quotes (titles, names, topics) stays in its own language.
"""

from __future__ import annotations

import gettext
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from functools import cache, cached_property, lru_cache
from typing import Literal

from babel import Locale
from babel.dates import format_date, format_interval, format_skeleton, format_time, get_day_names
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from newsletter.errors import Message
from newsletter.render.catalogs import DOMAIN, LOCALES, SOURCE_LANGUAGE, list_languages

# Our English is spelled the British way, and its dates go from the day to the year.
_REGIONS = {"en": "en_GB"}


@dataclass(frozen=True, eq=False)
class Language:
    """One language: its catalog and its CLDR locale. code is as in ``lang`` attributes, ``pt-BR``."""

    code: str
    locale: Locale
    catalog: gettext.NullTranslations

    @cached_property
    def direction(self) -> str:
        """``ltr`` or ``rtl``."""
        return self.locale.text_direction

    def say(self, text: str, /, **values: object) -> str:
        """Return a text of the catalog with its ``{names}`` filled in."""
        return self.catalog.gettext(text).format(**values)

    def say_count(self, one: str, many: str, number: int, /, **values: object) -> str:
        """Return the form of a counted text that fits the number; ``{number}`` in it is the number, grouped."""
        return self.catalog.ngettext(one, many, number).format(number=self.number(number), **values)

    def tell(self, text: str) -> str:
        """Return what pure code said in English, in this language where it is a Message, and else as it is."""
        if not isinstance(text, Message):
            return text
        values = {
            name: self.tell(value) if isinstance(value, str) else value for name, value in text.values.items()
        }
        return self.say(text.template, **values)

    def number(self, number: int) -> str:
        """Return ``1,204`` as the language groups it."""
        return str(number) if -1000 < number < 1000 else format_decimal(number, locale=self.locale)

    def join(self, words: Sequence[str]) -> str:
        """Return ``a``, ``a and b``, ``a, b and c``."""
        return _list_of(len(words), self.locale).format(*words)

    def day(self, day: date) -> str:
        """Return ``18 June``."""
        return _day(day, self.locale)

    def long_date(self, day: date) -> str:
        """Return ``18 June 2026``."""
        return _date(day, "long", self.locale)

    def full_date(self, day: date) -> str:
        """Return ``Thursday, 18 June 2026``."""
        return _date(day, "full", self.locale)

    def month(self, day: date) -> str:
        """Return ``June 2026``."""
        return format_skeleton("yMMMM", day, locale=self.locale)

    def days(self, first: date, last: date) -> str:
        """Return ``12–18 Jun``, ``28 Oct – 3 Nov``."""
        return " ".join(
            format_interval(first, last, "MMMMd", locale=self.locale).split()
        )  # CLDR has thin spaces

    def time(self, at: time) -> str:
        """Return ``07:30``."""
        return format_time(at, "HH:mm", locale=self.locale)

    def weekday(self, number: int) -> str:
        """Return the name of a day of the week; 0 is Monday."""
        return str(get_day_names("wide", locale=self.locale)[number])

    def quote(self, text: str) -> str:
        """Return a quoted text in the marks of the language, set apart from a text of the other direction."""
        if self.direction == "rtl" or (
            not text.isascii() and any(letter in _RIGHT_TO_LEFT for letter in text[:200])
        ):
            text = f"\u2068{text}\u2069"
        return self.say("“{text}”", text=text)


_RIGHT_TO_LEFT = frozenset(map(chr, range(0x590, 0x900)))


# CLDR's patterns are read anew each time; a run asks for the same few dates and lists of so many words again and again.
@lru_cache(maxsize=256)
def _list_of(number: int, locale: Locale) -> str:
    """Return a list of so many words with a place for each: ``{0}, {1} and {2}``."""
    return format_list([f"{{{place}}}" for place in range(number)], locale=locale)


@lru_cache(maxsize=1024)
def _day(day: date, locale: Locale) -> str:
    return format_skeleton("MMMMd", day, locale=locale)


@lru_cache(maxsize=1024)
def _date(day: date, form: Literal["long", "full"], locale: Locale) -> str:
    return format_date(day, form, locale=locale)


@cache
def load_language(code: str) -> Language:
    """Return a language by its code. Raises LookupError for one that has no catalog."""
    name = code.replace("-", "_")
    locale = Locale.parse(_REGIONS.get(name, name))
    if code == SOURCE_LANGUAGE:
        return Language(code, locale, gettext.NullTranslations())
    file = LOCALES / name / "LC_MESSAGES" / f"{DOMAIN}.po"
    if not file.is_file():
        raise LookupError(f"there is no catalog for {code!r}; there are {', '.join(list_languages())}")
    with file.open("rb") as source:
        catalog = read_po(source, locale=name)
    # Compiled here and not by the packaging, so that an edited catalog counts at the next start.
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return Language(code, locale, gettext.GNUTranslations(compiled))

"""The catalogs: every fixed word in every language, with the same places to fill in."""

from __future__ import annotations

import re
import string
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from newsletter.render.catalogs import DOMAIN, LOCALES, list_languages
from newsletter.render.language import load_language

ROOT = Path(__file__).parent.parent.parent
LANGUAGES = [code for code in list_languages() if code != "en"]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """The fixed words as they stand in the code and the templates now."""
    file = tmp_path_factory.mktemp("catalog") / "newsletter.pot"
    command = [sys.executable, "-m", "babel.messages.frontend", "-q", "extract", "-F", "babel.cfg"]
    command += ["-k", "say", "-k", "say_count:1,2", "-k", "Message", "-o", str(file), "."]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with file.open("rb") as source:
        return read_po(source)


def read(code: str) -> Catalog:
    with (LOCALES / code.replace("-", "_") / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as source:
        return read_po(source, locale=code)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def texts(message: Message) -> list[str]:
    found = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
    return [text or "" for text in found]


def test_there_are_german_and_arabic() -> None:
    assert {"de", "ar"} <= set(LANGUAGES)


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_word_is_missing_and_none_is_left_over(code: str, template: Catalog) -> None:
    catalog = read(code)
    wanted = {message.id for message in template if message.id}
    there = {message.id for message in catalog if message.id}
    assert wanted - there == set(), "run make catalogs, then translate"
    assert there - wanted == set()
    for message in catalog:
        if message.id:
            assert all(texts(message)), f"{message.id} is not translated"
            assert not message.fuzzy, f"{message.id} is only guessed"


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_translation_has_the_places_of_the_original(code: str) -> None:
    for message in read(code):
        if not message.id:
            continue
        original = message.id if isinstance(message.id, str) else message.id[-1]
        for text in texts(message):
            assert fields(text) == fields(original), original


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_number_has_its_form(code: str) -> None:
    lang = load_language(code)
    for number in range(200):
        said = lang.say_count("{number} paper", "{number} papers", number)
        assert str(number) in said
        assert "{" not in said


def test_dates_and_numbers_follow_the_language() -> None:
    day = date(2026, 6, 18)
    said = {
        code: (load_language(code).full_date(day), load_language(code).number(12_345))
        for code in ("en", "de", "ar")
    }
    assert said["en"] == ("Thursday, 18 June 2026", "12,345")
    assert said["de"] == ("Donnerstag, 18. Juni 2026", "12.345")
    assert said["ar"] == ("الخميس، 18 يونيو 2026", "12,345")


def test_language_without_a_catalog_is_refused_with_those_that_are_there() -> None:
    with pytest.raises(LookupError, match="there are en, ar, de"):
        load_language("fr")


def test_the_document_says_how_a_language_is_added() -> None:
    text = (ROOT / "docs" / "templates.md").read_text("utf-8")
    assert re.search(r"make catalogs LANGUAGE=\w+", text)

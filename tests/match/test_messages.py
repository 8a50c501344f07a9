"""What is wrong or odd about a topic is English in logs and commands, and the reader's language on a page."""

from __future__ import annotations

import pytest

from newsletter.errors import Message
from newsletter.render.language import load_language
from newsletter.settings.topic_lines import read_topics


@pytest.mark.parametrize(
    ("line", "english", "german"),
    [
        ("titel:robot", "unknown scope 'titel'", "unbekannter Bereich 'titel'"),
        ("robot AND", "a word is missing here", "hier fehlt ein Wort"),
        (
            "(robot AND NOT robots)",
            "nothing can match: 'robot' is both required and excluded",
            "darauf kann nichts passen: 'robot' ist zugleich verlangt und ausgeschlossen",
        ),
        ("cs.{CL", "this brace is not closed", "diese geschweifte Klammer ist nicht geschlossen"),
    ],
)
def test_a_mistake_is_told_in_the_language_of_the_page(line: str, english: str, german: str) -> None:
    (mistake,) = read_topics([line], {}).mistakes

    assert mistake.message == english
    assert load_language("de").tell(mistake.message) == german
    assert load_language("ar").tell(mistake.message) not in ("", english)
    assert load_language("en").tell(mistake.message) == english


def test_a_warning_is_told_in_the_language_of_the_page() -> None:
    (doubt,) = read_topics(["otter or beaver"], {}).doubts

    german = load_language("de")
    assert german.tell(doubt.message) == "'or' wird als Wort wie die anderen gesucht"
    assert german.tell(doubt.hint) == (
        'schreib OR für den Operator oder setz alles in Anführungszeichen: "otter or beaver"'
    )


def test_a_text_of_somebody_else_stays_as_it_is() -> None:
    assert load_language("de").tell("a word is missing {here}") == "a word is missing {here}"
    assert load_language("de").tell(Message("unknown key {key}", key="{x}")) == "unbekannter Schlüssel {x}"

from __future__ import annotations

import random

import pytest

from newsletter.match.acronyms import GROUPS, find_definitions, learn_acronyms, shipped_acronyms
from newsletter.match.matcher import match_topic
from newsletter.match.topics import parse_topic
from newsletter.match.words import fold_entry
from tests.support.builders import make_entry

DEFINED = [
    "We study control barrier functions (CBFs) for robots.",
    "A control barrier function (CBF) keeps it safe.",
    "Safe robots need control-barrier functions (CBFs).",
]


def learned(*texts: str) -> tuple[tuple[str, ...], ...]:
    return learn_acronyms(texts).groups[len(GROUPS) :]


@pytest.mark.parametrize(
    ("text", "short", "long"),
    [
        ("With retrieval-augmented generation (RAG), tables", "RAG", "retrieval-augmented generation"),
        ("Low-rank adaptation (LoRA) of models", "LoRA", "Low-rank adaptation"),
        ("By a mixture of experts (MoE) layer", "MoE", "mixture of experts"),
        (
            "and reinforcement learning from human feedback (RLHF)",
            "RLHF",
            "reinforcement learning from human feedback",
        ),
        ("Tiny vision transformers (ViTs)", "ViTs", "vision transformers"),
        ("RAG (retrieval-augmented generation) helps", "RAG", "retrieval-augmented generation"),
        ("by SAC (soft actor-critic)", "SAC", "soft actor-critic"),
    ],
)
def test_definition_is_read(text: str, short: str, long: str) -> None:
    assert list(find_definitions(text)) == [(short, long)]


@pytest.mark.parametrize(
    "text",
    [
        "The best model (SOTA) wins",
        "We test it (see Table 2)",
        "This ends. Barrier functions (CBF) begin",
        "in 2024 (ICML)",
        "RAG (our retrieval-augmented generation)",
        "by PPO (see Table 2)",
        "(RL) first",
        "",
    ],
)
def test_what_does_not_spell_the_capitals_is_no_definition(text: str) -> None:
    assert list(find_definitions(text)) == []


def test_what_three_texts_define_is_learned_whatever_their_order() -> None:
    [group] = learned(*DEFINED)
    shuffled = random.Random(1).sample(DEFINED, 3)

    assert group == ("CBF", "control barrier function")
    assert learned(*shuffled) == (group,)
    assert learned(*DEFINED[:2]) == ()
    assert learned(DEFINED[0] * 5) == (), "one text says it once"


def test_what_is_defined_in_two_ways_is_not_learned() -> None:
    others = ["A content-based filter (CBF) for songs."] * 2

    assert learned(*DEFINED, *others) == ()


def test_what_the_table_knows_is_not_learned_anew() -> None:
    assert learned(*["Rate limits (RL) of servers."] * 5) == ()
    assert learn_acronyms([]) is shipped_acronyms()


def test_learned_acronym_is_found_in_both_directions() -> None:
    acronyms = learn_acronyms(DEFINED)

    for word, title in (
        ("CBF", "Control barrier functions at sea"),
        ("control barrier function", "CBFs at sea"),
    ):
        entry = fold_entry(make_entry(title=title))
        topic = parse_topic(word)
        assert match_topic(topic, entry, acronyms) is not None
        assert match_topic(topic, entry) is None


def test_other_forms_are_looked_up_by_any_spelling() -> None:
    assert shipped_acronyms().find_others(["rag"]) == ("retrieval-augmented generation",)
    assert shipped_acronyms().find_others(["zymurgy"]) == ()

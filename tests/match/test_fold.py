from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.match.fold import Gap, fold
from newsletter.match.spelling import stem, word_forms
from tests.support.examples import examples


def words(text: str) -> list[str]:
    return [token.surface for token in fold(text).tokens]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("Large language models", ["Large", "language", "models"]),
        ("ﬁne–tuning", ["fine", "tuning"]),
        ("Poincar\\'e", ["Poincare"]),
        ("Poincar\\'{e}", ["Poincare"]),
        ('Erd\\H{o}s and G\\"odel', ["Erdos", "and", "Godel"]),
        ('na\\"{\\i}ve', ["naive"]),
        ("\\v{S}koda", ["Skoda"]),
        ("\\emph{very} \\textbf{bold}er", ["very", "bolder"]),
        ("\\unknown{kept}", ["kept"]),
        ("$k$-means++", ["k", "means++"]),
        ("$\\alpha$-divergence", ["alpha", "divergence"]),
        ("$\\beta_1$ and 5 μm", ["beta1", "and", "5", "μm"]),
        ("CO$_2$ and x_i", ["CO2", "and", "x", "i"]),
        ("U.S.-based Ph.D.s at 3.5 e.g.", ["US", "based", "PhDs", "at", "3.5", "eg"]),
        ("A* and **B**", ["A*", "and", "B"]),
        ("Parkinsonʼs", ["Parkinson"]),
        ("ป่าไม้", ["ป่", "า", "ไ", "ม้"]),
        ("हिन्दी", ["हिन्दी"]),
        ("A \\& B", ["A", "B"]),
        ("Fig.~2", ["Fig", "2"]),
        ("a lost backslash\\", ["a", "lost", "backslash"]),
        ("C, C++ and C#", ["C", "C++", "and", "C#"]),
        ("GPT-3.5 and Qwen2.5-VL.", ["GPT", "3.5", "and", "Qwen2.5", "VL"]),
        ("multi\u00admodal", ["multimodal"]),
        ("Parkinson’s disease", ["Parkinson", "disease"]),
        ("don't", ["dont"]),
        ("x² ≈ ½", ["x2", "1", "2"]),
        ("Łukasz Ørsted", ["Lukasz", "Orsted"]),
        ("e\u0301tude", ["etude"]),
        ("ガ ｶﾞ カ\u3099", ["ガ", "ガ", "ガ"]),
        ("大模型", ["大", "模", "型"]),
        ("GPT模型", ["GPT", "模", "型"]),
    ],
)
def test_text_becomes_plain_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        ("a b", Gap.SPACE),
        ("a\n b", Gap.SPACE),
        ("a-b", Gap.HYPHEN),
        ("a–b", Gap.HYPHEN),
        ("a−b", Gap.HYPHEN),
        ("a--b", Gap.HYPHEN),
        ("a - b", Gap.SPACE),
        ("a/b", Gap.SLASH),
        ("a. b", Gap.BREAK),
        ("a, b", Gap.BREAK),
        ("a (b)", Gap.BREAK),
        ("a_b", Gap.HYPHEN),
        ("a: b", Gap.BREAK),
        ("$a$-b", Gap.HYPHEN),
        ("\\emph{a} b", Gap.SPACE),
        ("模型", Gap.GLUED),
        ("C++11", Gap.GLUED),
    ],
)
def test_gap_says_what_stands_between_two_tokens(text: str, gap: Gap) -> None:
    first, second = fold(text).tokens

    assert (first.gap, second.gap) == (Gap.BREAK, gap)


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("the ﬁne print", 1, "ﬁne"),
        ("Poincar\\'{e} maps", 0, "Poincar\\'{e}"),
        ("by e\u0301tude alone", 1, "e\u0301tude"),
        ("\\emph{graph} theory", 0, "graph"),
        ("$k$-means", 0, "k"),
        ("an LLM's view", 1, "LLM"),
        ("½ done", 2, "done"),
        ("multi\u00admodal", 0, "multi\u00admodal"),
    ],
)
def test_offsets_are_those_of_the_original_text(text: str, place: int, expected: str) -> None:
    token = fold(text).tokens[place]

    assert text[token.start : token.end] == expected


def test_letters_are_the_joined_tokens_in_small_letters() -> None:
    folded = fold("Text-to-Image C++")

    assert folded.letters == "texttoimagec++"
    assert folded.offsets == (0, 4, 6, 11, 14)


LATEX_LIKE = st.text(
    st.sampled_from("aeksT19 -–/.,'’\"\\${}~^`c+#_\u0301\u00adﬁ½ßİ大が\u3099\u1112\u1161\u11ab\n"),
    max_size=40,
)


@examples(300)
@given(st.text(max_size=60) | LATEX_LIKE)
@example("\\'")
@example("\\v s\\c{c}\\")
@example("İ½'s")
def test_any_text_folds_to_tokens_in_order_inside_it(text: str) -> None:
    folded = fold(text)

    assert len(folded.offsets) == len(folded.tokens) + 1
    assert folded.offsets[-1] == len(folded.letters)
    begun = 0
    for token, start, end in zip(folded.tokens, folded.offsets, folded.offsets[1:], strict=False):
        assert begun <= token.start < token.end <= len(text)
        assert folded.letters[start:end] == token.surface.casefold() != ""
        begun = token.start


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("model", "models", True),
        ("ontology", "ontologies", True),
        ("box", "boxes", True),
        ("bias", "biases", True),
        ("loss", "losses", True),
        ("virus", "viruses", True),
        ("match", "matches", True),
        ("case", "cases", True),
        ("movie", "movies", True),
        ("map", "maps", True),
        ("AIs", "ai", True),
        ("GPUs", "gpu", True),
        ("robotic", "robotics", False),
        ("corpu", "corpus", False),
        ("analysi", "analysis", False),
        ("los", "loss", False),
        ("ai", "ais", False),
        ("nod", "nodes", False),
    ],
)
def test_plural_is_the_same_word(one: str, other: str, same: bool) -> None:
    assert (other.casefold() in word_forms(one)) is same
    if one.islower():
        assert (one in word_forms(other)) is same


@pytest.mark.parametrize(
    ("family", "stranger"),
    [
        (["prune", "prunes", "pruned", "pruning", "pruner"], "prundle"),
        (["agent", "agents", "agentic"], "agenda"),
        (["generate", "generation", "generative", "generator", "generating"], "general"),
        (["generalize", "generalization", "generalizable", "generalizability"], "general"),
        (["classify", "classification", "classifier", "classified"], "class"),
        (["robust", "robustness", "robustly"], "robot"),
        (["robot", "robots", "robotic", "robotics"], "robust"),
        (["plan", "plans", "planning", "planned", "planner"], "plane t"),
        (["distill", "distilled", "distillation", "distil"], "distance"),
        (["align", "alignment", "aligned"], "alien"),
        (["study", "studies", "studied", "studying"], "student"),
        (["loss", "losses"], "lose r"),
    ],
)
def test_inflections_share_a_stem(family: list[str], stranger: str) -> None:
    stems = {stem(word) for word in family}

    assert len(stems) == 1
    assert stem(stranger) not in stems


@examples(200)
@given(st.text(st.sampled_from("abegilnorstyz"), min_size=1, max_size=12))
def test_stem_is_the_beginning_of_its_word(word: str) -> None:
    assert stem(word)
    assert word.startswith(stem(word))

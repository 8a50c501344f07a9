from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.match.acronyms import GROUPS
from newsletter.match.fold import fold
from newsletter.match.matcher import match_topic
from newsletter.match.topics import parse_topic
from newsletter.match.words import fold_entry
from newsletter.model.entries import Entry, EntryKey
from newsletter.model.topics import Hit, Match, Scope, Topic, Words
from tests.support.builders import make_entry
from tests.support.examples import examples

PAPER = Entry(
    key=EntryKey("arxiv:2606.01234"),
    title="Retrieval-augmented generation for small robots",
    summary="We teach robots with LLMs. RAG helps; a survey is left for later.",
    authors=("José Núñez", "Jane M. Doe", "van der Berg, Anna", "Wei Zhang", "Weinan E"),
    categories=("cs.RO", "cs.CL", "stat.ML"),
    ai_keywords=("robot-learning", "question answering"),
    organization="Example Lab",
    note="Accepted at a workshop",
    sources=("hf_daily", "arxiv"),
    aliases=(EntryKey("doi:10.1000/182"),),
    upvotes=5,
    comments=2,
    listed_on=date(2026, 6, 16),
)


def match(item: str, entry: Entry = PAPER) -> Match | None:
    return match_topic(parse_topic({"name": "A topic", "any": [item]}), fold_entry(entry))


def found(item: str, text: str) -> list[str]:
    """Return the pieces of a summary that an item hits."""
    hit = match(item, make_entry(title="", summary=text))
    return [text[at.start : at.end] for at in hit.hits] if hit else []


# What is looked for, the text, and the piece that is found there: none where it must not be found.
SPELLINGS: list[tuple[str, str, str | None]] = [
    # plurals
    ("LLM", "Many LLMs fail", "LLMs"),
    ("LLMs", "One LLM fails", "LLM"),
    ("model", "two models", "models"),
    ("language models", "a language model", "language model"),
    ("language model", "languages model", None),
    ("ontology", "of ontologies", "ontologies"),
    ("loss", "many losses", "losses"),
    ("bias", "social biases", "biases"),
    ("bus", "the bu", None),
    ("robotics", "a robotic arm", None),
    ("consensus", "by consensu", None),
    ("GPU", "on 8 GPUs", "GPUs"),
    ("AI", "several AIs", "AIs"),
    ("LoRA", "merging LoRAs", "LoRAs"),
    # hyphens and spaces
    ("fine-tuning", "by finetuning it", "finetuning"),
    ("fine-tuning", "by fine tuning it", "fine tuning"),
    ("finetuning", "Fine-Tuning helps", "Fine-Tuning"),
    ("fine tuning", "fine‑tuning", "fine‑tuning"),
    ("multi-modal", "a multimodal model", "multimodal"),
    ("multimodal", "Multi-modal models", "Multi-modal"),
    ("GPT-4", "with GPT4", "GPT4"),
    ("GPT4", "with GPT-4", "GPT-4"),
    ("GPT-4", "with GPT 4 only", "GPT 4"),
    ("GPT-3", "with GPT-3.5", None),
    ("GPT-4", "with GPT-40", None),
    ("Llama 3.1", "the Llama-3.1 herd", "Llama-3.1"),
    ("text-to-image", "text to image models", "text to image"),
    ("text-to-image", "a text/to/image pipe", "text/to/image"),
    ("vision-language", "vision–language", "vision–language"),
    ("pre-training", "pretraining", "pretraining"),
    ("zero-shot", "zero shot", "zero shot"),
    ("data set", "this dataset", "dataset"),
    ("agent", "a gent", None),
    ("usage", "us age", None),
    ("few-shot", "the few. Shot", None),
    ("nodejs", "with Node.js", "Node.js"),
    ("helix", "two helices", "helices"),
    ("C elegans", "worms: C. elegans", "C. elegans"),
    ("plan elegans", "the plan. Elegans", None),
    # inflections are other words unless asked for
    ("fine-tuning", "a finetuned model", None),
    ("agent", "agentic", None),
    ("generalization", "general", None),
    ("generation", "general", None),
    ("agent~", "agentic systems", "agentic"),
    ("jailbreak~", "jailbreaking it", "jailbreaking"),
    ("model pruning~", "when models or model pruned", "model pruned"),
    ("generate~", "in general", None),
    ("finetun*", "was fine-tuned", "fine-tuned"),
    ("robot*", "Robotics", "Robotics"),
    ("robot*", "microrobots", None),
    ("robot*", "Rob Otto", None),
    ("red team*", "red-teaming", "red-teaming"),
    # short terms in capitals
    ("LLM", "an MLLM", None),
    ("LLM", "vLLM serves", None),
    ("LLM", "LLM-based", "LLM"),
    ("IR", "their first", None),
    ("RAG", "a rag doll", None),
    ("rag", "a RAG pipeline", "RAG"),
    ("rag", "a rag doll", "rag"),
    ("RL", "R-L", None),
    ("AI", "said ai", None),
    ("ViT", "VIT-B", "VIT"),
    ("ViT", "Vit", None),
    ("SAM", "Sam says", None),
    ("US", "for us", None),
    ("U.S.", "for us", None),
    ("U.S.", "in the U.S. market", "U.S"),
    ("Q&A", "long-form Q&A", "Q&A"),
    ("Q&A", "a QA bot", "QA"),
    # acronyms
    ("RAG", "retrieval augmented generation", "retrieval augmented generation"),
    ("retrieval-augmented generation", "with RAG", "RAG"),
    ("retrieval-augmented generation", "a rag", None),
    ("large language models", "an LLM", "LLM"),
    ("MoE", "a Mixture-of-Experts", "Mixture-of-Experts"),
    ("KV cache", "key-value caches", "key-value caches"),
    ("3DGS", "3D Gaussian Splatting", "3D Gaussian Splatting"),
    ("NeRFs", "neural radiance fields", "neural radiance fields"),
    # exactly as written
    ("=RAG", "retrieval-augmented generation", None),
    ("=RAG", "a RAG", "RAG"),
    ("=RAG", "RAGs", None),
    ("=LoRA", "LORA", None),
    ("=fine-tuning", "fine tuning", None),
    ("=fine-tuning", "fine-tuning", "fine-tuning"),
    # LaTeX, accents, Unicode
    ("k-means", "$k$-means", "k$-means"),
    ("k-means", "$k$-means++", None),
    ("k-means++", "the $k$-means++ seeds", "k$-means++"),
    ("Poincare", "the Poincar\\'e ball", "Poincar\\'e"),
    ("Poincaré ball", "Poincar\\'{e} ball", "Poincar\\'{e} ball"),
    ("fine-tuning", "ﬁne-tuning", "ﬁne-tuning"),
    ("graph network", "\\emph{graph} network", "graph} network"),
    ("beta-VAE", "$\\beta$-VAE", "\\beta$-VAE"),
    ("β-VAE", "$\\beta$-VAE", "\\beta$-VAE"),
    ("multimodal", "multi\u00admodal", "multi\u00admodal"),
    ("El Nino", "El Niño", "El Niño"),
    ("naïve Bayes", "naive Bayes", "naive Bayes"),
    # other letters
    ("C", "in C++", None),
    ("C", "in C#", None),
    ("C++", "in C++, mostly", "C++"),
    ("C++", "in C", None),
    ("Parkinson's disease", "Parkinson’s disease", "Parkinson’s disease"),
    ("LLM", "the LLM's answer", "LLM"),
    ("语言模型", "大语言模型的", "语言模型"),
    ("模型", "语言,模,型", None),
    ("GPT", "GPT模型", "GPT"),
    # phrases end with punctuation
    ("graph neural network", "on graphs. Neural network", None),
    ("graph neural network", "graph neural networks", "graph neural networks"),
    ("language model", "language, model", None),
    ("language model", "language (model)", None),
    ("language model", "language: model", None),
    ("a survey", "a, survey", None),
]


@pytest.mark.parametrize(("item", "text", "piece"), SPELLINGS)
def test_spelling_is_folded(item: str, text: str, piece: str | None) -> None:
    assert found(item, text) == ([] if piece is None else [piece])


def test_keyword_may_be_longer_than_six_words() -> None:
    title = "a study of how small robots learn to walk"

    assert found(title, "This is A Study of how small robots learn to walk.") == [
        "A Study of how small robots learn to walk"
    ]


def test_every_place_is_found_once() -> None:
    assert found("robot*", "Robots, robots and robotic robots") == ["Robots", "robots", "robotic", "robots"]


def test_title_hit_is_stronger_than_any_other() -> None:
    in_title, in_summary = match("robots"), match("survey")

    assert in_title is not None
    assert in_title.strength == 1.0
    assert in_summary is not None
    assert in_summary.strength == 0.7


def test_hits_name_the_rule_and_stand_in_the_order_of_the_text() -> None:
    hit = match("RAG, robot*")

    assert hit is not None
    assert [(at.rule, at.scope.value, at.start, at.expansion) for at in hit.hits] == [
        ("RAG", "title", 0, "retrieval-augmented generation"),
        ("robot*", "title", 41, ""),
        ("robot*", "abstract", 9, ""),
        ("RAG", "abstract", 27, ""),
    ]


@pytest.mark.parametrize(
    ("item", "hit"),
    [
        ("title:robots", Hit("robots", Scope.TITLE, 41, 47)),
        ("abstract:robots", Hit("robots", Scope.ABSTRACT, 9, 15)),
        ("title:survey", None),
        ("tag:robot learning", Hit("robot learning", Scope.TAG, 0, 14)),
        ("tag:QA", Hit("QA", Scope.TAG, 0, 18, "question answering", 1)),
        ("org:example", Hit("example", Scope.ORG, 0, 7)),
        ("comment:accepted", Hit("accepted", Scope.COMMENT, 0, 8)),
        ("source:hf_daily", Hit("hf_daily", Scope.SOURCE, 0, 8)),
        ("source:arxiv", Hit("arxiv", Scope.SOURCE, 0, 5, "", 1)),
        ("id:2606.01234", Hit("2606.01234", Scope.ID, 6, 16)),
        ("id:arxiv:2606.01234", Hit("arxiv:2606.01234", Scope.ID, 0, 16)),
        ("id:10.1000/182", Hit("10.1000/182", Scope.ID, 4, 15, "", 1)),
        ("id:2606.0123", None),
        ("cat:cs.CL", Hit("cs.CL", Scope.CATEGORY, 0, 5, "", 1)),
        ("cat:CS.cl", Hit("CS.cl", Scope.CATEGORY, 0, 5, "", 1)),
        ("cat:cs.C", None),
        ("cat:cs", None),
        ("cat:stat.*", Hit("stat.*", Scope.CATEGORY, 0, 7, "", 2)),
        ("cat:cs.{CL,LG}", Hit("cs.{CL,LG}", Scope.CATEGORY, 0, 5, "", 1)),
        ("cat:cs.{CV,LG}", None),
        ("author:Doe J", Hit("Doe J", Scope.AUTHOR, 0, 11, "", 1)),
        ("author:zhang*", Hit("zhang*", Scope.AUTHOR, 4, 9, "", 3)),
    ],
)
def test_scope_says_where_to_look(item: str, hit: Hit | None) -> None:
    result = match(item)

    assert (result.hits if result else ()) == ((hit,) if hit else ())


@pytest.mark.parametrize(
    ("wanted", "name", "same"),
    [
        ("Doe J", "Jane Doe", True),
        ("Doe J", "J. Doe", True),
        ("Doe J", "Doe, Jane", True),
        ("Doe, J.", "Jane Doe", True),
        ("J Doe", "Doe, Jane", True),
        ("Jane Doe", "J. Doe", True),
        ("Doe", "Jane Doe", True),
        ("Doe JM", "Jane Mary Doe", True),
        ("Doe J M", "J. M. Doe", True),
        ("Doe JK", "Jane Mary Doe", False),
        ("Doe J", "John Doeson", False),
        ("Doe K", "Jane Doe", False),
        ("Doe Jane", "John Doe", False),
        ("Jane", "Jane Doe", False),
        ("Nunez J", "José Núñez", True),
        ("Núñez", "Jose Nunez", True),
        ("Zhang Wei", "Wei Zhang", True),
        ("Wei Z", "Wei Zhang", False),
        ("Li J", "Jun Li", True),
        ("Li J", "Li Jun", False),
        ("van der Berg A", "van der Berg, Anna", True),
        ("Berg", "Anna van der Berg", True),
        ("Smith-Jones A", "Anna Smith-Jones", True),
        ("Doe J", "Jane Doe Jr.", True),
        ("E Weinan", "Weinan E", True),
        ("LeCun Y", "Yann LeCun", True),
        ("Doe", "Doe JA", True),
        ("Doe J", "Doe JA", True),
        ("Doe K", "Doe JA", False),
        ("Doe", "Jane Doe PhD", True),
        ("Doe J", "Jane Doe 0002", True),
        ("Doe J", "Jane Doe (Example Univ)", True),
        ("Univ", "Jane Doe (Example Univ)", False),
        ("Feifei Li", "Fei-Fei Li", True),
        ("Fei-Fei Li", "Feifei Li", True),
        ("Mueller", "Jan Müller", True),
        ("Müller", "Jan Mueller", True),
        ("Soerensen", "Bo Sørensen", True),
        ("Quist S", "QUIST Sara", True),
        ("王晓梅", "王晓梅", True),
        ("王", "王晓梅", True),
        ("王晓梅", "王晓", False),
        ("晓梅", "王晓梅", False),
        ("李飞飞", "Fei-Fei Li (李飞飞)", True),
        ("山田太郎", "山田 太郎", True),
        ("山田", "山田太郎", True),
        ("박지훈", "박지훈", True),
    ],
)
def test_author_is_family_name_and_initials_in_any_order(wanted: str, name: str, same: bool) -> None:
    result = match(f'author:"{wanted}"', replace(PAPER, authors=("Ada Example", name)))

    assert (result is not None) is same


@pytest.mark.parametrize(
    ("item", "holds"),
    [
        ("upvotes>=5", True),
        ("upvotes>5", False),
        ("upvotes=5", True),
        ("upvotes<=4", False),
        ("comments<3", True),
        ("stars>=0", False),
        ("stars<100", False),
        ("date>=2026-06-16", True),
        ("date>2026-06-16", False),
        ("date<2026-06-17", True),
    ],
)
def test_comparison_holds_only_where_the_entry_has_the_measure(item: str, holds: bool) -> None:
    result = match(item)

    assert (result is not None) is holds
    assert result is None or result.hits == ()


@pytest.mark.parametrize(
    ("form", "rules"),
    [
        ({"any": "robots, missing"}, {"robots"}),
        ({"any": "missing, absent"}, None),
        ({"any": "robots", "all": "survey"}, {"robots", "survey"}),
        ({"any": "robots", "all": "survey, missing"}, None),
        ({"all": "robots, upvotes>=3"}, {"robots"}),
        ({"any": "robots", "none": "title:survey"}, {"robots"}),
        ({"any": "robots", "none": "survey"}, None),
        ({"any": "robots", "all": "LLM", "none": "missing, cat:cs.CL"}, None),
        ({"any": "robots", "none": "upvotes<10"}, None),
        ({"any": "survey", "where": "title"}, None),
        ({"any": "robot*, cs.CL", "where": "category, tag"}, {"robot*", "cs.CL"}),
    ],
)
def test_groups_decide_together(form: dict[str, str], rules: set[str] | None) -> None:
    result = match_topic(parse_topic({"name": "A topic", **form}), fold_entry(PAPER))

    assert ({hit.rule for hit in result.hits} if result else None) == rules


def test_braces_in_quotes_are_no_pattern() -> None:
    form = {"name": "A topic", "any": ['"a{b"', '"a}b"', "zhang"], "where": "category, author"}

    result = match_topic(parse_topic(form), fold_entry(PAPER))

    assert result is not None
    assert [hit.rule for hit in result.hits] == ["zhang"]


def test_entry_without_text_matches_nothing_and_breaks_nothing() -> None:
    assert match("RAG", Entry(EntryKey("guid:x:1"), "")) is None


def test_acronym_table_names_each_form_once_and_is_all_findable() -> None:
    forms = [fold(form).letters for group in GROUPS for form in group]

    assert len(forms) == len(set(forms))
    assert len(GROUPS) >= 120
    for short, *longs in GROUPS:
        for long in longs:
            assert found(short, f"about {long} here") == [long], short
            assert found(long, f"about {short} here") == [short], long


WORDS = (
    "RAG LLMs llm robot robotic fine tuning $k$ means ++ Poincar\\'e ﬁ C GPT4 models - / 语 模型 e\u0301 ½ 's"
)
PIECES = st.lists(
    st.sampled_from([*WORDS.split(), " ", " ", " ", "-", ". ", "\\emph{", "}", "\u00ad"]), max_size=14
).map("".join)
ITEMS = st.sampled_from(
    [
        "RAG",
        "LLM",
        "=LLMs",
        "robot*",
        "robot~",
        "fine-tuning",
        "k-means",
        "Poincaré",
        "GPT-4",
        "C",
        "模型",
        "model",
    ]
)


@examples(300)
@given(ITEMS, PIECES | st.text(max_size=40))
def test_text_of_a_hit_alone_is_a_hit_of_the_same_rule(item: str, text: str) -> None:
    for piece in found(item, text):
        assert found(item, piece) == [piece]


PLAIN = st.text(st.characters(exclude_characters="\\${}~-'’"), max_size=20)


@examples(150)
@given(PLAIN.filter(lambda text: bool(fold(text).tokens)), PLAIN, PLAIN)
def test_any_word_is_found_between_full_stops(word: str, before: str, after: str) -> None:
    entry = fold_entry(make_entry(title=f"{before} . {word} . {after}"))

    assert match_topic(Topic("A topic", Words(word)), entry) is not None


@pytest.mark.corpus
@pytest.mark.parametrize("term", ["IR", "NER", "RAG", "RL"])
def test_short_terms_stand_alone_in_real_abstracts(term: str, corpus: Path) -> None:
    papers = [json.loads(line) for line in (corpus / "relevance" / "hf_daily.jsonl").open(encoding="utf-8")]
    texts = [paper["abstract"] for paper in papers[:300]]

    pieces = {piece for text in texts for piece in found(f"title:{term}, abstract:{term}", text)}

    forms = [term, *(form for group in GROUPS if term in group for form in group)]
    assert {fold(piece).letters.removesuffix("s") for piece in pieces} <= {
        fold(form).letters for form in forms
    }
    assert all(piece.rstrip("s").isupper() for piece in pieces if len(piece) <= len(term) + 1)

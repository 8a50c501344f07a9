"""A topic in one line means the same wherever it is written, and what is wrong is told in the same words."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import ConfigError, NewsletterError, QueryError
from newsletter.match.doubts import find_doubts
from newsletter.match.query import parse_query, print_query
from newsletter.match.topics import parse_topic, parse_topics
from newsletter.settings.readers_csv import ListRow, Refused, Taken, Terms, read_list
from newsletter.settings.subscribers_file import parse_subscribers
from newsletter.settings.topic_lines import read_topics, require_topics, split_topics
from newsletter.settings.yaml_text import load_yaml
from newsletter.stored_json import to_json

LINES = [
    ("RAG", "RAG", "RAG"),
    ("quiet wind", "quiet wind", '"quiet wind"'),
    ("kelp, pine", "kelp, pine", "kelp OR pine"),
    ("woods: kelp, pine", "woods", "kelp OR pine"),
    ('"red, blue", pine', '"red, blue", pine', '"red, blue" OR pine'),
    ("\u201cred, blue\u201d, pine", "\u201cred, blue\u201d, pine", '"red, blue" OR pine'),
    ("cat:cs.CL", "cat:cs.CL", "category:cs.CL"),
    ("cat:cs.{CL,LG}, kelp", "cat:cs.{CL,LG}, kelp", "category:cs.{CL,LG} OR kelp"),
    ("category: cs.CL", "category: cs.CL", "category:cs.CL"),
    ("title: kelp", "title: kelp", "title:kelp"),
    ("kelp, title: pine", "kelp, title: pine", "kelp OR title:pine"),
    ("otter OR beaver", "otter OR beaver", "otter OR beaver"),
    ("Animals: (otter OR gravel) AND NOT title:kelp", "Animals", "(otter OR gravel) AND NOT title:kelp"),
    ("title:(otter OR beaver)", "title:(otter OR beaver)", "title:otter OR title:beaver"),
    ('"black AND white"', '"black AND white"', '"black AND white"'),
    ("/a (b|c) AND/, kelp", "/a (b|c) AND/, kelp", "/a (b|c) AND/ OR kelp"),
    ("large language models (LLMs)", "large language models (LLMs)", '"large language models (LLMs)"'),
    ("text/image: kelp", "text/image", "kelp"),
    ("10:30 club: kelp", "10:30 club", "kelp"),
    ("upvotes>=5", "upvotes>=5", "upvotes>=5"),
    ("kelp and pine", "kelp and pine", '"kelp and pine"'),
]  # fmt: skip
WRONG = [
    ("titel:kelp", 1, "unknown scope 'titel'"),
    ("woods: kelp, titel:pine", 14, "unknown scope 'titel'"),
    ("kelp, ", 6, "a word is missing here"),
    ("kelp,, pine", 6, "a word is missing here"),
    (", kelp", 1, "a word is missing here"),
    ("kelp AND (pine", 10, "this parenthesis is not closed"),
    ("kelp, pine OR fir", 5, "commas have no meaning in a query"),
    ('"kelp', 1, "this quote is not closed"),
    ('say "kelp"', 5, "a quote must be at the beginning"),
    ("kelp AND title: pine", 16, "a word is missing here"),
    ("*", 1, "a star alone would match everything"),
    ("any: kelp", 0, "a topic needs a name on one line"),
    ("kelp AND NOT kelp", 1, "nothing can match"),
    ("x" * 4001, 0, "this topic has more than 4000 characters"),
]


def write_row(line: str) -> str:
    """The line as people write it into subscribers.yaml, in quotes where YAML asks for them."""
    plain = f"subscribers:\n- address: ada@example.org\n  topics:\n  - {line}\n"
    try:
        form = load_yaml(plain, "").get(("subscribers", 0, "topics", 0))
    except NewsletterError:
        form = None
    joined = [f"{name}: {words}" for name, words in form.items()] if isinstance(form, dict) else [form]
    return plain if joined == [line] else plain.replace(f"- {line}\n", f"- {json.dumps(line)}\n")


def read_cell(topics: str) -> ListRow:
    """What a list with these topics says of the only person in it."""
    text = io.StringIO()
    csv.writer(text).writerows([("address", "topics"), ("ada@example.org", topics)])
    (row,) = read_list(text.getvalue().encode(), "list.csv", Terms(["cards"], {}, 0)).rows
    return row


@pytest.mark.parametrize(("line", "name", "query"), LINES)
def test_line_means_the_same_at_every_door(line: str, name: str, query: str) -> None:
    topic = parse_topic(line)
    assert topic.name == name
    assert topic.query == parse_query(query), print_query(topic.query)

    (row,) = parse_subscribers(write_row(line), "subscribers.yaml", everything_else=0)
    from_list = read_cell(line)
    assert isinstance(from_list, Taken)
    assert parse_topics(row.topics_json) == (topic,)
    assert parse_topics(from_list.reader.topics_json) == (topic,)
    assert read_topics([line], {}).topics == (topic,)
    assert require_topics([line], {}, "--topic").topics == (topic,)


@pytest.mark.parametrize(("line", "column", "message"), WRONG)
def test_what_is_wrong_is_refused_at_every_door_in_the_same_words(
    line: str, column: int, message: str
) -> None:
    line = line.strip()
    with pytest.raises(QueryError) as alone:
        parse_topic(line)
    assert alone.value.message.startswith(message)
    if column:
        assert (alone.value.text, alone.value.position + 1) == (line, column)

    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        parse_subscribers(write_row(line), "subscribers.yaml", everything_else=0)
    (mistake,) = read_topics([line], {}).mistakes
    assert (mistake.message, mistake.hint) == (alone.value.message, alone.value.hint)
    if column:
        assert mistake.column == column
    with pytest.raises(ConfigError) as typed:
        require_topics([line], {}, "--topic")
    assert alone.value.message in str(typed.value)
    listed = read_cell(line)
    assert isinstance(listed, Refused)
    assert alone.value.message in str(listed.problems[0])


@given(st.text(st.sampled_from('ab ,:"()|/{}AND OR*\u201c\u201d'), max_size=24))
def test_any_text_is_read_or_refused_alike(line: str) -> None:
    line = " ".join(line.split())
    if not line or line.startswith("{"):
        return
    read = read_topics([line], {})
    wrong = _mistake_in(line)
    if wrong:
        assert [(mistake.message, mistake.hint) for mistake in read.mistakes] == [(wrong.message, wrong.hint)]
        assert wrong.position <= len(wrong.text)
    else:
        assert read.topics == (parse_topic(line),) == parse_topics(to_json([line]))
        find_doubts(line)


def _mistake_in(line: str) -> QueryError | None:
    try:
        parse_topic(line)
    except QueryError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("cell", "topics"),
    [
        ("RAG", ["RAG"]),
        ("RAG|woods: kelp, pine", ["RAG", "woods: kelp, pine"]),
        ("title|tag:agents | kelp", ["title|tag:agents", "kelp"]),
        ('"a|b"|kelp', ['"a|b"', "kelp"]),
        ("/a|b/|kelp", ["/a|b/", "kelp"]),
        ("RAG\nkelp", ["RAG", "kelp"]),
    ],
)
def test_topics_of_one_cell(cell: str, topics: list[str]) -> None:
    assert split_topics(cell) == topics


DOUBTS = [
    ("otter or beaver", 7, "write OR"),
    ("kelp, pine and oak", 12, "write AND"),
    ("not robots", 1, "write NOT"),
    ("woods: kelp or pine", 13, "write OR"),
    ("category:cs.QQ", 10, "arXiv has no category 'cs.QQ'"),
    ("cat:cs.{CL,QQ}", 5, "'cs.QQ'"),
    ("robot AND primary:math.QQ", 19, "did you mean math.QA?"),
    ("category:cs", 10, "write cs.*"),
    ("cs.LG", 1, "write category:cs.LG"),
    ("the", 1, "nearly every paper"),
    ("/rob.*t/", 5, "up to the end of the text"),
    ("gpt-[45]", 5, "/gpt-[45]/"),
    ("colou?r", 5, "/colou?r/"),
    ("robot upvotes>=3", 7, "put AND before it"),
    ("kelp && otter", 6, "write AND"),
    ("kelp | otter", 6, "write OR"),
    ("kelp aNd otter", 6, "write AND"),
    ("!otter", 1, "write NOT"),
]
FINE = [
    *('"search and rescue"', "IT", "C++", "text/image", "/gpt-[45]/", "category:node.js", "cat:cs.*", "cat:hep-th"),
    *("kelp, pine", "otter OR beaver", "primary:CS.cl", "GPT-4", "U.S. law", "e.g. RL", "node.js", "what's new"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "column", "told"), DOUBTS)
def test_what_cannot_hit_as_written_is_doubted_at_its_place(line: str, column: int, told: str) -> None:
    (doubt,) = read_topics([line], {}).doubts
    assert told in doubt.told
    assert doubt.column == column


@pytest.mark.parametrize("line", FINE)
def test_what_may_well_be_meant_is_not_doubted(line: str) -> None:
    assert read_topics([line], {}).doubts == ()


def test_nothing_that_a_name_of_the_library_stands_for_is_doubted() -> None:
    assert find_doubts("Rock and roll", {"Rock and roll": parse_topic("rock")}) == []


def test_the_examples_of_the_project_are_not_doubted() -> None:
    rows = load_yaml((Path(__file__).parents[2] / "subscribers.yaml").read_text(encoding="utf-8"), "")
    listed = rows.value.get("subscribers") or []
    for row in listed if isinstance(listed, list) else []:
        assert isinstance(row, dict)
        topics = row.get("topics")
        for form in topics if isinstance(topics, list) else []:
            assert find_doubts(form) == []

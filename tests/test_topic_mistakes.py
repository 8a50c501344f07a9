"""A file with one mistake each: the message names the line, the column and what to do."""

from __future__ import annotations

import pytest

from newsletter.errors import ConfigError
from newsletter.settings.subscribers_file import parse_subscribers

RIGHT = """\
subscribers:
  - address: ada@example.org
    topics:
      - RAG
      - robotics: "robot*, manipulation, category:cs.RO"
      - name: Small models
        any: ["small language model", SLM, "on-device LLM"]
        all: [training]
        none: [survey, "title:benchmark", "author:Doe J"]
        where: title, abstract
        about: compressing models until they fit a phone
        like: [2402.17764, 2404.14219]
        unlike: 2303.08774
        min_upvotes: 5
        wait: 2d
        limit: 8
        weight: 1.5
        rank: trending
      - name: Safety
        query: '(alignment OR "red team*" OR jailbreak~) AND NOT title:survey AND cat:cs.{CL,LG} AND upvotes>=3'
"""

# What is replaced by what, where the problem is seen (line:column), and how its message begins.
MISTAKES = [
    ("any:", "ayn:", "7:9", "unknown key 'ayn'; did you mean 'any'?"),
    ("all:", "al:", "8:9", "unknown key 'al'; did you mean 'all'?"),
    ("none:", "non:", "9:9", "unknown key 'non'; did you mean 'none'?"),
    ("where:", "were:", "10:9", "unknown key 'were'; did you mean 'where'?"),
    ("about:", "abuot:", "11:9", "unknown key 'abuot'; did you mean 'about'?"),
    ("like: [", "likes: [", "12:9", "unknown key 'likes'; did you mean 'like'?"),
    ("unlike:", "dislike:", "13:9", "unknown key 'dislike'; did you mean 'like'?"),
    ("min_upvotes:", "min_votes:", "14:9", "unknown key 'min_votes'; did you mean 'min_upvotes'?"),
    ("wait:", "waits:", "15:9", "unknown key 'waits'; did you mean 'wait'?"),
    ("limit:", "limits:", "16:9", "unknown key 'limits'; did you mean 'limit'?"),
    ("weight:", "wieght:", "17:9", "unknown key 'wieght'; did you mean 'weight'?"),
    ("rank:", "ranking:", "18:9", "unknown key 'ranking'; did you mean 'rank'?"),
    ("query:", "querry:", "20:9", "unknown key 'querry'; did you mean 'query'?"),
    ("name: Safety", "nam: Safety", "19:9", "unknown key 'nam'; did you mean 'name'?"),
    ("SLM, ", '"", ', "7:39", "a word is missing here; remove the comma, or add the word"),
    (
        '"small language model", SLM, "on-device LLM"',
        "",
        "7:14",
        "the group is empty; add words or remove the key",
    ),
    ("[training]", "[]", "8:14", "the group is empty; add words or remove the key"),
    ("[training]", "", "8:13", "is empty; write a value or remove the key"),
    (
        "training",
        "training*x",
        "8:23",
        "a star is only allowed at the end; write the beginning of a word and a star: robot*",
    ),
    ("robot*", "*", "5:19", "a star alone would match everything; put at least three letters before it"),
    ("robot*", "ro*", "5:19", "'ro*' is too short; put at least three letters before the star"),
    (
        "robot*",
        "*bot",
        "5:19",
        "a star is only allowed at the end; write the beginning of a word and a star: robot*",
    ),
    (
        "robot*",
        "ro*ot",
        "5:22",
        "a star is only allowed at the end; write the beginning of a word and a star: robot*",
    ),
    ("robot*", "robot*~", "5:19", "a word takes '*' or '~', not both; remove one of them"),
    (
        "manipulation",
        "=robot*",
        "5:28",
        "'=' asks for the exact word, so it takes neither '*' nor '~'; remove one of them",
    ),
    (
        "manipulation",
        "=robot~",
        "5:28",
        "'=' asks for the exact word, so it takes neither '*' nor '~'; remove one of them",
    ),
    (
        "manipulation",
        "-manipulation",
        "5:28",
        "a word cannot begin with '-'; put what you do not want under 'none'",
    ),
    (
        "manipulation,",
        "manipulation,,",
        "5:41",
        "a word is missing here; remove the comma, or add the word",
    ),
    ("manipulation", "...", "5:28", "'...' has no letters or digits; write the word to search for"),
    (
        "manipulation",
        "a AND b",
        "5:26",
        "commas have no meaning in a query; put OR between words",
    ),
    (
        "SLM",
        "a AND b",
        "7:41",
        "AND has no meaning in a list of words; put all of it under 'query', or quote it if it is",
    ),
    (
        "SLM",
        "NOT b",
        "7:39",
        "NOT has no meaning in a list of words; put all of it under 'query', or quote it if it is",
    ),
    (
        "manipulation",
        'red \\"team\\"',
        "5:19",
        'a quote must be at the beginning; put the whole word in quotes: "red team"',
    ),
    ("manipulation", "model editing~5", "5:41", 'nearness is for words in quotes; write it like "a b"~5'),
    (
        "category:cs.RO",
        "categry:cs.RO",
        "5:42",
        "unknown scope 'categry'; did you mean 'category:'? If it is text, quote it: ",
    ),
    (
        "category:cs.RO",
        "category:",
        "5:51",
        "a category is missing here; write one like cs.CL, cs.* or cs.{CL,LG}",
    ),
    ("category:cs.RO", "category:*", "5:51", "a star alone would match everything; write cs.* for all of cs"),
    (
        "category:cs.RO",
        "category:cs.{}",
        "5:51",
        "'cs.{}' is not a category; write one like cs.CL, cs.* or cs.{CL,LG}",
    ),
    (
        "category:cs.RO",
        "category:cs.{RO",
        "5:54",
        "this brace is not closed; write categories like cs.{CL,LG}",
    ),
    (
        "category:cs.RO",
        "category:cs RO",
        "5:51",
        "'cs RO' is not a category; write one like cs.CL, cs.* or cs.{CL,LG}",
    ),
    ("category:cs.RO", "upvote>=3", "5:42", "unknown measure 'upvote'; did you mean 'upvotes'?"),
    ("category:cs.RO", "upvotes=>3", "5:50", "'>3' is not a whole number of at least 0; write it like 5"),
    (
        "category:cs.RO",
        "upvotes>=many",
        "5:51",
        "'many' is not a whole number of at least 0; write it like 5",
    ),
    ("category:cs.RO", "upvotes==3", "5:49", "unknown comparison '=='; known: < <= = >= >"),
    ("category:cs.RO", "upvotes!=3", "5:49", "unknown comparison '!='; known: < <= = >= >"),
    ("category:cs.RO", "date>=June", "5:48", "'June' is not a date; write it like 2026-06-01"),
    ("category:cs.RO", "date>=2026-06-31", "5:48", "'2026-06-31' is not a date; write it like 2026-06-01"),
    ("category:cs.RO", "stars>=", "5:49", "'' is not a whole number of at least 0; write it like 5"),
    (
        "category:cs.RO",
        "/robot(/",
        "5:43",
        "not a regular expression: missing ): robot(; RE2 supports neither look-around nor \\1",
    ),
    (
        "category:cs.RO",
        "/a*/",
        "5:42",
        "this regular expression matches the empty text; it would match everything",
    ),
    (
        "category:cs.RO",
        "/(?=robot)/",
        "5:43",
        "not a regular expression: invalid perl operator: (?=; RE2 supports neither look-around nor \\1",
    ),
    (
        "category:cs.RO",
        "author:J",
        "5:49",
        "'J' has only initials; write the family name in full: author:Doe J",
    ),
    (
        "category:cs.RO",
        "titel:robot",
        "5:42",
        "unknown scope 'titel'; did you mean 'title:'? If it is text, quote it: \"tite",
    ),
    (
        "category:cs.RO",
        "abstarct:robot",
        "5:42",
        "unknown scope 'abstarct'; did you mean 'abstract:'? If it is text, quote it:",
    ),
    (
        "category:cs.RO",
        "auther:Doe",
        "5:42",
        "unknown scope 'auther'; did you mean 'author:'? If it is text, quote it: \"au",
    ),
    (
        "category:cs.RO",
        "organisation:MIT",
        "5:42",
        "unknown scope 'organisation'; if it is text, quote it: \"organisation:MIT\"",
    ),
    ("category:cs.RO", "title:", "5:48", "a word is missing here; write the word to search for"),
    (
        "category:cs.RO",
        "title|tags:robot",
        "5:42",
        "unknown scope 'tags'; did you mean 'tag:'? If it is text, quote it: \"title|t",
    ),
    (
        'survey, "title',
        '"small language model", SLM, "on-device LLM", "title',
        "6:15",
        "nothing can match: 'small language model', 'SLM', 'on-device LLM': everything required is",
    ),
    (
        "survey,",
        "training,",
        "6:15",
        "nothing can match: 'training' is both required and excluded; remove it from 'none', or fr",
    ),
    (
        "survey,",
        "trainings,",
        "6:15",
        "nothing can match: 'training' is both required and excluded; remove it from 'none', or fr",
    ),
    ("title, abstract", "title, abstrct", "10:23", "unknown scope 'abstrct'; did you mean 'abstract'?"),
    (
        "title, abstract",
        "everywhere",
        "10:16",
        "unknown scope 'everywhere'; known: title, abstract, author, category, tag, source, comme",
    ),
    (
        "title, abstract",
        "''",
        "10:16",
        "unknown scope ''; known: title, abstract, author, category, tag, source, comment, org, i",
    ),
    (
        "title, abstract",
        "[title, 3]",
        "10:16",
        "unknown scope '3'; known: title, abstract, author, category, tag, source, comment, org, ",
    ),
    (
        "compressing models until they fit a phone",
        "''",
        "11:16",
        "the description is empty; write a sentence on what you want to read about",
    ),
    (
        "compressing models until they fit a phone",
        "[a, b]",
        "11:16",
        "must be a single value; write it without brackets",
    ),
    (
        "compressing models until they fit a phone",
        "'...'",
        "11:16",
        "the description is empty; write a sentence on what you want to read about",
    ),
    (
        "2402.17764,",
        "BitNet,",
        "12:16",
        "'BitNet' is not a paper; write an arXiv id (2402.17764), a DOI (10.1000/182) or a URL (htt",
    ),
    (
        "2402.17764,",
        "2402.177,",
        "12:16",
        "'2402.177' is not a paper; write an arXiv id (2402.17764), a DOI (10.1000/182) or a URL",
    ),
    ("[2402.17764, 2404.14219]", "[]", "12:15", "names no paper; add one or remove the key"),
    (
        "[2402.17764, 2404.14219]",
        "{a: b}",
        "12:15",
        "a paper must be an arXiv id, a DOI or a URL; such as 2402.17764",
    ),
    ("2303.08774", "2404.14219", "13:17", "2404.14219 is both liked and disliked; remove one"),
    (
        "min_upvotes: 5",
        "min_upvotes: five",
        "14:22",
        "'five' is not a whole number of at least 0; write it like 5",
    ),
    (
        "min_upvotes: 5",
        "min_upvotes: -1",
        "14:22",
        "'-1' is not a whole number of at least 0; write it like 5",
    ),
    (
        "min_upvotes: 5",
        "min_upvotes: 5.5",
        "14:22",
        "'5.5' is not a whole number of at least 0; write it like 5",
    ),
    ("min_upvotes: 5", "min_upvotes: [5]", "14:22", "must be a single value; write it without brackets"),
    ("wait: 2d", "wait: 2", "15:15", "'2' is not a duration; write days or hours like 2d or 12h"),
    ("wait: 2d", "wait: 2 days", "15:15", "'2 days' is not a duration; write days or hours like 2d or 12h"),
    ("wait: 2d", "wait: 200d", "15:15", "'200d' is too long; at most 90d"),
    ("wait: 2d", "wait: -2d", "15:15", "'-2d' is not a duration; write days or hours like 2d or 12h"),
    ("limit: 8", "limit: 0", "16:16", "must be at least 1; for none, remove the topic"),
    ("limit: 8", "limit: all", "16:16", "'all' is not a whole number of at least 0; write it like 5"),
    ("limit: 8", "limit: 8.0", "16:16", "'8.0' is not a whole number of at least 0; write it like 5"),
    ("weight: 1.5", "weight: 0", "17:17", "'0' is not a number above 0; write it like 1.5"),
    ("weight: 1.5", "weight: heavy", "17:17", "'heavy' is not a number above 0; write it like 1.5"),
    ("weight: 1.5", "weight: -1", "17:17", "'-1' is not a number above 0; write it like 1.5"),
    ("weight: 1.5", "weight: 1,5", "17:17", "'1,5' is not a number above 0; write it like 1.5"),
    ("rank: trending", "rank: trendy", "18:15", "unknown rank 'trendy'; did you mean 'trending'?"),
    ("rank: trending", "rank: date", "18:15", "unknown rank 'date'; known: trending, match, newest, votes"),
    ("rank: trending", "rank: vote", "18:15", "unknown rank 'vote'; did you mean 'votes'?"),
    (
        "name: Safety",
        "name: rag",
        "19:15",
        "two topics have the name 'rag'; rename or remove one (the other is topics[0])",
    ),
    ("name: Safety", "name: ''", "19:15", "the name is empty; give the topic a name"),
    ("name: Safety", "name: [a]", "19:15", "a topic needs a name on one line; write name: RAG"),
    ("- RAG", "- RAG:", "4:13", "is empty; write a value or remove the key"),
    (
        "- RAG",
        "- [RAG]",
        "4:9",
        "a topic must be a name, 'name: words', or a mapping with 'name'; write it without bracke",
    ),
    (
        "- RAG",
        "- RAG: {any: x}",
        "4:9",
        "the words of 'RAG' must be a line or a list; long form: 'name: RAG' next to its keys",
    ),
    (
        "(alignment OR",
        "alignment OR",
        "20:55",
        "this parenthesis was never opened; put '(' before it or remove it",
    ),
    (
        "jailbreak~)",
        "jailbreak~",
        "20:16",
        "this parenthesis is not closed; put ')' after it or remove it",
    ),
    ("(alignment OR", "() (alignment OR", "20:16", "the group is empty; add words to it or remove it"),
    (
        "AND NOT",
        "AND AND NOT",
        "20:62",
        'a word is missing before AND; if it is text, quote it: "AND"',
    ),
    (
        "AND NOT",
        "and NOT",
        "20:58",
        'operators are written in capitals; write AND, or "and" for the word',
    ),
    (
        "AND NOT",
        "AND not",
        "20:62",
        'operators are written in capitals; write NOT, or "not" for the word',
    ),
    (
        '"red team*"',
        '"red team*',
        "20:31",
        "this quote is not closed; put a quote at the end of the phrase, too",
    ),
    ("OR jailbreak~", "OR", "20:45", "a word is missing here; an operator goes between two words"),
    (
        "title:survey",
        "titles:survey",
        "20:66",
        "unknown scope 'titles'; did you mean 'title:'? If it is text, quote it: \"tit",
    ),
    ("title:survey", "-survey", "20:66", "a word cannot begin with '-'; write NOT survey"),
    (
        "cat:cs.{CL,LG}",
        "cat:{CL,}",
        "20:87",
        "'{CL,}' is not a category; write one like cs.CL, cs.* or cs.{CL,LG}",
    ),
    (
        "upvotes>=3",
        "upvotes>=3 AND upvotes<2",
        "20:16",
        "nothing can match: upvotes>=3 and upvotes<2 exclude each other; remove one of these",
    ),
    ("upvotes>=3", "votes>=3", "20:102", "unknown measure 'votes'; did you mean 'upvotes'?"),
    (
        "upvotes>=3",
        "upvotes>=3, robots",
        "20:112",
        "commas have no meaning in a query; put OR between words",
    ),
    (
        "title:survey",
        "alignment NOT alignment AND alignment",
        "20:16",
        "nothing can match: 'alignment' is both required and excluded; remove one of these",
    ),
    (
        "OR jailbreak~) AND NOT title:survey",
        "OR jailbreak~) AND survey AND NOT survey",
        "20:16",
        "nothing can match: 'survey' is both required and excluded; remove one of these",
    ),
    (
        "jailbreak~",
        "/jail(break/",
        "20:47",
        "not a regular expression: missing ): jail(break; RE2 supports neither look-around nor \\1",
    ),
    ("jailbreak~", "jailbreak*~", "20:46", "a word takes '*' or '~', not both; remove one of them"),
    ("jailbreak~", '"jail break"~0', "20:46", "~0 is out of range; write ~1 to ~50"),
    ("jailbreak~", '"jail"~3', "20:46", 'nearness needs at least two words; write it like "a b"~5'),
    ("jailbreak~", '"jail break"~99', "20:46", "~99 is out of range; write ~1 to ~50"),
]


def test_the_file_itself_is_right() -> None:
    [reader] = parse_subscribers(RIGHT, "subscribers.yaml", everything_else=0)

    assert "jailbreak" in reader.topics_json
    assert len({(old, new) for old, new, _, _ in MISTAKES}) == len(MISTAKES) >= 100


@pytest.mark.parametrize(("old", "new", "place", "message"), MISTAKES)
def test_mistake_is_told_with_its_place_and_a_way_out(old: str, new: str, place: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_subscribers(RIGHT.replace(old, new, 1), "subscribers.yaml", everything_else=0)

    [problem] = caught.value.problems
    assert f"{problem.line}:{problem.column}" == place
    assert problem.message.startswith(message)
    assert "; " in problem.message or problem.message.endswith("?"), "it says what to do"

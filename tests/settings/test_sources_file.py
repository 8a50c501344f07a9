from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import ConfigError
from newsletter.model.sources import Source
from newsletter.settings.config import load_config
from newsletter.settings.opml import Outline
from newsletter.settings.sources_file import NewSource, add_sources, choose_new_sources
from newsletter.settings.yaml_text import load_yaml

HERE = Source("A blog", "feed", "https://www.blog.example.net/feed")
ELSEWHERE = Path("/srv/newsletter")
WHO = "newsletter: {name: Papers, from: digest@news.example.net}\n"
SOURCES = "sources:\n- {kind: hf_daily_papers}\n"


def choose(*feeds: tuple[str, str], sources: tuple[Source, ...] = (HERE,)) -> list[NewSource]:
    outlines = [Outline(title, url, number) for number, (title, url) in enumerate(feeds, 1)]
    return list(choose_new_sources(outlines, sources, ELSEWHERE).new)


@pytest.mark.parametrize(
    "url",
    [
        "https://www.blog.example.net/feed",
        "http://www.blog.example.net/feed",
        "https://blog.example.net/feed",
        "https://blog.example.net/feed/",
        "https://BLOG.example.net:443/feed",
        "http://blog.example.net:80/feed/",
        "https://blog.example.net/feed?utm_source=reader",
        "https://blog.example.net/feed#",
    ],
)
def test_feed_that_is_there_under_another_form_of_its_address_is_known(url: str) -> None:
    choice = choose_new_sources([Outline("Other", url, 7)], [HERE], ELSEWHERE)

    assert (choice.new, choice.refused) == ((), ())
    assert [(one.line, one.why) for one in choice.known] == [(7, "is there already as 'A blog'")]


@pytest.mark.parametrize(
    "url",
    [
        "https://blog.example.net/feed?category=2",
        "https://blog.example.net/feed.xml",
        "https://blog.example.net/Feed",
        "https://blog.example.net:8443/feed",
        "https://b.blog.example.net/feed",
        "https://blog.example.net/",
    ],
)
def test_another_address_is_another_feed(url: str) -> None:
    assert choose(("Other", url)) == [NewSource("Other", url)]


def test_front_pages_are_told_apart_and_known_again() -> None:
    pages = ["https://one.example.net/", "https://two.example.net", "http://www.one.example.net"]

    assert [source.location for source in choose(*(("", url) for url in pages))] == pages[:2]


@pytest.mark.parametrize(
    ("titles", "names"),
    [
        (["New"], ["New"]),
        (["A blog"], ["A blog (0.example.net)"]),
        (["", "https://x.example.net/feed"], ["0.example.net", "1.example.net"]),
        (["X", "X", "X"], ["X", "X (1.example.net)", "X (2.example.net)"]),
        (["  two\n lines "], ["two lines"]),
        (["论文", "off", "- a: b", "# x", "'"], ["论文", "off", "- a: b", "# x", "'"]),
        (["a" * 300], ["a" * 99 + "…"]),
        (["A", "a"], ["A", "a"]),
    ],
)
def test_names_are_made_unique(titles: list[str], names: list[str]) -> None:
    feeds = [(title, f"https://{number}.example.net/f") for number, title in enumerate(titles)]

    assert [source.name for source in choose(*feeds)] == names


def test_names_of_one_host_are_numbered() -> None:
    feeds = [("", f"https://x.example.net/{number}") for number in range(3)]

    assert [source.name for source in choose(*feeds)] == [
        "x.example.net",
        "x.example.net (2)",
        "x.example.net (3)",
    ]


@pytest.mark.parametrize(
    ("url", "why", "shown"),
    [
        ("mail me", "is not a web address", "mail me"),
        ("ftp://x.example.net/f", "is not a web address", "ftp://x.example.net/f"),
        ("file:///etc/passwd", "is not a web address", "file:///etc/passwd"),
        ("https://", "is not a web address", "https://"),
        ("https://ada:secret@x.example.net/f", "remove the login", "https://x.example.net/f"),
        ("/feed.xml", "is not a web address", "/feed.xml"),
    ],
)
def test_what_is_no_address_is_refused_and_shows_no_login(url: str, why: str, shown: str) -> None:
    [refused] = choose_new_sources([Outline("X", url, 3)], [HERE], ELSEWHERE).refused

    assert (refused.line, refused.url) == (3, shown)
    assert why in refused.why


NEW = [
    NewSource("on", "https://x.example.net/f?a=1&b=2"),
    NewSource("Émile: a 'blog' #1", "http://y.example.net"),
]
WRITTEN = [
    {"kind": "feed", "name": "on", "location": "https://x.example.net/f?a=1&b=2"},
    {"kind": "feed", "name": "Émile: a 'blog' #1", "location": "http://y.example.net"},
]
OLD = {"kind": "feed", "name": "old", "location": "https://z.example.net"}
OLD_YAML = "kind: feed\n{0}  name: old\n{0}  location: https://z.example.net\n"


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("", []),
        ("# mine\nsources: []\n", []),
        ("sources:\n", []),
        ("sources:\n- " + OLD_YAML.format(""), [OLD]),
        ("# mine\nsources:\n  # the first\n  - " + OLD_YAML.format("  "), [OLD]),
        ("# mine\nsources:\n    - " + OLD_YAML.format("    ").rstrip(), [OLD]),
        ("sources: [{kind: feed, name: old, location: https://z.example.net}]\n", [OLD]),
        ("{sources: [{kind: feed, name: old, location: https://z.example.net}]}\n", [OLD]),
        (
            "sources:\n  - {kind: feed, name: old, location: 'https://z.example.net'}  # here\n# the end",
            [OLD],
        ),
        ("# - not an item\nsources:\n  - " + OLD_YAML.format("  "), [OLD]),
    ],
)
def test_what_stands_in_the_file_stays(text: str, before: list[object]) -> None:
    after = add_sources(text, NEW)

    assert load_yaml(after, "sources.yaml").value == {"sources": [*before, *WRITTEN]}
    assert all(line in after for line in text.splitlines() if line.startswith("#"))
    assert ("# the first" in after) == ("# the first" in text)


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30), max_size=6))
def test_any_title_becomes_a_source_that_loads(titles: list[str]) -> None:
    new = choose(*((title, f"https://{number}.example.net/f") for number, title in enumerate(titles)))
    loaded = load_yaml(add_sources("", new), "sources.yaml").value["sources"] or []

    assert [NewSource(one["name"], one["location"]) for one in loaded] == new  # type: ignore[index, arg-type, call-overload]


# --- what config.yaml makes of the file ---------------------------------------------------


def test_sources_of_both_files_count(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(WHO + SOURCES)
    (tmp_path / "sources.yaml").write_text(add_sources("", NEW))
    config = load_config(tmp_path / "config.yaml", {})

    assert [source.name for source in config.source_list] == ["hf_daily_papers", *(one.name for one in NEW)]
    assert config.notes == ()


def test_the_file_alone_is_enough_and_may_have_another_name(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(WHO + "sources: []\nsources_file: feeds.yaml\n")
    (tmp_path / "feeds.yaml").write_text(add_sources("", NEW[:1]))

    assert [source.name for source in load_config(tmp_path / "config.yaml", {}).source_list] == ["on"]


def test_missing_file_is_told_only_where_it_has_a_name_of_its_own(tmp_path: Path) -> None:
    for usual in ("", "sources_file: sources.yaml\n"):  # the second is what `init` writes
        (tmp_path / "config.yaml").write_text(WHO + SOURCES + usual)
        assert load_config(tmp_path / "config.yaml", {}).notes == ()

    (tmp_path / "config.yaml").write_text(WHO + SOURCES + "sources_file: feeds.yaml\n")
    [note] = load_config(tmp_path / "config.yaml", {}).notes
    assert "feeds.yaml: there is no such file; 'newsletter sources import' writes one" in note


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "sources:\n- {kind: feed, name: hf_daily_papers, location: 'https://x.example.net'}\n",
            "sources.yaml:2:22: sources[0].name: sources[0] of config.yaml has the name 'hf_daily_papers', too",
        ),
        (
            "sources:\n- {kind: feed, name: a, location: 'https://x.example.net'}\n"
            "- {kind: feed, name: a, location: 'https://y.example.net'}\n",
            "sources.yaml:3:22: sources[1].name: sources[0] has the name 'a', too",
        ),
        ("sources:\n- {kind: fed}\n", "sources.yaml:2:10: sources[0].kind: 'fed' is unknown; did you mean 'feed'?"),
        ("feeds: []\n", "sources.yaml:1:1: feeds: unknown key 'feeds'"),
        ("sources:\n  - kind: feed\n\tname: x\n", "sources.yaml:3:1: this is not YAML"),
        ("- kind: feed\n", "sources.yaml:1:1: the file must consist of keys"),
        ("sources:\n- {kind: feed, location: 'https://x.example.net', search: x}\n", "is only for arxiv_search"),
        ("sources:\n- {kind: feed, name: '${SECRET}', location: 'https://x.example.net'}\n", "not expanded here"),
        ("sources: x\n", "a list is expected here"),
        ("", "is missing: a list of sources"),
    ],
)  # fmt: skip
def test_mistake_in_the_file_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "config.yaml").write_text(WHO + SOURCES)
    (tmp_path / "sources.yaml").write_text(text)

    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "config.yaml", {})

    assert message in str(caught.value)


def test_no_source_at_all_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(WHO + "sources: []\n")
    (tmp_path / "sources.yaml").write_text("sources: []\n")

    with pytest.raises(ConfigError, match="at least one source is needed"):
        load_config(tmp_path / "config.yaml", {})

from __future__ import annotations

import pytest

from newsletter.collect.releases import name_release

GITHUB = "https://github.com/example/kettle/releases/tag/v1.2.0"


@pytest.mark.parametrize(
    ("title", "url", "feed", "named"),
    [
        ("v1.2.0", GITHUB, "Release notes from kettle", "example/kettle v1.2.0"),
        ("1.2", "https://gitlab.example.org/example/kettle/-/releases/1.2", "", "example/kettle 1.2"),
        ("v2-rc.1.0", "https://git.example.org/a/kettle/releases/tag/v2-rc.1.0", "", "v2-rc.1.0"),
        ("v2.0.0-rc.1", "https://git.example.org/a/kettle/releases/tag/2", "", "a/kettle v2.0.0-rc.1"),
        ("v1.2.0", "https://github.com/example/kettle/tags", "", "example/kettle v1.2.0"),
        ("Release 1.2.0", "https://kettle.example.org/1.2.0", "Kettle releases", "Kettle Release 1.2.0"),
        ("Version 2.1", "", "Release notes from kettle", "kettle Version 2.1"),
        ("2026.11.1", "", "Kettle", "Kettle 2026.11.1"),
        ("REL_16_1", "", "Kettle", "Kettle REL_16_1"),
        ("v7", "", "Releases", "Brew v7"),
        ("1.2.0 (beta)", "", "", "Brew 1.2.0 (beta)"),
        ("v1.2.0", "http://[", "", "Brew v1.2.0"),
        # What says more says enough.
        ("1.2.0-beta.3+20261112", "", "Kettle", "Kettle 1.2.0-beta.3+20261112"),
        ("v1.2.0b2", "", "Kettle", "Kettle v1.2.0b2"),
        ("Version 2.1 Released with New Lids", GITHUB, "Kettle", "Version 2.1 Released with New Lids"),
        ("3.5 reasons", "", "Kettle", "3.5 reasons"),
        ("Kettle 1.2.0", GITHUB, "Kettle", "Kettle 1.2.0"),
        ("v1.2.0: tea for two", GITHUB, "Kettle", "v1.2.0: tea for two"),
        ("2026", "", "Kettle", "2026"),
        ("Release notes", GITHUB, "Kettle", "Release notes"),
        ("GPT-5", "", "Kettle", "GPT-5"),
        ("1.2.0" + " beta" * 20, "", "Kettle", "1.2.0" + " beta" * 20),
    ],
)  # fmt: skip
def test_version_alone_says_of_what_it_is(title: str, url: str, feed: str, named: str) -> None:
    assert name_release(title, url, feed, "Brew") == named

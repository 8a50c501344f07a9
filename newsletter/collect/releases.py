"""A release that is called "v1.2.0" says of what: otherwise nobody knows it in a mail, and no topic finds it."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from newsletter.collect.plain import MAX_TITLE_CHARS
from newsletter.text import clean_line

_LONGEST = 50
# "v1.2.0", "1.2", "2026.11.1-rc.2", "Release 1.2.0 (beta)", "REL_16_1", "v7"; no words that tell what is new.
_VERSION = re.compile(
    r"(?:(?:release|version|ver|rel|build|tag)\b[\s:._-]*|rel_|v\.?\s?)?\d+(?:[._]\d+)+[a-z]?\d*"
    r"(?:[\s._+(-]{1,2}(?:alpha|beta|rc|pre|dev|preview|stable|final|lts|nightly|snapshot|hotfix|patch|post|\d+|[0-9a-f]{7,})"
    r"\.?\d*\)?)*"
    r"|(?:release|version|v)[\s._-]?\d+",
    re.IGNORECASE,
)
# GitHub, GitLab, Gitea and their like: the address of a release has its project.
_PROJECT = re.compile(r"/([^/]+/[^/]+)/(?:-/)?(?:releases|tags)(?:/.*)?")
_ABOUT = re.compile(
    r"^(?:release notes (?:from|for)|releases (?:of|for)|tags from)\s+|\s*[-·:|–]?\s*(?:releases|tags)$", re.I
)


def name_release(title: str, url: str, feed_title: str, source: str) -> str:
    """Return a title; where it is a version and nothing else, with the name of its project before it: as its address
    has it, else as the feed is called, else as the source is."""
    if len(title) > _LONGEST or not _VERSION.fullmatch(title):
        return title
    try:
        project = _PROJECT.fullmatch(unquote(urlsplit(url).path))
    except ValueError:
        project = None
    name = project[1] if project else _ABOUT.sub("", feed_title.strip()) or source
    return clean_line(f"{name} {title}", MAX_TITLE_CHARS)

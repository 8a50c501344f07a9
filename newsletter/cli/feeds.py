"""The commands that move lists of feeds: sources import and sources export."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from newsletter.cli.arguments import refuse_existing
from newsletter.cli.exit_codes import DONE, DONE_WITH_FAILURES
from newsletter.cli.show import complain, console
from newsletter.errors import ConfigError, Problem
from newsletter.files import as_the_operator_is_used_to, read_regular
from newsletter.settings.opml import MAX_BYTES, build_opml, parse_opml
from newsletter.settings.sources_file import NotTaken, add_sources, choose_new_sources
from newsletter.settings.yaml_text import read_text
from newsletter.text import clean_output

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from newsletter.settings.config import Config

_SHOWN = 5


def import_feeds(config: Config, file: Path) -> int:
    """Add the feeds of an OPML file that are new to the file of further sources; say of the others why they are not."""
    try:
        data = read_regular(file, MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError([Problem(f"cannot be read: {error.strerror}", file=str(file))]) from error
    listed = parse_opml(data, str(file))
    choice = choose_new_sources(listed.feeds, config.source_list, config.folder)
    _tell(file, choice.refused, "red")
    _tell(file, choice.known, "dim")
    if listed.others:
        links = "1 link that is no feed" if listed.others == 1 else f"{listed.others} links that are no feeds"
        console.print(f"{file}: skipped {links}", style="dim")
    if choice.new:
        before = read_text(config.sources_file) if config.sources_file.exists() else ""
        _write(config.sources_file, add_sources(before, choice.new))
    told = f"{len(choice.new)} added, {len(choice.known)} already there, {len(choice.refused)} refused"
    console.print(f"{told}: {config.sources_file}")
    if choice.new:
        console.print(
            "Next: 'newsletter check --sources' polls them once and stores nothing.\n"
            "A 'newsletter run' that is running reads them after a restart."
        )
    return DONE_WITH_FAILURES if choice.refused else DONE


def export_feeds(config: Config, file: Path | None) -> int:
    """Write the feeds among the sources as OPML; say which sources are none."""
    feeds = [source for source in config.source_list if source.kind == "feed" and "://" in source.location]
    others = [source for source in config.source_list if source not in feeds]
    text = build_opml(
        ((source.name, source.location) for source in feeds), config.newsletter.name, datetime.now(UTC)
    )
    if file is None:
        sys.stdout.write(clean_output(text))
    else:
        refuse_existing(file)
        _write(file, text)
        count = "1 feed" if len(feeds) == 1 else f"{len(feeds)} feeds"
        console.print(f"{count} written: {file}")
    if others:
        complain(f"left out, as no feeds on the web: {', '.join(source.name for source in others)}")
    return DONE


def _tell(file: Path, feeds: Sequence[NotTaken], style: str) -> None:
    for feed in feeds[:_SHOWN]:
        console.print(f"{file}:{feed.line}: {feed.url}: {feed.why}", style=style)
    if len(feeds) > _SHOWN:
        console.print(f"{file}: and {len(feeds) - _SHOWN} more like this", style=style)


def _write(file: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = file.with_name(f"{file.name}.new")
    try:
        with as_the_operator_is_used_to():
            partial.write_text(text, encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        raise ConfigError([Problem(f"cannot be written: {error.strerror}", file=str(file))]) from error

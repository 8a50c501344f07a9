"""The commands about templates: a layout of one's own, and what is wrong with it."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.cli.arguments import refuse_existing
from newsletter.cli.exit_codes import DONE
from newsletter.cli.show import console
from newsletter.errors import ConfigError, Problem, TemplateError
from newsletter.files import as_the_operator_is_used_to
from newsletter.render import Bundle, compile_bundle, load_bundle
from newsletter.render.bundle import HTML, LAYOUT_FILES, NOTICE_HTML
from newsletter.render.language import load_language
from newsletter.render.source import TemplateSource, build_source
from newsletter.render.theme import build_theme
from newsletter.settings.shipped import find_shipped

if TYPE_CHECKING:
    from newsletter.settings.config import Config

_DEFAULT_FOLDER = Path("templates")
# As mjml --validate says it: "Line 12 of /tmp/x.mjml (mj-text) — Attribute colour is illegal"
_COMPLAINT = re.compile(r"Line (\d+) of \S+ \(([\w-]+)\) — (.+)")


def new_layout(config: Config, name: str, copied: str) -> int:
    """Copy a layout into the operator's templates folder under a new name. Never overwrites."""
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", name):
        raise ConfigError(
            [Problem(f"{name!r} is not a valid layout name; use a-z, 0-9 and '-'", steps=("NAME",))]
        )
    bundle = load_bundle(find_shipped("templates"), config.templates)
    if copied not in bundle.layouts:
        message = f"there is no layout {copied!r}; there are {', '.join(bundle.layouts)}"
        raise ConfigError([Problem(message, steps=("--from",))])
    folder = (config.templates or config.folder / _DEFAULT_FOLDER) / name
    refuse_existing(folder)
    with as_the_operator_is_used_to():
        folder.mkdir(parents=True)
        for file in LAYOUT_FILES:
            (folder / file).write_text(bundle.sources[f"{copied}/{file}"], encoding="utf-8")
            console.print(f"wrote {folder / file}")
    console.print("\nNext: edit it, and set in config.yaml")
    if config.templates is None:
        console.print(f"  templates: {_DEFAULT_FOLDER}")
    console.print(f"  layout: {name}   (below 'newsletter:')")
    console.print("then\n  newsletter template check\n  newsletter preview --open")
    return DONE


def check_layouts(config: Config) -> int:
    """Compile every layout, render it in every language against sample digests, and say what is wrong where.

    Where the official MJML program is installed its validator is asked too: it knows misspelt tags and attributes
    that the built-in compiler takes without a word. Raises TemplateError with everything that is wrong.
    """
    identity = config.identity
    bundle = load_bundle(find_shipped("templates"), config.templates)
    compiled = compile_bundle(bundle, identity)
    compiled.check()
    languages = compiled.languages
    for layout in bundle.layouts:
        own = [file for file in LAYOUT_FILES if f"{layout}/{file}" not in bundle.shipped]
        whose = f"your {', '.join(own)}" if own else "shipped"
        console.print(f"{layout:10} compiled and rendered in {', '.join(languages)} ({whose})")
    console.print(f"{'notice':10} compiled and rendered in {', '.join(languages)}")
    _check_pages(config)
    program = _find_official()
    if program is None:
        console.print(
            "official MJML validator: not installed ('npm install mjml'), so misspelled attributes may pass"
        )
        return DONE
    problems = [
        problem for source in _build_pages(bundle, identity.accent) for problem in _validate(program, source)
    ]
    if problems:
        raise TemplateError(list(dict.fromkeys(problems)))
    console.print("official MJML validator: no complaints")
    return DONE


def _check_pages(config: Config) -> None:
    """Look at the operator's own templates of the web UI, if there are any. Raises TemplateError."""
    own = config.templates and config.templates / "web"
    if own is None or not own.is_dir():
        return
    from newsletter.web.own_templates import check_own_templates

    names = check_own_templates(own, find_shipped("templates") / "web")
    console.print(f"{'web':10} compiled (your {', '.join(names)})" if names else f"{'web':10} shipped")


def _build_pages(bundle: Bundle, accent: str) -> list[TemplateSource]:
    lang, theme = load_language("en"), build_theme(accent)
    names = [f"{layout}/{HTML}" for layout in bundle.layouts]
    return [build_source(bundle, name, theme, lang) for name in (*names, NOTICE_HTML)]


def _find_official() -> str | None:
    """Return the official MJML program: on the path, or installed by npm in this folder."""
    local = Path("node_modules/.bin/mjml")
    return shutil.which("mjml") or (str(local.resolve()) if local.exists() else None)


def _validate(program: str, source: TemplateSource) -> list[Problem]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.mjml"
        file.write_text(source.text, encoding="utf-8")
        done = subprocess.run(
            [program, "--validate", str(file)], capture_output=True, text=True, timeout=60, check=False
        )
    if not done.returncode:
        return []
    said = done.stdout + done.stderr
    found = [
        source.problem(f"MJML: <{tag}>: {_quote_names(what)}", int(line))
        for line, tag, what in _COMPLAINT.findall(said)
    ]
    return found or [source.problem(f"MJML: {said.strip().splitlines()[-1] if said.strip() else 'refused'}")]


def _quote_names(what: str) -> str:
    """Return a complaint with the names in quotes, by which the column is found."""
    return re.sub(r"\b(Attribute|Element) ([\w-]+)", r"\1 '\2'", what)

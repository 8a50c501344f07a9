"""What the documents promise is tried."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
import yaml

import newsletter
from newsletter.collect import registry
from newsletter.collect.kind import SourceKind
from newsletter.deliver.scorecard import check_message
from newsletter.errors import FeedError
from newsletter.model.sources import FetchState, Request, Source
from newsletter.render.context import DigestView, LinkView, NoticeView, PaperPlace, PaperView, SectionView
from newsletter.settings.config import WebSettings, load_config
from newsletter.web.app import list_pages
from newsletter.web.metrics import WebCounters
from newsletter.wiring import open_newsletter
from newsletter.workflows import collect_entries as collecting
from tests.container import DATA, read_instructions
from tests.support.sightings import make_fetched

SOURCES = (Path(__file__).parent.parent / "docs" / "sources.md").read_text("utf-8")


@pytest.fixture
def example() -> SourceKind:
    """The worked example of a new kind, as it stands in the document."""
    code = next(
        block for block in re.findall(r"```python\n(.*?)```", SOURCES, re.DOTALL) if "KIND =" in block
    )
    module = ModuleType("reading_list")
    exec(compile(code, "docs/sources.md", "exec"), module.__dict__)
    kind = module.__dict__["KIND"]
    assert isinstance(kind, SourceKind)
    return kind


async def test_the_worked_example_of_a_new_kind_collects(
    example: SourceKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {**registry.KINDS, example.name: example}
    monkeypatch.setattr(collecting, "KINDS", known)
    items = [
        {"title": "A paper", "link": "https://arxiv.org/abs/2606.01234v2", "added": "2026-06-16"},
        {"title": "?"},
    ]
    (tmp_path / "list.json").write_text(json.dumps(items))
    (tmp_path / "config.yaml").write_text(
        "newsletter: {name: Test, from: digest@example.org}\n"
        "sources: [{kind: feed, location: unused.xml}]\nsubscribers: {path: off}\nmaildir: outbox\n"
    )
    config = load_config(tmp_path / "config.yaml", {})
    source = Source("list", example.name, str(tmp_path / "list.json"))
    async with open_newsletter(config) as newsletter, newsletter.fetcher() as fetcher:
        report = await collecting.collect_entries(
            [source], fetcher, newsletter.runs, newsletter.clock, config.schedule.collect_every
        )

    assert (report.records[0].state, report.records[0].new) == (FetchState.OK, 1)
    assert "item 2 refused" in report.records[0].message


def test_the_worked_example_refuses_what_is_no_list(example: SourceKind) -> None:
    for body in (b"<html>", b"{}"):
        with pytest.raises(FeedError):
            example.parse(make_fetched(body), Source("list", "reading_list", "x"), Request("x"))


def test_every_kind_and_every_state_has_its_place_in_the_document() -> None:
    headings = [line for line in SOURCES.splitlines() if line.startswith("### ")]
    for kind in registry.KINDS:
        assert any(f"`{kind}`" in heading for heading in headings), kind
    for state in FetchState:
        assert f"| `{state}` |" in SOURCES


TEMPLATES = (Path(__file__).parent.parent / "docs" / "templates.md").read_text("utf-8")


@pytest.mark.parametrize("view", [DigestView, SectionView, PaperPlace, PaperView, LinkView, NoticeView])
def test_every_value_that_a_template_may_use_is_in_the_document(view: type[NamedTuple]) -> None:
    for value in view._fields:
        assert f"`{value}`" in TEMPLATES, f"{view.__name__}.{value}"


def test_every_check_of_the_score_card_is_in_the_document() -> None:
    document = (Path(__file__).parent.parent / "docs" / "inbox.md").read_text("utf-8")
    numbered: set[int] = set()
    for cell in re.findall(r"^\| ([\d, –]+) \|", document, re.MULTILINE):
        for part in cell.split(","):
            first, _, last = part.strip().partition("–")
            numbered |= set(range(int(first), int(last or first) + 1))
    message = b"From: a@example.org\r\nTo: b@example.org\r\nList-Unsubscribe: <mailto:a>\r\n\r\nx\r\n"
    assert {check.item for check in check_message(message)} <= numbered


def test_every_test_that_the_page_on_reliability_names_is_there() -> None:
    page = (Path(__file__).parents[1] / "docs" / "reliability.md").read_text()
    tests = "\n".join(file.read_text() for file in Path(__file__).parent.rglob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", page)
    files = re.findall(r"(tests/[\w/]+\.py)", page)

    assert len(named) > 30
    assert [name for name in named if f"def {name}(" not in tests] == []
    assert [file for file in files if not (Path(__file__).parents[1] / file).exists()] == []
    rows = re.findall(r"^\| ([\d, ]+) \|", page, re.MULTILINE)
    assert sorted(int(number) for row in rows for number in row.split(",")) == list(range(1, 38))


def test_every_page_key_and_metric_of_the_web_face_is_in_its_document() -> None:
    document = (Path(__file__).parent.parent / "docs" / "web.md").read_text("utf-8")
    paths = {path for path, _, _ in list_pages()}

    assert len(paths) > 30
    assert [path for path in sorted(paths) if f"`{path}`" not in document] == []
    assert [path for path in re.findall(r"`(/[^ `]*)`", document) if not _is_known(path, paths)] == []
    assert [key for key in WebSettings.model_fields if f"| `web.{key}` |" not in document] == []
    counters = WebCounters()
    counters.note("page", 200, 0.1)
    for name in re.findall(r"^# TYPE (\w+) (?:counter|histogram)", counters.write(), re.MULTILINE):
        assert f"`{name}{{" in document


def _is_known(path: str, pages: set[str]) -> bool:
    """Say whether the document may name a path: a page, the beginning of some, or what is on another listener."""
    others = {"/metrics", "/newsletter", "/newsletter/robots.txt", "/etc/caddy/Caddyfile"}
    path = path.partition("?")[0]
    return path in pages | others or any(page.startswith(path) for page in pages if path.endswith("/"))


def test_the_systemd_unit_lets_the_service_write_beside_its_configuration() -> None:
    """With ProtectSystem=strict nothing but the state directory is writable, and the database lies beside the file."""
    page = (Path(__file__).parents[1] / "docs" / "operations.md").read_text()
    unit = dict(re.findall(r"^    (\w+)=(.*)$", page, re.MULTILINE))

    assert unit["ProtectSystem"] == "strict"
    state = Path("/var/lib") / unit["StateDirectory"]
    found = re.search(r"--config (\S+)", unit["ExecStart"])
    assert found is not None
    assert state in Path(found[1]).parents
    assert unit["WorkingDirectory"] == str(state)


ARCHITECTURE = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text("utf-8")
FILE_BY_FILE = ARCHITECTURE.partition("## File by file\n")[2].partition("\n## ")[0]
ROOMS = dict(re.findall(r"^- \*\*`(\w+)/`\*\*: (.*?)(?=^- |\Z)", FILE_BY_FILE, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize(
    "room", ["collect", "match", "compose", "render", "deliver", "storage", "workflows", "web"]
)
def test_the_architecture_has_a_word_for_every_file_of_a_room_and_for_no_other(room: str) -> None:
    folder = Path(newsletter.__file__).parent / room
    named = set(re.findall(r"`([a-z_]+)`", ROOMS[room]))

    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} - named == set()
    assert named - {path.stem for path in folder.rglob("*.py")} == set()


def test_what_the_architecture_names_is_there() -> None:
    root = Path(__file__).parents[1]
    places = re.findall(r"`((?:\w+/)+[\w.]+\.\w+)(?::(\w+))?`", ARCHITECTURE)

    assert len(places) > 100
    for path, name in places:
        found = [base / path for base in (root, root / "newsletter") if (base / path).is_file()]
        assert found, path
        assert name in found[0].read_text("utf-8"), f"{path}:{name}"


def test_nobody_is_told_to_install_a_name_from_an_index_that_may_be_somebody_elses() -> None:
    """The program comes from a checkout: 'pip install .' and 'uvx --from .' name a folder."""
    named = re.compile(r"(?:pip(?:x)? install|uvx|uv (?:tool|pip) install)\b(?: +-\S+)* +'?\"?newsletter\b")
    root = Path(newsletter.__file__).parent.parent
    told = [
        root / "README.md",
        root / "CHANGELOG.md",
        root / "config.example.yaml",
        root / "subscribers.yaml",
    ]
    told += [*root.glob("docs/**/*.md"), *root.glob("newsletter/**/*.py")]
    for path in told:
        assert not named.search(path.read_text("utf-8")), path


def test_the_site_leads_to_every_document() -> None:
    root = Path(__file__).parents[1]
    written = {str(path.relative_to(root / "docs")) for path in root.glob("docs/**/*.md")}

    assert set(re.findall(r"[\w/-]+\.md", (root / "mkdocs.yml").read_text("utf-8"))) == written


def test_the_image_is_built_from_files_that_are_there_and_that_the_builder_is_given() -> None:
    root = Path(__file__).parents[1]
    ignored = (root / ".dockerignore").read_text("utf-8").splitlines()
    instructions = read_instructions((root / "Dockerfile").read_text("utf-8"))
    copied = {
        one
        for name, rest in instructions
        if name == "COPY" and "--from" not in rest
        for one in rest.split()[:-1]
    }

    assert len(copied) > 5
    assert {one for one in copied if not (root / one).exists()} == set()
    assert copied == {line[1:] for line in ignored if line.startswith("!")}


def test_the_composed_service_writes_only_where_its_volume_is_and_listens_for_caddy_alone() -> None:
    composed = yaml.safe_load((Path(__file__).parents[1] / "compose.yaml").read_text("utf-8"))
    service = composed["services"]["newsletter"]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert [volume.partition(":")[2] for volume in service["volumes"]] == [DATA]
    assert "ports" not in service
    assert {name for name, one in composed["services"].items() if "ports" in one} == {"caddy"}

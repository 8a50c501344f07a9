"""What 'init' writes as a sample never reaches a relay."""

import re
import socket
from pathlib import Path

import pytest

from newsletter.settings.samples import (
    SAMPLE_READERS,
    find_reserved,
    find_sample_readers,
    find_samples,
    switch_off_readers,
)
from newsletter.settings.shipped import find_shipped
from newsletter.settings.subscribers_file import parse_subscribers
from newsletter.settings.yaml_text import load_yaml
from tests.support.commands import run_command

EXAMPLE = find_shipped("config.example.yaml").read_text("utf-8")
READERS = find_shipped("subscribers.yaml").read_text("utf-8")


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    done = run_command(*arguments, folder=folder, environment={"COLUMNS": "400"})
    return done.returncode, done.stdout + done.stderr


def edit(folder: Path, *, port: int, sender: str = "Hill Lab <digest@hill.example.edu>") -> None:
    """Do what the header of config.yaml asks for: who you are, and who sends your mail."""
    file = folder / "config.yaml"
    text = re.sub(r"(?m)^  from:.*$", f"  from: {sender}", file.read_text("utf-8"))
    text = re.sub(r"(?m)^maildir:.*$", "", text)
    file.write_text(f"{text}\nrelay: {{host: 127.0.0.1, port: {port}, security: none}}\n", "utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assert run(tmp_path, "init")[0] == 0
    return tmp_path


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_what_init_wrote_can_be_checked_and_has_no_readers_yet(folder: Path) -> None:
    code, said = run(folder, "check")
    assert code == 0, said
    assert "no readers yet" in said


def test_a_first_run_needs_only_what_the_header_names(folder: Path, closed_port: int) -> None:
    edit(folder, port=closed_port)
    code, said = run(folder, "check")
    assert code == 0, said
    assert "example.org" not in said
    assert "Sampletown" not in said


SAMPLES = [
    ("  #reply_to:", "  reply_to:", "newsletter.reply_to", "editor@example.org"),
    ("  #leave_address:", "  leave_address:", "newsletter.leave_address", "leave@example.org"),
    ("  #bounce_address:", "  bounce_address:", "newsletter.bounce_address", "bounces@example.org"),
    ("  #postal_address:", "  postal_address:", "newsletter.postal_address", "Sampletown"),
    ("#contact:", "contact:", "contact", "https://example.org/newsletter"),
    ("#alerts:\n#  to:", "alerts:\n  to:", "alerts.to[0]", "operator@example.org"),
]


@pytest.mark.parametrize(("off", "on", "path", "value"), SAMPLES, ids=[path for _, _, path, _ in SAMPLES])
def test_a_sample_that_was_switched_on_is_named_with_line_and_key(
    off: str, on: str, path: str, value: str
) -> None:
    assert off in EXAMPLE
    text = EXAMPLE.replace("digest@example.org", "digest@hill.example.edu").replace(off, on, 1)
    [problem] = find_samples(load_yaml(text, "config.yaml"))
    assert problem.line == text[: text.index(on)].count("\n") + on.count("\n") + 1
    assert problem.path == path
    assert value in problem.message


@pytest.mark.parametrize("command", ["check", "send", "run"])
def test_nothing_begins_to_send_to_a_relay_while_samples_stand(
    command: str, tmp_path: Path, closed_port: int
) -> None:
    (tmp_path / "config.yaml").write_text(EXAMPLE.replace("#reply_to", "reply_to"), "utf-8")
    (tmp_path / "subscribers.yaml").write_text(READERS, "utf-8")
    edit(tmp_path, port=closed_port, sender="My Own <digest@example.org>")
    code, said = run(tmp_path, command)
    assert code == 2, said
    assert re.search(r"config\.yaml:\d+:\d+: newsletter\.from: 'digest@example.org' is a sample", said)
    assert "newsletter.reply_to: " in said
    assert said.count("is a sample reader") == 6
    assert re.search(r"subscribers\.yaml:\d+:\d+: subscribers\[0\]\.address", said)


def test_samples_may_be_tried_into_a_folder(folder: Path) -> None:
    (folder / "subscribers.yaml").write_text(READERS, "utf-8")
    code, said = run(folder, "check")
    assert code == 0, said
    assert "6 readers" in said


def test_every_sample_of_the_shipped_files_is_known() -> None:
    lines = (re.sub(r"^(\s*)#(?! \S|$)", r"\1", line) for line in EXAMPLE.splitlines())
    document = load_yaml("\n".join(line for line in lines), "config.yaml")
    found = {problem.path for problem in find_samples(document)}
    expected = {
        ".".join(str(step) for step in steps)
        for steps, text in document.texts_below(())
        if ("example.org" in text or "Sampletown" in text)
        and steps[0] != "sources"
        and steps != ("dkim", "domain")  # of another domain than the sender's, it is refused anyway
    }
    assert {re.sub(r"\[(\d+)\]", r".\1", path) for path in found} == expected
    rows = parse_subscribers(READERS, "subscribers.yaml", everything_else=0)
    assert {row.address for row in rows} == SAMPLE_READERS


def test_switched_off_readers_are_those_of_the_sample_and_none_is_left() -> None:
    off = switch_off_readers(READERS)
    assert parse_subscribers(off, "s", everything_else=0, may_be_empty=True) == ()
    on = re.sub(r"(?m)^  #", "  ", off.partition("\nsubscribers:\n")[2])
    assert "address: emmy@example.org" in on
    rows = parse_subscribers(
        f"{off}\n  - address: me@hill.example\n    topics: [x]\n", "s", everything_else=0
    )
    assert [row.address for row in rows] == ["me@hill.example"]


@pytest.mark.parametrize(
    ("text", "samples", "reserved"),
    [
        ("newsletter: {from: My Lab <digest@mylab.edu>}", 0, 0),
        ("newsletter: {from: My Lab <Digest@Example.org>}", 1, 1),
        ("newsletter: {from: My Lab <mydigest@example.org>}", 0, 1),
        ("newsletter: {from: a@news.example.net}", 0, 1),
        ("newsletter: {from: a@lab.invalid}", 0, 1),
        ("web: {url: 'https://papers.example.org/x'}", 1, 1),
        ("web: {url: 'https://papers.example.org.uk'}", 0, 0),
        ("newsletter: {postal_address: 'Hill Lab, 2 Sampletown Road'}", 1, 0),
        ("topics: [digest@example.org]", 0, 0),
    ],
)
def test_samples_are_known_by_their_value_and_nothing_else_is_taken_for_one(
    text: str, samples: int, reserved: int
) -> None:
    document = load_yaml(text, "config.yaml")
    assert (len(list(find_samples(document))), len(find_reserved(document))) == (samples, reserved)


def test_a_reader_of_ones_own_at_a_sample_domain_is_no_sample() -> None:
    document = load_yaml("subscribers: [{address: ada@example.org}, {address: Grace@example.org}]", "s")
    assert [problem.path for problem in find_sample_readers(document)] == ["subscribers[1].address"]

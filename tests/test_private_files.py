"""What holds addresses, links or keys is its owner's alone, whatever the umask and whatever was there before."""

import os
from collections.abc import Iterator
from pathlib import Path
from stat import S_IMODE

import pytest

from newsletter.deliver.maildir import file_message, make_maildir
from newsletter.files import find_open, tighten, write_private
from newsletter.storage import list_sqlite_files, open_database
from newsletter.storage.backup import backup
from tests.support.commands import run_command


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return S_IMODE(path.stat().st_mode)


def wide(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path, _ in find_open(sorted(folder.rglob("*")))]


async def test_a_database_and_what_lies_beside_it_are_private_from_the_first_byte(tmp_path: Path) -> None:
    database = await open_database(f"sqlite:///{tmp_path / 'n.db'}")
    try:
        assert (tmp_path / "n.db-wal").exists()
        assert not wide(tmp_path)
        await backup(database, tmp_path / "copy.db")
        assert not wide(tmp_path)
    finally:
        await database.close()


async def test_an_open_database_of_an_earlier_version_is_closed(tmp_path: Path) -> None:
    file = tmp_path / "n.db"
    await (await open_database(f"sqlite:///{file}")).close()
    kept = await open_database(f"sqlite:///{file}")  # so that -wal and -shm are there
    for path in list_sqlite_files(file):
        if path.exists():
            path.chmod(0o644)
    again = await open_database(f"sqlite:///{file}")
    try:
        assert not wide(tmp_path)
    finally:
        await again.close()
        await kept.close()


def test_a_maildir_is_private_and_one_of_an_earlier_version_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "box"
    make_maildir(folder)
    path = file_message(folder, b"Subject: x\r\n\r\n")
    assert [mode(part) for part in (folder, folder / "new", path)] == [0o700, 0o700, 0o600]
    for part in (folder, folder / "new", folder / "cur", folder / "tmp"):
        part.chmod(0o755)
    path.chmod(0o644)
    make_maildir(folder)
    assert not wide(folder.parent)


def test_a_file_that_is_written_over_is_closed(tmp_path: Path) -> None:
    file = tmp_path / "digest.html"
    file.write_bytes(b"the one of yesterday, which was longer")
    file.chmod(0o666)
    write_private(file, b"new")
    assert (mode(file), file.read_bytes()) == (0o600, b"new")


def test_a_terminal_or_pipe_can_be_written_to_and_keeps_its_mode() -> None:
    before = mode(Path("/dev/null"))
    write_private(Path("/dev/null"), b"x")
    assert mode(Path("/dev/null")) == before


def test_what_is_of_somebody_else_stays_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "n.db"
    file.write_bytes(b"")
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    assert not tighten(file)
    assert find_open([file, tmp_path / "missing"]) == [(file, 0o644)]


CONFIG = """
newsletter: {name: P, from: digest@hill.example}
sources: [{kind: hf_daily_papers, location: empty.json}]
maildir: outbox
subscribers: {path: off}
"""


def run(folder: Path, *arguments: str) -> str:
    done = run_command(*arguments, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_commands_leave_nothing_open_and_check_names_what_they_cannot_close(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG, "utf-8")
    (tmp_path / "newsletter.db").write_bytes(b"")
    (tmp_path / "newsletter.db.epoch").write_text(f"{'0' * 16} {'0' * 16}\n", "ascii")
    run(tmp_path, "status")
    run(tmp_path, "preview", "--topic", "robots", "--out", "digest.html")
    run(tmp_path, "backup", "copy.db")
    assert wide(tmp_path) == ["config.yaml"]
    assert "private to their owner" in run(tmp_path, "check")


def test_what_holds_nothing_private_is_made_as_the_operator_is_used_to(tmp_path: Path) -> None:
    run(tmp_path, "init", "one")
    assert mode(tmp_path / "one" / "config.yaml") == 0o644
    assert mode(tmp_path / "one" / "subscribers.yaml") == 0o600
    run(tmp_path / "one", "template", "new", "mine")
    assert mode(tmp_path / "one" / "templates" / "mine" / "paper.txt.j2") == 0o644


def test_check_names_a_key_that_others_can_read(tmp_path: Path) -> None:
    (tmp_path / "subscribers.yaml").write_text(
        "subscribers: [{address: ada@hill.example, topics: [x]}]", "utf-8"
    )
    (tmp_path / "config.yaml").write_text(CONFIG.replace("off", "subscribers.yaml"), "utf-8")
    said = " ".join(run(tmp_path, "check").split())
    assert "subscribers.yaml (mode 644)" in said
    (tmp_path / "subscribers.yaml").chmod(0o600)
    assert "mode 644" not in run(tmp_path, "check")

"""What is no file is refused in plain words wherever a file is named, and never waited for."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from newsletter.errors import NewsletterError
from newsletter.files import NotRegularError, read_regular
from newsletter.render import load_bundle
from newsletter.settings.shipped import find_shipped
from newsletter.settings.yaml_text import read_text
from newsletter.web.site import build_environment
from tests.support.fork_server import ForkServer
from tests.support.house import House


def _make_pipe(path: Path) -> None:
    os.mkfifo(path)


def _make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def _link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


KINDS = [
    pytest.param(_make_pipe, "it is a named pipe, not a file", id="pipe"),
    pytest.param(_make_socket, "it is a socket, not a file", id="socket"),
    pytest.param(_link_to("/dev/zero"), "it is a device, not a file", id="device without an end"),
    pytest.param(_link_to("/dev/tty"), "it is a device, not a file", id="terminal"),
    pytest.param(_link_to("/"), "it is a folder, not a file", id="folder"),
]


@pytest.mark.parametrize(("make", "words"), KINDS)
def test_what_is_no_file_is_not_opened(make: Callable[[Path], None], words: str, tmp_path: Path) -> None:
    path = tmp_path / "odd"
    make(path)

    with pytest.raises(NotRegularError) as caught:
        read_regular(path)

    assert caught.value.strerror == words


def test_a_file_and_a_link_to_one_are_read_to_the_end_or_to_a_limit(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"all of it")
    (tmp_path / "link").symlink_to(tmp_path / "file")

    assert read_regular(tmp_path / "file") == read_regular(tmp_path / "link") == b"all of it"
    assert read_regular(tmp_path / "file", 3) == b"all"


@pytest.mark.parametrize(("make", "words"), KINDS)
def test_files_of_yaml_and_templates_that_are_none_are_a_mistake_in_plain_words(
    make: Callable[[Path], None], words: str, tmp_path: Path
) -> None:
    shipped = find_shipped("templates")
    readers: dict[str, Callable[[Path], object]] = {
        "config.yaml": read_text,
        "own/cards/digest.txt.j2": lambda path: load_bundle(shipped, path.parents[1]),
        "web/page.html.j2": lambda path: build_environment((path.parent, shipped / "web")),
    }
    for name, read in readers.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path)
        with pytest.raises(NewsletterError) as caught:
            read(path)
        assert words in str(caught.value), name
        assert str(path) in str(caught.value), name


_IMPORT = ("subscribers", "import", "--consent", "asked on paper")


async def test_no_command_waits_for_a_pipe_in_the_place_of_a_file(tmp_path: Path) -> None:
    commands: dict[str, tuple[str, ...]] = {
        "config.yaml": ("collect",),
        "subscribers.yaml": ("send", "--dry-run"),
        "key.pem": ("send",),
        "list.csv": (*_IMPORT, "list.csv"),
        "list.yaml": (*_IMPORT, "list.yaml"),
        "feed.xml": ("collect",),
    }
    async with ForkServer.running() as server:
        for name, arguments in commands.items():
            folder = tmp_path / name
            folder.mkdir()
            house = House.build(
                folder,
                sources="- {kind: feed, location: feed.xml, name: Feed}",
                subscribers="subscribers: []\n",
                more="dkim: {key: key.pem, selector: mail}\n" if name == "key.pem" else "",
            )
            (folder / name).unlink(missing_ok=True)
            _make_pipe(folder / name)

            command = await server.start(house, *arguments)

            assert await command.wait() != 0, name
            said = " ".join((folder / "output-1").read_text().split())
            assert "it is a named pipe, not a file" in said, said
            assert name in said, said

"""Build the image and use it as docs/containers.md does: ``make image``.

With docker or podman, or with buildah where there is no daemon. Where there is none of them, the steps of the
Dockerfile run in a clean folder: that finds a file that is not copied or a requirement that does not install, no more.

The container's root is read-only (with buildah: not writable for the user), its user is no one in particular, and all
that it makes stands in its folder of data. It writes its files, checks them, renders the sample day, serves the pages,
and its health check says that they answer.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
IMAGE = "newsletter:local"
DATA = "/var/lib/newsletter"
USER = "10001:10001"
ENGINES = ("docker", "podman", "buildah")
PATIENCE_S = 60


def read_instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile as (name, rest); lines that end in a backslash are joined."""
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    parts = (line.partition(" ") for line in lines if line.strip() and not line.startswith("#"))
    return [(name.upper(), rest.strip()) for name, _, rest in parts]


def find_engine() -> str | None:
    """The first container engine that answers, or None."""
    for engine in ENGINES:
        if shutil.which(engine) and subprocess.run([engine, "info"], capture_output=True).returncode == 0:
            return engine
    return None


@dataclass(frozen=True, slots=True)
class Container:
    """How a command is run in the image, with a folder of data."""

    engine: str
    data: Path
    more: list[str] = field(default_factory=list)
    """What else the engine is told: mounts that this machine needs to reach its package index."""

    def build(self, base: str | None) -> None:
        chosen = ["--build-arg", f"PYTHON={base}"] if base else []
        subprocess.run([self.engine, "build", *chosen, *self.more, "--tag", IMAGE, str(ROOT)], check=True)

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        if self.engine == "buildah":
            made = subprocess.run(["buildah", "from", IMAGE], check=True, capture_output=True, text=True)
            name = made.stdout.strip()
            before = ["buildah", "run", "--user", USER, "--volume", f"{self.data}:{DATA}", name, "--"]
        else:
            options = [
                "--read-only",
                "--tmpfs",
                "/tmp",
                "--cap-drop",
                "ALL",
                "--user",
                USER,
                "--network",
                "host",
            ]
            before = [self.engine, "run", "--rm", *options, "--volume", f"{self.data}:{DATA}"]
            before += ["--entrypoint", command[0], IMAGE]
            command = command[1:]
        return subprocess.Popen([*before, *command], text=True)

    def run(self, *command: str) -> int:
        return self.start(list(command)).wait(300)


@contextmanager
def open_data() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="newsletter-image-") as folder:
        data = Path(folder) / "data"
        data.mkdir(mode=0o700)
        shutil.chown(data, *(int(one) for one in USER.split(":")))
        yield data


def use(container: Container, health: list[str]) -> None:
    """Go the way of docs/containers.md; AssertionError says at which step it ended."""
    for command in (["init"], ["check"], ["demo", "--out", f"{DATA}/demo"]):
        assert container.run("newsletter", *command) == 0, command
    config = container.data / "config.yaml"
    pages = "\nweb: {url: 'http://localhost:8080', listen: '127.0.0.1:8080', metrics_listen: off}\n"
    config.write_text(config.read_text("utf-8") + pages, "utf-8")
    assert container.run(*health) != 0, "the health check is content where no page is served"
    serving = container.start(["newsletter", "serve"])
    try:
        ends = time.monotonic() + PATIENCE_S
        while container.run(*health) != 0:
            assert serving.poll() is None, "the pages ended"
            assert time.monotonic() < ends, "no page was served"
    finally:
        serving.terminate()
        serving.wait(60)


def run_steps(instructions: list[tuple[str, str]], folder: Path) -> None:
    """Carry out the COPY and RUN of the first stage below a folder, and the command that is the entry point."""
    stage = instructions[: [name for name, _ in instructions].index("FROM", 2)]
    source, target = folder / "src", folder / "opt" / "newsletter"
    source.mkdir()
    for name, rest in stage:
        if name == "COPY":
            *names, where = rest.split()
            for one in names:
                copy(ROOT / one, source / where / (one if where.endswith("/") else ""))
        if name == "RUN":
            subprocess.run(
                rest.replace("/opt/newsletter", shlex.quote(str(target))), shell=True, check=True, cwd=source
            )
    entry = json.loads(dict(instructions)["ENTRYPOINT"])
    subprocess.run([target / "bin" / entry[0], "demo", "--out", str(folder / "demo")], check=True, cwd=folder)


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", metavar="IMAGE", help="build on another image than the Dockerfile names")
    parser.add_argument("--steps", action="store_true", help="run the steps in a clean folder in any case")
    parser.add_argument("more", nargs="*", help="told to the engine when it builds, after --")
    chosen = parser.parse_args()
    instructions = read_instructions((ROOT / "Dockerfile").read_text("utf-8"))
    engine = None if chosen.steps else find_engine()
    if engine is None:
        print("no docker, podman or buildah answers: the steps run in a clean folder", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="newsletter-steps-") as folder:
            run_steps(instructions, Path(folder))
        return
    health = json.loads(dict(instructions)["HEALTHCHECK"].partition(" CMD ")[2])
    with open_data() as data:
        container = Container(engine, data, chosen.more)
        container.build(chosen.base)
        use(container, health)
    print(f"built and used with {engine}")


if __name__ == "__main__":
    main()

"""The wheel carries all that the program needs, and what the program imports is installed with it."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", folder, REPOSITORY],
        check=True,
        capture_output=True,
    )
    [built] = folder.glob("*.whl")
    return built


def test_the_wheel_runs_the_demo_from_its_own_files(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "only")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "only")}

    assert_demo_runs([sys.executable, "-m", "newsletter"], tmp_path, environment)

    assert str(tmp_path / "only") in find_package(sys.executable, tmp_path, environment)


@pytest.mark.slow
def test_the_installed_wheel_runs_the_demo_from_its_own_files(wheel: Path, tmp_path: Path) -> None:
    empty = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", empty], check=True)
    subprocess.run(
        [empty / "bin" / "pip", "install", "--quiet", "-c", REPOSITORY / "constraints.txt", wheel], check=True
    )

    assert_demo_runs([empty / "bin" / "newsletter"], tmp_path, os.environ.copy())

    assert str(empty) in find_package(empty / "bin" / "python", tmp_path, os.environ.copy())


def assert_demo_runs(program: list[str | Path], folder: Path, environment: dict[str, str]) -> None:
    demo = subprocess.run(
        [*program, "demo", "--out", folder / "out"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert len(list((folder / "out" / "maildir" / "new").iterdir())) >= 4
    assert list((folder / "out" / "previews").glob("*.html"))


def find_package(python: str | Path, folder: Path, environment: dict[str, str]) -> str:
    where = subprocess.run(
        [python, "-c", "import newsletter; print(newsletter.__file__)"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    return where.stdout


def test_what_is_imported_is_installed_with_the_program() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    installed = list_installed([*project["dependencies"], *project["optional-dependencies"]["postgres"]])
    bringers = packages_distributions()

    missing = {
        name
        for name in list_imports()
        if name in bringers and not {canonicalize_name(bringer) for bringer in bringers[name]} & installed
    }
    assert missing == set()


def list_imports() -> set[str]:
    """Return the packages of others that the program names in an import."""
    named: set[str] = set()
    for file in (REPOSITORY / "newsletter").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                named.add(node.module.partition(".")[0])
            elif isinstance(node, ast.Import):
                named |= {alias.name.partition(".")[0] for alias in node.names}
    return named - set(sys.stdlib_module_names) - {"newsletter"}


def list_installed(requirements: Iterable[str]) -> set[str]:
    """Return the packages that installing these brings, with what they need themselves."""
    found: set[str] = set()

    def follow(line: str, extra: str) -> Iterator[tuple[str, str]]:
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
            name = canonicalize_name(wanted.name)
            for chosen in ("", *wanted.extras):
                yield name, chosen

    waiting = [step for line in requirements for step in follow(line, "")]
    seen: set[tuple[str, str]] = set()
    while waiting:
        name, extra = step = waiting.pop()
        if step not in seen:
            seen.add(step)
            found.add(name)
            waiting += [step for line in requires(name) or () for step in follow(line, extra)]
    return found

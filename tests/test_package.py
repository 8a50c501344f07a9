"""The wheel carries all that the program needs: installed into an empty environment, it renders and migrates."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


@pytest.mark.xdist_group("package")
def test_the_installed_wheel_runs_the_demo_from_its_own_files(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", wheels, REPOSITORY],
        check=True,
        capture_output=True,
    )
    (wheel,) = wheels.glob("*.whl")
    empty = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", empty], check=True)
    subprocess.run(
        [empty / "bin" / "pip", "install", "--quiet", "-c", REPOSITORY / "constraints.txt", wheel], check=True
    )

    demo = subprocess.run(
        [empty / "bin" / "newsletter", "demo", "--out", tmp_path / "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert demo.returncode == 0, demo.stdout + demo.stderr
    where = subprocess.run(
        [empty / "bin" / "python", "-c", "import newsletter; print(newsletter.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert str(empty) in where.stdout
    assert len(list((tmp_path / "out" / "maildir" / "new").iterdir())) >= 4
    assert list((tmp_path / "out" / "previews").glob("*.html"))

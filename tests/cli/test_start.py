"""A command imports what it needs: most of what a start costs is imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.house import House

DEAR = (
    *(
        "newsletter.render.html_part",
        "newsletter.workflows.send_pipeline",
        "newsletter.collect.fetch",
        "newsletter.deliver.smtp",
    ),
    *(
        "newsletter.web",
        "newsletter.scheduler",
        "mjml",
        "jinja2",
        "aiohttp",
        "aiosmtplib",
        "alembic",
        "starlette",
    ),
)

RUN = """
from newsletter.cli import main
try:
    main()
finally:
    print(*sys.modules)
"""


@pytest.mark.parametrize(
    "words", [("subscribers", "list"), ("deliveries",), ("sources",), ("status",)], ids=" ".join
)
def test_what_only_looks_loads_nothing_that_collects_renders_or_sends(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    house = House.build(
        tmp_path, sources="- {kind: feed, location: feed.xml}", subscribers="subscribers: []", port=2525
    )
    house.run("status")  # makes the database, which takes Alembic
    script = f"import sys; sys.argv[1:] = {list(words)}" + RUN

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    loaded = set(done.stdout.splitlines()[-1].split())
    assert {name for name in loaded if name in DEAR} == set()
    assert "newsletter.storage.schema" in loaded

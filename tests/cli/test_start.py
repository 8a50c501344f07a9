"""A command imports what it needs: most of what a start costs is imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.house import House

# Migrations, the clock, and the dialect that the database does not speak.
NEVER = frozenset({"alembic", "apscheduler", "sqlalchemy.dialects.postgresql"})
PAGES = frozenset({"limits", "newsletter.web", "prometheus_client", "starlette", "uvicorn"})
# What collects, renders, sends, serves or migrates: no command that only looks needs any of it.
DEAR = frozenset(
    {
        *("newsletter.collect.atom_rss", "newsletter.collect.fetch", "newsletter.collect.registry"),
        *("newsletter.deliver.smtp", "newsletter.render.html_part", "newsletter.render.language"),
        *(
            "newsletter.scheduler",
            "newsletter.web",
            "newsletter.workers",
            "newsletter.workflows.send_pipeline",
        ),
        *("aiohttp", "aiosmtplib", "alembic", "apscheduler", "babel", "bs4", "cryptography", "dns"),
        *("feedparser", "jinja2", "lxml", "mjml", "PIL", "prometheus_client", "pygments", "starlette"),
        *("structlog", "uvicorn"),
    }
)
NO_DATABASE = DEAR | {"sqlalchemy", "newsletter.storage.tables", "newsletter.wiring"}
NO_CONFIGURATION = NO_DATABASE | {"lark", "yaml", "newsletter.match.topics", "newsletter.settings.config"}
NO_MATCHING = frozenset({"lark", "newsletter.match.corpus", "newsletter.match.similarity"})
NO_TOPICS = NO_MATCHING | {"newsletter.match.topics", "newsletter.match.words", "newsletter.people", "re2"}
NO_LEDGER = frozenset({"newsletter.storage.ledger.reads"})
NO_SENDING = frozenset({"newsletter.storage.ledger.claims", "newsletter.storage.ledger.planning"})
NO_MAIL = frozenset({"jinja2", "mjml", "newsletter.deliver.smtp", "newsletter.workflows.build_mail"})

FORBIDDEN = {
    "--version": NO_CONFIGURATION | {"asyncio", "pydantic"},
    "collect --help": NO_CONFIGURATION - {"pygments"},  # Typer writes help with it
    "webhooks": NEVER | DEAR | NO_TOPICS | NO_LEDGER,
    "sources": NEVER | DEAR | NO_TOPICS | NO_LEDGER,
    "subscribers list": NEVER | DEAR | NO_MATCHING,
    "deliveries": NEVER | DEAR | NO_TOPICS | NO_SENDING,
    "status": NEVER | DEAR | NO_TOPICS | {"newsletter.storage.ledger.planning"},
    "topics list": NEVER | DEAR | {"lark"},
    "collect": NEVER
    | PAGES
    | NO_MAIL
    | {"lark", "newsletter.match.corpus", "newsletter.storage.ledger.claims"},
    "check": NEVER | PAGES | {"aiohttp", "aiosmtplib", "cryptography", "dns", "flufl.bounce", "lark"},
    "send": NEVER | PAGES | {"aiohttp", "cryptography", "dns", "lark", "newsletter.collect.registry"},
}

RUN = """
from newsletter.cli import main
try:
    main()
finally:
    print(*sys.modules)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A newsletter with nothing to do, whose database is there: to make one takes Alembic."""
    folder = tmp_path_factory.mktemp("start")
    house = House.build(
        folder, sources="- {kind: feed, location: feed.xml}", subscribers="subscribers: []", port=2525
    )
    house.run("status")
    return folder


@pytest.mark.parametrize("command", FORBIDDEN)
def test_a_command_imports_nothing_that_it_does_not_need(folder: Path, command: str) -> None:
    script = f"import sys; sys.argv[1:] = {command.split()}" + RUN

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )

    loaded = set(done.stdout.splitlines()[-1].split())
    assert loaded & FORBIDDEN[command] == set()
    assert "newsletter.cli" in loaded

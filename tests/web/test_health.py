from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text

from newsletter.web.app import build_app
from newsletter.web.metrics import WebCounters, build_metrics_app
from newsletter.web.pages.health import choose_contact, choose_expiry
from newsletter.web.site import Site
from tests.support.builders import at
from tests.support.statements import execute
from tests.support.website import NOW, browsing, client_of, opened_site


async def test_alive_and_ready_by_any_name_of_the_machine(site: Site, client: httpx2.AsyncClient) -> None:
    for path, said in (("/healthz", "ok\n"), ("/readyz", "ready\n")):
        answer = await client.get(path, headers={"host": "10.1.2.3:8080"})
        assert (answer.status_code, answer.text) == (200, said)
        assert answer.headers["cache-control"] == "no-store"


async def test_not_ready_where_the_tables_are_of_another_version(
    site: Site, client: httpx2.AsyncClient
) -> None:
    await execute(site.newsletter.database, text("UPDATE alembic_version SET version_num = '9999'"))

    answer = await client.get("/readyz")

    assert (answer.status_code, answer.text) == (503, "the database belongs to another version\n")
    assert (await client.get("/healthz")).status_code == 200


async def test_not_ready_where_the_database_is_away_and_nothing_of_it_is_told(
    tmp_path: Path, migrated_sqlite: Path
) -> None:
    file = tmp_path / "secret-place.db"
    shutil.copy(migrated_sqlite, file)
    async with opened_site(tmp_path, f"sqlite:///{file}", filled=False) as site, browsing(site) as client:
        file.unlink()
        file.mkdir()

        answer = await client.get("/readyz")

        assert (answer.status_code, answer.text) == (503, "the database does not answer\n")
        async with client_of(build_metrics_app(site.newsletter, WebCounters())) as monitor:
            metrics = (await monitor.get("/metrics")).text
        assert "newsletter_store_up 0" in metrics


async def test_metrics_are_on_their_own_listener_and_count_by_page_not_by_path(site: Site) -> None:
    counters = WebCounters()
    async with client_of(build_app(site, counters)) as client:
        assert (await client.get("/metrics")).status_code == 404
        for number in range(30):
            await client.get(f"/no-such-page-{number}")
            await client.get(f"/static/{number}")
        await client.get("/healthz")
        await client.get("/healthz", headers={"host": "other.example.org"})
        await client.get("/", headers={"host": "other.example.org"})
    async with client_of(build_metrics_app(site.newsletter, counters)) as monitor:
        answer = await monitor.get("/metrics")

    metrics = answer.text
    assert 'newsletter_web_requests_total{page="health.show_alive",status="2xx"} 2.0' in metrics
    assert 'newsletter_web_requests_total{page="static.show_file",status="4xx"} 30.0' in metrics
    assert 'newsletter_web_requests_total{page="refused",status="4xx"}' in metrics
    assert 'newsletter_web_seconds_count{page="static.show_file"} 30.0' in metrics
    assert "newsletter_store_up 1" in metrics
    assert "newsletter_held 0.0" in metrics
    assert "no-such-page" not in metrics
    assert len(metrics.splitlines()) < 200


async def test_crawlers_are_told_what_is_private(site: Site, client: httpx2.AsyncClient) -> None:
    rules = (await client.get("/robots.txt")).text

    for path in ("/me/", "/leave/", "/confirm/", "/operate", "/search"):
        assert f"Disallow: {path}\n" in rules
    assert "Sitemap: http://127.0.0.1:8080/sitemap.xml\n" in rules


async def test_rules_for_crawlers_name_the_path_that_the_pages_are_below(
    tmp_path: Path, migrated_sqlite: Path
) -> None:
    file = tmp_path / "newsletter.db"
    shutil.copy(migrated_sqlite, file)
    url = "http://127.0.0.1:8080/papers"
    async with (
        opened_site(tmp_path, f"sqlite:///{file}", filled=False, url=url) as site,
        client_of(build_app(site)) as client,
    ):
        rules = (await client.get("/papers/robots.txt")).text
        assert (await client.get("/robots.txt")).status_code == 404
        assert (await client.get("/papers/healthz")).status_code == 200

    assert "Disallow: /papers/me/\n" in rules
    assert "Sitemap: http://127.0.0.1:8080/papers/sitemap.xml\n" in rules


async def test_security_txt_names_somebody_and_ends_within_a_year(
    site: Site, client: httpx2.AsyncClient
) -> None:
    lines = (await client.get("/.well-known/security.txt")).text.splitlines()
    fields = dict(line.split(": ", 1) for line in lines)

    assert fields["Contact"] == "mailto:digest@news.example.org"
    assert NOW < at(fields["Expires"].removesuffix("Z").replace("T", " ")) < NOW + timedelta(days=365)
    assert fields["Canonical"] == "http://127.0.0.1:8080/.well-known/security.txt"


@pytest.mark.parametrize(
    ("contact", "uri"),
    [
        ("https://example.org/contact", "https://example.org/contact"),
        ("security@example.org", "mailto:security@example.org"),
        ("", "mailto:owner@example.org"),
        ("http://example.org", "mailto:owner@example.org"),
        ("ask Ada, ada@example.org", "mailto:owner@example.org"),
    ],
)
def test_contact_is_a_uri(contact: str, uri: str) -> None:
    assert choose_contact(contact, "owner@example.org") == uri


def test_the_end_of_security_txt_is_the_same_all_day() -> None:
    morning, evening = choose_expiry(at("2026-06-17 00:00")), choose_expiry(at("2026-06-17 23:59"))
    assert morning == evening < choose_expiry(at("2026-06-18 00:00"))

"""What opens each link of each mail, as scanners and previews do, changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from newsletter.model.ledger import Kind
from newsletter.web.app import build_app
from newsletter.web.site import Site
from tests.support.website import client_of, opened_site
from tests.web.mails import WITH_OPERATOR, find_links, list_links, load_sent_kinds, send_every_kind
from tests.web.snapshot import take_snapshot

# Scanners say what they like of where they come from.
SCANNERS = (
    {"user-agent": "Mozilla/5.0 (compatible; LinkScanner/1.0)"},
    {"origin": "https://mail.example.com", "sec-fetch-site": "cross-site", "purpose": "prefetch"},
    {"cookie": "operator=" + "a" * 43, "accept": "*/*", "accept-language": "de"},
)


@pytest.fixture
async def staffed(tmp_path: Path, filled_url: str) -> AsyncIterator[Site]:
    """The site of tests.support.website with an operator, on each engine."""
    async with opened_site(tmp_path, filled_url, more=WITH_OPERATOR) as site:
        yield site


@pytest.mark.parametrize("prefix", ["", "/papers"])
async def test_opening_every_link_of_every_kind_of_mail_changes_nothing(
    tmp_path: Path, filled_url: str, prefix: str
) -> None:
    url = f"http://127.0.0.1:8080{prefix}"
    async with opened_site(tmp_path, filled_url, url=url, more=WITH_OPERATOR) as site:
        mails = await send_every_kind(site)
        links = list_links(mails, site.links.base)
        before = await take_snapshot(site.newsletter.database)

        answers = {}
        async with client_of(build_app(site), site.links.base) as client:
            for headers in SCANNERS:
                for link in links:
                    for method in ("GET", "HEAD", "GET"):
                        answers[method, link] = await client.request(method, link, headers=headers)

        assert await take_snapshot(site.newsletter.database) == before
        assert {
            link: answer.status_code for (_, link), answer in answers.items() if answer.status_code != 200
        } == {}
        assert not [link for (_, link), answer in answers.items() if "set-cookie" in answer.headers]


async def test_the_mails_are_of_every_kind_and_have_the_links_that_do_something(staffed: Site) -> None:
    mails = await send_every_kind(staffed)
    base = staffed.links.base

    def parts_of(mail: EmailMessage) -> set[str]:
        return {link.removeprefix(base).split("/")[1] for link in find_links(mail, base)}

    assert await load_sent_kinds(staffed) == set(Kind)
    assert set.union(*map(parts_of, mails)) >= {"leave", "me", "confirm"}
    for layout in staffed.newsletter.templates.bundle.layouts:
        of_layout = [mail for mail in mails if f"{layout}-" in str(mail["to"])]
        assert len(of_layout) == 2, layout
        assert all(parts_of(mail) >= {"leave", "me"} for mail in of_layout)

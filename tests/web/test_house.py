from __future__ import annotations

import httpx2

from newsletter.web.site import Site
from tests.support.website import READER, URL


async def test_site_is_open_with_its_entries_and_its_reader(site: Site, client: httpx2.AsyncClient) -> None:
    assert await site.newsletter.entries.newest_run() == 5
    assert (await site.newsletter.subscribers.load(READER)) is not None  # type: ignore[arg-type]
    answer = await client.get(f"/static/{site.static_names['style.css']}")
    assert answer.status_code == 200
    assert str(answer.url).startswith(URL)

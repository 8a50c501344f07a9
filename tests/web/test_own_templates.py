from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.errors import TemplateError
from newsletter.settings.shipped import find_shipped
from newsletter.web.own_templates import ON_EVERY_PAGE, check_own_templates
from tests.support.house import House
from tests.support.website import browsing, opened_site

SHIPPED = find_shipped("templates") / "web"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "templates" / "web"
    folder.mkdir(parents=True)
    return folder


def test_every_shipped_template_would_pass_as_ones_own(own: Path) -> None:
    names = sorted(file.name for file in SHIPPED.glob("*.html.j2"))
    for name in names:
        (own / name).write_bytes((SHIPPED / name).read_bytes())
    assert check_own_templates(own, SHIPPED) == names


def test_what_does_not_compile_is_told_with_its_place(own: Path) -> None:
    (own / "message.html.j2").write_text('{% extends "page.html.j2" %}\n{% block main %}\n{{ heading \n')
    with pytest.raises(TemplateError, match=r"templates/web/message\.html\.j2:3: "):
        check_own_templates(own, SHIPPED)


def test_a_value_that_the_page_does_not_have_is_told_with_the_nearest_one(own: Path) -> None:
    (own / "message.html.j2").write_text(
        '{% extends "page.html.j2" %}\n{% block main %}\n{{ headnig }}{% endblock %}'
    )
    with pytest.raises(
        TemplateError, match=r"message\.html\.j2:3: 'headnig' is not a value of this page.*heading"
    ):
        check_own_templates(own, SHIPPED)


def test_names_that_a_template_makes_itself_and_pieces_of_ones_own_are_fine(own: Path) -> None:
    (own / "message.html.j2").write_text(
        '{% extends "page.html.j2" %}{% block main %}{% set mine = heading %}{{ mine }}'
        '{% include "mine.html.j2" %}{% for one in range(3) %}{{ one }}{% endfor %}{% endblock %}'
    )
    (own / "mine.html.j2").write_text("{{ whatever }}")
    assert check_own_templates(own, SHIPPED) == ["message.html.j2", "mine.html.j2"]


async def test_every_page_has_the_values_that_are_promised(tmp_path: Path, own: Path) -> None:
    values = " ".join(f"{{{{ {name} is defined }}}}" for name in sorted(ON_EVERY_PAGE))
    (own / "message.html.j2").write_text(f"mine: {values}")
    url = f"sqlite:///{tmp_path / 'newsletter.db'}"
    async with (
        opened_site(tmp_path, url, filled=False, more=f"templates: {own.parent}\n") as site,
        browsing(site) as client,
    ):
        answer = await client.get("/no-such-page/at-all")
    assert answer.text == "mine: " + " ".join(["True"] * len(ON_EVERY_PAGE))


def test_template_check_looks_at_pages_too(tmp_path: Path, own: Path) -> None:
    house = House.build(
        tmp_path,
        sources="- {kind: hf_daily_papers, location: day.json}",
        subscribers="subscribers: []",
        more="templates: templates\n",
    )
    (own / "message.html.j2").write_text("{{ heading }}")
    assert "web        compiled (your message.html.j2)" in house.run("template", "check").stdout
    (own / "message.html.j2").write_text("{{ headnig }}")
    done = house.run("template", "check")
    assert done.returncode == 2
    assert "message.html.j2:1: 'headnig' is not a value of this page" in done.stderr

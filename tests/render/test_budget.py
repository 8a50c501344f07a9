from __future__ import annotations

import pytest

from newsletter.render.budget import Cut, choose_step, cut_at, last_step


@pytest.mark.parametrize(
    ("step", "cut"),
    [
        (0, Cut()),
        (2, Cut(brief=2)),
        (3, Cut(brief=3)),
        (4, Cut(brief=3, bare=1)),
        (6, Cut(brief=3, bare=3)),
        (7, Cut(brief=3, bare=3, dropped=1)),
        (8, Cut(brief=3, bare=3, dropped=2)),
    ],
)
def test_ladder_shortens_then_bares_then_drops_from_the_tail(step: int, cut: Cut) -> None:
    assert cut_at(step, papers=3) == cut


def test_ladder_ends_with_one_paper() -> None:
    assert cut_at(last_step(3), 3).dropped == 2
    assert cut_at(last_step(1), 1).dropped == 0
    assert cut_at(last_step(0), 0) == Cut()


@pytest.mark.parametrize("first", [0, 1, 2, 17, 299, 598, 599])
def test_first_step_that_fits_is_chosen(first: int) -> None:
    asked = []

    def fits(step: int) -> bool:
        asked.append(step)
        return step >= first

    assert choose_step(200, fits) == first
    assert len(asked) <= 11


def test_last_step_is_chosen_where_nothing_fits() -> None:
    assert choose_step(200, lambda step: False) == last_step(200)
    assert choose_step(0, lambda step: False) == 0

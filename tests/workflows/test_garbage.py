from __future__ import annotations

import gc

from newsletter.workflows.garbage import rare_collections


def test_collections_are_rare_only_while_mails_are_sent() -> None:
    before = gc.get_threshold()

    with rare_collections():
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[0] >= 100_000

    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0

"""Items and sections as keys: what is made of them is remembered for all mails that have them."""

from newsletter.model.digest import Card, Item, Reason, Section
from newsletter.model.entries import EntryId, EntryKey

CARD = Card(EntryKey("arxiv:2606.00001"), "A paper")


def test_items_that_fit_other_topics_besides_have_other_hashes() -> None:
    items = [Item(EntryId(1), CARD, Reason(), also=(f"Robots {number}",)) for number in range(100)]
    assert len({hash(item) for item in items}) == 100
    assert len({hash(Section("Vision", (item,))) for item in items}) == 100


def test_equal_ones_have_one_hash() -> None:
    ones = [Item(EntryId(1), CARD, Reason(), also=("Robots",)) for _ in range(2)]
    assert len(set(ones)) == 1
    assert len({Section("Vision", (one,)) for one in ones}) == 1

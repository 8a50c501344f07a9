"""Mail goes to the address as it was typed; who is the same reader is asked by a key."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.address import _check, address_key, is_same_address, parse_address
from newsletter.errors import AddressError


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("groß@example.org", "groß@example.org"),
        ("GROẞ@example.org", "GROẞ@example.org"),
        ("λόγος@example.org", "λόγος@example.org"),
        ("ΛΌΓΟΣ@example.org", "ΛΌΓΟΣ@example.org"),
        ("ﬁsh@example.org", "ﬁsh@example.org"),
        ("İrem@example.org", "İrem@example.org"),
        ("ırmak@example.org", "ırmak@example.org"),
        ("ſister@example.org", "ſister@example.org"),
        ("ⅷ@example.org", "ⅷ@example.org"),
        ("Ada.Holm@Example.ORG", "Ada.Holm@example.org"),
        ("  ada+News@example.org ", "ada+News@example.org"),
        ("o'Hara@example.org", "o'Hara@example.org"),
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
        ("ada@straße.example", "ada@xn--strae-oqa.example"),
        ("jo\u0308rg@example.org", "jörg@example.org"),  # one text has one spelling (NFC)
    ],
)
def test_the_name_before_the_at_is_never_changed(typed: str, kept: str) -> None:
    assert parse_address(typed) == kept


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ada@example.org", "ada@example.org", True),
        ("ADA.HOLM@example.org", "ada.holm@example.org", True),
        ("ada@example.org", "ada@example.net", False),
        ("ada+x@example.org", "ada@example.org", False),
        ("a.da@gmail.com", "ada@gmail.com", False),
        ("groß@example.org", "gross@example.org", False),
        ("groß@example.org", "GROSS@example.org", False),
        ("λόγος@example.org", "λόγοσ@example.org", False),
        ("ﬁsh@example.org", "fish@example.org", False),
        ("ırmak@example.org", "Irmak@example.org", False),
        ("Jörg@example.org", "jörg@example.org", True),
        ("K@example.org", "\u212a@example.org", False),  # the sign of kelvin
    ],
)
def test_only_ascii_case_makes_two_addresses_one_reader(one: str, other: str, same: bool) -> None:
    assert is_same_address(one, other) is same


@given(st.text(max_size=30))
def test_a_key_is_its_own_key(text: str) -> None:
    assert address_key(address_key(text)) == address_key(text)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("ada", "is not an e-mail address"),
        ("", "is not an e-mail"),
        ("a" * 250 + "@example.org", "more than 254"),
    ],
)
def test_what_is_no_address_is_refused(typed: str, said: str) -> None:
    with pytest.raises(AddressError, match=said):
        parse_address(typed)


@given(
    st.text(st.sampled_from("aZ9.-+_'!ü\u00df \"@"), max_size=70),
    st.sampled_from(
        ["example.org", "EXAMPLE.org", "bücher.example", "localhost", "example", "-a.example.org", "a..b"]
    ),
)
def test_names_that_are_read_at_a_glance_are_read_as_the_others(name: str, domain: str) -> None:
    def read(parse: Callable[[str], str]) -> str:
        try:
            return parse(f"{name}@{domain}".strip())
        except AddressError as error:
            return str(error)

    assert read(parse_address) == read(_check)

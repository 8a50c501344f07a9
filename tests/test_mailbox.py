"""One mailbox under many spellings is one."""

from __future__ import annotations

import pytest

from newsletter.address import list_domains, mailbox_key
from newsletter.model.readers import EmailAddress


@pytest.mark.parametrize(
    ("spelled", "key"),
    [
        ("ada@example.org", "ada@example.org"),
        ("Ada@Example.ORG", "ada@example.org"),
        ("ada+1@example.org", "ada@example.org"),
        ("ada+news+2@example.org", "ada@example.org"),
        ("ada+@example.org", "ada@example.org"),
        ("+ada@example.org", "+ada@example.org"),
        ("a.d.a@example.org", "a.d.a@example.org"),
        ("a.d.a@gmail.com", "ada@gmail.com"),
        ("A.da+x@GoogleMail.com", "ada@gmail.com"),
        ("a.d.a@gmail.example.org", "a.d.a@gmail.example.org"),
        ("ada-1@example.org", "ada-1@example.org"),
        ("ada@me.com", "ada@icloud.com"),
        ("ada+x@protonmail.com", "ada@proton.me"),
        ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
        ("jörg+a@example.org", "jörg@example.org"),
        ("STRASSE@example.org", "strasse@example.org"),
    ],
)
def test_spellings_of_one_mailbox_have_one_key(spelled: str, key: str) -> None:
    assert mailbox_key(EmailAddress(spelled)) == key


def test_a_mailbox_is_looked_for_under_all_domains_of_its_provider() -> None:
    assert list_domains("ada@gmail.com") == ["gmail.com", "googlemail.com"]
    assert list_domains("ada@example.org") == ["example.org"]

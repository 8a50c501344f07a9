"""Which spellings of an address are one address, and which paper an address stands for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.collect.addresses import canonical_url, is_sealed, unwrap_url
from newsletter.collect.identity import choose_keys
from tests.support.examples import examples

PAGE = "https://wiki.example.net/äpfel/rot"


@pytest.mark.parametrize(
    "spelling",
    [
        "https://wiki.example.net/%C3%A4pfel/rot",
        "https://wiki.example.net/%c3%a4pfel/rot",
        "https://wiki.example.net/%C3%A4pf%65l/rot",
        "https://wiki.example.net/äpfel/rot",
        "http://wiki.example.net/äpfel/rot",
        "https://www.wiki.example.net/äpfel/rot",
        "https://WIKI.Example.net./äpfel/rot",
        "https://wiki.example.net:443/äpfel/rot/",
        "https://wiki.example.net/birnen/../äpfel/./rot",
        "https://wiki.example.net/äpfel/rot/index.html",
        "https://wiki.example.net/äpfel/rot/index.php",
        "https://wiki.example.net/äpfel/rot/default.asp",
        "https://wiki.example.net/äpfel/rot/Default.aspx",
        "https://wiki.example.net/äpfel/rot;jsessionid=0A1B2C",
        "https://wiki.example.net/(S(a1b2c3))/äpfel/rot",
        "https://wiki.example.net/äpfel/rot?PHPSESSID=ab12",
        "https://wiki.example.net/äpfel/rot?sid=0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "https://wiki.example.net/äpfel/rot?ts=1781600000",
        "https://wiki.example.net/äpfel/rot?t=1781600000&_=17",
        "https://wiki.example.net/äpfel/rot?nocache=0.4",
        "https://wiki.example.net/äpfel/rot?utm_source=rss&utm_medium=feed",
        "https://wiki.example.net/äpfel/rot?fbclid=a&gclid=b&msclkid=c&dgcid=d&referrer=e",
        "https://wiki.example.net/äpfel/rot?af=R&rss=1",
        "https://wiki.example.net/äpfel/rot#:~:text=sour",
        "https://user:pass@wiki.example.net/äpfel/rot",
    ],
)
def test_spellings_of_one_address_are_one(spelling: str) -> None:
    assert canonical_url(spelling) == canonical_url(PAGE)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://bücher.example/a", "https://xn--bcher-kva.example/a"),
        ("https://BÜCHER.example/a", "https://bücher.example/a"),
        ("https://中文.example/a", "https://xn--fiq228c.example/a"),
        ("https://straße.example/a", "https://xn--strae-oqa.example/a"),
        ("https://😀.example/a", "https://xn--e28h.example/a"),
        ("https://example.org/~ada/x", "https://example.org/%7Eada/x"),
        ("https://example.org/a%CC%88pfel", "https://example.org/äpfel"),
        ("https://example.org/a(b)", "https://example.org/a%28b%29"),
        ("https://example.org/?q=a+b", "https://example.org/?q=a%20b"),
        ("https://example.org/?b=2&a=1", "https://example.org/?a=1&b=2"),
        ("https://youtu.be/dQw4w9WgXcQ?si=x", "https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=42s"),
        ("https://youtube.com/shorts/dQw4w9WgXcQ", "https://m.youtube.com/watch?v=dQw4w9WgXcQ"),
        ("https://www.youtube.com/embed/dQw4w9WgXcQ", "https://www.youtube.com/live/dQw4w9WgXcQ"),
        ("https://en.m.wikipedia.org/wiki/Otter", "https://en.wikipedia.org/wiki/Otter"),
        ("https://old.reddit.com/r/x/1", "https://www.reddit.com/r/x/1"),
        ("https://twitter.com/ada/status/1", "https://x.com/ada/status/1?s=20"[:-5]),
        ("https://pubmed.ncbi.nlm.nih.gov/1/?fc=2&ff=3&v=2.18", "https://www.ncbi.nlm.nih.gov/pubmed/1"),
        ("https://openreview.net/forum?id=a&referrer=%5BTMLR%5D", "https://openreview.net/forum?id=a"),
        (
            "https://www.sciencedirect.com/science/article/pii/S1?dgcid=rss_sd_all",
            "https://www.sciencedirect.com/science/article/pii/S1?via%3Dihub",
        ),
    ],
)
def test_other_spellings_are_one_address_too(one: str, other: str) -> None:
    assert canonical_url(one) == canonical_url(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.org/a%2Fb", "https://example.org/a/b"),
        ("https://example.org/A", "https://example.org/a"),
        ("https://example.org/?p=1", "https://example.org/?p=2"),
        ("https://example.org/index.php?p=1", "https://example.org/index.php?p=2"),
        ("https://example.org/story?sid=12", "https://example.org/story?sid=13"),
        ("https://example.org/topic?t=123", "https://example.org/topic?t=124"),
        ("https://example.org/a?ref=main", "https://example.org/a"),
        ("https://example.org/log#3.0", "https://example.org/log#3.1"),
        ("https://blog.example.org/a", "https://example.org/a"),
        ("https://example.org:8080/a", "https://example.org/a"),
        ("https://www.youtube.com/watch?v=dQw4w9WgXcQ", "https://www.youtube.com/watch?v=dQw4w9WgXcR"),
        ("https://example.org/a?q=x%26y", "https://example.org/a?q=x&y"),
    ],
)
def test_other_pages_are_other_addresses(one: str, other: str) -> None:
    assert canonical_url(one) != canonical_url(other)


@pytest.mark.parametrize(
    "url", ["https://example.org/", "https://www.example.org/index.html", "mailto:a@b.org", ""]
)
def test_front_pages_and_what_is_no_address_have_no_form(url: str) -> None:
    assert canonical_url(url) == ""


@pytest.mark.parametrize(
    ("url", "doi"),
    [
        ("https://www.nature.com/articles/s41586-026-01234-5", "10.1038/s41586-026-01234-5"),
        ("https://www.nature.com/articles/s41586-026-01234-5.pdf", "10.1038/s41586-026-01234-5"),
        ("https://www.nature.com/articles/d41586-026-00123-1?utm_source=x", "10.1038/d41586-026-00123-1"),
        ("https://www.nature.com/articles/nature14539", "10.1038/nature14539"),
        (
            "https://journals.plos.org/plosone/article?id=10.1371/journal.pone.0123456",
            "10.1371/journal.pone.0123456",
        ),
        (
            "https://journals.plos.org/ploscompbiol/article/file?id=10.1371/journal.pcbi.1&type=printable",
            "10.1371/journal.pcbi.1",
        ),
        ("http://link.aps.org/doi/10.1103/PhysRevLett.130.1", "10.1103/physrevlett.130.1"),
        ("https://journals.aps.org/prl/abstract/10.1103/PhysRevLett.130.1", "10.1103/physrevlett.130.1"),
        ("http://biorxiv.org/cgi/content/short/2026.06.15.123456v1?rss=1", "10.64898/2026.06.15.123456"),
        ("http://medrxiv.org/cgi/content/short/2024.06.15.24123456v2", "10.1101/2024.06.15.24123456"),
        ("https://www.biorxiv.org/cgi/content/abstract/123456v1", "10.1101/123456"),
        ("https://iopscience.iop.org/article/10.1088/1361-6633/ab1/meta", "10.1088/1361-6633/ab1"),
        ("https://www.frontiersin.org/articles/10.3389/fnins.2026.1/full", "10.3389/fnins.2026.1"),
        (
            "https://www.frontiersin.org/journals/neuroscience/articles/10.3389/fnins.2026.1/full",
            "10.3389/fnins.2026.1",
        ),
        (
            "https://academic.oup.com/bioinformatics/article/doi/10.1093/bioinformatics/btab1/6",
            "10.1093/bioinformatics/btab1",
        ),
        ("https://elifesciences.org/articles/12345", "10.7554/elife.12345"),
        ("https://peerj.com/articles/cs-123/", "10.7717/peerj-cs.123"),
        ("https://aclanthology.org/2026.acl-long.1.pdf", "10.18653/v1/2026.acl-long.1"),
        ("https://zenodo.org/records/123456", "10.5281/zenodo.123456"),
        (
            "https://www.google.com/url?q=https://www.science.org/doi/10.1126/science.abc1",
            "10.1126/science.abc1",
        ),
    ],
)
def test_page_of_a_publisher_stands_for_its_paper(url: str, doi: str) -> None:
    assert choose_keys(url=url) == (f"doi:{doi}",)
    assert choose_keys(guid=url, source="s")[0] == f"doi:{doi}"


@pytest.mark.parametrize(
    "url",
    [
        "https://www.google.com/search?q=https://example.org/a",
        "https://www.google.com/url?q=mailto:ada@example.org",
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ&q=https://example.org/a",
        "https://medium.com/@ada/a-story?url=https://example.org/a",
        "https://example.org/share?url=https://example.net/a",
        "https://login.example.org/login?url=https://example.net/a",
        "",
    ],
)
def test_what_is_no_wrapper_stays(url: str) -> None:
    assert unwrap_url(url) == url


def test_wrappers_within_wrappers_end() -> None:
    url = "https://www.google.com/url?q=https://example.org/a"
    for _ in range(9):
        url = f"https://l.facebook.com/l.php?u={url.replace('%', '%25').replace('&', '%26').replace('?', '%3F')}"

    assert unwrap_url(url).startswith("https://")
    assert is_sealed("http://feedproxy.google.com/~r/x/~3/y/")
    assert not is_sealed("https://feeds.example.com/~r/x")


@examples(200)
@given(st.text(st.sampled_from("abä/?&=#%.;:~+C3-A4 indexphtml"), max_size=40))
def test_one_form_has_one_form(path: str) -> None:
    once = canonical_url(f"https://example.org/{path}")

    assert not once or canonical_url(once) == once

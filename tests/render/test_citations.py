"""What is cited of papers, and that it is read back as it was: by the grammar of BibTeX, and line by line of RIS."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.model.entries import Entry, EntryKey
from newsletter.render.citations import build_citation, list_meta, write_bibtex, write_ris
from tests.support.builders import at
from tests.support.examples import examples

PAPER = Entry(
    key=EntryKey("arxiv:2606.01234"),
    aliases=(EntryKey("url:https://example.org/x"),),
    title="Attention is All You Need",
    summary="We rest.",
    authors=("Ada M. Lovelace", "Maarten van der Berg"),
    published_at=at("2026-06-03 12:00"),
    categories=("cs.CL", "cs.LG"),
    primary_category="cs.CL",
    url="https://arxiv.org/abs/2606.01234",
    pdf_url="https://arxiv.org/pdf/2606.01234",
)


def cite(**fields: Any) -> str:
    return write_bibtex([build_citation(replace(PAPER, **fields))])


def read_bibtex(text: str) -> list[tuple[str, str, dict[str, str]]]:
    """Return type, key and fields of each entry, as a parser of the format takes them apart: by braces alone."""
    entries = []
    place = 0
    while found := re.compile(r"\s*@(\w+)\{([^\s,{}\"#%'()=~\\]+),").match(text, place):
        place = found.end()
        fields: dict[str, str] = {}
        while field := re.compile(r"\s*(\w+) = (?=[{a-z])").match(text, place):
            place = field.end()
            if text[place] != "{":  # a name that BibTeX knows
                name = re.compile(r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(?=,)").match(
                    text, place
                )
                assert name, text[place:]
                value, place = name[0], name.end()
            else:
                begin, depth = place, 0
                while True:
                    depth += (text[place] == "{") - (text[place] == "}")
                    place += 1
                    if not depth:
                        break
                value = text[begin + 1 : place - 1]
            assert text[place] == ","
            assert field[1] not in fields
            fields[field[1]] = value
            place += 1
        end = re.compile(r"\s*\}").match(text, place)
        assert end, text[place:]
        place = end.end()
        entries.append((found[1], found[2], fields))
    assert not text[place:].strip()
    return entries


SIGNS = {"textbackslash": "\\", "textbraceleft": "{", "textbraceright": "}", "textasciitilde": "~"}
SIGNS |= {"textasciicircum": "^", "textless": "<", "textgreater": ">", "textbar": "|"}


def set_text(value: str) -> str:
    """Return what LaTeX would set of a value without formulas. Raises AssertionError where a macro would act."""
    text = re.sub(r"\{\\(\w+)\}", lambda found: f"\ue000{ord(SIGNS[found[1]])};", value)
    text = re.sub(r"\\([&%$#_])", lambda found: f"\ue000{ord(found[1])};", text)
    assert not re.search(r"[\\&%$#_~^<>|]", text), text
    return re.sub("\ue000(\\d+);", lambda found: chr(int(found[1])), re.sub(r"[{}]", "", text))


def read_ris(text: str) -> list[list[tuple[str, str]]]:
    works: list[list[tuple[str, str]]] = []
    assert text.endswith("ER  - \r\n") or not text
    for line in text.split("\r\n")[:-1]:
        found = re.fullmatch(r"([A-Z][A-Z0-9])  - ([^\r\n]*)", line)
        assert found, line
        if found[1] == "TY":
            works.append([])
        works[-1].append((found[1], found[2]))
    assert all(work[-1] == ("ER", "") for work in works)
    return works


def test_paper_is_written_whole() -> None:
    assert cite() == (
        "@misc{lovelace2026attention,\n"
        "  title = {Attention is All You Need},\n"
        "  author = {Lovelace, Ada M. and van der Berg, Maarten},\n"
        "  year = {2026},\n"
        "  month = jun,\n"
        "  eprint = {2606.01234},\n"
        "  archivePrefix = {arXiv},\n"
        "  primaryClass = {cs.CL},\n"
        "  publisher = {arXiv},\n"
        "  doi = {10.48550/arXiv.2606.01234},\n"
        "  url = {https://arxiv.org/abs/2606.01234},\n"
        "  keywords = {cs.CL, cs.LG},\n"
        "  abstract = {We rest.},\n"
        "}\n"
    )
    assert write_ris([build_citation(PAPER)]) == (
        "TY  - GEN\r\nID  - lovelace2026attention\r\nTI  - Attention is All You Need\r\n"
        "AU  - Lovelace, Ada M.\r\nAU  - van der Berg, Maarten\r\nPY  - 2026\r\nDA  - 2026/06/03/\r\nPB  - arXiv\r\n"
        "DO  - 10.48550/arXiv.2606.01234\r\nUR  - https://arxiv.org/abs/2606.01234\r\n"
        "L1  - https://arxiv.org/pdf/2606.01234\r\nAN  - arXiv:2606.01234\r\nKW  - cs.CL\r\nKW  - cs.LG\r\n"
        "AB  - We rest.\r\nER  - \r\n"
    )


@pytest.mark.parametrize(
    ("title", "written"),
    [
        ("R&D saves 100% of $5, #1 a_b", r"R\&D saves 100\% of \$5, \#1 a\_b"),
        ("Braces { and } and \\", r"Braces {\textbraceleft} and {\textbraceright} and {\textbackslash}"),
        ("a ~ b, a < b > c | d", r"a {\textasciitilde} b, a {\textless} b {\textgreater} c {\textbar} d"),
        ("On $\\ell_1$-norms", r"On $\ell_1$-norms"),
        (r"Solving $\mathsf{TC}^0$", r"Solving $\mathsf{TC}^0$"),
        (r"\emph{Deep} M\"uller", "Deep Müller"),
        (r"$\input{/etc/passwd}$ rests", r"input/etc/passwd rests"),
        (r"\write18{rm -rf}", r"{\textbackslash}write18{\textbraceleft}rm -rf{\textbraceright}"),
        (
            "BERT and DeepSeek-R1, a C compiler for GPUs",
            "{BERT} and {DeepSeek-R1}, a {C} compiler for {GPUs}",
        ),
        ("A Study", "A Study"),
        ("语言模型 and “quotes”", "语言模型 and “quotes”"),
        ("10^6 tokens", "10⁶ tokens"),
        ('say "no" @misc{x, a = b}', r'say "no" @misc{\textbraceleft}x, a = b{\textbraceright}'),
    ],
)
def test_title_is_escaped_and_keeps_its_formulas_and_capitals(title: str, written: str) -> None:
    assert f"  title = {{{written}}},\n" in cite(title=title)


@pytest.mark.parametrize(
    ("name", "bibtex", "ris"),
    [
        ("Ada M. Lovelace", "Lovelace, Ada M.", "Lovelace, Ada M."),
        ("Lovelace, A. M.", "Lovelace, A. M.", "Lovelace, A. M."),
        ("Aäron van den Oord", "van den Oord, Aäron", "van den Oord, Aäron"),
        ("Jean-Luc de la Tour", "de la Tour, Jean-Luc", "de la Tour, Jean-Luc"),
        ("Łukasz Kaiser", "Kaiser, Łukasz", "Kaiser, Łukasz"),
        (r"\L{}ukasz M\"uller", "Müller, Łukasz", "Müller, Łukasz"),
        ("Robert Roe Jr.", "Roe, Jr., Robert", "Roe, Robert, Jr."),
        ("Martin Roe, III", "Roe, III, Martin", "Roe, Martin, III"),
        ("Weinan E", "E, Weinan", "E, Weinan"),
        ("ROE Ada", "ROE, Ada", "ROE, Ada"),
        ("李飞飞", "李飞飞", "李飞飞"),
        ("Fei-Fei Li (李飞飞)", "Li, Fei-Fei", "Li, Fei-Fei"),
        ("Madonna", "Madonna", "Madonna"),
        ("Gemini Team", "{Gemini Team}", "Gemini Team"),
        ("The RECOVERY Collaborative Group", "{The RECOVERY Collaborative Group}", "The RECOVERY Collaborative Group"),
        ("University of Oxford", "{University of Oxford}", "University of Oxford"),
        ("Ofir Press", "Press, Ofir", "Press, Ofir"),
        ("Rock and Roll Team", "{Rock {and} Roll Team}", "Rock and Roll Team"),
        ("O'Brien, Pat & Co", r"O'Brien, Pat \& Co", "O'Brien, Pat & Co"),
    ],
)  # fmt: skip
def test_names_are_taken_apart(name: str, bibtex: str, ris: str) -> None:
    [(_, _, fields)] = read_bibtex(cite(authors=(name, "Bo Example")))
    [work] = read_ris(write_ris([build_citation(replace(PAPER, authors=(name,)))]))

    assert fields["author"] == f"{bibtex} and Example, Bo"
    assert [value for tag, value in work if tag == "AU"] == [ris]


def test_of_a_crowd_the_first_two_hundred_are_named() -> None:
    crowd = tuple(f"Ada{number} Example" for number in range(3_000))
    [(_, _, fields)] = read_bibtex(cite(authors=crowd))

    assert fields["author"].split(" and ")[199:] == ["Example, Ada199", "others"]
    assert cite(authors=("Ada Example",), author_count=15).count("Example, Ada and others") == 1
    assert "others" not in cite(authors=(), author_count=15)
    assert len(list_meta(build_citation(replace(PAPER, authors=crowd)), "x")) < 220


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"title": "The Müller-Lyer illusion", "authors": ("Jörg Straße",)}, "strasse2026muller"),
        ({"title": "On 3 ways", "authors": ("Ø. Ås",)}, "as2026ways"),
        ({"title": "语言模型", "authors": ("李飞飞",)}, "anonymous2026"),
        ({"title": "语言 models", "authors": ()}, "anonymous2026models"),
        ({"title": "A", "authors": ("Gemini Team",)}, "geminiteam2026a"),
        ({"title": "$\\alpha$-divergence"}, "lovelace2026divergence"),
        ({"title": "x" * 90}, "lovelace2026" + "x" * 30),
        ({"published_at": at("2017-06-12 00:00")}, "lovelace2017attention"),
    ],
)
def test_key_has_family_name_year_and_first_word(fields: dict[str, Any], key: str) -> None:
    [(_, found, _)] = read_bibtex(cite(**fields))

    assert found == key


def test_keys_are_unique_in_a_file_and_do_not_depend_on_its_order() -> None:
    other = replace(PAPER, key=EntryKey("arxiv:2606.09999"), title="Attention again")
    third = replace(PAPER, key=EntryKey("arxiv:2606.05555"), title="Rest")
    works = [build_citation(entry) for entry in (PAPER, other, third)]

    keys = [key for _, key, _ in read_bibtex(write_bibtex(works))]
    assert keys == ["lovelace2026attention-260601234", "lovelace2026attention-260609999", "lovelace2026rest"]
    assert [key for _, key, _ in read_bibtex(write_bibtex(works[::-1]))] == keys[::-1]
    assert [work[1][1] for work in read_ris(write_ris(works))] == keys
    assert len({key for _, key, _ in read_bibtex(write_bibtex(works[:1] * 3))}) == 3


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"published_at": None}, "2026/06//"),
        ({"published_at": None, "key": EntryKey("arxiv:hep-th/9901001")}, "1999/01//"),
        ({"published_at": None, "key": EntryKey("arxiv:0704.0001")}, "2007/04//"),
        ({"published_at": None, "key": EntryKey("doi:10.1000/182"), "listed_on": date(2026, 6, 5)}, "2026/06/05/"),
        (
            {"published_at": None, "key": EntryKey("doi:10.1000/182"), "first_seen_at": at("2026-06-07 12:00")},
            "2026/06/07/",
        ),
        ({"published_at": None, "key": EntryKey("doi:10.1000/182")}, None),
    ],
)  # fmt: skip
def test_date_is_as_exact_as_it_is_known(fields: dict[str, Any], expected: str | None) -> None:
    [work] = read_ris(write_ris([build_citation(replace(PAPER, **fields))]))

    assert dict(work).get("DA") == expected


@pytest.mark.parametrize(
    ("fields", "type_", "doi", "publisher", "url"),
    [
        ({}, "GEN", "10.48550/arXiv.2606.01234", "arXiv", "https://arxiv.org/abs/2606.01234"),
        (
            {"aliases": (EntryKey("doi:10.1000/182"),)},
            "GEN", "10.1000/182", "arXiv", "https://arxiv.org/abs/2606.01234",
        ),
        (
            {"key": EntryKey("doi:10.1101/2026.06.01.1"), "url": "https://www.biorxiv.org/content/10.1101/2026.06.01.1v1"},
            "GEN", "10.1101/2026.06.01.1", "bioRxiv", "https://www.biorxiv.org/content/10.1101/2026.06.01.1v1",
        ),
        (
            {"key": EntryKey("doi:10.1000/182"), "url": "https://journal.example.org/182"},
            "JOUR", "10.1000/182", None, "https://journal.example.org/182",
        ),
        (
            {"key": EntryKey("url:https://blog.example.org/a"), "aliases": (), "url": "https://blog.example.org/a?b={c}"},
            "ELEC", None, None, "https://blog.example.org/a?b=%7Bc%7D",
        ),
        ({"key": EntryKey("guid:blog:1"), "aliases": (), "url": "javascript:alert(1)"}, "ELEC", None, None, None),
    ],
)  # fmt: skip
def test_each_sort_of_work_says_where_it_is(
    fields: dict[str, Any], type_: str, doi: str | None, publisher: str | None, url: str | None
) -> None:
    citation = build_citation(replace(PAPER, **fields))
    work = dict(read_ris(write_ris([citation]))[0])
    [(_, _, written)] = read_bibtex(write_bibtex([citation]))

    assert (work["TY"], work.get("DO"), work.get("PB"), work.get("UR")) == (type_, doi, publisher, url)
    assert (written.get("doi"), written.get("publisher"), written.get("url")) == (doi, publisher, url)


def test_withdrawn_paper_says_so() -> None:
    assert "  note = {Withdrawn},\n" in cite(withdrawn=True)
    assert "N1  - Withdrawn\r\n" in write_ris([build_citation(replace(PAPER, withdrawn=True))])


def test_meta_tags_name_what_zotero_and_scholar_read() -> None:
    assert list_meta(build_citation(replace(PAPER, title=r"On $\ell_1$")), "https://news.example.org/p") == (
        ("citation_title", "On ℓ₁"),
        ("citation_author", "Lovelace, Ada M."),
        ("citation_author", "van der Berg, Maarten"),
        ("citation_publication_date", "2026/06/03"),
        ("citation_doi", "10.48550/arXiv.2606.01234"),
        ("citation_arxiv_id", "2606.01234"),
        ("citation_publisher", "arXiv"),
        ("citation_pdf_url", "https://arxiv.org/pdf/2606.01234"),
        ("citation_abstract_html_url", "https://news.example.org/p"),
        ("citation_abstract", "We rest."),
    )
    post = replace(PAPER, key=EntryKey("url:https://blog.example.org/a"), aliases=())
    assert list_meta(build_citation(post), "https://news.example.org/p") == ()


TEXTS = st.text(st.characters(codec="utf-8"), max_size=60) | st.text("\\{}$^_&%#~<>| aB,", max_size=40)


@examples(100)
@given(st.lists(st.tuples(TEXTS, TEXTS, st.lists(TEXTS, max_size=3)), max_size=4))
def test_whatever_stands_in_a_paper_is_read_back(papers: list[tuple[str, str, Sequence[str]]]) -> None:
    works = [
        build_citation(replace(PAPER, title=title, summary=summary, authors=tuple(authors)))
        for title, summary, authors in papers
    ]

    entries = read_bibtex(write_bibtex(works))
    assert len(entries) == len(works)
    assert len({key for _, key, _ in entries}) == len(works)
    for _, _, fields in entries:
        for name in ("title", "abstract", "author"):
            if "$" not in fields.get(name, "").replace("\\$", ""):
                set_text(fields.get(name, ""))
    assert len(read_ris(write_ris(works))) == len(works)

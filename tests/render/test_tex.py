from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.render.tex import read_tex
from tests.support.examples import examples


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (r"$\ell_1$-norm", "ℓ₁-norm"),
        (r"$O(n \log n)$", "O(n log n)"),
        (r"$\mathcal{O}(N\log N)$", "O(N log N)"),
        (r"$R_w^2 = 0.8465$", "R_w² = 0.8465"),
        (r"$\text{F}_\text{1}$", "F₁"),
        (r"$^{2}$", "²"),
        (r"10$^{-3}$", "10⁻³"),
        (r"$6.8\times$ faster", "6.8× faster"),
        (r"$+5.42\%$", "+5.42%"),
        (r"$84.4 \rightarrow 52.3$", "84.4 → 52.3"),
        (r"$\frac{a+b}{c}$", "(a+b)/c"),
        (r"$\frac{M}Δ$", "M/Δ"),
        (r"$ \sqrt{K \ln KT }$", "√(K ln KT)"),
        (r"$\tilde{O}(\varepsilon^{-4})$", "O(ε⁻⁴)"),
        (r"$e^{-f-g}$", "e^(-f-g)"),
        (r"$x^{y_{i_j}}$", "x^(y_iⱼ)"),
        (r"$90^\circ$", "90°"),
        (r"$\mathbb{R}^d$", "ℝ^d"),
        (r"$\{1,\dots,n\}$", "{1,…,n}"),
        (r"\(x_0\) and \[y\]", "x₀ and y"),
        (r"$$x_0$$", "x₀"),
        (r"\emph{Deep \textbf{nets}}", "Deep nets"),
        (r"R\&D saves 5\% for \$3", "R&D saves 5% for $3"),
        (r"\href{https://example.org}{our page}", "our page"),
        (r"as shown~\cite{a,b}.", "as shown."),
        (r"M\"uller, Erd\H{o}s, Fran\c cois, na\"{\i}ve", "Müller, Erdős, François, naïve"),
        (r"GPT-4o\'s score doesn\'t fall", "GPT-4o's score doesn't fall"),
        ("``quoted''", "“quoted”"),
        ("3--5 or a---b", "3–5 or a—b"),
        (r"\alpha-divergence", "α-divergence"),
        ("two\n  lines", "two lines"),
    ],
)
def test_tex_becomes_readable(tex: str, text: str) -> None:
    assert read_tex(tex) == text


@pytest.mark.parametrize(
    "text",
    [
        "from $5 and $10 a day",
        "from $5-$10",
        "a --help option",
        "{{ 7*7 }} and {% include %}",
        r"C:\temp\new",
        r"our \methodname is good",
        "snake_case and 2^10",
        "",
    ],
)
def test_what_is_no_tex_stays_as_it_is(text: str) -> None:
    assert read_tex(text) == text


@examples(60)
@given(st.text(alphabet=r"\${}^_ab1 frac", max_size=80))
def test_any_text_is_read_into_one_line(text: str) -> None:
    read = read_tex(text)
    assert read == " ".join(read.split())


@pytest.mark.parametrize("piece", [r"\emph{", "$", "{", r"\frac{", "^{", r"$\a", r"\(", "``", r"\'"])
def test_hostile_repetition_is_read_quickly(piece: str) -> None:
    started = time.perf_counter()
    read_tex(piece * (10_000 // len(piece)))
    assert time.perf_counter() - started < 2

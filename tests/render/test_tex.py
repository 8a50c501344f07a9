from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.render.tex import has_tex, read_tex, split_formulas
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
        ("TC^0 needs 10^6 steps, 10^{-3} s, O(n^2), [a]^2", "TC⁰ needs 10⁶ steps, 10⁻³ s, O(n²), [a]²"),
        ("GD^2PO and S^2-MAD", "GD²PO and S²-MAD"),
        (r"{\L}ukasz {\it in vitro}, {\alpha}", "Łukasz in vitro, α"),
        (r"We \begin{itemize}\item show \item[(b)] prove\end{itemize}", "We • show • prove"),
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
        "snake_case, x_1 and ^_^",
        "a^^b, x^2y and e^x",
        "",
    ],
)
def test_what_is_no_tex_stays_as_it_is(text: str) -> None:
    assert read_tex(text) == text


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("no TeX", [("no TeX", False)]),
        (r"On $\ell_1$", [("On ", False), (r"\ell_1", True), ("", False)]),
        (r"A \emph{good} $$x^2$$ \(y\)", [("A good ", False), ("x^2", True), (" ", False), ("y", True), ("", False)]),
        (r"$\{0,1\}^n$", [("", False), (r"\{0,1\}^n", True), ("", False)]),
        (r"$\mathsf{TC}^0$ is", [("", False), (r"\mathsf{TC}^0", True), (" is", False)]),
        # What nobody knows, and what could do harm in somebody's document, is text.
        (r"$\input{/etc/passwd}$", [("input/etc/passwd", False)]),
        (r"$\write18{rm}$", [("write18rm", False)]),
        (r"$\csname input\endcsname$", [("csname inputendcsname", False)]),
        (r"$\def\x{y}$", [("defxy", False)]),
        (r"$a}{b$", [("ab", False)]),
        (r"$\frac{a$ b", [("fraca b", False)]),
        (r"$5\%$ of", [("5% of", False)]),
        ("from $5 to $10", [("from $5 to $10", False)]),
    ],
)  # fmt: skip
def test_formulas_that_tex_would_set_are_kept(text: str, pieces: list[tuple[str, bool]]) -> None:
    assert list(split_formulas(text)) == pieces


@examples(60)
@given(st.text(alphabet=r"\${}^_ab1 frac", max_size=80))
def test_any_text_is_read_into_one_line(text: str) -> None:
    read = read_tex(text)
    assert read == " ".join(read.split())
    assert has_tex(text) or read == " ".join(text.split())
    for piece, is_formula in split_formulas(text):
        assert not is_formula or piece.count("{") == piece.count("}")


@pytest.mark.parametrize(
    "piece",
    [r"\emph{", "$", "{", r"\frac{", "^{", r"$\a", r"\(", "``", r"\'", "a^", r"{\it ", r"\item[", "$x$"],
)
def test_hostile_repetition_is_read_quickly(piece: str) -> None:
    started = time.perf_counter()
    read_tex(piece * (10_000 // len(piece)))
    list(split_formulas(piece * (10_000 // len(piece))))
    assert time.perf_counter() - started < 2

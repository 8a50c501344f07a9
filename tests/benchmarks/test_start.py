from __future__ import annotations

from benchmarks.start import run


def test_a_start_is_measured_beside_a_python_that_does_nothing() -> None:
    costs = run(1, ("python -c pass", "newsletter --help"))

    assert 0 < costs["python -c pass"].cpu_s < costs["newsletter --help"].cpu_s
    assert (costs["python -c pass"].modules, costs["newsletter --help"].modules > 0) == (0, True)

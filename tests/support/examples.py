"""A property is tried on a fifth of the examples that it asks for at each commit, always the same ones, so that a
commit is not blamed for what was there before it; on ten times as many in `make fuzz`, others each time."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings

USUAL, THOROUGH = "usual", "thorough"
_SHARES = {USUAL: 1 / 5, THOROUGH: 10}
_FEWEST = 20
_BY_DEFAULT = 100


def examples(most: int, **options: Any) -> settings:
    """Return the decorator of a property that is not done with the usual number of examples."""
    share = _SHARES.get(
        settings.get_current_profile_name(), 1
    )  # a script that imports a test has another profile
    return settings(max_examples=max(_FEWEST, int(most * share)), **options)


def register_profiles() -> None:
    """Make both profiles known to Hypothesis, and take the usual one."""
    for name, share in _SHARES.items():
        settings.register_profile(
            name,
            max_examples=int(_BY_DEFAULT * share),
            derandomize=name == USUAL,
            deadline=None,  # how quickly examples are made says something about the machine, not about the promise
            suppress_health_check=[HealthCheck.too_slow],
        )
    settings.load_profile(USUAL)

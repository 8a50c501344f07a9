"""Where the files are that come with the package: templates and samples."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent.parent


def find_shipped(name: str) -> Path:
    """Return the path of ``templates``, ``subscribers.yaml`` or ``config.example.yaml`` as shipped.

    A wheel carries them in ``newsletter/_shipped``; an editable checkout has them at its root, beside
    the package.
    Raises FileNotFoundError where neither has it.
    """
    places = (_PACKAGE / "_shipped" / name, _PACKAGE.parent / name)
    for path in places:
        if path.exists():
            return path
    looked = " and ".join(str(path) for path in places)
    raise FileNotFoundError(f"{name} should be part of the newsletter package, but is missing at {looked}")

"""Take the pictures of the documentation: each layout at 600 and 320 px, light and dark.

python -m tests.inbox.screenshots FOLDER
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.inbox.editions import build_digests, build_edition
from tests.support import tools

SHOWN = (("plain", "cards"), ("plain", "compact"), ("weekly", "weekly"), ("rtl", "cards"))


def main() -> int:
    """Write ``LAYOUT-WIDTH-SCHEME.png`` for each picture; the Arabic edition is called ``arabic``."""
    missing = {
        tool: advice
        for tool, advice in tools.find_missing().items()
        if tool in ("chromium", "node", "npm packages")
    }
    if missing:
        for tool, advice in missing.items():
            print(f"{tool} is missing: {advice}", file=sys.stderr)
        return 2
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    digests = build_digests()
    pages = {
        "arabic" if name == "rtl" else layout: build_edition(name, layout, *digests[name]).rendered.html
        for name, layout in SHOWN
    }
    with tempfile.TemporaryDirectory() as taken:
        tools.look_at(pages, Path(taken))
        for picture in Path(taken).glob("*.png"):
            shutil.copy(picture, folder / picture.name)
            print(folder / picture.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())

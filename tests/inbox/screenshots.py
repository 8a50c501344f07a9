"""Take the pictures of the documentation: each layout at 600 and 390 px, light and dark.

python -m tests.inbox.screenshots FOLDER
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.inbox.editions import build_digests, build_edition, list_picture_files
from tests.support import tools

SHOWN = (("plain", "cards"), ("plain", "compact"), ("weekly", "weekly"), ("rtl", "cards"))


def main() -> int:
    """Write ``LAYOUT-WIDTH-SCHEME.png`` for each picture. The Arabic edition is called ``arabic``, one with pictures
    of papers ``LAYOUT-pictures``."""
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
    pages = {}
    for name, layout in SHOWN:
        called = "arabic" if name == "rtl" else layout
        for pictures in (False, True):
            edition = build_edition(name, layout, *digests[name], pictures=pictures)
            pages[f"{called}-pictures" if pictures else called] = edition.rendered.html
    with tempfile.TemporaryDirectory() as taken:
        tools.look_at(pages, Path(taken), list_picture_files())
        for picture in Path(taken).glob("*.png"):
            shutil.copy(picture, folder / picture.name)
            print(folder / picture.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())

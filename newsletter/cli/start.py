"""The command init: the two files to start from."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from newsletter.cli.arguments import refuse_existing
from newsletter.cli.exit_codes import DONE
from newsletter.cli.show import console
from newsletter.files import as_the_operator_is_used_to
from newsletter.settings.samples import switch_off_readers
from newsletter.settings.shipped import find_shipped

if TYPE_CHECKING:
    from pathlib import Path

_FILES = {"config.yaml": "config.example.yaml", "subscribers.yaml": "subscribers.yaml"}


def init(folder: Path) -> int:
    """Write the two files to start from. Writes nothing at all where one of them exists already."""
    refuse_existing(*(folder / name for name in _FILES))
    with as_the_operator_is_used_to():
        folder.mkdir(parents=True, exist_ok=True)
    for name, shipped in _FILES.items():
        # Who reads and who will be in subscribers.yaml is nobody else's business; the configuration holds no secret.
        mask = as_the_operator_is_used_to() if name == "config.yaml" else nullcontext()
        text = find_shipped(shipped).read_text(encoding="utf-8")
        with mask, (folder / name).open("x", encoding="utf-8") as file:
            file.write(switch_off_readers(text) if name == "subscribers.yaml" else text)
        console.print(f"wrote {folder / name}")
    console.print(
        "\nNext: edit both, then\n"
        "  newsletter check\n"
        "  newsletter preview --fresh --out digest.html   (the exact mail, without sending it)\n"
        "  newsletter collect && newsletter send --to YOUR-ADDRESS"
    )
    return DONE

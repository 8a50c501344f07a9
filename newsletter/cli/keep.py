"""The commands that keep a newsletter: hold, release, backup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.cli.arguments import refuse_existing
from newsletter.cli.exit_codes import DONE
from newsletter.cli.show import console
from newsletter.wiring import open_newsletter

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.settings.config import Config


async def set_hold(config: Config, why: str) -> int:
    """Hold sending for this reason; an empty one releases it, where there is a hold."""
    from newsletter.model.acts import Act, Wish
    from newsletter.workflows.operator_acts import name_command_line

    async with open_newsletter(config) as newsletter:
        if not why and await newsletter.settings.load_hold() is None:
            console.print("sending is not on hold")
            return DONE
        desk = await newsletter.operator_desk()
        await desk.act_on(Wish(Act.HOLD if why else Act.RELEASE, name_command_line(), why=why))
    console.print(f"on hold: {why}" if why else "released: the next run sends what is queued")
    return DONE


async def back_up(config: Config, file: Path) -> int:
    """Copy the database into a file that does not exist yet."""
    refuse_existing(file)
    async with open_newsletter(config) as newsletter:
        await newsletter.back_up(file)
    console.print(f"wrote {file}")
    return DONE

"""The command collect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.cli.exit_codes import DONE, DONE_WITH_FAILURES
from newsletter.cli.progress import collecting_progress
from newsletter.cli.show import console, show_fetches
from newsletter.wiring import open_newsletter

if TYPE_CHECKING:
    from newsletter.settings.config import Config


async def collect(config: Config, *, at_once: bool) -> int:
    """Look at every source once."""
    async with open_newsletter(config) as newsletter:
        with collecting_progress(len(config.source_list)) as progress:
            report = await newsletter.collector.collect(at_once=at_once, progress=progress)
        await newsletter.upkeep.thin()
    show_fetches(report.records)
    for source in report.waiting:
        console.print(
            f"{source.source}: not polled before {source.not_before:%Y-%m-%d %H:%M} UTC ({source.why}); "
            "'newsletter collect --now' polls it anyway"
        )
    return DONE_WITH_FAILURES if report.failed else DONE

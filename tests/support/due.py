"""What a tick of the clock does about mails, at the clock's time."""

from __future__ import annotations

import asyncio

from newsletter.wiring import Newsletter


async def send_due(newsletter: Newsletter) -> None:
    """Plan who is due and send what can go out."""
    await newsletter.planner.prepare()
    await newsletter.planner.plan_due()
    await newsletter.dispatcher(asyncio.Event()).send_all()

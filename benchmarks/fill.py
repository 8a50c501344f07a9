"""The store of a benchmark, filled in a process of its own, so that the memory for this is none of the product's:

    DATABASE=URL python -m benchmarks.fill CONFIG readers|old NUMBER MOMENT

readers: the sample's papers and so many readers. old: so many mails of editions that were over at that moment.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import create_engine

from benchmarks.delivery_newsletter import prepare
from benchmarks.old_mails import write_old_mails
from newsletter.settings.config import Config, load_config
from newsletter.wiring import FixedClock, open_newsletter

READERS, OLD = "readers", "old"


async def fill(config: Config, what: str, number: int, now: datetime) -> None:
    async with open_newsletter(config, clock=FixedClock(now)) as newsletter:
        if what == READERS:
            await prepare(newsletter, number)
            return
        engine = create_engine(config.database_url.replace("postgresql://", "postgresql+psycopg://"))
        await write_old_mails(newsletter, engine, number, now.date() - timedelta(days=1))
        engine.dispose()


def main() -> None:
    file, what, number, moment = sys.argv[1:]
    config = load_config(Path(file), os.environ)
    asyncio.run(fill(config, what, int(number), datetime.fromisoformat(moment)))


if __name__ == "__main__":
    main()

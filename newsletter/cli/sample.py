"""The demo: the whole way over a sample day, with real SMTP to a server of its own, and no network.

Its clock stands, so that it shows the same on any day; run again it sends nothing, because the ledger
in its folder knows that everybody has got this edition.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from newsletter.cli.exit_codes import COULD_NOT_RUN, DONE
from newsletter.cli.index import write_index
from newsletter.cli.show import console, show_fetches, show_ledger, show_table
from newsletter.cli.table import Table
from newsletter.deliver.mailbox_server import MailboxServer
from newsletter.model.ledger import State
from newsletter.sample_day import SAMPLE_DAY, sample_file
from newsletter.settings.config import Config, load_config
from newsletter.settings.shipped import find_shipped
from newsletter.wiring import FixedClock, Newsletter, open_newsletter
from newsletter.workflows.preview import save_preview

if TYPE_CHECKING:
    from pathlib import Path

# Readers joined on the evening before (UTC), so that everybody's slot of the sample day, morning in Auckland
# first, still lay ahead; now it is evening: all those slots are over, and Auckland's next has not begun.
_JOINED = datetime.combine(SAMPLE_DAY - timedelta(days=1), time(18), UTC)
_NOW = datetime.combine(SAMPLE_DAY, time(18, 30), UTC)

_CONFIG = """\
# Written by 'newsletter demo'.
newsletter:
  name: Trending Papers (sample day)
  id: demo
  from: Trending Papers <digest@newsletter.example.org>
subscribers:
  path: {subscribers}
sources:
  - kind: hf_daily_papers
    name: Hugging Face Daily Papers (sample)
    location: {sample}
relay:
  host: 127.0.0.1
  port: {port}
  security: none
"""


async def run_demo(out: Path) -> int:
    """Collect the sample day, send every reader's digest to a local server, and show what arrived."""
    maildir = out / "maildir"
    async with MailboxServer(maildir) as server:
        port = server.port
        config = _write_config(out, port)
        async with open_newsletter(config, clock=FixedClock(_JOINED)) as newsletter:
            # Not import_subscribers: that refuses sample readers where there is a relay, even one of our own.
            chosen = await newsletter.file.choose()
            await newsletter.subscribers.save(chosen.save, _JOINED, "subscribers file")
        async with open_newsletter(config, clock=FixedClock(_NOW)) as newsletter:
            report = await newsletter.collector.collect()
            show_fetches(report.records)
            sent = await _send(newsletter)
            index = await _show(newsletter, out)
    console.print()
    if sent:
        console.print(f"sent {sent} digests over SMTP to 127.0.0.1:{port}")
    else:
        console.print("nothing to send: everybody already has this edition, and nobody gets it twice")
    program = "newsletter" if shutil.which("newsletter") else sys.argv[0]
    for line in (
        f"mails:     {maildir}",
        f"database:  {config.database_file}",
        "",
        f"Open {index} in a browser: it shows what they got.",
        "",
        "Your own newsletter begins with",
        f"  {program} init papers",
        f"  {program} preview --config papers/config.yaml --fresh --topic 'robot*' --out digest.html",
    ):
        console.print(line, soft_wrap=True)
    return DONE if not report.failed else COULD_NOT_RUN


def _write_config(out: Path, port: int) -> Config:
    file = out / "config.yaml"
    text = _CONFIG.format(subscribers=find_shipped("subscribers.yaml"), sample=sample_file(), port=port)
    file.write_text(text, encoding="utf-8")
    return load_config(file, {})


async def _send(newsletter: Newsletter) -> int:
    await newsletter.planner.plan_due()
    async with newsletter.sender(asyncio.Event()) as sender:
        return (await sender.send_pending()).states[State.ACCEPTED]


async def _show(newsletter: Newsletter, out: Path) -> Path:
    """Print a row a reader and write the mails that they got as pages; return the page that leads to them."""
    mails = await newsletter.new_mail_builder()
    previews = []
    table = Table("reader", "state", "hour and zone", "entries per topic…")
    counts = await newsletter.ledger.reads.load_counts()
    for edition in sorted(counts):
        rows = await newsletter.ledger.reads.load_edition(edition)
        readers = await newsletter.subscribers.load_many([delivery.recipient for delivery, _ in rows])
        for delivery, address in rows:
            reader = readers[delivery.recipient]
            found = ""
            if delivery.snapshot is not None:
                mail = mails.rebuild(delivery.snapshot, reader)
                previews.append(save_preview(reader, mail, (), out / "previews"))
                found = ", ".join(
                    f"{section.topic or 'everything else'} {len(section.items)}"
                    for section in mail.digest.sections
                )
            table.add_row(
                address,
                str(delivery.state),
                f"{reader.cadence.at:%H:%M} {reader.cadence.zone}",
                found or "nothing new",
            )
    console.print()
    show_table(table)
    show_ledger(counts)
    return write_index(out, newsletter.identity.name, previews, below="previews/")

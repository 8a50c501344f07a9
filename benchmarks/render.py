"""Mails a second from digest to bytes: templates compiled once, beside Jinja and MJML for each reader.

    python -m benchmarks.render [--json FILE] [--readers N]

Every reader has a digest of its own from the sample day. The peer does what the obvious program does: it
fills the MJML template with Jinja, compiles it with mjml-python, and has the standard library's
EmailMessage build the message. Both make the same HTML (compared here, without white space).
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import NamedTuple

from mjml import mjml2html
from rich.console import Console
from rich.table import Table

from newsletter.collect import hf_daily_papers
from newsletter.compose.digest import build_card
from newsletter.model import (
    Digest,
    EmailAddress,
    EntryId,
    Fetched,
    Identity,
    Item,
    Reason,
    Request,
    Scope,
    Section,
    Slot,
    Source,
    Subscriber,
    Window,
)
from newsletter.render import compile_bundle, load_bundle
from newsletter.render.bundle import HTML
from newsletter.render.context import build_context
from newsletter.render.html_part import parse_html
from newsletter.render.sample import READER
from newsletter.render.source import build_source
from newsletter.render.theme import build_theme
from newsletter.sample_day import SAMPLE_DAY, sample_file
from newsletter.shipped import find_shipped
from newsletter.workflows.build_mail import MailBuilder

_ADDRESS = EmailAddress("digest@news.example.org")
IDENTITY = Identity("Trending Papers", "papers", "Trending Papers", _ADDRESS, _ADDRESS, _ADDRESS)


class Job(NamedTuple):
    reader: Subscriber
    digest: Digest


def build_jobs(readers: int, papers: int) -> list[Job]:
    """Return a digest for each reader: so many papers of the sample day, drawn for this reader."""
    source = Source("sample", "hf_daily_papers", str(sample_file()))
    feed = hf_daily_papers.parse(
        Fetched(sample_file().read_bytes(), source.location), source, Request(source.location, SAMPLE_DAY)
    )
    cards = [build_card(sighting.entry) for sighting in feed.sightings]
    slot = Slot(SAMPLE_DAY, datetime(2026, 6, 16, 7, tzinfo=UTC))
    chance = random.Random(1)
    jobs = []
    for number in range(readers):
        drawn = chance.sample(list(enumerate(cards)), papers)
        items = tuple(Item(EntryId(place), card, Reason("robot*", Scope.TITLE)) for place, card in drawn)
        digest = Digest(slot, Window(0, 1), (Section(f"Topic {number}", items),))
        jobs.append(Job(READER, digest))
    return jobs


def make_ours() -> Callable[[Job], tuple[str, bytes]]:
    mails = MailBuilder(compile_bundle(load_bundle(find_shipped("templates")), IDENTITY), IDENTITY, bytes(32))

    def build(job: Job) -> tuple[str, bytes]:
        mail = mails.build(job.digest, job.reader, job.reader.address)
        return mail.rendered.html, mail.message

    return build


def make_peer() -> Callable[[Job], tuple[str, bytes]]:
    bundle = load_bundle(find_shipped("templates"))
    compiled = compile_bundle(bundle, IDENTITY)
    template = parse_html(build_source(bundle, HTML, build_theme(IDENTITY.accent)))

    def build(job: Job) -> tuple[str, bytes]:
        context = build_context(job.digest, job.reader, IDENTITY)
        html = mjml2html(template.render(context), fonts={})
        message = EmailMessage(policy=SMTP)
        message["From"], message["To"] = _ADDRESS, job.reader.address
        message["Subject"] = " ".join(compiled.subject.render(context).split())
        message.set_content(compiled.text.render(context))
        message.add_alternative(html, subtype="html")
        return html, message.as_bytes()

    return build


def measure(build: Callable[[Job], tuple[str, bytes]], jobs: list[Job]) -> float:
    """Return mails a second, the best of three passes over all jobs."""
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        for job in jobs:
            build(job)
        seconds.append(time.perf_counter() - begun)
    return len(jobs) / min(seconds)


def main() -> None:
    """Measure both at 10 and 25 papers, print one table, and write the figures where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--readers", type=int, default=200)
    arguments = parser.parse_args()
    ours, peer = make_ours(), make_peer()
    table = Table("papers", "newsletter, mails/s", "Jinja + MJML + EmailMessage, mails/s", "ratio", box=None)
    figures = {}
    for papers in (10, 25):
        jobs = build_jobs(arguments.readers, papers)
        assert _visible(ours(jobs[0])[0]) == _visible(peer(jobs[0])[0]), "the two do not make the same page"
        rates = {"newsletter": measure(ours, jobs), "peer": measure(peer, jobs)}
        figures[str(papers)] = rates
        ratio = rates["newsletter"] / rates["peer"]
        table.add_row(str(papers), f"{rates['newsletter']:.0f}", f"{rates['peer']:.0f}", f"{ratio:.2f}")
    Console().print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps({"mails_per_second": figures}, indent=2) + "\n")


def _visible(html: str) -> str:
    return re.sub(r"\s+", "", html)


if __name__ == "__main__":
    main()

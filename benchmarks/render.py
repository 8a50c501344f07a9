"""Digests a second, from a reader's ranked papers to bytes, beside three ways to make the same mails.

    python -m benchmarks.render [--json FILE] [--readers N]

Every reader has topics and papers of their own. Ours composes, renders, encodes and (second figure) signs with
the cards that readers share. The peers compose the same digests and then do, for each reader, what the obvious
programs do:

    a  parse the Jinja template, fill it, compile it with mjml-python, EmailMessage, dkimpy
    b  the same with the Jinja template parsed once
    c  official mjml and nodemailer's composer in Node, from the filled MJML (``npm install`` in benchmarks/peers)

Peak memory is that of a process that makes so many mails one after the other.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, NamedTuple

import dkim
import jinja2
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from mjml import mjml2html
from rich.console import Console
from rich.table import Table

from newsletter.collect import hf_daily_papers
from newsletter.compose.digest import Wanted, compose_digest
from newsletter.compose.pool import Pool
from newsletter.deliver.dkim import load_dkim_key
from newsletter.model.digest import Digest, Shown, Window
from newsletter.model.entries import Entry, EntryId, EntryKey
from newsletter.model.mail import Identity, Links
from newsletter.model.readers import EmailAddress, Slot, Subscriber, SubscriberId
from newsletter.model.sources import Fetched, Request, Source
from newsletter.model.topics import AllOf, Candidate, Hit, Match, Scope, Topic, TopicMatches
from newsletter.render import Bundle, CompiledBundle, compile_bundle, load_bundle
from newsletter.render.context import build_page, build_paper, build_papers, build_section
from newsletter.render.language import load_language
from newsletter.render.sample import READER
from newsletter.render.source import build_source
from newsletter.render.template import new_environment
from newsletter.render.text_part import underline, wrap
from newsletter.render.theme import build_theme
from newsletter.render.wording import cut_summary
from newsletter.sample_day import SAMPLE_DAY, sample_file
from newsletter.settings.shipped import find_shipped
from newsletter.signing import Secret
from newsletter.workflows.build_mail import MailBuilder

PEERS = Path(__file__).parent / "peers"
LAYOUT = "compact"  # the layout in which 50 papers fit without being shortened: all make the same mail
TOPICS = 3
POOL = 120

_ADDRESS = EmailAddress("digest@news.example.org")
IDENTITY = Identity(
    "Trending Papers", "papers", "Trending Papers", _ADDRESS, _ADDRESS, _ADDRESS, layout=LAYOUT
)
_SLOT = Slot(SAMPLE_DAY, datetime(2026, 6, 16, 7, tzinfo=UTC))


class Job(NamedTuple):
    """One reader and what their topics found."""

    reader: Subscriber
    found: tuple[TopicMatches, ...]

    def compose(self) -> Digest:
        pool = Pool(Window(0, 1), (), {}, lambda one, other: 0.0, _SLOT.at)
        return compose_digest(
            pool,
            [Wanted(matches.topic.name, pool.offer(matches)) for matches in self.found],
            slot=_SLOT,
            everything_else=0,
            shown=Shown(),
            previous_on=date(2026, 6, 15),
        )


def load_pool() -> list[Entry]:
    """Return the papers of the sample day, each several times under other names."""
    source = Source("sample", "hf_daily_papers", str(sample_file()))
    feed = hf_daily_papers.parse(
        Fetched(sample_file().read_bytes(), source.location), source, Request(source.location, SAMPLE_DAY)
    )
    entries = [sighting.entry for sighting in feed.sightings]
    return [
        replace(
            entries[number % len(entries)],
            id=EntryId(number),
            key=EntryKey(f"arxiv:2606.{number:05}"),
            url=f"https://arxiv.org/abs/2606.{number:05}",
            first_seen_run=1,
        )
        for number in range(POOL)
    ]


def build_jobs(readers: int, papers: int) -> list[Job]:
    """Return readers with three topics each and so many papers, drawn for this reader."""
    pool = load_pool()
    match = Match((Hit("robot*", Scope.TITLE, 0, 5),), 1.0)
    chance = random.Random(1)
    jobs = []
    for number in range(readers):
        drawn = chance.sample(pool, papers)
        found = tuple(
            TopicMatches(
                Topic(f"Topic {number}-{topic}", AllOf(()), limit=papers),
                tuple(Candidate(entry, match, 0.5) for entry in drawn[topic::TOPICS]),
            )
            for topic in range(TOPICS)
        )
        address = EmailAddress(f"reader-{number}@example.org")
        jobs.append(Job(replace(READER, address=address, id=SubscriberId(number)), found))
    return jobs


def make_ours(key: bytes | None) -> Callable[[Job], bytes]:
    signer = load_dkim_key(key, "news.example.org", "s1") if key else None
    mails = MailBuilder(_compile(), IDENTITY, Secret(bytes(32)), signer)

    def build(job: Job) -> bytes:
        return mails.build(job.compose(), job.reader).message

    return build


def _compile() -> CompiledBundle:
    compiled = compile_bundle(load_bundle(find_shipped("templates")), IDENTITY, ["en"])
    compiled.check()
    return compiled


class PeerTemplates:
    """The same templates with the cards inside, as somebody would write them who renders each mail by itself."""

    def __init__(self) -> None:
        bundle = load_bundle(find_shipped("templates"))
        lang, theme = load_language("en"), build_theme(IDENTITY.accent)
        sources = dict(bundle.sources)
        for page, card in (("digest.mjml.j2", "paper.html.j2"), ("digest.txt.j2", "paper.txt.j2")):
            for layout in (LAYOUT, "cards"):
                name = f"{layout}/{page}"
                included = f'[% include "{LAYOUT}/{card}" %]'
                sources[name] = sources[name].replace("{{ paper.card }}", included)
        inlined = Bundle(sources)
        self._html_source = build_source(inlined, f"{LAYOUT}/digest.mjml.j2", theme, lang)
        self._text_source = build_source(inlined, f"{LAYOUT}/digest.txt.j2", theme, lang)
        self.lang = lang
        self.html, self.text = self.parse()

    def parse(self) -> tuple[jinja2.Template, jinja2.Template]:
        jinja2.clear_caches()
        html, text = new_environment(autoescape=True), new_environment(autoescape=False)
        text.filters.update(wrap=wrap, underline=underline)
        for environment in (html, text):
            environment.filters["sentences"] = cut_summary
        return html.from_string(self._html_source.text), text.from_string(self._text_source.text)

    def build_values(self, job: Job) -> dict[str, Any]:
        """Return the values of the page, with those of the cards in their places."""
        digest = job.compose()
        mailto = f"mailto:{_ADDRESS}"
        links = Links(leave=mailto, change=f"{mailto}?change", leave_mailto=mailto)
        why = f"You get this mail because {job.reader.address} subscribes."
        shown = []
        for section in digest.sections:
            papers = build_papers(self.lang, section.items, section.topic, [""] * len(section.items))
            shown.append(build_section(self.lang, section, papers))
        page = build_page(self.lang, digest, IDENTITY, shown, links, why)
        sections = [
            {
                **view._asdict(),
                "papers": [
                    build_paper(
                        self.lang,
                        item,
                        section.topic,
                        max_summary_chars=400,
                        is_leader=False,
                    )
                    for item in section.items
                ],
            }
            for view, section in zip(page.sections, digest.sections, strict=True)
        ]
        return {**page._asdict(), "sections": sections}


def make_peer(key: bytes | None, *, parse_each: bool) -> Callable[[Job], bytes]:
    templates = PeerTemplates()

    def build(job: Job) -> bytes:
        html_template, text_template = templates.parse() if parse_each else (templates.html, templates.text)
        values = templates.build_values(job)
        message = EmailMessage(policy=SMTP)
        message["From"], message["To"], message["Subject"] = _ADDRESS, job.reader.address, values["headline"]
        message.set_content(text_template.render(values))
        message.add_alternative(mjml2html(html_template.render(values), fonts={}), subtype="html")
        body = message.as_bytes()
        if key:
            body = (
                dkim.sign(body, b"s1", b"news.example.org", key, canonicalize=(b"relaxed", b"relaxed")) + body
            )
        return body

    return build


def measure_node(jobs: list[Job], key: bytes | None) -> float | None:
    """Return the mails a second of official mjml and nodemailer, None where they are not installed."""
    if not shutil.which("node") or not (PEERS / "node_modules").is_dir():
        return None
    templates = PeerTemplates()
    mails = []
    for job in jobs:
        values = templates.build_values(job)
        mails.append(
            {
                "mjml": templates.html.render(values),
                "text": templates.text.render(values),
                "from": _ADDRESS,
                "to": job.reader.address,
                "subject": values["headline"],
            }
        )
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"mails": mails, "key": key.decode() if key else ""}, file)
        file.flush()
        command = ["node", str(PEERS / "compose.mjs"), file.name]
        answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PEERS).stdout
    return float(json.loads(answer)["rate"])


def measure(build: Callable[[Job], bytes], jobs: list[Job]) -> float:
    """Return mails a second over all jobs after one pass that fills what is remembered of an edition."""
    for job in jobs:
        build(job)
    begun = time.perf_counter()
    for job in jobs:
        build(job)
    return len(jobs) / (time.perf_counter() - begun)


def measure_memory(readers: int) -> float:
    """Return the peak memory in MB of a process that makes a mail for each of so many readers."""
    command = [sys.executable, "-m", "benchmarks.render", "--memory-of", str(readers)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _use_memory(readers: int) -> None:
    build = make_ours(None)
    jobs = build_jobs(1000, 10)
    for number in range(readers):
        job = jobs[number % len(jobs)]
        address = EmailAddress(f"reader-{number}@example.org")
        build(job._replace(reader=replace(job.reader, address=address)))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def make_key() -> bytes:
    return generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )


def check_same_mail(job: Job) -> None:
    """Fail where ours and the peers do not say the same."""
    mails = MailBuilder(_compile(), IDENTITY, Secret(bytes(32)))
    ours = mails.build(job.compose(), job.reader).rendered.html
    templates = PeerTemplates()
    theirs = mjml2html(templates.html.render(templates.build_values(job)), fonts={})
    assert _titles(ours) == _titles(theirs), "the two do not show the same papers"
    assert 0.9 < len(_visible(ours)) / len(_visible(theirs)) < 1.1, "the two do not make the same page"


def _titles(html: str) -> list[str]:
    return re.findall(r"<h3[^>]*>(?:<a [^>]*>)?([^<]*)", html)


def _visible(html: str) -> str:
    return re.sub(r"\s+", "", re.sub(r"<style.*?</style>|<[^>]*>", "", html, flags=re.DOTALL))


def main() -> None:
    """Measure all at 10 and 50 papers, print one table, and write the figures where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--readers", type=int, default=300)
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_of:
        _use_memory(arguments.memory_of)
        return
    table = Table("papers", "", "newsletter/s", "a/s", "b/s", "c/s", "to a", "to b", "to c", box=None)
    figures: dict[str, dict[str, Mapping[str, float | None]]] = {}
    key = make_key()
    for papers in (10, 50):
        jobs = build_jobs(arguments.readers, papers)
        few = jobs[: max(3, arguments.readers // 10)]
        check_same_mail(jobs[0])
        for name, signed in (("unsigned", None), ("signed", key)):
            rates: dict[str, float | None] = {
                "newsletter": measure(make_ours(signed), jobs),
                "mjml_each": measure(make_peer(signed, parse_each=True), few),
                "jinja_once": measure(make_peer(signed, parse_each=False), few),
                "nodemailer": measure_node(few, signed),
            }
            ours = rates["newsletter"] or 0.0
            others = [rates["mjml_each"], rates["jinja_once"], rates["nodemailer"]]
            row = [str(papers), name, f"{ours:.0f}"]
            row += [f"{rate:.1f}" if rate else "-" for rate in others]
            row += [f"{ours / rate:.1f}" if rate else "-" for rate in others]
            table.add_row(*row)
            figures.setdefault(str(papers), {})[name] = rates
    memory = {str(readers): measure_memory(readers) for readers in (2_000, 20_000)}
    console = Console(width=120)
    console.print(table)
    console.print("peak memory: " + ", ".join(f"{mb:.0f} MB for {readers}" for readers, mb in memory.items()))
    if figures["10"]["unsigned"]["nodemailer"] is None:
        console.print("c was left out: run 'npm install' in benchmarks/peers")
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"mails_per_second": figures, "peak_memory_mb": memory}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()

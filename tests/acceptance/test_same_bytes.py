"""The same papers give the same mail: under any hash seed and locale, and in whatever order they arrive."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.house import House
from tests.support.papers import make_record

SUBJECTS = ("Robots that fold laundry", "Pruning of language models", "Agents that plan", "Songs of whales")
FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>Blog</title>{}</channel></rss>"""
READER = """\
subscribers:
  - address: ada@example.org
    everything_else: 3
    topics:
      - name: Robots
        any: [robot, laundry]
        limit: 4
      - name: Small models
        any: "language model"
        about: models that are pruned until they fit a phone
        like: [2606.00002]
        limit: 5
      - name: Plans
        about: agents that make plans
        limit: 3
"""

COMMANDS = """
import sys
from pathlib import Path
from tests.support.house import House

for line in ("collect", "preview ada@example.org --format html --out mail.html"):
    done = House(Path.cwd()).run(*line.split())
    if done.returncode:
        sys.exit(done.stderr)
"""
LEAVE_TOKEN = r"(?<=unsubscribe%20)[a-z2-7]+"


def make_house(folder: Path, seed: int) -> House:
    """A newsletter of two sources, one with votes and one without; the seed decides in which order they list."""
    records = [
        make_record(number, f"{SUBJECTS[number % 4]}, part {number}", upvotes=number % 5)
        for number in range(1, 30)
    ]
    posts = [
        f"<item><title>{SUBJECTS[number % 4]} in a post</title><link>https://example.org/{number}</link>"
        f"<description>Post {number} on {SUBJECTS[number % 4].lower()}.</description>"
        "<pubDate>Tue, 16 Jun 2026 06:00:00 GMT</pubDate></item>"
        for number in range(1, 13)
    ]
    rng = random.Random(seed)
    rng.shuffle(records)
    rng.shuffle(posts)
    (folder / "day.json").write_text(json.dumps(records), encoding="utf-8")
    (folder / "blog.rss").write_text(FEED.format("".join(posts)), encoding="utf-8")
    return House.build(
        folder,
        sources="- {kind: hf_daily_papers, location: day.json}\n- {kind: feed, name: blog, location: blog.rss}",
        subscribers=READER,
    )


def preview(house: House, seed: int, locale: str) -> str:
    """Collect and preview in a fresh process with that hash seed and locale; return the mail."""
    variables = {"PYTHONHASHSEED": str(seed), "LC_ALL": locale, "LANG": locale}
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS],
        cwd=house.folder,
        env={**house.environment(), **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    mail = (house.folder / "mail.html").read_text(encoding="utf-8")
    # Each database has a secret of its own, which signs the reader's leave link.
    assert len(re.findall(LEAVE_TOKEN, mail)) == 1
    return re.sub(LEAVE_TOKEN, "", mail)


@pytest.mark.parametrize("seeds", [3, pytest.param(12, marks=pytest.mark.slow)])
def test_any_hash_seed_locale_and_order_give_the_same_mail(tmp_path: Path, seeds: int) -> None:
    locales = ("C", "C.UTF-8", "tr_TR.UTF-8")
    mails = set()
    for seed in range(seeds):
        folder = tmp_path / str(seed)
        folder.mkdir()
        mails.add(preview(make_house(folder, seed), seed, locales[seed % 3]))

    [mail] = mails
    for section in ("Robots", "Small models", "Plans", "Close to your topic", "Songs of whales"):
        assert section in mail

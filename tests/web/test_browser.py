"""The ways of readers, visitors and the operator through real processes, in a real browser, with the mails of a real
SMTP server.

One newsletter on each engine: 'run' and 'serve' beside each other, as an operator has them. Everybody comes twice, once
without JavaScript. TLS ends before the pages, as it does on the internet. It is the morning of the sample day, when two
readers subscribe; then seven o'clock of that day, when mails go out, two visitors look around and the operator acts;
then the next morning, when the operator acts again.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import html
import io
import json
import re
import signal
import ssl
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
import pytest_asyncio
from PIL import Image

from newsletter.sample_day import sample_file
from tests.support.house import House
from tests.support.sink import Received, Sink
from tests.support.tools import take_port
from tests.web.browser import needs_browser, open_browser, open_page

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module"), needs_browser()]

MORNING, AT_SEVEN, NEXT_DAY = (
    "2026-06-16T04:50:00+00:00", "2026-06-16T07:00:05+00:00", "2026-06-17T07:00:05+00:00"
)  # fmt: skip
OPERATOR, OTHER_OPERATOR = "operator@readers.example.net", "deputy@readers.example.net"
"""They read the newsletter, too, each evening."""
STAYS = "stays@readers.example.net"
"""A reader of subscribers.yaml, who shows that mails still go out when others have left."""
REFUSES, VANISHES = "dot554-strict@readers.example.net", "dropafterdot-vague@readers.example.net"
"""Readers of whose mails each is rejected, or becomes uncertain."""

TOPICS = """\
topics:
  - {name: Agents, any: [agent]}
  - {name: Robotics, any: ["robot*"]}
"""
VISITOR = {"locale": "en-GB", "ignore_https_errors": True}
PATIENCE_S = 120


@dataclass(frozen=True, slots=True)
class Press:
    """A newsletter at work: its folder, its mail server, the address of its pages."""

    house: House
    sink: Sink
    url: str

    async def wait_for_mail(self, address: str, says: str) -> EmailMessage:
        """Return the newest mail to an address whose subject or text has these words."""
        for _ in range(PATIENCE_S * 20):
            mails = self.list_mails(address)
            for mail in mails[::-1]:
                if says in str(mail["Subject"]) or says in text_of(mail):
                    return mail
            await asyncio.sleep(0.05)
        came = [(one.rcpt_to, str(parse(one)["Subject"])) for one in self.sink.messages]
        raise AssertionError(f"no mail to {address} says {says!r}: {came}")

    async def wait_for_pictures(self) -> None:
        """Wait until the newest papers are shown with their pictures."""
        tls = ssl._create_unverified_context()
        for _ in range(PATIENCE_S * 5):
            page = await asyncio.to_thread(lambda: urlopen(self.url, timeout=10, context=tls).read())
            if page.count(b"/pictures/") >= 3:
                return
            await asyncio.sleep(0.2)
        raise AssertionError("there are no pictures")

    def list_mails(self, address: str) -> list[EmailMessage]:
        return [parse(one) for one in self.sink.messages if one.rcpt_to == address]


def parse(received: Received) -> EmailMessage:
    return email.message_from_bytes(received.content, policy=email.policy.default)


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def link_of(message: EmailMessage, path: str) -> str:
    """The address in the mail's HTML part below this path, as somebody clicks it."""
    body = message.get_body(("html",))
    assert body is not None
    found = re.search(rf'href="(http[^"]*{path}[^"]*)"', str(body.get_content()))
    assert found is not None, path
    return html.unescape(found[1])


# --- the processes --------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


@asynccontextmanager
async def open_press(folder: Path, database_url: str, tls: ssl.SSLContext) -> AsyncIterator[Press]:
    """Write the newsletter's folder and begin to serve its pages."""
    port = take_port()
    async with Sink() as sink, tls_before(port, tls) as url, pictures_at() as pictures:
        list_today(folder / "day.json", pictures)
        house = House.build(
            folder,
            sources="- {kind: hf_daily_papers, name: Papers, location: day.json}",
            subscribers=f"""
                defaults: {{days: daily, hour: "07:00", zone: UTC}}
                subscribers:
                - {{address: {STAYS}, topics: [Agents]}}
                - {{address: {REFUSES}, topics: [Agents]}}
                - {{address: {VANISHES}, topics: [Agents]}}
                - {{address: {OPERATOR}, topics: [Robotics], hour: "23:00"}}
                - {{address: {OTHER_OPERATOR}, topics: [Robotics], hour: "23:00"}}
            """,
            port=sink.port,
            database_url=database_url,
            more=f"{TOPICS}schedule: {{on_uncertain: hold}}\n"
            f"web: {{url: '{url}', listen: '127.0.0.1:{port}', metrics_listen: off, "
            f"operators: [{OPERATOR}, {OTHER_OPERATOR}]}}\n",
            at=MORNING,
        )
        async with running(house, "serve", "serving"):
            yield Press(house, sink, url)


@asynccontextmanager
async def tls_before(port: int, tls: ssl.SSLContext) -> AsyncIterator[str]:
    """Take TLS off what goes to a port, as a proxy does; yields the address with https."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))
        writer.close()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while some := await reader.read(65_536):
            writer.write(some)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def paint(number: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (160, 90), (9 * number % 256, 90, 140)).save(file, "PNG")
    return file.getvalue()


@asynccontextmanager
async def pictures_at() -> AsyncIterator[str]:
    """A place where sources have their pictures, each under a number; yields its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            body = paint(int(head.split()[1].strip(b"/")))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nConnection: close\r\n")
            writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@asynccontextmanager
async def running(house: House, command: str, event: str) -> AsyncIterator[None]:
    """Run a command from the line of its log that says this event until the block ends.

    Waiting is done in threads: the mail server that the command talks to answers in this loop.
    """
    process = house.start(command, "--log-json")
    try:
        await asyncio.to_thread(read_until, process, event)
        yield
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 30) == 0
    finally:
        process.kill()
        await asyncio.to_thread(process.communicate)


def read_until(process: subprocess.Popen[str], event: str) -> None:
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        if line.startswith("{") and json.loads(line)["event"] == event:
            return
        seen.append(line)
    raise AssertionError(f"the process ended without {event!r}: {''.join(seen[-5:])}")


@asynccontextmanager
async def clock_at(press: Press, instant: str) -> AsyncIterator[None]:
    """Let 'newsletter run' work at this time until the block ends."""
    async with running(replace(press.house, at=instant), "run", "collected"):
        yield


# --- the way of a reader --------------------------------------------------------------------------


async def subscribe(press: Press, page: Page, address: str, *, has_script: bool) -> None:
    """From home to the mail that asks for a confirmation; on Mondays and Fridays at half past six in Berlin."""
    await page.goto(press.url)
    await page.get_by_label("Your e-mail address").fill(address)
    await page.get_by_role("main").get_by_role("button", name="Subscribe").click()
    assert await page.get_by_label("Your e-mail address").input_value() == address
    shown = asyncio.get_running_loop().time()
    zone = page.get_by_label("Time zone")
    await page.wait_for_load_state()  # the script has run
    assert await zone.input_value() == ("America/Toronto" if has_script else "UTC")
    await page.get_by_label("Robotics").check()
    await page.get_by_label("Your own topics").fill("Pictures: video OR (image AND")
    preview = page.locator("#preview")
    if not has_script:
        await page.get_by_role("button", name="Show what I would get").click()
    await page.locator("#topic-mistakes .error").first.wait_for()
    await page.get_by_label("Your own topics").fill("Pictures: video OR image")
    if not has_script:
        await page.get_by_role("button", name="Show what I would get").click()
    await preview.get_by_role("heading", name="Pictures").wait_for()
    await preview.get_by_role("heading", name="Robotics").wait_for()
    assert await preview.get_by_role("link").count() > 3
    await page.get_by_label("On these days").check()
    await page.get_by_label("Monday", exact=True).check()
    await page.get_by_label("Friday", exact=True).check()
    await page.get_by_label("At", exact=True).fill("06:30")
    await zone.select_option("Europe/Berlin")
    await asyncio.sleep(max(0.0, shown + 3.1 - asyncio.get_running_loop().time()))  # as long as people take
    await page.get_by_role("main").get_by_role("button", name="Subscribe").click()
    await page.get_by_role("heading", name="Check your mailbox").wait_for()


async def confirm(press: Press, page: Page, address: str) -> None:
    """From the mail to a subscription that stands; opening the link alone does nothing."""
    mail = await press.wait_for_mail(address, "Please confirm")
    await page.goto(link_of(mail, "/confirm/"))
    assert "Robotics and Pictures" in await page.get_by_role("main").inner_text()
    await page.get_by_role("button", name="Yes, send it to me").click()
    await page.get_by_role("heading", name="You are subscribed").wait_for()
    assert "Friday, 19 June 2026" in await page.get_by_role("main").inner_text()


async def change_preferences(press: Press, page: Page, address: str) -> None:
    """From there to the preferences: every day at seven by UTC, and no pictures."""
    await page.get_by_role("main").get_by_role("link", name="Your preferences").click()
    assert address in await page.get_by_role("main").inner_text()
    assert await page.get_by_label("Monday", exact=True).is_checked()
    await page.get_by_label("Your own topics").fill("")
    await page.get_by_label("Every day").check()
    await page.get_by_label("At", exact=True).fill("07:00")
    await page.get_by_label("Time zone").select_option("UTC")
    pictures = page.get_by_label("Pictures of the papers in your mails")
    assert not await pictures.is_checked()
    await pictures.check()
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("heading", name="Saved").wait_for()
    assert await pictures.is_checked()


async def go_until_the_digest(press: Press, browser: Browser, address: str, *, has_script: bool) -> None:
    errors: list[str] = []
    options = {"java_script_enabled": has_script, "timezone_id": "America/Toronto", **VISITOR}
    async with open_page(browser, viewport={"width": 390, "height": 844}, **options) as page:
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        await subscribe(press, page, address, has_script=has_script)
        await confirm(press, page, address)
        await change_preferences(press, page, address)
    assert errors == []


# --- the way of a visitor -------------------------------------------------------------------------


async def look_around(press: Press, browser: Browser, *, has_script: bool) -> None:
    """What somebody does who only reads: topics, a paper and its citation, a day, search, another language, a lost
    link. Each list and each paper shows pictures."""
    options = {"java_script_enabled": has_script, **VISITOR}
    async with open_page(browser, viewport={"width": 390, "height": 844}, **options) as page:
        main = page.get_by_role("main")
        await page.goto(press.url)
        await see_a_picture(page)
        await page.get_by_role("navigation", name="Pages").get_by_role("link", name="Archive").click()
        await main.get_by_role("link", name="16 June").click()
        await see_a_picture(page)
        await page.get_by_role("navigation", name="Pages").get_by_role("link", name="Topics").click()
        await main.get_by_role("link", name="Robotics", exact=True).click()
        await main.get_by_role("link", name="Geometric Action Model").first.click()
        await see_a_picture(page)
        await take_the_citation(page, has_script=has_script)
        await page.goto(f"{press.url}/search?q=multi")
        await main.get_by_role("link", name="multi*", exact=True).click()
        await page.get_by_role("searchbox").and_(page.locator("[value='multi*']")).wait_for()
        await see_a_picture(page)
        await page.get_by_role("button", name="Deutsch").click()
        await page.get_by_role("heading", name="Suche").wait_for()
        assert page.url.endswith(("/search?q=multi*", "/search?q=multi%2A"))
        await page.get_by_role("button", name="English").click()
        await page.get_by_role("contentinfo").get_by_role("link", name="Your preferences").click()
        await main.get_by_label("Your e-mail address").fill(STAYS)
        await main.get_by_role("button", name="Send me the link").click()
        await page.get_by_role("heading", name="Check your mailbox").wait_for()
        mail = await press.wait_for_mail(STAYS, "Your preferences: Test Papers")
        await page.goto(link_of(mail, "/me/"))
        assert STAYS in await main.inner_text()
        await come_from_elsewhere(press, page, has_script=has_script)


async def see_a_picture(page: Page) -> None:
    """The first picture is there, from our own host."""
    picture = page.locator("main img.picture").first
    await picture.scroll_into_view_if_needed()
    assert await picture.evaluate("async one => { await one.decode(); return one.naturalWidth; }") > 0
    assert f"//{urlsplit(page.url).netloc}/pictures/" in str(await picture.evaluate("one => one.currentSrc"))


async def take_the_citation(page: Page, *, has_script: bool) -> None:
    """From the page of a paper: its BibTeX and RIS as files, by a button where there is a script, and by mail to
    somebody."""
    await page.get_by_text("Cite this paper").click()
    await page.wait_for_load_state()
    if has_script:
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for name, place, start in (("BibTeX", "#bib", "@misc{"), ("RIS", "#ris", "TY  - ")):
        shown = (await page.locator(place).inner_text()).strip()
        assert shown.startswith(start)
        copy = page.get_by_role("button", name=f"Copy {name}")
        assert await copy.is_visible() is has_script
        if has_script:
            await copy.click()
            await page.locator(f"{place} + p").get_by_role("button", name="Copied").wait_for()
            assert (await page.evaluate("navigator.clipboard.readText()")).split() == shown.split()
        async with page.expect_download() as download:
            await page.get_by_role("link", name=f"{name} file").click()
        saved = await (await download.value).path()
        assert saved.read_text("utf-8").split() == shown.split()
    share = await page.get_by_role("link", name="Share by mail").get_attribute("href")
    assert share is not None
    assert share.startswith("mailto:?subject=Geometric%20Action%20Model")


async def come_from_elsewhere(press: Press, page: Page, *, has_script: bool) -> None:
    """By the form on another site to Subscribe: the button is in reach on a telephone, and a mistake that is mended is
    no longer told where there is a script."""
    await page.set_content(
        f'<form method="post" action="{press.url}/join"><input name="address"><button>Go</button></form>'
    )
    await page.locator("input").fill("new@readers.example.net")
    await page.get_by_role("button", name="Go").click()
    assert await page.get_by_label("Your e-mail address").input_value() == "new@readers.example.net"
    button = page.get_by_role("main").get_by_role("button", name="Subscribe")
    box = await button.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 844
    await page.get_by_label("Your own topics").fill("RAG AND (")
    await button.click()
    mistakes = page.locator("#mistakes")
    await mistakes.wait_for()
    await page.wait_for_load_state()
    await page.get_by_label("Your own topics").fill("RAG")
    if has_script:
        await mistakes.wait_for(state="hidden")
    else:
        assert await mistakes.is_visible()


# --- the way of the operator ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who is logged in, with the overview before them."""

    address: str
    page: Page

    async def confirm(self, act: str, outcome: str) -> None:
        """Say yes to what the page asks, and come back to the overview, where it is written down with who did it."""
        page = self.page
        await page.get_by_role("main").get_by_role("button", name=act, exact=True).click()
        await page.get_by_role("main").get_by_text(outcome).wait_for()
        await page.get_by_role("link", name="Back to the overview").click()
        done = page.get_by_role("row").filter(has_text=act).filter(has_text=self.address)
        await done.filter(has_text=outcome).first.wait_for()

    async def send_a_test(self, press: Press) -> None:
        before = len(press.list_mails(self.address))
        await self.page.get_by_role("main").get_by_role("button", name="Send me a test").click()
        await self.confirm("Send me a test", "A test is on its way")
        assert len(press.list_mails(self.address)) == before + 1

    async def act_on_mails(self, edition: str) -> None:
        """Hold and release, settle what is uncertain, retry what was rejected, and poll a source."""
        page, main = self.page, self.page.get_by_role("main")
        hold = page.locator("form", has=page.get_by_role("heading", name="Hold all sending"))
        await hold.get_by_label("Why").fill("a typo")
        await hold.get_by_role("button", name="Continue").click()
        await self.confirm("Hold all sending", "On hold: a typo")
        await main.get_by_role("button", name="Release", exact=True).click()
        await self.confirm("Release", "Released")
        uncertain = page.locator(".card").filter(has=page.get_by_role("heading", name=VANISHES))
        settle = uncertain.filter(has_text=edition).locator(
            "form", has=page.get_by_text("It arrived", exact=True)
        )
        await settle.get_by_label("How do you know?").fill("the relay's log")
        await settle.get_by_role("button").click()
        await self.confirm("It arrived", "Settled: it arrived.")
        await page.get_by_role("row").filter(has_text=edition).get_by_role("button", name="rejected").click()
        await self.confirm("Send the rejected mails again", "Queued again: 1")
        await page.get_by_role("row").filter(has_text="Papers").get_by_role("button", name="Poll now").click()
        await self.confirm("Poll the source now", "Papers: ")

    async def act_on_readers(self, new: str) -> None:
        """Whatever is done to a reader by hand. An act asks first, and can be left."""
        await self._ask("Suppress the address", new, "a letter")
        await self.page.get_by_role("link", name="No, back to the overview").click()
        for act, why, outcome in (
            ("Suppress the address", "a letter", "is mailed no more"),
            ("Lift the suppression", "settled", "may be mailed again"),
            ("Add a reader", "RAG\nArms: robot*", "is added"),
            ("Pause the reader", "on leave", "is paused"),
            ("Mail the reader again", "is back", "is mailed again"),
            ("Remove the reader", "by phone", "has left"),
        ):
            await self._ask(act, new, why)
            await self.confirm(act, outcome)

    async def _ask(self, act: str, address: str, why: str) -> None:
        form = self.page.locator("form", has=self.page.get_by_role("heading", name="A reader"))
        await form.get_by_label("E-mail address").fill(address)
        await form.get_by_label("What", exact=True).select_option(label=act)
        await form.get_by_label("Why").fill(why)
        await form.get_by_role("button", name="Continue").click()


@asynccontextmanager
async def logged_in(
    press: Press, browser: Browser, address: str, *, has_script: bool
) -> AsyncIterator[Operator]:
    """In and out: form, mail, link, button, page, logout. The link works once."""
    async with open_page(browser, java_script_enabled=has_script, **VISITOR) as page:
        await page.goto(f"{press.url}/operate")
        await page.get_by_label("Your e-mail address").fill(address)
        await page.get_by_role("button", name="Send me the link").click()
        await page.get_by_role("heading", name="Check your mailbox").wait_for()
        mail = await press.wait_for_mail(address, "/confirm/")
        link = link_of(mail, "/confirm/")
        await page.goto(link)
        await page.get_by_role("button", name="Log in").click()
        await page.get_by_role("heading", name="Status of Test Papers").wait_for()
        assert page.url == f"{press.url}/operate"
        assert "Papers" in await page.locator("section", has_text="Latest polls").inner_text()
        yield Operator(address, page)
        await page.get_by_role("button", name="Log out").click()
        await page.get_by_role("button", name="Send me the link").wait_for()
        await page.goto(link)
        assert await page.get_by_role("button", name="Log in").count() == 0


def click_in_the_mail_program(mail: EmailMessage) -> bytes:
    """Send what a mail program sends for its own button (RFC 8058)."""
    found = re.search(r"<(http[^>]+)>", str(mail["List-Unsubscribe"]))
    assert found is not None
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    request = Request(found[1], b"List-Unsubscribe=One-Click", method="POST")
    with urlopen(request, timeout=10, context=ssl._create_unverified_context()) as answer:
        assert answer.status == 200
        return bytes(answer.read())


async def leave_by_the_button(browser: Browser, mail: EmailMessage) -> None:
    async with open_page(browser, java_script_enabled=False, **VISITOR) as page:
        await page.goto(link_of(mail, "/leave/"))
        await page.get_by_role("button", name="Unsubscribe").click()
        await page.get_by_role("heading", name="You are unsubscribed").wait_for()


def list_today(file: Path, pictures: str) -> None:
    """Let the source list the sample day, each paper with a picture of its own."""
    papers = json.loads(sample_file().read_text("utf-8"))
    file.write_text(
        json.dumps([{**one, "thumbnail": f"{pictures}/{n}"} for n, one in enumerate(papers)]), "utf-8"
    )


def list_tomorrow(house: House) -> None:
    """Let the source list other papers with the same titles, as of the next day."""
    file = house.folder / "day.json"
    text = file.read_text("utf-8").replace("2026-06-16", "2026-06-17").replace('"2606.', '"2607.')
    file.write_text(text, "utf-8")


async def see_everything_arrive(press: Press, readers: Sequence[str]) -> list[EmailMessage]:
    """Return the digests of these readers, once all mails of seven o'clock are out."""
    paper = "Geometric Action Model for Robot Policy Learning"
    digests = [await press.wait_for_mail(reader, paper) for reader in readers]
    for reader in (STAYS, VANISHES):
        await press.wait_for_mail(reader, "Agents")
    assert not any("Pictures" in text_of(digest) for digest in digests)
    for reader in readers:
        changed = await press.wait_for_mail(reader, "Your preferences have changed")
        assert "every day at 07:00" in text_of(changed)
    return digests


async def go_the_way(press: Press, browser: Browser, stack: AsyncExitStack) -> None:
    with_script, without = readers = "ada@readers.example.net", "grace@readers.example.net"
    operators = (
        stack.enter_async_context(logged_in(press, browser, OPERATOR, has_script=True)),
        stack.enter_async_context(logged_in(press, browser, OTHER_OPERATOR, has_script=False)),
    )
    async with clock_at(press, MORNING):
        operator, other, *_ = await asyncio.gather(
            *operators,
            go_until_the_digest(press, browser, with_script, has_script=True),
            go_until_the_digest(press, browser, without, has_script=False),
        )
    async with clock_at(press, AT_SEVEN):
        digests = await see_everything_arrive(press, readers)
        before = [len(press.list_mails(reader)) for reader in readers]
        await asyncio.to_thread(click_in_the_mail_program, digests[0])
        await leave_by_the_button(browser, digests[1])
        await press.wait_for_pictures()
        await operator.send_a_test(press)
        await other.send_a_test(press)
        await asyncio.gather(
            look_around(press, browser, has_script=True),
            look_around(press, browser, has_script=False),
            operator.act_on_mails("2026-06-16"),
            other.act_on_readers("new@readers.example.net"),
        )
    list_tomorrow(press.house)
    async with clock_at(press, NEXT_DAY):
        for reader in (STAYS, VANISHES):
            await press.wait_for_mail(reader, "17 June")
        await asyncio.gather(
            other.act_on_mails("2026-06-17"), operator.act_on_readers("newer@readers.example.net")
        )
    with_script_later, without_later = (
        [str(mail["Subject"]) for mail in press.list_mails(reader)[count:]]
        for reader, count in zip(readers, before, strict=True)
    )
    assert with_script_later == []
    assert without_later == ["Goodbye from Test Papers"]


@pytest.mark.parametrize(
    "bare_database_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True
)
async def test_the_way_of_a_reader(
    browser: Browser, tmp_path: Path, bare_database_url: str, server_tls: ssl.SSLContext
) -> None:
    async with (
        asyncio.timeout(600),
        open_press(tmp_path, bare_database_url, server_tls) as press,
        AsyncExitStack() as stack,
    ):
        await go_the_way(press, browser, stack)

"""The command check: what can be known before a mail goes out. It changes nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from newsletter.cli.exit_codes import COULD_NOT_RUN, DONE, DONE_WITH_FAILURES
from newsletter.cli.show import console, count, show_fetches, tell
from newsletter.cli.topics import find_doubted_topics, find_odd_topics
from newsletter.collect.proxies import read_proxies
from newsletter.errors import MailerError
from newsletter.files import find_open, tighten
from newsletter.model.readers import Consent
from newsletter.settings.advice import advise_location
from newsletter.settings.samples import find_reserved_addresses
from newsletter.settings.subscribers_file import FileImport, list_changes
from newsletter.wiring import (
    NO_WAY_OUT,
    Newsletter,
    build_inbox,
    inspect_tables,
    list_private_files,
    open_newsletter,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.model.readers import Subscriber
    from newsletter.model.sources import RequestOptions
    from newsletter.settings.config import BounceSettings, Config

_IN_MEMORY = "sqlite:///:memory:"
_SHOWN = 20


async def check(config: Config, *, relay: bool, sources: bool, dns: bool = False) -> int:
    """Check everything that can be checked before a mail goes out; each line says what was checked.

    What is wrong raises its own error (exit code 2). Only a relay or a source that fails is told here. The operator's
    database is read, and neither made nor migrated: what has to write does so in memory.
    """
    tell("configuration", f"{config.file}: good")
    if config.sources_file.exists():
        tell("", f"further sources in {config.sources_file}: good")
    state = await inspect_tables(config)
    # One in memory is migrated from nothing, which is dear. Pages keep a secret, and what is collected is stored.
    is_written = sources or config.web is not None
    url = _IN_MEMORY if is_written or state != "current" else ""
    async with open_newsletter(config, database_url=url) as newsletter:
        newsletter.templates.check()
        languages = ", ".join(newsletter.templates.languages)
        tell("templates", f"{config.templates or 'shipped'}: compiled and rendered in {languages}")
        if newsletter.dkim:
            tell("dkim", f"signs as {newsletter.dkim.domain}; the DNS needs this TXT record:")
            tell("", f"{newsletter.dkim.dns_name} {newsletter.dkim.dns_record}")
        tell("named topics", ", ".join(newsletter.library) or "none")
        newsletter.file.refuse_samples()
        _check_locations(config)
        _check_requests(config)
        _check_way_out(config)
        await _check_web(newsletter)
        code = DONE
        if sources and not await _check_sources(newsletter):
            code = DONE_WITH_FAILURES
        if dns and not await _check_dns(newsletter):
            code = DONE_WITH_FAILURES
    await _check_database(config, state)
    if relay and not await _check_relay(config):
        code = COULD_NOT_RUN
    if relay and config.bounces and not await _check_mailbox(config.bounces):
        code = COULD_NOT_RUN
    return code


def _check_locations(config: Config) -> None:
    """Warn of sources in files that are not there: a web address without https:// is taken for one."""
    for source in config.source_list:
        if "://" in source.location or Path(source.location).exists():
            continue
        written = source.location.removeprefix(f"{config.folder}/")
        advice = advise_location(written)
        tell("source", f"{source.name}: there is no file {written}{advice and f'; {advice}'}", "yellow")


def _check_requests(config: Config) -> None:
    """Say how sources are asked where that is not the usual way. Headers and cookies are named, and not shown."""
    environment = read_proxies(os.environ)
    for scheme, proxy in (("https", environment.https), ("http", environment.http)):
        if proxy:
            tell("proxy", f"{scheme}: sources are asked through {_place(proxy)} ({scheme.upper()}_PROXY)")
    for source in config.source_list:
        if told := _word_options(source.request_options):
            tell("source", f"{source.name}: asked {told}")


def _word_options(options: RequestOptions) -> str:
    home = urlsplit(options.home)
    of = (("header", options.headers), ("cookie", options.cookies))
    sent = [f"{noun} {name}" for noun, pairs in of for name, _ in pairs]
    told = [f"with {', '.join(sent)} (to {home.scheme}://{home.netloc} only)"] if sent else []
    told += [f"as {options.user_agent}"] if options.user_agent else []
    told += [f"through {_place(options.proxy)}"] if options.proxy else []
    told += [f"for {options.timeout_s:g} s at most"] if options.timeout_s else []
    return ", ".join(told)


def _place(url: str) -> str:
    """Return host and port of a proxy, without its login."""
    return urlsplit(url).netloc.rpartition("@")[2] or "an address that is none"


def _check_way_out(config: Config) -> None:
    """Say how mail leaves: through which relays or into which folder, and which addresses it bears."""
    if config.maildir is not None:
        tell("mail", f"is filed into {config.maildir}; nothing is sent")
    for number, relay in enumerate(config.relays):
        how = {"starttls": "STARTTLS", "tls": "TLS", "none": "no TLS"}[relay.security]
        who = f", as {relay.username}" if relay.username else ""
        tell("mail" if not number else "", f"{'or else ' if number else ''}through {relay} ({how}{who})")
    if config.maildir is None and not config.relays:
        tell("mail", NO_WAY_OUT, "yellow")
    identity = config.identity
    envelope = str(identity.bounce_address)
    if config.bounces and config.bounces.tagged:
        envelope = envelope.replace("@", "+TOKEN@")  # build_return_path
    tell("", f"From: {identity.from_name} <{identity.from_address}>, envelope sender {envelope}")
    _tell_reserved(config, config.reserved)


async def _check_database(config: Config, state: str) -> None:
    """Say how the database is, and what subscribers.yaml would change in it; look at what is private, and at topics."""
    where = config.database_file or "PostgreSQL"
    told = {
        "missing": "there is none yet; the first command that needs it makes it",
        "old": "made by an earlier version; the next command brings it up to date, so make a backup first",
        "current": "can be read",
    }
    is_current = state == "current"
    async with open_newsletter(config, database_url="" if is_current else _IN_MEMORY) as newsletter:
        tell("database", f"{where}: {told[state]}", "yellow" if state == "old" else None)
        chosen = await _check_subscribers(newsletter, may_compare=state != "old")
        _check_pictures(config, await _count_asking_for_pictures(newsletter, chosen))
        _check_files(config)
        await _check_topics(newsletter, is_new=not is_current)


def _check_files(config: Config) -> None:
    """Name what holds addresses or keys and can be used by others on this machine, and could not be closed to them."""
    if config.maildir is not None and config.maildir.is_dir():
        tighten(config.maildir)
    found = find_open(list_private_files(config))
    for path, mode in found:
        rights = "go=" if path.is_dir() else "600"
        tell(
            "files",
            f"other users of this machine can access {path} (mode {mode:o}); run: chmod {rights} {path}",
            "yellow",
        )
    if not found:
        tell("files", "files with addresses or keys are private to their owner")


async def _check_topics(newsletter: Newsletter, *, is_new: bool) -> None:
    """Warn of topics that cannot find what was meant, and of those that found nothing, or nearly everything, in what is
    stored."""
    odd = [] if is_new else await find_odd_topics(newsletter)
    for line in (*await find_doubted_topics(newsletter), *odd):
        tell("topic", line, "yellow")


async def _check_subscribers(newsletter: Newsletter, *, may_compare: bool) -> FileImport:
    """Say what the file of readers would change in the database, and return it."""
    path = newsletter.config.subscribers_path
    chosen = await newsletter.file.choose()
    if path is None:
        tell("subscribers", "no file configured")
    elif not chosen.listed and not chosen.dropped:
        tell("subscribers", f"{path}: no readers yet; the file has only samples, which are switched off")
    else:
        tell("subscribers", f"{path}: {count(chosen.listed, 'reader')}")
        _tell_reserved(newsletter.config, find_reserved_addresses(reader.address for reader in chosen.save))
        if may_compare:
            await _tell_changes(newsletter, chosen)
    return chosen


async def _tell_changes(newsletter: Newsletter, chosen: FileImport) -> None:
    """Name whom the file would add, change and pause, and whose row does not count, with the reason."""
    before = await newsletter.subscribers.load_many([reader.id for reader in chosen.save if reader.id])
    new = [reader.address for reader in chosen.save if not reader.id]
    if new:
        tell("", f"new: {', '.join(new[:_SHOWN])}{_and_more(new)}")
    changed = [
        f"{reader.address}: {', '.join(list_changes(before[reader.id], reader))}"
        for reader in chosen.save
        if reader.id
    ]
    for line in changed[:_SHOWN]:
        tell("", f"changed: {line}")
    for note in chosen.notes[:_SHOWN]:
        tell("", note, "yellow")
    for lines in (changed, chosen.notes):
        if len(lines) > _SHOWN:
            tell("", _and_more(lines).strip(" "))
    if chosen.save or chosen.dropped:
        tell("", "'newsletter run' and 'newsletter send' take this over")
    else:
        tell("", "nothing in it is new to the database")


def _and_more(found: Sequence[object]) -> str:
    return f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""


def _tell_reserved(config: Config, found: Sequence[str]) -> None:
    """Warn of names that belong to nobody, where mail goes to a relay: it will not arrive, nor will answers."""
    if found and config.relays:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        tell("", f"no mail arrives at example domains (RFC 2606): {', '.join(found[:3])}{more}", "yellow")


async def _check_web(newsletter: Newsletter) -> None:
    """Say where the pages are, and compile their templates. Raises TemplateError."""
    web = newsletter.config.web
    if web is None:
        tell("web", "off: config.yaml has no section 'web'")
        return
    from newsletter.web.site import open_site

    await open_site(newsletter, web)
    metrics = f"metrics on {web.metrics_listen}" if web.metrics_listen else "no metrics"
    tell("web", f"{web.url}, served on {web.listen}, {metrics}")
    if not web.operators:
        tell("", "nobody may open /operate; list addresses in web.operators")


async def _count_asking_for_pictures(newsletter: Newsletter, chosen: FileImport) -> int:
    """Return how many readers will have asked for pictures in their mails once the file is taken over."""
    before = await newsletter.subscribers.load_many([reader.id for reader in chosen.save if reader.id])
    stored = await newsletter.views.count_asking_for_pictures()
    return stored + sum(map(_asks_for_pictures, chosen.save)) - sum(map(_asks_for_pictures, before.values()))


def _asks_for_pictures(reader: Subscriber) -> bool:
    return reader.pictures is True and reader.consent is Consent.CONFIRMED


def _check_pictures(config: Config, asking: int) -> None:
    """Say whence mails load the pictures that they are to show, or why they show none. asking: so many readers have
    asked for them."""
    if not config.identity.pictures and not asking:
        return
    mails = (
        "mails" if config.identity.pictures else f"the mails of {count(asking, 'reader')} who asked for them"
    )
    if config.web is None:
        told = f"{mails} show none: they are loaded from your own host, and config.yaml has no section 'web'"
    elif not config.fetch.pictures:
        told = f"{mails} show none of new papers: fetch.pictures is off"
    elif not config.web.url.startswith("https://"):
        told = f"{mails} load them from {config.web.url}, which only this machine can"
    else:
        tell("pictures", f"in {mails}, loaded from {config.web.url}/pictures/")
        return
    tell("pictures", told, "yellow")


async def _check_sources(newsletter: Newsletter) -> bool:
    report = await newsletter.collector.collect(at_once=True)
    show_fetches(report.records)
    console.print("nothing of this is stored; 'newsletter collect' does that")
    return not report.failed


async def _check_dns(newsletter: Newsletter) -> bool:
    from newsletter.deliver.dns_lookup import check_dns
    from newsletter.deliver.dns_records import Verdict

    relay = newsletter.config.relay.host if newsletter.config.relay else "your-relay.example.org"
    findings = await check_dns(newsletter.identity, newsletter.dkim, relay)
    for finding in findings:
        tell(f"dns {finding.verdict:10}", finding.what)
        if finding.advice:
            tell("", finding.advice)
    return all(finding.verdict in (Verdict.GOOD, Verdict.HINT) for finding in findings)


async def _check_relay(config: Config) -> bool:
    from newsletter.deliver.smtp import SmtpMailer

    if config.maildir is not None:
        is_usable = os.access(config.maildir.parent, os.W_OK)
        if not is_usable:
            tell("relay", f"cannot write to {config.maildir.parent}", "red")
        return is_usable
    usable = bool(config.relays)
    for relay in config.relays:
        try:
            tell("relay", await SmtpMailer(relay).check())
        except MailerError as error:
            tell("relay", str(error), "red")
            usable = False
    return usable


async def _check_mailbox(settings: BounceSettings) -> bool:
    inbox = build_inbox(settings)
    try:
        tell("bounces", await inbox.check())
    except MailerError as error:
        tell("bounces", str(error), "red")
        return False
    finally:
        await inbox.close()
    return True

"""The commands of the first ten minutes: init and check."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

from newsletter.cli.exit_codes import COULD_NOT_RUN, DONE, DONE_WITH_FAILURES, WRONG_INPUT
from newsletter.cli.show import console, show_fetches
from newsletter.cli.topics import find_doubted_topics, find_odd_topics
from newsletter.deliver.dns_records import Verdict
from newsletter.deliver.smtp import SmtpMailer
from newsletter.errors import MailerError
from newsletter.files import as_the_operator_is_used_to, find_open, tighten
from newsletter.model.readers import EmailAddress
from newsletter.settings.config import BounceSettings, Config
from newsletter.settings.samples import find_reserved_addresses, switch_off_readers
from newsletter.settings.shipped import find_shipped
from newsletter.wiring import Newsletter, build_inbox, list_private_files, open_newsletter

_FILES = {"config.yaml": "config.example.yaml", "subscribers.yaml": "subscribers.yaml"}


def init(folder: Path) -> int:
    """Write the two files to start from. Writes nothing at all where one of them exists already."""
    there = [name for name in _FILES if (folder / name).exists()]
    if there:
        console.print(f"{' and '.join(there)} already exist in {folder.resolve()}; nothing was written.")
        return WRONG_INPUT
    with as_the_operator_is_used_to():
        folder.mkdir(parents=True, exist_ok=True)
    for name, shipped in _FILES.items():
        # Who reads and who will be in subscribers.yaml is nobody else's business; the configuration holds no secret.
        mask = as_the_operator_is_used_to() if name == "config.yaml" else nullcontext()
        text = find_shipped(shipped).read_text(encoding="utf-8")
        with mask, (folder / name).open("x", encoding="utf-8") as file:
            file.write(switch_off_readers(text) if name == "subscribers.yaml" else text)
        console.print(f"wrote {folder / name}")
    console.print(
        "\nNext: edit both, then\n"
        "  newsletter check\n"
        "  newsletter preview --fresh --out digest.html   (the exact mail, without sending it)\n"
        "  newsletter collect && newsletter send --to YOUR-ADDRESS"
    )
    return DONE


async def check(config: Config, *, relay: bool, sources: bool, dns: bool = False) -> int:
    """Check everything that can be checked before a mail goes out; each line says what was checked.

    What is wrong raises its own error (exit code 2). Only a relay or a source that fails is told here.
    """
    console.print(f"configuration  {config.file}: good")
    # In memory: a check must not make or migrate the operator's database.
    async with open_newsletter(config, database_url="sqlite:///:memory:") as newsletter:
        newsletter.templates.check()
        languages = ", ".join(newsletter.templates.languages)
        console.print(f"templates      {config.templates or 'shipped'}: compiled and rendered in {languages}")
        if newsletter.dkim:
            console.print(f"dkim           signs as {newsletter.dkim.domain}; the DNS needs this TXT record:")
            console.print(f"               {newsletter.dkim.dns_name} {newsletter.dkim.dns_record}")
        console.print(f"named topics   {', '.join(newsletter.library) or 'none'}")
        newsletter.file.refuse_samples()
        await _check_subscribers(newsletter)
        await _check_web(newsletter)
        code = DONE
        if sources and not await _check_sources(newsletter):
            code = DONE_WITH_FAILURES
        if dns and not await _check_dns(newsletter):
            code = DONE_WITH_FAILURES
    await _check_database(config)
    if relay and not await _check_relay(config):
        code = COULD_NOT_RUN
    if relay and config.bounces and not await _check_mailbox(config.bounces):
        code = COULD_NOT_RUN
    return code


async def _check_database(config: Config) -> None:
    """Open the database, if there is one yet; look at what is private, and at topics."""
    is_new = config.database_file is not None and not config.database_file.exists()
    async with open_newsletter(config, database_url="sqlite:///:memory:" if is_new else "") as newsletter:
        state = f"{config.database_file}: will be created by the first run" if is_new else "can be opened"
        console.print(f"database       {state}")
        _check_files(config)
        await _check_topics(newsletter, is_new=is_new)


def _check_files(config: Config) -> None:
    """Name what holds addresses or keys and can be used by others on this machine, and could not be closed to them."""
    if config.maildir is not None and config.maildir.is_dir():
        tighten(config.maildir)
    found = find_open(list_private_files(config))
    for path, mode in found:
        rights = "go=" if path.is_dir() else "600"
        console.print(
            f"files          other users of this machine can access {path} (mode {mode:o}); run: chmod {rights} {path}",
            style="yellow",
        )
    if not found:
        console.print("files          files with addresses or keys are private to their owner")


async def _check_topics(newsletter: Newsletter, *, is_new: bool) -> None:
    """Warn of topics that cannot find what was meant, and of those that found nothing, or nearly everything, in what is
    stored."""
    odd = [] if is_new else await find_odd_topics(newsletter)
    for line in (*await find_doubted_topics(newsletter), *odd):
        console.print(f"topic          {line}", style="yellow")


async def _check_subscribers(newsletter: Newsletter) -> None:
    path = newsletter.config.subscribers_path
    if path is None:
        console.print("subscribers    no file configured")
        return
    chosen = await newsletter.file.choose()
    none = "no readers yet; the file has only samples, which are switched off" if not chosen.save else ""
    console.print(f"subscribers    {path}: {none or f'{len(chosen.save)} readers'}")
    _tell_reserved(newsletter.config, [reader.address for reader in chosen.save])
    for note in chosen.notes:
        console.print(f"               {note}")


def _tell_reserved(config: Config, readers: list[EmailAddress]) -> None:
    """Warn of names that belong to nobody, where mail goes to a relay: it will not arrive, nor will answers."""
    found = [*config.reserved, *find_reserved_addresses(readers)] if config.relays else []
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        console.print(
            f"               no mail arrives at example domains (RFC 2606): {', '.join(found[:3])}{more}",
            style="yellow",
        )


async def _check_web(newsletter: Newsletter) -> None:
    """Say where the pages are, and compile their templates. Raises TemplateError."""
    from newsletter.web.site import open_site

    web = newsletter.config.web
    if web is None:
        console.print("web            off: config.yaml has no section 'web'")
        return
    await open_site(newsletter, web)
    metrics = f"metrics on {web.metrics_listen}" if web.metrics_listen else "no metrics"
    console.print(f"web            {web.url}, served on {web.listen}, {metrics}")
    if not web.operators:
        console.print("               nobody may open /operate; list addresses in web.operators")


async def _check_sources(newsletter: Newsletter) -> bool:
    report = await newsletter.collector.collect(at_once=True)
    show_fetches(report.records)
    return not report.failed


async def _check_dns(newsletter: Newsletter) -> bool:
    from newsletter.deliver.dns_lookup import check_dns

    relay = newsletter.config.relay.host if newsletter.config.relay else "your-relay.example.org"
    findings = await check_dns(newsletter.identity, newsletter.dkim, relay)
    for finding in findings:
        console.print(f"dns {finding.verdict:10} {finding.what}")
        if finding.advice:
            console.print(f"               {finding.advice}")
    return all(finding.verdict in (Verdict.GOOD, Verdict.HINT) for finding in findings)


async def _check_relay(config: Config) -> bool:
    if config.relay is None:
        if config.maildir is None:
            console.print(
                "relay          none: set 'relay' (an SMTP server) or 'maildir' (a folder)", style="red"
            )
            return False
        if not os.access(config.maildir.parent, os.W_OK):
            console.print(f"relay          cannot write to {config.maildir.parent}")
            return False
        console.print(f"relay          none; mail is written to {config.maildir}")
        return True
    usable = True
    for relay in config.relays:
        try:
            console.print(f"relay          {await SmtpMailer(relay).check()}")
        except MailerError as error:
            console.print(f"relay          {error}", style="red")
            usable = False
    return usable


async def _check_mailbox(settings: BounceSettings) -> bool:
    inbox = build_inbox(settings)
    try:
        console.print(f"bounces        {await inbox.check()}")
    except MailerError as error:
        console.print(f"bounces        {error}", style="red")
        return False
    finally:
        await inbox.close()
    return True

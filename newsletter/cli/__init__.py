"""Arguments → workflow → exit code. Each command imports what it needs when it runs, so that ``--help`` is quick.

Exit codes: 0 done, 1 done with failures, 2 wrong input, 3 could not run.
"""

import atexit
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter import __version__
from newsletter.cli.exit_codes import COULD_NOT_RUN, WRONG_INPUT
from newsletter.model.steps import Role

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from newsletter.settings.config import Config

app = typer.Typer(
    name="newsletter",
    epilog="Exit codes: 0 done, 1 done with failures, 2 wrong input, 3 could not run.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},  # of every command
    pretty_exceptions_enable=False,
)
subscribers_app = typer.Typer(help="Manage who receives digests.", no_args_is_help=True)
app.add_typer(subscribers_app, name="subscribers")
sources_app = typer.Typer(help="Show the health of the sources; move lists of feeds.")
app.add_typer(sources_app, name="sources")
topics_app = typer.Typer(help="Inspect topics and what they find.", no_args_is_help=True)
app.add_typer(topics_app, name="topics")

template_app = typer.Typer(help="Create and check layouts of your own.", no_args_is_help=True)
app.add_typer(template_app, name="template")

ConfigPath = Annotated[
    Path,
    typer.Option("--config", "-c", envvar="NEWSLETTER_CONFIG", help="The configuration file."),
]
Wide = Annotated[bool, typer.Option("--wide", help="Show all columns, and cut nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print all of it as a JSON array.")]
LogJson = Annotated[bool, typer.Option("--log-json", help="Write logs as JSON lines.")]
Address = Annotated[str, typer.Argument(help="The subscriber's e-mail address.")]
TopicOrQuery = Annotated[
    str,
    typer.Argument(help="A topic's name, or a topic as in subscribers.yaml: 'robot* AND NOT title:survey'."),
]
DEFAULT_CONFIG = Path("config.yaml")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"newsletter {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Trending papers in your inbox: collect, match, compose, render, deliver."""


def main() -> None:
    """Run the command line; an error that we know becomes one message and an exit code."""
    from newsletter.errors import AddressError, ConfigError, NewsletterError, QueryError
    from newsletter.files import keep_private
    from newsletter.workflows.garbage import collect_rarely

    keep_private()
    collect_rarely()
    # What is left at the end goes with the process, and is not looked through once more.
    atexit.register(gc.freeze)
    # They are sought in the metadata of all that is installed, and we have none.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "true"
    try:
        app()
    except (ConfigError, QueryError, AddressError) as error:
        _complain(error)
        sys.exit(WRONG_INPUT)
    except NewsletterError as error:
        _complain(error)
        sys.exit(COULD_NOT_RUN)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(COULD_NOT_RUN)


def _complain(error: Exception) -> None:
    from newsletter.cli.show import complain

    complain(error)


def _load(path: Path, log_json: bool = False, *, quiet: bool = False) -> "Config":
    """Set up the logs and load the configuration; quiet: whoever started us has told what is odd about it."""
    from newsletter.logs import log, set_up_logs
    from newsletter.settings.config import load_config

    set_up_logs(as_json=log_json)
    config = load_config(path, os.environ)
    if not quiet:
        for note in config.notes:
            log.warning(note)
    return config


def _finish(work: "Coroutine[object, object, int]") -> None:
    """Run a command's coroutine and leave with its exit code."""
    import asyncio

    from newsletter.logs import report_loop_failure

    async def watched() -> int:
        asyncio.get_running_loop().set_exception_handler(report_loop_failure)
        return await work

    raise typer.Exit(asyncio.run(watched()))


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where to write the files.")] = Path(),
) -> None:
    """Write a commented config.yaml and subscribers.yaml to start from. Never overwrites."""
    from newsletter.cli import start

    raise typer.Exit(start.init(folder))


@app.command()
def check(
    config: ConfigPath = DEFAULT_CONFIG,
    relay: Annotated[bool, typer.Option("--relay", help="Also log in to relays and bounces.imap.")] = False,
    sources: Annotated[bool, typer.Option("--sources", help="Also fetch every source.")] = False,
    dns: Annotated[
        bool, typer.Option("--dns", help="Also look up the SPF, DKIM, DMARC and MX records.")
    ] = False,
    log_json: LogJson = False,
) -> None:
    """Check the configuration, templates, topics and subscribers before any mail goes out."""
    from newsletter.cli import checks

    _finish(checks.check(_load(config, log_json), relay=relay, sources=sources, dns=dns))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="The folder to write everything to.")] = Path("demo-out"),
) -> None:
    """Run the whole pipeline once on a sample day, with its own SMTP server and no network."""
    from newsletter.cli import sample
    from newsletter.files import FOLDER_MODE
    from newsletter.logs import set_up_logs

    set_up_logs()
    out.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    _finish(sample.run_demo(out.resolve()))


@app.command()
def collect(
    config: ConfigPath = DEFAULT_CONFIG,
    at_once: Annotated[
        bool, typer.Option("--now", help="Also poll sources that failed lately or asked us to wait.")
    ] = False,
    log_json: LogJson = False,
) -> None:
    """Poll every source once and store what is new."""
    from newsletter.cli import collecting

    _finish(collecting.collect(_load(config, log_json), at_once=at_once))


@sources_app.callback(invoke_without_command=True)
def sources(
    context: typer.Context, config: ConfigPath = DEFAULT_CONFIG, wide: Wide = False, as_json: AsJson = False
) -> None:
    """Show the health of each source: its last polls, new entries per day, and when it is polled next."""
    from newsletter.cli import incoming

    if context.invoked_subcommand is None:
        _finish(incoming.show_sources(_load(config), is_wide=wide, as_json=as_json))
    given = context.get_parameter_source("config")
    if given is not None and given.name == "COMMANDLINE":
        raise typer.BadParameter(f"write it behind '{context.invoked_subcommand}'", param_hint="--config")


@sources_app.command("release")
def release_sources(
    name: Annotated[str, typer.Argument(help="The source, as 'newsletter sources' calls it.")],
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Let out what was held back as a source's archive: the next digests bring it."""
    from newsletter.cli import incoming

    _finish(incoming.release(_load(config), name))


@sources_app.command("import")
def import_sources(
    file: Annotated[Path, typer.Argument(help="An OPML file, as feed readers export it.")],
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Add the feeds of an OPML file to sources.yaml; those that are there already are skipped."""
    from newsletter.cli import feeds

    raise typer.Exit(feeds.import_feeds(_load(config), file))


@sources_app.command("export")
def export_sources(
    file: Annotated[
        Path | None, typer.Argument(help="The file to write; must not exist yet. Left out: standard output.")
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Write the feeds among the sources as OPML, which feed readers and 'sources import' read."""
    from newsletter.cli import feeds

    raise typer.Exit(feeds.export_feeds(_load(config), file))


@app.command()
def explain(
    what: Annotated[
        str,
        typer.Argument(
            help="A paper (arXiv id, DOI, URL or words of its title), or a reader's e-mail address."
        ),
    ],
    config: ConfigPath = DEFAULT_CONFIG,
    reader: Annotated[
        str, typer.Option("--reader", help="With a paper: only what happened to it for this reader.")
    ] = "",
    date: Annotated[
        str, typer.Option("--date", help="With a reader: the digest of this date, not the latest ones.")
    ] = "",
) -> None:
    """Explain what happened to a paper for each reader; or what a reader got, why, and each attempt."""
    from newsletter.cli import incoming, ledger

    if ledger.is_address(what):
        _finish(ledger.explain_reader(_load(config), what, date))
    _finish(incoming.explain(_load(config), what, reader))


@app.command()
def preview(
    address: Annotated[str, typer.Argument(help="Whose digest (default: the first reader's).")] = "",
    config: ConfigPath = DEFAULT_CONFIG,
    at: Annotated[str, typer.Option("--at", help="As of this time instead of now: 2026-06-16T20:00Z.")] = "",
    topic: Annotated[
        list[str] | None,
        typer.Option("--topic", help="Use this topic instead of the reader's. May be repeated."),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Collect now, in memory only.")] = False,
    form: Annotated[str, typer.Option("--format", help="html, text or eml.")] = "html",
    out: Annotated[
        Path | None, typer.Option("--out", help="Write to this file instead of the terminal.")
    ] = None,
    everybody: Annotated[
        Path | None,
        typer.Option("--all", help="Write every reader's digest into this folder, with an index."),
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--mail", help="digest, or another mail: confirm, changed, goodbye, leave_link, alert, login."
        ),
    ] = "digest",
    score: Annotated[
        bool, typer.Option("--check", help="Also check the mail and print a scorecard.")
    ] = False,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    pictures: Annotated[
        bool,
        typer.Option(
            "--pictures", help="With --all: also take screenshots with Chromium, two seconds for each."
        ),
    ] = False,
    log_json: LogJson = False,
) -> None:
    """Show exactly the mail that would go out next. Changes nothing."""
    from newsletter.cli import look

    request = look.PreviewRequest(
        address=address,
        at=at,
        topics=tuple(topic or ()),
        fresh=fresh,
        form=form,
        out=out,
        everybody=everybody,
        kind=kind,
        score=score,
        show=show,
        pictures=pictures,
    )
    _finish(look.preview(_load(config, log_json), request))


@app.command()
def send(
    config: ConfigPath = DEFAULT_CONFIG,
    edition: Annotated[
        str,
        typer.Option("--edition", help="Send the digests of this date now, whatever their hour: 2026-06-16."),
    ] = "",
    canary: Annotated[
        int, typer.Option("--canary", min=0, help="Send this many first, then ask before sending the rest.")
    ] = 0,
    max_failures: Annotated[
        int | None,
        typer.Option(
            "--max-failures",
            min=0,
            max=100,
            help="With --canary: do not ask if at most this percentage fails.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show who would get what; send nothing.")
    ] = False,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="Send a test mail to this address: if it is a reader's, their next digest.",
        ),
    ] = "",
    reader: Annotated[
        str, typer.Option("--reader", help="With --to: whose digest, if the address is no reader's.")
    ] = "",
    log_json: LogJson = False,
) -> None:
    """Send what is due now, and what earlier runs left unfinished."""
    from newsletter.cli import operate
    from newsletter.workers import forking

    trial, loaded = operate.Canary(canary, max_failures), _load(config, log_json)
    with forking(loaded) as forks:
        _finish(
            operate.send(loaded, forks, edition=edition, dry_run=dry_run, to=to, reader=reader, canary=trial)
        )


@app.command()
def run(
    config: ConfigPath = DEFAULT_CONFIG,
    web: Annotated[bool, typer.Option("--web", help="Also serve the web pages, as a child process.")] = False,
    log_json: LogJson = False,
) -> None:
    """Collect and send on schedule until stopped (SIGTERM finishes the mails in flight)."""
    from newsletter.cli import operate
    from newsletter.cli.serving import build_command
    from newsletter.workers import forking

    loaded = _load(config, log_json)
    web_command = build_command(loaded, log_json=log_json) if web else ()
    with forking(loaded) as forks:
        _finish(operate.run(loaded, forks, web_command))


@app.command()
def worker(
    config: ConfigPath = DEFAULT_CONFIG,
    only: Annotated[
        list[Role] | None,
        typer.Option(metavar="PART", help="Only this: send, collect, mail or plan; may be repeated."),
    ] = None,
    log_json: LogJson = False,
) -> None:
    """Do what 'run' does, beside other workers: on PostgreSQL any number, on any machines."""
    from newsletter.cli import operate

    _finish(operate.work(_load(config, log_json), only or list(Role)))


@app.command()
def serve(
    config: ConfigPath = DEFAULT_CONFIG,
    with_parent: Annotated[
        bool, typer.Option("--with-parent", hidden=True, help="Also stop when standard input closes.")
    ] = False,
    log_json: LogJson = False,
) -> None:
    """Serve the web pages alone until stopped; 'newsletter run' sends the mails that they ask for."""
    from newsletter.cli import serving

    _finish(serving.serve(_load(config, log_json, quiet=with_parent), with_parent=with_parent))


@app.command()
def hold(
    why: Annotated[str, typer.Argument(help="The reason, shown by 'newsletter status'.")] = "by the operator",
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Stop sending until 'newsletter release'; collecting and planning continue."""
    from newsletter.cli import keep

    _finish(keep.set_hold(_load(config), why))


@app.command()
def release(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Resume sending after a hold."""
    from newsletter.cli import keep

    _finish(keep.set_hold(_load(config), ""))


@app.command()
def status(
    config: ConfigPath = DEFAULT_CONFIG,
    readers: Annotated[
        bool, typer.Option("--readers", help="Also show each reader's next due time.")
    ] = False,
    editions: Annotated[int, typer.Option("--editions", min=1, help="How many editions to show.")] = 7,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many lines of a list to show.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print a report for monitoring as JSON.")] = False,
    metrics: Annotated[
        bool, typer.Option("--metrics", help="Print the same report as Prometheus metrics.")
    ] = False,
) -> None:
    """Show who got what, who did not and why, and the health of the sources."""
    from newsletter.cli import reporting

    if as_json or metrics:
        _finish(reporting.report(_load(config), form="json" if as_json else "prometheus"))
    _finish(reporting.status(_load(config), readers=readers, editions=editions, limit=limit))


@app.command()
def deliveries(
    config: ConfigPath = DEFAULT_CONFIG,
    edition: Annotated[str, typer.Option("--edition", help="Only of this date: 2026-06-16.")] = "",
    state: Annotated[
        list[str] | None, typer.Option("--state", help="Only in this state. May be repeated.")
    ] = None,
    domain: Annotated[str, typer.Option("--domain", help="Only to this domain: example.org.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Only with these words in the last reply.")] = "",
    kind: Annotated[
        str, typer.Option("--kind", help="digest, confirm, changed, goodbye, leave_link, alert or login.")
    ] = "digest",
    form: Annotated[str, typer.Option("--format", help="table, csv or json (one a line).")] = "table",
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many rows of the table to show.")] = 200,
    after: Annotated[int, typer.Option("--after", min=0, help="Go on after a row, as the table says.")] = 0,
    wide: Wide = False,
    as_json: AsJson = False,
) -> None:
    """List deliveries: who got what, and the reply; with --wide also when, and through which relay."""
    from newsletter.cli import ledger

    wanted = ledger.build_filter(edition, state or [], domain, reason, kind)
    form = "array" if as_json else ledger.check_form(form)
    if form == "table":
        _finish(ledger.show_deliveries(_load(config), wanted, after, limit, is_wide=wide))
    _finish(ledger.write_deliveries(_load(config), wanted, form, after))


@app.command()
def resolve(
    address: Address,
    outcome: Annotated[str, typer.Argument(help="accepted or not-sent.")],
    reason: Annotated[str, typer.Option("--reason", help="How you know; recorded in the ledger.")],
    config: ConfigPath = DEFAULT_CONFIG,
    edition: Annotated[str, typer.Option("--edition", help="Only of this date: 2026-06-16.")] = "",
) -> None:
    """Settle an uncertain delivery by hand: it was accepted, or it was not sent and goes out again."""
    from newsletter.cli import ledger

    _finish(ledger.resolve(_load(config), address, edition, outcome, reason))


@app.command()
def retry(
    edition: Annotated[str, typer.Option("--edition", help="The date: 2026-06-16.")],
    state: Annotated[list[str], typer.Option("--state", help="rejected or expired. May be repeated.")],
    config: ConfigPath = DEFAULT_CONFIG,
    domain: Annotated[str, typer.Option("--domain", help="Only to this domain.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Only with these words in the last reply.")] = "",
) -> None:
    """Queue the failed mails of an edition again."""
    from newsletter.cli import ledger

    _finish(ledger.retry(_load(config), ledger.build_filter(edition, state, domain, reason)))


@app.command()
def bounces(config: ConfigPath = DEFAULT_CONFIG, log_json: LogJson = False) -> None:
    """Process the bounce mailbox once: bounces, complaints, automatic replies. 'run' does this by itself."""
    from newsletter.cli import ledger

    _finish(ledger.read_bounces(_load(config, log_json)))


@app.command()
def webhooks(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Print the secret address of each webhook that is configured, to enter at the provider."""
    from newsletter.cli import incoming

    _finish(incoming.show_webhooks(_load(config)))


@app.command()
def restored(
    config: ConfigPath = DEFAULT_CONFIG,
    sent_until: Annotated[
        str, typer.Option("--sent-until", help="Digests due up to this time were sent: 2026-06-16T20:00Z.")
    ] = "",
    nothing_was_sent: Annotated[
        bool, typer.Option("--nothing-was-sent", help="Nothing was sent since this backup was made.")
    ] = False,
) -> None:
    """Allow sending from a database restored from a backup, and say what was sent since the backup."""
    from newsletter.cli import ledger

    _finish(ledger.accept_restored(_load(config), sent_until, nothing_was_sent))


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; must not exist yet.")],
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Write a consistent copy of the database, even while the newsletter runs."""
    from newsletter.cli import keep

    _finish(keep.back_up(_load(config), file))


@topics_app.command("list")
def list_topics(config: ConfigPath = DEFAULT_CONFIG, wide: Wide = False, as_json: AsJson = False) -> None:
    """List the topics: readers, and how many papers of the last 30 days each finds."""
    from newsletter.cli import topics

    _finish(topics.show_list(_load(config), is_wide=wide, as_json=as_json))


@topics_app.command("explain")
def explain_topic(query: TopicOrQuery, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Show in long form how a topic is understood."""
    from newsletter.cli import topics

    _finish(topics.explain_topic(_load(config), query))


@topics_app.command("try")
def try_topic(
    query: TopicOrQuery,
    config: ConfigPath = DEFAULT_CONFIG,
    days: Annotated[int, typer.Option("--days", min=1, max=365, help="How many days to look back.")] = 30,
    diff: Annotated[str, typer.Option("--diff", help="An edited query to compare with.")] = "",
) -> None:
    """Show what a topic would have found in the stored papers, its near misses, and why."""
    from newsletter.cli import topics

    _finish(topics.try_query(_load(config), query, days, diff))


@template_app.command("new")
def new_template(
    name: Annotated[str, typer.Argument(help="The name of the new layout: a-z, 0-9 and '-'.")],
    config: ConfigPath = DEFAULT_CONFIG,
    copied: Annotated[str, typer.Option("--from", help="The layout to start from.")] = "cards",
) -> None:
    """Copy a layout into your templates folder for editing. Never overwrites."""
    from newsletter.cli import layouts

    raise typer.Exit(layouts.new_layout(_load(config), name, copied))


@template_app.command("check")
def check_templates(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Compile and render every layout in every language; errors name file, line and column."""
    from newsletter.cli import layouts

    raise typer.Exit(layouts.check_layouts(_load(config)))


@subscribers_app.command("list")
def list_subscribers(
    config: ConfigPath = DEFAULT_CONFIG,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many to show.")] = 50,
    after: Annotated[str, typer.Option("--after", help="Go on after this address.")] = "",
    wide: Wide = False,
    as_json: AsJson = False,
) -> None:
    """List subscribers by address: consent, next due time, topics; with --wide also name, days, hour and zone."""
    from newsletter.cli import people

    if as_json:
        _finish(people.list_as_json(_load(config)))
    _finish(people.list_page(_load(config), after, limit, is_wide=wide))


@subscribers_app.command("add")
def add_subscriber(
    address: Address,
    topic: Annotated[list[str], typer.Option("--topic", help="A topic. May be repeated.")],
    config: ConfigPath = DEFAULT_CONFIG,
    name: Annotated[str, typer.Option(help="Their name.")] = "",
    days: Annotated[str, typer.Option(help="daily, weekdays, weekends or days: mon,wed.")] = "weekdays",
    hour: Annotated[str, typer.Option(help="The local time: 07:30.")] = "07:00",
    zone: Annotated[str, typer.Option(help="The IANA time zone: Europe/Berlin.")] = "UTC",
    language: Annotated[str, typer.Option(help="ar, de or en. Left out: the newsletter's.")] = "",
    layout: Annotated[
        str, typer.Option(help="cards, compact, weekly or your own. Left out: the newsletter's.")
    ] = "",
    pictures: Annotated[
        str, typer.Option(help="on or off: the papers' pictures in the mail. Left out: the newsletter's.")
    ] = "",
) -> None:
    """Add a subscriber who is not in subscribers.yaml."""
    from newsletter.cli import people

    given = {"address": address, "name": name, "days": days, "hour": hour, "zone": zone}
    given |= {"language": language, "layout": layout, "pictures": pictures}
    _finish(people.add(_load(config), given, topic))


@subscribers_app.command("pause")
def pause_subscriber(
    address: Address,
    config: ConfigPath = DEFAULT_CONFIG,
    until: Annotated[
        str, typer.Option("--until", help="The first day they want mail again: 2026-06-16.")
    ] = "",
) -> None:
    """Pause a subscriber until a day, or until 'subscribers restore'."""
    from newsletter.cli import people

    _finish(people.pause(_load(config), address, until))


@subscribers_app.command("import")
def import_subscribers(
    file: Annotated[
        Path,
        typer.Argument(help="CSV with the column names in its first row, or YAML like subscribers.yaml."),
    ],
    consent: Annotated[
        str, typer.Option("--consent", help="How they gave consent; kept in the consent record.")
    ],
    topic: Annotated[
        list[str] | None,
        typer.Option("--topic", help="A topic for CSV rows without one. May be repeated."),
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would happen.")] = False,
) -> None:
    """Import subscribers from a CSV or YAML file, and say why a row is not taken."""
    from newsletter.cli import lists

    loaded = _load(config)
    _finish(lists.import_file(loaded, file, consent, topics=topic or (), dry_run=dry_run))


@subscribers_app.command("export")
def export_subscribers(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Write all subscribers as CSV to standard output, in the form that 'subscribers import' reads."""
    from newsletter.cli import lists

    _finish(lists.export(_load(config)))


@subscribers_app.command("data")
def show_data(address: Address, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Write everything stored about a person as JSON, to answer an access request."""
    from newsletter.cli import lists

    _finish(lists.show_data(_load(config), address))


@subscribers_app.command("erase")
def erase_subscriber(address: Address, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Erase everything stored about a person. The counts of editions stay as they were."""
    from newsletter.cli import lists

    _finish(lists.erase(_load(config), address))


@subscribers_app.command("suppressed")
def list_suppressed(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Write the suppressed addresses as CSV, with the reason."""
    from newsletter.cli import lists

    _finish(lists.export_suppressed(_load(config), as_json=as_json))


@subscribers_app.command("suppress")
def suppress(
    what: Annotated[
        str, typer.Argument(help="An address, or a file: CSV with a column of addresses, or lines.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why they are not to be mailed; kept.")],
    config: ConfigPath = DEFAULT_CONFIG,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would happen.")] = False,
) -> None:
    """Mail an address, or a list of them, no more, readers or not. 'lift' ends it."""
    from newsletter.cli import lists

    _finish(lists.suppress(_load(config), what, reason, dry_run=dry_run))


@subscribers_app.command("lift")
def lift_suppression(
    address: Address,
    reason: Annotated[str, typer.Option("--reason", help="Why the address may be mailed again.")],
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Lift the suppression of an address. Whoever unsubscribed stays unsubscribed."""
    from newsletter.cli import lists

    _finish(lists.lift(_load(config), address, reason))


@subscribers_app.command("remove")
def remove_subscriber(address: Address, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Unsubscribe a reader. They stay unsubscribed, whatever subscribers.yaml says."""
    from newsletter.cli import people

    _finish(people.remove(_load(config), address))


@subscribers_app.command("restore")
def restore_subscriber(
    address: Address,
    reason: Annotated[
        str, typer.Option("--reason", help="Why they may be mailed again; kept in the record.")
    ],
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Resume mail to a subscriber who was paused, had left, or was suppressed."""
    from newsletter.cli import people

    _finish(people.restore(_load(config), address, reason))

"""config.yaml: what it means, and that every mistake in it is named at its place with what would be right."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from newsletter.errors import ConfigError, Problem, QueryError
from newsletter.model.ledger import OnUncertain
from newsletter.model.mail import Identity
from newsletter.model.sources import Source
from newsletter.settings.checked_yaml import ConfigSection, fields_of, sections_in
from newsletter.settings.config import Config, load_config, make_slug
from newsletter.settings.shipped import find_shipped

WHO = "newsletter: {name: Papers, from: Papers <digest@example.org>}\n"
SOURCES = "sources: [{kind: hf_daily_papers}]\n"
SECRET = "s3cret/of:the@relay"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def load(file: Path, text: str, environ: Mapping[str, str] | None = None) -> Config:
    file.write_text(text, encoding="utf-8")
    return load_config(file, environ or {})


def problems(file: Path, text: str, environ: Mapping[str, str] | None = None) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load(file, text, environ)
    return list(caught.value.problems)


# --- what it means ------------------------------------------------------------------------


def test_a_name_a_sender_and_a_source_are_enough(file: Path) -> None:
    config = load(file, WHO + SOURCES)

    assert config.source_list == (Source("hf_daily_papers", "hf_daily_papers", "https://huggingface.co"),)
    assert config.database_url == f"sqlite:///{file.parent}/newsletter.db"
    assert config.database_file == file.parent / "newsletter.db"
    assert config.subscribers_path == file.parent / "subscribers.yaml"
    assert config.schedule.collect_every == timedelta(minutes=30)
    assert config.schedule.catch_up == timedelta(days=2)
    assert set(config.schedule.on_uncertain.values()) == {OnUncertain.RESEND_ONCE}
    assert (config.relay, config.maildir, config.templates) == (None, None, None)
    assert (config.topics, config.everything_else) == ((), 0)
    assert config.contact_text == "digest@example.org"
    assert (config.file, config.folder) == (file, file.parent)


def test_the_identity_fills_in_what_was_left_out(file: Path) -> None:
    assert load(file, WHO + SOURCES).identity == Identity(
        name="Papers",
        id="papers",
        from_name="Papers",
        from_address=load(file, WHO + SOURCES).newsletter.sender.address,
        leave_address=load(file, WHO + SOURCES).newsletter.sender.address,
        bounce_address=load(file, WHO + SOURCES).newsletter.sender.address,
    )


@pytest.mark.parametrize(
    ("given", "leave", "bounce"),
    [
        ("", "a@example.org", "a@example.org"),
        ("reply_to: r@example.org", "r@example.org", "a@example.org"),
        ("reply_to: r@example.org, leave_address: L@example.org", "L@example.org", "a@example.org"),
        ("bounce_address: b@bücher.example", "a@example.org", "b@xn--bcher-kva.example"),
    ],
)
def test_leave_and_bounce_addresses_follow_the_others(
    given: str, leave: str, bounce: str, file: Path
) -> None:
    config = load(file, f"newsletter: {{name: P, from: a@example.org, {given}}}\n" + SOURCES)

    assert (config.newsletter.leave_address, config.newsletter.bounce_address) == (leave, bounce)


@pytest.mark.parametrize(
    ("written", "name", "address"),
    [
        ("digest@Example.ORG", "", "digest@example.org"),
        ("Trending Papers <digest@example.org>", "Trending Papers", "digest@example.org"),
        ("'\"Doe, Ada\" <ada@example.org>'", "Doe, Ada", "ada@example.org"),
        ("Müller & Søn <post@bücher.example>", "Müller & Søn", "post@xn--bcher-kva.example"),
    ],
)
def test_a_sender_is_an_address_with_or_without_a_name(
    written: str, name: str, address: str, file: Path
) -> None:
    config = load(file, f"newsletter:\n  name: P\n  from: {written}\n" + SOURCES)

    assert config.newsletter.sender == (name, address)


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Trending Papers!", "trending-papers"), ("Müller", "muller"), ("論文", ""), ("x" * 60, "x" * 40)],
)
def test_a_slug_keeps_what_a_domain_name_can_hold(name: str, slug: str) -> None:
    assert make_slug(name) == slug


def test_a_name_of_another_script_gets_a_plain_id(file: Path) -> None:
    assert (
        load(file, "newsletter: {name: 論文, from: a@example.org}\n" + SOURCES).newsletter.id == "newsletter"
    )


def test_sources_are_web_addresses_or_files_beside_the_configuration(file: Path) -> None:
    config = load(
        file,
        WHO
        + "sources:\n"
        + "- {kind: hf_daily_papers, base_url: 'http://127.0.0.1:8080', listing_dates: 3}\n"
        + "- {kind: hf_daily_papers, name: sample, location: day.json}\n"
        + "- {kind: hf_papers_capture, location: ../page.txt, captured_on: 2025-11-03}\n"
        + "- {kind: feed, location: 'https://rss.example.org/cs.CL'}\n",
    )

    assert config.source_list == (
        Source("hf_daily_papers", "hf_daily_papers", "http://127.0.0.1:8080", 3),
        Source("sample", "hf_daily_papers", str(file.parent / "day.json")),
        Source(
            "hf_papers_capture",
            "hf_papers_capture",
            str(file.parent / "../page.txt"),
            captured_on=date(2025, 11, 3),
        ),
        Source("feed", "feed", "https://rss.example.org/cs.CL"),
    )


def test_a_feed_may_be_unencrypted_and_arxiv_is_asked_for_what_is_named(file: Path) -> None:
    config = load(
        file,
        WHO
        + "sources:\n"
        + "- {kind: feed, location: 'http://blog.example.org/feed'}\n"
        + "- {kind: arxiv_listing, categories: 'cs.CL, math, physics.med-ph, cs.CL', cross_lists: off}\n"
        + "- {kind: arxiv_search, authors: [Ada Lovelace], search: 'ti:robots', days_back: 3}\n",
    )

    feed, listing, search = config.source_list
    assert feed.location == "http://blog.example.org/feed"
    assert listing.location == "https://rss.arxiv.org"
    assert (listing.categories, listing.cross_lists) == (("cs.CL", "math", "physics.med-ph"), False)
    assert search.location == "https://export.arxiv.org"
    assert (search.authors, search.search, search.days_back) == (("Ada Lovelace",), "ti:robots", 3)
    assert [source.second_location for source in config.source_list] == [
        "",
        "",
        "https://oaipmh.arxiv.org/oai",
    ]


def test_subjects_of_preprints_may_be_left_out_and_written_in_many_ways(file: Path) -> None:
    config = load(
        file,
        WHO
        + "sources:\n- {kind: biorxiv}\n- {kind: medrxiv, categories: 'Public_and_Global-Health, epidemiology'}\n",
    )

    everything, some = config.source_list
    assert (everything.location, everything.categories) == ("https://api.biorxiv.org", ())
    assert (some.kind, some.categories) == ("medrxiv", ("public and global health", "epidemiology"))


def test_a_repository_is_harvested_whole_or_in_sets(file: Path) -> None:
    config = load(
        file,
        WHO
        + "sources:\n"
        + "- {kind: oai_pmh, name: one, location: 'https://oai.example.org/oai'}\n"
        + "- {kind: oai_pmh, name: two, location: 'https://oaipmh.arxiv.org/oai', metadata_prefix: arXivRaw,"
        + " sets: 'cs:cs:CL, physics:hep-th', days_back: 3}\n",
    )

    whole, some = config.source_list
    assert (whole.sets, whole.metadata_prefix, whole.days_back) == ((), "oai_dc", 7)
    assert (some.sets, some.metadata_prefix) == (("cs:cs:CL", "physics:hep-th"), "arXivRaw")


@pytest.mark.parametrize(("text", "allowed"), [("on", True), ("off", False)])
def test_private_hosts_are_only_read_where_the_operator_says_so(file: Path, text: str, allowed: bool) -> None:
    assert load(file, WHO + SOURCES).fetch.allow_private_hosts is False
    assert (
        load(file, WHO + SOURCES + f"fetch: {{allow_private_hosts: {text}}}\n").fetch.allow_private_hosts
        is allowed
    )


@pytest.mark.parametrize(
    ("given", "security", "port"),
    [
        ("", "starttls", 587),
        ("security: tls", "tls", 465),
        ("security: tls, port: 4650", "tls", 4650),
    ],
)
def test_the_port_of_the_relay_follows_its_security(given: str, security: str, port: int, file: Path) -> None:
    relay = load(file, WHO + SOURCES + f"relay: {{host: smtp.example.org, {given}}}\n").relay

    assert relay is not None
    assert (relay.security, relay.port) == (security, port)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "'::1'"])
def test_only_a_relay_on_this_machine_may_go_without_tls(host: str, file: Path) -> None:
    relay = load(file, WHO + SOURCES + f"relay: {{host: {host}, security: none}}\n").relay

    assert relay is not None
    assert relay.port == 25


def test_topics_are_kept_as_they_are_written(file: Path) -> None:
    config = load(
        file, WHO + SOURCES + "topics: [RAG, {robots: 'robot*'}, {name: x, any: [a b], limit: 8}]\n"
    )

    assert json.loads(json.dumps(config.topics)) == [
        "RAG",
        {"robots": "robot*"},
        {"name": "x", "any": ["a b"], "limit": "8"},
    ]


@pytest.mark.parametrize(("written", "number"), [("off", 0), ("0", 0), ("5", 5), ("50", 50)])
def test_everything_else_is_a_number_or_off(written: str, number: int, file: Path) -> None:
    assert load(file, WHO + SOURCES + f"everything_else: {written}\n").everything_else == number


@pytest.mark.parametrize(
    ("written", "time"),
    [("30m", timedelta(minutes=30)), ("12h", timedelta(hours=12)), ("2d", timedelta(days=2))],
)
def test_durations_have_a_unit(written: str, time: timedelta, file: Path) -> None:
    config = load(file, WHO + SOURCES + f"schedule: {{collect_every: {written}}}\n")

    assert config.schedule.collect_every == time


def test_an_operator_without_a_file_of_readers_says_off(file: Path) -> None:
    assert load(file, WHO + SOURCES + "subscribers: {path: off}\n").subscribers_path is None


def test_a_configuration_does_not_change(file: Path) -> None:
    config = load(file, WHO + SOURCES)

    with pytest.raises(ValidationError, match="frozen"):
        config.everything_else = 3


# --- secrets ------------------------------------------------------------------------------


RELAY = "relay:\n  host: smtp.example.org\n  username: digest\n  password: "
OAUTH = (
    "relay:\n  host: smtp.example.org\n  username: digest\n"
    "  oauth: {token_url: https://t.example.org/token, client_id: x, "
)


def test_secrets_come_from_the_environment_and_are_not_shown(file: Path) -> None:
    text = WHO + SOURCES + RELAY + "${SMTP_PASSWORD}\ndatabase: {url: 'postgresql://n:${PG_PASSWORD}@db/n'}\n"

    config = load(file, text, {"SMTP_PASSWORD": SECRET, "PG_PASSWORD": SECRET})

    assert config.relay is not None
    assert config.relay.password is not None
    assert config.relay.password.get_secret_value() == SECRET
    assert config.database_url == "postgresql://n:s3cret%2Fof%3Athe%40relay@db/n"
    assert config.database_file is None
    for shown in (repr(config), str(config), config.model_dump_json(), f"{config.relay}"):
        assert "s3cret" not in shown


def test_a_whole_database_url_may_come_from_the_environment(file: Path) -> None:
    url = "postgresql://n:a%2Fb@db/n"

    assert load(file, WHO + SOURCES + "database: {url: '${DB}'}\n", {"DB": url}).database_url == url


@pytest.mark.parametrize(
    "text",
    [
        RELAY + "hunter2\n",
        RELAY + "'${SMTP_PASSWORD}hunter2'\n",
        RELAY + "$hunter2\n",
        RELAY + "[hunter2]\n",
        RELAY + "{hunter2: x}\n",
        "relay: {host: h.example.org, pasword: hunter2}\n",
        "relay: {host: h.example.org, password:hunter2}\n",
        "relay: hunter2\n",
        "relay: [hunter2]\n",
        "database: {url: 'postgresql://n:hunter2@db/n'}\n",
        "database: {url: 'postgresql://db/n?password=hunter2'}\n",
        "database: {url: 'mysql://n:hunter2@db/n'}\n",
        "database: {url: '${LEAK}'}\n",
        "database: {url: hunter2}\n",
    ],
)
def test_a_secret_that_stands_in_the_file_is_refused_and_not_repeated(text: str, file: Path) -> None:
    found = problems(file, WHO + SOURCES + text, {"LEAK": "mysql://n:hunter2@db/n", "SMTP_PASSWORD": "x"})

    for problem in found:
        # A key is shown where it stands; nobody writes a secret as a key.
        if "{hunter2: x}" not in text:
            assert "hunter2" not in str(problem)
        assert problem.line >= 3


@pytest.mark.parametrize(
    "location",
    ["https://u:hunter2@example.org/f", "http://hunter2@127.0.0.1/", "ftp://u:hunter2@example.org/"],
)
def test_a_login_in_the_address_of_a_source_is_refused_and_not_repeated(location: str, file: Path) -> None:
    [problem] = problems(file, WHO + f"sources: [{{kind: feed, location: '{location}'}}]\n")

    assert "remove the login" in problem.message
    assert "hunter2" not in str(problem)


# --- refusals -----------------------------------------------------------------------------


def relay(given: str) -> str:
    return WHO + SOURCES + f"relay: {{host: smtp.example.org, {given}}}\n"


def who(given: str) -> str:
    return SOURCES + "newsletter: {" + f"name: P, from: a@example.org, {given}" + "}\n"


def source(given: str) -> str:
    return WHO + f"sources:\n- {{{given}}}\n"


@pytest.mark.parametrize(
    ("text", "line", "path", "wrong", "right"),
    [
        ("", 1, "newsletter", "is missing", "at least 'name' and 'from'"),
        (WHO, 1, "sources", "is missing", "- kind: hf_daily_papers"),
        (SOURCES + "newsletter: {name: P}\n", 2, "newsletter.from", "is missing", "digest@example.org"),
        (
            SOURCES + "newsletter: {from: a@example.org}\n",
            2,
            "newsletter.name",
            "is missing",
            "Trending Papers",
        ),
        (WHO + SOURCES + "newsletters: x\n", 3, "newsletters", "unknown key", "did you mean 'newsletter'?"),
        (WHO + SOURCES + "smtp: x\n", 3, "smtp", "unknown key 'smtp'", "did you mean 'relay'?"),
        (relay("prot: 25"), 3, "relay.prot", "unknown key 'prot'", "did you mean 'port'?"),
        (relay("Port: 25"), 3, "relay.Port", "unknown key 'Port'", "did you mean 'port'?"),
        (who("form: b@example.org"), 2, "newsletter.form", "unknown key 'form'", "did you mean 'from'?"),
        (relay("port: 99999"), 3, "relay.port", "99999 is above 65535", "use 1 to 65535"),
        (relay("port: 0"), 3, "relay.port", "0 is below 1", "use 1 to 65535"),
        (relay("port: -1"), 3, "relay.port", "-1 is below 1", "use 1 to 65535"),
        (relay("port: smtp"), 3, "relay.port", "'smtp' is not a whole number", "use 1 to 65535"),
        (relay("port: 25.0"), 3, "relay.port", "'25.0' is not a whole number", "use 1 to 65535"),
        (relay("port: [25]"), 3, "relay.port", "not a list", "a single value"),
        (relay("port: {a: b}"), 3, "relay.port", "not keys", "a single value"),
        (relay("port: "), 3, "relay.port", "is empty", "write a value or remove the key"),
        (relay("connections: 65"), 3, "relay.connections", "65 is above 64", "use 1 to 64"),
        (relay("security: ssl"), 3, "relay.security", "'ssl' is unknown", "did you mean 'tls'?"),
        (relay("security: STARTTLS"), 3, "relay.security", "is unknown", "did you mean 'starttls'?"),
        (
            relay("security: none"),
            3,
            "relay.security",
            "only allowed for a server on this machine",
            "starttls or tls",
        ),
        (relay("username: x"), 3, "relay.password", "is missing: with a username", "${SMTP_PASSWORD}"),
        (relay("password: '${HOME}'"), 3, "relay.password", "without a username", "add 'username'"),
        (
            RELAY + "hunter2\n" + WHO + SOURCES,
            4,
            "relay.password",
            "do not belong in this file",
            "${SMTP_PASSWORD}",
        ),
        (
            OAUTH + "client_secret: '${HOME}'}\n" + "  password: '${HOME}'\n" + WHO + SOURCES,
            5,
            "relay.password",
            "is given beside 'oauth'",
            "keep one",
        ),
        (
            OAUTH + "client_secret: hunter2}\n" + WHO + SOURCES,
            4,
            "relay.oauth.client_secret",
            "secrets do not belong",
            "${",
        ),
        (OAUTH + "scope: x}\n" + WHO + SOURCES, 4, "relay.oauth", "needs 'refresh_token'", "'client_secret'"),
        (
            OAUTH.replace("  username: digest\n", "") + "client_secret: '${HOME}'}\n" + WHO + SOURCES,
            1,
            "relay.password",
            "is left out",
            "'username'",
        ),
        (
            OAUTH.replace("https:", "http:") + "client_secret: '${HOME}'}\n" + WHO + SOURCES,
            4,
            "relay.oauth.token_url",
            "is not encrypted",
            "https://",
        ),
        (RELAY + "'${UNSET}'\n" + WHO + SOURCES, 4, "relay.password", "UNSET is not set", "set it before"),
        (WHO + SOURCES + "relay: {security: tls}\n", 3, "relay.host", "is missing", "smtp.example.org"),
        (
            WHO + SOURCES + "relay: {host: 'smtp://x'}\n",
            3,
            "relay.host",
            "is not a host name",
            "smtp.example.org",
        ),
        (
            WHO + SOURCES + "relay: {host: 'smtp://digest:hunter2@mail.example.org'}\n",
            3,
            "relay.host",
            "a login stands before 'mail.example.org'",
            "write it under",
        ),
        (
            WHO + SOURCES + "relay: {host: 'localhost:25'}\n",
            3,
            "relay.host",
            "is not a host name",
            "write 'host: localhost' and below it 'port: 25'",
        ),
        *(
            (
                WHO + SOURCES + f"relay: {{host: '{written}', security: none}}\n",
                3,
                "relay.host",
                "is not a host name",
                f"write 'host: {host}' and below it 'port: {port}'",
            )
            for written, host, port in (
                ("127.0.0.1:2526", "127.0.0.1", 2526),
                ("smtp.example.org:587", "smtp.example.org", 587),
                ("[::1]:25", "::1", 25),
                ("smtps://smtp.example.org:465", "smtp.example.org", 465),
            )
        ),
        (relay("") + "maildir: out\n", 4, "maildir", "exclude each other", "keep 'relay' to send"),
        (WHO + SOURCES + "relay:\n", 3, "relay", "is empty", "remove the key"),
        (WHO + SOURCES + "relay: x\n", 3, "relay", "keys are expected here", "'key: value'"),
        (WHO + "sources:\n- hf_daily_papers\n", 3, "sources[0]", "keys are expected here", "'key: value'"),
        (WHO + "sources: {kind: x}\n", 2, "sources", "a list is expected here", "begin with '- '"),
        (WHO + "sources: []\n", 2, "sources", "is an empty list", "at least one source"),
        (source("name: x"), 3, "sources[0].kind", "is missing", "one of hf_daily_papers"),
        (
            source("kind: hf-daily-papers"),
            3,
            "sources[0].kind",
            "is unknown",
            "did you mean 'hf_daily_papers'?",
        ),
        (source("kind: rss"), 3, "sources[0].kind", "'rss' is unknown", "did you mean 'feed'?"),
        (source("kind: feed"), 3, "sources[0].location", "is missing", "a file or a web address"),
        (
            source("kind: hf_papers_capture"),
            3,
            "sources[0].location",
            "is missing",
            "a file or a web address",
        ),
        (
            source("kind: feed, location: x, base_url: 'https://x.example'"),
            3,
            "sources[0].base_url",
            "has no site of its own",
            "use 'location'",
        ),
        (
            source("kind: arxiv_listing"),
            3,
            "sources[0]",
            "selects nothing",
            "needs categories",
        ),
        (
            source("kind: arxiv_search, days_back: 3"),
            3,
            "sources[0]",
            "selects nothing",
            "needs categories or authors or search",
        ),
        (
            source("kind: arxiv_listing, categories: [cs.CL, 'computer science']"),
            3,
            "sources[0].categories",
            "'computer science' is not an arXiv category",
            "write cs.CL, or cs for the whole archive",
        ),
        (
            source("kind: medrxiv, categories: neurosciense"),
            3,
            "sources[0].categories",
            "'neurosciense' is unknown",
            "did you mean 'neuroscience'?",
        ),
        (
            source("kind: arxiv_listing, categories: cs.CL, cross_lists: no"),
            3,
            "sources[0].cross_lists",
            "'no' is unknown",
            "write on or off",
        ),
        (
            source("kind: arxiv_listing, categories: cs.CL, search: robots"),
            3,
            "sources[0].search",
            "only for arxiv_search",
            "remove it",
        ),
        (
            source("kind: oai_pmh"),
            3,
            "sources[0].location",
            "is missing",
            "https://",
        ),
        (
            source("kind: oai_pmh, location: 'https://x.example/oai', metadata_prefix: marc21"),
            3,
            "sources[0].metadata_prefix",
            "'marc21' is unknown",
            "oai_dc",
        ),
        (
            source("kind: oai_pmh, location: 'https://x.example/oai', sets: ['cs:cs:CL', 'a set']"),
            3,
            "sources[0].sets",
            "'a set' is not a set of OAI-PMH",
            "cs:cs:CL",
        ),
        (
            source("kind: feed, location: 'https://x.example/feed', sets: cs"),
            3,
            "sources[0].sets",
            "only for oai_pmh",
            "remove it",
        ),
        (
            source("kind: feed, location: 'ftp://x.example'"),
            3,
            "sources[0].location",
            "not a web address",
            "https://",
        ),
        (
            source("kind: feed, location: 'https://'"),
            3,
            "sources[0].location",
            "not a web address",
            "https://host/path",
        ),
        (
            source("kind: feed, location: 'https://[::1/'"),
            3,
            "sources[0].location",
            "not a web address",
            "https://host",
        ),
        (
            source("kind: hf_daily_papers, base_url: x.example"),
            3,
            "sources[0].base_url",
            "not a web address",
            "https://",
        ),
        (
            source("kind: hf_daily_papers, base_url: 'http://x.example'"),
            3,
            "sources[0].base_url",
            "not encrypted",
            "https://",
        ),
        (
            source("kind: hf_daily_papers, base_url: 'https://x.example', location: day.json"),
            3,
            "sources[0].location",
            "exclude each other",
            "keep one of them",
        ),
        (
            source("kind: hf_daily_papers, listing_dates: 32"),
            3,
            "sources[0].listing_dates",
            "32 is above 31",
            "1 to 31",
        ),
        (
            source("kind: feed, location: x, listing_dates: 3"),
            3,
            "sources[0].listing_dates",
            "only for hf_daily_papers",
            "remove it",
        ),
        (
            source("kind: feed, location: x, captured_on: 2026-01-01"),
            3,
            "sources[0].captured_on",
            "only for hf_papers_capture",
            "remove it",
        ),
        (
            source("kind: hf_papers_capture, location: x, captured_on: 3.11.2025"),
            3,
            "sources[0].captured_on",
            "is not a date",
            "2026-06-16",
        ),
        (
            source("kind: hf_papers_capture, location: x, captured_on: 2026-02-30"),
            3,
            "sources[0].captured_on",
            "is not a date",
            "2026-06-16",
        ),
        (
            WHO + "sources:\n- {kind: hf_daily_papers}\n- {kind: hf_daily_papers}\n",
            4,
            "sources[1].name",
            "sources[0] has the name",
            "its own 'name'",
        ),
        (who("id: My Papers"), 2, "newsletter.id", "is not an id", "'my-papers'"),
        (who("reply_to: nobody"), 2, "newsletter.reply_to", "is not an e-mail address", "@-sign"),
        (who("leave_address: a@b@c"), 2, "newsletter.leave_address", "is not an e-mail address", "@"),
        (who("accent: orange"), 2, "newsletter.accent", "'orange' is not a colour", "'#b45309'"),
        (who("language: fr"), 2, "newsletter.language", "'fr' is unknown", "known here: en"),
        (
            who('postal_address: "a\\r\\nBcc: b@example.org"'),
            2,
            "newsletter.postal_address",
            "control characters",
            "one line",
        ),
        (
            SOURCES + "newsletter: {name: P, from: nobody}\n",
            2,
            "newsletter.from",
            "is not an e-mail address",
            "Name <user@example.org>",
        ),
        (
            SOURCES + "newsletter: {name: P, from: 'Doe, Ada <a@example.org>'}\n",
            2,
            "newsletter.from",
            "is not 'Name <",
            "needs quotes",
        ),
        (
            SOURCES + "newsletter: {name: '', from: a@example.org}\n",
            2,
            "newsletter.name",
            "is empty",
            "write a text",
        ),
        (WHO + SOURCES + "everything_else: many\n", 3, "everything_else", "'many' is neither", "0 to 50"),
        (WHO + SOURCES + "everything_else: 51\n", 3, "everything_else", "'51' is neither", "0 to 50"),
        (
            WHO + SOURCES + "schedule: {catch_up: 2}\n",
            3,
            "schedule.catch_up",
            "'2' is not a duration",
            "30m, 12h or 2d",
        ),
        (
            WHO + SOURCES + "schedule: {catch_up: 0d}\n",
            3,
            "schedule.catch_up",
            "'0d' is out of range",
            "1s to 365d",
        ),
        (
            WHO + SOURCES + "schedule: {catch_up: 999999d}\n",
            3,
            "schedule.catch_up",
            "out of range",
            "1s to 365d",
        ),
        (
            WHO + SOURCES + "schedule: {on_uncertain: resend}\n",
            3,
            "schedule.on_uncertain",
            "is unknown",
            "did you mean 'resend_once'?",
        ),
        (
            WHO + SOURCES + "templates: nowhere\n",
            3,
            "templates",
            "there is no folder",
            "the shipped ones are used",
        ),
        (
            WHO + SOURCES + "database: {url: newsletter.db}\n",
            3,
            "database.url",
            "is not a supported database URL",
            "sqlite:///newsletter.db",
        ),
        (
            WHO + SOURCES + "database: {url: 'sqlite://'}\n",
            3,
            "database.url",
            "is not a supported database URL",
            "sqlite:///newsletter.db",
        ),
        (
            WHO + SOURCES + "database: {url: 'sqlite:///:memory:'}\n",
            3,
            "database.url",
            "is not a supported database URL",
            "sqlite:///newsletter.db",
        ),
        (
            WHO + SOURCES + "database: {url: 'postgres://db/n'}\n",
            3,
            "database.url",
            "is not a supported database URL",
            "postgresql://",
        ),
        *(
            (
                WHO + SOURCES + f"database: {{url: '{engine}://n:hunter2@db/n'}}\n",
                3,
                "database.url",
                f"'{engine}' is not a supported database",
                "postgresql://",
            )
            for engine in ("mysql", "mariadb+pymysql", "mongodb", "postgres", "postgresql+psycopg")
        ),
        (
            WHO + SOURCES + "database: {url: 'postgresql://n:pw@db/n'}\n",
            3,
            "database.url",
            "do not belong in this file",
            "${DATABASE_PASSWORD}",
        ),
        (
            WHO + SOURCES + "database: {url: '${UNSET}'}\n",
            3,
            "database.url",
            "UNSET is not set",
            "set it before",
        ),
        (
            WHO + SOURCES + "contact: '${ME}'\n",
            3,
            "contact",
            "${ME} is not expanded here",
            "passwords, tokens and database.url",
        ),
        (WHO + SOURCES + "topics: RAG\n", 3, "topics", "a list is expected here", "begin with '- '"),
        (
            WHO + SOURCES + "topics: [RAG, 'a*b']\n",
            3,
            "topics[1]",
            "a star is only allowed at the end",
            "at the end",
        ),
        (
            WHO + SOURCES + "topics: [RAG, rag]\n",
            3,
            "topics[1]",
            "two topics have the name",
            "rename or remove one",
        ),
        (WHO + SOURCES + "topics:\n- \n", 4, "topics[0]", "is empty", "write a value"),
    ],
)
def test_a_mistake_is_named_with_line_path_what_is_wrong_and_what_would_be_right(
    text: str, line: int, path: str, wrong: str, right: str, file: Path
) -> None:
    found = [p for p in problems(file, text, {"HOME": "/"}) if p.path == path]

    assert [(p.file, p.line) for p in found] == [(str(file), line)] * len(found)
    [problem] = found[:1]
    assert wrong in problem.message
    assert right in problem.message
    assert "pydantic" not in problem.message.lower()


def test_all_the_mistakes_are_reported_at_once_in_the_order_of_the_file(file: Path) -> None:
    text = (
        "newsletter: {name: P, from: a@example.org, acent: red}\n"
        "sources: [{kind: rss}]\n"
        "relay:\n"
        "  host: smtp.example.org\n"
        "  port: 99999\n"
        "  password: hunter2\n"
        "topics: ['a*b', {x: 'titel:y'}]\n"
        "schedule: {catch_up: soon}\n"
    )

    found = problems(file, text)

    assert [(problem.line, problem.path) for problem in found] == [
        (1, "newsletter.acent"),
        (2, "sources[0].kind"),
        (5, "relay.port"),
        (6, "relay.password"),
        (7, "topics[0]"),
        (7, "topics[1].x"),
        (8, "schedule.catch_up"),
    ]
    assert str(found[2]) == f"{file}:5:9: relay.port: 99999 is above 65535; use 1 to 65535"


def test_a_mistake_inside_of_a_topic_is_named_at_its_sign(file: Path) -> None:
    found = problems(file, WHO + SOURCES + "topics:\n  - robots: [robot*, arm AND hand]\n")

    assert [(p.line, p.column, p.path) for p in found] == [(4, 26, "topics[0].robots[1]")]


def test_topics_can_be_checked_by_another_rule(file: Path) -> None:
    def refuse(topics_json: str) -> None:
        raise QueryError(f"{topics_json} will not do", hint="try another")

    file.write_text(WHO + SOURCES + "topics: [RAG]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r'topics\[0\]: \["RAG"\] will not do; try another'):
        load_config(file, {}, check_topics=refuse)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("NEWSLETTER_CONFG", "; did you mean 'NEWSLETTER_CONFIG'?"),
        ("NEWSLETTER_SMTP_PASWORD", "; did you mean 'NEWSLETTER_SMTP_PASSWORD'?"),
        ("NEWSLETTER_DEPLOYED_BY", ""),
        ("NEWSLETTER_TEST_DATABASE", ""),
    ],
)
def test_a_variable_that_nothing_reads_is_told_and_stops_nothing(name: str, advice: str, file: Path) -> None:
    text = WHO + SOURCES + RELAY + "${NEWSLETTER_SMTP_PASSWORD}\n"

    config = load(file, text, {name: SECRET, "NEWSLETTER_SMTP_PASSWORD": SECRET})

    assert config.notes == (f"the environment variable {name} is set, but {file} does not use it{advice}",)


def test_a_variable_that_is_missing_is_looked_for_among_those_that_are_set(file: Path) -> None:
    text = WHO + SOURCES + RELAY + "${NEWSLETTER_SMTP_PASSWORD}\n"

    [problem] = problems(file, text, {"NEWSLETTER_SMTP_PASWORD": SECRET})

    assert problem.message == (
        "the environment variable NEWSLETTER_SMTP_PASSWORD is not set;"
        " did you mean 'NEWSLETTER_SMTP_PASWORD', which is set?"
    )


def test_known_variables_and_those_of_others_are_fine(file: Path) -> None:
    environ = {"NEWSLETTER_CONFIG": "x", "NEWSLETTER_TEST_DATABASE_URL": "x", "PATH": "/bin", "NEWS": "x"}

    assert load(file, WHO + SOURCES, environ).notes == ()


def test_a_missing_file_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file; 'newsletter init' writes one"):
        load_config(tmp_path / "config.yaml", {})


# --- the example --------------------------------------------------------------------------

EXAMPLE = find_shipped("config.example.yaml").read_text(encoding="utf-8")


def switched_on(text: str) -> str:
    """Return the example with every switched-off setting on, and without the maildir that excludes the relay."""
    lines = (re.sub(r"^(\s*)#(?! \S|$)", r"\1", line) for line in text.splitlines())
    return "\n".join(line for line in lines if not line.startswith("maildir:")) + "\n"


@pytest.mark.parametrize(
    ("written", "location"),
    [
        ("feed://blog.example.org/rss", "http://blog.example.org/rss"),
        ("feed:https://blog.example.org/rss", "https://blog.example.org/rss"),
        ("https://blog.example.org/feed:1", "https://blog.example.org/feed:1"),
    ],
)
def test_feed_is_another_way_to_write_a_web_address(file: Path, written: str, location: str) -> None:
    config = load(file, f"{WHO}sources: [{{kind: feed, location: '{written}'}}]\n")

    assert config.source_list[0].location == location


def test_the_example_loads_as_it_is(file: Path) -> None:
    config = load(file, EXAMPLE)

    assert config.maildir == file.parent / "outbox"


def test_the_example_loads_with_all_its_settings_switched_on(file: Path) -> None:
    (file.parent / "templates").mkdir()

    # Of two ways to do one thing the file has one: to get bounces, and to log in.
    text = switched_on(EXAMPLE).replace("  maildir: /var/mail/bounces\n", "")
    text = text.replace("  password: ${SMTP_PASSWORD}\n", "")
    names = (
        "SMTP2_PASSWORD",
        "IMAP_PASSWORD",
        "OAUTH_CLIENT_SECRET",
        "OAUTH_REFRESH_TOKEN",
        "MAILGUN_SIGNING_KEY",
        "BLOG_TOKEN",
        "BLOG_SESSION",
    )
    config = load(file, text, dict.fromkeys(names, SECRET))

    assert [source.kind for source in config.source_list] == [
        "hf_daily_papers",
        "arxiv_listing",
        "arxiv_search",
        "medrxiv",
        "oai_pmh",
        "feed",
        "hf_papers_capture",
    ]
    assert config.relay is not None
    assert config.relay.port == 587
    assert config.relay.oauth is not None
    assert config.relay.oauth.file == file.parent / "oauth-tokens.json"
    assert config.templates == file.parent / "templates"


def test_the_example_shows_every_key() -> None:
    lines = EXAMPLE.splitlines()
    for name in sorted(set(field_names(Config))):
        shown = [i for i, line in enumerate(lines) if re.match(rf"\s*(#\s*)?(- )?{name}:", line)]
        assert shown, f"config.example.yaml does not show '{name}'"


def field_names(section: type[ConfigSection]) -> Iterator[str]:
    for name, info in fields_of(section).items():
        yield name
        for below in sections_in(info.annotation):
            yield from field_names(below)

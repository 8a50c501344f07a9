"""How a source is asked: what its options mean, and that no secret may stand in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.errors import ConfigError
from newsletter.model.sources import USUAL_REQUEST, RequestOptions
from newsletter.settings.config import load_config
from newsletter.settings.request_headers import split_cookies

HEAD = """\
newsletter: {name: Papers, from: Papers <digest@example.org>}
sources:
  - kind: feed
    location: https://papers.example.org/feed
"""
ENVIRON = {
    "TOKEN": "t0p/s3cret",
    "SID": "abc;def",
    "PROXY_PASSWORD": "p:@/",
    "PROXY": "https://p.example.org",
}


def load(folder: Path, *lines: str, head: str = HEAD, environ: dict[str, str] = ENVIRON) -> RequestOptions:
    file = folder / "config.yaml"
    file.write_text(head + "".join(f"    {line}\n" for line in lines))
    return load_config(file, environ).source_list[0].request_options


def told(folder: Path, *lines: str, head: str = HEAD, environ: dict[str, str] = ENVIRON) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, *lines, head=head, environ=environ)
    return str(caught.value)


def test_nothing_is_said_where_nothing_is_configured(tmp_path: Path) -> None:
    assert load(tmp_path) == USUAL_REQUEST


def test_options_are_read_with_their_secrets_from_the_environment(tmp_path: Path) -> None:
    options = load(
        tmp_path,
        "headers:",
        "  Authorization: Bearer ${TOKEN}",
        "  Accept-Language: de",
        "cookies: {consent: yes, session: '${TOKEN}'}",
        "user_agent: Mozilla/5.0 (X11; Linux x86_64)",
        "proxy: http://ada:${PROXY_PASSWORD}@proxy.example.org:3128",
        "timeout: 2m",
    )

    assert options == RequestOptions(
        "https://papers.example.org/feed",
        (("Authorization", "Bearer t0p/s3cret"), ("Accept-Language", "de")),
        (("consent", "yes"), ("session", "t0p/s3cret")),
        "Mozilla/5.0 (X11; Linux x86_64)",
        "http://ada:p%3A%40%2F@proxy.example.org:3128",
        120.0,
    )
    assert "s3cret" not in repr(options)
    assert "p%3A" not in repr(options)


@pytest.mark.parametrize(
    ("written", "cookies"),
    [
        ("session=${TOKEN}; lang=de", (("session", "t0p/s3cret"), ("lang", "de"))),
        ("a=1;b=2;", (("a", "1"), ("b", "2"))),
        ("a=b=c", (("a", "b=c"),)),
        ("consent=", (("consent", ""),)),
        ("x=${SID}=1", (("x", "abc"), ("def", "1"))),
    ],
)
def test_cookies_may_be_written_as_a_browser_sends_them(
    tmp_path: Path, written: str, cookies: tuple[tuple[str, str], ...]
) -> None:
    assert load(tmp_path, f"cookies: {written}").cookies == cookies


def test_proxy_may_be_one_variable(tmp_path: Path) -> None:
    assert load(tmp_path, "proxy: ${PROXY}").proxy == "https://p.example.org"


@pytest.mark.parametrize(
    "name", ["hf_daily_papers", "hf_daily_papers, base_url: 'https://mirror.example.net'"]
)
def test_kinds_with_a_site_of_their_own_are_asked_with_options_too(tmp_path: Path, name: str) -> None:
    head = HEAD.split("  -")[0] + f"  - {{kind: {name}, user_agent: Lab}}\n"

    assert load(tmp_path, head=head).user_agent == "Lab"


@pytest.mark.parametrize(
    ("line", "place", "wrong", "advice"),
    [
        ("headers: {Authorization: Bearer abc}", "5:30: sources[0].headers.Authorization", "secrets", "Bearer ${"),
        ("headers: {authorization: Basic YTpi}", "headers.authorization", "secrets do not", "Bearer ${"),
        ("headers: {X-Api-Key: 2}", "headers.X-Api-Key", "secrets do not belong", "write ${FEED_TOKEN}"),
        ("headers: {X-Auth: 2}", "headers.X-Auth", "secrets do not belong", "environment variable"),
        ("headers: {Private-Token: x}", "headers.Private-Token", "secrets do not belong", "${"),
        ("headers: {X-Lab: Token abcdef}", "headers.X-Lab", "secrets do not belong", "${"),
        ("headers: {X-Lab: 0123456789abcdef0123456789abcdef}", "headers.X-Lab", "secrets do not belong", "${"),
        ("headers: {Cookie: a=b}", "headers.Cookie", "does not belong here", "under 'cookies'"),
        ("headers: {User-agent: x}", "headers.User-agent", "does not belong here", "as 'user_agent'"),
        ("headers: {Proxy-Authorization: x}", "", "does not belong here", "${PROXY_PASSWORD}@host"),
        ("headers: {Host: x}", "headers.Host", "is sent by newsletter itself", "remove it"),
        ("headers: {If-None-Match: x}", "headers.If-None-Match", "sent by newsletter", "remove it"),
        ("headers: {Accept-Encoding: x}", "headers.Accept-Encoding", "sent by newsletter", "remove it"),
        ("headers: {X Lab: x}", "headers.X Lab", "'X Lab' is not the name of a header", ""),
        ("headers: {'X:': x}", "headers.X:", "is not the name of a header", ""),
        ("headers: {X-Lab: a, x-lab: b}", "headers.x-lab", "is given twice", "keep one"),
        ("headers: {X-Lab: '${NONE}'}", "headers.X-Lab", "variable NONE is not set", "set it"),
        ("headers: {X-Lab: '${LINES}'}", "headers.X-Lab", "LINES must be one line", ""),
        ("headers: {X-Lab: [a]}", "headers.X-Lab", "a single value is expected", ""),
        ("headers: {X-Lab: }", "headers.X-Lab", "is empty", "remove the key"),
        ("headers: X-Lab", "sources[0].headers", "keys are expected here", "'key: value'"),
        ("headers: [X-Lab]", "sources[0].headers", "keys are expected here", "'key: value'"),
        ("cookies: {session: abc}", "cookies.session", "secrets do not belong", "${FEED_TOKEN}"),
        ("cookies: {PHPSESSID: abc}", "cookies.PHPSESSID", "secrets do not belong", "${"),
        ("cookies: {connect.sid: abc}", "cookies.connect.sid", "secrets do not belong", "${"),
        ("cookies: {remember_token: abc}", "cookies.remember_token", "secrets do not belong", "${"),
        ("cookies: {cf_clearance: abc}", "cookies.cf_clearance", "secrets do not belong", "${"),
        ("cookies: {wordpress_logged_in_1: a}", "", "secrets do not belong", "${"),
        ("cookies: a=1; session=abc", "5:14: sources[0].cookies", "secrets do not belong", "${"),
        ("cookies: {a: 1; b=2}", "cookies.a", "a value ends before ';'", "its own line"),
        ("cookies: {'a b': 1}", "cookies.a b", "'a b' is not the name of a cookie", ""),
        ("cookies: yes", "sources[0].cookies", "is not 'name=value; name=value'", ""),
        ("cookies: [a]", "sources[0].cookies", "keys are expected here", ""),
        ("proxy: proxy.example.org:3128", "5:12: sources[0].proxy", "not the address of a proxy", "http://host:port"),
        ("proxy: socks5://proxy.example.org", "sources[0].proxy", "not the address of a proxy", "http://host:port"),
        ("proxy: http://ada:geheim@p.example.org", "sources[0].proxy", "passwords do not", "${PROXY_PASSWORD}"),
        ("proxy: ${TOKEN}", "sources[0].proxy", "not the address of a proxy", ""),
        ("timeout: 2h", "5:14: sources[0].timeout", "out of range", "1s to 10m"),
        ("timeout: 30", "sources[0].timeout", "is not a duration", "30m"),
        ("user_agent: ${TOKEN}", "sources[0].user_agent", "is not expanded here", "headers, cookies"),
        ("header: {X-Lab: x}", "sources[0].header", "unknown key 'header'", "did you mean 'headers'?"),
    ],
)  # fmt: skip
def test_mistake_is_named_at_its_place_with_what_would_be_right(
    tmp_path: Path, line: str, place: str, wrong: str, advice: str
) -> None:
    message = told(tmp_path, line, environ={**ENVIRON, "LINES": "a\nb"})

    assert place in message
    assert wrong in message
    assert advice in message
    assert message.count("\n") == 0
    for secret in ("s3cret", "geheim", "abc;def"):
        assert secret not in message


@pytest.mark.parametrize(
    "line",
    ["headers: {X-Lab: x}", "cookies: {a: b}", "user_agent: x", "proxy: http://p.example.org", "timeout: 3s"],
)
def test_a_file_is_not_asked_for(tmp_path: Path, line: str) -> None:
    head = HEAD.replace("https://papers.example.org/feed", "feed.xml")

    assert "does not apply to a file; remove it" in told(tmp_path, line, head=head)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [("", []), ("a", []), ("a=1; b", []), ("=1", []), ("a b=1", []), (" a = 1 ;", [("a", "1")])],
)
def test_text_that_is_no_list_of_cookies_is_none(text: str, pairs: list[tuple[str, str]]) -> None:
    assert split_cookies(text) == pairs

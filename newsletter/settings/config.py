"""config.yaml + environment → one frozen Config, or all the problems at once.

The defaults stand in the classes; config.example.yaml shows and explains every key. A secret is
never in the file, only the name of an environment variable, ``${NAME}``; it is kept in a type whose
repr hides it, and no message quotes it.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from difflib import get_close_matches
from email.utils import parseaddr
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple, get_args
from urllib.parse import quote, urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from newsletter.address import parse_address
from newsletter.collect.options import ARXIV_REPOSITORY, KIND_OPTIONS, METADATA_PREFIXES
from newsletter.collect.proxies import is_proxy
from newsletter.errors import AddressError, ConfigError, Problem
from newsletter.model.ledger import Kind, OnUncertain, QuietDay
from newsletter.model.mail import Identity
from newsletter.model.readers import EmailAddress  # noqa: TC001 (pydantic reads what a Mailbox holds)
from newsletter.model.reports import DEFAULT_POLICY, StrikePolicy
from newsletter.model.servers import (
    Auth,
    ImapConfig,
    OAuthConfig,
    RelayConfig,
    Security,
    check_security,
    is_loopback,
)
from newsletter.model.sources import RequestOptions, Source
from newsletter.settings.advice import did_you_mean
from newsletter.settings.checked_yaml import (
    Address,
    CheckTopics,
    ConfigSection,
    Day,
    Duration,
    EverythingElse,
    LanguageCode,
    Line,
    Period,
    Seconds,
    Switch,
    find_topic_problems,
    in_file_order,
    one_of,
    parse_duration,
    parse_line,
    validate,
    whole_number,
)
from newsletter.settings.request_headers import find_odd_headers, split_cookies
from newsletter.settings.samples import find_reserved, find_samples
from newsletter.settings.yaml_text import Document, Value, load_yaml, read_text
from newsletter.text import clean_text

_CONFIG_VARIABLE = "NEWSLETTER_CONFIG"
KNOWN_VARIABLES = (_CONFIG_VARIABLE, "NEWSLETTER_TEST_DATABASE_URL")
# Papers that readers name are looked up without being configured.
SOURCE_KINDS = tuple(name for name, kind in KIND_OPTIONS.items() if "papers" not in kind.options)

# Where ${NAME} is filled in, there and below; a number stands for any place in a list.
_MAY_NAME_VARIABLES = (
    ("relay", "password"),
    ("fallback_relays", 0, "password"),
    ("bounces", "imap", "password"),
    *(
        (*place, "oauth", name)
        for place in (("relay",), ("fallback_relays", 0), ("bounces", "imap"))
        for name in ("client_secret", "refresh_token")
    ),
    ("webhooks", "mailgun", "signing_key"),
    ("database", "url"),
    ("sources", 0, "headers"),
    ("sources", 0, "cookies"),
    ("sources", 0, "proxy"),
)
_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_IMAP_PORTS = {"starttls": 143, "tls": 993, "none": 143}
_LONGEST_TIMEOUT_S = 600  # that of a whole look
_SOURCES_FILE = "sources.yaml"
_NO_SOURCES = "is an empty list; at least one source is needed, such as '- kind: hf_daily_papers'"
# The type setSpecType of https://www.openarchives.org/OAI/2.0/OAI-PMH.xsd
_SET = re.compile(r"[A-Za-z0-9_.!~*'()-]+(?::[A-Za-z0-9_.!~*'()-]+)*")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Listen(NamedTuple):
    """An IP address of this machine and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Mailbox(NamedTuple):
    """An address with the name that mail programs show beside it, which may be empty."""

    name: str
    address: EmailAddress


# --- the types of fields ------------------------------------------------------------------


def _parse_mailbox(value: object) -> Mailbox:
    text = parse_line(value)
    name, address = parseaddr(text)
    # parseaddr takes what it can read and drops the rest: a comma in a bare name cuts it.
    if not address or not text.rstrip("> ").endswith(address):
        raise ValueError(
            f"{text!r} is not 'Name <user@example.org>'; a name with a comma needs quotes around it"
        )
    try:
        return Mailbox(name, parse_address(address))
    except AddressError as error:
        raise ValueError(f"{error}; write Name <user@example.org> or user@example.org") from error


def _parse_path(value: object, info: ValidationInfo) -> Path:
    """Return the path, relative ones resolved against the folder of the configuration file."""
    text = str(value) if isinstance(value, Path) else parse_line(value)
    return _folder(info) / Path(text).expanduser()


def _parse_folder(value: object, info: ValidationInfo) -> Path:
    path = _parse_path(value, info)
    if not path.is_dir():
        raise ValueError(f"there is no folder {path}; without 'templates', the shipped ones are used")
    return path


def _parse_location(value: object, info: ValidationInfo) -> str:
    """Return a web address or an absolute path; empty where the kind has a site of its own."""
    kind = info.data.get("kind")
    if value == "":
        if kind is None or KIND_OPTIONS[kind].site:
            return ""
        raise ValueError(f"is missing: {kind} reads a file or a web address (https://…)")
    text = parse_line(value)
    if info.data.get("base_url"):
        raise ValueError("base_url and location exclude each other; keep one of them")
    # feed: is how some sites write the address of a feed, as feed://host or feed:https://host.
    text = re.sub(r"^feed:(?=https?://)", "", re.sub(r"^feed://", "http://", text))
    if "://" in text:
        return _parse_web_address(text)
    return str(_parse_path(text, info))


def _parse_base_url(value: object) -> str:
    text = _parse_web_address(value)
    if text.startswith("http:") and not is_loopback(urlsplit(text).hostname or ""):
        raise ValueError(f"{text!r} is not encrypted; write https:// (http:// only to this machine)")
    return text


def _parse_names(value: object) -> tuple[str, ...]:
    """Return the names of a list, or of a text with commas between them, each once."""
    names = value if isinstance(value, list) else parse_line(value).split(",")
    return tuple(dict.fromkeys(parse_line(name) for name in names))


def _parse_categories(value: object, info: ValidationInfo) -> tuple[str, ...]:
    kind = info.data.get("kind")
    names = _parse_names(value)
    return tuple(dict.fromkeys(KIND_OPTIONS[kind].parse_category(name) for name in names)) if kind else names


def _parse_sets(value: object) -> tuple[str, ...]:
    names = _parse_names(value)
    for name in names:
        if not _SET.fullmatch(name):
            raise ValueError(
                f"{name!r} is not a set of OAI-PMH; write it as the repository does, such as cs:cs:CL"
            )
    return names


def _parse_web_address(value: object) -> str:
    text = parse_line(value)
    parts, host = _split_url(text)
    if parts.username or parts.password:
        raise ValueError("remove the login from this address: it would appear in logs and reports")
    if parts.scheme not in ("https", "http") or not host:
        raise ValueError(f"{text!r} is not a web address; write https://host/path")
    return text


def _parse_subscribers_path(value: object, info: ValidationInfo) -> Path | None:
    return None if value == "off" else _parse_path(value, info)


def _parse_host(value: object) -> str:
    text = parse_line(value)
    _, at, host = text.rpartition("@")
    if at:  # which may hold a password, so it is not said
        raise ValueError(f"a login stands before {host!r}; write it under 'username' and 'password'")
    if not (re.fullmatch(r"[\w.-]+", text) or _is_ip_address(text)):
        address = re.fullmatch(r"(?:\w+://)?\[?([\w.-]+|[0-9a-fA-F:]+)\]?:([0-9]{1,5})/?", text)
        advice = (
            f"write 'host: {address[1]}' and below it 'port: {address[2]}'"
            if address
            else "write a name or IP address such as smtp.example.org, without port"
        )
        raise ValueError(f"{text!r} is not a host name; {advice}")
    return text


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _parse_password(value: object, info: ValidationInfo) -> SecretStr:
    found = _VARIABLE.fullmatch(parse_line(value))
    if not found:
        raise ValueError(
            "secrets do not belong in this file; write ${SMTP_PASSWORD} and set that environment variable"
        )
    return SecretStr(_look_up(found[1], info))


def _parse_database_url(value: object, info: ValidationInfo) -> SecretStr:
    """Return the URL with its variables filled in; the file of SQLite is resolved against the configuration's folder.

    A variable inside of a URL is percent-encoded, so that a password may contain any character.
    """
    text = value.get_secret_value() if isinstance(value, SecretStr) else parse_line(value)
    whole = _VARIABLE.fullmatch(text)
    if whole:
        return SecretStr(_check_database_url(_look_up(whole[1], info), info))
    _check_engine(text)
    parts, _ = _split_url(text)
    written = parts.password or "".join(re.findall(r"[?&]password=([^&]*)", text))
    if written and not _VARIABLE.fullmatch(written):
        raise ValueError(
            "passwords do not belong in this file; write ${DATABASE_PASSWORD} instead"
            " and set that environment variable"
        )
    filled = _VARIABLE.sub(lambda found: quote(_look_up(found[1], info), safe=""), text)
    return SecretStr(_check_database_url(filled, info))


def _check_engine(text: str) -> None:
    """Raise ValueError for an address of a database that is neither SQLite nor PostgreSQL; a password is not said."""
    scheme, mark, _ = text.partition("://")
    if not mark or scheme in ("sqlite", "postgresql"):
        return
    if scheme.startswith(("postgres", "pgsql")):
        raise ValueError(f"{scheme!r} is not a supported database URL; did you mean 'postgresql://…'?")
    raise ValueError(
        f"{scheme!r} is not a supported database; write sqlite:///newsletter.db or postgresql://user:${{DATABASE_PASSWORD}}@host/name"
    )


def _check_database_url(url: str, info: ValidationInfo) -> str:
    parts, _ = _split_url(url)
    if parts.scheme == "postgresql" and parts.path.strip("/"):
        return url
    file = url.removeprefix("sqlite:///")
    if file == url or not file or file == ":memory:" or "?" in file:
        raise ValueError(
            "is not a supported database URL; write sqlite:///newsletter.db or postgresql://user:${DATABASE_PASSWORD}@host/name"
        )
    return f"sqlite:///{_folder(info) / file}"


def _parse_secret_text(value: object, info: ValidationInfo) -> SecretStr:
    """Return a line with its variables filled in."""
    if isinstance(value, SecretStr):
        return value
    return SecretStr(_fill_variables(parse_line(value), info))


def _parse_cookies(value: object, info: ValidationInfo) -> object:
    """Return names and values: of a mapping, or of one text as a browser's ``Cookie`` header has it."""
    if not isinstance(value, str):
        return value
    pairs = split_cookies(_fill_variables(parse_line(value), info))
    if not pairs:
        raise ValueError("is not 'name=value; name=value'")
    return {name: SecretStr(text) for name, text in pairs}


def _fill_variables(text: str, info: ValidationInfo) -> str:
    filled = _VARIABLE.sub(lambda found: _look_up(found[1], info), text)
    if filled != text and (clean_text(filled) != filled or len(filled.splitlines()) > 1):
        name = _VARIABLE.findall(text)[0]
        raise ValueError(f"the environment variable {name} must be one line without control characters")
    return filled


def _parse_proxy(value: object, info: ValidationInfo) -> SecretStr:
    """Return the address of a proxy. A variable inside of it is percent-encoded, one that is all of it is not."""
    text = parse_line(value)
    whole = _VARIABLE.fullmatch(text)
    parts, _ = _split_url(text)
    if parts.password and not _VARIABLE.search(parts.password):
        raise ValueError(
            "passwords do not belong in this file; write ${PROXY_PASSWORD} instead and set that environment variable"
        )
    filled = _VARIABLE.sub(lambda found: quote(_look_up(found[1], info), safe=""), text)
    url = _look_up(whole[1], info) if whole else filled
    if not is_proxy(url):
        raise ValueError("is not the address of a proxy; write http://host:port or https://host:port")
    return SecretStr(url)


def _parse_timeout(value: object) -> float:
    seconds = parse_duration(value).total_seconds()
    if seconds > _LONGEST_TIMEOUT_S:
        raise ValueError(f"{value!r} is out of range; use 1s to {_LONGEST_TIMEOUT_S // 60:.0f}m")
    return seconds


def _parse_accent(value: object) -> str:
    text = parse_line(value)
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise ValueError(f"{text!r} is not a colour; write it in quotes as '#b45309'")
    return text.lower()


def _parse_id(value: object) -> str:
    text = parse_line(value)
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", text):
        raise ValueError(
            f"{text!r} is not an id; use a-z, 0-9 and '-', at most 40 characters, like {make_slug(text) or 'papers'!r}"
        )
    return text


def make_slug(name: str) -> str:
    """Return a name in a-z, 0-9 and single ``-``, at most 40 characters; empty where nothing of it can be kept."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].rstrip("-")


def _look_up(variable: str, info: ValidationInfo) -> str:
    environ = _context(info)["environ"]
    value = str(environ.get(variable, ""))
    if not value:
        near = _find_nearest(variable, (name for name in environ if name != variable))
        advice = f"did you mean '{near}', which is set?" if near else "set it before starting"
        raise ValueError(f"the environment variable {variable} is not set; {advice}")
    return value


def _find_nearest(name: str, known: Iterable[str]) -> str:
    """Return the name that this one was most likely meant for, empty where none is near."""
    return next(iter(get_close_matches(name, list(known), n=1, cutoff=0.8)), "")


def _split_url(text: str) -> tuple[Any, str]:
    try:
        parts = urlsplit(text)
        return parts, parts.hostname or ""
    except ValueError:
        # A bracket that is not closed and the like.
        return urlsplit(""), ""


def _folder(info: ValidationInfo) -> Path:
    folder = _context(info)["file"].parent
    assert isinstance(folder, Path)
    return folder


def _context(info: ValidationInfo) -> Any:
    return info.context


def _check_security(value: Security, info: ValidationInfo) -> Security:
    check_security(value, info.data.get("host", "localhost"))
    return value


def _reveal(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


def _reveal_login(settings: RelaySettings | ImapSettings) -> dict[str, Any]:
    """Return the values of a server's settings, its secrets as texts."""
    oauth = settings.oauth.config if settings.oauth else None
    return {**dict(settings), "password": _reveal(settings.password), "oauth": oauth}


_Security = Annotated[Security, one_of(_PORTS), AfterValidator(_check_security)]
_SecretText = Annotated[SecretStr, BeforeValidator(_parse_secret_text)]
FilePath = Annotated[Path, BeforeValidator(_parse_path)]
Folder = Annotated[Path, BeforeValidator(_parse_folder)]


# --- the sections -------------------------------------------------------------------------


class NewsletterSettings(ConfigSection):
    """Who the newsletter is, as every mail says it."""

    name: Line = Field(description="the name readers see, such as Trending Papers")
    id: Annotated[str, BeforeValidator(_parse_id)] = Field(
        default_factory=lambda earlier: make_slug(earlier["name"]) or "newsletter"
    )
    sender: Annotated[Mailbox, BeforeValidator(_parse_mailbox)] = Field(
        alias="from", description="the sender, such as Trending Papers <digest@example.org>"
    )
    reply_to: Address | None = None
    leave_address: Address = Field(
        default_factory=lambda earlier: earlier["reply_to"] or earlier["sender"].address
    )
    bounce_address: Address = Field(default_factory=lambda earlier: earlier["sender"].address)
    postal_address: Line = ""
    accent: Annotated[str, BeforeValidator(_parse_accent)] = "#b45309"
    language: LanguageCode = "en"
    layout: Line = "cards"
    pictures: Switch = False

    @property
    def identity(self) -> Identity:
        given = dict(self)
        sender: Mailbox = given.pop("sender")
        return Identity(**given, from_name=sender.name or self.name, from_address=sender.address)


class DatabaseSettings(ConfigSection):
    """Where everything is kept."""

    url: Annotated[SecretStr, BeforeValidator(_parse_database_url)] = Field(
        default=SecretStr("sqlite:///newsletter.db"), validate_default=True
    )


class SubscribersSettings(ConfigSection):
    """The file of readers that the operator writes; None where there is none."""

    path: Annotated[Path | None, BeforeValidator(_parse_subscribers_path)] = Field(
        default=Path("subscribers.yaml"), validate_default=True
    )


class SourceSettings(ConfigSection):
    """Something to collect from."""

    kind: Annotated[str, one_of(SOURCE_KINDS)] = Field(description=f"one of {', '.join(SOURCE_KINDS)}")
    name: Line = Field(default_factory=lambda earlier: earlier["kind"])
    base_url: Annotated[str, BeforeValidator(_parse_base_url)] = ""
    location: Annotated[str, BeforeValidator(_parse_location)] = Field(default="", validate_default=True)
    listing_dates: Annotated[int, whole_number(1, 31)] = 7
    captured_on: Day | None = None
    categories: Annotated[tuple[str, ...], BeforeValidator(_parse_categories)] = ()
    authors: Annotated[tuple[str, ...], BeforeValidator(_parse_names)] = ()
    search: Line = ""
    days_back: Annotated[int, whole_number(1, 60)] = 7
    cross_lists: Switch = True
    sets: Annotated[tuple[str, ...], BeforeValidator(_parse_sets)] = ()
    metadata_prefix: Annotated[str, one_of(METADATA_PREFIXES)] = "oai_dc"
    headers: Mapping[str, _SecretText] = Field(default={})
    cookies: Annotated[Mapping[str, _SecretText], BeforeValidator(_parse_cookies)] = Field(default={})
    user_agent: Line = ""
    proxy: Annotated[SecretStr | None, BeforeValidator(_parse_proxy)] = None
    timeout_s: Annotated[float | None, BeforeValidator(_parse_timeout)] = Field(default=None, alias="timeout")

    @field_validator("headers", "cookies", "user_agent", "proxy", "timeout_s")
    @classmethod
    def _asks_the_web(cls, value: object, info: ValidationInfo) -> object:
        location = info.data.get("location")
        if location and "://" not in location:
            raise ValueError("does not apply to a file; remove it")
        return value

    @field_validator("base_url")
    @classmethod
    def _has_a_site(cls, value: str, info: ValidationInfo) -> str:
        kind = info.data.get("kind")
        if kind is not None and not KIND_OPTIONS[kind].site:
            raise ValueError(f"does not apply to {kind}, which has no site of its own; use 'location'")
        return value

    @field_validator("*")
    @classmethod
    def _is_for_this_kind(cls, value: object, info: ValidationInfo) -> object:
        kind = info.data.get("kind")
        others = [name for name, other in KIND_OPTIONS.items() if info.field_name in other.options]
        if kind is not None and others and kind not in others:
            raise ValueError(f"is only for {', '.join(others)}, not for {kind}; remove it")
        return value

    @model_validator(mode="after")
    def _asks_for_something(self) -> SourceSettings:
        needs = KIND_OPTIONS[self.kind].needs
        if needs and not self.location and not any(getattr(self, name) for name in needs):
            raise ValueError(f"selects nothing; {self.kind} needs {' or '.join(needs)}")
        return self

    @property
    def source(self) -> Source:
        given = dict(self)
        site = given.pop("base_url") or KIND_OPTIONS[self.kind].site
        location = self.location or site
        headers, cookies = (
            tuple((key, _reveal(text)) for key, text in given.pop(name).items())
            for name in ("headers", "cookies")
        )
        options = RequestOptions(
            home=location if headers or cookies else "",
            headers=headers,
            cookies=cookies,
            user_agent=given.pop("user_agent"),
            proxy=_reveal(given.pop("proxy")),
            timeout_s=given.pop("timeout_s"),
        )
        return Source(**{**given, "location": location, "request_options": options})


class SourcesFile(ConfigSection):
    """The file of further sources, which ``newsletter sources import`` writes."""

    sources: tuple[SourceSettings, ...] = Field(
        description="a list of sources as in config.yaml; [] for none"
    )


class FetchSettings(ConfigSection):
    """How sources are fetched."""

    allow_private_hosts: Switch = False
    arxiv_api: Annotated[str, BeforeValidator(_parse_base_url)] = KIND_OPTIONS["arxiv_papers"].site
    arxiv_repository: Annotated[str, BeforeValidator(_parse_base_url)] = ARXIV_REPOSITORY
    pictures: Switch = True


Password = Annotated[SecretStr, BeforeValidator(_parse_password)]


class OAuthSettings(ConfigSection):
    """Access tokens in place of a password (OAuth 2)."""

    token_url: Annotated[str, BeforeValidator(_parse_base_url)] = Field(
        description="where tokens come from, such as https://oauth2.googleapis.com/token"
    )
    client_id: Line = Field(description="the id of your application, as registered with the provider")
    client_secret: Password | None = None
    refresh_token: Password | None = None
    scope: Line = ""
    file: FilePath = Field(default=Path("oauth-tokens.json"), validate_default=True)

    @model_validator(mode="after")
    def _has_a_credential(self) -> OAuthSettings:
        if self.refresh_token is None and self.client_secret is None:
            raise ValueError("needs 'refresh_token', or 'client_secret' to log in as an application")
        return self

    @property
    def config(self) -> OAuthConfig:
        """The same, with the secrets: only for whoever asks for a token."""
        secrets = {"client_secret": _reveal(self.client_secret), "refresh_token": _reveal(self.refresh_token)}
        return OAuthConfig(**{**dict(self), **secrets})


def _stands_alone(password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
    """Check a login with access tokens: it has a username and no password beside them."""
    if password is not None:
        raise ValueError("is given beside 'oauth'; keep one of them")
    if info.data.get("username") == "":
        raise ValueError("is left out for 'oauth', which wants a 'username' beside it")
    return password


class RelaySettings(ConfigSection):
    """The SMTP server that takes our mail. TLS is required, except to this machine."""

    host: Annotated[str, BeforeValidator(_parse_host)] = Field(
        description="the name of your SMTP server, such as smtp.example.org"
    )
    security: _Security = "starttls"
    port: Annotated[int, whole_number(1, 65535)] = Field(
        default_factory=lambda earlier: _PORTS[earlier["security"]]
    )
    username: Line = ""
    oauth: OAuthSettings | None = None
    password: Password | None = Field(default=None, validate_default=True)
    auth: Annotated[Auth, one_of(get_args(Auth))] = "auto"
    connections: Annotated[int, whole_number(1, 64)] = 4
    messages_per_connection: Annotated[int, whole_number(1, 100_000)] = 100
    idle_s: Seconds = Field(default=30, alias="idle")
    per_second: Annotated[int, whole_number(1, 1000)] = 0
    per_day: Annotated[int, whole_number(1, 100_000_000)] = 0
    data_timeout_s: Seconds = Field(default=600, alias="answer_timeout")

    @property
    def config(self) -> RelayConfig:
        """The same, with the password: only for whoever connects."""
        return RelayConfig(**_reveal_login(self))

    @field_validator("password", mode="after")
    @classmethod
    def _goes_with_username(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        username = info.data.get("username")
        if info.data.get("oauth"):
            return _stands_alone(value, info)
        if value is None and username and "oauth" in info.data:
            raise ValueError(
                "is missing: with a username, write ${SMTP_PASSWORD} here and set that environment variable"
            )
        if value is not None and username == "":
            raise ValueError("is given without a username; add 'username', or remove the password")
        return value


class ImapSettings(ConfigSection):
    """A mailbox that is read over IMAP. TLS is required, except to this machine."""

    host: Annotated[str, BeforeValidator(_parse_host)] = Field(
        description="the name of your IMAP server, such as imap.example.org"
    )
    security: _Security = "tls"
    port: Annotated[int, whole_number(1, 65535)] = Field(
        default_factory=lambda earlier: _IMAP_PORTS[earlier["security"]]
    )
    username: Line = Field(description="the login name")
    oauth: OAuthSettings | None = None
    password: Password | None = Field(default=None, validate_default=True)
    folder: Line = "INBOX"

    @property
    def config(self) -> ImapConfig:
        """The same, with the password: only for whoever connects."""
        return ImapConfig(**_reveal_login(self))

    @field_validator("password", mode="after")
    @classmethod
    def _is_one_way_to_log_in(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if info.data.get("oauth"):
            return _stands_alone(value, info)
        if value is None and "oauth" in info.data:
            raise ValueError(
                "is missing: write the name of an environment variable that has it, as ${IMAP_PASSWORD}"
            )
        return value


class BounceSettings(ConfigSection):
    """Where bounces and complaints arrive: reports of what could not be delivered, complaints, automatic replies."""

    maildir: FilePath | None = None
    imap: ImapSettings | None = None
    tagged: Switch = True
    strikes: Annotated[int, Field(ge=1, le=100)] = DEFAULT_POLICY.strikes
    within: Duration = DEFAULT_POLICY.within
    hard: Literal["suppress", "strike"] = DEFAULT_POLICY.hard

    @model_validator(mode="after")
    def _has_one_place(self) -> BounceSettings:
        if (self.maildir is None) == (self.imap is None):
            raise ValueError("needs 'maildir' or 'imap', where reports arrive")
        return self


def _parse_topic_arn(value: object) -> str:
    text = parse_line(value)
    if not re.fullmatch(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[\w-]{1,256}", text):
        raise ValueError(
            f"{text!r} is no topic; write its ARN, as arn:aws:sns:eu-west-1:123456789012:bounces"
        )
    return text


def _parse_public_key(value: object) -> str:
    from newsletter.deliver.webhooks.sendgrid import parse_public_key  # dear to import, and few need it

    text = parse_line(value)
    parse_public_key(text)
    return text


class SesSettings(ConfigSection):
    """What Amazon SES tells by way of an SNS topic."""

    topic: Annotated[str, BeforeValidator(_parse_topic_arn)] = Field(description="the ARN of the SNS topic")


class MailgunSettings(ConfigSection):
    """What Mailgun tells."""

    signing_key: Password = Field(description="the HTTP webhook signing key, as ${MAILGUN_SIGNING_KEY}")


class SendgridSettings(ConfigSection):
    """What SendGrid tells."""

    public_key: Annotated[str, BeforeValidator(_parse_public_key)] = Field(
        description="the verification key that SendGrid shows"
    )


class WebhookSettings(ConfigSection):
    """Which mail providers may tell what became of mails."""

    ses: SesSettings | None = None
    mailgun: MailgunSettings | None = None
    postmark: Switch = False
    sendgrid: SendgridSettings | None = None
    generic: Switch = False

    @property
    def providers(self) -> tuple[str, ...]:
        """The names of those that are configured."""
        return tuple(name for name, value in self if value)


class AlertSettings(ConfigSection):
    """Whom to tell when something is wrong, and when."""

    to: Annotated[tuple[Address, ...], Field(min_length=1)] = Field(
        description="addresses, as [ops@example.org]"
    )
    late_after: Duration = timedelta(hours=1)


def _parse_web_url(value: object) -> str:
    """Return the public address of the web UI, without a slash at its end."""
    text = _parse_web_address(value).rstrip("/")
    parts, host = _split_url(text)
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError(f"{text!r} is not encrypted; write https:// (http:// only to this machine)")
    if parts.query or parts.fragment or not re.fullmatch(r"(?:/[a-z0-9._~-]+)*", parts.path):
        raise ValueError(f"{text!r} has more than host and path; write https://news.example.org/papers")
    return text


def _parse_listen(value: object) -> Listen:
    text = parse_line(value)
    host, _, port = text.rpartition(":")
    try:
        ipaddress.ip_address(host.strip("[]"))
        number = int(port)
    except ValueError as error:
        raise ValueError(f"{text!r} is not an address and port; write 127.0.0.1:8080") from error
    if not 0 <= number <= 65535:
        raise ValueError(f"{number} is not a port; use 1 to 65535")
    return Listen(host.strip("[]"), number)


def _parse_metrics_listen(value: object) -> Listen | None:
    return None if value == "off" else _parse_listen(value)


def _parse_proxies(value: object) -> tuple[str, ...]:
    names = _parse_names(value)
    for name in names:
        try:
            ipaddress.ip_network(name)
        except ValueError as error:
            raise ValueError(
                f"{name!r} is not an IP address or network; write 127.0.0.1 or 10.0.0.0/8"
            ) from error
    return names


class WebSettings(ConfigSection):
    """The web UI: where it is on the internet, and where it listens on this machine."""

    url: Annotated[str, BeforeValidator(_parse_web_url)] = Field(
        description="the public address, such as https://news.example.org"
    )
    listen: Annotated[Listen, BeforeValidator(_parse_listen)] = Listen("127.0.0.1", 8080)
    metrics_listen: Annotated[Listen | None, BeforeValidator(_parse_metrics_listen)] = Listen(
        "127.0.0.1", 9464
    )
    proxies: Annotated[tuple[str, ...], BeforeValidator(_parse_proxies)] = ("127.0.0.1", "::1")
    operators: tuple[Address, ...] = ()


class DkimSettings(ConfigSection):
    """Who signs: normally the relay does, then this section is left out."""

    key: FilePath = Field(description="the file of the private key in PEM form, such as dkim.pem")
    selector: Line = Field(description="the selector of the public key in the DNS, such as news2026")
    domain: Line = ""


def _parse_on_uncertain(value: object) -> dict[Kind, OnUncertain]:
    """Return what becomes of an uncertain mail of each kind, from one word for all of them or a word for some."""
    given: dict[object, object] = value if isinstance(value, dict) else dict.fromkeys(Kind, value)
    policies = dict.fromkeys(Kind, OnUncertain.RESEND_ONCE)
    for kind, policy in given.items():
        for word, known in ((kind, Kind), (policy, OnUncertain)):
            if word not in list(known):
                raise ValueError(f"{word!r} is unknown; {did_you_mean(str(word), map(str, known))}")
        policies[Kind(str(kind))] = OnUncertain(str(policy))
    return policies


class ScheduleSettings(ConfigSection):
    """How often we look, and what becomes of what was missed."""

    collect_every: Duration = timedelta(minutes=30)
    catch_up: Duration = timedelta(days=2)
    spread: Duration = timedelta()
    on_uncertain: Annotated[Mapping[Kind, OnUncertain], BeforeValidator(_parse_on_uncertain)] = Field(
        default=OnUncertain.RESEND_ONCE, validate_default=True
    )
    quiet_day: Annotated[QuietDay, one_of(QuietDay)] = QuietDay.SKIP

    @property
    def resend(self) -> frozenset[Kind]:
        """The kinds of mail of which an uncertain one is sent once more."""
        return frozenset(kind for kind, what in self.on_uncertain.items() if what is OnUncertain.RESEND_ONCE)


def _parse_processes(value: object) -> object:
    return None if value == "auto" else value


class SendSettings(ConfigSection):
    """How mails are sent. processes is None where there is to be one a core."""

    processes: Annotated[Annotated[int, whole_number(1, 256)] | None, BeforeValidator(_parse_processes)] = (
        Field(default=None)
    )


class RetentionSettings(ConfigSection):
    """How long we keep what is over. Counts are kept for ever."""

    content: Period = timedelta(days=30)
    deliveries: Period = timedelta(days=730)
    looks: Period = timedelta(days=90)


class Config(ConfigSection):
    """The whole configuration of one newsletter: checked, frozen, paths absolute, secrets filled in."""

    newsletter: NewsletterSettings = Field(
        description="the newsletter's identity: at least 'name' and 'from'"
    )
    sources: tuple[SourceSettings, ...] = Field(
        description="the sources of papers: a list with at least '- kind: hf_daily_papers'"
    )
    sources_file: FilePath = Field(default=Path(_SOURCES_FILE), validate_default=True)
    fetch: FetchSettings = FetchSettings()
    topics: tuple[Any, ...] = ()
    everything_else: EverythingElse = 0
    subscribers: SubscribersSettings = Field(default={}, validate_default=True)
    database: DatabaseSettings = Field(default={}, validate_default=True)
    relay: RelaySettings | None = None
    fallback_relays: tuple[RelaySettings, ...] = ()
    maildir: FilePath | None = None
    dkim: DkimSettings | None = None
    bounces: BounceSettings | None = None
    webhooks: WebhookSettings = WebhookSettings()
    alerts: AlertSettings | None = None
    web: WebSettings | None = None
    schedule: ScheduleSettings = ScheduleSettings()
    send: SendSettings = SendSettings()
    retention: RetentionSettings = RetentionSettings()
    templates: Folder | None = None
    contact: Line = ""

    _file: Path = PrivateAttr()
    _notes: tuple[str, ...] = PrivateAttr(default=())
    _samples: tuple[Problem, ...] = PrivateAttr(default=())
    _reserved: tuple[str, ...] = PrivateAttr(default=())

    @property
    def file(self) -> Path:
        return self._file

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd around this configuration, and harmless: the operator should be told once."""
        return self._notes

    @property
    def samples(self) -> tuple[Problem, ...]:
        """The values that are still samples: with them nothing may go to a relay."""
        return self._samples

    @property
    def reserved(self) -> tuple[str, ...]:
        """The values with a name that belongs to nobody, samples or not."""
        return self._reserved

    @property
    def folder(self) -> Path:
        """The folder that relative paths are resolved against."""
        return self._file.parent

    @property
    def strike_policy(self) -> StrikePolicy:
        """When mail to an address that fails ends."""
        of = self.bounces
        return StrikePolicy(of.strikes, of.within, of.hard) if of else DEFAULT_POLICY

    @property
    def source_list(self) -> tuple[Source, ...]:
        """The sources in the order of the files: config.yaml, then that of further sources."""
        sources = (settings.source for settings in self.sources)
        second = self.fetch.arxiv_repository
        return tuple(
            replace(source, second_location=second)
            if "second_location" in KIND_OPTIONS[source.kind].options
            else source
            for source in sources
        )

    @property
    def database_url(self) -> str:
        """The URL with its password: only for whoever connects."""
        return self.database.url.get_secret_value()

    @property
    def database_file(self) -> Path | None:
        """The file of SQLite, None for another database."""
        file = self.database_url.removeprefix("sqlite:///")
        return Path(file) if file != self.database_url else None

    @property
    def epoch_file(self) -> Path:
        """Where it is noted which state of the database has sent last."""
        file = self.database_file
        return file.with_name(f"{file.name}.epoch") if file else self.folder / "newsletter.epoch"

    @property
    def subscribers_path(self) -> Path | None:
        return self.subscribers.path

    @property
    def relays(self) -> tuple[RelayConfig, ...]:
        """The relays in the order of preference."""
        return tuple(relay.config for relay in (self.relay, *self.fallback_relays) if relay)

    @property
    def identity(self) -> Identity:
        """Who the newsletter is, for every mail."""
        return self.newsletter.identity

    @property
    def contact_text(self) -> str:
        """Where a site's owner reaches us: for the User-Agent."""
        return self.contact or self.newsletter.sender.address

    @field_validator("fallback_relays")
    @classmethod
    def _stand_in_for_one(cls, value: tuple[RelaySettings, ...], info: ValidationInfo) -> object:
        relay = info.data.get("relay")
        places = [(one.host, one.port) for one in (relay, *value) if one]
        if value and relay is None:
            raise ValueError("is a fallback for 'relay', which is missing; set 'relay' to the preferred one")
        if len(set(places)) < len(places):
            raise ValueError("names the same host and port twice; keep one of them")
        return value

    @field_validator("maildir")
    @classmethod
    def _is_the_only_way_out(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value and info.data.get("relay"):
            raise ValueError(
                "relay and maildir exclude each other; keep 'relay' to send, or 'maildir' to try things out"
            )
        return value

    def model_post_init(self, context: Any, /) -> None:
        self._file = context["file"]
        self._notes = context["notes"]
        self._samples = context["samples"]
        self._reserved = context["reserved"]


# --- loading ------------------------------------------------------------------------------


def load_config(path: Path, environ: Mapping[str, str], *, check_topics: CheckTopics | None = None) -> Config:
    """Return the configuration of a file. check_topics is by default the topic parser's own check.

    Raises ConfigError with everything that is wrong, in file order.
    """
    document = load_yaml(read_text(path), str(path))
    context = {
        "file": path.absolute(),
        "environ": environ,
        "notes": tuple(_word_unread_variables(document, environ)),
        "samples": tuple(find_samples(document)),
        "reserved": tuple(find_reserved(document)),
    }
    config, problems = validate(document, Config, context)
    problems += _find_equal_names(document)
    problems += _find_stray_variables(document)
    problems += find_odd_headers(document)
    if config is not None:
        config, found = _add_sources(config, document, context)
        problems += found
    if "topics" in document.value:
        problems += find_topic_problems(document, ("topics",), check_topics or _default_check())
    if config is None or problems:
        raise ConfigError(sorted(in_file_order(problems), key=lambda problem: problem.file != document.file))
    return config


def _add_sources(
    config: Config, document: Document, context: Mapping[str, Any]
) -> tuple[Config, list[Problem]]:
    """Return the configuration with the sources of the further file, where there is one, and the problems of both."""
    file = config.sources_file
    named = document.value.get("sources_file", _SOURCES_FILE) != _SOURCES_FILE
    if not file.exists():
        problems = [] if config.sources else [document.problem(("sources",), _NO_SOURCES)]
        if named:
            config._notes += (f"{file}: there is no such file; 'newsletter sources import' writes one",)
        return config, problems
    further = load_yaml(read_text(file), str(file))
    found, problems = validate(further, SourcesFile, context)
    names = {
        source.name: f"sources[{index}] of {config.file.name}" for index, source in enumerate(config.sources)
    }
    problems += _find_equal_names(further, names)
    problems += _find_stray_variables(further)
    problems += find_odd_headers(further)
    if found is None or problems:
        return config, problems
    both = (*config.sources, *found.sources)
    return config.model_copy(update={"sources": both}), (
        [] if both else [document.problem(("sources",), _NO_SOURCES)]
    )


def _default_check() -> CheckTopics:
    from newsletter.match.topics import parse_topics

    return parse_topics


def _find_equal_names(
    document: Document, others: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Problem]:
    """Yield the sources with the name of an earlier one; without a name a source has that of its kind. others has the
    places of names in another file."""
    sources = document.value.get("sources")
    seen = dict[Value, str](others)
    for index, source in enumerate(sources if isinstance(sources, list) else ()):
        name = source.get("name", source.get("kind")) if isinstance(source, dict) else None
        place = f"sources[{index}]"
        if isinstance(name, str) and seen.setdefault(name, place) != place:
            message = f"{seen[name]} has the name '{name}', too; give each source its own 'name'"
            yield document.problem(("sources", index, "name"), message)


def _find_stray_variables(document: Document) -> Iterator[Problem]:
    """Yield the places of ${NAME} where nothing would fill it in."""
    for steps, text in document.texts_below(()):
        found = _VARIABLE.search(text)
        anywhere = tuple(0 if isinstance(step, int) else step for step in steps)
        is_filled = any(anywhere[: len(place)] == place for place in _MAY_NAME_VARIABLES)
        if found and steps[0] != "topics" and not is_filled:
            message = (
                f"{found[0]} is not expanded here; only in passwords, tokens and database.url,"
                " and in headers, cookies and proxy of a source"
            )
            yield document.problem(steps, message)


def _word_unread_variables(document: Document, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a line on each NEWSLETTER_… variable that nothing reads: a slip of the pen, or meant for another file."""
    named = {name for _, text in document.texts_below(()) for name in _VARIABLE.findall(text)}
    for name in sorted(environ):
        if name.startswith("NEWSLETTER_") and name not in named and name not in KNOWN_VARIABLES:
            near = _find_nearest(name, [_CONFIG_VARIABLE, *sorted(named)])
            advice = f"; did you mean '{near}'?" if near else ""
            yield f"the environment variable {name} is set, but {document.file} does not use it{advice}"

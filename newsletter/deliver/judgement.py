"""Whose fault is it? What a mail server says about a mail → a judgement. Pure; the one place that answers this.

A reply of SMTP and a report that comes back are judged by one table: by the enhanced code (RFC 3463, RFC 5248 and the
IANA registry of enhanced status codes), by whose address or host the text names, and by its words (judgement_words).
Words weigh more than codes, because servers agree on words more often; but a reader is given up at once only where
both say that the mailbox is gone. What nobody can read counts as a strike at most.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from newsletter.deliver.judgement_words import Cause, find_cause, fold, names_sender
from newsletter.model.mail import Blame, SmtpReply, Weight


class Rule(NamedTuple):
    """A row of the table: whose fault a cause is, and what it weighs against the address."""

    blame: Blame
    weight: Weight


RULES: dict[Cause, Rule] = {
    Cause.GONE: Rule(Blame.RECIPIENT, Weight.GONE),
    Cause.NO_HOST: Rule(Blame.RECIPIENT, Weight.STRIKE),  # a resolver that is broken says so of everybody
    Cause.DISABLED: Rule(Blame.RECIPIENT, Weight.STRIKE),
    Cause.UNWANTED: Rule(Blame.RECIPIENT, Weight.STRIKE),
    Cause.FULL: Rule(Blame.RECIPIENT, Weight.NONE),
    Cause.SLOW: Rule(Blame.RECIPIENT, Weight.NONE),
    Cause.SENDER: Rule(Blame.US, Weight.NONE),
    Cause.HOST: Rule(Blame.US, Weight.NONE),
    Cause.AUTHENTICATION: Rule(Blame.US, Weight.NONE),
    Cause.ACCOUNT: Rule(Blame.US, Weight.NONE),
    Cause.RATE: Rule(Blame.US, Weight.NONE),
    Cause.POLICY: Rule(Blame.US, Weight.NONE),
    Cause.SIZE: Rule(Blame.MESSAGE, Weight.NONE),
    Cause.CONTENT: Rule(Blame.MESSAGE, Weight.NONE),
    Cause.UNREACHABLE: Rule(Blame.UNKNOWN, Weight.STRIKE),
    Cause.UNKNOWN: Rule(Blame.UNKNOWN, Weight.STRIKE),
}

CODES: tuple[tuple[str, Cause], ...] = (
    (r"1\.(?:1|3|6|10)", Cause.GONE),
    (r"1\.2", Cause.NO_HOST),
    (r"1\.(?:7|8)", Cause.SENDER),
    (r"1\.90", Cause.ACCOUNT),  # Exchange Online: the daily limit of recipients
    (r"2\.1", Cause.DISABLED),
    (r"2\.2", Cause.FULL),
    (r"2\.3", Cause.SIZE),
    (r"2\.12[0-3]", Cause.SLOW),  # Exchange Online: the recipient gets too much
    (r"2\.252", Cause.ACCOUNT),  # Exchange Online: SendAsDenied
    (r"3\.[12]", Cause.SLOW),
    (r"3\.4", Cause.SIZE),
    (r"4\.310", Cause.NO_HOST),  # Exchange Online: the domain does not exist
    (r"4\.\d+", Cause.UNREACHABLE),
    (r"6\.\d+", Cause.CONTENT),
    (r"7\.2", Cause.UNWANTED),
    (r"7\.(?:7|15)", Cause.CONTENT),
    (r"7\.(?:8|9|13|14|57|64)|7\.7\d\d", Cause.ACCOUNT),
    (r"7\.16", Cause.SIZE),
    (r"7\.1[78]", Cause.GONE),  # RFC 7293: the mailbox or the domain has another owner
    (r"7\.19", Cause.SLOW),
    (r"7\.(?:10|11|2[0-46]|29|3\d|509|515)", Cause.AUTHENTICATION),
    (r"7\.(?:25|5\d\d|6\d\d)", Cause.HOST),
    (r"7\.27", Cause.SENDER),
    (r"7\.28", Cause.RATE),
    (r"7\.1(?:2|24|3[3-6])", Cause.UNWANTED),  # Exchange: only some may write to this recipient
    (r"7\.\d+", Cause.POLICY),
)
"""Enhanced codes without their class, the first row that fits: RFC 3463, RFC 7293, RFC 7372, RFC 7505, RFC 8689 and the
IANA registry; Exchange Online has codes of its own."""

_DEFINITE = re.compile(r"1\.[78]|7\.2[0-79]|1\.90|2\.12\d|2\.252|7\.(?:57|12|124|13[3-6]|[5-7]\d\d)")
"""These mean one thing, whatever else the words may sound like."""
_FITS_GONE = re.compile(r"(?:[0-3]|5)\.0|1\.(?:1|2|3|4|6|10)|7\.1[78]|")
"""Codes that do not speak against a mailbox that is gone: those of that meaning, those without any, and none."""
_REPLIES = ((r"53[0-8]", Cause.ACCOUNT), (r"552", Cause.FULL))
"""SMTP codes that say something by themselves: RFC 4954, RFC 5321 section 4.2.3."""

_OF_AN_ADDRESS = frozenset({Cause.GONE, Cause.DISABLED, Cause.NO_HOST})

_ADDRESS = re.compile(r"[^\s<>()\[\]:;,\"']+@[a-z0-9][a-z0-9.-]*[a-z0-9]")
_HOST = re.compile(r"https?://\S+|(?:[a-z0-9_-]+\.){2,}[a-z]{2,}|(?<![\w.])[a-z0-9-]+\.[a-z]{2,}(?![\w.])")
_LISTED = re.compile(
    r"spamhaus|spamcop|sorbs|barracuda|uceprotect|cloudmark|proofpoint|abuseix|mailspike|\brbl|dnsbl|blacklist|blocklist"
)
_CODE = re.compile(r"(?<![\w.])#?[245]\.\d{1,3}\.\d{1,3}(?![.\d])|(?<![\w.-])[245]\d\d[ -](?!\d)")
_SAYS_NOTHING = re.compile(
    r"5\.1\.0 - unknown address error|5\.3\.0 - other mail system problem"
    r"|in reply to (?:rcpt to|mail from|end of data|data|helo|ehlo) command"
)
_ENHANCED_CODE = re.compile(r"#?([245]\.\d{1,3}\.\d{1,3})(?!\S)")
_MOST_CHARS = 2000


class Judgement(NamedTuple):
    """What a server's words mean: why, whose fault that is, and what it weighs against the address."""

    cause: Cause
    blame: Blame
    weight: Weight


def write_table() -> str:
    """Return the table as docs/operations.md shows it."""
    lines = ["| cause | whose fault | codes | against the address |", "|---|---|---|---|"]
    against = {
        Weight.NONE: "nothing",
        Weight.STRIKE: "a strike",
        Weight.GONE: "suppressed, if code and words agree",
    }
    for cause, rule in RULES.items():
        codes = (
            ", ".join(f"`{pattern}`" for pattern, of in CODES if of is cause)
            .replace("\\", "")
            .replace("|", "/")
        )
        lines.append(f"| {cause} | {rule.blame} | {codes or '–'} | {against[rule.weight]} |")
    return "\n".join(lines)


@lru_cache(maxsize=1024)
def judge(code: str, status: str, text: str, ours: str = "", theirs: str = "") -> Judgement:
    """Judge a failure that is final (5yz), or a report of one.

    code is that of SMTP and status the enhanced one, both empty where there is none; ours is the address that we sent
    from, theirs the one that we sent to. Text beyond the first 2,000 characters is not read.
    """
    said = _name_parties(fold(text[:_MOST_CHARS]), ours.lower(), theirs.lower())
    spoken = find_cause(said)
    detail = status.partition(".")[2]
    coded = _look_up(CODES, detail) or _look_up(_REPLIES, code)
    if coded and _DEFINITE.fullmatch(detail):
        return weigh(coded)
    if spoken in _OF_AN_ADDRESS and "ouraddress" in said and "theiraddress" not in said:
        return weigh(Cause.SENDER)
    if spoken is Cause.GONE and not _is_sure(code, status, said):
        return Judgement(Cause.GONE, Blame.RECIPIENT, Weight.STRIKE)
    if spoken:
        return weigh(spoken)
    if coded is Cause.GONE and detail not in ("7.17", "7.18"):
        return Judgement(Cause.GONE, Blame.RECIPIENT, Weight.STRIKE)
    return weigh(coded or Cause.UNKNOWN)


def judge_reply(reply: SmtpReply) -> Judgement:
    """Judge a 5yz reply to a message, or to its MAIL or RCPT."""
    found = _ENHANCED_CODE.match(reply.text)
    envelope = reply.envelope
    return judge(
        f"{reply.code:03}",
        found[1] if found else "",
        reply.text,
        envelope.mail_from if envelope else "",
        envelope.rcpt_to if envelope else "",
    )


def _look_up(table: tuple[tuple[str, Cause], ...], code: str) -> Cause | None:
    return next((cause for pattern, cause in table if re.fullmatch(pattern, code)), None)


def weigh(cause: Cause) -> Judgement:
    """Return the judgement of a cause."""
    return Judgement(cause, *RULES[cause])


def _is_sure(code: str, status: str, said: str) -> bool:
    """Tell whether nothing speaks against what the words say: that the mailbox is gone."""
    names_another = "otheraddress" in said and "theiraddress" not in said
    is_final = not status.startswith("4.") and re.fullmatch(r"5[1245]\d|", code) is not None
    return (
        is_final
        and not names_another
        and not names_sender(said)
        and _FITS_GONE.fullmatch(status.partition(".")[2]) is not None
    )


def _name_parties(text: str, ours: str, theirs: str) -> str:
    """Return a folded text with who is named in it in place of addresses and hosts, and without codes."""
    our_domain, their_domain = ours.rpartition("@")[2], theirs.rpartition("@")[2]
    our_local = ours.rpartition("@")[0].partition("+")[0]

    def name_address(found: re.Match[str]) -> str:
        address = found[0]
        if address == theirs:
            return " theiraddress "
        local, _, domain = address.rpartition("@")
        if our_domain and (address == ours or (our_local in local and domain == our_domain)):
            return " ouraddress "
        is_wrapped = our_domain and f"={our_domain}=" in local  # SRS: our address inside of another
        if is_wrapped or (our_domain and domain == our_domain != their_domain):
            return " ouraddress "
        return " theiraddress " if not theirs or domain == their_domain else " otheraddress "

    def name_host(found: re.Match[str]) -> str:
        host = found[0]
        if _LISTED.search(host):
            return " blocklisthost "
        if host.startswith("resolver.") or "exception" in host:  # Exchange's names of what happened
            return host
        if host == their_domain:
            return " theirdomain "
        if our_domain and (host == our_domain or host.endswith(f".{our_domain}")):
            return " ourdomain "
        return " otherhost "

    text = _SAYS_NOTHING.sub(" ", text)
    text = _CODE.sub(" ", _HOST.sub(name_host, _ADDRESS.sub(name_address, text)))
    return " ".join(re.sub(r"[<>\"\[\]]", " ", text).split())

"""What the DNS should say so that mail arrives, and what is missing. Pure: records in, findings out.

Sources: RFC 7208 (SPF), 6376 (DKIM), 7489 (DMARC), 5321 section 5.1 and 7505 (MX).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

_LOOKUPS = re.compile(r"^[+?~-]?(?:include:|a\b|mx\b|ptr\b|exists:)|^redirect=", re.IGNORECASE)
_MOST_LOOKUPS = 10  # RFC 7208 section 4.6.4
_ALL = re.compile(r"^([+?~-]?)all$", re.IGNORECASE)
_TAG = re.compile(r"\s*([a-z]+)\s*=\s*([^;]*)", re.IGNORECASE)


class Verdict(StrEnum):
    """How serious a finding is."""

    GOOD = "good"
    HINT = "hint"
    MISSING = "missing"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about the DNS. advice is the record to publish, or what to do; empty where all is well."""

    verdict: Verdict
    what: str
    advice: str = ""


def judge_spf(domain: str, texts: Sequence[str], relay: str) -> Finding:
    """Judge the SPF record of the domain that bounces go to, from its TXT records. relay is our relay's host."""
    found = [text for text in texts if re.match(r"v=spf1(?:\s|$)", text, re.IGNORECASE)]
    if not found:
        advice = f'{domain} TXT "v=spf1 include:{relay} -all"  (or as your relay documents it)'
        return Finding(Verdict.MISSING, f"SPF: {domain} has no SPF record", advice)
    if len(found) > 1:
        return Finding(Verdict.WRONG, f"SPF: {domain} has {len(found)} records", "keep exactly one of them")
    terms = found[0].split()[1:]
    lookups = sum(_LOOKUPS.match(term) is not None for term in terms)
    if lookups > _MOST_LOOKUPS:
        advice = f"receivers stop at {_MOST_LOOKUPS}; remove what you do not use"
        return Finding(Verdict.WRONG, f"SPF: {domain} needs {lookups} lookups", advice)
    ends = [match[1] or "+" for term in terms if (match := _ALL.match(term))]
    if "+" in ends:
        return Finding(
            Verdict.WRONG, f"SPF: {domain} allows everybody to send (+all)", "end it with -all or ~all"
        )
    if not ends and not any(term.lower().startswith("redirect=") for term in terms):
        return Finding(
            Verdict.HINT, f"SPF: {domain} has no rule for other senders", "end it with -all or ~all"
        )
    return Finding(Verdict.GOOD, f"SPF: {domain} {found[0]}")


def judge_dkim(name: str, texts: Sequence[str], wanted: str) -> Finding:
    """Judge the DKIM record under ``name``. wanted is what it must say for the key that we sign with."""
    keys = [text for text in texts if "p" in read_tags(text)]
    if not keys:
        return Finding(Verdict.MISSING, f"DKIM: {name} does not exist", f'{name} TXT "{wanted}"')
    tags = read_tags(keys[0])
    if re.sub(r"\s", "", tags["p"]) != re.sub(r"\s", "", read_tags(wanted)["p"]):
        return Finding(Verdict.WRONG, f"DKIM: {name} has a different key", f'{name} TXT "{wanted}"')
    if "y" in tags.get("t", "").split(":"):
        return Finding(Verdict.HINT, f"DKIM: {name} is in test mode (t=y)", "remove t=y")
    return Finding(Verdict.GOOD, f"DKIM: {name} has our key")


def judge_dmarc(domain: str, texts: Sequence[str], aligned: bool) -> Finding:
    """Judge the DMARC record of the From domain. aligned: its domain is that of the bounce address or of DKIM."""
    name = f"_dmarc.{domain}"
    found = [text for text in texts if re.match(r"v\s*=\s*DMARC1", text, re.IGNORECASE)]
    if not found:
        advice = f'{name} TXT "v=DMARC1; p=none; rua=mailto:dmarc@{domain}"'
        return Finding(Verdict.MISSING, f"DMARC: {name} does not exist", advice)
    if len(found) > 1:
        return Finding(Verdict.WRONG, f"DMARC: {name} has {len(found)} records", "keep exactly one of them")
    policy = read_tags(found[0]).get("p", "").lower()
    if policy not in ("none", "quarantine", "reject"):
        return Finding(
            Verdict.WRONG, f"DMARC: {name} has no policy", "write p=none, p=quarantine or p=reject"
        )
    if not aligned:
        advice = "set bounce_address, or dkim.domain, to the domain of From"
        return Finding(
            Verdict.HINT, f"DMARC: neither the bounce address nor DKIM is aligned with {domain}", advice
        )
    if policy == "none":
        return Finding(Verdict.HINT, f"DMARC: {name} only monitors (p=none)", "later: p=quarantine")
    return Finding(Verdict.GOOD, f"DMARC: {name} {found[0]}")


def judge_mx(what: str, domain: str, hosts: Sequence[str]) -> Finding:
    """Judge whether mail to an address of ours (bounces, answers, unsubscribing) can arrive."""
    if not hosts:
        advice = f"{domain} MX 10 mail.{domain}"
        return Finding(Verdict.MISSING, f"MX: no server accepts mail for {domain} ({what})", advice)
    if list(hosts) == ["."]:
        advice = "use a domain that accepts mail"
        return Finding(Verdict.WRONG, f"MX: {domain} declares that it accepts no mail ({what})", advice)
    return Finding(Verdict.GOOD, f"MX: {domain} accepts mail ({what})")


def read_tags(text: str) -> Mapping[str, str]:
    """Return the tags of a record such as ``v=DKIM1; p=…``, names in lower case."""
    return {found[1].lower(): found[2].strip() for part in text.split(";") if (found := _TAG.match(part))}

"""I/O: what the DNS says about our domains, asked for and judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import dns.asyncresolver
import dns.exception
import dns.resolver

from newsletter.deliver.dns_records import Finding, Verdict, judge_dkim, judge_dmarc, judge_mx, judge_spf

if TYPE_CHECKING:
    from newsletter.deliver.dkim import DkimKey
    from newsletter.model.mail import Identity

_TIMEOUT_S = 5.0


async def check_dns(
    identity: Identity, dkim: DkimKey | None, relay: str, nameserver: tuple[str, int] | None = None
) -> list[Finding]:
    """Return what the DNS lacks for mail of this newsletter. nameserver: ask this one, not the system's."""
    resolver = dns.asyncresolver.Resolver(configure=nameserver is None)
    if nameserver is not None:
        resolver.port = nameserver[1]  # before the servers, which take it from here
        resolver.nameservers = [nameserver[0]]
    bounce_domain = _domain(identity.bounce_address)
    findings: list[Finding] = []

    async def judge(name: str, kind: str, decide: Callable[[Sequence[str]], Finding]) -> None:
        try:
            findings.append(decide(await _ask(resolver, name, kind)))
        except dns.exception.DNSException as error:
            findings.append(
                Finding(Verdict.HINT, f"{kind} of {name} could not be looked up: {error}", "try again")
            )

    await judge(bounce_domain, "TXT", lambda texts: judge_spf(bounce_domain, texts, relay))
    if dkim is not None:
        await judge(dkim.dns_name, "TXT", lambda texts: judge_dkim(dkim.dns_name, texts, dkim.dns_record))
    aligned = bounce_domain == identity.domain or dkim is not None
    await judge(
        f"_dmarc.{identity.domain}", "TXT", lambda texts: judge_dmarc(identity.domain, texts, aligned)
    )
    for what, address in (("bounces", identity.bounce_address), ("leaving", identity.leave_address)):
        domain = _domain(address)
        await judge(domain, "MX", partial(judge_mx, what, domain))
    return findings


async def _ask(resolver: dns.asyncresolver.Resolver, name: str, kind: str) -> Sequence[str]:
    """Return the records of a name: none where there are none. Raises DNSException where nobody answers."""
    try:
        answer = await resolver.resolve(name, kind, lifetime=_TIMEOUT_S)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    if kind == "TXT":
        return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
    return [str(record.exchange) for record in answer]


def _domain(address: str) -> str:
    return address.rpartition("@")[2]

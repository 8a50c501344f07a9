from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar, cast

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.deliver.dns_lookup import check_dns
from newsletter.deliver.dns_records import Verdict, judge_dkim, judge_dmarc, judge_mx, judge_spf, read_tags
from tests.support.builders import make_identity

KEY = "v=DKIM1; k=rsa; p=MIIB"


@pytest.mark.parametrize(
    ("texts", "verdict"),
    [
        ([], Verdict.MISSING),
        (["google-site-verification=x"], Verdict.MISSING),
        (["v=spf1 include:relay.example.org -all"], Verdict.GOOD),
        (["v=spf1 ip4:192.0.2.1 ~all"], Verdict.GOOD),
        (["v=spf1 redirect=_spf.example.org"], Verdict.GOOD),
        (["v=spf1 mx"], Verdict.HINT),
        (["v=spf1 +all"], Verdict.WRONG),
        (["v=spf1 all"], Verdict.WRONG),
        (["v=spf1 -all", "v=spf1 mx -all"], Verdict.WRONG),
        (["v=spf1 " + "include:a.example.org " * 11 + "-all"], Verdict.WRONG),
    ],
)
def test_spf(texts: list[str], verdict: Verdict) -> None:
    finding = judge_spf("example.org", texts, "relay.example.org")

    assert finding.verdict is verdict
    assert bool(finding.advice) is (verdict is not Verdict.GOOD)


@pytest.mark.parametrize(
    ("texts", "verdict"),
    [
        ([], Verdict.MISSING),
        ([KEY], Verdict.GOOD),
        (["k=rsa; p=MI IB"], Verdict.GOOD),
        (["v=DKIM1; p=other"], Verdict.WRONG),
        ([KEY + "; t=y"], Verdict.HINT),
    ],
)
def test_dkim(texts: list[str], verdict: Verdict) -> None:
    assert judge_dkim("s1._domainkey.example.org", texts, KEY).verdict is verdict


@pytest.mark.parametrize(
    ("texts", "aligned", "verdict"),
    [
        ([], True, Verdict.MISSING),
        (["v=DMARC1; p=reject"], True, Verdict.GOOD),
        (["v=DMARC1; p=none; rua=mailto:d@example.org"], True, Verdict.HINT),
        (["v=DMARC1; p=reject"], False, Verdict.HINT),
        (["v=DMARC1; rua=mailto:d@example.org"], True, Verdict.WRONG),
        (["v=DMARC1; p=none", "v=DMARC1; p=none"], True, Verdict.WRONG),
    ],
)
def test_dmarc(texts: list[str], aligned: bool, verdict: Verdict) -> None:
    assert judge_dmarc("example.org", texts, aligned).verdict is verdict


def test_mx() -> None:
    assert judge_mx("bounces", "example.org", []).verdict is Verdict.MISSING
    assert judge_mx("bounces", "example.org", ["."]).verdict is Verdict.WRONG
    assert judge_mx("bounces", "example.org", ["mx.example.org."]).verdict is Verdict.GOOD


@given(st.lists(st.text(max_size=200), max_size=3))
def test_any_text_in_the_dns_is_judged(texts: Sequence[str]) -> None:
    judge_spf("example.org", texts, "relay")
    judge_dkim("s._domainkey.example.org", texts, KEY)
    judge_dmarc("example.org", texts, True)
    for text in texts:
        read_tags(text)


class _Zone(asyncio.DatagramProtocol):
    """A name server on this machine with a few records."""

    records: ClassVar = {
        ("news.example.org.", "TXT"): ['"v=spf1 " "-all"'],
        ("_dmarc.news.example.org.", "TXT"): ['"v=DMARC1; p=quarantine"'],
        ("news.example.org.", "MX"): ["10 mx.example.org."],
    }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The one that asyncio makes is not a DatagramTransport by its class.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        (question,) = query.question
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        kind = dns.rdatatype.to_text(question.rdtype)
        found = self.records.get((str(question.name), kind))
        if found:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *found))
        self._transport.sendto(answer.to_wire(), address)


async def test_a_name_server_is_asked_and_its_answers_judged() -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(_Zone, local_addr=("127.0.0.1", 0))
    try:
        port = transport.get_extra_info("sockname")[1]
        identity = make_identity()
        findings = await check_dns(identity, None, "relay.example.org", ("127.0.0.1", port))
    finally:
        transport.close()

    assert {finding.what.split(":")[0] for finding in findings} == {"SPF", "DMARC", "MX"}
    assert all(finding.verdict is Verdict.GOOD for finding in findings), findings

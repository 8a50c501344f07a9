"""An event of a provider → the report that a mail would have been, judged by the same table. Pure.

Words of the server that refused come first. Where a provider passes none on, what it calls the failure itself counts;
that is never enough to give a reader up at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from newsletter.deliver.judgement import Judgement, judge, weigh
from newsletter.deliver.judgement_words import Cause
from newsletter.deliver.webhooks.event import Happened, ProviderEvent
from newsletter.model.mail import Blame, Weight
from newsletter.model.reports import BounceReport, ReportedRecipient, ReportKind

_KINDS = {
    Happened.COMPLAINED: ReportKind.COMPLAINT,
    Happened.UNSUBSCRIBED: ReportKind.UNSUBSCRIBE,
    Happened.DELIVERED: ReportKind.DELIVERED,
    Happened.DELAYED: ReportKind.SOFT,
    Happened.BOUNCED: ReportKind.HARD,
}
_CLASSIFIED: Mapping[str, Cause] = {
    # Amazon SES: the subtypes of bounces, and the kinds of delays
    "noemail": Cause.GONE,
    "suppressed": Cause.DISABLED,
    "onaccountsuppressionlist": Cause.DISABLED,
    "mailboxfull": Cause.FULL,
    "messagetoolarge": Cause.SIZE,
    "contentrejected": Cause.CONTENT,
    "attachmentrejected": Cause.CONTENT,
    # Mailgun: reasons
    "suppress-bounce": Cause.DISABLED,
    "espblock": Cause.POLICY,
    # Postmark: types of bounces
    "hardbounce": Cause.GONE,
    "bademailaddress": Cause.GONE,
    "blocked": Cause.POLICY,  # also SendGrid's type of bounce
    "spamnotification": Cause.CONTENT,
    "virusnotification": Cause.CONTENT,
    "dmarcpolicy": Cause.AUTHENTICATION,
    "manuallydeactivated": Cause.DISABLED,
    "unconfirmed": Cause.DISABLED,
    "smtpapierror": Cause.ACCOUNT,
    "templaterenderingfailed": Cause.CONTENT,
    # SendGrid: classifications of bounces, and reasons of what it drops
    "invalid address": Cause.GONE,
    "mailbox unavailable": Cause.DISABLED,
    "content": Cause.CONTENT,
    "spam content": Cause.CONTENT,
    "reputation": Cause.POLICY,
    "frequency or volume too high": Cause.RATE,
    "technical": Cause.UNREACHABLE,
    "bounced address": Cause.DISABLED,
    "invalid": Cause.GONE,
}
_NONE = Judgement(Cause.UNKNOWN, Blame.UNKNOWN, Weight.NONE)
_CODE = re.compile(r"(?<![\d.])([245][0-5]\d)(?=[ -]|$)")


def build_report(event: ProviderEvent, ours: str = "") -> BounceReport:
    """Return the report that says what an event says. ours is the address that we sent from."""
    kind = _KINDS[event.happened]
    judgement = _judge(event, ours) if event.happened is Happened.BOUNCED else _NONE
    recipient = ReportedRecipient(
        address=event.recipient,
        kind=kind,
        status=event.status,
        diagnostic=event.diagnostic or event.classification,
        blame=judgement.blame,
        weight=judgement.weight,
        is_final=event.happened is not Happened.DELAYED,
    )
    number = event.message_id.strip("<> ")
    return BounceReport(
        kind=kind,
        recipients=(recipient,),
        message_ids=(f"<{number}>",) if number else (),
        proofs=(event.return_path,) if event.return_path else (),
        is_standard=True,
    )


def _judge(event: ProviderEvent, ours: str) -> Judgement:
    code = _CODE.search(event.diagnostic)
    judgement = judge(code[1] if code else "", event.status, event.diagnostic, ours, event.recipient)
    if judgement.cause is not Cause.UNKNOWN:
        return judgement
    for name, cause in _CLASSIFIED.items():
        if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", event.classification.lower()) or (
            event.diagnostic.lower() == name
        ):
            found = weigh(cause)
            return found._replace(weight=Weight.STRIKE) if found.weight is Weight.GONE else found
    return judgement

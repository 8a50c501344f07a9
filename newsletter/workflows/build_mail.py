"""Build mail: a digest becomes the very bytes that go out, and what the ledger keeps of them.

Preview, send and retry all come through here, so they cannot differ. No I/O.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from newsletter.compose.frozen import freeze_digest, thaw_digest
from newsletter.deliver.dkim import DkimKey
from newsletter.deliver.message import build_message, build_message_id, write_mailto
from newsletter.model import (
    Digest,
    EmailAddress,
    Envelope,
    Frozen,
    Identity,
    Kind,
    Links,
    Notice,
    Rendered,
    Subscriber,
)
from newsletter.render import (
    Bundle,
    CompiledBundle,
    choose_look,
    compile_bundle,
    render_digest,
    render_notice,
)


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail, ready to go. rendered is what its message says, for people to look at."""

    rendered: Rendered
    message: bytes
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class DigestMail(Mail):
    """The mail of a digest, and what the ledger keeps of it."""

    digest: Digest
    frozen: Frozen


class MailBuilder:
    """Renders digests with one compiled bundle of templates. secret makes Message-IDs unguessable.

    With dkim every message is signed.
    """

    def __init__(
        self, templates: CompiledBundle, identity: Identity, secret: bytes, dkim: DkimKey | None = None
    ) -> None:
        self._dkim = dkim
        self._templates = templates
        self._identity = identity
        self._secret = secret
        self._former: dict[str, CompiledBundle] = {}

    def build(self, digest: Digest, reader: Subscriber, address: EmailAddress) -> DigestMail:
        """Return the mail of a digest to ``address`` (the reader's own, or the operator's for a trial)."""
        return self._build(self._templates, digest, reader, address)

    def build_notice(self, notice: Notice, kind: Kind, reader: Subscriber, at: datetime) -> Mail:
        """Return a mail that is no digest. Only one about a subscription that stands can be left from."""
        links = build_links(self._identity) if kind is Kind.CHANGED else None
        language = reader.language or self._identity.language
        rendered = render_notice(self._templates, notice, language, self._identity, links)
        message, envelope = build_message(
            rendered,
            reader.address,
            reader.name,
            self._identity,
            kind=kind,
            key=at.isoformat(),
            recipient=reader.id,
            date=at,
            secret=self._secret,
            links=links,
            language=language,
            dkim=self._dkim,
        )
        return Mail(rendered, message, envelope)

    def rebuild(self, frozen: Frozen, reader: Subscriber) -> DigestMail:
        """Return a mail as it was frozen: its entries, address and templates of that time.

        Its bytes are those of the first attempt (equal content_hash) unless the code has changed since.
        """
        templates = self._templates
        if frozen.bundle_hash != templates.bundle.hash:
            if frozen.bundle_hash not in self._former:
                self._former[frozen.bundle_hash] = compile_bundle(
                    Bundle.from_json(frozen.bundle_json), self._identity
                )
            templates = self._former[frozen.bundle_hash]
        digest = thaw_digest(frozen.digest_json, frozen.cards)
        return self._build(templates, digest, reader, frozen.address)

    def _build(
        self, templates: CompiledBundle, digest: Digest, reader: Subscriber, address: EmailAddress
    ) -> DigestMail:
        digest = choose_look(templates, digest, reader, self._identity)
        links = build_links(self._identity)
        rendered = render_digest(templates, digest, reader, self._identity, links)
        key = digest.slot.local_on.isoformat()
        message, envelope = build_message(
            rendered,
            address,
            reader.name,
            self._identity,
            kind=Kind.DIGEST,
            key=key,
            recipient=reader.id,
            date=digest.slot.at,
            secret=self._secret,
            links=links,
            language=digest.language,
            dkim=self._dkim,
        )
        digest_json, cards = freeze_digest(digest)
        frozen = Frozen(
            digest_json=digest_json,
            cards=cards,
            bundle_hash=templates.bundle.hash,
            bundle_json=templates.bundle.json,
            content_hash=hashlib.sha256(message).hexdigest(),
            message_id=build_message_id(self._identity, Kind.DIGEST, key, reader.id, self._secret),
            address=address,
            window=digest.window,
            size_bytes=len(message),
            entry_ids=tuple(
                [
                    (item.entry_id, section.topic, True)
                    for section in digest.sections
                    for item in section.items
                ]
                + [(entry, section.topic, False) for section in digest.sections for entry in section.overflow]
            ),
        )
        return DigestMail(rendered, message, envelope, digest, frozen)


def build_links(identity: Identity) -> Links:
    """Return where a reader's mail leads: without a web face, to mails that ask the operator."""
    return Links(
        leave=write_mailto(identity.leave_address, "unsubscribe"),
        change=write_mailto(identity.leave_address, "change topics"),
    )

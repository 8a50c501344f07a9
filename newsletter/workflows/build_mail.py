"""Build mail: a digest becomes the very bytes that go out, and what the ledger keeps of them.

Preview, send and retry all come through here, so they cannot differ. No I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from newsletter.address import is_same_address
from newsletter.compose.snapshot import dump_digest, parse_digest, parse_notice
from newsletter.deliver.message import (
    Letter,
    Message,
    build_message,
    build_message_id,
    hash_message,
    is_same_message,
    write_leave_mailto,
    write_mailto,
)
from newsletter.model.ledger import Delivery, Kind, Snapshot
from newsletter.model.mail import Envelope, Identity, Links, Rendered
from newsletter.model.readers import NOBODY, EmailAddress, Subscriber
from newsletter.render import (
    Bundle,
    CompiledBundle,
    choose_look,
    compile_bundle,
    render_digest,
    render_notice,
)

if TYPE_CHECKING:
    from newsletter.deliver.dkim import DkimKey
    from newsletter.model.digest import Digest, Window
    from newsletter.model.entries import EntryId
    from newsletter.signing import Secret
    from newsletter.web_links import WebLinks


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail, ready to go. rendered is what its message says, for people to look at."""

    rendered: Rendered
    message: bytes
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class LedgerMail(Mail):
    """A mail that the ledger knows, and what is kept of it."""

    snapshot: Snapshot

    def is_as_frozen(self, former: Snapshot) -> bool:
        """Say whether this is the very message that was frozen at a former attempt."""
        return is_same_message(self.message, self.snapshot.content_hash, former.content_hash)


@dataclass(frozen=True, slots=True)
class DigestMail(LedgerMail):
    """The mail of a digest."""

    digest: Digest


class MailBuilder:
    """Renders digests with one compiled bundle of templates. secret makes Message-IDs unguessable.

    With dkim every message is signed. With web the mails lead to its pages, else to mails to the operator.
    """

    def __init__(
        self,
        templates: CompiledBundle,
        identity: Identity,
        secret: Secret,
        dkim: DkimKey | None = None,
        web: WebLinks | None = None,
    ) -> None:
        self._dkim = dkim
        self._web = web
        self._templates = templates
        self._identity = identity
        self._secret = secret
        self._former: dict[str, CompiledBundle] = {}

    def build(self, digest: Digest, reader: Subscriber) -> DigestMail:
        """Return the mail of a digest to its reader."""
        return self._build_digest(self._templates, digest, reader, reader.address)

    def build_test(
        self, digest: Digest, reader: Subscriber, address: EmailAddress, now: datetime
    ) -> DigestMail:
        """Return a reader's digest as a test to ``address``. Each has a Message-ID of its own, or else a mail program
        would take the real one for a second copy and hide it.

        Whoever tries another one's digest must not leave, or change anything, in their name: its links are nobody's.
        """
        if not is_same_address(address, reader.address):
            reader = replace(reader, id=NOBODY)
        return self._build_digest(self._templates, digest, reader, address, f"test {now.isoformat()}")

    def build_notice(self, delivery: Delivery, reader: Subscriber) -> LedgerMail:
        """Return the mail of a queued notice; a later attempt at it has the templates of the first one.

        Only one about a subscription that stands can be left from. delivery.address is where it goes.
        """
        notice, language = parse_notice(delivery.content_json)
        address = delivery.address or reader.address
        reader = replace(
            reader, address=address
        )  # a former mailbox gets no link that opens what the new one has
        templates = self._choose_templates(delivery.snapshot) if delivery.snapshot else self._templates
        links = self._build_links(reader) if delivery.kind is Kind.CHANGED else None
        rendered = render_notice(templates, notice, language, self._identity, links)
        letter = self._address(delivery.kind, delivery.key, reader, address, delivery.slot_at)
        message, envelope = self._build(rendered, letter, links, language)
        sent = message.to_bytes()
        content = _Content(delivery.content_json)
        snapshot = self._freeze(templates, letter, hash_message(message, sent), len(sent), content)
        return LedgerMail(rendered, sent, envelope, snapshot)

    def _choose_templates(self, snapshot: Snapshot) -> CompiledBundle:
        """Return the templates that a mail was frozen with."""
        if snapshot.bundle_hash == self._templates.bundle.hash:
            return self._templates
        if snapshot.bundle_hash not in self._former:
            self._former[snapshot.bundle_hash] = compile_bundle(
                Bundle.from_json(snapshot.bundle_json), self._identity
            )
        return self._former[snapshot.bundle_hash]

    def _build_links(self, reader: Subscriber, edition: date | None = None) -> Links:
        return build_links(self._identity, self._web, reader, self._secret, edition)

    def rebuild(self, snapshot: Snapshot, reader: Subscriber) -> DigestMail:
        """Return a mail as it was frozen: its entries, address and templates of that time.

        Its bytes are those of the first attempt (equal content_hash) unless the code has changed since.
        """
        templates = self._choose_templates(snapshot)
        digest = parse_digest(snapshot.content_json, snapshot.cards)
        # A former mailbox gets no link that opens what the new one has.
        reader = replace(reader, address=snapshot.address)
        return self._build_digest(templates, digest, reader, snapshot.address)

    def _build_digest(
        self,
        templates: CompiledBundle,
        digest: Digest,
        reader: Subscriber,
        address: EmailAddress,
        key: str = "",
    ) -> DigestMail:
        """Return the mail of a digest. key names it, by default after the date of its edition."""
        digest = choose_look(templates, digest, reader, self._identity)
        slot = digest.slot
        links = self._build_links(reader, slot.local_on)
        rendered = render_digest(templates, digest, reader, self._identity, links)
        key = key or slot.local_on.isoformat()
        letter = self._address(Kind.DIGEST, key, reader, address, slot.at)
        message, envelope = self._build(rendered, letter, links, digest.language)
        sent = message.to_bytes()
        content = _content_of(digest)
        snapshot = self._freeze(templates, letter, hash_message(message, sent), len(sent), content)
        return DigestMail(rendered, sent, envelope, snapshot, digest)

    def _address(
        self, kind: Kind, key: str, reader: Subscriber, address: EmailAddress, date: datetime
    ) -> Letter:
        message_id = build_message_id(self._identity, kind, key, reader.id, self._secret)
        return Letter(kind, message_id, address, reader.name, date)

    def _build(
        self, rendered: Rendered, letter: Letter, links: Links | None, language: str
    ) -> tuple[Message, Envelope]:
        """Return the message, signed where this newsletter signs."""
        message, envelope = build_message(rendered, letter, self._identity, links=links, language=language)
        if self._dkim is None:
            return message, envelope
        from newsletter.deliver.dkim import sign_message  # here: it is dear to import, and most relays sign

        return sign_message(message, self._dkim), envelope

    def _freeze(
        self,
        templates: CompiledBundle,
        letter: Letter,
        content_hash: str,
        size_bytes: int,
        content: _Content,
    ) -> Snapshot:
        """Return what the ledger keeps of a mail whose message is ready."""
        return Snapshot(
            content_json=content.json,
            cards=content.cards,
            bundle_hash=templates.bundle.hash,
            bundle_json=templates.bundle.json,
            content_hash=content_hash,
            message_id=letter.message_id,
            address=letter.to,
            window=content.window,
            size_bytes=size_bytes,
            entry_ids=content.entry_ids,
        )


@dataclass(frozen=True, slots=True)
class _Content:
    """What a mail says, as the ledger keeps it; see Snapshot."""

    json: str
    cards: Mapping[str, str] = field(default_factory=dict)
    window: Window | None = None
    entry_ids: tuple[tuple[EntryId, str, bool], ...] = ()


def _content_of(digest: Digest) -> _Content:
    content_json, cards = dump_digest(digest)
    sections = digest.sections
    shown = [(item.entry_id, section.topic, True) for section in sections for item in section.items]
    over = [(entry, section.topic, False) for section in sections for entry in section.overflow]
    return _Content(content_json, cards, digest.window, (*shown, *over))


def build_links(
    identity: Identity, web: WebLinks | None, reader: Subscriber, secret: Secret, edition: date | None = None
) -> Links:
    """Return where a reader's mail leads: to the pages of the web UI; without one, to a mail that ends the
    subscription, and to one that asks the operator."""
    leave_mailto = write_leave_mailto(identity, reader.id, secret)
    if web is not None:
        leave = web.leave(reader.id, secret)
        return Links(
            leave=leave,
            change=web.preferences(reader.id, reader.address, secret),
            leave_mailto=leave_mailto,
            web=web.edition(edition) if edition else "",
            archive=web.page("/archive"),
            # RFC 8058 wants https; a web UI on this machine alone is for trying things out.
            one_click=leave if web.is_secure else "",
            pictures=web.page("/pictures/"),
        )
    return Links(
        leave=leave_mailto,
        change=write_mailto(identity.leave_address, "change topics"),
        leave_mailto=leave_mailto,
    )

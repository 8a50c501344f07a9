"""What the mails say that are no digests: confirm, preferences changed, goodbye, and the operator's alert."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.model import Fact, Identity, Notice, Subscriber
from newsletter.render.language import Language
from newsletter.render.wording import clean, write_cadence


def write_confirm(lang: Language, identity: Identity, address: str, url: str) -> Notice:
    """Return the mail that asks whether an address wants the newsletter; url confirms it."""
    name = clean(identity.name, 80)
    return Notice(
        subject=lang.say("Please confirm: {newsletter}", newsletter=name),
        preheader=lang.say("One click, and the first digest is on its way. Without it nothing is sent."),
        paragraphs=(
            lang.say(
                "Somebody, we hope you, asked for {newsletter} to be sent to {address}.",
                newsletter=name,
                address=address,
            ),
            lang.say("If it was not you, do nothing: without your confirmation you get no further mail."),
        ),
        button=lang.say("Yes, send it to me"),
        url=url,
        why=lang.say("You get this mail once, because your address was entered."),
    )


def write_known(lang: Language, identity: Identity, url: str, *, is_paused: bool) -> Notice:
    """Return the mail to somebody who subscribed again: they have it already; url leads to their preferences."""
    name = clean(identity.name, 80)
    stands = (
        lang.say("You get {newsletter} at this address, and have paused it.", newsletter=name)
        if is_paused
        else lang.say(
            "You get {newsletter} at this address already, so nothing has changed.", newsletter=name
        )
    )
    return Notice(
        subject=lang.say("You have it already: {newsletter}", newsletter=name),
        preheader=lang.say("Somebody, we hope you, subscribed with this address again. Nothing has changed."),
        paragraphs=(
            lang.say("Somebody, we hope you, entered this address to subscribe."),
            stands,
            lang.say("Topics, days and hour can be changed in your preferences."),
        ),
        button=lang.say("Your preferences"),
        url=url,
        why=lang.say("You get this mail once, because your address was entered."),
    )


def write_changed(lang: Language, identity: Identity, reader: Subscriber, topics: Sequence[str]) -> Notice:
    """Return the mail that says what the reader's preferences are now. topics are their names."""
    name = clean(identity.name, 80)
    return Notice(
        subject=lang.say("Your preferences have changed: {newsletter}", newsletter=name),
        preheader=lang.say(
            "From now on you get it {cadence}; your topics are listed here.",
            cadence=write_cadence(lang, reader.cadence),
        ),
        paragraphs=(
            lang.say("These are your preferences from now on."),
            lang.say("If you did not change them, the link below sets them right."),
        ),
        facts=(
            Fact(lang.say("Topics"), lang.join([clean(topic, 80) for topic in topics]) or "–"),
            Fact(lang.say("When"), write_cadence(lang, reader.cadence)),
        ),
        why=_write_why(lang, identity, reader),
    )


def write_goodbye(lang: Language, identity: Identity, url: str) -> Notice:
    """Return the mail that confirms that somebody has left; url brings them back, "" for none."""
    name = clean(identity.name, 80)
    return Notice(
        subject=lang.say("Goodbye from {newsletter}", newsletter=name),
        preheader=lang.say("You are off the list, at once and for good. This is the last mail."),
        paragraphs=(
            lang.say("You are off the list of {newsletter}. You get no further mail.", newsletter=name),
            lang.say("Thank you for having read it."),
        ),
        button=lang.say("Come back") if url else "",
        url=url,
        why=lang.say("You get this mail once, because you unsubscribed."),
    )


def write_alert(
    lang: Language, identity: Identity, what: str, facts: Sequence[Fact], advice: Sequence[str]
) -> Notice:
    """Return the mail to the operator about something that needs them. what is one sentence; advice says what to do."""
    name = clean(identity.name, 80)
    return Notice(
        subject=lang.say("{newsletter} needs you: {what}", newsletter=name, what=clean(what, 100)),
        preheader=lang.say("{newsletter} found something that it cannot set right itself.", newsletter=name),
        paragraphs=tuple(advice),
        facts=tuple(facts),
        why=lang.say("You get this mail because you operate {newsletter}.", newsletter=name),
    )


def _write_why(lang: Language, identity: Identity, reader: Subscriber) -> str:
    return lang.say(
        "You get this mail because {address} subscribes to {newsletter}, {cadence}.",
        address=reader.address,
        newsletter=clean(identity.name, 80),
        cadence=write_cadence(lang, reader.cadence),
    )

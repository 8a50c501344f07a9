"""What the mails say that are no digests: confirm, preferences changed, goodbye, and the operator's alert."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from newsletter.model.mail import Fact, Identity, Notice
from newsletter.model.readers import Consent, Subscriber
from newsletter.render.wording import clean, write_cadence

if TYPE_CHECKING:
    from newsletter.render.language import Language


def write_confirm(lang: Language, identity: Identity, address: str, url: str) -> Notice:
    """Return the mail that asks whether an address wants the newsletter; url confirms it."""
    name = clean(identity.name, 80)
    return Notice(
        subject=lang.say("Please confirm: {newsletter}", newsletter=name),
        preheader=lang.say("One click, and your first digest is on its way. Until then, nothing is sent."),
        paragraphs=(
            lang.say(
                "We received a request to send {newsletter} to {address}.",
                newsletter=name,
                address=address,
            ),
            lang.say("If it was not you, ignore this mail: unless you confirm, you get no further mail."),
        ),
        button=lang.say("Yes, send it to me"),
        url=url,
        why=lang.say("You get this mail once because your address was entered."),
    )


def write_known(lang: Language, identity: Identity, url: str, *, is_paused: bool) -> Notice:
    """Return the mail to somebody who subscribed again: they have it already; url leads to their preferences."""
    name = clean(identity.name, 80)
    stands = (
        lang.say("You get {newsletter} at this address, but have paused it.", newsletter=name)
        if is_paused
        else lang.say("You already get {newsletter} at this address. Nothing has changed.", newsletter=name)
    )
    return Notice(
        subject=lang.say("You already get {newsletter}", newsletter=name),
        preheader=lang.say("This address was entered again to subscribe. Nothing has changed."),
        paragraphs=(
            lang.say("This address was entered to subscribe."),
            stands,
            lang.say("Topics, days and hour can be changed in your preferences."),
        ),
        button=lang.say("Your preferences"),
        url=url,
        why=lang.say("You get this mail once because your address was entered."),
    )


def write_own_link(lang: Language, identity: Identity, url: str) -> Notice:
    """Return the mail to a reader who has lost the link to their preferences, which is url."""
    name = clean(identity.name, 80)
    return Notice(
        subject=lang.say("Your preferences: {newsletter}", newsletter=name),
        preheader=lang.say("The link that was requested on the web page."),
        paragraphs=(
            lang.say("Topics, days and hour can be changed in your preferences."),
            lang.say("Whoever has this link can change them: do not pass it on."),
        ),
        button=lang.say("Your preferences"),
        url=url,
        why=lang.say("You get this mail once because your address was entered."),
    )


def write_changed(
    lang: Language, identity: Identity, reader: Subscriber, topics: Sequence[str], *, has_page: bool = True
) -> Notice:
    """Return the mail that says what the reader's preferences are now. topics are their names.

    has_page: there is a page where the reader can change them."""
    name = clean(identity.name, 80)
    facts = [
        Fact(lang.say("Topics"), lang.join([clean(topic, 80) for topic in topics]) or "–"),
        Fact(lang.say("When"), write_cadence(lang, reader.cadence)),
    ]
    if reader.consent is Consent.PAUSED and reader.next_due_at is not None:
        until = reader.next_due_at.astimezone(ZoneInfo(reader.cadence.zone)).date()
        facts.append(Fact(lang.say("Pause until"), lang.full_date(until)))
    elif reader.consent is Consent.PAUSED:
        facts.append(
            Fact(lang.say("Subscription"), lang.say("Your subscription is paused until you end the pause."))
        )
    paragraphs = [lang.say("These are your preferences from now on.")]
    if has_page:
        paragraphs.append(lang.say("If you did not make this change, correct it with the link below."))
    return Notice(
        subject=lang.say("Your preferences have changed: {newsletter}", newsletter=name),
        preheader=lang.say(
            "From now on you get it {cadence}; your topics are listed here.",
            cadence=write_cadence(lang, reader.cadence),
        ),
        paragraphs=tuple(paragraphs),
        facts=tuple(facts),
        why=_write_why(lang, identity, reader),
    )


def write_old_address(lang: Language, identity: Identity, old: str, new: str, url: str) -> Notice:
    """Return the mail that asks at the old address whether another one shall get the newsletter; url confirms it."""
    name = clean(identity.name, 80)
    return Notice(
        subject=lang.say("Another address for {newsletter}?", newsletter=name),
        preheader=lang.say(
            "Confirm with one click, and we ask the new address too. Otherwise nothing changes."
        ),
        paragraphs=(
            lang.say(
                "We received a request to send {newsletter} to {new} instead of {old}.",
                newsletter=name,
                new=new,
                old=old,
            ),
            lang.say("Once you confirm, we ask the new address too. Nothing changes until it confirms."),
            lang.say("If it was not you, ignore this mail."),
        ),
        button=lang.say("Yes, that was me"),
        url=url,
        why=lang.say("You get this mail once because a change of your address was requested."),
    )


def write_new_address(lang: Language, identity: Identity, new: str, url: str) -> Notice:
    """Return the mail that asks at the new address whether it wants the newsletter; url confirms it. It does not say
    who asks: the address may be mistyped."""
    name = clean(identity.name, 80)
    return Notice(
        subject=lang.say("Please confirm your new address: {newsletter}", newsletter=name),
        preheader=lang.say("Confirm with one click, and it will be sent here. Otherwise nothing is sent."),
        paragraphs=(
            lang.say(
                "We received a request to send {newsletter} to {address} from now on.",
                newsletter=name,
                address=new,
            ),
            lang.say("If it was not you, ignore this mail: unless you confirm, you get no further mail."),
        ),
        button=lang.say("Yes, send it to me"),
        url=url,
        why=lang.say("You get this mail once because your address was entered."),
    )


def write_address_taken(lang: Language, identity: Identity, address: str, url: str) -> Notice:
    """Return the mail to an address that was to be the new one of a subscription, but has one of its own; url leads to
    the preferences of that one."""
    name = clean(identity.name, 80)
    return Notice(
        subject=lang.say("You already have a subscription: {newsletter}", newsletter=name),
        preheader=lang.say("So no other subscription can be moved to this address. Nothing has changed."),
        paragraphs=(
            lang.say(
                "We received a request to move a {newsletter} subscription to {address}.",
                newsletter=name,
                address=address,
            ),
            lang.say(
                "This address already has its own subscription, and it can have only one. Nothing has changed."
            ),
            lang.say("Decide which one to keep; the link below opens the preferences of this one."),
        ),
        button=lang.say("Your preferences"),
        url=url,
        why=lang.say("You get this mail once because your address was entered."),
    )


def write_goodbye(lang: Language, identity: Identity, url: str) -> Notice:
    """Return the mail that confirms that somebody has left; url brings them back, "" for none."""
    name = clean(identity.name, 80)
    return Notice(
        subject=lang.say("Goodbye from {newsletter}", newsletter=name),
        preheader=lang.say("You are unsubscribed as of now. This is the last mail."),
        paragraphs=(
            lang.say("You are unsubscribed from {newsletter}. You get no further mail.", newsletter=name),
            lang.say("Thank you for reading."),
        ),
        button=lang.say("Subscribe again") if url else "",
        url=url,
        why=lang.say("You get this mail once because you unsubscribed."),
    )


def write_leave_link(lang: Language, identity: Identity, url: str) -> Notice:
    """Return the answer to a reader who wrote that they want to leave; url is their leave link."""
    name = clean(identity.name, 80)
    return Notice(
        subject=lang.say("Unsubscribe from {newsletter}?", newsletter=name),
        preheader=lang.say("One click, and you get no further mail. Without it nothing changes."),
        paragraphs=(
            lang.say(
                "We received a message from your address that asks to end {newsletter}.", newsletter=name
            ),
            lang.say("Anybody can write a sender's address, so please confirm it with the button below."),
            lang.say("If you did not write it, do nothing: your subscription stays as it is."),
        ),
        button=lang.say("Unsubscribe"),
        url=url,
        why=lang.say("You get this mail, at most once a week, because your address asked to unsubscribe."),
    )


def write_alert(
    lang: Language, identity: Identity, what: str, facts: Sequence[Fact], advice: Sequence[str]
) -> Notice:
    """Return the mail to the operator about something that needs them. what is one sentence; advice says what to do."""
    name = clean(identity.name, 80)
    return Notice(
        subject=lang.say("{newsletter} needs attention: {what}", newsletter=name, what=clean(what, 100)),
        preheader=lang.say("{newsletter} has a problem that needs your attention.", newsletter=name),
        paragraphs=tuple(advice),
        facts=tuple(facts),
        why=lang.say("You get this mail because you operate {newsletter}.", newsletter=name),
    )


def write_login(lang: Language, identity: Identity, url: str, minutes: int, origin: str) -> Notice:
    """Return the mail with the link that opens the operator's page once. origin says from where it was asked
    for, "" where that is not known."""
    name = clean(identity.name, 80)
    facts = (Fact(lang.say("Requested from"), clean(origin, 80)),) if origin else ()
    return Notice(
        subject=lang.say("Log in to {newsletter}", newsletter=name),
        preheader=lang.say(
            "The link opens the operator's page once. You can request another one at any time."
        ),
        paragraphs=(
            lang.say_count(
                "We received a request to log in to the operator's page. The link works once, for {number} minute.",
                "We received a request to log in to the operator's page. The link works once, for {number} minutes.",
                minutes,
            ),
            lang.say("If it was not you, ignore this mail: nobody can log in without it."),
        ),
        facts=facts,
        button=lang.say("Log in"),
        url=url,
        why=lang.say("You get this mail because you operate {newsletter}.", newsletter=name),
    )


def _write_why(lang: Language, identity: Identity, reader: Subscriber) -> str:
    return lang.say(
        "You get this mail because {address} subscribes to {newsletter}, {cadence}.",
        address=reader.address,
        newsletter=clean(identity.name, 80),
        cadence=write_cadence(lang, reader.cadence),
    )

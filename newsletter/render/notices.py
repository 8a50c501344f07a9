"""What the mails say that are no digests: confirm, preferences changed, goodbye, and the operator's alert."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from newsletter.model.mail import Fact, Identity, Notice
from newsletter.model.readers import Consent, Subscriber
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
        facts.append(Fact(lang.say("Subscription"), lang.say("You have a pause until you end it.")))
    paragraphs = [lang.say("These are your preferences from now on.")]
    if has_page:
        paragraphs.append(lang.say("If you did not change them, the link below sets them right."))
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
        preheader=lang.say("One click, and we ask the new address as well. Without it nothing changes."),
        paragraphs=(
            lang.say(
                "Somebody, we hope you, asked on your page for {newsletter} to go to {new} and no longer to {old}.",
                newsletter=name,
                new=new,
                old=old,
            ),
            lang.say(
                "After your click we ask the new address, too. Until it agrees everything stays as it is."
            ),
            lang.say("If it was not you, do nothing."),
        ),
        button=lang.say("Yes, that was me"),
        url=url,
        why=lang.say("You get this mail once, because a change of your address was asked for."),
    )


def write_new_address(lang: Language, identity: Identity, new: str, url: str) -> Notice:
    """Return the mail that asks at the new address whether it wants the newsletter; url confirms it. It does not say
    who asks: the address may be mistyped."""
    name = clean(identity.name, 80)
    return Notice(
        subject=lang.say("Please confirm your new address: {newsletter}", newsletter=name),
        preheader=lang.say("One click, and from then on it comes here. Without it nothing is sent."),
        paragraphs=(
            lang.say(
                "Somebody, we hope you, gets {newsletter} and wants to have it sent to {address} from now on.",
                newsletter=name,
                address=new,
            ),
            lang.say("If it was not you, do nothing: without your confirmation you get no further mail."),
        ),
        button=lang.say("Yes, send it to me"),
        url=url,
        why=lang.say("You get this mail once, because your address was entered."),
    )


def write_address_taken(lang: Language, identity: Identity, address: str, url: str) -> Notice:
    """Return the mail to an address that was to be the new one of a subscription, but has one of its own; url leads to
    the preferences of that one."""
    name = clean(identity.name, 80)
    return Notice(
        subject=lang.say("You have a subscription already: {newsletter}", newsletter=name),
        preheader=lang.say("So no other one can move to this address. Nothing has changed."),
        paragraphs=(
            lang.say(
                "Somebody, we hope you, wanted to move a subscription of {newsletter} to {address}.",
                newsletter=name,
                address=address,
            ),
            lang.say(
                "This address has a subscription of its own, and there is one at most. Nothing has changed."
            ),
            lang.say("Choose which one you keep: here are the preferences of this one."),
        ),
        button=lang.say("Your preferences"),
        url=url,
        why=lang.say("You get this mail once, because your address was entered."),
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


def write_login(lang: Language, identity: Identity, url: str, minutes: int, origin: str) -> Notice:
    """Return the mail with the link that opens the operator's page once. origin says from where it was asked
    for, "" where that is not known."""
    name = clean(identity.name, 80)
    facts = (Fact(lang.say("Asked for from"), clean(origin, 80)),) if origin else ()
    return Notice(
        subject=lang.say("Log in to {newsletter}", newsletter=name),
        preheader=lang.say("The link opens the operator's page, once. Ask for another one at any time."),
        paragraphs=(
            lang.say_count(
                "Somebody, we hope you, wants to see the operator's page. The link works once, for {number} minute.",
                "Somebody, we hope you, wants to see the operator's page. The link works once, for {number} minutes.",
                minutes,
            ),
            lang.say("If it was not you, do nothing: nobody gets in without this mail."),
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

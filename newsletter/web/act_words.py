"""What the operator's buttons are called, and what each would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.model.acts import Act, Wish

if TYPE_CHECKING:
    from newsletter.render.language import Language


def word_act(lang: Language, act: Act) -> str:
    """Return what an act is called, as on its button."""
    words = {
        Act.HOLD: lang.say("Hold all sending"),
        Act.RELEASE: lang.say("Release"),
        Act.RETRY: lang.say("Send the rejected mails again"),
        Act.ACCEPTED: lang.say("It arrived"),
        Act.NOT_SENT: lang.say("It did not arrive"),
        Act.TEST: lang.say("Send me a test"),
        Act.PAUSE: lang.say("Pause the reader"),
        Act.RESTORE: lang.say("Mail the reader again"),
        Act.REMOVE: lang.say("Remove the reader"),
        Act.SUPPRESS: lang.say("Suppress the address"),
        Act.LIFT: lang.say("Lift the suppression"),
        Act.ADD: lang.say("Add a reader"),
        Act.POLL: lang.say("Poll the source now"),
    }
    return words[act]


def word_wish(lang: Language, wish: Wish) -> list[str]:
    """Return what is asked for, before somebody presses: of whom or what, what it does, and why."""
    is_mail = wish.act in (Act.ACCEPTED, Act.NOT_SENT)
    subject = lang.say("Mail number {number}", number=wish.subject) if is_mail else wish.subject
    given = lang.say("Topics") if wish.act is Act.ADD else lang.say("Why")
    why = f"{given}: {', '.join(wish.why.splitlines())}" if wish.why else ""
    return [line for line in (subject, _word_effect(lang, wish.act), why) if line]


def _word_effect(lang: Language, act: Act) -> str:
    words = {
        Act.HOLD: lang.say("No mail goes out until somebody releases."),
        Act.RELEASE: lang.say("What is queued goes out with the next run."),
        Act.RETRY: lang.say("Mails that a later digest covers are left out."),
        Act.ACCEPTED: lang.say("The mail counts as accepted and is not sent again."),
        Act.NOT_SENT: lang.say("The mail goes out again. If it did arrive, the reader gets it twice."),
        Act.TEST: lang.say("Your own next digest goes to your address now; the real one comes at its hour."),
        Act.PAUSE: lang.say("The reader gets no digest until they are mailed again, and is told by mail."),
        Act.RESTORE: lang.say("Ends a pause, a departure or a suppression; the reader is told by mail."),
        Act.REMOVE: lang.say("The reader has left and gets no digest, and is told by mail."),
        Act.SUPPRESS: lang.say("No mail at all goes to this address."),
        Act.LIFT: lang.say("Mail may go to this address again."),
        Act.ADD: lang.say("Only with the consent of the person: no mail asks them."),
        Act.POLL: lang.say("This may take a minute."),
    }
    return words[act]

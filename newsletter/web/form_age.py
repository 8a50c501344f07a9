"""When a form was asked for: a signed number of seconds in a hidden field, which robots get wrong. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum

from newsletter.signing import Purpose, Secret, build_token, check_token

LEAST = timedelta(seconds=3)
"""Nobody reads and fills in a form more quickly."""

MOST = timedelta(hours=12)


class FormAge(Enum):
    """What a form's token says."""

    GOOD = "good"
    TOO_NEW = "too new"
    TOO_OLD = "too old"  # or no token of ours at all


def build_form_token(form: str, secret: Secret, now: datetime) -> str:
    """Return the token of a form that is shown now."""
    return build_token(Purpose.FORM, int(now.timestamp()), secret, form)


def judge_form(token: str, form: str, secret: Secret, now: datetime) -> FormAge:
    """Return whether a form that comes back may be taken."""
    shown_at = check_token(token, Purpose.FORM, secret, form)
    if shown_at is None:
        return FormAge.TOO_OLD
    age = timedelta(seconds=int(now.timestamp()) - shown_at)
    if not timedelta() <= age <= MOST:
        return FormAge.TOO_OLD
    return FormAge.GOOD if age >= LEAST else FormAge.TOO_NEW

"""Every exception of the project, by who can act on it.

    NewsletterError
    ├── ConfigError          the operator: configuration, templates, subscribers.yaml
    │   └── TemplateError    the operator: a template, with its file, line and column
    ├── QueryError           the reader: a topic, with the position of the mistake
    ├── AddressError         the reader: an e-mail address that cannot be one
    ├── BudgetError          the visitor: what they ask for costs too much work
    ├── BusyError            the visitor: too many ask at this moment
    ├── LeftError            nobody: the visitor has left
    ├── SourceError          the source
    │   ├── FetchError       it could not be fetched
    │   └── FeedError        it was fetched, but is not what it should be
    ├── MailerError          the relay: it cannot be reached
    │   └── LoginError       it refuses our login
    ├── WebhookError         the provider: what it sent cannot be read
    ├── StoreError           the machine: the database is away, locked, full or of another version
    │   └── MoveError        us: a subscription was to change in a way that there is not
    └── ListenError          the machine: the web UI cannot listen where it should

Facts are attributes; the message says what happened and what to try.
In a batch a failure is a value: one broken source is a line in the report and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

Steps = tuple[str | int, ...]
"""The way to a value through the keys and numbers above it."""


def format_steps(steps: Steps) -> str:
    """Return steps as people read them: ``sources[0].kind``.

    Of a key with a colon only the beginning: in ``password:hunter2`` a space was forgotten.
    """
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step.partition(':')[0]}" for step in steps)
    return text.removeprefix(".")


class Message(str):
    """A sentence for a reader: a text in English, which remembers its template and the values in it, so that
    `Language.tell` can say it in the reader's language. The catalogs collect the templates."""

    template: str
    values: dict[str, object]

    def __new__(cls, template: str, **values: object) -> Self:
        message = super().__new__(cls, template.format(**values))
        message.template, message.values = template, values
        return message


class NewsletterError(Exception):
    """The root: catch it to catch all of ours and nothing else."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a file that a person wrote.

    line and column count from 1; 0 means that the place is not known.
    steps lead to the place in the structure, path is how people read them: ``subscribers[2].topics[0]``.
    """

    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    steps: Steps = ()

    @property
    def path(self) -> str:
        return format_steps(self.steps)

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place += f":{self.line}"
            if self.column:
                place += f":{self.column}"
        return ": ".join(part for part in (place, self.path, self.message) if part)


class ConfigError(NewsletterError):
    """Something that the operator wrote is wrong. All the problems at once, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class TemplateError(ConfigError):
    """A template does not compile or does not render. Found when it is loaded, never while sending."""


class QueryError(NewsletterError):
    """A topic is wrong.

    message says what is wrong, hint the nearest right word or form, or nothing. path is the place in the topic, or in
    a list of topics: ``("any", 2)``. position is the offset in ``text`` (from 0) where the mistake begins.
    """

    def __init__(
        self, message: str, *, text: str = "", position: int = 0, hint: str = "", path: Steps = ()
    ) -> None:
        self.message = message
        self.text = text
        self.position = position
        self.hint = hint
        self.path = path
        place = f"{format_steps(path)}: " if path else ""
        super().__init__(place + self.told)

    @property
    def told(self) -> str:
        """What is wrong and what would be right, without the place."""
        return f"{self.message}; {self.hint}" if self.hint else self.message

    def within(self, *steps: str | int) -> QueryError:
        """Return the same mistake as a part of something larger."""
        return QueryError(
            self.message,
            text=self.text,
            position=self.position,
            hint=self.hint,
            path=(*steps, *self.path),
        )


class AddressError(NewsletterError):
    """A text is not an e-mail address that mail can be sent to."""


class BudgetError(NewsletterError):
    """Work was cut short: its budget is spent, or whoever asked has left."""


class BusyError(NewsletterError):
    """Too much is asked for at this moment. retry_after_s is when to ask again."""

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class LeftError(NewsletterError):
    """Whoever asked has closed the connection; the answer would reach nobody."""


class SourceError(NewsletterError):
    """A source did not give what it should."""

    def __init__(self, message: str, *, url: str = "") -> None:
        self.url = url
        super().__init__(message)


class FetchError(SourceError):
    """A source could not be fetched. status is the HTTP status, 0 where there was no answer.

    retry_after_s is how long the server asks us to stay away, None where it does not ask.
    """

    def __init__(
        self, message: str, *, url: str = "", status: int = 0, retry_after_s: float | None = None
    ) -> None:
        self.status = status
        self.retry_after_s = retry_after_s
        super().__init__(message, url=url)


class FeedError(SourceError):
    """A source answered, but with something that is not its format. Nothing was taken from it."""


class MailerError(NewsletterError):
    """The relay cannot be used now: no connection, no TLS, login refused. No delivery is charged for it.

    Also what is wrong with the mailbox of bounces and complaints. is_passing: it may be over soon by itself,
    as when a connection is lost.
    """

    def __init__(self, message: str, *, is_passing: bool = False) -> None:
        self.is_passing = is_passing
        super().__init__(message)


class LoginError(MailerError):
    """A server does not take our login."""


class WebhookError(NewsletterError):
    """A request to a webhook says nothing that can be read, or nothing that its provider would say."""


class StoreError(NewsletterError):
    """What happened cannot be recorded, so nothing more may be sent.

    is_passing: it may be over soon by itself, as when the server restarts or another process holds a lock.
    is_refusal: the database is well, and takes everything but the values that it was given.
    """

    def __init__(self, message: str, *, is_passing: bool = False, is_refusal: bool = False) -> None:
        self.is_passing = is_passing
        self.is_refusal = is_refusal
        super().__init__(message)


class ClashError(StoreError):
    """Somebody else has written the same meanwhile, and nothing was: whoever looks again sees it."""


class FellBehindError(StoreError):
    """The database is not the one that sent last: waiting does not help, only an operator does."""


class MoveError(ClashError):
    """A change of a subscription was to be written that compose.subscription.MOVES does not have, perhaps because
    another process has changed the reader since they were loaded. Nothing was written."""


class ActError(NewsletterError):
    """What an operator wants done cannot be done. The message is a Message, for people."""

    def __init__(self, message: Message) -> None:
        self.message = message
        super().__init__(message)


class ListenError(NewsletterError):
    """The web UI cannot listen on an address: it is taken, not ours, or not allowed to this user."""

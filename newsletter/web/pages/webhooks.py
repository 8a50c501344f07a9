"""What mail providers tell: one address for each, secret, and off where it is not configured.

Nothing is told to who does not know the address. Whoever does is still believed only with the provider's signature,
where it has one. A provider repeats what was not answered with 200, so that is what everything gets that was read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from newsletter.deliver.webhooks import generic, mailgun, postmark, sendgrid, ses
from newsletter.deliver.webhooks.event import ParsedEvents
from newsletter.errors import WebhookError
from newsletter.logs import log
from newsletter.signing import check_webhook
from newsletter.web.limits import Limit
from newsletter.web.site import Site
from newsletter.workflows.handle_events import handle_events

EVENTS = Limit("webhooks", client="6000/minute")
"""Requests of one provider, which repeats those that were put off."""
_DONE = "read\n"

Reader = Callable[[Site, Request, bytes], Awaitable[ParsedEvents]]
"""Returns what a request tells. Raises WebhookError where it cannot be read, or its provider has not sent it."""


async def take_events(site: Site, request: Request) -> Response:
    """Read what a provider tells, and do what follows."""
    provider = request.path_params["provider"]
    known = site.newsletter.config.webhooks.providers
    is_ours = provider in known and check_webhook(provider, request.path_params["token"], site.secret)
    if not is_ours:
        return PlainTextResponse("there is nothing here\n", 404)
    wait_s = site.limiter.take(EVENTS, provider)
    if wait_s:
        return PlainTextResponse("too many at once\n", 429, {"retry-after": str(wait_s)})
    try:
        parsed = await _READERS[provider](site, request, await request.body())
    except WebhookError as error:
        log.warning("a webhook got what its provider would not send", provider=provider, why=str(error))
        return PlainTextResponse(f"{error}\n", 400)
    newsletter = site.newsletter
    done = await handle_events(
        provider,
        parsed,
        newsletter.feedback,
        site.identity.bounce_address,
        site.secret,
        newsletter.clock.now(),
    )
    if done:
        log.info("events of a provider", provider=provider, **done)
    return PlainTextResponse(_DONE)


async def _read_ses(site: Site, _request: Request, body: bytes) -> ParsedEvents:
    settings = site.newsletter.config.webhooks.ses
    assert settings is not None  # asked for only where it is configured
    message = ses.parse_sns(body)
    if message.topic != settings.topic:
        raise WebhookError("this is another topic than webhooks.ses.topic")
    if not ses.check(message, await site.sns.load_certificate(message)):
        raise WebhookError("the signature is not that of Amazon SNS")
    if message.kind == "SubscriptionConfirmation":
        await site.sns.confirm(message)
        log.info("the subscription of a topic is confirmed", topic=message.topic)
    if message.kind != "Notification":
        return ParsedEvents((), ignored=1)
    return ses.parse(message.fields.get("Message", ""))


async def _read_mailgun(site: Site, _request: Request, body: bytes) -> ParsedEvents:
    settings = site.newsletter.config.webhooks.mailgun
    assert settings is not None
    if not mailgun.check(body, settings.signing_key.get_secret_value(), site.newsletter.clock.now()):
        raise WebhookError(
            "the signature is not that of Mailgun, or more than a day old; check webhooks.mailgun"
        )
    return mailgun.parse(body)


async def _read_sendgrid(site: Site, request: Request, body: bytes) -> ParsedEvents:
    settings = site.newsletter.config.webhooks.sendgrid
    assert settings is not None
    if not sendgrid.check(request.headers, body, sendgrid.parse_public_key(settings.public_key)):
        raise WebhookError("the signature is not that of SendGrid; check webhooks.sendgrid.public_key")
    return sendgrid.parse(body)


async def _read_postmark(_site: Site, _request: Request, body: bytes) -> ParsedEvents:
    return postmark.parse(body)


async def _read_generic(_site: Site, _request: Request, body: bytes) -> ParsedEvents:
    return generic.parse(body)


_READERS: Mapping[str, Reader] = {
    "ses": _read_ses,
    "mailgun": _read_mailgun,
    "postmark": _read_postmark,
    "sendgrid": _read_sendgrid,
    "generic": _read_generic,
}

PAGES = (("/webhooks/{provider}/{token}", take_events, ("POST",)),)

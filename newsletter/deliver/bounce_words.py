"""What the words of a failure say: the address is gone, or something else is in the way. Pure.

Servers do not agree on codes, so their words decide first, and codes where the words say nothing. In doubt a failure
is soft: a wrong suppression loses a reader, a late one costs a few more mails.
Codes: RFC 3463 and the IANA registry of enhanced status codes. The words are those that mail servers use.
"""

from __future__ import annotations

import re2

_OPTIONS = re2.Options()
_OPTIONS.case_sensitive = False


def _any_of(*phrases: str) -> re2._Regexp:
    return re2.compile("|".join(f"(?:{phrase})" for phrase in phrases), options=_OPTIONS)


# The mailbox, its owner, its host or its domain is not there any more, or never was.
_GONE = _any_of(
    r"(?:user|recipient|mailbox|account|address|alias|member|receiver"
    r"|destinataire)s?\b.{0,60}?(?:unknown|not known|not found|not exist|doesn.t exist|unavailable"
    r"|invalid|not valid|inactive|disabled|is not active|no longer|has moved|suspended|terminated"
    r"|closed|discontinued|deactivated|expired account|not listed|undeliverable)",
    r"(?:unknown|no such|invalid|nonexistent|non-existent|not a valid|bad|illegal|unrecognized"
    r"|unrecognised|unroutable|unrouteable|undefined) (?:local |e-?mail |mail |destination |rcpt "
    r"|remote )?(?:user|recipient|mailbox|account|address|alias|addressee|local[ -]?part|person|name"
    r"|rcpt|host|domain|receiver)",
    r"(?:user|recipient|address|mailbox)(?: is)?:? unknown",
    r"no (?:mailbox|account|user|recipient|one|person|mail ?box)(?: here)? (?:by|with|of|under|named|at) ",
    r"(?:does not|doesn.t|did not|didn.t|not) (?:currently )?(?:exist|match any|have (?:an?|any"
    r"|such) [a-z.]{0,20} ?(?:account|mailbox|user))",
    r"not (?:a |an )?(?:known|local|recogni[sz]ed|registered|existing) (?:user|address|recipient"
    r"|account|here)",
    r"not listed in .{0,40}?(?:directory|address book)",
    r"not (?:found|listed) in (?:the )?(?:domino|public|local|ldap|directory)",
    r"is no longer (?:valid|available|with|in use|active|employed|on this)",
    r"\buser.{0,20}? moved to\b|has (?:been )?moved|has left the (?:company|organi[sz]ation)",
    r"(?:host|domain|server|system)(?: name)?.{0,50}?(?:unknown|not found|not exist|doesn.t exist"
    r"|unresolvable|invalid)",
    r"(?:couldn.t|could not|can.t|cannot) find (?:any )?(?:a )?(?:host|mx|mail exchanger)",
    r"\bnxdomain\b",
    r"name or service not known",
    r"host or domain name not found",
    r"no (?:route to )?mail hosts? for domain",
    r"no mail exchanger",
    r"nullmx",
    r"null mx",
    r"does not accept mail",
    r"bad destination (?:host|system)",
    r"unrouteable",
    r"undeliverable address",
    r"address unknown",
    r"address rejected.{0,20}(?:user|unknown|not|no )",
    r"no such (?:user|person|recipient|mailbox|domain|address)",
    r"not our customer",
    r"who are you looking for",
    r"account (?:has been |is )?(?:disabled|closed|deleted|cancelled|canceled|inactive)|dormant",
    # Exchange Online says so of recipients that are not in the directory.
    r"recipient address rejected: access denied|domain is (?:not reachable|unreachable)",
    r"recipientnotfound",
    r"resolver\.adr",
    r"mailbox not found",
    r"mailbox unavailable",
    r"mail ?box (?:is )?(?:invalid|disabled|inactive)",
    r"couldn.t be delivered to .{0,80}? because the (?:address|domain)",
    r"address couldn.t be found",
    r"the email account that you tried to reach",
    r"宛先",
    r"ユーザ.{0,20}(?:存在|不明|見つかり)",
    r"不存在",
    r"用户不存在",
    r"unbekannt",
    r"nicht bekannt",
    r"inconnu",
    r"inexistant",
    r"desconocid",
    r"no existe",
    r"sconosciut",
    r"не существует",
    r"пользователь не найден",
)

# Something else than the address: it may be over, or it is about the message or about us.
_PASSING = _any_of(
    r"quota",
    r"(?:mail ?box|inbox|mail ?folder|account|user|recipient.{0,20}).{0,30}?(?:is |are )?(?:full|exceed"
    r"|over)",
    r"not enough (?:disk |storage |system )?(?:space|storage)",
    r"out of (?:disk|storage)",
    r"insufficient (?:system |disk )?(?:storage|space)",
    r"disk (?:is )?full",
    r"over ?limit",
    r"storage allocation",
    r"\bspam",
    r"\bbulk ?mail",
    r"junk",
    r"block ?list",
    r"black ?list",
    r"blocked",
    r"\brbl\b",
    r"dnsbl",
    r"spamhaus",
    r"spamcop",
    r"barracuda.{0,20}reputation",
    r"reputation",
    r"unsolicited",
    r"abus",
    r"phish",
    r"virus",
    r"malware",
    r"infected",
    r"suspicious",
    r"polic",
    r"not (?:allowed|permitted|authori[sz]ed)",
    r"(?:access|permission|relay(?:ing)?) (?:is )?denied",
    r"denied by",
    r"relay(?:ing)? (?:not|denied|prohibited|access)",
    r"unable to relay",
    r"we do not relay",
    r"authentication (?:is )?required",
    r"dmarc",
    r"\bspf\b",
    r"\bdkim\b",
    r"sender verif",
    r"sender (?:is |address |domain )?(?:reject|denied|not|un|invalid)",
    r"reverse dns",
    r"\bptr\b",
    r"not whitelisted",
    r"restricted",
    r"prohibited",
    r"too (?:large|big|long|many)",
    r"exceed",
    r"maximum (?:message |allowed )?size",
    r"message size",
    r"size limit",
    r"rate limit",
    r"throttl",
    r"limit (?:reached|exceeded)",
    r"content.{0,20}(?:reject|filter|not|violat|block|scan)",
    r"prohibited attachment",
    r"attachments? (?:type|not|reject|block)",
    r"(?:message|mail|data) (?:was )?(?:rejected|refused)",
    r"transaction failed.{0,30}(?:content|spam)",
    r"format error",
    r"mail loop",
    r"loops? back",
    r"loop detect",
    r"hop count",
    r"too many hops",
    r"syntax",
    r"try (?:again|later)",
    r"temporar",
    r"deferred",
    r"greylist",
    r"graylist",
    r"busy",
    r"timed? ?out",
    r"time-?out",
    r"connection (?:refused|reset|lost|dropped|closed)",
    r"refused to talk",
    r"could not connect",
    r"no route to host",
    r"network (?:is )?unreachable",
    r"not responding",
    r"retry (?:time|limit|timeout)",
    r"expired",
    r"delivery time",
    r"warning",
    r"still being",
    r"delayed",
    r"not yet been delivered",
    r"will (?:be )?(?:retr|continue)",
    r"resources",
    r"system not (?:capable|accepting)",
    r"service (?:not |un)available",
    r"local (?:configuration )?error",
    r"internal error",
    r"configuration error",
    r"not reachable at",
)

# The recipient's side took it, or a person or machine of theirs merely says that they are away.
_AWAY = _any_of(
    r"out of (?:the )?office",
    r"on vacation",
    r"on holiday",
    r"away from (?:my|the) (?:office|desk|e?-?mail)",
    r"auto(?:matic|mated)?[ -]?(?:reply|response|responder|answer)",
    r"vacation",
    r"abwesen",
    r"autoreply",
    r"absence",
    r"réponse automatique",
    r"respuesta autom",
    r"risposta automatica",
    r"fuera de (?:la )?oficina",
    r"自動(?:応答|返信)",
    r"不在",
    r"自动(?:回复|答复)",
    r"автоответ",
    r"afwezig",
    r"otomatik",
)


def says_gone(text: str) -> bool:
    """Tell whether the words say that there is no such address."""
    return _GONE.search(text) is not None


def says_passing(text: str) -> bool:
    """Tell whether the words name a reason that is not the address."""
    return _PASSING.search(text) is not None


def says_away(text: str) -> bool:
    """Tell whether a subject is that of an automatic answer."""
    return _AWAY.search(text) is not None

"""One address in one form, however it is spelled: what browsers take for the same page has the same form.

Unwrapped come first: an alert, a mail filter or a shortener's page that only leads to another address is that address.
Then go session ids, what tells where a reader came from, and what only keeps caches away. None of this is a promise
of the web; where two works share a form after all, ``collect.linkage`` keeps them apart.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import SplitResult, parse_qsl, quote, unquote_to_bytes, urlsplit, urlunsplit

from newsletter.collect.plain import clean_url

_MAX_WRAPPINGS = 4

# Host → the parameters in which it carries the address that it leads to. A host stands for those below it, too.
_WRAPPERS = {
    "l.facebook.com": ("u",),
    "lm.facebook.com": ("u",),
    "l.instagram.com": ("u",),
    "l.threads.net": ("u",),
    "l.threads.com": ("u",),
    "t.umblr.com": ("z",),
    "out.reddit.com": ("url",),
    "slack-redir.net": ("url",),
    "steamcommunity.com": ("url", "u"),
    "vk.com": ("to",),
    "link.zhihu.com": ("target",),
    "link.juejin.cn": ("target",),
    "link.csdn.net": ("target",),
    "safelinks.protection.outlook.com": ("url",),
    "urldefense.proofpoint.com": ("u",),
    "linkprotect.cudasvc.com": ("a",),
    "disq.us": ("url",),
    "exit.sc": ("url",),
    "getpocket.com": ("url",),
    "medium.com": ("url",),
    "linkedin.com": ("url",),
    "youtube.com": ("q",),
    "duckduckgo.com": ("uddg",),
    "bing.com": ("url",),
    "scholar.google.com": ("url",),
    "news.url.google.com": ("url", "q"),
    "translate.google.com": ("u",),
    "consent.google.com": ("continue",),
    "consent.yahoo.com": ("done",),
    "go.skimresources.com": ("url",),
    "awin1.com": ("ued", "p"),
    "shareasale.com": ("urllink",),
    "redirect.viglink.com": ("u",),
    "go.redirectingat.com": ("url",),
    "click.linksynergy.com": ("murl",),
}
# Where the host has other pages, too: only these paths lead elsewhere.
_WRAPPER_PATHS = {
    "steamcommunity.com": "/linkfilter",
    "vk.com": "/away.php",
    "getpocket.com": "/redirect",
    "medium.com": "/r",
    "linkedin.com": "/(?:redir|safety)/.*",
    "youtube.com": "/redirect",
    "duckduckgo.com": "/l",
    "bing.com": "/.*apiclick.aspx",
    "scholar.google.com": "/scholar_url",
}
_GOOGLE = re.compile(r"(?:(?:www|news|images)\.)?google(?:\.com?)?\.[a-z]{2,3}")
_AMP_CACHE = re.compile(r"/(?:c|v|a|i|wp)/(?:s/)?(.+)")
_GOOGLE_AMP = re.compile(r"/amp/(?:s/)?(.+)")
_IN_QUERY = frozenset(["href.li", "anonym.to", "anonym.es", "nullrefer.com", "dereferer.me"])
_PROXY_LOGIN = re.compile(r"(?:.*\.)?(?:ez)?proxy\..*|login\.[^.]*proxy.*", re.IGNORECASE)
# The address stands encoded in the path.
_IN_PATH = re.compile(
    r"https?://(?:r\.search\.yahoo\.com/.*/RU=|click\.redditmail\.com/CL\d/)(https?%3[aA][^/]+)"
)
_URLDEFENSE = re.compile(r"https?://urldefense\.com/v3/__(.+?)__;", re.IGNORECASE)
# Only their server knows where these lead.
_SEALED = re.compile(
    r"https?://(?:feedproxy\.google\.com/~|feeds?\d*\.feedburner\.com/~|rss\.feedsportal\.com/"
    r"|[^/]*\.feedsportal\.com/|feeds\.feedblitz\.com/[~_]|api\.follow\.it/track|feedpress\.me/link/)",
    re.IGNORECASE,
)

# The same site under another name.
_SAME_HOSTS = {
    "m.youtube.com": "youtube.com",
    "music.youtube.com": "youtube.com",
    "youtube-nocookie.com": "youtube.com",
    "old.reddit.com": "reddit.com",
    "np.reddit.com": "reddit.com",
    "new.reddit.com": "reddit.com",
    "m.reddit.com": "reddit.com",
    "twitter.com": "x.com",
    "mobile.twitter.com": "x.com",
    "mobile.x.com": "x.com",
    "m.facebook.com": "facebook.com",
}
_MOBILE_WIKI = re.compile(r"([a-z-]+)\.m\.(wikipedia|wiktionary|wikibooks|wikinews|wikisource)\.org")
_VIDEO = re.compile(r"/(?:shorts|embed|live|v|e)/([\w-]{6,20})(?:/.*)?")
# On these pages one parameter says all.
_ONE_PARAMETER = {
    ("youtube.com", "/watch"): "v",
    ("openreview.net", "/forum"): "id",
    ("openreview.net", "/pdf"): "id",
    ("news.ycombinator.com", "/item"): "id",
}
_NO_PARAMETERS = re.compile(
    r"pubmed\.ncbi\.nlm\.nih\.gov/\d+|sciencedirect\.com/science/article/.+|nature\.com/articles/.+"
)

_INDEX = re.compile(
    r"(?:index|default)\.(?:x?html?|shtml|php\d?|phtml|as[hp]x?|jspx?|cgi|cfm|pl)", re.IGNORECASE
)
_SESSION_PATH = re.compile(
    r";(?:jsessionid|phpsessid|sessionid|session_id|session|sid|cfid|cftoken|pgtnn)=[^/;]*"
    r"|/\((?:[AFSX]\([^()/]*\))+\)(?=/)",
    re.IGNORECASE,
)
_SESSION = re.compile(
    r"(?:php_?sessid|jsessionid|aspsessionid\w*|asp\.net_sessionid|cfid|cftoken|oscsid|zenid|xtcsid|sessid"
    r"|session_?id|session_?key|phpsession|ci_session|ssid|_?session|mscssid|sess|viewstate|csrf_?token)=.*"
    # These may be the number of a story as well: only what looks like a draw of lots is none.
    r"|(?:sid|s|session|token)=(?=[^=]*\d)(?=[^=]*[a-z])[0-9a-z-]{16,}",
    re.IGNORECASE | re.ASCII,
)
_CACHE_BUSTER = re.compile(
    r"(?:ts|_ts|_|__|timestamp|_t|rnd|rand|random|nocache|no_cache|nc|cb|cachebust(?:er)?|cache_?bust(?:er)?|bust|dc|_dc"
    r"|fresh|refresh|reload|nonce)=.*|(?:t|time|v|ver|r|now|date)=1[0-9]{9}(?:[0-9]{3})?",
    re.IGNORECASE | re.ASCII,
)
# Parameters that say where a reader came from, not what the page is.
_TRACKING = re.compile(
    r"(?:utm_\w+|mtm_\w+|matomo_\w+|piwik_\w+|pk_\w+|hsa_\w+|__hs\w+|_hsenc|_hsmi|hsctatracking"
    r"|fbclid|fb_(?:action_ids|action_types|ref|source)|gclid|gclsrc|gbraid|wbraid|dclid|_ga|_gl|srsltid|gad_source"
    r"|msclkid|yclid|ysclid|ymclid|_openstat|twclid|ttclid|li_fat_id|igsh|igshid|mc_cid|mc_eid|mkt_tok|epik"
    r"|vero_id|vero_conv|oly_anon_id|oly_enc_id|ml_subscriber(?:_hash)?|wt_mc|wt_zmc|cmpid|s_cid|ref_src|ref_url"
    r"|at_(?:medium|campaign|bbc_team|custom\d|link_\w+)|dgcid|referrer|referer|ncid|ocid|smid|smtyp|xtor|s_kwcid"
    r"|ck_subscriber_id|_bta_\w+|irclickid|rb_clickid|sc_(?:campaign|channel|src|lid|uid)|spm|guccounter|guce_\w+"
    r"|soc_src|soc_trk|__twitter_impression|trk|trackingid|linkid|_branch_match_id|share_id|shareid|feature|si"
    r"|elqtrack\w*|elq|elqat|elqaid|elqcampaignid|ns_(?:campaign|mchannel|source|linkname|fee)|sara_ecid|mbid"
    r"|et_rid|et_cid|cm_mmc|cm_mmca\d|cm_ven|icid|intcid|_trk\w*|amp|outputtype|wprov|campaign_id|wickedid)(?:=.*)?"
    # What Medium, publishers and others add to the addresses in their feeds.
    r"|(?:source|src|ref|from|via|partner|emc|feed|mc|xid|origin|utm|format|ftag)=(?:rss|atom|feed)(?:[-_0-9].*)?"
    r"|rss=(?:1|yes|true)?|af=r|error=cookies_not_supported|via=ihub|via%3dihub",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
# https://url.spec.whatwg.org/#percent-encoded-bytes, and a few that no server tells from their encoded form.
_PATH_SAFE = "/:@!$'()*,;=+&~"
_QUERY_SAFE = "/:@!$'()*,;~?="
_ESCAPE = re.compile(r"((?:%[0-9a-fA-F]{2})+)")


@lru_cache(maxsize=4_096)
def unwrap_url(url: str) -> str:
    """Return the http(s) address that a wrapped one leads to; the address itself where it is none. "" stays ""."""
    for _ in range(_MAX_WRAPPINGS):
        inner = _unwrap_once(url)
        if not inner:
            break
        url = inner
    return url


def is_sealed(url: str) -> bool:
    """Tell whether an address leads to another that only its server knows (FeedBurner and its like)."""
    return bool(_SEALED.match(url))


@lru_cache(maxsize=4_096)
def canonical_url(url: str) -> str:
    """Return the one form of an http(s) address, with ``https``; "" for what is none, and for the front page of a
    site: all its works stand there."""
    if not (cleaned := clean_url(url)):
        return ""
    parts = urlsplit(unwrap_url(cleaned))
    host, path, query = _resolve_alias(
        host_of(parts), _clean_path(parts.path), list(_clean_query(parts.query))
    )
    fragment = _clean_fragment(parts.fragment)
    if not path and not query and not fragment:
        return ""
    return urlunsplit(("https", _with_port(host, parts), path, "&".join(sorted(query)), fragment))


def host_of(parts: SplitResult) -> str:
    """Return the host of a clean address in small letters and Punycode, without ``www.``."""
    host = (parts.hostname or "").rstrip(".").removeprefix("www.")
    if host.isascii():
        return host
    try:
        import idna  # here: its tables are large, and most hosts are plain

        return idna.encode(host, uts46=True).decode()
    except UnicodeError:  # an emoji, which its standard does not know and browsers do
        try:
            return host.encode("idna").decode()
        except UnicodeError:
            return host


def _unwrap_once(url: str) -> str:
    """Return the address inside of a wrapped one, "" where it is none."""
    if found := _URLDEFENSE.match(url):
        return clean_url(re.sub(r"^(https?):/(?!/)", r"\1://", found[1]))
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    host, path = host_of(parts), parts.path.rstrip("/")
    if _GOOGLE.fullmatch(host):
        if found := _GOOGLE_AMP.fullmatch(parts.path):
            return clean_url(f"https://{found[1]}")
        return _read_parameter(parts, ("url", "q")) if path in ("/url", "/news/url") else ""
    if host.endswith(".cdn.ampproject.org") and (found := _AMP_CACHE.fullmatch(parts.path)):
        return clean_url(f"https://{found[1]}")
    if found := _IN_PATH.match(url):
        return clean_url(unquote_to_bytes(found[1]).decode("utf-8", "replace"))
    if host in _IN_QUERY:
        return clean_url(unquote_to_bytes(parts.query).decode("utf-8", "replace"))
    if _PROXY_LOGIN.fullmatch(host) and path == "/login":
        return _read_parameter(parts, ("url", "qurl"))
    labels = host.split(".")
    above = (".".join(labels[place:]) for place in range(len(labels) - 1))
    name = next((name for name in above if name in _WRAPPERS), "")
    if not name or not re.fullmatch(_WRAPPER_PATHS.get(name, ".*"), path):
        return ""
    if name == "urldefense.proofpoint.com" and path.startswith("/v2"):
        parts = parts._replace(query=parts.query.replace("-", "%").replace("_", "/"))
    return _read_parameter(parts, _WRAPPERS[name])


def _read_parameter(parts: SplitResult, names: tuple[str, ...]) -> str:
    values = dict(reversed(parse_qsl(parts.query)))
    return next((inner for name in names if (inner := clean_url(values.get(name, "")))), "")


def _resolve_alias(host: str, path: str, query: list[str]) -> tuple[str, str, list[str]]:
    """Return host, path and parameters of a page that some sites show under several."""
    if host == "youtu.be" and path.count("/") == 1:
        return "youtube.com", "/watch", [f"v={path[1:]}"]
    host = _SAME_HOSTS.get(host, host)
    if found := _MOBILE_WIKI.fullmatch(host):
        host = f"{found[1]}.{found[2]}.org"
    if host == "youtube.com" and (found := _VIDEO.fullmatch(path)):
        return host, "/watch", [f"v={found[1]}"]
    if host == "ncbi.nlm.nih.gov" and path.startswith("/pubmed/"):
        host, path = "pubmed.ncbi.nlm.nih.gov", path.removeprefix("/pubmed")
    if _NO_PARAMETERS.fullmatch(host + path):
        return host, path, []
    if name := _ONE_PARAMETER.get((host, path)):
        query = [part for part in query if part.startswith(f"{name}=")] or query
    return host, path, query


def _clean_path(path: str) -> str:
    """Return a path without its session, its dots, an index page and a slash at its end."""
    path = _SESSION_PATH.sub("", _normalize(path, _PATH_SAFE))
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            segments[1:] = segments[1:-1]
        elif segment != ".":
            segments.append(segment)
    while segments and (not segments[-1] or _INDEX.fullmatch(segments[-1])):
        segments.pop()
    return "/".join(segments)


def _clean_query(query: str) -> Iterator[str]:
    for written in query.split("&"):
        part = _normalize(written.replace("+", "%20"), _QUERY_SAFE)
        if part and not any(sign.fullmatch(part) for sign in (_TRACKING, _SESSION, _CACHE_BUSTER)):
            yield part


def _clean_fragment(fragment: str) -> str:
    is_tracking = "=" in fragment and _TRACKING.fullmatch(fragment)
    return "" if is_tracking or fragment.startswith(":~:") else _normalize(fragment, _QUERY_SAFE)


def _normalize(text: str, safe: str) -> str:
    """Return text with everything percent-encoded, in capitals, that must be, and nothing else."""
    if text.isascii() and "%" not in text and not set(text) - _PLAIN:
        return text

    def decode(escape: re.Match[str]) -> str:
        # What is no UTF-8 stays encoded as it is, and so does what means something where it stands plain.
        raw = unquote_to_bytes(escape[1])
        try:
            signs = raw.decode()
        except UnicodeDecodeError:
            return escape[1].upper()
        return "".join(
            sign
            if sign.isalnum() or unicodedata.combining(sign) or sign in "-._~!'()*"
            else quote(sign, safe="")
            for sign in signs
        )

    pieces = (
        piece.upper() if _ESCAPE.fullmatch(piece) else quote(unicodedata.normalize("NFC", piece), safe=safe)
        for piece in _ESCAPE.split(_ESCAPE.sub(decode, text))
    )
    return "".join(pieces)


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~" + _PATH_SAFE)


def _with_port(host: str, parts: SplitResult) -> str:
    """Return host and port; without login, and without the port that the scheme means anyway."""
    host = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[parts.scheme]
    return host if parts.port in (None, usual) else f"{host}:{parts.port}"

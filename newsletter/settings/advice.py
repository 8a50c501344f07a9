"""What did somebody mean who wrote a word that we do not know? By its meaning first, then by its spelling. Pure.

The one owner of this for files, lists, forms and commands: what people say elsewhere for what we call by another name
stands in tables here. A word that is merely near in spelling is offered only where its meaning is not known.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from importlib.resources import files
from zoneinfo import ZoneInfo

_MEANT: Mapping[str, str] = {
    # a word of ours: what others call it
    "location": "url uri link href src path file feed address",
    "kind": "type format",
    "sources": "feeds inputs",
    "feed": "rss atom json jsonfeed json_feed xml blog web http https site website",
    "arxiv_listing": "arxiv arxiv_new arxiv_rss",
    "arxiv_search": "arxiv_api arxiv_query",
    "hf_daily_papers": "hf huggingface hugging_face daily_papers hf_papers papers",
    "categories": "category archives",
    "authors": "author people",
    "search": "query q terms keywords",
    "address": "email e_mail mail to recipient",
    "subscribers": "readers recipients users members people",
    "topics": "topic keywords queries interests filters tags subjects",
    "days": "day schedule frequency cadence when on",
    "hour": "time at send_at hours",
    "zone": "timezone time_zone tz tzid",
    "language": "lang locale",
    "layout": "template theme style design",
    "name": "title label",
    "from": "sender from_address",
    "reply_to": "replyto answers_to",
    "leave_address": "unsubscribe unsubscribe_address",
    "bounce_address": "return_path envelope_from",
    "accent": "color colour",
    "relay": "smtp mailer mail_server email_server smtp_server server",
    "host": "hostname server smtp",
    "username": "user login account",
    "password": "pass passwd pwd secret",
    "security": "tls ssl encryption use_tls starttls",
    "tls": "ssl smtps ssl/tls tls/ssl implicit",
    "starttls": "start_tls starttls/tls explicit",
    "none": "no off false plain unencrypted",
    "database": "db storage",
    "maildir": "outbox folder directory mbox",
    "web": "website http pages",
    "url": "base_url domain public_url address path file dsn connection",
    "listen": "bind port host",
    "operators": "admin admins",
    "collect_every": "interval every poll refresh",
    "alerts": "alert monitoring notify",
    "compact": "list",
    "en": "english",
    "de": "german deutsch ger",
    "ar": "arabic",
}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NAMES_ELSEWHERE = ("montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag")
_GROUPS: Mapping[str, str] = {
    "daily": "every day|everyday|each day|all|always|all days|seven days|täglich|*|hourly|twice a day",
    "weekdays": "every weekday|each weekday|weekday|workdays|workday|working days|work days|business days|werktags",
    "weekends": "weekend|every weekend|each weekend|wochenende",
}
_ENDINGS = frozenset(
    ("xml", "json", "txt", "rss", "atom", "html", "htm", "csv", "yaml", "yml", "gz", "zip", "opml")
)
_RARE: Mapping[str, str] = {
    "weekly": "for one mail a week name its day, such as 'mon'",
    "monthly": "a digest comes at most daily and at least once a week: name the day, such as 'mon'",
}
_RARE_WORDS: Mapping[str, str] = {
    "weekly": "weekly|once a week|every week|each week|week|wöchentlich",
    "monthly": "monthly|once a month|every month|month|biweekly|bi-weekly|fortnightly|monatlich",
}
_RANGE = re.compile(r"\s*(?:[-\u2010-\u2015]|\.\.\.?|…|\b(?:to|through|thru|until|till|bis)\b)\s*")
_BETWEEN = re.compile(r"\s*(?:[,;/+&|]|\b(?:and|und|or)\b|\s)\s*")

# What a city's clock is called; one of those who share the name, where most people mean it.
_CLOCKS: Mapping[str, str] = {
    "America/Los_Angeles": "pst pdt pt pacific california",
    "America/Denver": "mst mdt mt mountain",
    "America/Chicago": "cst cdt ct central texas",
    "America/New_York": "est edt et eastern",
    "America/Anchorage": "akst akdt alaska",
    "Pacific/Honolulu": "hst hdt hawaii",
    "America/Halifax": "ast adt atlantic",
    "America/St_Johns": "nst ndt newfoundland",
    "America/Sao_Paulo": "brt brst",
    "America/Argentina/Buenos_Aires": "art",
    "America/Santiago": "clt clst",
    "America/Bogota": "cot",
    "Europe/London": "bst uk gb england scotland wales britain great_britain greenwich",
    "Europe/Lisbon": "wet west western_european",
    "Europe/Berlin": "cet cest mez mesz met mest central_europe central_european",
    "Europe/Athens": "eet eest oez oesz eastern_europe eastern_european",
    "Europe/Moscow": "msk msd",
    "Europe/Istanbul": "trt",
    "Africa/Lagos": "wat",
    "Africa/Johannesburg": "sast cat",
    "Africa/Nairobi": "eat",
    "Asia/Jerusalem": "idt",
    "Asia/Tehran": "irst irdt",
    "Asia/Dubai": "gst uae",
    "Asia/Karachi": "pkt",
    "Asia/Kolkata": "ist",
    "Asia/Kathmandu": "npt",
    "Asia/Bangkok": "ict",
    "Asia/Jakarta": "wib",
    "Asia/Shanghai": "prc",
    "Asia/Hong_Kong": "hkt",
    "Asia/Singapore": "sgt",
    "Asia/Manila": "pht",
    "Asia/Tokyo": "jst",
    "Asia/Seoul": "kst korea south_korea",
    "Australia/Perth": "awst",
    "Australia/Adelaide": "acst acdt",
    "Australia/Brisbane": "",
    "Australia/Sydney": "aest aedt",
    "Pacific/Auckland": "nzst nzdt",
    "UTC": "z zulu zero universal",
}
_CITIES: Mapping[str, str] = {
    # large cities after which no zone is named
    "America/Los_Angeles": "san_francisco seattle san_diego san_jose palo_alto berkeley stanford portland las_vegas",
    "America/New_York": "boston washington washington_dc philadelphia atlanta miami pittsburgh princeton nyc",
    "America/Chicago": "houston dallas austin minneapolis",
    "America/Denver": "salt_lake_city boulder",
    "America/Toronto": "montreal ottawa waterloo",
    "America/Sao_Paulo": "rio rio_de_janeiro brasilia",
    "Europe/London": "cambridge oxford edinburgh manchester",
    "Europe/Berlin": "munich hamburg frankfurt cologne stuttgart tuebingen munchen koln",
    "Europe/Paris": "lyon grenoble toulouse",
    "Europe/Madrid": "barcelona",
    "Europe/Rome": "milan turin naples",
    "Europe/Zurich": "geneva basel bern lausanne",
    "Europe/Moscow": "saint_petersburg st_petersburg",
    "Europe/Istanbul": "ankara",
    "Asia/Jerusalem": "haifa",
    "Asia/Dubai": "abu_dhabi",
    "Asia/Kolkata": "mumbai delhi new_delhi bangalore bengaluru chennai hyderabad pune",
    "Asia/Shanghai": "beijing shenzhen guangzhou hangzhou nanjing wuhan chengdu",
    "Asia/Tokyo": "kyoto osaka",
    "Asia/Seoul": "busan daejeon",
    "Australia/Sydney": "canberra",
    "Pacific/Auckland": "wellington",
}
_OFFSET = re.compile(r"(?:utc|gmt|etc/gmt|z)?\s*([+\-\u2212])\s*([01]?[0-9])(?::?([0-5][0-9]))?")
_OF_A_CLOCK = re.compile(r"_?(?:standard|daylight|summer|saving|savings|zone|time)(?=_|$)")
_LIKE_A_ZONE = "use a name from the IANA list, like Europe/Berlin"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a question with the word that was meant, by its meaning or else its spelling; where none is near, all that
    are known."""
    names = list(known)
    meant = _find_meant(word, names) or _find_nearest(word, names)
    return f"did you mean '{meant}'?" if meant else f"known here: {', '.join(names)}"


def _find_meant(word: str, names: Collection[str]) -> str:
    """Return the one of these names that others call by this word, empty where there is none."""
    said = re.sub(r"[\s-]+", "_", word.strip().casefold())
    exact = next((name for name in names if name.casefold().replace("-", "_") == said), "")
    meant = (name for name in names if said in _MEANT.get(name, "").split())
    # A language with its country: en-US.
    spoken = next((name for name in names if re.fullmatch(rf"{re.escape(name)}_[a-z]{{2}}", said)), "")
    return exact or next(meant, "") or spoken


def _find_nearest(word: str, names: Collection[str]) -> str:
    by_folded = {name.casefold(): name for name in names}
    folded = word.casefold()
    close = get_close_matches(folded, by_folded, n=1, cutoff=0.6)
    close += [name for name in by_folded if len(folded) > 2 and folded in name]
    return by_folded[close[0]] if close else ""


def advise_location(text: str) -> str:
    """Return what to write for a file that is not there but looks like a web address, empty for another."""
    found = re.fullmatch(
        r"(?:[a-z]{3,5}:?/+)?((?:[\w-]+\.)+([a-z]{2,24})(?::\d+)?(/.*)?)", text, re.IGNORECASE
    )
    if found is None or (not found[3] and found[2].casefold() in _ENDINGS):
        return ""
    return f"for a web address write https://{found[1]}"


# --- days and hours -----------------------------------------------------------------------


def advise_days(text: str) -> str:
    """Return what to write for a text that names no day of ours: a group of days, a list, or what one has to choose."""
    said = " ".join(text.casefold().split())
    group = _look_up(said, _GROUPS, "|")
    rare = _look_up(said, _RARE_WORDS, "|")
    if rare:
        return _RARE[rare]
    meant = group or word_days(_read_days(said))
    return f"did you mean '{meant}'?" if meant else did_you_mean(said, [*_DAYS, *_GROUPS])


def word_days(days: frozenset[int]) -> str:
    """Return days (0 is Monday) as we write them: a word where there is one, else a list; empty for none."""
    known = {frozenset(range(7)): "daily", frozenset(range(5)): "weekdays", frozenset({5, 6}): "weekends"}
    return known.get(days) or ",".join(_DAYS[day] for day in sorted(days))


def _read_days(said: str) -> frozenset[int]:
    """Return the days of ``mon-fri``, ``tue and thu``, ``mondays``, ``Mo-Fr``; none where a part is no day."""
    days: set[int] = set()
    for part in _BETWEEN.split(_RANGE.sub("-", said)):
        ends = [_read_day(name) for name in part.split("-")]
        if not 1 <= len(ends) <= 2 or None in ends:
            return frozenset()
        first, last = ends[0] or 0, ends[-1] or 0
        days |= {day % 7 for day in range(first, (last if last >= first else last + 7) + 1)}
    return frozenset(days)


def _read_day(name: str) -> int | None:
    """Return the number of a day by its name or the beginning of it, in English or German."""
    short = name.rstrip(".").removesuffix("s")
    for names in (_NAMES, _NAMES_ELSEWHERE):
        for number, whole in enumerate(names):
            if len(short) > 1 and whole.startswith(short):
                return number
    return None


def advise_hour(text: str) -> str:
    """Return the time of ``7pm``, ``7``, ``19.30 Uhr`` or ``noon`` as we write it, and how a time is written."""
    said = text.strip().casefold()
    named = {"noon": "12:00", "midday": "12:00", "midnight": "00:00", "24:00": "00:00"}.get(said)
    found = re.fullmatch(r"(\d{1,2})(?:[:.h]?(\d{2}))?\s*([ap])?\.?(?:m\.?|h|uhr|o'clock)?(?::\d\d)?", said)
    if found and not named:
        hour, minute = int(found[1]), int(found[2] or 0)
        if found[3] and 1 <= hour <= 12:
            hour = hour % 12 + (12 if found[3] == "p" else 0)
        named = f"{hour:02}:{minute:02}" if hour < 24 and minute < 60 else None
    form = "write it like 07:30, from 00:00 to 23:59"
    return f"did you mean '{named}'? {form}" if named else form


def advise_duration(text: str) -> str:
    """Return the time of ``30 minutes``, ``1 hour`` or ``1w`` as we write it; else how one is written."""
    form = "write minutes, hours or days like 30m, 12h or 2d"
    found = re.fullmatch(
        r"(\d{1,4})\s*(s|m|h|d|w)(?:econds?|ecs?|in(?:ute)?s?|(?:ou)?rs?|ays?|eeks?|ks?)?", text.casefold()
    )
    if not found:
        return form
    count, unit = int(found[1]), found[2]
    return f"did you mean '{7 * count}d'?" if unit == "w" else f"did you mean '{count}{unit}'?"


# --- zones --------------------------------------------------------------------------------


def advise_zone(text: str, cities: Collection[str], known: Collection[str], now: datetime) -> str:
    """Return the zone of a clock, an offset, a city or a country; else the nearest name of a city.

    cities are the zones of today's maps, known also the older names. What people mean by an offset is what clocks show
    now: GMT+2 is east of Greenwich, whereas the zone that is called Etc/GMT+2 is west of it.
    """
    said = re.sub(r"[\s-]+", "_", text.strip().casefold()).strip("_")
    offset = _OFFSET.fullmatch(text.strip().casefold())
    if offset:
        return _advise_offset(offset, cities, now)
    city = said.rpartition("/")[2]
    meant = (
        _find_city(city, cities)
        or _look_up(_OF_A_CLOCK.sub("", said), _CLOCKS, " ")
        or _look_up(city, _CITIES, " ")
        or _find_city(city, known)
        or _find_windows_zone(said, known)
        or _find_country(said)
        or _find_near_city(city, cities, known)
    )
    return f"did you mean '{meant}'?" if meant in known else _LIKE_A_ZONE


def _advise_offset(offset: re.Match[str], cities: Collection[str], now: datetime) -> str:
    minutes = (1 if offset[1] == "+" else -1) * (60 * int(offset[2]) + int(offset[3] or 0))
    if not minutes:
        return "did you mean 'UTC'?"
    wanted = timedelta(minutes=minutes)
    for zone in (*_CLOCKS, *cities):
        if now.astimezone(ZoneInfo(zone)).utcoffset() == wanted:
            at = f"{minutes // abs(minutes) * (abs(minutes) // 60):+}" + (
                f":{abs(minutes) % 60:02}" if minutes % 60 else ""
            )
            return f"did you mean '{zone}', or another city whose clocks show UTC{at} now?"
    return _LIKE_A_ZONE


def _find_city(city: str, zones: Iterable[str]) -> str:
    return min((zone for zone in zones if zone.rpartition("/")[2].casefold() == city), default="")


def _find_windows_zone(said: str, known: Collection[str]) -> str:
    """Return the zone of a name as Windows and Outlook have it: 'W. Europe Standard Time'."""
    from babel.core import get_global  # reads CLDR: not for those who write a zone's name

    named = {
        re.sub(r"[\s-]+", "_", name.casefold()): zone
        for name, zone in get_global("windows_zone_mapping").items()
    }
    zone = str(named.get(said, ""))
    return zone if zone in known and not zone.startswith("Etc/") else ""


def _find_country(said: str) -> str:
    """Return the first zone of a country, by its English name or its code, as the IANA database has them."""
    folder = files("tzdata").joinpath("zoneinfo")
    codes: dict[str, str] = {}
    for line in folder.joinpath("iso3166.tab").read_text("utf-8").splitlines():
        code, _, name = line.partition("\t")
        codes |= {code.casefold(): code, name.casefold().replace(" ", "_"): code}
    code = codes.get({"usa": "us", "america": "us"}.get(said, said), "")
    for line in folder.joinpath("zone.tab").read_text("utf-8").splitlines():
        if code and line.startswith(f"{code}\t"):
            return line.split("\t")[2]
    return ""


def _find_near_city(city: str, cities: Collection[str], known: Collection[str]) -> str:
    """Return the zone of a city that is spelt nearly so. A few letters are near to too many."""
    for zones in (cities, known):
        by_city = {zone.rpartition("/")[2].casefold(): zone for zone in sorted(zones, reverse=True)}
        close = get_close_matches(city, by_city, n=1, cutoff=0.8) if len(city) > 4 else []
        if close:
            return by_city[close[0]]
    return ""


def _look_up(said: str, table: Mapping[str, str], separator: str) -> str:
    return next((ours for ours, theirs in table.items() if said in theirs.split(separator)), "")

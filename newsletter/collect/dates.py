"""Dates as feeds write them → moments in UTC. A date is read whole or not at all: a wrong day is worse than none.

Understood are unix time, ISO 8601 and its loose forms, RFC 822, and days with the name of their month in the languages
below, in whatever order leaves no doubt. "12/11/2026" is two different days in two countries, so it is none.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.model.entries import Sighting
    from newsletter.model.sources import ParsedFeed

_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)  # a zone that is ahead of ours, a clock that is fast
_MAX_CHARS = 100

# Forms of one country or program → a form that is read below.
_FORMS = (
    (re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/"), r"\1"),  # JSON as ASP.NET writes it
    (re.compile(r"\bklo?\.? (\d{1,2})\.(\d\d)\b", re.IGNORECASE), r"\1:\2"),
    (re.compile(r"(?:\bngày )?\b(\d{1,2}) tháng (\d{1,2})(?: năm|,)? (\d{4})\b", re.IGNORECASE), r"\1.\2.\3"),
    (re.compile(r"(?<=[ก-๙])\.(?=[ก-๙]|\s|$)"), ""),
    (re.compile(r"ב-(?=[א-ת])"), "ב"),
    (re.compile(r"令和\s?(\d{1,2}|元)\s?年"), lambda found: f"{2018 + int(found[1].replace('元', '1'))}年"),
)
_BUDDHIST = 543  # years that Thailand is ahead

# English; German, French, Spanish, Portuguese, Italian, Dutch; the north; Polish, Czech, Hungarian, Romanian, Turkish,
# Indonesian; Russian, Ukrainian, Bulgarian; Greek; Arabic, Persian, Hindi; Hebrew; Thai. Without accents, in small
# letters.
_MONTH_NAMES = (
    """jan january januar jaenner janner janvier janv enero ene janeiro gennaio gen januari tammikuu stycznia
    styczen sty leden ledna januarie ianuarie ian ocak oca siecznia янв января январь січня січ януари ιαν
    ιανουαριου ιανουαριος يناير ژانویه जनवरी
    tammikuuta ינואר בינואר มกราคม มค""",
    """feb february februar feber fevrier fevr febrero fevereiro fev febbraio febbr februari helmikuu lutego luty
    lut unor unora februarie subat фев февр февраля февраль лютого лют февруари φεβ φεβρουαριου φεβρουαριος
    فبراير فوریه फरवरी फ़रवरी
    helmikuuta פברואר בפברואר กุมภาพันธ์ กพ""",
    """mar march marz maerz mrz mars marzo março marco maart mrt maret maaliskuu marca marzec brezen brezna marcius
    martie mart мар марта март березня бер μαρ μαρτ μαρτιου μαρτιος مارس मार्च
    maaliskuuta מרץ במרץ มีนาคม มีค""",
    """apr april avril avr abril abr aprile huhtikuu kwietnia kwiecien kwi duben dubna aprilis aprilie nisan nis
    апр апреля апрель квітня кві април απρ απριλ απριλιου απριλιος أبريل ابريل آوریل अप्रैल
    huhtikuuta אפריל באפריל เมษายน เมย""",
    """may mai mayo maio maggio mag mei maj toukokuu maja kveten kvetna majus mayis мая май травня тра μαι μαιος
    μαιου μαϊ μαϊου μαϊος مايو مه मई
    toukokuuta מאי במאי พฤษภาคม พค""",
    """jun june juni juin junio junho giugno giu kesakuu czerwca czerwiec cze cerven cervna junius iunie iun
    haziran haz июн июня июнь червня чер юни ιουν ιουνιου ιουνιος يونيو ژوئن जून
    kesäkuuta יוני ביוני มิถุนายน มิย""",
    """jul july juli juillet juil julio julho luglio lug heinakuu lipca lipiec lip cervenec cervence julius iulie
    iul temmuz tem июл июля июль липня лип юли ιουλ ιουλιου ιουλιος يوليو ژوئیه जुलाई
    heinäkuuta יולי ביולי กรกฎาคม กค""",
    """aug august aout agosto ago augustus agustus elokuu sierpnia sierpien sie srpen srpna augusztus ağustos
    agustos agu авг августа август серпня сер αυγ αυγουστου αυγουστος أغسطس اغسطس اوت अगस्त
    elokuuta אוגוסט באוגוסט สิงหาคม สค""",
    """sep sept september septembre septiembre setiembre set setembro settembre sett syyskuu wrzesnia wrzesien wrz
    zari szeptember szept septembrie eylul eyl сен сент сентября сентябрь вересня вер септември σεπ σεπτ
    σεπτεμβριου σεπτεμβριος سبتمبر سپتامبر सितंबर सितम्बर
    syyskuuta ספטמבר בספטמבר กันยายน กย""",
    """oct october okt oktober octobre octubre outubro out ottobre ott lokakuu pazdziernika pazdziernik paz rijen
    rijna oktobrie octombrie ekim eki окт октября октябрь жовтня жов октомври οκτ οκτωβριου οκτωβριος أكتوبر
    اكتوبر اکتبر अक्टूबर
    lokakuuta אוקטובר באוקטובר ตุลาคม ตค""",
    """nov november novembre noviembre novembro marraskuu listopada listopad lis listopadu noiembrie noi kasim kas
    ноя нояб ноября ноябрь ноември листопада лис νοε νοεμ νοεμβριου νοεμβριος نوفمبر نوامبر नवंबर नवम्बर kasım
    marraskuuta נובמבר בנובמבר พฤศจิกายน พย""",
    """dec december dez dezember decembre diciembre dic dezembro dicembre desember des joulukuu grudnia grudzien
    gru prosinec prosince decembrie aralik ara дек декабря декабрь грудня гру декември δεκ δεκεμβριου δεκεμβριος
    ديسمبر دسامبر दिसंबर दिसम्बर aralık
    joulukuuta דצמבר בדצמבר ธันวาคม ธค""",
)

# Hours east of UTC; those of RFC 822 and the usual ones of Europe, Asia and Australia.
_ZONES = {
    "z": 0, "ut": 0, "utc": 0, "gmt": 0, "wet": 0, "west": 1, "bst": 1, "cet": 1, "mez": 1, "met": 1, "cest": 2,
    "mesz": 2, "mest": 2, "eet": 2, "eest": 3, "msk": 3, "ist": 5.5, "hkt": 8, "sgt": 8, "awst": 8, "jst": 9, "kst": 9,
    "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13, "ast": -4, "adt": -3, "est": -5, "edt": -4, "et": -5, "cst": -6,
    "cdt": -5, "ct": -6, "mst": -7, "mdt": -6, "mt": -7, "pst": -8, "pdt": -7, "pt": -8, "akst": -9, "akdt": -8,
    "hst": -10,
}  # fmt: skip

# What is usual is read by the standard library, which knows fractions of seconds, too.
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?")
_NUMBER = re.compile(r"-?\d{1,17}(?:\.\d{1,9})?")
_TIME = re.compile(
    r"(?:^|(?<=[\sT,日일号午前後后전후]))(?P<hour>\d{1,2})\s?(?::|h\s?(?=\d)|時|시|点|點|时|\.(?=\d\d\s?uhr))\s?(?P<minute>\d{2})(?!\d)"
    r"(?:\s?(?::|分|분)\s?(?P<second>\d{2})(?:[.,]\d+)?)?\s?(?:分|분|秒|초|h\b|uhr\b)?",
    re.IGNORECASE,
)
_HALF = re.compile(
    r"(?P<am>\b[aA]\.?\s?[mM]\b\.?|上午|午前|오전)|(?P<pm>\b[pP]\.?\s?[mM]\b\.?|下午|午後|오후)"
)
_OFFSET = re.compile(r"(?:gmt|utc|ut|z)?(?P<sign>[+−–-])(?P<hours>\d\d?):?(?P<minutes>\d\d)?", re.IGNORECASE)
_COMMENT = re.compile(r"\([^()]*\)")
_WORD = re.compile(r"(?:[^\W\d_]|[\u0300-\u036f\u0900-\u0963\u0e31-\u0e4e])+")
_YEAR_FIRST = re.compile(
    r"(?<!\d)(?P<year>\d{4})\s?(?:[-/.]|年|년)\s?(?P<month>\d{1,2})\s?(?:[-/.]|月|월)\s?(?P<day>\d{1,2})(?!\d)\.?\s?(?:日|일|号)?"
)
_DAY_FIRST = re.compile(
    r"(?<!\d)(?P<day>\d{1,2})(?P<sign>[./-])\s?(?P<month>\d{1,2})(?P=sign)\s?(?P<year>\d{4})(?!\d)"
)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T?(\d\d)(\d\d)(\d\d)?)?(?!\d)")
_WEEK = re.compile(r"\d{4}-?W\d\d-?[1-7]")
_DAY_OF_YEAR = re.compile(r"(?P<year>\d{4})-?(?P<day>\d{3})(?=T|$)")


def parse_date(value: object) -> datetime | None:
    """Return a moment in UTC (UTC is meant where no zone is named); None for what is no date, leaves a doubt about the
    day, or lies before 1990. Numbers are unix time, in seconds or milliseconds.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = " ".join(unicodedata.normalize("NFKC", str(value)[:_MAX_CHARS]).split())
    for form, usual in _FORMS:
        text = form.sub(usual, text)
    try:
        moment = _parse_moment(text)
        moment = moment.astimezone(UTC) if moment else None
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment and moment >= _EARLIEST else None


def without_future_dates(feed: ParsedFeed, now: datetime) -> ParsedFeed:
    """Return an answer without dates that lie more than a day ahead: such an item would stand on top for ever."""
    sightings = tuple(_without_future_date(sighting, now) for sighting in feed.sightings)
    late = sum(one is not other for one, other in zip(sightings, feed.sightings, strict=True))
    if not late:
        return feed
    note = f"{late} date{'s' * (late > 1)} in the future left out"
    return replace(feed, sightings=sightings, notes=(*feed.notes, note))


def _without_future_date(sighting: Sighting, now: datetime) -> Sighting:
    at = sighting.entry.published_at
    if at is None or at <= now + _AHEAD:
        return sighting
    return replace(sighting, entry=replace(sighting.entry, published_at=None))


def _parse_moment(text: str) -> datetime | None:
    if _ISO.fullmatch(text) and ":60" not in text:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if _NUMBER.fullmatch(text) and len(text) not in (8, 14):
        return _parse_unix(text)
    return _parse_text(text)


def _parse_unix(text: str) -> datetime | None:
    seconds = float(text)
    if seconds > 1e11:
        seconds /= 1000
    return datetime.fromtimestamp(seconds, UTC) if seconds > 1e8 else None


def _parse_text(text: str) -> datetime | None:
    if compact := _COMPACT.match(text):
        year, month, day, *clock = (part for part in compact.groups() if part)
        text = f"{year}-{month}-{day} {':'.join(clock)}{text[compact.end() :]}"
    text = _COMMENT.sub(" ", text).strip()
    clock_at, before, behind = timedelta(), text, ""
    if found := _TIME.search(text):
        clock_at = _read_clock(found, _HALF.search(text))
        before, behind = text[: found.start()], text[found.end() :]
    before, behind = _HALF.sub(" ", before).strip(" T,"), _HALF.sub(" ", behind)
    day = _parse_day(before) or _parse_day(f"{before} {_without_offset(behind)}")
    return _midnight(day, _read_zone(behind)) + clock_at if day else None


def _read_clock(found: re.Match[str], half: re.Match[str] | None) -> timedelta:
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    if hour > 24 or minute > 59 or second > 60:
        raise ValueError("no time of a day")
    if half and half["pm"] and hour < 12:
        hour += 12
    elif half and half["am"] and hour == 12:
        hour = 0
    return timedelta(hours=hour, minutes=minute, seconds=second)


def _read_zone(text: str) -> timezone:
    """Return the zone that stands behind a time; UTC where there is none, or one that we do not know."""
    words = text.replace(",", " ").split()
    for found in filter(None, map(_OFFSET.fullmatch, words)):
        ahead = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0))
        if ahead <= timedelta(hours=14):
            return timezone(ahead if found["sign"] == "+" else -ahead)
    hours = next((_ZONES[name] for word in words if (name := word.strip(".").casefold()) in _ZONES), 0)
    return timezone(timedelta(hours=hours))


def _without_offset(text: str) -> str:
    return " ".join(word for word in text.split() if not _OFFSET.fullmatch(word))


def _midnight(day: date, zone: timezone = UTC) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _day(year: str, month: str | int, day: str) -> date:
    number = int(year)
    if len(year) == 2:  # RFC 2822 section 4.3
        number += 2000 if number < 70 else 1900
    elif number > 2500:
        number -= _BUDDHIST
    return date(number, int(month), int(day))


def _parse_day(text: str) -> date | None:
    if found := _YEAR_FIRST.search(text):
        return _day(found["year"], found["month"], found["day"])
    if found := _DAY_FIRST.search(text):
        first, second = int(found["day"]), int(found["month"])
        if found["sign"] == "." or (first > 12 >= second) or first == second:
            return _day(found["year"], found["month"], found["day"])
        return _day(found["year"], found["day"], found["month"]) if second > 12 >= first else None
    if _WEEK.fullmatch(text):
        return date.fromisoformat(text)
    if found := _DAY_OF_YEAR.fullmatch(text):
        return date(int(found["year"]), 1, 1) + timedelta(days=int(found["day"]) - 1)
    return _parse_named(text)


def _parse_named(text: str) -> date | None:
    """Return a day whose month is named: one name, one day and one year stand there, and no other number."""
    words = list(_WORD.finditer(text))
    named = [word for word in words if _plain(word[0]) in _MONTHS]
    if len(named) > 1 and named[0] is words[0]:  # a day of the week, as the French "mar."
        del named[0]
    numbers = re.findall(r"\d+", text)
    if len(named) != 1 or len(numbers) != 2:
        return None
    first, second = numbers
    if len(first) == 4 and len(second) <= 2:
        first, second = second, first
    is_short = len(second) == 2 and text.find(first) < named[0].start()
    is_whole = len(first) <= 2 and (len(second) == 4 or is_short)
    return _day(second, _MONTHS[_plain(named[0][0])], first) if is_whole else None


def _plain(word: str) -> str:
    """Return a word without accents, in small letters."""
    apart = unicodedata.normalize("NFD", word.casefold())
    return "".join(char for char in apart if not "\u0300" <= char <= "\u036f")


_MONTHS = {_plain(name): number for number, names in enumerate(_MONTH_NAMES, 1) for name in names.split()}

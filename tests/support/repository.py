"""A repository that speaks OAI-PMH 2.0 on 127.0.0.1, as arXiv's does: it checks its questions and pages by tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Self
from urllib.parse import parse_qsl, quote, unquote, urlencode
from xml.sax.saxutils import escape, quoteattr

from aiohttp import web

from tests.support.builders import at

_ALLOWED = frozenset(["verb", "metadataPrefix", "from", "until", "set"])
_NAMESPACES = {
    "oai_dc": 'oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/"',
    "arXiv": 'arXiv xmlns="http://arxiv.org/OAI/arXiv/"',
    "arXivRaw": 'arXivRaw xmlns="http://arxiv.org/OAI/arXivRaw/"',
}


NOW = at("2026-06-16 20:00")
_SUBMITTED, _CHANGED = at("2026-06-15 10:00"), at("2026-06-16 01:00")


@dataclass(frozen=True)
class Work:
    """A work of a repository. versions are the moments at which each was submitted; changed_at is its datestamp."""

    number: str
    title: str = "A paper"
    versions: tuple[datetime, ...] = (_SUBMITTED,)
    changed_at: datetime = _CHANGED
    sets: tuple[str, ...] = ("cs:cs:RO",)
    categories: str = "cs.RO"
    authors: tuple[tuple[str, str], ...] = (("Ada", "Example"), ("Bo", "van der Example"))
    abstract: str = "We study sheep."
    comments: str = ""
    doi: str = ""
    is_deleted: bool = False


def make_work(number: int, **facts: object) -> Work:
    """The work with this number in June 2026."""
    return replace(Work(f"2606.{number:05}", f"Paper {number}"), **facts)  # type: ignore[arg-type]


class Repository:
    """``async with Repository(works) as there:`` listens at ``there.url``.

    now is its clock. A page has page_size records. granularity is that of its datestamps. asked are the queries that
    came. answers are given in their order before it does what it should: a status, headers and a body; ASIDE stands for
    one that is as it should be. has_forgotten: it knows none of the tokens that it gave before.
    """

    ASIDE: ClassVar[tuple[int, dict[str, str], str]] = (0, {}, "")

    def __init__(
        self,
        works: Sequence[Work] = (),
        *,
        now: datetime = NOW,
        page_size: int = 3,
        to_second: bool = False,
        prefix: str = "oai:arXiv.org:",
    ) -> None:
        self.works = list(works)
        self.now = now
        self.page_size = page_size
        self.to_second = to_second
        self.asked: list[dict[str, str]] = []
        self.answers: list[tuple[int, dict[str, str], str]] = []
        self.has_forgotten = False
        self.earliest = at("2005-09-16 00:00")
        self._prefix = prefix
        self._given: set[str] = set()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/oai", self._answer)
        app.router.add_get("/old", self._redirect)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/oai"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def verbs(self) -> list[str]:
        return [query.get("verb", "") for query in self.asked]

    async def _answer(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        self.asked.append(query)
        status, headers, body = self.answers.pop(0) if self.answers else self.ASIDE
        if status:
            return web.Response(status=status, headers=headers, text=body)
        try:
            inner = self.tell(query)
        except _Refusal as refusal:
            code, _, words = str(refusal).partition(": ")
            inner = f"<error code={quoteattr(code)}>{escape(words)}</error>"
        return web.Response(text=self.envelope(inner), content_type="text/xml")

    async def _redirect(self, request: web.Request) -> web.Response:
        """Lead to where the repository is now, for good."""
        return web.Response(
            status=301, headers={"Location": f"{self.url}?{request.rel_url.raw_query_string}"}
        )

    def envelope(self, inner: str) -> str:
        return make_answer(inner, self.now)

    def tell(self, query: dict[str, str]) -> str:
        """Return what stands in the envelope. Raises _Refusal."""
        verb = query.get("verb", "")
        if verb == "Identify":
            granularity = "YYYY-MM-DDThh:mm:ssZ" if self.to_second else "YYYY-MM-DD"
            return (
                f"<Identify><repositoryName>arXiv</repositoryName><earliestDatestamp>{self._stamp(self.earliest)}"
                f"</earliestDatestamp><deletedRecord>persistent</deletedRecord><granularity>{granularity}"
                "</granularity></Identify>"
            )
        if verb == "GetRecord":
            return self._get_record(query)
        if verb != "ListRecords":
            raise _Refusal("badVerb: not a legal verb")
        skip = 0
        if token := query.get("resumptionToken"):
            if set(query) != {"verb", "resumptionToken"}:
                raise _Refusal("badArgument: no other parameters allowed with resumptionToken")
            query, skip = self._read_token(token)
        if extra := set(query) - _ALLOWED:
            raise _Refusal(f"badArgument: {extra}")
        return self._list_records(query, skip)

    def _list_records(self, query: dict[str, str], skip: int) -> str:
        prefix = query.get("metadataPrefix", "")
        if prefix not in _NAMESPACES:
            raise _Refusal("cannotDisseminateFormat: not supported")
        since, until = self._read_stamp(query, "from"), self._read_stamp(query, "until")
        if since and since < self.earliest:
            raise _Refusal("badArgument: start date too early")
        found = [
            work
            for work in sorted(self.works, key=lambda work: (work.changed_at, work.number))
            if (not since or work.changed_at >= since)
            and (not until or work.changed_at <= until)
            and (
                not (wanted := query.get("set"))
                or any(f"{one}:".startswith(f"{wanted}:") for one in work.sets)
            )
        ]
        if not found:
            raise _Refusal("noRecordsMatch: an empty list")
        page = found[skip : skip + self.page_size]
        told = "".join(self.make_record(work, prefix) for work in page)
        if skip + self.page_size < len(found):
            told += (
                f"<resumptionToken>{escape(self._make_token(query, skip + self.page_size))}</resumptionToken>"
            )
        elif skip:
            told += "<resumptionToken/>"
        return f"<ListRecords>{told}</ListRecords>"

    def _get_record(self, query: dict[str, str]) -> str:
        work = next((work for work in self.works if self._prefix + work.number == query["identifier"]), None)
        if work is None:
            raise _Refusal("idDoesNotExist: unknown")
        return f"<GetRecord>{self.make_record(work, query['metadataPrefix'])}</GetRecord>"

    def make_record(self, work: Work, prefix: str) -> str:
        status = ' status="deleted"' if work.is_deleted else ""
        sets = "".join(f"<setSpec>{one}</setSpec>" for one in work.sets)
        header = (
            f"<header{status}><identifier>{self._prefix}{work.number}</identifier>"
            f"<datestamp>{self._stamp(work.changed_at)}</datestamp>{sets}</header>"
        )
        metadata = "" if work.is_deleted else f"<metadata>{make_metadata(work, prefix)}</metadata>"
        return f"<record>{header}{metadata}</record>"

    def _stamp(self, moment: datetime) -> str:
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ" if self.to_second else "%Y-%m-%d")

    def _read_stamp(self, query: dict[str, str], name: str) -> datetime | None:
        text = query.get(name)
        if text is None:
            return None
        try:
            moment = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
            return moment + timedelta(days=1, seconds=-1) if name == "until" else moment
        except ValueError:
            if not self.to_second:
                raise _Refusal(f"badArgument: {name} date format must be YYYY-MM-DD") from None
            return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)

    def _make_token(self, query: dict[str, str], skip: int) -> str:
        """Quoted twice, as arXiv's tokens are: it shows whether they come back as they went."""
        token = quote(urlencode({**query, "skip": skip}))
        self._given.add(token)
        return token

    def _read_token(self, token: str) -> tuple[dict[str, str], int]:
        query = dict(parse_qsl(unquote(token)))
        if self.has_forgotten or token not in self._given:
            raise _Refusal("badResumptionToken: invalid or expired")
        return query, int(query.pop("skip"))


class _Refusal(Exception):
    """An error of the protocol: its code and its words."""


def make_answer(inner: str, now: datetime = NOW) -> str:
    """The envelope of an answer."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
        f"<responseDate>{now:%Y-%m-%dT%H:%M:%SZ}</responseDate><request>https://oai.example.org/oai</request>"
        f"{inner}</OAI-PMH>"
    )


def make_metadata(work: Work, prefix: str) -> str:
    """A work in one of the formats, as arXiv's server writes it."""
    return f"<{_NAMESPACES[prefix]}>{_FORMATS[prefix](work)}</{_NAMESPACES[prefix].split()[0]}>"


def _make_core(work: Work) -> str:
    dates = [work.versions[0], *work.versions[-1:]] if len(work.versions) > 1 else [work.versions[0]]
    named = [f"https://arxiv.org/abs/{work.number}", *([f"doi:{work.doi}"] if work.doi else [])]
    return _make_elements(
        ("dc:title", [work.title]),
        ("dc:creator", [f"{family}, {given}" for given, family in work.authors]),
        ("dc:subject", ["Computer Science - Robotics"]),
        ("dc:description", [text for text in (work.abstract, work.comments) if text]),
        ("dc:date", [f"{moment:%Y-%m-%d}" for moment in dates]),
        ("dc:type", ["text"]),
        ("dc:identifier", named),
    )


def _make_arxiv(work: Work) -> str:
    people = "".join(
        f"<author>{_make_elements(('keyname', [family]), ('forenames', [given]))}</author>"
        for given, family in work.authors
    )
    return (
        _make_elements(("id", [work.number]), ("created", [f"{work.versions[-1]:%Y-%m-%d}"]))
        + f"<authors>{people}</authors>"
        + _make_rest(work)
    )


def _make_arxiv_raw(work: Work) -> str:
    versions = "".join(
        f'<version version="v{number}"><date>{moment:%a, %d %b %Y %H:%M:%S} GMT</date><size>14kb</size></version>'
        for number, moment in enumerate(work.versions, 1)
    )
    people = ", ".join(f"{given} {family}" for given, family in work.authors)
    return (
        _make_elements(("id", [work.number]), ("submitter", ["Ada Example"]))
        + versions
        + _make_elements(("authors", [people]))
        + _make_rest(work)
    )


def _make_rest(work: Work) -> str:
    return _make_elements(
        ("title", [work.title]),
        ("categories", [work.categories]),
        ("comments", [work.comments] if work.comments else []),
        ("doi", [work.doi] if work.doi else []),
        ("abstract", [work.abstract]),
    )


def _make_elements(*elements: tuple[str, list[str]]) -> str:
    return "".join(f"<{name}>{escape(text)}</{name}>" for name, texts in elements for text in texts)


_FORMATS: dict[str, Callable[[Work], str]] = {
    "oai_dc": _make_core,
    "arXiv": _make_arxiv,
    "arXivRaw": _make_arxiv_raw,
}

"""How well mail about mail is read, over labelled samples, beside plain flufl.bounce.

    python -m benchmarks.bounces --data DIR [--json FILE] [--wrong]

DIR holds mails in folders and ``expected.json``: by file name what the projects that they come from say of them.
Beside them it judges diagnostics.tsv, written for this project: what servers say, in many languages, with sources.
Wrongly suppressed means that a reader would get no more mail who should: hard or complaint where the label is a soft
failure without a permanent code, an automatic answer, or nothing.
"""

from __future__ import annotations

import argparse
import email
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from flufl.bounce import all_failures
from rich.console import Console
from rich.table import Table

from newsletter.deliver.bounce import judge_report, parse_report
from newsletter.model.mail import Weight

_PLAIN_RECIPIENT = re.compile(
    rb"^(?:Final-Recipient|Original-Recipient|X-Actual-Recipient)[ \t]*:(?:[^;\r\n]*;)?[ \t]*<?([^\s<>;]+@[^\s<>;]+)",
    re.IGNORECASE | re.MULTILINE,
)


class Label(NamedTuple):
    """What counts as right: kinds, and addresses (empty where the label names none)."""

    kinds: frozenset[str]
    addresses: frozenset[str]
    may_suppress: bool


class Answer(NamedTuple):
    """What a reader of bounces says: a kind, and whom it is about."""

    kind: str
    addresses: frozenset[str]


@dataclass(slots=True)
class Score:
    """Counts of one reader of bounces."""

    labelled: int = 0
    wrongly_suppressed: int = 0
    reports: int = 0
    reports_kind_right: int = 0
    reports_recipient_right: int = 0
    others: int = 0
    others_kind_right: int = 0
    crashed: int = 0
    wrong: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {
            "labelled": self.labelled,
            "wrongly_suppressed": self.wrongly_suppressed,
            "reports": {
                "n": self.reports,
                "kind_right": self.reports_kind_right,
                "recipient_right": self.reports_recipient_right,
            },
            "others": {"n": self.others, "kind_right": self.others_kind_right},
            "crashed": self.crashed,
        }


def build_label(name: str, expected: Any) -> Label | None:
    """Return the label of one sample; None where its origin says nothing about its kind."""
    origin = name.split("/")[0]
    if origin == "kumomta":
        if expected["format"] == "arf":
            return Label(frozenset({"complaint"}), frozenset(), True)
        return None
    if origin == "bounce-email":
        kinds = {"TYPE_HARD_FAIL": "hard", "TYPE_SOFT_FAIL": "soft"}
        kind = kinds.get(expected.get("type", ""))
        return Label(frozenset({kind}), frozenset(), kind == "hard") if kind else None
    if origin == "flufl":
        addresses = frozenset(address.lower() for address in expected["addresses"])
        if not addresses:
            return Label(frozenset({"none"}), frozenset(), False)
        kind = "soft" if expected["temporary"] else "hard"
        return Label(frozenset({kind}), addresses, kind == "hard")
    return _build_sisimai_label(expected)


def _build_sisimai_label(recipients: list[dict[str, Any]]) -> Label:
    if not recipients:
        return Label(frozenset({"none"}), frozenset(), False)
    kinds: set[str] = set()
    may_suppress = False
    for one in recipients:
        reason, permanent = one["reason"], str(one["status"]).startswith("5.")
        if reason == "feedback":
            kinds.add("none" if one["other"] == "auth-failure" else "complaint")
        elif reason == "vacation":
            kinds.add("auto_reply")
        elif reason == "delivered":
            kinds.add("none")
        elif one["hard_bounce"]:
            kinds.add("hard")
        else:
            kinds |= {"soft", "hard"} if permanent else {"soft"}
        may_suppress = may_suppress or one["hard_bounce"] or "complaint" in kinds or permanent
    return Label(frozenset(kinds), frozenset(), may_suppress)


def is_standard(message: bytes) -> bool:
    """Tell whether a sample is a delivery report of RFC 3464."""
    head = message.lower()
    says_report = b"multipart/report" in head or b"message/delivery-status" in head
    return says_report and _PLAIN_RECIPIENT.search(message) is not None


def ask_ours(message: bytes) -> Answer:
    """Return what our parser says."""
    report = parse_report(message)
    # Who writes "unsubscribe" and who complains get no more mail alike.
    kind = {"delivered": "none", "unsubscribe": "complaint", "wish": "none"}.get(
        report.kind, str(report.kind)
    )
    return Answer(kind, frozenset(one.address for one in report.recipients))


def ask_flufl(message: bytes) -> Answer:
    """Return what plain flufl.bounce says."""
    temporary, permanent = all_failures(email.message_from_bytes(message))
    addresses = frozenset(one.decode("ascii", "replace").lower() for one in {*temporary, *permanent})
    return Answer("hard" if permanent else "soft" if temporary else "none", addresses)


def measure(data: Path, ask: Callable[[bytes], Answer]) -> Score:
    """Ask about every sample of a folder; return the counts."""
    folder = data if (data / "expected.json").exists() else data / "bounces"
    expected = json.loads((folder / "expected.json").read_text())
    score = Score()
    for file in sorted(one for one in folder.glob("*/*") if one.is_file()):
        message = file.read_bytes()
        name = f"{file.parent.name}/{file.name}"
        try:
            answer = ask(message)
        except Exception as error:
            score.crashed += 1
            score.wrong.append(f"{name}: crashed: {error!r}")
            continue
        label = build_label(name, expected[name]) if name in expected else None
        if label is not None:
            _count(score, name, message, label, answer)
    return score


def _count(score: Score, name: str, message: bytes, label: Label, answer: Answer) -> None:
    score.labelled += 1
    right = answer.kind in label.kinds
    if answer.kind in ("hard", "complaint") and not label.may_suppress:
        score.wrongly_suppressed += 1
    if is_standard(message):
        score.reports += 1
        score.reports_kind_right += right
        plain = frozenset(
            one.decode("ascii", "replace").strip(".").lower() for one in _PLAIN_RECIPIENT.findall(message)
        )
        wanted = label.addresses or plain
        named = bool(answer.addresses & wanted) and answer.addresses <= wanted | plain
        score.reports_recipient_right += named
        right = right and named
    else:
        score.others += 1
        score.others_kind_right += right
    if not right:
        kinds = "|".join(sorted(label.kinds))
        score.wrong.append(
            f"{name}: {answer.kind} {sorted(answer.addresses)}, not {kinds} {sorted(label.addresses)}"
        )


class WrittenCase(NamedTuple):
    """A diagnostic that was written for this project, and what is right. gone: it may end mail to the address."""

    language: str
    blame: str
    gone: bool
    status: str
    diagnostic: str
    source: str


_OURS, _THEIRS = "bounces+4a-abcdefghij234567@notes.example.net", "ada@example.com"


def load_written_cases() -> list[WrittenCase]:
    """Return the cases of diagnostics.tsv, with our address and the recipient's filled in."""
    cases = []
    for line in (Path(__file__).parent / "diagnostics.tsv").read_text().splitlines()[1:]:
        language, blame, gone, status, diagnostic, source = line.split("\t")
        filled = diagnostic.format(us=_OURS, them=_THEIRS, ourdomain="notes.example.net")
        cases.append(WrittenCase(language, blame, gone == "yes", status, filled, source))
    return cases


def measure_written(cases: Sequence[WrittenCase]) -> tuple[int, list[str]]:
    """Judge the cases; return how many were wrongly suppressed, and what is wrong in blame or in weight."""
    words = {"us": "us", "the recipient": "recipient", "the message": "message", "unknown": "unknown"}
    suppressed, wrong = 0, []
    for case in cases:
        said = judge_report(case.status, case.diagnostic, "", _OURS, _THEIRS)
        is_gone = said.weight is Weight.GONE
        suppressed += is_gone and not case.gone
        if (words[said.blame], is_gone) != (case.blame, case.gone):
            wrong.append(f"{case.language}: {said.cause}, {said.weight}, not {case.blame}: {case.diagnostic}")
    return suppressed, wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--wrong", action="store_true", help="list what is wrong")
    arguments = parser.parse_args()
    ours, flufl = measure(arguments.data, ask_ours), measure(arguments.data, ask_flufl)
    console = Console(highlight=False)
    table = Table("", "newsletter", "flufl.bounce alone", "target", title="the bounce mailbox")
    for name, of, most, target in (
        ("wrongly suppressed", "wrongly_suppressed", "labelled", "0"),
        ("reports (RFC 3464): kind right", "reports_kind_right", "reports", "98 %"),
        ("reports (RFC 3464): recipient right", "reports_recipient_right", "reports", "98 %"),
        ("others: kind right", "others_kind_right", "others", "90 %"),
    ):
        cells = []
        for score in (ours, flufl):
            count, total = getattr(score, of), getattr(score, most)
            cells.append(f"{count} of {total} ({count / max(total, 1):.1%})")
        table.add_row(name, *cells, target)
    table.add_row("crashed", str(ours.crashed), str(flufl.crashed), "0")
    console.print(table)
    cases = load_written_cases()
    suppressed, wrong = measure_written(cases)
    languages = len({case.language for case in cases})
    console.print(
        f"written cases: {len(cases) - len(wrong)} of {len(cases)} right, in {languages} languages"
        f" (target 97 %); wrongly suppressed {suppressed} (target 0)"
    )
    ours.wrong += wrong
    if arguments.wrong:
        console.print("\n".join(ours.wrong), soft_wrap=True, markup=False)
    if arguments.json:
        arguments.json.write_text(json.dumps(ours.to_json(), indent=1) + "\n")


if __name__ == "__main__":
    main()

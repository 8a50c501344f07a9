"""What an operator is told of one person, and what becomes of lists that name somebody who was erased."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from newsletter.cli import lists
from newsletter.cli.exit_codes import DONE, DONE_WITH_FAILURES
from newsletter.errors import AddressError, ConfigError
from newsletter.model.acts import Act
from newsletter.model.readers import EmailAddress, Suppression
from newsletter.settings.config import Config
from newsletter.wiring import open_newsletter
from tests.support.builders import make_subscriber
from tests.support.website import NOW, READER, write_config


@pytest.fixture
async def config(tmp_path: Path, migrated_sqlite: Path) -> Config:
    """A newsletter with READER."""
    file = tmp_path / "newsletter.db"
    shutil.copy(migrated_sqlite, file)
    config = write_config(tmp_path, f"sqlite:///{file}")
    async with open_newsletter(config) as newsletter:
        await newsletter.subscribers.save([make_subscriber(READER)], NOW, "added")
    return config


async def test_data_is_all_that_is_stored_about_a_person(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await lists.show_data(config, READER.upper()) == DONE

    data = json.loads(capsys.readouterr().out)
    assert data["subscriber"]["address"] == READER
    assert [consent["why"] for consent in data["consents"]] == ["added"]
    with pytest.raises(ConfigError):
        await lists.show_data(config, "nobody@example.org")


async def test_import_refuses_who_was_erased(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "people.csv"
    file.write_text(f"address,topics\n{READER},RAG\nnew@example.org,RAG\n")
    assert await lists.erase(config, READER) == DONE

    assert await lists.import_file(config, file, "at the conference", dry_run=False) == DONE_WITH_FAILURES

    said = capsys.readouterr().out
    assert "was erased" in said
    assert "1 added, 0 already known, 1 refused" in said


LIST = (
    "Email;Name;Status;Company\r\n"
    "New.One@example.org;Ada;subscribed;X\r\n"
    f"{READER.upper()};Known;subscribed;X\r\n"
    "gone@example.org;Gus;unsubscribed;X\r\n"
    "bad;Bo;subscribed;X\r\n"
    "new.two@example.org;José;subscribed;X\r\n"
)


async def load_addresses(config: Config) -> list[str]:
    async with open_newsletter(config) as newsletter:
        return [reader.address for reader in await newsletter.subscribers.load_all()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
async def test_a_trial_says_the_same_as_the_import_and_writes_nothing(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str], encoding: str
) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(LIST.encode(encoding))

    assert await lists.import_file(config, file, "paper", topics=["RAG"], dry_run=True) == DONE_WITH_FAILURES
    tried = capsys.readouterr().out
    assert await load_addresses(config) == [READER]
    assert await lists.import_file(config, file, "paper", topics=["RAG"], dry_run=False) == DONE_WITH_FAILURES
    said = capsys.readouterr().out

    assert tried == said.replace(" added", " would be added").replace(" suppressed:", " would be suppressed:")
    assert "1 address suppressed: the list says that they left" in said
    assert "2 added, 1 already known, 1 refused, 1 skipped" in said
    assert "people.csv:5: Email: 'bad' is not an e-mail address" in said.replace("\n", " ")
    assert "'Status' is 'unsubscribed' (line 4)" in said.replace("\n", " ")
    assert "ignored columns: Company" in said.replace("\n", " ")
    assert await load_addresses(config) == sorted(
        [READER, "New.One@example.org", "new.two@example.org"], key=str.lower
    )


@pytest.mark.parametrize(
    "text",
    [
        'email,name\na@example.org,A\nb@example.org,"B\nc@example.org,C\n',
        'email,name\na@example.org,A\nb@example.org,"B\nc@example.org,"C"\n',
        "email,name,Name\na@example.org,A,A\n",
        "email,topcis\na@example.org,RAG\n",
        "name\nAda\n",
    ],
)
async def test_of_a_list_that_is_torn_nobody_is_taken(config: Config, tmp_path: Path, text: str) -> None:
    file = tmp_path / "people.csv"
    file.write_text(text)

    with pytest.raises(ConfigError, match=r"people.csv:\d"):
        await lists.import_file(config, file, "paper", topics=["RAG"], dry_run=False)

    assert await load_addresses(config) == [READER]


async def test_a_list_that_cannot_be_opened_is_told(config: Config, tmp_path: Path) -> None:
    for path in (tmp_path / "missing.csv", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            await lists.import_file(config, path, "paper", topics=["RAG"], dry_run=False)


async def test_what_is_exported_is_known_when_it_comes_back(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await lists.export(config) == DONE
    file = tmp_path / "people.csv"
    file.write_text(capsys.readouterr().out)

    assert await lists.import_file(config, file, "paper", dry_run=False) == DONE

    assert "0 added, 1 already known, 0 refused" in capsys.readouterr().out


ENDED = (
    "email,status,complained\n"
    "left@example.org,unsubscribed,\n"
    "LEFT@example.org,cleaned,\n"
    "angry@example.org,unsubscribed,2025-02-03\n"
    "waits@example.org,pending,\n"
    f"{READER},unsubscribed,\n"
    "erased@example.org,unsubscribed,\n"
    "bad,unsubscribed,\n"
)


async def test_who_left_elsewhere_is_suppressed_and_a_reader_or_somebody_erased_is_left_alone(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "old.csv"
    file.write_text(ENDED)
    async with open_newsletter(config) as newsletter:
        await newsletter.subscribers.save([make_subscriber("erased@example.org")], NOW, "added")
    await lists.erase(config, "erased@example.org")

    for _ in range(2):  # the second time nothing is left to do
        assert await lists.import_file(config, file, "there", topics=["RAG"], dry_run=False) == DONE

    said = capsys.readouterr().out
    assert said.count("2 addresses suppressed") == 1
    async with open_newsletter(config) as newsletter:
        found = await newsletter.subscribers.load_suppressed(
            [EmailAddress(f"{name}@example.org") for name in ("left", "angry", "waits", "erased")]
            + [EmailAddress(READER)]
        )
        assert len(await newsletter.subscribers.load_all_suppressed()) == 2
    assert found == {
        "left@example.org": Suppression("'status' is 'unsubscribed' in old.csv"),
        "angry@example.org": Suppression("'status' is 'unsubscribed' in old.csv", is_complaint=True),
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lines.txt", f"one@example.org\n{READER.upper()}\nOne@example.org\nnobody\n"),
        ("cleaned.csv", f"Email Address,CLEAN_TIME\none@example.org,2025-01-01\n{READER},2025-01-01\nx,\n"),
        ("ours.csv", f"address,reason,status\none@example.org,bounced,5.1.1\n{READER},,\n?,,\n"),
    ],
)
async def test_a_list_of_whom_not_to_mail_suppresses_readers_too_and_can_be_lifted(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str
) -> None:
    file = tmp_path / name
    file.write_text(text)

    assert await lists.suppress(config, str(file), "a lawyer", dry_run=True) == DONE_WITH_FAILURES
    tried = capsys.readouterr().out
    async with open_newsletter(config) as newsletter:
        assert await newsletter.subscribers.load_all_suppressed() == []
    assert await lists.suppress(config, str(file), "a lawyer", dry_run=False) == DONE_WITH_FAILURES
    said = capsys.readouterr().out

    assert tried == said.replace(" suppressed,", " would be suppressed,", 1)
    assert "2 suppressed, 0 already suppressed, 1 refused\n1 of them is a reader: " in said
    async with open_newsletter(config) as newsletter:
        found = await newsletter.subscribers.load_all_suppressed()
        assert {row.address: row.reason for row in found} == {
            "one@example.org": "by the operator: a lawyer",
            READER: "by the operator: a lawyer",
        }
        (record,) = await newsletter.operator_log.load_newest(9)
        assert (record.act, record.subject) == (Act.SUPPRESS, "")
        assert record.outcome == "2 addresses are mailed no more: a lawyer"
    assert await lists.lift(config, READER, "settled") == DONE


async def test_whom_a_list_says_to_be_mailed_is_not_suppressed_by_it(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "everybody.csv"
    file.write_text("email,status\na@example.org,subscribed\nb@example.org,unsubscribed\nc@example.org,\n")

    assert await lists.suppress(config, str(file), "a lawyer", dry_run=False) == DONE

    assert "2 suppressed, 0 already suppressed, 0 refused, 1 skipped" in capsys.readouterr().out


async def test_one_address_is_suppressed_and_a_mistake_suppresses_nobody(config: Config) -> None:
    assert await lists.suppress(config, "one@example.org", "asked by phone", dry_run=False) == DONE
    for what, why in (("two@example.org", " "), ("no such file", "x"), ("two@", "x")):
        with pytest.raises((ConfigError, AddressError)):
            await lists.suppress(config, what, why, dry_run=False)

    async with open_newsletter(config) as newsletter:
        found = await newsletter.subscribers.load_all_suppressed()
    assert [row.address for row in found] == ["one@example.org"]

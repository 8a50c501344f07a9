"""A database that fell behind mails nobody twice without a word: copies of all moments, by all means."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from newsletter.errors import FellBehindError, StoreError
from newsletter.settings.config import Config, load_config
from newsletter.wiring import open_newsletter
from tests.support.invariants import check_invariants
from tests.support.office import MORNING, Office
from tests.workflows.copies import Copy, put_back, take_copy

READERS = [f"r{number}@example.org" for number in range(40)]
_CHOICES = ("newsletter restored --sent-until", "newsletter restored --nothing-was-sent")
_CONNECTIONS = 4


async def given_due(office: Office) -> None:
    office.use_relay(connections=_CONNECTIONS)
    await office.join(*READERS)
    await office.collect()
    office.clock.at = MORNING


def take_copy_at(office: Office, mail: int) -> list[Copy]:
    """Have a copy taken when so many mails have arrived."""
    copies: list[Copy] = []

    def look(_message: object) -> None:
        if len(office.sink.messages) == mail:
            copies.append(take_copy(office.newsletter.database))

    office.sink.on_accepted = look
    return copies


def assert_no_unseen_copies(office: Office) -> None:
    copies = Counter(message.message_id for message in office.sink.messages)
    assert sum(count > 1 for count in copies.values()) <= _CONNECTIONS


@pytest.mark.parametrize("mail", [1, 13, len(READERS)], ids=["at the first", "in the middle", "at the last"])
async def test_a_copy_of_a_moment_of_a_run_that_ended_well_is_recognised(office: Office, mail: int) -> None:
    await given_due(office)
    copies = take_copy_at(office, mail)
    await office.send()
    assert len(office.sink.messages) == len(READERS)

    put_back(office.newsletter.database, copies[0])
    report = await office.send()

    assert all(choice in report.stopped for choice in _CHOICES)
    assert len(office.sink.messages) == len(READERS)
    await office.newsletter.guard.accept()
    assert await office.newsletter.guard.check() == ""


async def test_a_copy_from_before_the_first_mail_is_recognised(office: Office) -> None:
    await given_due(office)
    copy = take_copy(office.newsletter.database)
    await office.send()

    put_back(office.newsletter.database, copy)
    report = await office.send()

    assert all(choice in report.stopped for choice in _CHOICES)
    assert len(office.sink.messages) == len(READERS)


async def test_a_copy_from_two_runs_ago_is_recognised(office: Office) -> None:
    await given_due(office)
    copies = take_copy_at(office, 25)
    for _ in range(2):
        await office.send()
        office.clock.at += timedelta(days=1)
    sent = len(office.sink.messages)

    put_back(office.newsletter.database, copies[0])
    report = await office.send()

    assert all(choice in report.stopped for choice in _CHOICES)
    assert len(office.sink.messages) == sent


async def test_a_copy_of_a_run_that_ended_well_and_nothing_after_it_goes_on(office: Office) -> None:
    await given_due(office)
    await office.send()

    put_back(office.newsletter.database, take_copy(office.newsletter.database))
    office.clock.at += timedelta(days=1)
    report = await office.send()

    assert report.stopped == ""
    await check_invariants(office)


@pytest.mark.parametrize(("taken", "fell"), [(1, 9), (20, 22)])
async def test_a_database_that_falls_behind_within_a_pass_stops_it_at_once(
    office: Office, taken: int, fell: int
) -> None:
    await given_due(office)
    database = office.newsletter.database
    copies: list[Copy] = []

    def look(_message: object) -> None:
        if len(office.sink.messages) == taken:
            copies.append(take_copy(database))
        elif len(office.sink.messages) == fell:
            put_back(database, copies[0])

    office.sink.on_accepted = look
    try:
        report = await office.send()
        why = report.stopped
    except FellBehindError as error:
        why = str(error)

    assert all(choice in why for choice in _CHOICES)
    assert fell <= len(office.sink.messages) <= fell + 2 * _CONNECTIONS
    sent = len(office.sink.messages)
    assert "restored" in (await office.send()).stopped
    assert len(office.sink.messages) == sent
    assert_no_unseen_copies(office)


def _copy_by_backup(file: Path, copy: Path) -> None:
    with closing(sqlite3.connect(file)) as live, closing(sqlite3.connect(copy)) as other:
        live.backup(other)


def _copy_the_files(file: Path, copy: Path) -> None:
    for ending in ("-wal", ""):
        if file.with_name(file.name + ending).exists():
            shutil.copy(file.with_name(file.name + ending), copy.with_name(copy.name + ending))


@pytest.mark.parametrize(
    ("make_copy", "mail"), [(_copy_by_backup, 1), (_copy_the_files, 25), (_copy_by_backup, 40)]
)
async def test_a_copy_of_an_sqlite_file_by_other_means_is_recognised(
    office: Office, make_copy: Callable[[Path, Path], None], mail: int
) -> None:
    file, copy = office.newsletter.database.file, office.folder / "copy.db"
    if file is None:
        pytest.skip("a copy of files is SQLite's")
    await given_due(office)
    office.sink.on_accepted = lambda _: len(office.sink.messages) == mail and make_copy(file, copy)  # type: ignore[assignment,func-returns-value]
    await office.send()
    await office.newsletter.database.close()

    for ending in ("-wal", "-shm", ""):
        file.with_name(file.name + ending).unlink(missing_ok=True)
    for ending in ("-wal", ""):
        if copy.with_name(copy.name + ending).exists():
            shutil.copy(copy.with_name(copy.name + ending), file.with_name(file.name + ending))
    async with open_newsletter(_config_of(office), clock=office.clock) as newsletter:
        report = await replace(office, newsletter=newsletter).send()

    assert all(choice in report.stopped for choice in _CHOICES)
    assert len(office.sink.messages) == len(READERS)


async def test_a_postgresql_database_made_from_an_older_one_is_recognised(office: Office) -> None:
    if office.newsletter.database.is_sqlite:
        pytest.skip("a template is PostgreSQL's")
    await given_due(office)
    config = _config_of(office)
    url = make_url(config.database_url)
    await office.newsletter.database.close()
    server = create_engine(
        url.set(drivername="postgresql+psycopg", database="postgres"), isolation_level="AUTOCOMMIT"
    )
    with server.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{url.database}_copy" TEMPLATE "{url.database}"'))
        try:
            async with open_newsletter(config, clock=office.clock) as newsletter:
                await replace(office, newsletter=newsletter).send()
            assert len(office.sink.messages) == len(READERS)

            connection.execute(text(f'DROP DATABASE "{url.database}" WITH (FORCE)'))
            connection.execute(text(f'ALTER DATABASE "{url.database}_copy" RENAME TO "{url.database}"'))
            async with open_newsletter(config, clock=office.clock) as newsletter:
                report = await replace(office, newsletter=newsletter).send()
        finally:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{url.database}_copy"'))
    server.dispose()

    assert all(choice in report.stopped for choice in _CHOICES)
    assert len(office.sink.messages) == len(READERS)


@pytest.mark.parametrize(("replaced", "with_epoch"), [(False, False), (False, True), (True, True)])
async def test_a_database_file_that_goes_away_under_a_run_stops_it(
    office: Office, replaced: bool, with_epoch: bool
) -> None:
    file = office.newsletter.database.file
    if file is None:
        pytest.skip("a file is SQLite's")
    await given_due(office)
    _copy_by_backup(file, office.folder / "other.db")

    def look(_message: object) -> None:
        if len(office.sink.messages) == 10:
            file.unlink()
            if replaced:
                shutil.copy(office.folder / "other.db", file)
            if with_epoch:
                file.with_name(f"{file.name}.epoch").unlink()

    office.sink.on_accepted = look
    with pytest.raises(StoreError, match="was deleted or replaced while it was in use"):
        await office.send()

    assert 10 <= len(office.sink.messages) <= 10 + 2 * _CONNECTIONS
    assert file.exists() == replaced
    with pytest.raises(StoreError, match="was deleted or replaced"):
        await office.send()


def _config_of(office: Office) -> Config:
    url = office.newsletter.database._url
    shown = url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False)
    return load_config(office.folder / "config.yaml", {"DATABASE": shown})

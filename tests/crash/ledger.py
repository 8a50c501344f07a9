"""The ledger of one round, read with plain SQL from outside: the sender's own code has no part in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import NullPool, create_engine, make_url, text
from sqlalchemy.exc import OperationalError


@dataclass(frozen=True, slots=True)
class Row:
    """One mail. was_uncertain: its row says for ever that nobody knew what became of a copy."""

    address: str
    state: str
    was_uncertain: bool
    resends: int

    @property
    def is_left_uncertain(self) -> bool:
        """Whether it was sent once more and is uncertain again, so that it waits for the operator."""
        return self.state == "uncertain" and self.resends > 0


class LedgerView:
    """What a database's ledger says now."""

    def __init__(self, url: str) -> None:
        self._is_sqlite = url.startswith("sqlite")
        driver = "sqlite" if self._is_sqlite else "postgresql+psycopg"
        patience = {"timeout": 10} if self._is_sqlite else {}
        self._engine = create_engine(
            make_url(url).set(drivername=driver), poolclass=NullPool, connect_args=patience
        )

    def load_rows(self) -> tuple[Row, ...]:
        with self._engine.connect() as connection:
            found = connection.execute(
                text(
                    "SELECT coalesce(mails.address, subscribers.address), coalesce(queue.state, outcomes.state),"
                    " coalesce(queue.uncertain_at, outcomes.uncertain_at) IS NOT NULL,"
                    " coalesce(queue.resends, outcomes.resends)"
                    " FROM deliveries JOIN subscribers ON subscribers.id = deliveries.recipient"
                    " LEFT JOIN queue ON queue.id = deliveries.id"
                    " LEFT JOIN outcomes ON outcomes.delivery = deliveries.id"
                    " LEFT JOIN mails ON mails.delivery = deliveries.id"
                )
            )
            return tuple(Row(address, state, bool(was), resends) for address, state, was, resends in found)

    def count_held(self, pid: int) -> Counter[str]:
        """Return how many rows a process holds (or held when it ended), by state."""
        with self._engine.connect() as connection:
            found = connection.execute(
                text(
                    "SELECT state, count(*) AS held FROM queue JOIN instances ON instances.id = claimed_by"
                    " WHERE pid = :pid GROUP BY state"
                ),
                {"pid": pid},
            )
            return Counter({row.state: row.held for row in found})

    def is_held_up(self) -> bool:
        """Tell whether a transaction waits for a process that does not go on, and others therefore wait for it.

        SQLite has one lock for all. PostgreSQL shows sessions that wait for their client in a transaction; a sender
        that runs never lets one wait so long.
        """
        if self._is_sqlite:
            return _is_locked(self._engine.url.database or "")
        with self._engine.connect() as connection:
            found = connection.execute(
                text(
                    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'ClientRead'"
                    " AND xact_start < clock_timestamp() - interval '0.3 s'"
                )
            )
            return found.first() is not None


def _is_locked(file: str) -> bool:
    engine = create_engine(f"sqlite:///{file}", poolclass=NullPool, connect_args={"timeout": 0.5})
    with engine.connect() as connection:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError:
            return True
    return False

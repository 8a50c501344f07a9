"""A few facts about this database that are no rows of anything else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from sqlalchemy import Connection, delete, select, update

from newsletter.model.lateness import Lateness, build_lateness
from newsletter.model.ledger import Hold, HoldKind, RelayPause
from newsletter.model.steps import StepFailure, StepName
from newsletter.signing import Secret
from newsletter.storage.dialects import insert_or_ignore, insert_or_update
from newsletter.storage.engine import Store, reading, writing
from newsletter.storage.tables import relay_days, settings
from newsletter.stored_json import from_json, from_parsed, to_json

_SECRET = "secret"
_HOLD = "hold"
_ZONE_RULES = "zone_rules"
_CONTRADICTIONS = "contradictions"
_PAUSE = "relay_pause:"
_STEP_FAILURE = "step_failure:"
_LATENESS = "late_seconds:"


class SettingStore(Store):
    """The settings, and what all processes know together of the relays."""

    async def load_secret(self) -> Secret:
        """Return the secret of this newsletter: 32 random bytes, made with the database and kept for ever."""
        return Secret.from_hex(await self._load(_SECRET))

    async def load_hold(self) -> Hold | None:
        """Return why nothing may be sent now, None where sending is allowed."""
        text = await self._load(_HOLD)
        if not text:
            return None
        try:
            return from_json(Hold, text)
        except ValueError:  # of before 0.2.0, the reason alone
            return Hold(HoldKind.MANUAL, text)

    async def save_hold(self, hold: Hold | None) -> None:
        """Hold all sending; None releases it."""
        if hold is None:
            await self._delete(_HOLD)
        else:
            await self._save(_HOLD, to_json(asdict(hold)))

    async def load_contradictions(self) -> Sequence[str]:
        """Return what did not fit together in the ledger when it was last held against its own records."""
        return [str(what) for what in json.loads(await self._load(_CONTRADICTIONS) or "[]")]

    async def save_contradictions(self, found: Sequence[str]) -> None:
        """Note what does not fit together in the ledger."""
        await self._save(_CONTRADICTIONS, json.dumps(list(found)))

    async def load_zone_rules(self) -> str:
        """Return the fingerprint of the zones' rules that the schedule was computed with."""
        return await self._load(_ZONE_RULES)

    async def save_zone_rules(self, fingerprint: str) -> None:
        """Note with which rules the schedule was computed."""
        await self._save(_ZONE_RULES, fingerprint)

    @writing
    def reserve(self, connection: Connection, relay: str, day: date, want: int, limit: int) -> int:
        """Take up to ``want`` messages of the day's limit; return how many, 0 where it is used up."""
        mine = (relay_days.c.relay == relay, relay_days.c.day == day)
        connection.execute(insert_or_ignore(connection, relay_days).values(relay=relay, day=day, messages=0))
        used = connection.scalar(select(relay_days.c.messages).where(*mine).with_for_update()) or 0
        granted = max(0, min(want, limit - used))
        connection.execute(update(relay_days).where(*mine).values(messages=used + granted))
        return granted

    @writing
    def give_back(self, connection: Connection, relay: str, day: date, messages: int) -> None:
        """Return what was reserved and not used."""
        connection.execute(
            update(relay_days)
            .where(relay_days.c.relay == relay, relay_days.c.day == day)
            .values(messages=relay_days.c.messages - messages)
        )

    async def save_pause(self, relay: str, pause: RelayPause | None) -> None:
        """Leave a relay alone for a while; None ends that."""
        key = f"{_PAUSE}{relay}"
        if pause is None:
            await self._delete(key)
        else:
            await self._save(key, to_json(pause._asdict()))

    async def load_pauses(self) -> Mapping[str, RelayPause]:
        """Return the last pause of each relay that has taken nothing since, also where its time is over."""
        found = await self._load_below(_PAUSE)
        return {relay: from_parsed(RelayPause, parsed) for relay, parsed in found.items()}

    async def save_lateness(self, edition: str, found: Mapping[int, int]) -> None:
        """Keep how late the mails of an edition were: how many at each whole second."""
        await self._save(f"{_LATENESS}{edition}", json.dumps(found))

    @writing
    def add_lateness(self, connection: Connection, edition: str, found: Mapping[int, int]) -> None:
        """Count mails of an edition in with those that were counted before."""
        mine = settings.c.key == f"{_LATENESS}{edition}"
        connection.execute(
            insert_or_ignore(connection, settings).values(key=f"{_LATENESS}{edition}", value="{}")
        )
        kept = connection.scalar(select(settings.c.value).where(mine).with_for_update()) or "{}"
        total = Counter(_read_lateness(json.loads(kept)))
        total.update(found)
        connection.execute(update(settings).where(mine).values(value=json.dumps(total)))

    async def load_lateness(self, editions: int) -> Mapping[str, Lateness]:
        """Return how late the mails of the newest editions were, the newest first."""
        found = await self._load_below(_LATENESS, newest=editions)
        return {edition: build_lateness(_read_lateness(parsed)) for edition, parsed in found.items()}

    async def load_step_failures(self) -> Sequence[StepFailure]:
        """Return the steps of the clock that fail, in the order of the steps."""
        found = await self._load_below(_STEP_FAILURE)
        # A newer or older program may have other steps.
        return [from_parsed(StepFailure, {**found[step], "step": step}) for step in StepName if step in found]

    async def save_step_failure(self, failure: StepFailure) -> None:
        """Note that a step of the clock fails."""
        await self._save(f"{_STEP_FAILURE}{failure.step}", to_json(asdict(failure)))

    async def clear_step_failure(self, step: StepName) -> None:
        """Note that a step of the clock does not fail any more."""
        await self._delete(f"{_STEP_FAILURE}{step}")

    @reading
    def _load(self, connection: Connection, key: str) -> str:
        return connection.scalar(select(settings.c.value).where(settings.c.key == key)) or ""

    @reading
    def _load_below(
        self, connection: Connection, prefix: str, *, newest: int | None = None
    ) -> dict[str, Any]:
        """Return what is stored as JSON under the keys that begin so, by the rest of the key, the last key first."""
        below = select(settings).where(settings.c.key.startswith(prefix, autoescape=True))
        rows = connection.execute(below.order_by(settings.c.key.desc()).limit(newest))
        return {row.key.removeprefix(prefix): json.loads(row.value) for row in rows}

    @writing
    def _save(self, connection: Connection, key: str, value: str) -> None:
        connection.execute(insert_or_update(connection, settings).values(key=key, value=value))

    @writing
    def _delete(self, connection: Connection, key: str) -> None:
        connection.execute(delete(settings).where(settings.c.key == key))


def _read_lateness(parsed: Mapping[str, int]) -> dict[int, int]:
    return {int(second): number for second, number in parsed.items()}

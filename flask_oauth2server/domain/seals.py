"""Seals: what makes a change of the audit seen.

Events are sealed in batches, after the fact, so that nobody who writes one waits for anybody. A seal is an
HMAC over the fingerprints of its events and over the seal before; see :mod:`.fingerprints`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from .. import clock
from ..errors import Conflict, Gone
from ..storage import Storage
from . import audit
from .fingerprints import ENTRY, REMOVED, REMOVED_BROKEN, SEAL, Keyring, line
from .verification import Verdict, Verification, matches, removal_line, rows_digest, seal_line

log = logging.getLogger(__name__)

#: So many events stand under one seal at most, of one day.
MOST_EVENTS = 250
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Summary:
    """What a page tells of the audit, cheaply.

    :ivar newest: what a verification of the last few seals says.
    :ivar last: number and HMAC of the last seal, to be kept elsewhere; None: there is none.
    :ivar sealed_at: when that was made.
    :ivar verified_at: when all seals were last verified; None: not in the time that is kept.
    :ivar verified_entries: how many entries there were then.
    :ivar verified_findings: how much was found then.
    """

    newest: Verdict
    last: str | None
    sealed_at: datetime | None
    verified_at: datetime | None
    verified_entries: int
    verified_findings: int


class Seals:
    """The seals of one app.

    :param storage: the queries.
    :param keyring: the keys.
    :param kept: seconds that events are kept.
    """

    def __init__(self, storage: Storage, keyring: Keyring, kept: int) -> None:
        self._storage = storage
        self._keyring = keyring
        self._kept = kept

    def step(self) -> int:
        """Make one seal, in a unit of its own; returns how many events are under it.

        Who is not the first to make the seal of a number leaves it to the other.
        """
        try:
            number, mac, count = self._storage.unit.run(self._seal)
        except Gone:
            return 0
        if count:
            # In a log that is kept elsewhere it proves that nothing was cut off since.
            log.info("sealed %d audit entries: %d:%s", count, number, mac)
        return count

    def everything(self) -> int:
        """Seal all events that there are; returns how many."""
        total = 0
        while count := self.step():
            total += count
        return total

    def _seal(self) -> tuple[int, str, int]:
        seals, events = self._storage.audit_seals, self._storage.audit_events
        # In this order: nothing that another process has sealed before that last one is read as not sealed.
        before, rows = seals.last(), _of_one_day(events.unsealed(limit=MOST_EVENTS))
        if not rows:
            return 0, "", 0
        number = before.number + 1 if before else 1
        values: dict[str, Any] = {
            "number": number,
            "previous": before.mac if before else "",
            "created_at": clock.now(),
            "count": len(rows),
            "first_event": rows[0].id,
            "last_event": rows[-1].id,
            "first_at": min(row.created_at for row in rows),
            "last_at": max(row.created_at for row in rows),
            "rows_digest": rows_digest(rows),
        }
        key_id, _, mac = self._keyring.sign(SEAL, seal_line(values)).partition(":")
        seals.add(key_id=key_id, mac=mac, **values)
        if events.put_under([row.id for row in rows], number) != len(rows):
            raise Conflict  # somebody has removed one meanwhile, who is none of us
        return number, mac, len(rows)

    def purge(self, limit: int) -> int:
        """Remove the events of seals that are old enough, uncommitted; returns how many.

        The seals stay, so that the chain can be verified, with a proof that it was this server which removed
        the events.

        :param limit: no further seal is begun once so many are removed.
        """
        removed, after = self._storage.audit_events.finish_erasing(limit), 0
        while removed < limit:
            seal = self._storage.audit_seals.oldest_kept(after)
            if seal is None or seal.last_at >= clock.now() - timedelta(seconds=self._kept):
                break
            after = seal.number
            rows = self._storage.audit_events.under(seal.number, seal.number)
            good = self._keyring.check(SEAL, seal_line(seal._mapping), f"{seal.key_id}:{seal.mac}")
            if not (good or self._are_old(rows)):
                # Somebody may have set its time back, so that this server destroys what it is to prove.
                log.error("seal %d of the audit was changed: its entries stay, however old it says they are", after)
                continue
            purged_at, whole = clock.now(), bool(good) and matches(seal, rows)
            if not whole:
                log.error("seal %d of the audit did not match when its entries were removed", seal.number)
            proof = self._keyring.sign(REMOVED if whole else REMOVED_BROKEN, removal_line(seal, purged_at))
            if not self._storage.audit_seals.mark_purged(seal.id, purged_at, proof):
                break
            removed += self._storage.audit_events.remove([row.id for row in rows])
        return removed

    def finish_erasing(self) -> None:
        """Take the rest of a person out of all events from which a foreign key has taken the user."""
        while self._storage.unit.run(partial(self._storage.audit_events.finish_erasing, MOST_EVENTS)):
            pass

    def _are_old(self, rows: list[Any]) -> bool:
        """Whether entries prove themselves that they were kept long enough."""
        oldest = clock.now() - timedelta(seconds=self._kept)
        return bool(rows) and all(
            row.mac and row.created_at < oldest and self._keyring.check(ENTRY, line(row._mapping), row.mac)
            for row in rows
        )

    def last(self) -> str | None:
        """Number and HMAC of the last seal; kept elsewhere, it shows later whether the end was cut off."""
        seal = self._storage.audit_seals.last()
        return None if seal is None else f"{seal.number}:{seal.mac}"

    def verify(self, last: str | None = None) -> Verdict:
        """Look at every seal and every entry.

        :param last: what :meth:`last` said once.
        :raises ValueError: if it cannot have said that.
        """
        return Verification(self._storage, self._keyring).run(last)

    def summary(self) -> Summary:
        """What a page tells; it verifies the last few seals."""
        seal = self._storage.audit_seals.last()
        found = self._storage.audit_events.page(kind=audit.AUDIT_VERIFIED, limit=1)
        told: Mapping[str, Any] = (found[0].changes if found else None) or {}
        return Summary(
            newest=Verification(self._storage, self._keyring).run_newest(),
            last=None if seal is None else f"{seal.number}:{seal.mac}",
            sealed_at=None if seal is None else seal.created_at,
            verified_at=found[0].created_at if found else None,
            verified_entries=int(told.get("entries", [0, 0])[1]),
            verified_findings=int(told.get("findings", [0, 0])[1]),
        )


def _of_one_day(rows: list[Any]) -> list[Any]:
    """The first of *rows*, up to one that is a day younger: events are removed a seal at a time."""
    for number, row in enumerate(rows):
        if row.created_at - rows[0].created_at > _DAY:
            return rows[:number]
    return rows

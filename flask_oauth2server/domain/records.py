"""What the provider writes down about itself, after the answer: counts of each day, refusals, and when tokens
were used last.

Nothing here makes a request wait or fail. Counts and uses are gathered in memory and written now and then,
refusals at once, but only so many: the rest of a flood is counted alone.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import Lock
from typing import Any

from flask import Flask, Response, current_app

from .. import clock
from ..errors import OAuth2ServerError
from ..storage import Storage
from ..storage.daily_counts import ALL, Counted
from ..storage.unit import DATABASE_ERRORS
from .bearer import TokenInfo, Use

log = logging.getLogger(__name__)

#: Seconds between two writings of counts and uses; those of the last ones are lost when a process ends.
INTERVAL = 5
#: So many different clients are told apart between two writings: the names may be made up.
_MOST_CLIENTS = 200
#: So many uses are written at once, and before the time if there are so many.
_MOST_USES = 1000

ISSUED, GRANTED, REFUSED = "issued", "granted", "refused"


class Records:
    """Counts and refusals of one process.

    :param storage: the queries.
    :param note_uses: writes uses of tokens, uncommitted.
    :param tidy: is called after each writing, for small clean-ups.
    """

    def __init__(self, storage: Storage, note_uses: Callable[[Sequence[Use]], None], tidy: Callable[[], None]) -> None:
        self._storage = storage
        self._note_uses = note_uses
        self._tidy = tidy
        self._lock = Lock()
        self._counts: Counter[Counted] = Counter()
        self._named: dict[str, Counter[str]] = {}
        self._rows: list[dict[str, Any]] = []
        self._uses: dict[int, Use] = {}
        self._written_at = 0.0
        #: Whether the last writing failed: then the next one waits, whatever there is to write.
        self._failed = False

    def count(self, name: str, client_pk: int) -> None:
        """Count one more of *name*, for a client and in all."""
        day = clock.now().date()
        with self._lock:
            self._counts[Counted(day, name, ALL)] += 1
            self._counts[Counted(day, name, client_pk)] += 1

    def count_refusal(self, cause: str, client_id: str | None) -> None:
        """Count a refusal.

        :param client_id: as it was sent, whether there is such a client or not.
        """
        day = clock.now().date()
        with self._lock:
            self._counts[Counted(day, REFUSED, ALL)] += 1
            known = client_id is not None and (client_id in self._named or len(self._named) < _MOST_CLIENTS)
            if client_id is not None and known:
                self._named.setdefault(client_id, Counter())[cause] += 1
            else:
                self._counts[Counted(day, f"{REFUSED}:{cause}", ALL)] += 1

    def keep(self, row: dict[str, Any]) -> None:
        """Write *row*, a failure, with the next writing; ``more`` in its facts is called then."""
        with self._lock:
            self._rows.append(row)

    def note_use(self, pk: int, token: TokenInfo, address: str | None) -> None:
        """Write down that the token with the key *pk* was used just now, from *address* if that is kept."""
        with self._lock:
            if len(self._uses) < _MOST_USES:  # else its next use is noted
                self._uses[pk] = Use(token, address, clock.now())

    def is_due(self) -> bool:
        """Whether something is to be written after the current answer."""
        if not self._failed and (self._rows or len(self._uses) >= _MOST_USES):
            return True
        if clock.timestamp() - self._written_at < INTERVAL:
            return False
        return bool(self._rows or self._counts or self._named or self._uses)

    def closing(self, response: Response) -> Response:
        """Write what is due when *response* has been sent."""
        if self.is_due():
            app = current_app._get_current_object()  # type: ignore[attr-defined]
            response.call_on_close(partial(self._write_apart, app))
        return response

    def _write_apart(self, app: Flask) -> None:
        with app.app_context():
            if self.flush():
                self._tidy()

    def flush(self) -> bool:
        """Write all that is pending, now; False if it cannot be: that is logged, and counts are kept."""
        with self._lock:
            counts, named, rows, uses = self._counts, self._named, self._rows, list(self._uses.values())
            self._counts, self._named, self._rows, self._uses = Counter(), {}, [], {}
            self._written_at = clock.timestamp()
        written = True
        if counts or named or rows:
            written = self._run(partial(self._write, counts, named, rows), f"counts and {len(rows)} refusals")
            if not written:
                with self._lock:
                    self._counts.update(counts)
        if uses and written:
            written = self._run(partial(self._write_uses, uses), f"{len(uses)} uses of tokens")
        self._failed = not written
        return written

    def _run(self, write: Callable[[], None], what: str) -> bool:
        unit = self._storage.unit
        try:
            unit.run(write, again=False)
        except (OAuth2ServerError, *DATABASE_ERRORS) as error:
            unit.rollback()
            log.warning("%s could not be written: %s", what, error)
            return False
        return True

    def _write(self, counts: Counter[Counted], named: Mapping[str, Counter[str]], rows: list[dict[str, Any]]) -> None:
        day = clock.now().date()
        names = {*named, *(row["client_id"] for row in rows if row["client_id"])}
        keys = self._storage.clients.keys(names) if names else {}
        total = Counter(counts)
        for client_id, causes in named.items():
            pk = keys.get(client_id, ALL)
            for cause, times in causes.items():
                total[Counted(day, f"{REFUSED}:{cause}", pk)] += times
                if pk != ALL:
                    total[Counted(day, REFUSED, pk)] += times
        complete = [_complete(row, keys) for row in rows]
        with self._storage.unit.impatient():
            if total:
                self._storage.daily_counts.add(total)
            if complete:
                self._storage.failures.add(complete)

    def _write_uses(self, uses: Sequence[Use]) -> None:
        with self._storage.unit.impatient():
            self._note_uses(uses)


def _complete(row: Mapping[str, Any], keys: Mapping[str, int]) -> dict[str, Any]:
    facts = dict(row["facts"])
    more = facts.pop("more", None)
    if more is not None:
        facts.update(more())
    return {**row, "client_pk": keys.get(row["client_id"] or ""), "facts": facts}

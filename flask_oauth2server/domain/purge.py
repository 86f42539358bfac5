"""Clean-up of what has ended: small steps as requests come, or all at once from the command line."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial

from .. import clock
from ..errors import OAuth2ServerError
from ..storage import Storage
from ..storage.unit import DATABASE_ERRORS

log = logging.getLogger(__name__)

#: At most so many rows are removed at once as requests come, and from the command line.
_STEP, _MOST = 100, 1000
#: Seconds that a transaction of the command line is meant to take at most: so long others may wait for a lock.
_LONG = 0.1
#: Seconds that it rests at most.
_REST = 1.0
#: At most so many seals are made in a small step.
_SEALS = 4


class Purger:
    """Runs the clean-ups that features have added.

    :param storage: the queries.
    :param cleanups: each removes at most so many rows and returns how many it did.
    :param seal: seals some events of the audit in units of its own and returns how many; it comes first, for
        what is not sealed is not removed.
    :param interval: seconds between two steps of this process; 0 turns them off.
    """

    def __init__(
        self, storage: Storage, cleanups: Sequence[Callable[[int], int]], seal: Callable[[], int], interval: int
    ) -> None:
        self._storage = storage
        self._cleanups = cleanups
        self._seal = seal
        self._interval = interval
        self._next = 0.0

    def step(self) -> None:
        """One bounded step, if it is time; it never fails the request that it rides on."""
        if not self._interval or clock.timestamp() < self._next:
            return
        self._next = clock.timestamp() + self._interval
        try:
            for _ in range(_SEALS):
                if not self._seal():
                    break
            self._round(_STEP)
        except (OAuth2ServerError, *DATABASE_ERRORS) as error:
            log.warning("nothing was purged this time: %s", error)

    def everything(self) -> int:
        """Remove all that has ended, in steps; returns the number of rows.

        Each step is as large as the database does it quickly, and rests as long as it took: whoever serves
        meanwhile has half of the time at least, and all locks.
        """
        while self._seal():
            pass
        return sum(self._all_of(purge) for purge in self._cleanups)

    def _all_of(self, purge: Callable[[int], int]) -> int:
        total, limit = 0, _STEP
        while True:
            begun = time.monotonic()
            removed = self._storage.unit.run(partial(purge, limit))
            if not removed:
                return total
            total += removed
            took = time.monotonic() - begun
            limit = max(_STEP // 10, limit // 2) if took > _LONG else min(_MOST, limit * 2)
            time.sleep(min(took, _REST))

    def _round(self, limit: int) -> int:
        return sum(self._storage.unit.run(partial(purge, limit)) for purge in self._cleanups)

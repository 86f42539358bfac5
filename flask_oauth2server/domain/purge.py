"""Clean-up of what has ended: small steps as requests come, or all at once from the command line."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from .. import clock
from ..errors import OAuth2ServerError
from ..storage import Storage
from ..storage.unit import DATABASE_ERRORS

log = logging.getLogger(__name__)

_STEP = 100
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
        """Remove all that has ended, in steps; returns the number of rows."""
        while self._seal():
            pass
        total = 0
        while removed := self._round(10 * _STEP):
            total += removed
        return total

    def _round(self, limit: int) -> int:
        unit = self._storage.unit
        return sum(unit.run(lambda purge=purge: purge(limit)) for purge in self._cleanups)  # type: ignore[misc]

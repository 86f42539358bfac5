"""Failures that allow guessing, counted by what is guessed at and by who guesses."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, case, insert, literal, or_, select, update

from .. import clock
from .base import Queries

#: So much the clocks of workers may differ, waiting for one another among it.
_SKEW = timedelta(minutes=5)


class Window(NamedTuple):
    """The window of time in which a subject is counted, and whether this try was counted in it."""

    admitted: bool
    ends_at: datetime


class FailureCounts(Queries):
    """Queries for counts of failures. A subject is a SHA-256 in hexadecimal."""

    def reserve(self, kind: str, subject: str, limit: int, window: timedelta) -> Window | None:
        """Count one more, unless *limit* is reached; a window that is over begins anew.

        One UPDATE decides, so that the count is exact for any number of workers.

        :returns: None if *subject* was never counted: :meth:`begin`, and ask again.
        """
        table, now = self.models.FailureCount.__table__, clock.now()
        count, ends = table.c["count"], table.c.expires_at
        # Also where the clock was far ahead; but each worker reads its own, and may wait before it gets here.
        over = or_(ends <= now, ends > now + window + _SKEW)
        statement = update(table).where(self._is(kind, subject), or_(over, count < limit))
        # MariaDB assigns from left to right, and an assignment sees those before it: the count comes first.
        statement = statement.ordered_values(
            (count, case((over, 1), else_=count + 1)),
            (ends, case((over, literal(now + window, ends.type)), else_=ends)),
        )
        admitted = self.changed(statement) == 1
        row = self.one(select(ends).where(self._is(kind, subject)))
        return Window(admitted, row.expires_at) if row is not None else None

    def begin(self, kind: str, subject: str, window: timedelta) -> None:
        """Begin to count *subject*, with nothing.

        In a transaction of its own: on MariaDB an UPDATE that meets no row locks a gap, and two that
        insert into it wait for each other.
        """
        values = {"kind": kind, "subject": subject, "count": 0, "expires_at": clock.now() + window}
        self.inserted(insert(self.models.FailureCount.__table__).values(**values))

    def give_back(self, kind: str, subject: str, ends_at: datetime) -> None:
        """Count one less, if it was counted in the window that is still the current one."""
        table = self.models.FailureCount.__table__
        count = table.c["count"]
        statement = update(table).where(self._is(kind, subject), table.c.expires_at == ends_at, count > 0)
        self.changed(statement.values({count: count - 1}))

    def purge(self, limit: int) -> int:
        """Remove at most *limit* counts whose window is over."""
        table = self.models.FailureCount.__table__
        return self.delete_some(table, table.c.expires_at < clock.now(), table.c.expires_at, limit)

    def _is(self, kind: str, subject: str) -> ColumnElement[bool]:
        table = self.models.FailureCount.__table__
        return and_(table.c.kind == kind, table.c.subject == subject)

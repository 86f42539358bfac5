"""The outbox of logout tokens: what clients have yet to be told."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update

from .. import clock
from .base import Queries, locked

#: What could not be delivered stays so long, for administrators.
KEPT = timedelta(days=7)
#: Whoever delivers has so long before another one tries.
_LEASE = timedelta(seconds=60)


class LogoutDeliveries(Queries):
    """Queries for logout tokens that are under way."""

    def add(self, **values: Any) -> int:
        """One more; returns its key."""
        return self.inserted(insert(self.models.LogoutDelivery.__table__).values(**values))

    def clients_of(self, sids: Sequence[str], scope: str) -> list[tuple[str, str, Any]]:
        """Of some sessions: their ids, those of clients that somebody has given *scope* to, and the person's key."""
        authorization, client = self.models.Authorization.__table__, self.models.Client.__table__
        statement = (
            select(authorization.c["sid"], client.c.client_id, authorization.c["user_id", "scope"])
            .join(client, client.c.id == authorization.c.client_pk)
            .where(authorization.c.sid.in_(sids))
            .distinct()
            .order_by(client.c.client_id, authorization.c.sid)
        )
        rows = self.all(statement)
        return list(dict.fromkeys((r.sid, r.client_id, r.user_id) for r in rows if scope in r.scope.split()))

    def claim(self, limit: int, *, due_at: datetime | None = None, among: Collection[int] | None = None) -> list[Any]:
        """Some that are due, which nobody else will claim for a minute.

        :param due_at: only those that were due then; default: now.
        :param among: only those with these keys.
        """
        table, client, now = self.models.LogoutDelivery.__table__, self.models.Client.__table__, clock.now()
        due = table.c.failed_at.is_(None) & (table.c.next_at <= (due_at or now))
        if among is not None:
            due &= table.c.id.in_(among)
        pks = [row.id for row in self.all(locked(select(table.c.id).where(due).order_by(table.c.next_at).limit(limit)))]
        if not pks:
            return []
        self.changed(update(table).where(table.c.id.in_(pks)).values(next_at=now + _LEASE))
        statement = select(table, client.c.client_id).join(client, client.c.id == table.c.client_pk)
        return self.all(statement.where(table.c.id.in_(pks)).order_by(table.c.id))

    def delivered(self, pk: int) -> None:
        """One is done with."""
        table = self.models.LogoutDelivery.__table__
        self.changed(delete(table).where(table.c.id == pk))

    def try_again(self, pk: int, next_at: datetime | None, why: str) -> None:
        """One could not be delivered.

        :param next_at: when it is tried again; None: no more.
        """
        table, now = self.models.LogoutDelivery.__table__, clock.now()
        # What is given up is not among those that may be due, however many they are.
        again = {"next_at": next_at} if next_at is not None else {"failed_at": now, "next_at": now + 2 * KEPT}
        tries = {"tries": table.c.tries + 1, "last_error": why[:255]}
        self.changed(update(table).where(table.c.id == pk).values(**tries, **again))

    def purge(self, limit: int) -> int:
        """Remove at most *limit* that failed long ago."""
        table = self.models.LogoutDelivery.__table__
        return self.delete_some(table, table.c.failed_at < clock.now() - KEPT, table.c.failed_at, limit)

"""Refused requests, the latest of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select, true

from .. import clock
from .base import Queries


class Failures(Queries):
    """Queries for failures."""

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Further failures."""
        self.changed(insert(self.models.Failure.__table__).values(list(rows)))

    def find(self, reference: str) -> Any:
        """The failure of that reference, or None."""
        table = self.models.Failure.__table__
        return self.one(select(table).where(table.c.reference == reference).order_by(table.c.id.desc()).limit(1))

    def groups(
        self,
        *,
        since: datetime,
        client_pk: int | None = None,
        client_id: str | None = None,
        user: Any = None,
        limit: int = 100,
    ) -> list[Any]:
        """What is kept, by cause and client, the last refused first: ``cause``, ``client_pk``, ``client_id``,
        ``times``, ``first_at``, and of the latest one ``reference``, ``error``, ``status``, ``endpoint``,
        ``facts``, ``created_at``.

        :param since: naive UTC.
        :param client_id: as it was sent, whether there is such a client or not.
        """
        table = self.models.Failure.__table__
        summed = select(
            func.max(table.c.id).label("latest"),
            func.count().label("times"),
            func.min(table.c.created_at).label("first_at"),
        ).where(table.c.created_at >= since)
        for column, value in (("client_pk", client_pk), ("client_id", client_id), ("user_id", user)):
            if value is not None:
                summed = summed.where(table.c[column] == value)
        groups = summed.group_by(table.c.cause, table.c.client_pk).order_by(func.max(table.c.id).desc()).limit(limit)
        each = groups.subquery()
        statement = select(table, each.c.times, each.c.first_at).join(each, each.c.latest == table.c.id)
        return self.all(statement.order_by(table.c.id.desc()))

    def alike(self, row: Any) -> Any:
        """How many are kept with the cause and the client of *row*: ``times``, ``first_at``, ``last_at``,
        ``addresses``."""
        table = self.models.Failure.__table__
        same = (table.c.cause == row.cause) & (
            table.c.client_pk.is_(None) if row.client_pk is None else table.c.client_pk == row.client_pk
        )
        return self.one(
            select(
                func.count().label("times"),
                func.min(table.c.created_at).label("first_at"),
                func.max(table.c.created_at).label("last_at"),
                func.count(table.c.address.distinct()).label("addresses"),
            ).where(same)
        )

    def purge(self, kept: int, most: int, limit: int) -> int:
        """Remove at most *limit* failures that were kept for *kept* seconds, or are not among the *most* latest."""
        table = self.models.Failure.__table__
        oldest = clock.now() - timedelta(seconds=kept)
        removed = self.delete_some(table, table.c.created_at < oldest, table.c.created_at, limit)
        # Of what names no client there is half at most: anybody can make up as much as they like.
        for condition, room in ((table.c.client_pk.is_(None), most // 2), (true(), most)):
            last = select(table.c.id).where(condition).order_by(table.c.id.desc())
            edge = self.one(last.offset(room).limit(1))
            if edge is not None and removed < limit:
                removed += self.delete_some(table, condition & (table.c.id <= edge.id), table.c.id, limit - removed)
        return removed

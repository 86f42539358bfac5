"""Seals of the audit: one row for each batch of events."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from ..errors import Gone
from .base import Queries


class AuditSeals(Queries):
    """Queries for seals."""

    def last(self) -> Any:
        """The seal with the highest number, or None."""
        table = self.models.AuditSeal.__table__
        return self.one(select(table).order_by(table.c.number.desc()).limit(1))

    def numbered(self, number: int) -> Any:
        """The seal of that number, or None."""
        table = self.models.AuditSeal.__table__
        return self.one(select(table).where(table.c.number == number))

    def page(self, after: int, limit: int, since: datetime | None = None) -> list[Any]:
        """The next seals in order of their numbers, beginning after number *after*.

        :param since: only those with an event at or after that time.
        """
        table = self.models.AuditSeal.__table__
        statement = select(table).where(table.c.number > after).order_by(table.c.number).limit(limit)
        if since is not None:
            statement = statement.where(table.c.last_at >= since)
        return self.all(statement)

    def add(self, **values: Any) -> None:
        """A new seal.

        :raises Gone: if another process has made the one of this number.
        """
        taken = lambda: Gone("another process has sealed these events")  # noqa: E731
        self.inserted(insert(self.models.AuditSeal.__table__).values(**values), on_duplicate=taken)

    def oldest_kept(self, after: int = 0) -> Any:
        """The first seal beyond number *after* whose events were not removed, or None."""
        table = self.models.AuditSeal.__table__
        kept = select(table).where(table.c.purged_at.is_(None), table.c.number > after)
        return self.one(kept.order_by(table.c.number).limit(1))

    def mark_purged(self, pk: int, purged_at: datetime, purge_mac: str) -> bool:
        """Note that the events of a seal are removed; False if another process is at it."""
        table = self.models.AuditSeal.__table__
        kept = (table.c.id == pk) & table.c.purged_at.is_(None)
        return self.changed(update(table).where(kept).values(purged_at=purged_at, purge_mac=purge_mac)) == 1

"""What the first page of administrators tells; counting stops, so that a million rows stay quick."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from .. import clock
from .base import Queries

#: So many of the latest authorizations are looked at where people are counted.
_LOOKED_AT = 3000


class OverviewQueries(Queries):
    """Queries for the overview."""

    def clients(self, most: int) -> int:
        """How many clients there are; *most* + 1 means more."""
        return self.counted(select(self.models.Client.__table__.c.id), most)

    def unchecked(self, most: int) -> int:
        """How many of them nobody has checked."""
        table = self.models.Client.__table__
        return self.counted(select(table.c.id).where(table.c.verified.is_(False)), most)

    def disabled(self, most: int) -> int:
        """How many of them are disabled."""
        table = self.models.Client.__table__
        return self.counted(select(table.c.id).where(table.c.disabled_at.is_not(None)), most)

    def people(self, most: int) -> tuple[int, bool]:
        """How many people have an authorization that can be used, and whether there may be more.

        Only the latest authorizations are looked at.
        """
        table = self.models.Authorization.__table__
        latest = select(table.c["user_id", "revoked_at", "live_until"]).order_by(table.c.id.desc()).limit(_LOOKED_AT)
        seen = latest.subquery()
        usable = seen.c.revoked_at.is_(None) & (seen.c.live_until > clock.now())
        found = int(self.one(select(func.count(seen.c.user_id.distinct())).where(usable))[0])
        looked_at = self.counted(select(table.c.id), _LOOKED_AT) if found < most else 0
        return min(found, most), found > most or looked_at > _LOOKED_AT

    def waiting(self, limit: int) -> list[Any]:
        """Enabled clients that nobody has checked, the latest first."""
        model = self.models.Client
        statement = select(model).where(model.verified.is_(False), model.disabled_at.is_(None))
        return list(self.db.session.scalars(statement.order_by(model.id.desc()).limit(limit)))

    def named(self, pks: list[int]) -> dict[int, Any]:
        """Clients by their keys; those that are gone are left out."""
        model = self.models.Client
        found = self.db.session.scalars(select(model).where(model.id.in_(pks))) if pks else ()
        return {client.id: client for client in found}

"""What the first page of administrators tells; counting stops, so that a million rows stay quick."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import false, func, or_, select

from .. import clock
from .base import Queries

#: So many authorizations are looked at where people are counted.
_LOOKED_AT = 3000


class OverviewQueries(Queries):
    """Queries for the overview."""

    def clients(self, most: int) -> int:
        """How many clients there are; *most* + 1 means more."""
        return self.counted(select(self.models.Client.__table__.c.id), most)

    def unchecked(self, most: int) -> int:
        """How many of them nobody has checked."""
        table = self.models.Client.__table__
        return self.counted(select(table.c.id).where(table.c.verified == false()), most)

    def disabled(self, most: int) -> int:
        """How many of them are disabled."""
        table = self.models.Client.__table__
        return self.counted(select(table.c.id).where(table.c.disabled_at.is_not(None)), most)

    def people(self, most: int, client_pk: int | None = None) -> tuple[int, bool]:
        """How many people have an authorization that can be used, and whether there may be more.

        Only some authorizations are looked at: the latest, or any of one client.
        """
        table = self.models.Authorization.__table__
        looked = select(table.c["user_id", "revoked_at", "live_until"])
        looked = (
            looked.order_by(table.c.id.desc()) if client_pk is None else looked.where(table.c.client_pk == client_pk)
        )
        seen = looked.limit(_LOOKED_AT).subquery()
        usable = seen.c.revoked_at.is_(None) & (seen.c.live_until > clock.now())
        found = int(self.one(select(func.count(seen.c.user_id.distinct())).where(usable))[0])
        rows = self.counted(looked, _LOOKED_AT) if found <= most else 0
        return min(found, most), found > most or rows > _LOOKED_AT

    def waiting_count(self, most: int) -> int:
        """How many enabled clients nobody has checked."""
        table = self.models.Client.__table__
        waiting = select(table.c.id).where(table.c.verified == false(), table.c.disabled_at.is_(None))
        return self.counted(waiting, most)

    def waiting(self, limit: int) -> list[Any]:
        """Enabled clients that nobody has checked, the latest first."""
        model = self.models.Client
        statement = select(model).where(model.verified == false(), model.disabled_at.is_(None))
        return list(self.db.session.scalars(statement.order_by(model.id.desc()).limit(limit)))

    def named(self, pks: list[int]) -> dict[int, Any]:
        """Clients by their keys; those that are gone are left out."""
        model = self.models.Client
        found = self.db.session.scalars(select(model).where(model.id.in_(pks))) if pks else ()
        return {client.id: client for client in found}

    def expiring(self, until: datetime, limit: int) -> list[Any]:
        """Live secrets of enabled clients that end before *until*, the first to end first: ``client_pk``,
        ``client_id``, ``name``, ``hint``, ``expires_at``, and how many ``others`` live longer."""
        client, secret = self.models.Client.__table__, self.models.ClientSecret.__table__
        other = secret.alias()
        others = (
            select(func.count())
            .where(other.c.client_pk == secret.c.client_pk, other.c.revoked_at.is_(None))
            .where(or_(other.c.expires_at.is_(None), other.c.expires_at > secret.c.expires_at))
            .scalar_subquery()
        )
        columns = client.c.id.label("client_pk"), client.c.client_id, client.c.name
        statement = (
            select(*columns, secret.c.hint, secret.c.expires_at, others.label("others"))
            .join(client, client.c.id == secret.c.client_pk)
            .where(secret.c.expires_at > clock.now(), secret.c.expires_at < until)
            .where(secret.c.revoked_at.is_(None), client.c.disabled_at.is_(None))
        )
        return self.all(statement.order_by(secret.c.expires_at).limit(limit))

    def live_authorizations(self, client_pk: int, limit: int) -> list[Any]:
        """Authorizations of a client that can be used, the latest first, each with its client."""
        table, client = self.models.Authorization.__table__, self.models.Client.__table__
        usable = table.c.revoked_at.is_(None) & (table.c.live_until > clock.now())
        latest = select(table).where(table.c.client_pk == client_pk, usable).order_by(table.c.id.desc()).limit(limit)
        found = latest.subquery()
        return self.all(
            select(found, client.c.client_id, client.c.name.label("client_name"), client.c.disabled_at)
            .join(client, client.c.id == found.c.client_pk)
            .order_by(found.c.id.desc())
        )

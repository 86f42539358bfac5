"""Authorizations: what everything else hangs on, and what every writer locks first."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update

from .. import clock
from .base import Queries, locked

#: What has ended stays so long, so that a late replay is still told apart.
KEPT = timedelta(days=1)


class Authorizations(Queries):
    """Queries for authorizations."""

    def add(self, *, expires_at: datetime, **values: Any) -> int:
        """A new authorization; returns its key."""
        table = self.models.Authorization.__table__
        return self.inserted(insert(table).values(expires_at=expires_at, purge_at=expires_at + KEPT, **values))

    def touch(self, pk: int) -> bool:
        """Lock a live authorization and note its use; False if it has ended."""
        table, now = self.models.Authorization.__table__, clock.now()
        live = (table.c.id == pk) & table.c.revoked_at.is_(None) & (table.c.expires_at > now)
        return self.changed(update(table).where(live).values(last_used_at=now)) == 1

    def revoke(self, pk: int, reason: str) -> bool:
        """End one; False if it has ended already. Its tokens are judged by it and end with it."""
        table, now = self.models.Authorization.__table__, clock.now()
        live = (table.c.id == pk) & table.c.revoked_at.is_(None)
        values = {"revoked_at": now, "revoked_reason": reason[:64], "purge_at": now + KEPT}
        return self.changed(update(table).where(live).values(values)) == 1

    def by_public_id(self, public_id: str) -> Any:
        """The model of an authorization, or None."""
        model = self.models.Authorization
        return self.db.session.execute(select(model).where(model.public_id == public_id)).scalar_one_or_none()

    def live(
        self, *, user: Any = None, client_pk: int | None = None, after: int = 0, limit: int = 100
    ) -> list[tuple[Any, str]]:
        """Live authorizations of a user, a client or both, with the client's id, in order of keys."""
        model, client = self.models.Authorization, self.models.Client
        statement = (
            select(model, client.client_id)
            .join(client, client.id == model.client_pk)
            .where(model.revoked_at.is_(None), model.expires_at > clock.now(), model.id > after)
            .order_by(model.id)
            .limit(limit)
        )
        if user is not None:
            statement = statement.where(model.user_id == user)
        if client_pk is not None:
            statement = statement.where(model.client_pk == client_pk)
        return [(row[0], row[1]) for row in self.all(statement)]

    def purge(self, limit: int) -> int:
        """Remove at most *limit* rows of ended authorizations: their tokens, then themselves."""
        table, token, grant = (
            model.__table__ for model in (self.models.Authorization, self.models.Token, self.models.Grant)
        )
        statement = select(table.c.id).where(table.c.purge_at < clock.now()).order_by(table.c.purge_at).limit(limit)
        ended = [row[0] for row in self.all(locked(statement))]
        if not ended:
            return 0
        removed = self.delete_some(token, token.c.authorization_id.in_(ended), token.c.id, limit)
        if removed == limit:
            return removed  # a long family takes several rounds
        removed += self.changed(delete(grant).where(grant.c.authorization_id.in_(ended)))
        return removed + self.changed(delete(table).where(table.c.id.in_(ended)))

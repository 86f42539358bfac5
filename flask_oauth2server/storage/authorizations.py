"""Authorizations: what everything else hangs on, and what every writer locks first."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, cast

from sqlalchemy import bindparam, delete, select, update

from .. import clock
from .base import Queries, locked
from .prepared import Write

#: What has ended stays so long, so that a late replay is still told apart.
KEPT = timedelta(days=1)


class Authorizations(Queries):
    """Queries for authorizations."""

    def add(self, *, expires_at: datetime, **values: Any) -> int:
        """A new authorization; returns its key."""
        ends = {"expires_at": expires_at, "purge_at": expires_at + KEPT}
        return self.added(self.models.Authorization, {**values, **ends})

    def touch(self, pk: int, live_until: datetime) -> bool:
        """Lock a live authorization and note its use; False if it has ended.

        :param live_until: when what is issued now ends, if it is not used.
        """
        return self.written(self._touch, {"pk": pk, "now": clock.now(), "until": live_until}) == 1

    @cached_property
    def _touch(self) -> Write:
        table, now = self.models.Authorization.__table__, cast(Any, bindparam("now"))
        live = (table.c.id == bindparam("pk")) & table.c.revoked_at.is_(None) & (table.c.expires_at > now)
        return Write(update(table).where(live).values(last_used_at=now, live_until=bindparam("until")))

    def note_uses(self, pks: Collection[int], moment: datetime) -> None:
        """Note when access tokens of some were used; it never waits for whoever holds one."""
        self.update_free(self.models.Authorization.__table__, pks, last_used_at=moment)

    def revoke(self, pk: int, reason: str) -> bool:
        """End one; False if it has ended already. Its tokens are judged by it and end with it."""
        table, now = self.models.Authorization.__table__, clock.now()
        live = (table.c.id == pk) & table.c.revoked_at.is_(None)
        values = {"revoked_at": now, "revoked_reason": reason[:64], "purge_at": now + KEPT}
        return self.changed(update(table).where(live).values(values)) == 1

    def facts(self, pk: int) -> Any:
        """Public id, user, and the client's id and name, for whoever is told of it; or None."""
        table, client = self.models.Authorization.__table__, self.models.Client.__table__
        statement = (
            select(table.c.public_id, table.c.user_id, client.c.client_id, client.c.name)
            .join(client, client.c.id == table.c.client_pk)
            .where(table.c.id == pk)
        )
        return self.one(statement)

    def end(self, pk: int) -> Any:
        """When and why an authorization was ended, or None."""
        table = self.models.Authorization.__table__
        columns = table.c["revoked_at", "revoked_reason"]
        return self.one(select(columns).where(table.c.id == pk, table.c.revoked_at.is_not(None)))

    def key(self, public_id: str, user: Any = None) -> int | None:
        """The key of an authorization, or None.

        :param user: only one of this user.
        """
        table = self.models.Authorization.__table__
        statement = select(table.c.id).where(table.c.public_id == public_id)
        if user is not None:
            statement = statement.where(table.c.user_id == user)
        row = self.one(statement)
        return None if row is None else row.id

    def live(
        self, *, user: Any = None, client_pk: int | None = None, after: int = 0, limit: int = 100
    ) -> list[tuple[Any, str]]:
        """Authorizations of a user, a client or both that can still be used, with the client's id, in
        order of keys."""
        model, client = self.models.Authorization, self.models.Client
        statement = (
            select(model, client.client_id)
            .join(client, client.id == model.client_pk)
            .where(*self._live(user, client_pk), model.live_until > clock.now(), model.id > after)
            .order_by(model.id)
            .limit(limit)
        )
        return [(row[0], row[1]) for row in self.all(statement)]

    def live_keys(
        self,
        *,
        user: Any = None,
        client_pk: int | None = None,
        sids: Collection[str] | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> list[int]:
        """Keys of those that have not ended, whether they can still be used or not.

        :param sids: only those that were given in one of these sessions, and end with it.
        """
        table = self.models.Authorization.__table__
        statement = select(table.c.id).where(*self._live(user, client_pk), table.c.id > after)
        if sids is not None:
            statement = statement.where(table.c.sid.in_(sids), table.c.offline.is_(False))
        return [row.id for row in self.all(statement.order_by(table.c.id).limit(limit))]

    def _live(self, user: Any, client_pk: int | None) -> list[Any]:
        table = self.models.Authorization.__table__
        conditions = [table.c.revoked_at.is_(None), table.c.expires_at > clock.now()]
        if user is not None:
            conditions.append(table.c.user_id == user)
        if client_pk is not None:
            conditions.append(table.c.client_pk == client_pk)
        return conditions

    def claims(self, pk: int) -> dict[str, Any] | None:
        """What the parameter ``claims`` had asked for when an authorization was given, or None."""
        row = self.one(
            select(self.models.Authorization.__table__.c.claims).where(self.models.Authorization.__table__.c.id == pk)
        )
        return None if row is None else row.claims

    def device(self, pk: int) -> Any:
        """Where a person was who gave an authorization: ``device`` and ``address``."""
        table = self.models.Authorization.__table__
        return self.one(select(table.c["device", "address"]).where(table.c.id == pk))

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

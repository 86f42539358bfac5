"""What can act for a person: authorizations by application, however many there are."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cached_property
from typing import Any

from sqlalchemy import bindparam, func, literal, select

from .. import clock
from .base import Queries


class Applications(Queries):
    """Queries for the page of a person's applications; each looks at a bounded number of rows."""

    def usable(self, user: Any, client_pk: int | None = None, *, limit: int) -> list[Any]:
        """The latest authorizations of *user* that can be used, newest first.

        :param client_pk: only those of this client.
        """
        values = {"user": user, "now": clock.now(), "limit": limit}
        if client_pk is None:
            return list(self.executed(self._usable, values))
        return list(self.executed(self._usable_by, {**values, "client": client_pk}))

    @cached_property
    def _usable(self) -> Any:
        table = self.models.Authorization.__table__
        names = "public_id", "client_pk", "scope", "claims", "offline", "device", "address"
        times = "created_at", "last_used_at", "expires_at"
        whose = (table.c.user_id == bindparam("user")) & _is_usable(table, bindparam("now"))
        return select(table.c[*names, *times]).where(whose).order_by(table.c.id.desc()).limit(bindparam("limit"))

    @cached_property
    def _usable_by(self) -> Any:
        table = self.models.Authorization.__table__
        # The second condition is always true: with it MariaDB reads the index of all three from its end, instead of
        # intersecting two indexes and sorting what they have in common.
        return self._usable.where(table.c.client_pk == bindparam("client"), table.c.id > 0)

    def others(self, user: Any, but: Collection[int], most: int) -> dict[int, Any]:
        """Further clients that *user* has a usable authorization for, and when the latest of those was used.

        :param but: keys of the clients that are known.
        :param most: no more clients than so many are looked through.
        """
        table, mine = self.models.Authorization.__table__, self._clients(user, most)
        # A subquery with a LIMIT is no join: each is answered by the index, from its end.
        used = (
            select(func.coalesce(table.c.last_used_at, table.c.created_at))
            .where(table.c.user_id == user, table.c.client_pk == mine.c.client_pk, _is_usable(table, clock.now()))
            .order_by(table.c.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        wanted = mine.c.client_pk.is_not(None) & mine.c.client_pk.not_in(list(but))
        rows = self.all(select(mine.c.client_pk, used.label("used_at")).where(wanted))
        return {row.client_pk: row.used_at for row in rows if row.used_at is not None}

    def _clients(self, user: Any, most: int) -> Any:
        """Clients of a user's authorizations, by leaps from one to the next in the index of both."""
        table = self.models.Authorization.__table__
        if self.bind().dialect.name in ("mysql", "mariadb"):
            # It leaps at most where it groups, and never where a recursion asks for what is smaller.
            latest = select(table.c["user_id", "client_pk"], func.max(table.c.id)).where(table.c.user_id == user)
            return latest.group_by(table.c.user_id, table.c.client_pk).limit(most).subquery()
        mine = select(table.c.client_pk).where(table.c.user_id == user).order_by(table.c.client_pk.desc()).limit(1)
        first = select(mine.scalar_subquery().label("client_pk"), literal(1).label("number"))
        leap = first.cte(recursive=True)
        following = mine.where(table.c.client_pk < leap.c.client_pk).correlate(leap).scalar_subquery()
        going_on = leap.c.client_pk.is_not(None) & (leap.c.number < most)
        return leap.union_all(select(following, leap.c.number + 1).where(going_on))

    def consents(self, user: Any, query: str, *, among: Collection[int] | None = None, limit: int) -> list[Any]:
        """What *user* agreed to, for clients whose name contains *query*, those that were registered last first.

        :param among: only for these clients.
        """
        table, client = self.models.Consent.__table__, self.models.Client.__table__
        columns = table.c["client_pk", "scope", "claims", "created_at", "updated_at"]
        statement = select(columns).where(table.c.user_id == user).order_by(table.c.client_pk.desc()).limit(limit)
        if query:
            statement = statement.join(client, client.c.id == table.c.client_pk).where(_is_named(client, query))
        if among is not None:
            statement = statement.where(table.c.client_pk.in_(list(among)))
        return self.all(statement)

    def named(self, client_pks: Iterable[int], query: str) -> set[int]:
        """Of some clients those whose name contains *query*."""
        table = self.models.Client.__table__
        statement = select(table.c.id).where(table.c.id.in_(list(client_pks)), _is_named(table, query))
        return {row.id for row in self.all(statement)}

    def models_of(self, client_pks: Collection[int]) -> dict[int, Any]:
        """The models of some clients, by their keys."""
        model = self.models.Client
        found = self.db.session.scalars(select(model).where(model.id.in_(list(client_pks)))) if client_pks else ()
        return {client.id: client for client in found}


def _is_usable(table: Any, now: Any) -> Any:
    return table.c.revoked_at.is_(None) & (table.c.expires_at > now) & (table.c.live_until > now)


def _is_named(client: Any, query: str) -> Any:
    return client.c.name.icontains(query, autoescape=True)

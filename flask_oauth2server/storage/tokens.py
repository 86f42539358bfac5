"""Tokens: one row per issuance."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import bindparam, case, select, update

from .. import clock
from ..errors import Gone
from ..models.factory import Models
from .authorizations import KEPT
from .base import Queries
from .lookup import Lookup
from .prepared import Write
from .users import Users

#: An ended personal token is shown to its user so long.
PERSONAL_KEPT = timedelta(days=30)
#: What a protected view needs to know of a token.
_BEARER = (
    "id",
    "client_pk",
    "user_id",
    "authorization_id",
    "scope",
    "audience",
    "name",
    "created_at",
    "expires_at",
    "revoked_at",
    "last_used_at",
    "last_used_from",
)


class Tokens(Queries):
    """Queries for tokens."""

    def __init__(self, db: SQLAlchemy, models: Models, users: Users) -> None:
        super().__init__(db, models)
        self._users = users

    def add(self, *, expires_at: datetime, refresh_digest: str | None = None, **values: Any) -> int:
        """A new row; returns its key. One with a refresh token is purged with its authorization."""
        kept = KEPT if values.get("name") is None else PERSONAL_KEPT
        purge_at = None if refresh_digest else expires_at + kept
        ends = {"expires_at": expires_at, "refresh_digest": refresh_digest, "purge_at": purge_at}
        return self.added(self.models.Token, {**values, **ends})

    def find_access(self, digest: str) -> Any:
        """Everything that judges an access token, in one SELECT; None if there is no such token."""
        return self._access.first(digest=digest)

    def find_bearer(self, digest: str) -> Any:
        """The same for a protected view, which needs fewer columns."""
        return self._bearer.first(digest=digest)

    def find_refresh(self, digest: str) -> Any:
        """Everything that judges a refresh token, used or not; None if there is no such token."""
        return self._refresh.first(digest=digest)

    @cached_property
    def _bearer(self) -> Lookup:
        token = self.models.Token.__table__
        return self._by_digest(token.c.access_digest, *token.c[_BEARER])

    @cached_property
    def _access(self) -> Lookup:
        token = self.models.Token.__table__
        return self._by_digest(token.c.access_digest, *token.c)

    @cached_property
    def _refresh(self) -> Lookup:
        token = self.models.Token.__table__
        how = self.models.Authorization.__table__.c["sid", "amr", "claims"]
        return self._by_digest(token.c.refresh_digest, *token.c, *how)

    def _by_digest(self, digest: Any, *columns: Any) -> Lookup:
        token, client, authorization = (
            model.__table__ for model in (self.models.Token, self.models.Client, self.models.Authorization)
        )
        statement = (
            select(
                *columns,
                client.c.client_id,
                client.c.disabled_at,
                client.c.user_id.label("client_owner"),
                authorization.c.public_id,
                authorization.c.scope.label("granted_scope"),
                authorization.c.expires_at.label("authorization_expires_at"),
                authorization.c.revoked_at.label("authorization_revoked_at"),
                *authorization.c["auth_time", "acr"],
                *self._users.judged(),
            )
            .select_from(token)
            .outerjoin(client, client.c.id == token.c.client_pk)
            .outerjoin(authorization, authorization.c.id == token.c.authorization_id)
        )
        with_user = self._users.joined(statement, token.c.user_id)
        return Lookup(self.db, self.models.Token, with_user.where(digest == bindparam("digest")))

    def consume_refresh(self, pk: int) -> bool:
        """Use a refresh token up; this row count alone decides who was first."""
        return self.written(self._consume_refresh, {"pk": pk, "now": clock.now()}) == 1

    @cached_property
    def _consume_refresh(self) -> Write:
        table = self.models.Token.__table__
        unused = (table.c.id == bindparam("pk")) & table.c.refresh_used_at.is_(None) & table.c.revoked_at.is_(None)
        return Write(update(table).where(unused).values(refresh_used_at=bindparam("now")))

    def prolong_refresh(self, pk: int, expires_at: datetime) -> bool:
        """Move the idle end of a refresh token that is not rotated."""
        table = self.models.Token.__table__
        unused = (table.c.id == pk) & table.c.refresh_used_at.is_(None) & table.c.revoked_at.is_(None)
        return self.changed(update(table).where(unused).values(refresh_expires_at=expires_at)) == 1

    def successors(self, authorization_id: int, generation: int) -> list[Any]:
        """Refresh tokens of a family that came after *generation*: ``generation`` and
        ``refresh_used_at``. Ask under the authorization's lock."""
        table = self.models.Token.__table__
        later = (table.c.authorization_id == authorization_id) & (table.c.generation > generation)
        columns = table.c["generation", "refresh_used_at"]
        statement = select(columns).where(later, table.c.refresh_digest.is_not(None)).limit(100)
        # FOR SHARE reads what is committed, past the snapshot of MariaDB's REPEATABLE READ.
        return list(self.executed(statement.with_for_update(read=True)))

    def end_access(self, authorization_id: int) -> None:
        """Let the access tokens of an authorization expire now; its refresh tokens stay."""
        table, now = self.models.Token.__table__, clock.now()
        live = (table.c.authorization_id == authorization_id) & (table.c.expires_at > now)
        self.changed(update(table).where(live).values(expires_at=now))

    def revoke(self, pk: int) -> bool:
        """End a token that hangs on no authorization; False if it has ended already."""
        table, now = self.models.Token.__table__, clock.now()
        live = (table.c.id == pk) & table.c.revoked_at.is_(None)
        return self.changed(update(table).where(live).values(revoked_at=now)) == 1

    def note_uses(self, pks: Collection[int], moment: datetime, address: str | None) -> None:
        """Note where and when some tokens were used last; it never waits for whoever holds one."""
        self.update_free(self.models.Token.__table__, pks, last_used_at=moment, last_used_from=address)

    def get(self, pk: int) -> Any:
        """The model of a token, or None."""
        return self.db.session.get(self.models.Token, pk)

    def personal(self, user: Any = None, after: int = 0, limit: int = 100) -> list[Any]:
        """Personal tokens that are not revoked, in order of their keys."""
        model = self.models.Token
        statement = (
            select(model)
            .where(model.name.is_not(None), model.revoked_at.is_(None), model.id > after)
            .order_by(model.id)
            .limit(limit)
        )
        if user is not None:
            statement = statement.where(model.user_id == user)
        return list(self.db.session.scalars(statement))

    def personal_page(self, user: Any, query: str, offset: int, limit: int) -> tuple[list[Any], int]:
        """Personal tokens of *user* that are not revoked and whose name contains *query*, ended ones last,
        newest first; and how many there are."""
        model = self.models.Token
        found = select(model).where(model.user_id == user, model.name.is_not(None), model.revoked_at.is_(None))
        if query:
            found = found.where(model.name.icontains(query, autoescape=True))
        ended = case((model.expires_at <= clock.now(), 1), else_=0)
        return self.page_of(found, ended, model.id.desc(), offset=offset, limit=limit)

    def personal_of(self, user: Any, pk: int) -> Any:
        """A personal token of *user* that is not revoked, or None."""
        model = self.models.Token
        statement = select(model).where(
            model.id == pk, model.user_id == user, model.name.is_not(None), model.revoked_at.is_(None)
        )
        return self.db.session.execute(statement).scalar_one_or_none()

    def by_digest(self, digest: str) -> Any:
        """The model of a token by the digest of its value, or None."""
        model = self.models.Token
        return self.db.session.execute(select(model).where(model.access_digest == digest)).scalar_one_or_none()

    def held_scope(self, pk: int) -> str:
        """The scope of a token as it is now; the row is held until the unit ends.

        :raises Gone: if it was removed.
        """
        table = self.models.Token.__table__
        if self.changed(update(table).where(table.c.id == pk).values(name=table.c.name)) != 1:
            raise Gone("the token was removed")
        return str(self.one(select(table.c.scope).where(table.c.id == pk).with_for_update()).scope)

    def change_personal(self, pk: int, name: str, scope: str) -> None:
        """Give a personal token another name and scope."""
        table = self.models.Token.__table__
        self.changed(update(table).where(table.c.id == pk).values(name=name, scope=scope))

    def last_issued(self, client_pk: int) -> datetime | None:
        """When a client was given its latest token, or None."""
        table = self.models.Token.__table__
        statement = select(table.c.created_at).where(table.c.client_pk == client_pk).order_by(table.c.id.desc())
        row = self.one(statement.limit(1))
        return None if row is None else row.created_at

    def purge(self, limit: int) -> int:
        """Remove at most *limit* ended tokens that reuse detection does not need."""
        table = self.models.Token.__table__
        return self.delete_some(table, table.c.purge_at < clock.now(), table.c.purge_at, limit)

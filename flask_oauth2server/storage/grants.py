"""Single-use handles: authorization codes and what else a feature adds."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import bindparam, select, update

from .. import clock
from ..models.factory import Models
from .authorizations import KEPT
from .base import Queries
from .lookup import Lookup
from .prepared import Write
from .users import Users


class Grants(Queries):
    """Queries for handles."""

    def __init__(self, db: SQLAlchemy, models: Models, users: Users) -> None:
        super().__init__(db, models)
        self._users = users

    def add(self, **values: Any) -> int:
        """A new handle; returns its key."""
        return self.added(self.models.Grant, values)

    def find(self, kind: str, digest: str) -> Any:
        """The handle, used or not, expired or not, with what judges its user; or None."""
        return self._find.first(kind=kind, digest=digest)

    @cached_property
    def _find(self) -> Lookup:
        table, authorization = self.models.Grant.__table__, self.models.Authorization.__table__
        statement = (
            select(
                table.c["id", "client_pk", "authorization_id", "payload", "expires_at", "consumed_at"],
                authorization.c["user_id", "scope", "sid", "auth_time", "acr", "amr", "claims"],
                authorization.c.expires_at.label("authorization_expires_at"),
                *self._users.judged(),
            )
            .select_from(table)
            .outerjoin(authorization, authorization.c.id == table.c.authorization_id)
            .where(table.c.kind == bindparam("kind"), table.c.digest == bindparam("digest"))
        )
        return Lookup(self.db, self.models.Grant, self._users.joined(statement, authorization.c.user_id))

    def open_of_client(self, kind: str, client_pk: int) -> Any:
        """The latest unused handle of a kind that a client has, or None."""
        table = self.models.Grant.__table__
        statement = (
            select(table.c["id", "payload", "expires_at"])
            .where(table.c.kind == kind, table.c.client_pk == client_pk)
            .where(table.c.consumed_at.is_(None), table.c.expires_at > clock.now())
            .order_by(table.c.id.desc())
            .limit(1)
        )
        return self.one(statement)

    def withdraw(self, kind: str, client_pk: int) -> int:
        """Use up all handles of a kind that a client has; returns how many there were."""
        table = self.models.Grant.__table__
        unused = (table.c.kind == kind) & (table.c.client_pk == client_pk) & table.c.consumed_at.is_(None)
        return self.changed(update(table).where(unused).values(consumed_at=clock.now()))

    def consume(self, pk: int) -> bool:
        """Use a handle up; this row count alone decides who was first."""
        return self.written(self._consume, {"pk": pk, "now": clock.now()}) == 1

    @cached_property
    def _consume(self) -> Write:
        table = self.models.Grant.__table__
        unused = (table.c.id == bindparam("pk")) & table.c.consumed_at.is_(None)
        return Write(update(table).where(unused).values(consumed_at=bindparam("now")))

    def purge(self, limit: int) -> int:
        """Remove at most *limit* handles that ended long enough ago."""
        table = self.models.Grant.__table__
        return self.delete_some(table, table.c.expires_at < clock.now() - KEPT, table.c.expires_at, limit)

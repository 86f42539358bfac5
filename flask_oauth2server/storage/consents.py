"""Consents: one row per user and client."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from .. import clock
from ..errors import Conflict
from .base import Queries
from .lookup import Lookup


class Consents(Queries):
    """Queries for remembered consents."""

    def find(self, user: Any, client_pk: int) -> Any:
        """What *user* agreed to for a client, or None."""
        return self._find.first(user=user, client=client_pk)

    @cached_property
    def _find(self) -> Lookup:
        table = self.models.Consent.__table__
        columns = table.c["id", "scope", "declined", "redirect_hosts", "claims", "offline", "created_at", "updated_at"]
        whose = (table.c.user_id == bindparam("user")) & (table.c.client_pk == bindparam("client"))
        return Lookup(self.db, self.models.Consent, select(columns).where(whose))

    def hold(self, user: Any, client_pk: int) -> Any:
        """The same, locked, as it is now and not as this transaction's snapshot has it; or None."""
        row = self.find(user, client_pk)
        if row is None:
            return None  # a gap is not locked: on MariaDB two such locks end in a deadlock
        table = self.models.Consent.__table__
        # SQLite locks by a write alone; the others read what is newer than their snapshot by a lock.
        self.changed(update(table).where(table.c.id == row.id).values(client_pk=table.c.client_pk))
        columns = table.c["id", "scope", "declined", "redirect_hosts", "claims", "offline"]
        return self.one(select(columns).where(table.c.id == row.id).with_for_update())

    def record(self, user: Any, client_pk: int, pk: int | None, **values: Any) -> None:
        """Write what was agreed to.

        :param pk: of the row that is held; None: there is none yet.

        :raises Conflict: if another tab made the row first.
        """
        table = self.models.Consent.__table__
        if pk is not None:
            self.changed(update(table).where(table.c.id == pk).values(updated_at=clock.now(), **values))
        else:
            statement = insert(table).values(user_id=user, client_pk=client_pk, **values)
            self.inserted(statement, on_duplicate=Conflict)

    def forget(self, user: Any, client_pk: int) -> bool:
        """Remove what *user* agreed to for a client; False if there was nothing."""
        table = self.models.Consent.__table__
        return self.changed(delete(table).where(table.c.user_id == user, table.c.client_pk == client_pk)) > 0

    def forget_all(self, client_pk: int) -> int:
        """Remove what anybody agreed to for a client; returns how many there were."""
        table = self.models.Consent.__table__
        return self.changed(delete(table).where(table.c.client_pk == client_pk))

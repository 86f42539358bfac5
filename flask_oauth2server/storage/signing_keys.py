"""Signing keys: one row for each key pair, and one for the salt of pairwise subjects."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from ..errors import Conflict
from .base import Queries


class SigningKeys(Queries):
    """Queries for signing keys."""

    def all_keys(self) -> list[Any]:
        """All rows, in order of algorithm and generation; there are a few dozen at most."""
        table = self.models.SigningKey.__table__
        return self.all(select(table).order_by(table.c.use, table.c.alg, table.c.generation))

    def add(self, **values: Any) -> None:
        """A new generation.

        :raises Conflict: if another worker has made it at this moment.
        """
        taken = lambda: Conflict("another worker has made this key")  # noqa: E731
        self.inserted(insert(self.models.SigningKey.__table__).values(**values), on_duplicate=taken)

    def seal_anew(self, pk: int, before: str, private: str) -> None:
        """Encrypt the private part of one otherwise, unless somebody has done so."""
        table = self.models.SigningKey.__table__
        unchanged = (table.c.id == pk) & (table.c.private == before)
        self.changed(update(table).where(unchanged).values(private=private))

    def activate(self, pk: int, before: datetime, now: datetime) -> bool:
        """Let one that waits until *before* sign from now on; False if somebody has changed that, or it was revoked."""
        table = self.models.SigningKey.__table__
        # Not "later than now": whose clock still reads the second before would find it waiting once more.
        waits = (table.c.id == pk) & (table.c.active_from == before) & table.c.revoked_at.is_(None)
        return self.changed(update(table).where(waits).values(active_from=now)) == 1

    def revoke(self, kid: str, now: datetime) -> bool:
        """Trust one no more; False if it is not there, or was revoked."""
        table = self.models.SigningKey.__table__
        trusted = (table.c.kid == kid) & table.c.revoked_at.is_(None)
        return self.changed(update(table).where(trusted).values(revoked_at=now)) == 1

    def remove(self, pks: list[int]) -> int:
        """Remove some that nobody needs any more."""
        table = self.models.SigningKey.__table__
        return self.changed(delete(table).where(table.c.id.in_(pks)))

"""What was used up and must not be seen again before it expires."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import insert, select

from .. import clock
from .base import Queries


class Replays(Queries):
    """Queries for used-up identifiers."""

    def use_up(self, namespace: str, value: str, expires_at: datetime, refused: Callable[[], Exception]) -> None:
        """Note that *value* was used.

        :param namespace: kind and issuer or key, so that one cannot burn another's values.
        :param refused: makes the exception raised where it was used before.
        """
        statement = insert(self.models.Replay.__table__).values(
            namespace=namespace, digest=_digest(value), expires_at=expires_at
        )
        self.inserted(statement, on_duplicate=refused)

    def is_used(self, namespace: str, value: str) -> bool:
        """Whether *value* was used."""
        table = self.models.Replay.__table__
        statement = select(table.c.id).where(table.c.namespace == namespace, table.c.digest == _digest(value))
        return self.one(statement) is not None

    def purge(self, limit: int) -> int:
        """Remove at most *limit* rows that have expired."""
        table = self.models.Replay.__table__
        return self.delete_some(table, table.c.expires_at < clock.now(), table.c.expires_at, limit)


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()

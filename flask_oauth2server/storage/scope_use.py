"""Which clients may ask for a scope. It stands inside their metadata, which no index reaches: a part of them
is looked through, newest first."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, true

from .base import Queries


class ScopeUse(Queries):
    """Queries for whoever asks which clients have a scope."""

    def scan(self, *, after: int | None, limit: int) -> list[Any]:
        """At most *limit* clients, newest first: ``id``, ``client_id``, ``name`` and ``scope``.

        :param after: only those with a smaller key.
        """
        table = self.models.Client.__table__
        scope = table.c.client_metadata["scope"].as_string().label("scope")
        statement = select(table.c["id", "client_id", "name"], scope).order_by(table.c.id.desc()).limit(limit)
        return self.all(statement if after is None else statement.where(table.c.id < after))

    def introspecting(self, limit: int) -> list[Any]:
        """The latest clients that may introspect tokens of others: ``id``, ``client_id``, ``name``,
        ``disabled_at``."""
        table = self.models.Client.__table__
        columns = table.c["id", "client_id", "name", "disabled_at"]
        statement = select(columns).where(table.c.may_introspect == true()).order_by(table.c.id.desc())
        return self.all(statement.limit(limit))

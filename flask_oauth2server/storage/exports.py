"""What is kept about a user, and nothing of anybody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import case, select

from .base import Queries

_TIMES = ("created_at", "last_used_at", "expires_at", "revoked_at")


class Exports(Queries):
    """Queries for what a user may ask for."""

    def of_user(self, key: Any) -> dict[str, list[dict[str, Any]]]:
        """All of it, by kind; the columns are those that mean something to a person."""
        statements = {**dict(self._granted(key)), **dict(self._noted(key)), **dict(self._made(key))}
        return {name: [dict(row._mapping) for row in self.all(statement)] for name, statement in statements.items()}

    def _granted(self, key: Any) -> Iterator[tuple[str, Any]]:
        models, client = self.models, self.models.Client.__table__
        for name, model, columns in (
            ("authorizations", models.Authorization, (*_TIMES, "scope", "auth_time", "device", "address")),
            ("access_tokens", models.Token, (*_TIMES, "scope", "last_used_from")),
            ("consents", models.Consent, ("scope", "declined", "redirect_hosts", "created_at", "updated_at")),
        ):
            table = model.__table__
            statement = select(table.c[columns], client.c.client_id)
            statement = statement.join_from(table, client, client.c.id == table.c.client_pk)
            yield name, statement.where(table.c.user_id == key).order_by(table.c.id)

    def _noted(self, key: Any) -> Iterator[tuple[str, Any]]:
        """The audit: what concerns them, and what they did that concerns others."""
        event = self.models.AuditEvent.__table__
        people, theirs = event.c.actor_kind.in_(("person", "administrator")), event.c.actor == str(key)
        # Where an administrator sat is none of their business.
        origin = [case((people & ~theirs, None), else_=event.c[name]).label(name) for name in ("device", "address")]
        told = event.c["kind", "created_at", "client_id", "name", "scope", "reason", "changes", "actor_kind"]
        yield "events", select(told, *origin).where(event.c.user_id == key).order_by(event.c.id)
        acts = select(event.c["kind", "created_at", "client_id", "device", "address"])
        others = event.c.user_id.is_(None) | (event.c.user_id != key)
        yield "acts", acts.where(people, theirs, others).order_by(event.c.id)
        failure = self.models.Failure.__table__
        refused = failure.c["reference", "created_at", "cause", "error", "endpoint", "client_id", "address", "facts"]
        yield "failures", select(refused).where(failure.c.user_id == key).order_by(failure.c.id)

    def _made(self, key: Any) -> Iterator[tuple[str, Any]]:
        token, client = self.models.Token.__table__, self.models.Client.__table__
        personal = select(token.c[(*_TIMES, "name", "scope", "last_used_from")])
        personal = personal.where(token.c.user_id == key, token.c.name.is_not(None))
        yield "personal_tokens", personal.order_by(token.c.id)
        owned = select(client.c["client_id", "name"]).where(client.c.user_id == key)
        yield "clients", owned.order_by(client.c.id)

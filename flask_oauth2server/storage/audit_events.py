"""Audit events: what happened in a person's name."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, insert, or_, select

from .. import clock
from .base import Queries


class AuditEvents(Queries):
    """Queries for audit events."""

    def add(self, **values: Any) -> int:
        """A new event; returns its key."""
        return self.inserted(insert(self.models.AuditEvent.__table__).values(**values))

    def of_user(self, user: Any, *, before: int | None, limit: int) -> list[Any]:
        """The latest events of *user*, newest first, each with whether what it speaks of can still act.

        :param before: only those with a smaller key.
        """
        event, authorization, token = (
            model.__table__ for model in (self.models.AuditEvent, self.models.Authorization, self.models.Token)
        )
        now = clock.now()
        live_authorization = authorization.c.revoked_at.is_(None) & (authorization.c.expires_at > now)
        client, since = self.models.Client.__table__, authorization.alias()
        given_since = exists(
            select(since.c.id)
            .join(client, client.c.id == since.c.client_pk)
            .where(since.c.user_id == user, client.c.client_id == event.c.client_id)
            .where(since.c.revoked_at.is_(None), since.c.live_until > now, since.c.created_at >= event.c.created_at)
        )
        live_token = token.c.revoked_at.is_(None) & (token.c.expires_at > now)
        statement = (
            select(event, or_(live_authorization, live_token, given_since).label("can_act"))
            .select_from(event)
            .outerjoin(authorization, authorization.c.public_id == event.c.authorization)
            .outerjoin(token, token.c.id == event.c.token_id)
            .where(event.c.user_id == user)
            .order_by(event.c.id.desc())
            .limit(limit)
        )
        if before is not None:
            statement = statement.where(event.c.id < before)
        return self.all(statement)

    def page(
        self,
        *,
        before: int | None = None,
        user: Any = None,
        actor: str | None = None,
        client_id: str | None = None,
        kind: str | None = None,
        limit: int,
    ) -> list[Any]:
        """Events of everybody, newest first; each filter has an index.

        :param before: only those with a smaller key.
        :param user: only those that concern this user, by the stored key.
        :param actor: only those that this person, administrator or client did: the stored key as text, or a
            ``client_id``.
        """
        table = self.models.AuditEvent.__table__
        wanted = {"user_id": user, "actor": actor, "client_id": client_id, "kind": kind}
        statement = select(table).order_by(table.c.id.desc()).limit(limit)
        for name, value in wanted.items():
            if value is not None:
                statement = statement.where(table.c[name] == value)
        if before is not None:
            statement = statement.where(table.c.id < before)
        return self.all(statement)

    def newer(self, user: Any, *, after: int, limit: int) -> list[int]:
        """Keys of the next newer events of *user*, oldest first."""
        table = self.models.AuditEvent.__table__
        statement = select(table.c.id).where(table.c.user_id == user, table.c.id > after).order_by(table.c.id)
        return [row[0] for row in self.all(statement.limit(limit))]

    def find(self, user: Any, pk: int) -> Any:
        """One event of *user*, or None."""
        table = self.models.AuditEvent.__table__
        return self.one(select(table).where(table.c.id == pk, table.c.user_id == user))

    def addresses(self, *, authorization: str | None, token_id: int | None) -> list[tuple[str | None, datetime]]:
        """The addresses noted for one authorization or one personal token, and when."""
        table = self.models.AuditEvent.__table__
        whose = table.c.authorization == authorization if authorization else table.c.token_id == token_id
        return [(row[0], row[1]) for row in self.all(select(table.c["address", "created_at"]).where(whose))]

    def is_noted(self, kind: str, user: Any, client_id: str, reason: str, address: str | None) -> bool:
        """Whether the same was noted within the last day."""
        table = self.models.AuditEvent.__table__
        statement = select(table.c.id).where(
            table.c.user_id == user,
            table.c.created_at > clock.now() - timedelta(days=1),
            table.c.kind == kind,
            table.c.client_id == client_id,
            table.c.reason == reason,
            table.c.address == address if address is not None else table.c.address.is_(None),
        )
        return self.one(statement.limit(1)) is not None

    def purge(self, kept: int, limit: int) -> int:
        """Remove at most *limit* events that were kept for *kept* seconds."""
        table = self.models.AuditEvent.__table__
        oldest = clock.now() - timedelta(seconds=kept)
        return self.delete_some(table, table.c.created_at < oldest, table.c.created_at, limit)

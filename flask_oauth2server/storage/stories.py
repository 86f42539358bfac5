"""What is known of one value: a token or a code, whether it is still good or not."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from .base import Queries


class Stories(Queries):
    """Queries that look one value up, for administrators."""

    def token(self, digest: str, *, refresh: bool) -> Any:
        """An access or personal token, or a refresh token, with what it hangs on; or None."""
        models = self.models
        token, client, authorization = (m.__table__ for m in (models.Token, models.Client, models.Authorization))
        statement = (
            select(
                token,
                client.c.client_id,
                client.c.disabled_at,
                authorization.c.public_id,
                authorization.c.expires_at.label("authorization_expires_at"),
                authorization.c.revoked_at.label("authorization_revoked_at"),
                authorization.c.revoked_reason,
            )
            .select_from(token)
            .outerjoin(client, client.c.id == token.c.client_pk)
            .outerjoin(authorization, authorization.c.id == token.c.authorization_id)
            .where((token.c.refresh_digest if refresh else token.c.access_digest) == digest)
        )
        return self.one(statement)

    def successor(self, authorization_id: int, generation: int) -> Any:
        """The latest refresh token of the next generation of a family, or None."""
        token = self.models.Token.__table__
        statement = (
            select(token.c["created_at", "refresh_used_at", "last_used_at"])
            .where(token.c.authorization_id == authorization_id, token.c.generation == generation + 1)
            .order_by(token.c.id.desc())
        )
        return self.one(statement.limit(1))

    def code(self, digest: str) -> Any:
        """A single-use handle with what it hangs on, or None."""
        models = self.models
        grant, client, authorization = (m.__table__ for m in (models.Grant, models.Client, models.Authorization))
        statement = (
            select(
                grant.c["id", "kind", "created_at", "expires_at", "consumed_at", "client_pk"],
                client.c.client_id,
                authorization.c["user_id", "public_id"],
                authorization.c.revoked_at.label("authorization_revoked_at"),
                authorization.c.revoked_reason,
            )
            .join(client, client.c.id == grant.c.client_pk)
            .outerjoin(authorization, authorization.c.id == grant.c.authorization_id)
            .where(grant.c.digest == digest)
        )
        return self.one(statement)

"""Pictures of clients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert, or_, select, true, update

from .base import Queries


class Logos(Queries):
    """Queries for logos."""

    def put(self, client_pk: int, *, content: bytes, content_type: str, digest: str) -> None:
        """Keep the picture of a client, instead of one that it had."""
        table = self.models.ClientLogo.__table__
        values = {"content": content, "content_type": content_type, "digest": digest}
        if not self.changed(update(table).where(table.c.client_pk == client_pk).values(**values)):
            self.inserted(insert(table).values(client_pk=client_pk, **values))

    def remove(self, client_pk: int) -> bool:
        """Remove the picture of a client; False if it had none."""
        table = self.models.ClientLogo.__table__
        return self.changed(delete(table).where(table.c.client_pk == client_pk)) == 1

    def digests(self, client_pks: Sequence[int]) -> dict[int, str]:
        """The digests of the pictures that clients have, by the clients' keys."""
        table = self.models.ClientLogo.__table__
        statement = select(table.c.client_pk, table.c.digest).where(table.c.client_pk.in_(list(client_pks)))
        return {row.client_pk: row.digest for row in self.all(statement)}

    def find(self, digest: str, owner: Any, *, of_anybody: bool = False) -> Any:
        """A picture with this digest that may be seen, of a client that is verified or of *owner*; or None.

        :param of_anybody: whosever the client is, verified or not.
        """
        table, client = self.models.ClientLogo.__table__, self.models.Client.__table__
        may_see = client.c.verified & client.c.disabled_at.is_(None)
        if owner is not None:
            may_see = or_(may_see, client.c.user_id == owner)
        statement = (
            select(table.c.content, table.c.content_type)
            .join(client, client.c.id == table.c.client_pk)
            .where(table.c.digest == digest, true() if of_anybody else may_see)
            .limit(1)
        )
        return self.one(statement)

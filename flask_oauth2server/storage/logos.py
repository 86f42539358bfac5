"""Pictures of clients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update

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

    def find(self, digest: str) -> list[Any]:
        """Pictures with this digest, with what says who may see them."""
        table, client = self.models.ClientLogo.__table__, self.models.Client.__table__
        statement = (
            select(table.c.content, table.c.content_type, client.c.verified, client.c.user_id)
            .join(client, client.c.id == table.c.client_pk)
            .where(table.c.digest == digest)
            .limit(100)
        )
        return self.all(statement)

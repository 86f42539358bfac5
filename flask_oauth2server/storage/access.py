"""Tokens and authorizations of everybody, as administrators look through them: by key, newest first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select

from .. import clock
from .base import Queries


@dataclass(frozen=True)
class Whose:
    """Which rows: of one user, of one client, of both, or all; None: anybody's."""

    user: Any = None
    client_pk: int | None = None

    def conditions(self, table: Any) -> list[Any]:
        """Each of them has an index, in the order of keys."""
        wanted = {"user_id": self.user, "client_pk": self.client_pk}
        return [table.c[name] == value for name, value in wanted.items() if value is not None]


class Access(Queries):
    """Queries for whoever sees all."""

    def tokens(self, whose: Whose, *, after: int | None, limit: int) -> list[Any]:
        """Tokens, newest first, each with its client and its authorization.

        :param after: the key of the last row of the page before.
        """
        return self.all(self._with_owners(self._page(self.models.Token.__table__, whose, after, limit)))

    def some_tokens(self, pks: Sequence[int]) -> list[Any]:
        """Those of the same whose keys are named."""
        table = self.models.Token.__table__
        return self.all(self._with_owners(select(table).where(table.c.id.in_(list(pks))))) if pks else []

    def clients_named(self, client_ids: Collection[str]) -> dict[str, int]:
        """The keys of those clients that are still there, by ``client_id``."""
        table = self.models.Client.__table__
        if not client_ids:
            return {}
        rows = self.all(select(table.c["id", "client_id"]).where(table.c.client_id.in_(list(client_ids))))
        return {row.client_id: row.id for row in rows}

    def authorizations(self, whose: Whose, *, after: int | None, limit: int) -> list[Any]:
        """Authorizations, newest first, each with its client."""
        return self.all(self._with_client(self._page(self.models.Authorization.__table__, whose, after, limit)))

    def some_authorizations(self, public_ids: Sequence[str]) -> list[Any]:
        """Those of the same that are named."""
        table = self.models.Authorization.__table__
        named = select(table).where(table.c.public_id.in_(list(public_ids)))
        return self.all(self._with_client(named)) if public_ids else []

    def newer(self, model: str, whose: Whose, *, than: int, limit: int) -> list[int]:
        """Keys of the next newer rows of ``Token`` or ``Authorization``, oldest first."""
        table = getattr(self.models, model).__table__
        statement = select(table.c.id).where(*whose.conditions(table), table.c.id > than)
        return [row.id for row in self.all(statement.order_by(table.c.id).limit(limit))]

    def _page(self, table: Any, whose: Whose, after: int | None, limit: int) -> Any:
        statement = select(table).where(*whose.conditions(table))
        if after is not None:
            statement = statement.where(table.c.id < after)
        return statement.order_by(table.c.id.desc()).limit(limit)

    def _with_client(self, page: Any) -> Any:
        found, client = page.subquery(), self.models.Client.__table__
        return (
            select(found, client.c.client_id, client.c.name.label("client_name"), client.c.disabled_at)
            .select_from(found.outerjoin(client, client.c.id == found.c.client_pk))
            .order_by(found.c.id.desc())
        )

    def _with_owners(self, page: Any) -> Any:
        found, client, authorization = (
            page.subquery(),
            self.models.Client.__table__,
            self.models.Authorization.__table__,
        )
        return (
            select(
                found,
                client.c.client_id,
                client.c.name.label("client_name"),
                client.c.disabled_at,
                authorization.c.public_id,
                authorization.c.revoked_at.label("authorization_revoked_at"),
                authorization.c.expires_at.label("authorization_expires_at"),
            )
            .select_from(
                found.outerjoin(client, client.c.id == found.c.client_pk).outerjoin(
                    authorization, authorization.c.id == found.c.authorization_id
                )
            )
            .order_by(found.c.id.desc())
        )

    def live_authorizations(self, whose: Whose, most: int) -> int:
        """How many can still be used; *most* + 1 means that there are more."""
        table, now = self.models.Authorization.__table__, clock.now()
        usable = table.c.revoked_at.is_(None) & (table.c.live_until > now)
        return self.counted(select(table.c.id).where(*whose.conditions(table), usable), most)

    def live_alone(self, whose: Whose, most: int) -> int:
        """How many live tokens hang on no authorization: personal ones, and clients' own."""
        return self.counted(self._alone(whose), most)

    def alone_keys(self, whose: Whose, *, after: int = 0, limit: int = 100) -> list[int]:
        """Keys of those, in their order."""
        table = self.models.Token.__table__
        statement = self._alone(whose).where(table.c.id > after).order_by(table.c.id).limit(limit)
        return [row.id for row in self.all(statement)]

    def _alone(self, whose: Whose) -> Any:
        table = self.models.Token.__table__
        live = table.c.revoked_at.is_(None) & (table.c.expires_at > clock.now())
        # No key is 0. Asked for NULL, SQLite would look at the tokens of everybody that hang on no authorization.
        alone = func.coalesce(table.c.authorization_id, 0) == 0
        return select(table.c.id).where(*whose.conditions(table), alone, live)

    def forget_consents(self, whose: Whose) -> int:
        """Remove what somebody agreed to, so that it is asked again; returns how many there were."""
        table = self.models.Consent.__table__
        return self.changed(delete(table).where(*whose.conditions(table)))

    def count(self, model: str, whose: Whose, most: int) -> int:
        """How many rows of ``Token`` or ``Authorization`` there are; *most* + 1 means that there are more."""
        table = getattr(self.models, model).__table__
        return self.counted(select(table.c.id).where(*whose.conditions(table)), most)

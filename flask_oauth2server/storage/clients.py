"""Clients and their secrets."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import bindparam, delete, func, inspect, or_, select, update

from .. import clock
from ..errors import Gone
from .base import Queries
from .lookup import Lookup


@dataclass(frozen=True, slots=True)
class SecretInfo:
    """One live secret."""

    pk: int
    digest: str = field(repr=False)
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """A client as the protocol sees it: read once, never expired by a rollback."""

    pk: int
    client_id: str
    name: str
    metadata: Mapping[str, Any] = field(repr=False)
    is_confidential: bool
    first_party: bool
    verified: bool
    may_introspect: bool
    access_token_expires_in: int | None
    refresh_token_expires_in: int | None
    refresh_rotation: str
    disabled: bool
    secrets: tuple[SecretInfo, ...] = field(repr=False)
    owner: Any = None

    @property
    def redirect_uris(self) -> list[str]:
        """Registered redirect URIs, in order."""
        return list(self.metadata["redirect_uris"])

    @property
    def scopes(self) -> list[str]:
        """The scopes that it may ask for."""
        return str(self.metadata["scope"]).split()

    @property
    def grant_types(self) -> list[str]:
        """Grant types that it may use."""
        return list(self.metadata["grant_types"])

    @property
    def response_types(self) -> list[str]:
        """Response types that it may use."""
        return list(self.metadata["response_types"])

    @property
    def auth_method(self) -> str:
        """Its ``token_endpoint_auth_method``."""
        return str(self.metadata["token_endpoint_auth_method"])

    @property
    def requires_pkce(self) -> bool:
        """Whether codes are given for a challenge only; a public client cannot turn it off."""
        return not self.is_confidential or bool(self.metadata.get("require_pkce", True))

    @property
    def rotates(self) -> bool:
        """Whether a refresh token is replaced at each use (RFC 9700, 4.14.2)."""
        return not self.is_confidential or self.refresh_rotation != "never"


class Clients(Queries):
    """Queries for clients."""

    def info(self, client_id: str) -> ClientInfo | None:
        """The client with its live secrets, disabled or not; one SELECT."""
        rows = self._info.rows(client_id=client_id)
        # A collation may find what is only similar.
        return _info(rows) if rows and rows[0].client_id == client_id else None

    @cached_property
    def _info(self) -> Lookup:
        client, secret = self.models.Client.__table__, self.models.ClientSecret.__table__
        kept = (secret.c.client_pk == client.c.id) & secret.c.revoked_at.is_(None)
        of_secret = secret.c["digest", "expires_at", "last_used_at"]
        statement = (
            select(*client.c[_INFO_COLUMNS], secret.c.id.label("secret_pk"), *of_secret)
            .select_from(client.outerjoin(secret, kept))
            .where(client.c.client_id == bindparam("client_id"))
        )
        return Lookup(self.db, self.models.Client, statement)

    def get(self, client_id: str) -> Any:
        """The model of a client, or None."""
        model = self.models.Client
        found = self.db.session.execute(select(model).where(model.client_id == client_id)).scalar_one_or_none()
        return found if found is not None and found.client_id == client_id else None

    def keys(self, client_ids: Collection[str]) -> dict[str, int]:
        """The keys of the clients among *client_ids*."""
        table = self.models.Client.__table__
        statement = select(table.c["client_id", "id"]).where(table.c.client_id.in_(list(client_ids)))
        return {row.client_id: row.id for row in self.all(statement)}

    def by_pk(self, pk: int) -> Any:
        """The model of a client by its key, or None."""
        return self.db.session.get(self.models.Client, pk)

    def page(self, after: int = 0, limit: int = 100, owner: Any = None) -> list[Any]:
        """At most *limit* clients in order of their keys, beginning after key *after*."""
        model = self.models.Client
        statement = select(model).where(model.id > after).order_by(model.id).limit(limit)
        if owner is not None:
            statement = statement.where(model.user_id == owner)
        return list(self.db.session.scalars(statement))

    def is_name_taken(self, name_key: str, but: int | None) -> bool:
        """Whether another client than *but* has a name that people would take for this one."""
        table = self.models.Client.__table__
        statement = select(table.c.id).where(table.c.name_key == name_key, table.c.id != (but or 0)).limit(1)
        return self.one(statement) is not None

    def addressed(self, address: str, owner: Any = None) -> Any:
        """The model of a client by what names it in an address: its ``client_id``, or a tilde and its
        key; or None.

        :param owner: only one of this user.
        """
        model = self.models.Client
        by_key = address[1:] if address.startswith("~") and address[1:].isdecimal() and len(address) < 19 else None
        statement = select(model).where(model.client_id == address if by_key is None else model.id == int(by_key))
        if owner is not None:
            statement = statement.where(model.user_id == owner)
        found = self.db.session.execute(statement).scalar_one_or_none()
        return found if found is None or by_key is not None or found.client_id == address else None

    def owned_page(self, owner: Any, query: str, offset: int, limit: int) -> tuple[list[Any], int]:
        """Clients of *owner* whose name or id contains *query*, newest first; and how many there are."""
        model = self.models.Client
        found = select(model).where(model.user_id == owner)
        if query:
            found = found.where(
                or_(model.name.icontains(query, autoescape=True), model.client_id.icontains(query, autoescape=True))
            )
        return self.page_of(found, model.id.desc(), offset=offset, limit=limit)

    def people(self, client_pk: int, most: int, since: datetime | None = None) -> int:
        """How many people a client can act for; counting stops at *most*.

        :param since: only those who allowed it after that.
        """
        table = self.models.Authorization.__table__
        usable = self._usable(client_pk)
        found = select(table.c.user_id).where(usable, table.c.user_id.is_not(None)).distinct().limit(most)
        if since is not None:
            found = found.where(table.c.created_at > since)
        return int(self.one(select(func.count()).select_from(found.subquery()))[0])

    def acts_for(self, client_pk: int, user: Any) -> bool:
        """Whether a client can act for *user*."""
        table = self.models.Authorization.__table__
        statement = select(table.c.id).where(self._usable(client_pk), table.c.user_id == user)
        return self.one(statement.limit(1)) is not None

    def _usable(self, client_pk: int) -> Any:
        """Of the authorizations of a client those that can still be used."""
        table = self.models.Authorization.__table__
        return (table.c.client_pk == client_pk) & table.c.revoked_at.is_(None) & (table.c.live_until > clock.now())

    def hold(self, client: Any) -> None:
        """Lock the row of *client*, on SQLite, too, and read it as it is now.

        :raises Gone: if it was deleted.
        """
        table = self.models.Client.__table__
        identity = inspect(client).identity
        mine = table.c.id == (identity[0] if identity else None)
        if self.changed(update(table).where(mine).values(client_id=table.c.client_id)) != 1:
            raise Gone("the client was deleted")
        # Without the lock MariaDB would read its snapshot; it lets PostgreSQL go on issuing tokens.
        self.db.session.refresh(client, with_for_update={"key_share": True})

    def add(self, **values: Any) -> Any:
        """A new client, flushed, so that a taken ``client_id`` is seen now."""
        client = self.models.Client(**values)
        self.db.session.add(client)
        self.db.session.flush()
        return client

    def add_secret(self, client: Any, **values: Any) -> Any:
        """A further secret of *client*."""
        secret = self.models.ClientSecret(client_pk=client.id, **values)
        self.db.session.add(secret)
        self.db.session.flush()
        return secret

    def live_secrets(self, client: Any, *, held: bool = False) -> list[Any]:
        """Secrets of *client* that are not revoked and not expired, oldest first.

        :param held: as they are now, and not as this transaction's snapshot has them.
        """
        model = self.models.ClientSecret
        statement = (
            select(model)
            .where(model.client_pk == client.id, model.revoked_at.is_(None))
            .where(or_(model.expires_at.is_(None), model.expires_at > clock.now()))
            .order_by(model.id)
        )
        return list(self.db.session.scalars(statement.with_for_update() if held else statement))

    def ended_secret(self, client_pk: int, digest: str) -> Any:
        """A secret of a client that was revoked or has expired, by its digest, or None."""
        table = self.models.ClientSecret.__table__
        ended = or_(table.c.revoked_at.is_not(None), table.c.expires_at.is_not(None))
        columns = table.c["hint", "revoked_at", "expires_at"]
        return self.one(select(columns).where(table.c.client_pk == client_pk, table.c.digest == digest, ended).limit(1))

    def touch_secret(self, pk: int) -> None:
        """Note that a secret was used just now."""
        table = self.models.ClientSecret.__table__
        self.changed(update(table).where(table.c.id == pk).values(last_used_at=clock.now()))

    def delete(self, client: Any) -> None:
        """Remove a client with all that hangs on it, foreign keys or not.

        :raises Gone: if it was deleted meanwhile.
        """
        models, pk = self.models, client.id
        authorizations = models.Authorization.__table__
        # Lock first what everything hangs on, in the order of the house.
        self.changed(
            update(authorizations).where(authorizations.c.client_pk == pk).values(revoked_reason="client deleted")
        )
        of_client = (models.Token, models.Grant, models.Consent, models.Authorization, models.ClientSecret)
        for model in (*of_client, models.ClientLogo, models.ClientTerm):
            self.changed(delete(model.__table__).where(model.__table__.c.client_pk == pk))
        if self.changed(delete(models.Client.__table__).where(models.Client.__table__.c.id == pk)) != 1:
            raise Gone("the client was deleted")
        if client in self.db.session:  # a unit may run twice
            self.db.session.expunge(client)


_INFO_COLUMNS = (
    "id",
    "client_id",
    "name",
    "client_metadata",
    "is_confidential",
    "first_party",
    "verified",
    "may_introspect",
    "access_token_expires_in",
    "refresh_token_expires_in",
    "refresh_rotation",
    "disabled_at",
    "user_id",
)


def _info(rows: list[Any]) -> ClientInfo:
    row, now = rows[0], clock.now()
    live = (r for r in rows if r.secret_pk is not None and (r.expires_at is None or r.expires_at > now))
    return ClientInfo(
        pk=row.id,
        client_id=row.client_id,
        name=row.name,
        metadata=row.client_metadata,
        is_confidential=row.is_confidential,
        first_party=row.first_party,
        verified=row.verified,
        may_introspect=row.may_introspect,
        access_token_expires_in=row.access_token_expires_in,
        refresh_token_expires_in=row.refresh_token_expires_in,
        refresh_rotation=row.refresh_rotation,
        disabled=row.disabled_at is not None,
        secrets=tuple(SecretInfo(r.secret_pk, r.digest, r.last_used_at) for r in live),
        owner=row.user_id,
    )

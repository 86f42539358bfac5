"""Columns and behaviour of the models; nothing here knows a ``db``.

Plain column types only, so that Alembic's autogenerate needs no import. ``client_id`` always means
the public identifier, ``client_pk`` the foreign key. The column ``user_id`` is added by the
factory, which knows its type. Times are naive UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    DateTime,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, declared_attr, mapped_column
from sqlalchemy.types import TypeEngine

from .. import clock


def key_type() -> TypeEngine[int]:
    """A surrogate key; SQLite counts in INTEGER only."""
    return BigInteger().with_variant(Integer(), "sqlite")


def exact(length: int) -> TypeEngine[str]:
    """A string that compares case by case on MariaDB, too."""
    return String(length).with_variant(String(length, collation="utf8mb4_bin"), "mysql", "mariadb")


def ordered(length: int) -> TypeEngine[str]:
    """The same, and sorted by code point on PostgreSQL, too: an index finds by the beginning then."""
    return exact(length).with_variant(String(length, collation="C"), "postgresql")


def client_key(nullable: bool = False, unique: bool = False, index: bool = True) -> Any:
    """A foreign key to a client, with which the row goes."""
    target = ForeignKey("oauth2_client.id", ondelete="CASCADE")
    return mapped_column(key_type(), target, nullable=nullable, index=index, unique=unique)


def _authorization_key() -> Any:
    target = ForeignKey("oauth2_authorization.id", ondelete="CASCADE")
    return mapped_column(key_type(), target, nullable=True, index=True)


class Row:
    """What all tables share."""

    __table_args__: Any = {"sqlite_autoincrement": True}  # ids are never given out twice

    id: Mapped[int] = mapped_column(key_type(), primary_key=True, autoincrement=True)
    created_at: Mapped[datetime] = mapped_column(DateTime, nullable=False, default=clock.now)


class ClientMixin(Row):
    """An application that may ask for tokens (RFC 6749, 2)."""

    __tablename__ = "oauth2_client"

    client_id: Mapped[str] = mapped_column(exact(512), nullable=False, unique=True)
    name: Mapped[str] = mapped_column(String(255), nullable=False, index=True)
    name_key: Mapped[str | None] = mapped_column(exact(255), nullable=True, index=True)
    client_metadata: Mapped[dict[str, Any]] = mapped_column(JSON, nullable=False)
    is_confidential: Mapped[bool] = mapped_column(Boolean, nullable=False)
    first_party: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    verified: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    verified_at: Mapped[datetime | None] = mapped_column(DateTime, nullable=True)
    may_introspect: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    access_token_expires_in: Mapped[int | None] = mapped_column(Integer, nullable=True)
    refresh_token_expires_in: Mapped[int | None] = mapped_column(Integer, nullable=True)
    refresh_rotation: Mapped[str] = mapped_column(String(16), nullable=False, default="always")
    disabled_at: Mapped[datetime | None] = mapped_column(DateTime, nullable=True)

    @property
    def redirect_uris(self) -> list[str]:
        """Registered redirect URIs, in order."""
        return list(self.client_metadata.get("redirect_uris", ()))

    @property
    def default_redirect_uri(self) -> str | None:
        """The first redirect URI, or None."""
        return next(iter(self.redirect_uris), None)

    @property
    def scopes(self) -> list[str]:
        """The scopes that it may ask for."""
        return str(self.client_metadata.get("scope", "")).split()

    @property
    def client_type(self) -> str:
        """``confidential`` or ``public`` (RFC 6749, 2.1)."""
        return "confidential" if self.is_confidential else "public"

    @property
    def allowed_grant_types(self) -> list[str]:
        """Grant types that it may use."""
        return list(self.client_metadata.get("grant_types", ()))

    @property
    def allowed_response_types(self) -> list[str]:
        """Response types that it may use."""
        return list(self.client_metadata.get("response_types", ()))

    def __repr__(self) -> str:
        return f"<Client {self.client_id!r}>"


class ClientSecretMixin(Row):
    """One secret of a client; several may overlap while one is rotated."""

    __tablename__ = "oauth2_client_secret"

    digest: Mapped[str] = mapped_column(String(255), nullable=False)
    hint: Mapped[str] = mapped_column(String(8), nullable=False)
    imported: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    expires_at: Mapped[datetime | None] = mapped_column(DateTime, nullable=True, index=True)
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime, nullable=True)
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime, nullable=True)

    @declared_attr
    def client_pk(cls) -> Mapped[int]:  # noqa: N805
        return client_key()  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<ClientSecret {self.id}>"


class ClientLogoMixin(Row):
    """The picture of a client, as uploaded; shown to people once the client is verified."""

    __tablename__ = "oauth2_client_logo"

    content: Mapped[bytes] = mapped_column(LargeBinary(262144), nullable=False)
    content_type: Mapped[str] = mapped_column(String(32), nullable=False)
    digest: Mapped[str] = mapped_column(String(64), nullable=False, index=True)

    @declared_attr
    def client_pk(cls) -> Mapped[int]:  # noqa: N805
        return client_key(unique=True)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<ClientLogo {self.id}>"


class ClientTermMixin(Row):
    """A word by whose beginning a client is found: of its name, its ``client_id``, a host it returns to."""

    __tablename__ = "oauth2_client_term"

    term: Mapped[str] = mapped_column(ordered(128), nullable=False)

    @declared_attr
    def client_pk(cls) -> Mapped[int]:  # noqa: N805
        return client_key()  # type: ignore[no-any-return]


class AuthorizationMixin(Row):
    """What a user granted to a client once; codes and tokens hang on it."""

    __tablename__ = "oauth2_authorization"

    public_id: Mapped[str] = mapped_column(exact(64), nullable=False, unique=True)
    scope: Mapped[str] = mapped_column(Text, nullable=False)
    sid: Mapped[str | None] = mapped_column(String(64), nullable=True)
    auth_time: Mapped[datetime | None] = mapped_column(DateTime, nullable=True)
    acr: Mapped[str | None] = mapped_column(String(255), nullable=True)
    amr: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True), nullable=True)
    #: What the parameter ``claims`` asked for, as far as it was granted.
    claims: Mapped[dict[str, list[str]] | None] = mapped_column(JSON(none_as_null=True), nullable=True)
    offline: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime, nullable=True)
    expires_at: Mapped[datetime] = mapped_column(DateTime, nullable=False)
    #: When the last of its codes and tokens ends, if none is used until then.
    live_until: Mapped[datetime | None] = mapped_column(DateTime, nullable=True)
    device: Mapped[str | None] = mapped_column(String(255), nullable=True)
    address: Mapped[str | None] = mapped_column(String(64), nullable=True)
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime, nullable=True)
    revoked_reason: Mapped[str | None] = mapped_column(String(64), nullable=True)
    purge_at: Mapped[datetime] = mapped_column(DateTime, nullable=False, index=True)

    @declared_attr
    def client_pk(cls) -> Mapped[int]:  # noqa: N805
        return client_key(index=False)  # type: ignore[no-any-return]

    @property
    def scopes(self) -> list[str]:
        """The scopes as granted."""
        return self.scope.split()

    def __repr__(self) -> str:
        return f"<Authorization {self.public_id!r}>"


class GrantMixin(Row):
    """A single-use, expiring handle that is bound to a client: an authorization code and its kin."""

    __tablename__ = "oauth2_grant"

    kind: Mapped[str] = mapped_column(String(32), nullable=False)
    digest: Mapped[str] = mapped_column(String(64), nullable=False, unique=True)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON, nullable=False)
    expires_at: Mapped[datetime] = mapped_column(DateTime, nullable=False, index=True)
    consumed_at: Mapped[datetime | None] = mapped_column(DateTime, nullable=True)

    @declared_attr
    def client_pk(cls) -> Mapped[int]:  # noqa: N805
        return client_key()  # type: ignore[no-any-return]

    @declared_attr
    def authorization_id(cls) -> Mapped[int | None]:  # noqa: N805
        return _authorization_key()  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<Grant {self.id} {self.kind}>"


class TokenMixin(Row):
    """One issuance: an access token, and the refresh token that came with it, if one did."""

    __tablename__ = "oauth2_token"

    access_digest: Mapped[str] = mapped_column(String(64), nullable=False, unique=True)
    refresh_digest: Mapped[str | None] = mapped_column(String(64), nullable=True, unique=True)
    generation: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    scope: Mapped[str] = mapped_column(Text, nullable=False)
    audience: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True), nullable=True)
    expires_at: Mapped[datetime] = mapped_column(DateTime, nullable=False)
    refresh_expires_at: Mapped[datetime | None] = mapped_column(DateTime, nullable=True)
    refresh_used_at: Mapped[datetime | None] = mapped_column(DateTime, nullable=True)
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime, nullable=True)
    purge_at: Mapped[datetime | None] = mapped_column(DateTime, nullable=True, index=True)
    name: Mapped[str | None] = mapped_column(String(255), nullable=True)
    hint: Mapped[str | None] = mapped_column(String(16), nullable=True)
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime, nullable=True)
    last_used_from: Mapped[str | None] = mapped_column(String(64), nullable=True)

    @declared_attr
    def client_pk(cls) -> Mapped[int | None]:  # noqa: N805
        return client_key(nullable=True, index=False)  # type: ignore[no-any-return]

    @declared_attr
    def authorization_id(cls) -> Mapped[int | None]:  # noqa: N805
        return _authorization_key()  # type: ignore[no-any-return]

    @property
    def scopes(self) -> list[str]:
        """The scopes of the access token."""
        return self.scope.split()

    def __repr__(self) -> str:
        return f"<Token {self.id}>"


class ConsentMixin(Row):
    """What a user agreed to for a client, so that the same is not asked again."""

    __tablename__ = "oauth2_consent"

    scope: Mapped[str] = mapped_column(Text, nullable=False)
    declined: Mapped[str] = mapped_column(Text, nullable=False)
    redirect_hosts: Mapped[list[str]] = mapped_column(JSON, nullable=False)
    #: Claims that no scope had asked for.
    claims: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True), nullable=True)
    offline: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    updated_at: Mapped[datetime] = mapped_column(DateTime, nullable=False, default=clock.now)

    @declared_attr
    def client_pk(cls) -> Mapped[int]:  # noqa: N805
        return client_key()  # type: ignore[no-any-return]


class ReplayMixin(Row):
    """What was used up and must not be seen again before it expires."""

    __tablename__ = "oauth2_replay"
    __table_args__ = (
        UniqueConstraint("namespace", "digest", name="uq_oauth2_replay_namespace_digest"),
        Row.__table_args__,
    )

    namespace: Mapped[str] = mapped_column(exact(255), nullable=False)
    digest: Mapped[str] = mapped_column(String(64), nullable=False)
    expires_at: Mapped[datetime] = mapped_column(DateTime, nullable=False, index=True)


class SigningKeyMixin(Row):
    """A key pair that tokens are signed with, or the salt of pairwise subjects.

    One key after the other of an algorithm is a generation. What a key does now follows from the times:
    the next one waits for ``active_from``, the last that has reached it signs, those before verify.
    """

    __tablename__ = "oauth2_signing_key"
    __table_args__ = (
        UniqueConstraint("use", "alg", "generation", name="uq_oauth2_signing_key_use_alg_generation"),
        Row.__table_args__,
    )

    #: ``sig``, or ``salt``.
    use: Mapped[str] = mapped_column(String(16), nullable=False)
    alg: Mapped[str] = mapped_column(String(32), nullable=False)
    generation: Mapped[int] = mapped_column(Integer, nullable=False)
    kid: Mapped[str] = mapped_column(exact(64), nullable=False)
    #: A JWK for everybody; without value for a salt.
    public: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), nullable=True)
    #: The whole JWK, encrypted.
    private: Mapped[str] = mapped_column(Text, nullable=False)
    active_from: Mapped[datetime] = mapped_column(DateTime, nullable=False)
    #: Trusted no more from then on, whatever it has signed.
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime, nullable=True)

    def __repr__(self) -> str:
        return f"<SigningKey {self.alg} {self.generation}>"

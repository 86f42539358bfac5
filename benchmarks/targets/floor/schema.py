"""Tables of the floor: what has to be kept, and nothing else. Times are seconds since 1970."""

from __future__ import annotations

import os

from bench.filling import listen
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, String, Table, create_engine

metadata = MetaData()
_KEY = BigInteger().with_variant(Integer(), "sqlite")


def _key() -> Column[int]:
    return Column("id", _KEY, primary_key=True)


def _reference(name: str, target: str, *, index: bool = False, nullable: bool = True) -> Column[int]:
    return Column(name, _KEY, ForeignKey(f"{target}.id"), index=index, nullable=nullable)


user = Table("person", metadata, _key(), Column("name", String(100), nullable=False))
client = Table(
    "client",
    metadata,
    _key(),
    Column("client_id", String(512), nullable=False, unique=True),
    Column("secret_digest", String(64), nullable=False),
    Column("redirect_uri", String(512), nullable=False),
    Column("disabled_at", BigInteger),
)
authorization = Table(
    "authorization",
    metadata,
    _key(),
    _reference("client_pk", "client", nullable=False),
    _reference("user_id", "person", index=True, nullable=False),
    Column("scope", String, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger),
    Column("revoked_at", BigInteger),
)
code = Table(
    "code",
    metadata,
    _key(),
    Column("digest", String(64), nullable=False, unique=True),
    _reference("client_pk", "client", nullable=False),
    _reference("authorization_id", "authorization", index=True, nullable=False),
    Column("redirect_uri", String(512), nullable=False),
    Column("challenge", String(43), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("consumed_at", BigInteger),
)
token = Table(
    "token",
    metadata,
    _key(),
    Column("access_digest", String(64), nullable=False, unique=True),
    Column("refresh_digest", String(64), unique=True),
    _reference("client_pk", "client", index=True, nullable=False),
    _reference("user_id", "person", index=True),
    _reference("authorization_id", "authorization", index=True),
    Column("scope", String, nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("refresh_expires_at", BigInteger),
    Column("refresh_used_at", BigInteger),
    Column("revoked_at", BigInteger),
)

engine = create_engine(os.environ["BENCH_DATABASE"])
listen(engine)
#: For what only reads: where BEGIN and ROLLBACK would each be a round trip, there are none.
reader = engine.execution_options(isolation_level="AUTOCOMMIT") if engine.dialect.name == "postgresql" else engine

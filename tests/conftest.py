"""Fixtures: the databases, and a provider on each."""

from __future__ import annotations

import gc
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from flask_oauth2server.domain import tokens

from .support import Browser, Client, Provider, build

SERVERS = {
    "postgresql": os.environ.get("OAUTH2_TEST_POSTGRESQL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"),
    "mariadb": os.environ.get("OAUTH2_TEST_MARIADB", "mariadb+pymysql://root@127.0.0.1:3306/mysql?charset=utf8mb4"),
}
REDIS = os.environ.get("OAUTH2_TEST_REDIS", "redis://127.0.0.1:6379/5")
#: Where one of these is not reachable, tests fail instead of being skipped.
DEMANDED = [name for name in os.environ.get("OAUTH2_TEST_DEMAND", "").split(",") if name]
# Apps, models and templates are kept by the thousand: they are looked through for garbage less often.
gc.set_threshold(100_000, 20, 100)

#: What takes longest comes first, so that no worker is left alone with it at the end.
FIRST = ("browser/test_pages", "browser/", "clients/", "races/", "ui/", "fuzz/", "test_examples", "test_extension")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files; within each all stays as it is."""

    def place(item: pytest.Item) -> int:
        name = item.path.relative_to(Path(__file__).parent).as_posix()
        return next((number for number, start in enumerate(FIRST) if name.startswith(start)), len(FIRST))

    items.sort(key=place)


@pytest.fixture(scope="session")
def database_urls(worker_id: str) -> Iterator[Callable[[str], str]]:
    """Makes a database of this process's own on a server, once; skips where there is no server."""
    made: dict[str, str] = {}
    name = f"oauth2_test_{worker_id}_{os.getpid()}"

    def url(kind: str) -> str:
        if kind not in made:
            made[kind] = _made(kind, name)
        return made[kind]

    yield url
    for kind in made:
        _administer(kind, f"DROP DATABASE IF EXISTS {name}{' WITH (FORCE)' if kind == 'postgresql' else ''}")


def _made(kind: str, name: str) -> str:
    try:
        _administer(kind, f"CREATE DATABASE {name}")
        if kind == "postgresql":  # as with SQLite, what a power cut would lose is not tested
            _administer(kind, f"ALTER DATABASE {name} SET synchronous_commit = off")
    except OperationalError as error:
        if kind in DEMANDED:
            raise
        pytest.skip(f"no {kind} server: {error.orig}")
    return make_url(SERVERS[kind]).set(database=name).render_as_string(hide_password=False)


def _administer(kind: str, statement: str) -> None:
    engine = create_engine(SERVERS[kind], isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """The name of the xdist worker, or ``main``."""
    return getattr(request.config, "workerinput", {}).get("workerid", "main")


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def any_database(request: pytest.FixtureRequest, tmp_path: Any, database_urls: Callable[[str], str]) -> str:
    """The address of an empty database, on each of the three in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/provider.sqlite"
    return database_urls(request.param)


@pytest.fixture(scope="module")
def redis_issuer() -> Iterator[str]:
    """The issuer of a provider that alone counts under it on Redis; skips where there is no server."""
    issuer = f"https://provider-{uuid.uuid4().hex}.example"
    with redis_client() as server:
        try:
            server.ping()
        except RedisError as error:
            if "redis" in DEMANDED:
                raise
            pytest.skip(f"no redis server: {error}")
        yield issuer
        for key in counted_under(issuer):
            server.delete(key)


@pytest.fixture
def redis(redis_issuer: str) -> dict[str, Any]:
    """Settings that count requests on Redis; the keys are removed afterwards."""
    with redis_client() as server:
        for key in counted_under(redis_issuer):
            server.delete(key)
    return {"OAUTH2_RATE_STORAGE_URI": REDIS, "OAUTH2_ISSUER": redis_issuer}


@pytest.fixture
def redis_keys(redis_issuer: str) -> Callable[[], list[str]]:
    """Tells the keys that stand on Redis."""
    return lambda: counted_under(redis_issuer)


def redis_client() -> Redis:
    return Redis.from_url(REDIS, decode_responses=True, socket_connect_timeout=5)


def counted_under(issuer: str) -> list[str]:
    """The keys of that issuer, and of a second one that tests may put beside it."""
    prefixes = [tokens.digest(name)[:16] for name in (issuer, f"{issuer}/second")]
    with redis_client() as server:
        return [key for prefix in prefixes for key in server.scan_iter(f"*oauth2server-{prefix}*")]


@pytest.fixture
def make(tmp_path: Any) -> Iterator[Callable[..., Provider]]:
    """Builds providers on SQLite and closes them afterwards."""
    built: list[Provider] = []

    def make(**options: Any) -> Provider:
        built.append(build(f"sqlite:///{tmp_path}/provider{len(built)}.sqlite", **options))
        return built[-1]

    yield make
    for provider in built:
        close(provider)


def close(provider: Provider) -> None:
    """Give all connections back."""
    with provider.app.app_context():
        provider.db.session.remove()
        for engine in provider.db.engines.values():
            engine.dispose()


@pytest.fixture
def provider(make: Callable[..., Provider]) -> Provider:
    """A provider on SQLite with the users ada and bob and the scopes email, profile and notes (optional)."""
    return make()


@pytest.fixture
def any_provider(any_database: str) -> Iterator[Provider]:
    """The same on each database in turn."""
    provider = build(any_database)
    yield provider
    close(provider)


@pytest.fixture
def client(provider: Provider) -> Client:
    """A confidential client of the provider."""
    return provider.client()


@pytest.fixture
def ada(provider: Provider) -> Browser:
    """The browser of ada, who is signed in."""
    return provider.browser("ada")

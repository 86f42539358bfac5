"""Fixtures: the databases, and a provider on each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from .support import Browser, Client, Provider, build

SERVERS = {
    "postgresql": os.environ.get("OAUTH2_TEST_POSTGRESQL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"),
    "mariadb": os.environ.get("OAUTH2_TEST_MARIADB", "mariadb+pymysql://root@127.0.0.1:3306/mysql?charset=utf8mb4"),
}
#: Where one of these is not reachable, tests fail instead of being skipped.
DEMANDED = [name for name in os.environ.get("OAUTH2_TEST_DEMAND", "").split(",") if name]


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

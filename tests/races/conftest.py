"""The arena: each database in turn, with the crew on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import func, select, text

from ..conftest import close
from ..support import Client, Provider, bearer, build
from .crew import Crew
from .service import CONFIG, engine_options


@dataclass
class Arena:
    """A database, the provider of this process on it, and the crew.

    :ivar kind: of the database.
    """

    kind: str
    provider: Provider
    crew: Crew

    def count(self, model: str, *conditions: Any) -> int:
        """How many rows of a model meet all conditions."""
        table = self.table(model)
        with self.provider.app.app_context():
            return self.provider.db.session.scalar(select(func.count()).select_from(table).where(*conditions))

    def table(self, model: str) -> Any:
        """The table of one of our models."""
        return getattr(self.provider.app.extensions["oauth2server"].storage.schema.models, model).__table__

    def is_dead(self, client: Client, tokens: dict[str, str]) -> bool:
        """Whether neither token of an answer is good for anything; the refresh token is not tried."""
        ping = self.provider.api().get("/oauth/ping/", headers=bearer(tokens["access_token"]))
        told = [client.post("/oauth/introspect", token=tokens[name]) for name in ("access_token", "refresh_token")]
        return ping.status_code == 401 and all(answer.json == {"active": False} for answer in told)


def prepared(database_url: str, overrides: dict[str, Any] | None = None) -> Provider:
    """A provider on tables made anew, as the crew's apps see it; SQLite in WAL mode."""
    config = {name: value for name, value in CONFIG.items() if name not in ("SECRET_KEY", "OAUTH2_ISSUER")}
    config.update(overrides or {})
    provider = build(database_url, config={**config, "SQLALCHEMY_ENGINE_OPTIONS": engine_options(database_url)})
    if database_url.startswith("sqlite"):
        with provider.app.app_context(), provider.db.engine.connect() as connection:
            assert connection.scalar(text("PRAGMA journal_mode=WAL")) == "wal"
    return provider


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def arena(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    database_urls: Callable[[str], str],
) -> Iterator[Arena]:
    """The crew on each database in turn; a module may have ``OVERRIDES`` of the configuration."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('arena')}/provider.sqlite"
    else:
        url = database_urls(request.param)
    overrides = getattr(request.module, "OVERRIDES", {})
    provider = prepared(url, overrides)
    crew = Crew(url, overrides)
    try:
        yield Arena(request.param, provider, crew)
    finally:
        crew.close()
        close(provider)

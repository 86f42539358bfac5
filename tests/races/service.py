"""The provider as several processes run it: attached to a database that another one has prepared."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from flask import Flask
from sqlalchemy.engine import make_url

from flask_oauth2server.domain import secrets

from ..support import Provider, build

DATABASE = "OAUTH2_TEST_SERVICE_DATABASE"

CONFIG = {
    "OAUTH2_CODE_EXPIRES_IN": 3600,  # made long before they are raced for
    "OAUTH2_PURGE_INTERVAL": 1,
}

#: Hundreds of short secrets are tried: each at an eighth of what it costs otherwise.
hashed_cheaply = partial(secrets.generate_password_hash, method="scrypt:4096:8:1")


def engine_options(database_url: str) -> dict[str, Any]:
    """SQLite waits for its lock; nobody looks beforehand whether a connection lives."""
    is_sqlite = make_url(database_url).get_backend_name() == "sqlite"
    return {"connect_args": {"timeout": 30}} if is_sqlite else {}


def attach(database_url: str, config: dict[str, Any] | None = None) -> Provider:
    """The provider of :func:`tests.support.build` on a database as it is: nothing is made or dropped."""
    options = {"SQLALCHEMY_ENGINE_OPTIONS": engine_options(database_url), "PROPAGATE_EXCEPTIONS": None}

    def tell_pid(app: Flask) -> None:
        app.add_url_rule("/pid", "pid", lambda: str(os.getpid()))

    return build(database_url, config={**options, **CONFIG, **(config or {})}, before=tell_pid, fresh=False)


def create_app() -> Flask:
    """For gunicorn; the database is named by the environment."""
    return attach(os.environ[DATABASE]).app

"""The provider as several processes run it: attached to a database that another one has prepared."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask, redirect, request
from flask_login import LoginManager, UserMixin, login_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Boolean, Integer, String
from sqlalchemy.engine import make_url
from sqlalchemy.orm import mapped_column

from flask_oauth2server import OAuth2Server, Scope

from ..support import ISSUER, Provider

DATABASE = "OAUTH2_TEST_SERVICE_DATABASE"

CONFIG = {
    "SECRET_KEY": "a secret of the tests",
    "OAUTH2_ISSUER": ISSUER,
    "OAUTH2_CODE_EXPIRES_IN": 3600,  # made long before they are raced for
    "OAUTH2_PURGE_INTERVAL": 1,
}


def engine_options(database_url: str) -> dict[str, Any]:
    """SQLite waits for its lock; nobody looks beforehand whether a connection lives."""
    is_sqlite = make_url(database_url).get_backend_name() == "sqlite"
    return {"connect_args": {"timeout": 30}} if is_sqlite else {}


def attach(database_url: str, config: dict[str, Any] | None = None) -> Provider:
    """The provider of :func:`tests.support.build` on a database as it is: nothing is made or dropped."""
    app = Flask("provider")
    app.config.update(
        SQLALCHEMY_DATABASE_URI=database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(database_url),
        **{**CONFIG, **(config or {})},
    )
    db = SQLAlchemy(app)

    class User(UserMixin, db.Model):  # type: ignore[name-defined]
        __tablename__ = "test_user"
        id = mapped_column(Integer, primary_key=True)
        name = mapped_column(String(100), unique=True)
        is_active = mapped_column(Boolean, nullable=False, default=True)

    login_manager = LoginManager(app)
    login_manager.login_view = "login"
    login_manager.user_loader(lambda key: db.session.get(User, int(key)))

    @app.route("/login", methods=["GET", "POST"])
    def login() -> Any:
        if request.method == "POST":
            login_user(db.session.query(User).filter_by(name=request.form["name"]).one())
            return redirect(request.args.get("next") or "/")
        return "sign in"

    @app.get("/pid")
    def pid() -> str:
        return str(os.getpid())

    oauth2 = OAuth2Server()
    oauth2.scopes.register(Scope("email", "Read your e-mail address"))
    oauth2.scopes.register(Scope("profile", "See your name"))
    oauth2.scopes.register(Scope("notes", "Read your notes", optional=True))
    oauth2.init_app(app, db=db, user_model=User)
    return Provider(app, db, oauth2, User)


def create_app() -> Flask:
    """For gunicorn; the database is named by the environment."""
    return attach(os.environ[DATABASE]).app

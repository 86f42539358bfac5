"""A host application for the browser: people who sign in by name, scopes of every kind, a layout of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from flask import Flask, Response, redirect, render_template, request, url_for
from flask_login import LoginManager, UserMixin, login_user, logout_user
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import Integer, String
from sqlalchemy.orm import mapped_column

from flask_oauth2server import OAuth2Server, Scope

from ..support import Provider

HERE = Path(__file__).parent
NAME = "Meridian"
ADMINISTRATOR = "Tomás Ferreira"
#: What the host's own layout sets: twelve colours, two radii and a font, for light and dark.
LAYOUT = "host.html"

SCOPES = (
    Scope("profile", "See your name, picture and language", "Your account"),
    Scope("email", "See your e-mail address", "Your account"),
    Scope("items.read", "See the items and collections you saved", "Your library"),
    Scope("items.write", "Add items to your collections and edit them", "Your library", powerful=True),
    Scope("notes.read", "Read your private notes and highlights", "Your library", optional=True),
    Scope("notes.write", "Write notes and highlights in your name", "Your library", optional=True),
    Scope("publish", "Publish records under your name", "Your library", optional=True, powerful=True),
    Scope("groups.read", "See which groups you belong to", "Your groups"),
    Scope("search", "Search the catalogue as you do"),
    Scope("audit", "Read the log", internal=True),
)


def build(database_url: str, port: int, *, name: str = "main", **config: Any) -> Provider:
    """The host application and its provider, on a database that may be there already.

    :param port: where it is served.
    :param name: of its session cookie, since cookies know no ports.
    :param config: overrides of its configuration.
    """
    app = Flask("meridian", root_path=str(HERE))
    settings = {
        "SECRET_KEY": "a secret of the browser tests",
        "SESSION_COOKIE_NAME": f"{name}_session",
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SQLALCHEMY_DATABASE_URI": database_url,
        "OAUTH2_ISSUER": f"http://127.0.0.1:{port}",
        "OAUTH2_PROVIDER_NAME": NAME,
        "OAUTH2_HELP_URL": "/help",
        "OAUTH2_PRIVACY_URL": "/privacy",
        "OAUTH2_KEEP_ADDRESSES": True,
        "OAUTH2_ENABLE_RATE_LIMITS": False,
    }
    app.config.update({**settings, **config})
    db = SQLAlchemy(app)
    CSRFProtect(app)

    class User(UserMixin, db.Model):  # type: ignore[name-defined]
        id = mapped_column(Integer, primary_key=True)
        name = mapped_column(String(100), unique=True, nullable=False)
        email = mapped_column(String(255), nullable=False)

    _people_sign_in(app, db, User)
    oauth2 = OAuth2Server()
    for scope in SCOPES:
        oauth2.scopes.register(scope)
    oauth2.user_claims("name", "picture", "locale", "email", "email_verified")(
        lambda user: {"name": user.name, "locale": "en-GB", "email": user.email, "email_verified": True}
    )
    oauth2.admin_required(lambda user: user.name == ADMINISTRATOR)
    oauth2.place(lambda address: {"192.0.2.14": "Leipzig"}.get(address, ""))
    oauth2.init_app(app, db=db, user_model=User)
    return Provider(app, db, oauth2, User)


def _people_sign_in(app: Flask, db: Any, user_class: Any) -> None:
    login_manager = LoginManager(app)
    login_manager.login_view = "login"
    login_manager.login_message = None
    login_manager.user_loader(lambda key: db.session.get(user_class, int(key)))

    @app.route("/login", methods=["GET", "POST"])
    def login() -> Any:
        if request.method == "POST":
            login_user(db.session.query(user_class).filter_by(name=request.form["name"]).one())
            return redirect(_local(request.args.get("next", "")) or url_for("oauth2server_settings.index"))
        return render_template("login.html")

    @app.post("/logout")
    def logout() -> Any:
        logout_user()
        return redirect(url_for("login"))

    @app.get("/favicon.ico")
    def favicon() -> Any:
        return Response(status=204)


def _local(target: str) -> str | None:
    return target if re.fullmatch(r"/(?![/\\])[^\\\x00-\x20\x7f]*", target) else None

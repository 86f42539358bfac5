"""Flask-OAuth2Server, set up as its quickstart has it."""

from __future__ import annotations

import json
import os
from typing import Any

from bench.facts import SCOPE, USER_ID
from bench.filling import listen
from flask import Flask
from flask_login import LoginManager, UserMixin, current_user, login_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Integer, String
from sqlalchemy.orm import mapped_column

from flask_oauth2server import OAuth2Server, Scope, current_token, require_oauth

app = Flask(__name__)
app.config.update(
    SECRET_KEY="a secret of the benchmark",
    SQLALCHEMY_DATABASE_URI=os.environ["BENCH_DATABASE"],
    OAUTH2_ISSUER="https://provider.example",
    OAUTH2_ENABLE_RATE_LIMITS=False,  # as where Flask-Limiter is not installed
)
app.config.update(json.loads(os.environ.get("BENCH_SETTINGS", "{}")))
db = SQLAlchemy()


class User(UserMixin, db.Model):  # type: ignore[name-defined, misc]
    """People of the app."""

    id = mapped_column(Integer, primary_key=True)
    name = mapped_column(String(100), nullable=False)


db.init_app(app)
login_manager = LoginManager(app)
login_manager.user_loader(lambda key: db.session.get(User, int(key)))
oauth2 = OAuth2Server(db=db, user_model=User)
oauth2.scopes.register(Scope(SCOPE, "Read your notes"))
oauth2.init_app(app)
with app.app_context():
    listen(db.engine)


@app.get("/login")
def login() -> str:
    """Sign the person in."""
    login_user(db.session.get(User, USER_ID))
    return "signed in"


@app.get("/api/ping")
@require_oauth(SCOPE)
def ping() -> dict[str, Any]:
    """Who may call, by key."""
    return {"user": current_token.user_id, "client": current_token.client_id}


@app.get("/api/me")
@require_oauth(SCOPE)
def me() -> dict[str, Any]:
    """The same, with the person's name."""
    return {"user": current_user.id, "name": current_user.name, "client": current_token.client_id}

"""Flask-OAuthlib's provider, with the getters and setters that its documentation asks for."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # plain http on loopback

from bench.facts import SCOPE, USER_ID
from bench.filling import listen
from flask import Flask, request, session
from flask_oauthlib.provider import OAuth2Provider
from models import Client, Grant, Token, User, db

app = Flask(__name__)
app.config.update(SECRET_KEY="a secret of the benchmark", SQLALCHEMY_DATABASE_URI=os.environ["BENCH_DATABASE"])
db.init_app(app)
with app.app_context():
    listen(db.engine)
oauth = OAuth2Provider(app)


@oauth.clientgetter
def client_of(client_id: str) -> Any:
    """By its public name."""
    return Client.query.filter_by(client_id=client_id).first()


@oauth.grantgetter
def grant_of(client_id: str, code: str) -> Any:
    """By its code."""
    return Grant.query.filter_by(client_id=client_id, code=code).first()


@oauth.grantsetter
def keep_grant(client_id: str, code: dict[str, str], request: Any, *args: Any, **kwargs: Any) -> Any:
    """For a minute."""
    grant = Grant(
        client_id=client_id,
        code=code["code"],
        redirect_uri=request.redirect_uri,
        scope_list=" ".join(request.scopes),
        user_id=session["user"],
        expires_at=_in(60),
    )
    db.session.add(grant)
    db.session.commit()
    return grant


@oauth.tokengetter
def token_of(access_token: str | None = None, refresh_token: str | None = None) -> Any:
    """By one or the other value."""
    if access_token:
        return Token.query.filter_by(access_token=access_token).first()
    return Token.query.filter_by(refresh_token=refresh_token).first() if refresh_token else None


@oauth.tokensetter
def keep_token(token: dict[str, Any], request: Any, *args: Any, **kwargs: Any) -> Any:
    """The row of the refresh token that was used is removed."""
    if request.grant_type == "refresh_token":
        Token.query.filter_by(refresh_token=request.refresh_token).delete()
    row = Token(
        access_token=token["access_token"],
        refresh_token=token.get("refresh_token"),
        token_type=token["token_type"],
        scope_list=token["scope"],
        expires_at=_in(token["expires_in"]),
        client_id=request.client.client_id,
        user_id=request.user and request.user.id,
    )
    db.session.add(row)
    db.session.commit()
    return row


def _in(seconds: int) -> datetime:
    return datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=seconds)


@app.get("/login")
def login() -> str:
    """Sign the person in."""
    session["user"] = USER_ID
    return "signed in"


@app.get("/oauth/authorize")
@oauth.authorize_handler
def authorize(*args: Any, **kwargs: Any) -> bool:
    """The client is trusted, so that the person is not asked."""
    return db.session.get(User, session["user"]) is not None


@app.post("/oauth/token")
@oauth.token_handler
def issue() -> None:
    """Tokens."""


@app.post("/oauth/revoke")
@oauth.revoke_handler
def revoke() -> None:
    """End a token."""


@app.get("/api/ping")
@oauth.require_oauth(SCOPE)
def ping() -> dict[str, Any]:
    """Who may call, by key; it has loaded the person already."""
    token = request.oauth.access_token  # type: ignore[attr-defined]
    return {"user": token.user_id, "client": token.client_id}


@app.get("/api/me")
@oauth.require_oauth(SCOPE)
def me() -> dict[str, Any]:
    """The same, with the person's name."""
    asked = request.oauth  # type: ignore[attr-defined]
    return {"user": asked.user.id, "name": asked.user.name, "client": asked.client.client_id}

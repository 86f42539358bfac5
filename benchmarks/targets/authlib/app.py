"""Authlib's Flask server, put together from the parts that its documentation names."""

from __future__ import annotations

import os
import time
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector, current_token
from authlib.integrations.sqla_oauth2 import (
    create_bearer_token_validator,
    create_query_client_func,
    create_query_token_func,
    create_revocation_endpoint,
    create_save_token_func,
)
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from bench.facts import CLIENT_ID, SCOPE, USER_ID
from bench.filling import listen
from flask import Flask, request, session
from models import OAuth2AuthorizationCode, OAuth2Client, OAuth2Token, User, db

app = Flask(__name__)
app.config.update(
    SECRET_KEY="a secret of the benchmark",
    SQLALCHEMY_DATABASE_URI=os.environ["BENCH_DATABASE"],
    OAUTH2_REFRESH_TOKEN_GENERATOR=True,
    OAUTH2_SCOPES_SUPPORTED=[SCOPE],
)
db.init_app(app)
with app.app_context():
    listen(db.engine)


class CodeGrant(grants.AuthorizationCodeGrant):
    """Codes, kept until they are used."""

    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]

    def save_authorization_code(self, code: str, request: Any) -> None:
        """Keep it."""
        sent = request.payload.data
        row = OAuth2AuthorizationCode(
            code=code,
            client_id=request.client.client_id,
            redirect_uri=request.payload.redirect_uri,
            scope=request.payload.scope,
            user_id=request.user.id,
            code_challenge=sent.get("code_challenge"),
            code_challenge_method=sent.get("code_challenge_method"),
        )
        db.session.add(row)
        db.session.commit()

    def query_authorization_code(self, code: str, client: Any) -> Any:
        """Find it, unless it has expired."""
        found = OAuth2AuthorizationCode.query.filter_by(code=code, client_id=client.client_id).first()
        return found if found and not found.is_expired() else None

    def delete_authorization_code(self, authorization_code: Any) -> None:
        """It is used."""
        db.session.delete(authorization_code)
        db.session.commit()

    def authenticate_user(self, authorization_code: Any) -> Any:
        """In whose name it was given."""
        return db.session.get(User, authorization_code.user_id)


class RefreshGrant(grants.RefreshTokenGrant):
    """Refresh tokens that rotate."""

    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Any:
        """Find it, unless it was revoked."""
        found = OAuth2Token.query.filter_by(refresh_token=refresh_token).first()
        return found if found and not found.is_revoked() else None

    def authenticate_user(self, refresh_token: Any) -> Any:
        """In whose name it was given."""
        return db.session.get(User, refresh_token.user_id)

    def revoke_old_credential(self, refresh_token: Any) -> None:
        """It is used."""
        refresh_token.refresh_token_revoked_at = int(time.time())
        db.session.add(refresh_token)
        db.session.commit()


class Introspection(IntrospectionEndpoint):
    """For the one client that may ask about all."""

    def query_token(self, token_string: str, token_type_hint: str | None) -> Any:
        """Find it."""
        return create_query_token_func(db.session, OAuth2Token)(token_string, token_type_hint)

    def check_permission(self, token: Any, client: Any, request: Any) -> bool:
        """Who may ask."""
        return bool(client.client_id == CLIENT_ID)

    def introspect_token(self, token: Any) -> dict[str, Any]:
        """What is told."""
        return {
            "active": True,
            "client_id": token.client_id,
            "token_type": token.token_type,
            "scope": token.get_scope(),
            "sub": str(token.user_id),
            "iss": "https://provider.example",
            "exp": token.issued_at + token.expires_in,
            "iat": token.issued_at,
        }


server = AuthorizationServer(
    app,
    query_client=create_query_client_func(db.session, OAuth2Client),
    save_token=create_save_token_func(db.session, OAuth2Token),
)
server.register_grant(CodeGrant, [CodeChallenge(required=True)])
server.register_grant(RefreshGrant)
server.register_grant(grants.ClientCredentialsGrant)
server.register_endpoint(create_revocation_endpoint(db.session, OAuth2Token))
server.register_endpoint(Introspection)
require_oauth = ResourceProtector()
require_oauth.register_token_validator(create_bearer_token_validator(db.session, OAuth2Token)())


@app.get("/login")
def login() -> str:
    """Sign the person in."""
    session["id"] = USER_ID
    return "signed in"


@app.get("/oauth/authorize")
def authorize() -> Any:
    """The client is trusted, so that the person is not asked."""
    user = db.session.get(User, session["id"])
    grant = server.get_consent_grant(end_user=user)
    return server.create_authorization_response(grant_user=user, grant=grant)


@app.post("/oauth/token")
def issue() -> Any:
    """Tokens."""
    return server.create_token_response()


@app.post("/oauth/revoke")
def revoke() -> Any:
    """End a token."""
    return server.create_endpoint_response("revocation")


@app.post("/oauth/introspect")
def introspect() -> Any:
    """What a token is worth."""
    return server.create_endpoint_response("introspection")


@app.get("/.well-known/oauth-authorization-server")
def metadata() -> dict[str, Any]:
    """What is served: the document is the host's to write."""
    root = request.url_root.rstrip("/")
    return {
        "issuer": root,
        "authorization_endpoint": f"{root}/oauth/authorize",
        "token_endpoint": f"{root}/oauth/token",
        "introspection_endpoint": f"{root}/oauth/introspect",
        "revocation_endpoint": f"{root}/oauth/revoke",
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": [SCOPE],
    }


@app.get("/api/ping")
@require_oauth(SCOPE)
def ping() -> dict[str, Any]:
    """Who may call, by key."""
    return {"user": current_token.user_id, "client": current_token.client_id}


@app.get("/api/me")
@require_oauth(SCOPE)
def me() -> dict[str, Any]:
    """The same, with the person's name."""
    user = current_token.user
    return {"user": user.id, "name": user.name, "client": current_token.client_id}

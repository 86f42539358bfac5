"""The floor: bare Flask views with Core statements that are built once, on pooled connections.

It looks up and inserts what any provider has to, and does no more: no framework, no session of the ORM, no
validation beyond what keeps strangers out.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import time
from hmac import compare_digest
from typing import Any
from urllib.parse import urlencode

from bench.facts import REDIRECT_URI, SCOPE, USER_ID
from flask import Flask, Response, jsonify, redirect, request, session
from schema import authorization, client, code, engine, reader, token, user
from sqlalchemy import Connection, bindparam, insert, select, update

app = Flask(__name__)
app.secret_key = "a secret of the benchmark"
_SETTINGS = json.loads(os.environ.get("BENCH_SETTINGS", "{}"))
_HOUR, _MONTH, _YEAR = 3600, 30 * 86400, 365 * 86400

# --- statements -----------------------------------------------------------------------------------

_owners = (
    token.join(client, client.c.id == token.c.client_pk)
    .outerjoin(authorization, authorization.c.id == token.c.authorization_id)
    .outerjoin(user, user.c.id == token.c.user_id)
)
_judged = (
    token.c["id", "user_id", "client_pk", "authorization_id", "scope", "issued_at", "expires_at", "revoked_at"],
    token.c["refresh_expires_at", "refresh_used_at"],
    (
        client.c.client_id,
        client.c.disabled_at,
        user.c.name,
        authorization.c.expires_at.label("granted_until"),
        authorization.c.revoked_at.label("grant_revoked_at"),
    ),
)
_columns = [column for columns in _judged for column in columns]
FIND_ACCESS = select(*_columns).select_from(_owners).where(token.c.access_digest == bindparam("digest"))
FIND_REFRESH = select(*_columns).select_from(_owners).where(token.c.refresh_digest == bindparam("digest"))
#: For comparison only: the token's own row, and nobody asks whether client, person and authorization still stand.
FIND_TOKEN = select(
    token.c["user_id", "client_pk", "scope", "expires_at", "revoked_at", "authorization_id"],
    token.c.client_pk.label("client_id"),
).where(token.c.access_digest == bindparam("digest"))
FIND_CLIENT = select(client).where(client.c.client_id == bindparam("name"))
FIND_CODE = (
    select(code, authorization.c["user_id", "scope"])
    .join(authorization, authorization.c.id == code.c.authorization_id)
    .where(code.c.digest == bindparam("value"))
)
ADD_AUTHORIZATION, ADD_CODE, ADD_TOKEN = insert(authorization), insert(code), insert(token)
TOUCH = (
    update(authorization)
    .where(authorization.c.id == bindparam("pk"), authorization.c.revoked_at.is_(None))
    .values(last_used_at=bindparam("now"))
)
USE_CODE = (
    update(code).where(code.c.id == bindparam("pk"), code.c.consumed_at.is_(None)).values(consumed_at=bindparam("now"))
)
USE_REFRESH = (
    update(token)
    .where(token.c.id == bindparam("pk"), token.c.refresh_used_at.is_(None), token.c.revoked_at.is_(None))
    .values(refresh_used_at=bindparam("now"))
)
REVOKE = (
    update(token).where(token.c.id == bindparam("pk"), token.c.revoked_at.is_(None)).values(revoked_at=bindparam("now"))
)


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


# --- protected views ------------------------------------------------------------------------------


def _is_good(row: Any) -> bool:
    now = time.time()
    return (
        row is not None
        and row.revoked_at is None
        and row.expires_at > now
        and row.disabled_at is None
        and (row.authorization_id is None or (row.grant_revoked_at is None and row.granted_until > now))
    )


def _is_good_itself(row: Any) -> bool:
    return row is not None and row.revoked_at is None and row.expires_at > time.time()


_FIND, _JUDGE = (FIND_TOKEN, _is_good_itself) if _SETTINGS.get("one_table") else (FIND_ACCESS, _is_good)


def _let_in() -> Any:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not value:
        return None
    with reader.connect() as connection:
        row = connection.execute(_FIND, {"digest": _digest(value)}).first()
    return row if _JUDGE(row) and SCOPE in row.scope.split() else None


def _refused() -> Response:
    response = jsonify({"error": "invalid_token"})
    response.status_code = 401
    response.headers["WWW-Authenticate"] = 'Bearer realm="OAuth 2.0", error="invalid_token"'
    return response


@app.get("/api/ping")
def ping() -> Any:
    """Who may call, by key."""
    row = _let_in()
    return _refused() if row is None else {"user": row.user_id, "client": row.client_id}


@app.get("/api/me")
def me() -> Any:
    """The same, with the person's name, which the one statement brings along."""
    row = _let_in()
    return _refused() if row is None else {"user": row.user_id, "name": row.name, "client": row.client_id}


# --- clients --------------------------------------------------------------------------------------


def _client(connection: Connection) -> Any:
    sent = request.authorization
    if sent is None or sent.type != "basic":
        return None
    row = connection.execute(FIND_CLIENT, {"name": sent.username}).first()
    good = row is not None and row.disabled_at is None
    return row if good and compare_digest(row.secret_digest, _digest(sent.password or "")) else None


def _answer(content: dict[str, Any], status: int = 200) -> Response:
    response = jsonify(content)
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response


def _failed(error: str) -> Response:
    return _answer({"error": error}, 401 if error == "invalid_client" else 400)


# --- the flow -------------------------------------------------------------------------------------


@app.get("/login")
def login() -> str:
    """Sign the person in."""
    session["user"] = USER_ID
    return "signed in"


@app.get("/oauth/authorize")
def authorize() -> Any:
    """A code for the client, in the name of who is signed in."""
    sent, person, now = request.args, session.get("user"), int(time.time())
    value = secrets.token_urlsafe(32)
    with engine.begin() as connection:
        row = connection.execute(FIND_CLIENT, {"name": sent["client_id"]}).first()
        if row is None or row.redirect_uri != sent["redirect_uri"] or person is None:
            return _failed("invalid_request")
        grant = {"client_pk": row.id, "user_id": person, "scope": sent["scope"], "expires_at": now + _YEAR}
        key = connection.execute(ADD_AUTHORIZATION, grant).inserted_primary_key[0]
        values = {"digest": _digest(value), "client_pk": row.id, "authorization_id": key, "expires_at": now + 60}
        values |= {"redirect_uri": row.redirect_uri, "challenge": sent["code_challenge"]}
        connection.execute(ADD_CODE, values)
    return redirect(f"{REDIRECT_URI}?{urlencode({'code': value, 'state': sent['state']})}", 303)


@app.post("/oauth/token")
def issue() -> Response:
    """Codes, refresh tokens and the client's own credentials, for a token."""
    sent = request.form
    with engine.begin() as connection:
        row = _client(connection)
        if row is None:
            return _failed("invalid_client")
        grant = {
            "authorization_code": _of_code,
            "refresh_token": _of_refresh_token,
            "client_credentials": _of_client,
        }[sent["grant_type"]](connection, row, sent)
        if grant is None:
            connection.rollback()
            return _failed("invalid_grant")
        now, access = int(time.time()), secrets.token_urlsafe(32)
        refresh = secrets.token_urlsafe(32) if grant["authorization_id"] else None
        grant |= {"access_digest": _digest(access), "refresh_digest": refresh and _digest(refresh)}
        grant |= {"client_pk": row.id, "issued_at": now, "expires_at": now + _HOUR}
        connection.execute(ADD_TOKEN, {**grant, "refresh_expires_at": refresh and now + _MONTH})
    members = {"access_token": access, "token_type": "Bearer", "expires_in": _HOUR, "scope": grant["scope"]}
    return _answer(members | ({"refresh_token": refresh} if refresh else {}))


def _of_client(_connection: Connection, _row: Any, sent: Any) -> dict[str, Any]:
    return {"user_id": None, "authorization_id": None, "scope": sent.get("scope", SCOPE)}


def _of_code(connection: Connection, row: Any, sent: Any) -> dict[str, Any] | None:
    found, now = connection.execute(FIND_CODE, {"value": _digest(sent["code"])}).first(), int(time.time())
    if found is None or found.client_pk != row.id or found.expires_at <= now:
        return None
    hashed = hashlib.sha256(sent["code_verifier"].encode()).digest()
    challenge = base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()
    if challenge != found.challenge or sent["redirect_uri"] != found.redirect_uri:
        return None
    if connection.execute(TOUCH, {"pk": found.authorization_id, "now": now}).rowcount != 1:
        return None
    if connection.execute(USE_CODE, {"pk": found.id, "now": now}).rowcount != 1:
        return None
    return {"user_id": found.user_id, "authorization_id": found.authorization_id, "scope": found.scope}


def _of_refresh_token(connection: Connection, row: Any, sent: Any) -> dict[str, Any] | None:
    found, now = connection.execute(FIND_REFRESH, {"digest": _digest(sent["refresh_token"])}).first(), int(time.time())
    if found is None or found.client_pk != row.id or found.revoked_at is not None or found.refresh_expires_at <= now:
        return None
    if connection.execute(TOUCH, {"pk": found.authorization_id, "now": now}).rowcount != 1:
        return None
    if connection.execute(USE_REFRESH, {"pk": found.id, "now": now}).rowcount != 1:
        return None
    return {"user_id": found.user_id, "authorization_id": found.authorization_id, "scope": found.scope}


# --- afterwards -----------------------------------------------------------------------------------


@app.post("/oauth/introspect")
def introspect() -> Response:
    """What a token is worth."""
    with reader.connect() as connection:
        if _client(connection) is None:
            return _failed("invalid_client")
        row = connection.execute(FIND_ACCESS, {"digest": _digest(request.form["token"])}).first()
    if not _is_good(row):
        return _answer({"active": False})
    subject = {} if row.user_id is None else {"sub": str(row.user_id)}
    times = {"iat": row.issued_at, "exp": row.expires_at}
    told = {"active": True, "scope": row.scope, "client_id": row.client_id, "token_type": "Bearer"}
    return _answer(told | times | subject)


@app.post("/oauth/revoke")
def revoke() -> Response:
    """End a token."""
    with engine.begin() as connection:
        row = _client(connection)
        if row is None:
            return _failed("invalid_client")
        found = connection.execute(FIND_ACCESS, {"digest": _digest(request.form["token"])}).first()
        if found is not None and found.client_pk == row.id:
            connection.execute(REVOKE, {"pk": found.id, "now": int(time.time())})
    return _answer({})


@app.get("/.well-known/oauth-authorization-server")
def metadata() -> dict[str, Any]:
    """What is served."""
    issuer = "https://provider.example"
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": [SCOPE],
    }

"""The hot paths of a provider, and a floor for each: bare Flask with prepared Core statements.

Everything is called in this process through WSGI, on a SQLite file in WAL mode.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import itertools
import json
import secrets
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

import sqlalchemy as sa
from flask import Flask, Response, jsonify, request
from flask_login import LoginManager, UserMixin, current_user, login_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Integer
from sqlalchemy.orm import mapped_column

from flask_oauth2server import OAuth2Server, Scope, clock, current_token, require_oauth

#: Each path, and the floor that it is measured against (empty: it is a floor, or has none).
PATHS = {
    "floor protected": "",
    "protected": "floor protected",
    "protected, user": "floor protected",
    "protected, cached": "floor protected",
    "refused garbage": "floor protected",
    "floor client_credentials": "",
    "client_credentials": "floor client_credentials",
    "floor introspection": "",
    "introspection": "floor introspection",
    "code flow": "",
    "refresh": "",
    "revocation": "",
    "metadata": "",
}

_REDIRECT_URI = "https://reader.example/cb"
_VERIFIER = "v" * 43
_CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(_VERIFIER.encode()).digest()).decode().rstrip("=")
_TOKENS = 100


class Answer:
    """What came back through WSGI."""

    def __init__(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status = int(status[:3])
        self.headers = dict(headers)
        self.body = body

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def ask(app: Flask, method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> Answer:
    """One request, closed as a server closes it."""
    body = b"" if form is None else urlencode(form).encode()
    path, _, query = path.partition("?")
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "provider.example",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "https",
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
    }
    if form is not None:
        environ.update(CONTENT_TYPE="application/x-www-form-urlencoded", CONTENT_LENGTH=str(len(body)))
    answers: list[Any] = []
    parts = app.wsgi_app(environ, lambda *told: answers.append(told))
    content = b"".join(parts)
    close = getattr(parts, "close", None)
    if close is not None:
        close()
    return Answer(*answers[0][:2], content)


class Paths:
    """A provider, its cached twin, and the floor, on one database; a context manager.

    ``call(name)`` is a function that does one request (or flow) of a path and checks the answer.
    """

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        self._uri = f"sqlite:///{Path(self._folder.name) / 'hot.db'}"
        self.oauth2, self.app = self._provider()
        self._register()
        _, self.cached = self._provider(OAUTH2_TOKEN_CACHE=3600)
        for app in (self.app, self.cached):
            for _ in range(_TOKENS):
                self._protected(app, "/api/ping")
            with app.app_context():
                app.extensions["oauth2server"].records.flush()
        self.floor = _floor(self._uri, self.oauth2)
        began = clock.timestamp()
        clock.timestamp = lambda: began  # nothing that is due now and then falls among what is counted
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._folder.cleanup()

    def _provider(self, **settings: Any) -> tuple[OAuth2Server, Flask]:
        app, db = Flask("provider"), SQLAlchemy()
        app.config.update(
            SECRET_KEY="a secret of the benchmark",
            SQLALCHEMY_DATABASE_URI=self._uri,
            OAUTH2_ISSUER="https://provider.example",
            OAUTH2_ENABLE_RATE_LIMITS=False,
            **settings,
        )
        db.init_app(app)
        with app.app_context():
            _write_ahead(db.engine)

        class User(UserMixin, db.Model):  # type: ignore[name-defined]
            id = mapped_column(Integer, primary_key=True)

        LoginManager(app).user_loader(lambda key: db.session.get(User, int(key)))
        oauth2 = OAuth2Server(db=db, user_model=User)
        oauth2.scopes.register(Scope("read", "Read"))
        oauth2.init_app(app)

        @app.get("/api/ping")
        @require_oauth("read")
        def ping() -> Response:
            return jsonify(client=current_token.client_id)

        @app.get("/api/me")
        @require_oauth("read")
        def me() -> Response:
            return jsonify(user=current_user.get_id())

        @app.post("/login")
        def login() -> str:
            login_user(db.session.get(User, 1))
            return ""

        with app.app_context():
            db.create_all()
            db.session.merge(User(id=1))
            db.session.commit()
        return oauth2, app

    def _register(self) -> None:
        with self.app.app_context():
            self.client_id, secret = self._client()
        self.basic = f"Basic {base64.b64encode(f'{self.client_id}:{secret}'.encode()).decode()}"
        signed_in = ask(self.app, "POST", "/login", {})
        self.cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
        tokens = [self._flow(self.app)["access_token"] for _ in range(_TOKENS)]
        self.tokens = itertools.cycle([f"Bearer {token}" for token in tokens])

    def _client(self) -> tuple[str, str | None]:
        client, secret = self.oauth2.create_client(
            name="Reader", redirect_uris=[_REDIRECT_URI], scopes=["read"], may_introspect=True, first_party=True,
            grant_types=["authorization_code", "refresh_token", "client_credentials"],
        )  # fmt: skip
        return client.client_id, secret

    def _flow(self, app: Flask) -> dict[str, str]:
        """Authorization code with PKCE, by a client of the first party."""
        query = {
            "response_type": "code", "client_id": self.client_id, "redirect_uri": _REDIRECT_URI, "scope": "read",
            "state": "s", "code_challenge": _CHALLENGE, "code_challenge_method": "S256",
        }  # fmt: skip
        answer = ask(app, "GET", f"/oauth/authorize?{urlencode(query)}", cookie=self.cookie)
        code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": _REDIRECT_URI}
        answer = ask(app, "POST", "/oauth/token", {**form, "code_verifier": _VERIFIER}, authorization=self.basic)
        members: dict[str, str] = answer.json()
        return members

    def call(self, name: str) -> Callable[[], None]:
        """A function that does *name* once.

        :raises AssertionError: by the function, if the answer is not what it should be.
        """
        calls = {
            "floor protected": lambda: self._protected(self.floor, "/api/ping"),
            "protected": lambda: self._protected(self.app, "/api/ping"),
            "protected, user": lambda: self._protected(self.app, "/api/me"),
            "protected, cached": lambda: self._protected(self.cached, "/api/ping"),
            "refused garbage": lambda: _expect(ask(self.app, "GET", "/api/ping", authorization="Bearer garbage"), 401),
            "floor client_credentials": lambda: self._client_credentials(self.floor),
            "client_credentials": lambda: self._client_credentials(self.app),
            "floor introspection": lambda: self._introspection(self.floor),
            "introspection": lambda: self._introspection(self.app),
            "code flow": lambda: self._flow(self.app)["access_token"],
            "refresh": self._refreshing(),
            "revocation": self._revoking,
            "metadata": lambda: _expect(ask(self.app, "GET", "/.well-known/oauth-authorization-server"), 200),
        }
        return calls[name]  # type: ignore[return-value]

    def _protected(self, app: Flask, path: str) -> None:
        _expect(ask(app, "GET", path, authorization=next(self.tokens)), 200)

    def _client_credentials(self, app: Flask) -> None:
        form = {"grant_type": "client_credentials", "scope": "read"}
        _expect(ask(app, "POST", "/oauth/token", form, authorization=self.basic), 200)

    def _introspection(self, app: Flask) -> None:
        form = {"token": next(self.tokens).removeprefix("Bearer ")}
        answer = ask(app, "POST", "/oauth/introspect", form, authorization=self.basic)
        assert answer.json()["active"] is True

    def _refreshing(self) -> Callable[[], None]:
        refresh_token = ""

        def refresh() -> None:
            nonlocal refresh_token
            refresh_token = refresh_token or self._flow(self.app)["refresh_token"]
            form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
            refresh_token = ask(self.app, "POST", "/oauth/token", form, authorization=self.basic).json()[
                "refresh_token"
            ]

        return refresh

    def _revoking(self) -> None:
        form = {"grant_type": "client_credentials", "scope": "read"}
        token = ask(self.app, "POST", "/oauth/token", form, authorization=self.basic).json()["access_token"]
        _expect(ask(self.app, "POST", "/oauth/revoke", {"token": token}, authorization=self.basic), 200)


def _expect(answer: Answer, status: int) -> None:
    assert answer.status == status, (answer.status, answer.body)


def _write_ahead(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")


def _floor(uri: str, oauth2: OAuth2Server) -> Flask:
    """Bare Flask: the same lookups and inserts by Core statements made once, on a pooled connection."""
    engine = sa.create_engine(uri)
    _write_ahead(engine)
    token, client, secret, authorization = (
        model.__table__
        for model in (
            oauth2.models.Token,
            oauth2.models.Client,
            oauth2.models.ClientSecret,
            oauth2.models.Authorization,
        )
    )
    user = sa.table("user", sa.column("id"))
    find_token = (
        sa.select(
            token.c.id, token.c.client_pk, token.c.user_id, token.c.scope, token.c.created_at, token.c.expires_at,
            token.c.revoked_at, token.c.last_used_at, client.c.client_id, client.c.disabled_at,
            authorization.c.revoked_at.label("ended_at"), user.c.id.label("user"),
        )
        .select_from(
            token.outerjoin(client, client.c.id == token.c.client_pk)
            .outerjoin(authorization, authorization.c.id == token.c.authorization_id)
            .outerjoin(user, user.c.id == token.c.user_id)
        )
        .where(token.c.access_digest == sa.bindparam("digest"))
    )  # fmt: skip
    find_client = (
        sa.select(client.c.id, client.c.client_metadata, client.c.disabled_at, client.c.may_introspect, secret.c.digest)
        .select_from(client.join(secret, secret.c.client_pk == client.c.id))
        .where(client.c.client_id == sa.bindparam("id"), secret.c.revoked_at.is_(None))
    )
    add_token = sa.insert(token)
    app = Flask("floor")
    app.secret_key = "as every app with people has one: Flask makes a signer of it at each request"
    digest = lambda value: hashlib.sha256(value.encode()).hexdigest()  # noqa: E731

    def live(row: Any) -> bool:
        ended = row.revoked_at or row.disabled_at or row.ended_at
        return row.expires_at > datetime.now(UTC).replace(tzinfo=None) and ended is None and row.user is not None

    def authenticated(connection: sa.Connection) -> Any:
        asked = request.authorization
        assert asked is not None
        row = connection.execute(find_client, {"id": asked.username}).first()
        if row is None or row.disabled_at or not hmac.compare_digest(row.digest, digest(asked.password)):
            return None
        return row

    @app.get("/api/ping")
    def ping() -> Any:
        value = request.headers.get("Authorization", "").removeprefix("Bearer ")
        with engine.connect() as connection:
            row = connection.execute(find_token, {"digest": digest(value)}).first()
        if row is None or not live(row) or "read" not in row.scope.split():
            return jsonify(error="invalid_token"), 401
        return jsonify(client=row.client_id)

    @app.post("/oauth/token")
    def issue() -> Any:
        with engine.begin() as connection:
            row = authenticated(connection)
            if row is None or "read" not in row.client_metadata["scope"].split():
                return jsonify(error="invalid_client"), 401
            value, created_at = secrets.token_urlsafe(32), datetime.now(UTC).replace(tzinfo=None)
            end = created_at + timedelta(hours=1)
            connection.execute(
                add_token,
                {
                    "access_digest": digest(value), "client_pk": row.id, "scope": "read", "created_at": created_at,
                    "expires_at": end, "purge_at": end, "generation": 0,
                },
            )  # fmt: skip
        return jsonify(access_token=value, token_type="Bearer", expires_in=3600, scope="read")

    @app.post("/oauth/introspect")
    def introspect() -> Any:
        with engine.connect() as connection:
            row = authenticated(connection)
            if row is None:
                return jsonify(error="invalid_client"), 401
            found = connection.execute(find_token, {"digest": digest(request.form["token"])}).first()
        if found is None or not live(found):
            return jsonify(active=False)
        return jsonify(
            active=True, scope=found.scope, client_id=found.client_id, sub=str(found.user_id), iss="https://x.example",
            exp=int(found.expires_at.timestamp()), iat=int(found.created_at.timestamp()), token_type="Bearer",
        )  # fmt: skip

    return app

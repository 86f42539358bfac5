"""A provider on a database of its own: what growth.py, purge.py and memory.py share."""

from __future__ import annotations

import base64
import hashlib
import secrets
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from flask import Flask, redirect
from flask_login import LoginManager, UserMixin, login_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Boolean, Integer, String, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import mapped_column

from flask_oauth2server import OAuth2Server, Scope, require_oauth

CALLBACK = "https://client.example/cb"
SCOPES = ["email", "profile"]
HOME = "/account/settings/applications/"


class Caller:
    """A program that is the client, and a person at a browser; each method asserts that it went well.

    :param api: an HTTP client as Flask's test client is, without cookies.
    :param browser: another one, with cookies.
    :param secret: of the client.
    """

    client_id = "reader"
    scope = "email"

    def __init__(self, api: Any, browser: Any, secret: str) -> None:
        self.api = api
        self.browser = browser
        self.secret = secret

    def sign_in(self) -> None:
        """Sign the user with key 1 in."""
        answer = self.browser.get("/login")
        answer.close()
        assert answer.status_code == 302, answer.text

    def allow(self) -> None:
        """The user allows the client, which is remembered."""
        address = self.address("x" * 43)
        page = self.browser.get(address)
        assert page.status_code == 200, page.text
        form = {name: _hidden(page.text, name) for name in ("csrf_token", "ticket") if f'name="{name}"' in page.text}
        answer = self.browser.post(address, data={**form, "confirm": "yes"})
        assert answer.status_code in (302, 303), answer.text

    def address(self, challenge: str) -> str:
        """Where the client sends a person."""
        asked = {"response_type": "code", "client_id": self.client_id, "redirect_uri": CALLBACK, "scope": self.scope}
        return "/oauth/authorize?" + urlencode(
            {**asked, "state": "s", "code_challenge": challenge, "code_challenge_method": "S256"}
        )

    def post(self, path: str, **form: str) -> Any:
        """A request that the client authenticates."""
        pair = base64.b64encode(f"{self.client_id}:{self.secret}".encode()).decode()
        answer = self.api.post(path, data=form, headers={"Authorization": f"Basic {pair}"})
        answer.close()
        assert answer.status_code == 200, answer.text
        return answer

    def issue(self) -> str:
        """A token of the client's own."""
        return str(self.post("/oauth/token", grant_type="client_credentials", scope="email").json["access_token"])

    def use(self, token: str, status: int = 200) -> None:
        """A protected view."""
        answer = self.api.get("/api/me", headers={"Authorization": f"Bearer {token}"})
        answer.close()
        assert answer.status_code == status, (answer.status_code, answer.text)

    def flow(self) -> dict[str, Any]:
        """A code by the consent that is remembered, and the tokens for it."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        answer = self.browser.get(self.address(challenge))
        answer.close()
        assert answer.status_code in (302, 303), answer.text
        code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
        form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code_verifier": verifier}
        return dict(self.post("/oauth/token", code=code, **form).json)

    def refresh(self, token: str) -> dict[str, Any]:
        """The next tokens."""
        return dict(self.post("/oauth/token", grant_type="refresh_token", refresh_token=token).json)

    def page(self, path: str = HOME) -> None:
        """A page of the signed-in user."""
        answer = self.browser.get(path)
        answer.close()
        assert answer.status_code == 200, (answer.status_code, path)


class House(Caller):
    """A provider, its database, one client of its own, and the user with key 1 at a browser.

    :param url: of the database.
    :param config: further settings.
    """

    def __init__(self, url: str, **config: Any) -> None:
        self.app = Flask("house")
        self.app.config.update(
            SECRET_KEY="for benchmarks",
            SQLALCHEMY_DATABASE_URI=url,
            OAUTH2_ISSUER="https://house.example",
            OAUTH2_ENABLE_RATE_LIMITS=False,
            OAUTH2_PURGE_INTERVAL=0,
            OAUTH2_GUESSES_PER_ADDRESS=0,
            OAUTH2_GUESSES_PER_CLIENT=0,
            PROPAGATE_EXCEPTIONS=True,
        )
        self.app.config.update(config)
        self.db: Any = SQLAlchemy()
        db = self.db

        class User(UserMixin, db.Model):  # type: ignore[name-defined, misc]
            __tablename__ = "house_user"
            id = mapped_column(Integer, primary_key=True)
            name = mapped_column(String(100), nullable=False)
            is_active = mapped_column(Boolean, nullable=False, default=True)

        self.User = User
        #: Values that whoever measures keeps from one round to the next.
        self.kept: dict[str, Any] = {}
        db.init_app(self.app)
        LoginManager(self.app).user_loader(lambda key: db.session.get(User, int(key)))
        self.app.add_url_rule("/login", "login", lambda: (login_user(db.session.get(User, 1)), redirect("/"))[1])
        self.app.add_url_rule("/api/me", "me", require_oauth("email")(lambda: {"ok": True}))
        self.oauth2 = OAuth2Server()
        for scope in SCOPES:
            self.oauth2.scopes.register(Scope(scope, f"Read your {scope}"))
        self.oauth2.admin_required(lambda user: user.id == 1)
        self.oauth2.init_app(self.app, db=db, user_model=User)
        self.server = self.app.extensions["oauth2server"]
        with self.app.app_context():
            self.engine = db.engine
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _as_served)

    def create(self) -> None:
        """Make the tables."""
        with self.app.app_context():
            self.db.create_all()

    def settle(self) -> None:
        """Make the client, and the user if there is none; sign the user in, who allows the client."""
        with self.app.app_context():
            if self.db.session.get(self.User, 1) is None:
                self.db.session.add(self.User(id=1, name="ada"))
                self.db.session.commit()
            scopes = {"scopes": SCOPES, "may_introspect": True}
            grants = ["authorization_code", "refresh_token", "client_credentials"]
            _, secret = self.oauth2.create_client(
                client_id=self.client_id, name="Reader", redirect_uris=[CALLBACK], grant_types=grants, **scopes
            )
            assert secret is not None
            self.secret = secret
        super().__init__(self.app.test_client(use_cookies=False), self.app.test_client(), secret)
        self.sign_in()
        self.allow()

    def close(self) -> None:
        """Give all connections back."""
        with self.app.app_context():
            self.db.session.remove()
            self.engine.dispose()


def _hidden(page: str, name: str) -> str:
    tag = next(part for part in page.split("<input")[1:] if f'name="{name}"' in part.partition(">")[0])
    return tag.partition('value="')[2].partition('"')[0]


def _as_served(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


@contextmanager
def database(server: str | None) -> Iterator[str]:
    """The address of an empty database that is removed at the end.

    :param server: any database of a server, as PostgreSQL's ``postgres``; None: a SQLite file.
    """
    if server is None:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder)}/house.sqlite"
        return
    name = f"bench_{uuid.uuid4().hex[:12]}"
    _administer(server, f"CREATE DATABASE {name}")
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        _administer(server, f"DROP DATABASE {name}{' WITH (FORCE)' if server.startswith('postgresql') else ''}")


def _administer(server: str, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()

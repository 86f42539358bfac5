"""What the tests share: a provider on a database, a person at a browser, a client application."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import secrets
import struct
import textwrap
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Flask, redirect, request
from flask_login import LoginManager, UserMixin, login_user, logout_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Boolean, Integer, String, event
from sqlalchemy.orm import mapped_column

from flask_oauth2server import OAuth2Server, Scope

from . import tables
from .shared import App, Database

ISSUER = "https://provider.example"
CALLBACK = "https://client.example/cb"


@dataclass
class Provider:
    """A provider under test, with its app, db and user class."""

    app: Flask
    db: SQLAlchemy
    oauth2: OAuth2Server
    User: Any

    def browser(self, user: str | None = None, **options: Any) -> Browser:
        """A person's browser; signed in as the user of that name, if one is named."""
        browser = Browser(self, **options)
        if user is not None:
            browser.sign_in(user)
        return browser

    def client(self, **values: Any) -> Client:
        """A registered client application; confidential, with one redirect URI, unless told otherwise."""
        values = {"name": "Reader", "redirect_uris": [CALLBACK], "scopes": ["email", "profile", "notes"], **values}
        with self.app.app_context():
            model, secret = self.oauth2.create_client(**values)
            return Client(self, model.client_id, secret, values["redirect_uris"])

    def user(self, name: str) -> Any:
        """The user of that name; inside an app context."""
        return self.db.session.query(self.User).filter_by(name=name).one()

    def api(self) -> Any:
        """An HTTP client without cookies."""
        return self.app.test_client(use_cookies=False)


#: How providers under test are set up. A map of many addresses takes longer to make than most tests: pages are
#: switched on where they are looked at, see :func:`serving`.
SETTINGS = {
    "SECRET_KEY": "a secret of the tests",
    "OAUTH2_ISSUER": ISSUER,
    "PROPAGATE_EXCEPTIONS": True,
    "OAUTH2_ENABLE_RATE_LIMITS": False,
    "OAUTH2_ENABLE_ADMIN": False,
    "OAUTH2_ENABLE_SETTINGS": False,
}


@contextmanager
def serving(*, settings: bool = True, admin: bool = False) -> Iterator[None]:
    """Providers that are built meanwhile have people's own pages, or those of administrators."""
    before = dict(SETTINGS)
    SETTINGS.update(OAUTH2_ENABLE_SETTINGS=settings, OAUTH2_ENABLE_ADMIN=admin)
    yield
    SETTINGS.update(before)


def build(
    database_url: str,
    *,
    config: dict[str, Any] | None = None,
    before: Any = None,
    user_model: bool = True,
    fresh: bool = True,
    whose: str = "",
    **options: Any,
) -> Provider:
    """A provider whose app has users with a name, a login page and a db of its own.

    :param config: overrides of the app's configuration.
    :param before: called with the app before the extension is initialised.
    :param user_model: whether the extension is told the user class.
    :param fresh: whether the tables are made anew, with the users ada and bob.
    :param whose: the db of these tests alone: others may have left listeners at the one that all share.
    :param options: further arguments of ``OAuth2Server``.
    """
    app = App("provider")
    settings = {**SETTINGS, "SQLALCHEMY_DATABASE_URI": database_url}
    app.config.update({**settings, **(config or {})})
    shared = set(options) <= {"features"}  # not where a test brings models of its own
    db, User = (_database if shared else _database.__wrapped__)(user_model, whose)  # noqa: N806
    db.init_app(app)

    login_manager = LoginManager(app)
    login_manager.login_view = "login"
    login_manager.user_loader(lambda key: db.session.get(User, int(key)))

    @app.route("/login", methods=["GET", "POST"])
    def login() -> Any:
        if request.method == "POST":
            login_user(db.session.query(User).filter_by(name=request.form["name"]).one())
            return redirect(request.args.get("next") or "/")
        return "sign in"

    @app.post("/logout")
    def logout() -> Any:
        logout_user()
        return "signed out"

    if before is not None:
        before(app)
    oauth2 = OAuth2Server(**options)
    oauth2.scopes.register(Scope("email", "Read your e-mail address"))
    oauth2.scopes.register(Scope("profile", "See your name"))
    oauth2.scopes.register(Scope("notes", "Read your notes", optional=True))
    oauth2.init_app(app, db=db, user_model=User if user_model else None)
    if database_url.startswith("sqlite"):
        with app.app_context():
            event.listen(db.engine, "connect", _without_waiting_for_the_disk)
    if fresh:
        with app.app_context():
            if not tables.emptied(db):
                db.drop_all()
                db.create_all()
            db.session.add_all([User(name="ada"), User(name="bob")])
            db.session.commit()
    return Provider(app, db, oauth2, User)


@cache
def _database(user_model: bool, whose: str) -> tuple[Database, Any]:
    """A db and its user class, shared by the providers of a process: making models takes longer than most tests.

    :param user_model: whether the extension is told the user class, for then its models are others.
    """
    db = Database()

    class User(UserMixin, db.Model):  # type: ignore[name-defined]
        __tablename__ = "test_user"
        id = mapped_column(Integer, primary_key=True)
        name = mapped_column(String(100), unique=True)
        is_active = mapped_column(Boolean, nullable=False, default=True)

    return db, User


def _without_waiting_for_the_disk(connection: Any, record: Any) -> None:
    """What a power cut would lose is not tested; what a killed process loses is, and is not changed by this."""
    connection.execute("PRAGMA synchronous=OFF")


class _Apart:
    """Calls an app in a context of its own, so that requests share no ``g`` with a test that pushed one."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def __call__(self, environ: Any, start_response: Any) -> Any:
        with self.app.app_context():
            return self.app(environ, start_response)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.app, name)


class Browser:
    """A person at a browser: keeps cookies, follows what a person would follow, fills in forms."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.http = provider.app.test_client()
        self.http.application = _Apart(provider.app)

    def sign_in(self, name: str) -> None:
        assert self.http.post("/login", data={"name": name}).status_code == 302

    def sign_out(self) -> None:
        assert self.http.post("/logout").status_code == 200

    def visit(self, address: str) -> Any:
        return self.http.get(address)

    def answer(self, page: Any, confirm: str = "yes", scopes: tuple[str, ...] = ()) -> Any:
        """Press Allow (``yes``) or Deny (``no``) on a consent page, with optional scopes ticked."""
        fields = hidden_fields(page)
        data = [*fields.items(), ("confirm", confirm), *(("scope", scope) for scope in scopes)]
        return self.http.post(page.request.full_path, data=urlencode(data), content_type=FORM)

    def allow(self, address: str, scopes: tuple[str, ...] = ()) -> Any:
        """Visit *address* and, if asked, press Allow; the answer that goes to the client."""
        page = self.visit(address)
        return self.answer(page, "yes", scopes) if page.status_code == 200 else page


FORM = "application/x-www-form-urlencoded"


def hidden_fields(page: Any) -> dict[str, str]:
    """Names and values of the hidden fields on a page."""
    inputs = re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", page.text)
    return {
        html.unescape(re.search(r'name="([^"]*)"', tag)[1]): html.unescape(re.search(r'value="([^"]*)"', tag)[1])
        for tag in inputs
    }


def pkce() -> tuple[str, str]:
    """A verifier and its S256 challenge."""
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    return verifier, base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def answer_of(response: Any) -> dict[str, str]:
    """The parameters that a redirect hands to the client, from its query or fragment."""
    assert response.status_code in (302, 303), (response.status_code, response.text)
    parts = urlsplit(response.headers["Location"])
    pairs = parse_qsl(parts.query or parts.fragment, keep_blank_values=True, strict_parsing=True)
    assert len({name for name, _ in pairs}) == len(pairs), "a parameter came twice"
    return dict(pairs)


class Client:
    """A client application."""

    def __init__(self, provider: Provider, client_id: str, secret: str | None, redirect_uris: list[str]) -> None:
        self.provider = provider
        self.client_id = client_id
        self.secret = secret
        self.redirect_uri = next(iter(redirect_uris), None)
        self.verifier, self.challenge = pkce()

    def address(self, **changes: str | None) -> str:
        """The address that sends a person to the provider; None leaves a parameter out."""
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "email",
            "state": "xyz",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            **changes,
        }
        return "/oauth/authorize?" + urlencode({name: value for name, value in asked.items() if value is not None})

    def post(self, path: str, *, basic: bool | None = None, headers: dict[str, str] | None = None, **data: Any) -> Any:
        """A form to an endpoint, authenticated: by Basic if there is a secret, else by the bare id."""
        headers = dict(headers or {})
        if basic if basic is not None else self.secret is not None:
            pair = f"{self.client_id}:{self.secret}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        else:
            data.setdefault("client_id", self.client_id)
        sent = {name: value for name, value in data.items() if value is not None}
        return self.provider.api().post(path, data=sent, headers=headers)

    def exchange(self, code: str, **changes: Any) -> Any:
        """Exchange a code for tokens; the HTTP answer."""
        data = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            **changes,
        }
        return self.post("/oauth/token", **data)

    def refresh(self, token: str, **changes: Any) -> Any:
        """Use a refresh token; the HTTP answer."""
        return self.post("/oauth/token", **{"grant_type": "refresh_token", "refresh_token": token, **changes})

    def code(self, browser: Browser, scopes: tuple[str, ...] = (), **changes: str | None) -> str:
        """A code, after the person at *browser* has allowed it."""
        answer = answer_of(browser.allow(self.address(**changes), scopes))
        assert "code" in answer, answer
        return answer["code"]

    def tokens(self, browser: Browser, **changes: str | None) -> dict[str, Any]:
        """Tokens, after the person at *browser* has allowed it."""
        response = self.exchange(self.code(browser, **changes))
        assert response.status_code == 200, response.text
        return response.json


def bearer(token: str) -> dict[str, str]:
    """The Authorization header of a token."""
    return {"Authorization": f"Bearer {token}"}


def picture(size: int = 128) -> bytes:
    """A square PNG of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x3d\x6b\x21" * size) * size)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def captioned(page: Path, language: str) -> Iterator[tuple[str, str]]:
    """The code blocks of *language* on a page of the documentation that have a caption, with it."""
    pattern = rf"^\.\. code-block:: {re.escape(language)}\n   :caption: (\S+)\n\n((?:   .*\n|\n)+)"
    for caption, block in re.findall(pattern, page.read_text(), re.M):
        yield caption, textwrap.dedent(block).strip("\n") + "\n"

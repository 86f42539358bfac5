"""The bare start: a database, a key and a sign-in for an app that has none of them yet.

Nothing of this is reached without the key in the address that start-up prints.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

import click
from flask import Flask, session
from flask_login import LoginManager, UserMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event

from .errors import ConfigurationError

_KEY_FILE = "oauth2server-development.key"
_DATABASE_FILE = "oauth2server-development.sqlite"
_SESSION = "_oauth2_development"


class DevelopmentUser(UserMixin):
    """Whoever signs in under development is the user of that name, and an administrator.

    :param name: what was typed.
    """

    is_admin = True

    def __init__(self, name: str) -> None:
        self.id = self.name = name


class Development:
    """What the bare start brings along for one app.

    :param app: the app.
    :raises ConfigurationError: if its instance folder cannot be written.
    """

    def __init__(self, app: Flask) -> None:
        folder = Path(app.instance_path)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._root = _created_once(folder / _KEY_FILE)
        except OSError as error:
            raise ConfigurationError(
                f"Development mode keeps its database in the instance folder, but {folder} cannot be written "
                f"({error.strerror}). Give OAuth2Server a db, or the app another instance_path."
            ) from error
        if not app.secret_key:
            app.secret_key = self._derived("secret key")
        self.key = self._derived("address")
        self.db = _database(app, folder / _DATABASE_FILE)
        self.login_manager = self._login_manager(app)

    def _derived(self, purpose: str) -> str:
        return hmac.new(self._root, purpose.encode(), hashlib.sha256).hexdigest()[:43]

    def _login_manager(self, app: Flask) -> Any:
        login_manager = getattr(app, "login_manager", None)
        if login_manager is None:
            login_manager = LoginManager()
            login_manager.init_app(app)
            login_manager.login_view = "oauth2server.sign_in"
            login_manager.login_message = None
            login_manager.user_loader(DevelopmentUser)
        return login_manager

    def admit(self, key: str) -> bool:
        """Remember in the session that this browser came with the right key."""
        if not hmac.compare_digest(key.encode(), self.key.encode()):
            return False
        session[_SESSION] = self._derived("session")
        return True

    def is_admitted(self) -> bool:
        """Whether this browser came with the right key."""
        seen = session.get(_SESSION)
        return isinstance(seen, str) and hmac.compare_digest(seen.encode(), self._derived("session").encode())


def _created_once(path: Path) -> bytes:
    """The content of *path*, made with chance by whoever comes first; readable by its owner alone."""
    if not path.exists():
        descriptor, temporary = tempfile.mkstemp(dir=path.parent)  # mode 0600
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass  # another process was first, and its file is whole
        finally:
            os.unlink(temporary)
    return path.read_bytes()


def _database(app: Flask, path: Path) -> SQLAlchemy:
    db = SQLAlchemy()
    uri = app.config.get("SQLALCHEMY_DATABASE_URI")
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{path}"
    db.init_app(app)
    if uri is None:
        del app.config["SQLALCHEMY_DATABASE_URI"]
    # The place is the app's own db's, which may still come: see OAuth2Server.
    del app.extensions["sqlalchemy"]
    with app.app_context():
        event.listen(db.engine, "connect", _foreign_keys_on)
    return db


def _foreign_keys_on(connection: Any, record: Any) -> None:
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA journal_mode=WAL")


def address(app: Flask, prefix: str, key: str) -> str:
    """The address to open, as far as start-up knows host and port."""
    context = click.get_current_context(silent=True)
    host, port = "127.0.0.1", 5000
    if context is not None and "port" in context.params:
        host, port = context.params.get("host") or host, context.params["port"] or port
    host = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
    return f"http://{host}:{port}{prefix}/?key={key}"

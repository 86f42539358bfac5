"""For the test suites of users: tokens without the walk through the browser."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from . import clock
from .domain import tokens
from .domain.sessions import Authentication
from .state import ServerState


def access_token(
    app: Flask, *, user: Any = None, client_id: str | None = None, scopes: Sequence[str] = (), expires_in: int = 3600
) -> str:
    """An access token as if *user* had allowed the client.

    :param user: whom it speaks for; None: the client itself, as by client credentials.
    :param client_id: the client that holds it; None: the user's own program, as by a personal token.
    :param scopes: what it allows; they have to be registered.
    :param expires_in: seconds.
    :returns: the value, for ``Authorization: Bearer ...``.
    :raises ValueError: if neither a user nor a client is named, or there is no such client.
    :raises ScopeDoesNotExists: for a scope that is not registered.
    """
    if user is None and client_id is None:
        raise ValueError("Name a user, a client_id, or both.")
    with app.app_context():
        server: ServerState = app.extensions["oauth2server"]
        return server.storage.unit.run(lambda: _issued(server, user, client_id, scopes, expires_in))


def _issued(server: ServerState, user: Any, client_id: str | None, scopes: Sequence[str], expires_in: int) -> str:
    client = None if client_id is None else server.storage.clients.info(client_id)
    if client_id is not None and client is None:
        raise ValueError(f"There is no client {client_id!r}.")
    key = None if user is None else server.subjects.key_of(user)
    allowed = server.scopes.validated(scopes)
    granted = None
    if client is not None and user is not None:
        granted = server.authorizations.grant(client, key, allowed, Authentication("test", None))
    value, now = server.values.make(tokens.ACCESS), clock.now()
    expires_at = now + timedelta(seconds=expires_in)
    if granted is not None:
        server.storage.authorizations.touch(granted.pk, expires_at)
    server.storage.tokens.add(
        access_digest=tokens.digest(value),
        client_pk=None if client is None else client.pk,
        user_id=key,
        authorization_id=None if granted is None else granted.pk,
        scope=" ".join(allowed),
        created_at=now,
        expires_at=expires_at,
    )
    return value


class OAuth2TestClient(FlaskClient):
    """A test client that carries a token.

    Set ``app.test_client_class = OAuth2TestClient``, then
    ``app.test_client(user=ada, scopes=["email"])``; the arguments are those of :func:`access_token`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        told = {name: kwargs.pop(name) for name in ("user", "client_id", "scopes", "expires_in") if name in kwargs}
        super().__init__(*args, **kwargs)
        if told:
            value = access_token(self.application, **told)
            self.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {value}"

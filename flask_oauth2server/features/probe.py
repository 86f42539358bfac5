"""RFC 6750: protected endpoints that clients can try themselves on (ping, info, invalid)."""

from __future__ import annotations

from functools import partial

from flask import Response, abort

from ..globals import current_token
from ..oauth import responses
from ..resource import require_oauth
from ..scopes import Scope
from ..state import ServerState

DEFAULTS = {
    #: Serve ping, info and invalid below the prefix.
    "OAUTH2_ENABLE_PROBE": True,
}

TEST_SCOPE = "test:scope"
_NEVER_HELD = "invalid_scope"


def init_app(server: ServerState) -> None:
    """Join."""
    if server.testing:
        server.scopes.register(Scope(TEST_SCOPE, "Test that signing in works", default=True))
    server.add_route("/ping/", "ping", ping, page=False, methods=("GET", "HEAD", "POST"))
    server.add_route("/info/", "info", partial(info, server), page=False)
    server.add_route("/invalid/", "invalid", invalid, page=False)


@require_oauth()
def ping() -> Response:
    """Any valid token."""
    return responses.json_answer({"ping": "pong"})


def info(server: ServerState) -> Response:
    """Who the token is for; in testing, debug and development mode only."""
    if not server.testing:
        abort(404)
    return _info(server)


@require_oauth(TEST_SCOPE)
def _info(server: ServerState) -> Response:
    owner = current_token.client_owner if current_token.user_id is None else None
    key = current_token.user_id
    return responses.json_answer(
        {
            "user": None if key is None else server.subjects.sub(key),
            "client": current_token.client_id,
            "scopes": list(current_token.scopes),
            **({} if owner is None else {"client_owner": server.subjects.sub(owner)}),
        }
    )


@require_oauth(_NEVER_HELD)
def invalid() -> Response:
    """No token ever holds this scope."""
    raise AssertionError("unreachable")

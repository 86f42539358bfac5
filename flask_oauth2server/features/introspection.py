"""RFC 7662: a resource server asks what a token is worth."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Response

from .. import clock
from ..domain import tokens
from ..errors import ProtocolError, TokenRefused
from ..oauth import client_auth, parameters, responses
from ..reasons import Reason
from ..state import ServerState
from ..storage.clients import ClientInfo
from ..transport import endpoint_url

DEFAULTS = {
    #: Serve the introspection endpoint.
    "OAUTH2_ENABLE_INTROSPECTION": True,
}


def init_app(server: ServerState) -> None:
    """Join."""
    view = partial(introspect, server)
    server.add_route("/introspect", "introspect", view, page=False, methods=("POST",), rate="introspect")
    server.add_parameters("introspect", "token", "token_type_hint", authenticates=True)
    server.add_metadata(partial(metadata, server))


def metadata(server: ServerState, issuer: str) -> dict[str, Any]:
    """RFC 8414, 2. Public clients may not ask."""
    return {
        "introspection_endpoint": endpoint_url(issuer, "oauth2server.introspect"),
        "introspection_endpoint_auth_methods_supported": [
            method for method in server.client_auths if method != client_auth.NONE
        ],
    }


def introspect(server: ServerState) -> Response:
    """Tell a confidential client about its own tokens, or about all if it ``may_introspect``.

    Anyone else sees exactly what a dead token looks like: ``{"active": false}`` (2.2).
    """
    server.issuer()  # the answer names it
    sent = parameters.from_form(server, "introspect")
    client = client_auth.authenticate(server, sent)
    if not client.is_confidential:
        raise client_auth.failed(Reason("needs_confidential", "a public client may not introspect"))
    value = sent.get("token")
    if value is None:
        missing = Reason("parameter_missing", parameter="token")
        raise ProtocolError("invalid_request", "Parameter token is missing.", detail=missing)
    return responses.json_answer(_told(server, client, value) or {"active": False})


def _told(server: ServerState, client: ClientInfo, value: str) -> dict[str, Any] | None:
    row, described = _found(server, value)
    if row is None or not (row.client_pk == client.pk or client.may_introspect):
        return None
    try:
        server.bearer.judge_owners(row)
    except TokenRefused:
        return None
    if described["exp"] <= clock.epoch(clock.now()):
        return None
    return {
        "active": True,
        "iat": clock.epoch(row.created_at),
        "iss": server.issuer(),
        **described,
        **({"client_id": row.client_id} if row.client_id else {}),
        **({"sub": server.identifiers.of(client, row.user_id)} if row.user_id is not None else {}),
        **{name: member for members in server.introspection for name, member in members(row).items()},
    }


def _found(server: ServerState, value: str) -> tuple[Any, dict[str, Any]]:
    """The row of an access, personal or unused refresh token, and what that token is."""
    storage = server.storage.tokens
    if server.values.is_kind(value, tokens.ACCESS, tokens.PERSONAL):
        row = storage.find_access(tokens.digest(value))
        return row, row and {
            "scope": row.scope,
            "exp": clock.epoch(row.expires_at),
            "token_type": "Bearer",
            **({"aud": row.audience} if row.audience else {}),
        }
    if server.values.is_kind(value, tokens.REFRESH):
        row = storage.find_refresh(tokens.digest(value))
        if row is not None and row.refresh_used_at is None:
            return row, {"scope": row.granted_scope, "exp": clock.epoch(row.refresh_expires_at)}
    return None, {}

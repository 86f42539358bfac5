"""RFC 7009: a client gives its tokens back."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Response

from .. import signals
from ..domain import audit, tokens
from ..errors import ProtocolError
from ..oauth import client_auth, parameters, responses
from ..reasons import Reason
from ..signals import tell
from ..state import ServerState
from ..storage.clients import ClientInfo
from ..transport import endpoint_url

DEFAULTS = {
    #: Serve the revocation endpoint.
    "OAUTH2_ENABLE_REVOCATION": True,
}


def init_app(server: ServerState) -> None:
    """Join."""
    view = partial(revoke, server)
    server.add_route("/revoke", "revoke", view, page=False, methods=("POST",), cors=True, rate="token")
    server.add_parameters("revoke", "token", "token_type_hint", authenticates=True)
    server.add_metadata(partial(metadata, server))


def metadata(server: ServerState, issuer: str) -> dict[str, Any]:
    """RFC 8414, 2."""
    return {
        "revocation_endpoint": endpoint_url(issuer, "oauth2server.revoke"),
        "revocation_endpoint_auth_methods_supported": list(server.client_auths),
    }


def revoke(server: ServerState) -> Response:
    """Always 200 and ``{}`` to an authenticated client, whether there was such a token or not (2.2).

    Another client's token stays as it is. An access token takes its refresh token with it, and the
    other way round: both hang on one authorization.
    """
    sent = parameters.from_form(server, "revoke")
    client = client_auth.authenticate(server, sent)
    value = sent.get("token")
    if value is None:
        missing = Reason("parameter_missing", parameter="token")
        raise ProtocolError("invalid_request", "Parameter token is missing.", detail=missing)
    row = _found(server, value)
    if row is not None and row.client_pk == client.pk:
        _end(server, client, row)
    return responses.json_answer({})


def _found(server: ServerState, value: str) -> Any:
    """By what the value says of itself: a hint, right or wrong, is not needed (2.1)."""
    if server.values.is_kind(value, tokens.ACCESS):
        return server.storage.tokens.find_access(tokens.digest(value))
    if server.values.is_kind(value, tokens.REFRESH):
        return server.storage.tokens.find_refresh(tokens.digest(value))
    return None


def _end(server: ServerState, client: ClientInfo, row: Any) -> None:
    storage = server.storage
    if row.authorization_id is None:
        if storage.unit.run(lambda: storage.tokens.revoke(row.id)):
            tell(signals.token_revoked, client_id=client.client_id, user_id=row.user_id, name=None)
        return
    reason, by = "revoked by the client", audit.by_client(client)
    if storage.unit.run(lambda: server.authorizations.revoke(row.authorization_id, reason, by)):
        told = {"client_id": client.client_id, "user_id": row.user_id, "reason": reason}
        tell(signals.authorization_revoked, authorization=row.public_id, **told)

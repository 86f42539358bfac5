"""RFC 6749, 3.2: the token endpoint."""

from __future__ import annotations

from functools import partial

from flask import Response

from ..errors import ProtocolError
from ..oauth import client_auth, parameters, responses
from ..reasons import Reason
from ..state import ServerState
from ..transport import endpoint_url


def init_app(server: ServerState) -> None:
    """Join."""
    view = partial(token, server)
    server.add_route("/token", "access_token", view, page=False, methods=("POST",), cors=True, rate="token")
    server.add_parameters("token", "grant_type", "scope", authenticates=True)
    server.add_metadata(lambda issuer: {"token_endpoint": endpoint_url(issuer, "oauth2server.access_token")})


def token(server: ServerState) -> Response:
    """Authenticate the client, then let the grant answer."""
    server.issuer()  # nothing is issued where nobody says who issues
    sent = parameters.from_form(server, "token")
    grant_type = sent.get("grant_type")
    if grant_type is None:
        missing = Reason("parameter_missing", parameter="grant_type")
        raise ProtocolError("invalid_request", "Parameter grant_type is missing.", detail=missing)
    client = client_auth.authenticate(server, sent)
    if grant_type not in server.grants:
        offered = sorted(server.grants)
        reason = Reason("grant_type_not_offered", sent=grant_type, expected=offered)
        refusal = ProtocolError("unsupported_grant_type", f"Offered are: {', '.join(offered)}.", detail=reason)
        refusal.client_id = client.client_id
        raise refusal
    answer = server.provider.token(client_auth.without_credentials(server, sent), client)
    server.purger.step()
    return responses.json_answer(answer)

"""RFC 6749, 3.2: the token endpoint."""

from __future__ import annotations

from functools import partial

from flask import Response

from ..errors import ProtocolError
from ..oauth import client_auth, parameters, responses
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
        raise ProtocolError("invalid_request", "Parameter grant_type is missing.")
    client = client_auth.authenticate(server, sent)
    if grant_type not in server.grants:
        raise ProtocolError("unsupported_grant_type", f"Offered are: {', '.join(sorted(server.grants))}.")
    answer = server.provider.token(client_auth.without_credentials(server, sent), client)
    server.purger.step()
    return responses.json_answer(answer)

"""OpenID Connect Core 1.0, 5.3: the userinfo endpoint."""

from __future__ import annotations

from functools import partial

from flask import Response

from ..globals import current_token
from ..oauth import responses
from ..resource import Demand, admit
from ..state import ServerState
from ..transport import endpoint_url

_DEMAND = Demand(("openid",), (), optional=False, in_body=True)


def init_app(server: ServerState) -> None:
    """Join, where people sign in to clients."""
    if server.id_tokens is None:
        return
    view = partial(userinfo, server)
    server.add_route("/userinfo", "userinfo", view, page=False, methods=("GET", "POST", "HEAD"), cors=True)
    server.add_metadata(lambda issuer: {"userinfo_endpoint": endpoint_url(issuer, "oauth2server.userinfo")})


def userinfo(server: ServerState) -> Response:
    """Who the token stands for, as far as its scopes go."""
    refused = admit(_DEMAND)
    if refused is not None:
        return refused
    token = current_token
    told = {"sub": server.subjects.sub(token.user_id), **server.user_claims.told(token.user_id, token.scopes)}
    return responses.json_answer(told)

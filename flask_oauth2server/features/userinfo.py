"""OpenID Connect Core 1.0, 5.3: the userinfo endpoint."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from flask import Response, make_response

from .. import jose
from ..domain import client_keys
from ..domain.claims import Wanted
from ..domain.offline import SIGN_IN
from ..globals import current_token
from ..oauth import responses
from ..resource import Demand, admit
from ..state import ServerState
from ..storage.clients import ClientInfo
from ..transport import endpoint_url

#: Client metadata: with which algorithm the answer is signed; None: it is JSON.
ALG = "userinfo_signed_response_alg"

_DEMAND = Demand((SIGN_IN,), (), optional=False, in_body=True)


def init_app(server: ServerState) -> None:
    """Join, where people sign in to clients."""
    if server.id_tokens is None:
        return
    view = partial(userinfo, server)
    server.add_route("/userinfo", "userinfo", view, page=False, methods=("GET", "POST", "HEAD"), cors=True)
    server.add_client_metadata(ALG, None, partial(client_keys.check_algorithm, server.keys.algorithms))
    for name, check in client_keys.encryption("userinfo").items():
        server.add_client_metadata(name, None, check)
    server.add_metadata(partial(metadata, server))


def metadata(server: ServerState, issuer: str) -> dict[str, Any]:
    """OpenID Connect Discovery, 3."""
    return {
        "userinfo_endpoint": endpoint_url(issuer, "oauth2server.userinfo"),
        "userinfo_signing_alg_values_supported": server.keys.algorithms,
        "userinfo_encryption_alg_values_supported": list(jose.KEY_ENCRYPTION),
        "userinfo_encryption_enc_values_supported": list(jose.CONTENT_ENCRYPTION),
    }


def userinfo(server: ServerState) -> Response:
    """Who the token stands for, as far as its scopes go; in the form that its client has registered."""
    refused = admit(_DEMAND)
    if refused is not None:
        return refused
    token = current_token
    client = None if token.client_id is None else server.storage.clients.info(token.client_id)
    if client is not None:
        server.client_keys.prepare(client)  # before the session takes a connection, which would be held meanwhile
    pk = token.authorization_pk
    asked = None if pk is None else server.storage.authorizations.claims(pk)
    told = server.user_claims.in_userinfo(token.user_id, token.scopes, Wanted(**(asked or {})))
    told = {"sub": server.identifiers.of(client, token.user_id), **told}
    wants_jwt = client is not None and (
        client.metadata.get(ALG) or client.metadata.get("userinfo_encrypted_response_alg")
    )
    return _as_jwt(server, client, told) if wants_jwt and client is not None else responses.json_answer(told)


def _as_jwt(server: ServerState, client: ClientInfo, told: dict[str, Any]) -> Response:
    """Signed, encrypted, or both (5.3.2)."""
    alg, content = client.metadata.get(ALG), json.dumps(told)
    if alg:
        server.keys.prepare(alg)
        whole = {**told, "iss": server.issuer(), "aud": client.client_id}
        content = jose.signed(whole, server.keys.signer(alg))
    response = make_response(server.client_keys.encrypted(client, "userinfo", content, is_jwt=bool(alg)))
    response.headers.update({"Content-Type": "application/jwt", "Cache-Control": "no-store", "Pragma": "no-cache"})
    return response

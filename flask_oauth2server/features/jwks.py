"""RFC 7517, 5: the public keys with which others verify what this server signs."""

from __future__ import annotations

from functools import partial

from flask import Response

from ..domain.id_tokens import DEFAULT_ALG
from ..oauth import responses
from ..state import ServerState
from ..transport import endpoint_url

#: Seconds that the answer may be kept; less than a new key is published before it signs.
_KEPT = 300


def init_app(server: ServerState) -> None:
    """Join, where something is signed."""
    if not server.keys.lifetime:
        return
    server.add_route("/jwks", "jwks", partial(jwks, server), page=False, cors=True)
    server.add_metadata(lambda issuer: {"jwks_uri": endpoint_url(issuer, "oauth2server.jwks")})


def jwks(server: ServerState) -> Response:
    """The keys that sign, will sign, and have signed what may still live.

    The first one is made now, if it is not there: a client fetches the keys before it sends anybody here, and keeps
    them; with none it would refuse the ID tokens that come first (OpenID Connect Discovery, 3: RS256 is always there).
    """
    keys = server.keys.published()
    if not server.keys.is_configured and all(key["alg"] != DEFAULT_ALG for key in keys):
        server.keys.prepare(DEFAULT_ALG)
        keys = server.keys.published()
    return responses.may_be_kept(responses.json_answer({"keys": keys}), _KEPT)

"""OpenID Connect Core 1.0: ID tokens."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from .. import jose
from ..domain import id_tokens
from ..domain.id_tokens import IdTokens
from ..errors import ProtocolError
from ..oauth.request import Issuance, ProtocolRequest
from ..reasons import Reason
from ..scopes import Scope
from ..state import ServerState

DEFAULTS = {
    #: Offer OpenID Connect: the scope ``openid``, ID tokens, userinfo.
    "OAUTH2_ENABLE_OPENID": True,
    #: Life of an ID token in seconds.
    "OAUTH2_ID_TOKEN_EXPIRES_IN": 3600,
}

SCOPE = "openid"


def init_app(server: ServerState) -> None:
    """Join."""
    if SCOPE not in server.scopes:
        server.scopes.register(Scope(SCOPE, "Sign you in with your account here"))
    server.id_tokens = signs = IdTokens(server.keys, server.subjects, server.settings["OAUTH2_ID_TOKEN_EXPIRES_IN"])
    # display, ui_locales and claims_locales are the host's matter, whose login page finds them in its next.
    server.add_parameters("authorize", "nonce", "id_token_hint", "login_hint", "acr_values", "display")
    server.add_parameters("authorize", "ui_locales", "claims_locales")
    server.add_client_metadata(id_tokens.ALG, id_tokens.DEFAULT_ALG, check_algorithm)
    server.add_request_check(partial(check_hint, server, signs))
    server.add_request_check(partial(prepare_key, server))
    server.add_token_filter(partial(add_id_token, server, signs))
    server.add_metadata(partial(metadata, server))
    server.add_well_known("openid-configuration")


def metadata(server: ServerState, issuer: str) -> dict[str, Any]:
    """OpenID Connect Discovery, 3."""
    return {
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(jose.ALGORITHMS),
        "claim_types_supported": ["normal"],
        "claims_supported": [*_PROTOCOL_CLAIMS, *server.user_claims.names()],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }


_PROTOCOL_CLAIMS = ("sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid")


def check_algorithm(value: Any, _metadata: Mapping[str, Any]) -> None:
    """One of those that are offered; never ``none``."""
    if value not in jose.ALGORITHMS:
        raise ValueError(f"must be one of {', '.join(jose.ALGORITHMS)}.")


def check_hint(server: ServerState, signs: IdTokens, request: ProtocolRequest) -> None:
    """``id_token_hint`` is verified before it is believed (3.1.2.1); it may have expired."""
    hint = request.parameters.get("id_token_hint")
    if hint is None:
        return
    try:
        request.hinted = signs.subject(hint, server.issuer(), request.client_id)
    except jose.Invalid as invalid:
        reason = Reason("id_token_hint", str(invalid))
        raise ProtocolError(
            "invalid_request", "The id_token_hint is no ID token of this client.", detail=reason
        ) from None


def prepare_key(server: ServerState, request: ProtocolRequest) -> None:
    """Have the key that the ID token will need, before the unit that needs it: to make one takes long."""
    assert request.client is not None
    if SCOPE in (request.scope or "").split():
        server.keys.prepare(id_tokens.algorithm(request.client))


def add_id_token(server: ServerState, signs: IdTokens, issuance: Issuance) -> None:
    """With each token that a code or a refresh token gives to a client that signs people in (3.1.3.3, 12.2)."""
    if SCOPE in issuance.scopes and issuance.user_key is None:
        nobody = Reason("scope_of_people", "openid is for tokens that act for a person")
        raise ProtocolError("invalid_scope", "The scope openid is for tokens of people.", detail=nobody)
    if SCOPE not in issuance.scopes or issuance.authentication is None or issuance.grant_type == "implicit":
        return
    issuance.members["id_token"] = signs.make(
        server.issuer(),
        issuance.client,
        issuance.user_key,
        issuance.authentication,
        nonce=issuance.payload.get("parameters", {}).get("nonce"),
        access_token=issuance.access_token,
    )

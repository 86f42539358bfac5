"""OpenID Connect Core 1.0: ID tokens."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from .. import jose
from ..domain import addresses, claims, client_keys, id_tokens, identifiers
from ..domain.id_tokens import IdTokens
from ..domain.offline import SIGN_IN, STAY
from ..errors import PageError, ProtocolError
from ..oauth import afterwards
from ..oauth.request import Issuance, ProtocolRequest
from ..reasons import Reason
from ..scopes import Scope
from ..state import ServerState
from ..storage.clients import ClientInfo
from ..text import Sentence

DEFAULTS = {
    #: Offer OpenID Connect: the scope ``openid``, ID tokens, userinfo.
    "OAUTH2_ENABLE_OPENID": True,
    #: Life of an ID token in seconds.
    "OAUTH2_ID_TOKEN_EXPIRES_IN": 3600,
}

_SIGN_IN = Sentence("Sign you in with your account here")
_STAY = Sentence("Go on while you are away")


def init_app(server: ServerState) -> None:
    """Join."""
    scopes = {SIGN_IN: _SIGN_IN, **({STAY: _STAY} if "refresh_token" in server.grants else {})}
    for id_, help_text in scopes.items():
        if id_ not in server.scopes:
            server.scopes.register(Scope(id_, help_text))
    expires_in = server.settings["OAUTH2_ID_TOKEN_EXPIRES_IN"]
    server.id_tokens = signs = IdTokens(server.keys, server.identifiers, server.client_keys, expires_in)
    # display, ui_locales and claims_locales are the host's matter, whose login page finds them in its next.
    server.add_parameters("authorize", "nonce", "id_token_hint", "login_hint", "acr_values", "display", "claims")
    server.add_parameters("authorize", "ui_locales", "claims_locales")
    asked = partial(addresses.check_asked, server.settings["OAUTH2_FETCH_PRIVATE_HOSTS"])
    server.add_client_metadata(client_keys.JWKS, None, client_keys.check_jwks)
    server.add_client_metadata(client_keys.JWKS_URI, None, asked)
    server.add_client_metadata(identifiers.TYPE, "public", identifiers.check_type)
    confirm_sector = partial(identifiers.confirm_sector, server.client_documents)
    server.add_client_metadata(identifiers.SECTOR_URI, None, asked, confirm=confirm_sector)
    offered, by_default = server.keys.algorithms, id_tokens.DEFAULT_ALG
    if offered and by_default not in offered:  # the configuration has no key for it
        by_default = offered[0]
    server.add_client_metadata(id_tokens.ALG, by_default, partial(client_keys.check_algorithm, offered))
    for name, check in client_keys.encryption("id_token").items():
        server.add_client_metadata(name, None, check)
    server.add_request_check(check_redirect_uri)
    server.add_request_check(partial(check_hint, server, signs))
    server.add_request_check(partial(check_claims, server))
    server.add_request_check(check_front_channel)
    server.add_request_check(partial(prepare_for_request, server))
    server.add_token_filter(partial(add_id_token, server, signs), prepare=partial(prepare, server))
    server.add_session_end(partial(end_sessions, server))
    server.add_metadata(partial(metadata, server))
    server.add_well_known("openid-configuration")


def metadata(server: ServerState, issuer: str) -> dict[str, Any]:
    """OpenID Connect Discovery, 3."""
    return {
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": server.keys.algorithms,
        "id_token_encryption_alg_values_supported": list(jose.KEY_ENCRYPTION),
        "id_token_encryption_enc_values_supported": list(jose.CONTENT_ENCRYPTION),
        "claim_types_supported": ["normal"],
        "claims_supported": [*_protocol_claims(server), *server.user_claims.names()],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }


def _protocol_claims(server: ServerState) -> list[str]:
    """What ID tokens say by themselves; some of it only where it has been set up."""
    knows_how = "authentication_context" in server.hooks
    beside_codes = any({"code", "id_token"} <= set(words.split()) for words in server.response_types)
    always = ["sub", "iss", "aud", "azp", "exp", "iat", "auth_time", "nonce", "at_hash", "sid"]
    return [*always, *(["acr", "amr"] if knows_how else []), *(["c_hash"] if beside_codes else [])]


def check_redirect_uri(request: ProtocolRequest) -> None:
    """``redirect_uri`` is required (3.1.2.1); without one the person alone is told."""
    if SIGN_IN in (request.scope or "").split() and request.parameters.get("redirect_uri") is None:
        missing = Reason("redirect_uri_missing", "an OpenID Connect request names its redirect URI")
        error = PageError("invalid_request", "Parameter redirect_uri is missing.", detail=missing)
        error.cause, error.client, error.client_id = "redirect_uri", request.client, request.client_id
        raise error


def check_hint(server: ServerState, signs: IdTokens, request: ProtocolRequest) -> None:
    """``id_token_hint`` is verified before it is believed (3.1.2.1); it may have expired."""
    hint = request.parameters.get("id_token_hint")
    if hint is None:
        return
    try:
        said = signs.read(hint, server.issuer())
        if said.client_id != request.client_id:
            raise jose.Invalid("it was given to another client")
    except jose.Invalid as invalid:
        reason = Reason("id_token_hint", str(invalid))
        raise ProtocolError(
            "invalid_request", "The id_token_hint is no ID token of this client.", detail=reason
        ) from None
    request.hinted = said.sub


def check_claims(server: ServerState, request: ProtocolRequest) -> None:
    """The parameter ``claims`` (5.5): single claims, whose they have to be, and how the person has authenticated."""
    text = request.parameters.get("claims")
    if text is None or SIGN_IN not in (request.scope or "").split():
        return
    try:
        asked = claims.parsed(text)
    except ValueError as error:
        reason = Reason("claims_malformed", f"the parameter claims is malformed: {error}")
        raise ProtocolError("invalid_request", "The parameter claims is malformed.", detail=reason) from None
    request.wanted = server.user_claims.wanted(asked, (request.scope or "").split())
    sub, acr = asked["id_token"].get("sub", {}).get("value"), asked["id_token"].get("acr", {})
    if sub is not None:
        request.hinted = str(sub)
    if acr.get("essential") is True:
        values = acr.get("values", acr.get("value"))
        request.essential_acr = tuple(
            v for v in (values if isinstance(values, list) else [values]) if isinstance(v, str)
        )


def check_front_channel(request: ProtocolRequest) -> None:
    """An ID token that travels by the browser is bound to its request by a nonce (3.2.2.1)."""
    if "id_token" not in (request.response_type or "").split():
        return
    if SIGN_IN not in (request.scope or "").split():
        reason = Reason("openid_missing", sent=request.scope or "", expected=[SIGN_IN])
        raise ProtocolError("invalid_request", "An ID token needs the scope openid.", detail=reason)
    if request.parameters.get("nonce") is None:
        missing = Reason("parameter_missing", parameter="nonce")
        raise ProtocolError("invalid_request", "Parameter nonce is missing.", detail=missing)


def prepare_for_request(server: ServerState, request: ProtocolRequest) -> None:
    """The same before an authorization request is granted; a client's own keys are asked for only where they are
    needed for the answer."""
    assert request.client is not None
    if SIGN_IN in (request.scope or "").split():
        prepare_keys(server, request.client)
        if "id_token" in (request.response_type or "").split():
            server.client_keys.prepare(request.client)


def prepare(server: ServerState, client: ClientInfo) -> None:
    """Have the keys that an ID token for *client* will need, before the unit that needs them: to make one or to ask
    for it takes long."""
    if SIGN_IN in client.scopes:
        prepare_keys(server, client)
        server.client_keys.prepare(client)


def prepare_keys(server: ServerState, client: ClientInfo) -> None:
    """Have what is kept here."""
    server.keys.prepare(id_tokens.algorithm(client))
    if identifiers.is_pairwise(client):
        server.keys.prepare_salt()


def end_sessions(server: ServerState, sids: Sequence[str]) -> None:
    """Somebody signs out, here or on a page of the host."""
    work = partial(server.extension.end_sessions, sids)
    afterwards.before_answer(server, "end what a session has given", work)


def add_id_token(server: ServerState, signs: IdTokens, issuance: Issuance) -> None:
    """With each token that a code or a refresh token gives to a client that signs people in (3.1.3.3, 12.2)."""
    if SIGN_IN in issuance.scopes and issuance.user_key is None:
        nobody = Reason("scope_of_people", "openid is for tokens that act for a person")
        raise ProtocolError("invalid_scope", "The scope openid is for tokens of people.", detail=nobody)
    if SIGN_IN not in issuance.scopes or issuance.authentication is None or issuance.grant_type == "implicit":
        return
    issuance.members["id_token"] = signs.make(
        server.issuer(),
        issuance.client,
        issuance.user_key,
        issuance.authentication,
        nonce=issuance.payload.get("parameters", {}).get("nonce"),
        access_token=issuance.access_token,
        claims=server.user_claims.in_id_token(issuance.user_key, issuance.scopes, issuance.wanted),
    )

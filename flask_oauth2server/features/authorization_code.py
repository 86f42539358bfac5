"""RFC 6749, 4.1 and RFC 7636: authorization codes with PKCE."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import partial
from typing import Any

from oauthlib.oauth2 import AuthorizationCodeGrant
from oauthlib.oauth2.rfc6749 import errors

from .. import clock
from ..domain import redirect_uris, tokens
from ..domain.claims import Wanted
from ..domain.sessions import Authentication
from ..errors import ProtocolError, Reused
from ..oauth.request import ProtocolRequest
from ..reasons import Plain, Reason
from ..state import ServerState

KIND = "authorization_code"

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # base64url of SHA-256
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636, 4.1

#: What a code need not remember of its request.
_FORGOTTEN = ("state", "client_id")


def init_app(server: ServerState) -> None:
    """Join."""
    server.add_handle(KIND, tokens.CODE, server.settings["OAUTH2_CODE_EXPIRES_IN"])
    server.add_parameters("authorize", "code_challenge", "code_challenge_method")
    server.add_parameters("token", "code", "redirect_uri", "code_verifier")
    server.add_grant("authorization_code", CodeGrant, apart=True)
    if "authorization_code" in server.grants:  # otherwise nobody would take the codes
        server.add_response_type("code", CodeGrant, mode="query")
    server.add_request_check(check_challenge)
    server.add_metadata(lambda _issuer: {"code_challenge_methods_supported": ["S256"]})


def check_challenge(request: ProtocolRequest) -> None:
    """S256 alone (RFC 9700, 2.1.1); a method left out would mean ``plain``."""
    challenge, method = request.code_challenge, request.code_challenge_method
    if challenge is None and method is None:
        return  # whether one is due is the client's matter, and oauthlib asks
    if method != "S256":
        sent = Reason("pkce_method", sent=method or "", expected=["S256"])
        raise ProtocolError("invalid_request", "Use code_challenge_method=S256.", detail=sent)
    if challenge is None or not _CHALLENGE.fullmatch(challenge):
        wrong = Reason("pkce_challenge", sent=challenge or "")
        digest = "The code_challenge is not the base64url form of a SHA-256 digest."
        raise ProtocolError("invalid_request", digest, detail=wrong)


class CodeGrant(AuthorizationCodeGrant):
    """Gives codes at the authorization endpoint and takes them at the token endpoint."""

    def grant(self, request: ProtocolRequest) -> dict[str, str]:
        """A code for what was just granted, inside the unit."""
        server: ServerState = self.request_validator.server
        assert request.client is not None
        payload = {
            "parameters": {name: value for name, value in request.parameters if name not in _FORGOTTEN},
            "redirect_uri": request.redirect_uri,
            "redirect_uri_sent": not request.using_default_redirect_uri,
        }
        return {"code": server.handles.make(KIND, request.client.pk, payload, request.authorization_id)}

    def validate_token_request(self, request: ProtocolRequest) -> None:
        """What oauthlib calls an invalid request here is an invalid grant to RFC 6749, 5.2."""
        request.redeem = partial(redeem, self.request_validator.server, request)
        try:
            super().validate_token_request(request)
        except (
            errors.MismatchingRedirectURIError,
            errors.MissingRedirectURIError,
            errors.MissingCodeVerifierError,
        ) as error:
            request.detail = _missing_or_different(error, request)
            raise errors.InvalidGrantError(request=request) from error
        except errors.InvalidGrantError:
            request.detail = request.detail or _other_verifier(request)
            raise
        self._check_verifier(request)

    def _check_verifier(self, request: ProtocolRequest) -> None:
        verifier = request.code_verifier
        if verifier is None:
            return
        if "code_challenge" not in request.payload["parameters"]:
            # RFC 9700, 4.8.2
            request.refuse(Reason("verifier_without_challenge", "a verifier came, though no challenge was sent"))
            raise errors.InvalidGrantError(request=request)
        if not _VERIFIER.fullmatch(verifier):
            sentence = "the verifier is not 43 to 128 unreserved characters"
            request.refuse(Reason("verifier_malformed", sentence, length=len(verifier)))
            raise errors.InvalidGrantError(request=request)


def _missing_or_different(error: errors.OAuth2Error, request: ProtocolRequest) -> Reason:
    if isinstance(error, errors.MissingCodeVerifierError):
        return Reason("verifier_missing", "the code has a challenge, and no verifier came")
    expected = [request.payload["redirect_uri"]]
    return Reason("redirect_uri_changed", error.description, sent=request.redirect_uri or "", expected=expected)


def _other_verifier(request: ProtocolRequest) -> Reason:
    """What became of the verifier on its way; a challenge is no secret, a verifier is."""
    challenge, verifier = request.payload["parameters"]["code_challenge"], request.code_verifier or ""
    sent = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    facts: dict[str, Any] = {"sent": Plain(sent), "expected": [Plain(challenge)], "length": len(verifier)}
    if verifier == challenge:
        facts["hint"] = "challenge_as_verifier"
    return Reason("verifier_mismatch", "the verifier does not match the challenge", **facts)


def redeem(server: ServerState, request: ProtocolRequest, value: str) -> bool:
    """Peek at a code: is it this client's, and in time? Whether it was used shows when it is used up."""
    code: Any = server.handles.peek(KIND, value)
    assert request.client is not None
    if code is None:
        is_ours = server.values.is_kind(value, tokens.CODE)
        return request.refuse(Reason("code_unknown", "no such code", length=len(value), well_formed=is_ours))
    if code.client_pk != request.client.pk:
        given_to = partial(_given_to, server, code.client_pk)
        return request.refuse(Reason("code_of_another_client", "the code is another client's", more=given_to))
    if code.expires_at <= clock.now() and code.consumed_at is None:
        return request.refuse(Reason("code_expired", "the code has expired", ended_at=code.expires_at.isoformat()))
    if code.user_id is None or not server.subjects.is_row_active(code):
        return request.refuse(Reason("user_not_active", "the user is missing or not active"))
    loopback = server.settings["OAUTH2_LOOPBACK_HOSTS"]
    if not redirect_uris.matches(code.payload["redirect_uri"], request.client.redirect_uris, loopback):
        was = {"sent": code.payload["redirect_uri"], "expected": request.client.redirect_uris}
        return request.refuse(Reason("redirect_uri_withdrawn", "the redirect URI is not registered any more", **was))
    scopes = [scope for scope in code.scope.split() if server.may_have(request.client, scope)]
    if not scopes:
        may = {"sent": code.scope, "expected": [" ".join(request.client.scopes)]}
        return request.refuse(Reason("scope_withdrawn", "the client may not have these scopes any more", **may))
    request.payload = code.payload
    request.user_key, request.scopes = code.user_id, scopes
    request.authorization_id = code.authorization_id
    request.authorization_expires_at = code.authorization_expires_at
    request.authentication = Authentication(code.sid, code.auth_time, code.acr, code.amr)
    request.wanted = Wanted(**(code.claims or {}))
    request.use_up = partial(_use_up, server, code)
    return True


def _use_up(server: ServerState, code: Any) -> None:
    if not server.storage.grants.consume(code.id):
        used_at = code.consumed_at and code.consumed_at.isoformat()
        sentence = "the code was used before: its authorization was ended"
        raise Reused(code.authorization_id, Reason("code_used", sentence, used_at=used_at))


def _given_to(server: ServerState, client_pk: int) -> dict[str, Any]:
    client = server.storage.clients.by_pk(client_pk)
    return {"given_to": client and client.client_id}

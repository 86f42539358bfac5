"""RFC 6749, 4.1 and RFC 7636: authorization codes with PKCE."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from oauthlib.oauth2 import AuthorizationCodeGrant
from oauthlib.oauth2.rfc6749 import errors

from .. import clock
from ..domain import redirect_uris, tokens
from ..errors import ProtocolError, Reused
from ..oauth.request import ProtocolRequest
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
    server.add_grant("authorization_code", CodeGrant)
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
        raise ProtocolError("invalid_request", "Use code_challenge_method=S256.")
    if challenge is None or not _CHALLENGE.fullmatch(challenge):
        raise ProtocolError("invalid_request", "The code_challenge is not the base64url form of a SHA-256 digest.")


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
            request.detail = error.description
            raise errors.InvalidGrantError(request=request) from error
        self._check_verifier(request)

    def _check_verifier(self, request: ProtocolRequest) -> None:
        verifier = request.code_verifier
        if verifier is None:
            return
        if "code_challenge" not in request.payload["parameters"]:
            request.refuse("a verifier came, though no challenge was sent")  # RFC 9700, 4.8.2
            raise errors.InvalidGrantError(request=request)
        if not _VERIFIER.fullmatch(verifier):
            request.refuse("the verifier is not 43 to 128 unreserved characters")
            raise errors.InvalidGrantError(request=request)


def redeem(server: ServerState, request: ProtocolRequest, value: str) -> bool:
    """Peek at a code: is it this client's, and in time? Whether it was used shows when it is used up."""
    code: Any = server.handles.peek(KIND, value)
    assert request.client is not None
    if code is None:
        return request.refuse("no such code")
    if code.client_pk != request.client.pk:
        return request.refuse("the code is another client's")
    if code.expires_at <= clock.now() and code.consumed_at is None:
        return request.refuse("the code has expired")
    if not server.subjects.is_active(code.user_id):
        return request.refuse("the user is missing or not active")
    loopback = server.settings["OAUTH2_LOOPBACK_HOSTS"]
    if not redirect_uris.matches(code.payload["redirect_uri"], request.client.redirect_uris, loopback):
        return request.refuse("the redirect URI is not registered any more")
    scopes = [scope for scope in code.scope.split() if server.may_have(request.client, scope)]
    if not scopes:
        return request.refuse("the client may not have these scopes any more")
    request.payload = code.payload
    request.user_key, request.scopes = code.user_id, scopes
    request.authorization_id = code.authorization_id
    request.authorization_expires_at = code.authorization_expires_at
    request.use_up = partial(_use_up, server, code)
    return True


def _use_up(server: ServerState, code: Any) -> None:
    if not server.storage.grants.consume(code.id):
        raise Reused(code.authorization_id)

"""oauthlib's grants, composed empty, and the token answer as one unit of work."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from oauthlib.oauth2 import OAuth2Error
from oauthlib.oauth2.rfc6749 import errors
from oauthlib.oauth2.rfc6749.tokens import TokenBase

from .. import clock, signals
from ..domain import tokens
from ..domain.records import ISSUED
from ..errors import Gone, PageError, ProtocolError, Reused
from ..reasons import Reason
from ..signals import tell
from ..state import ServerState
from ..storage.clients import ClientInfo
from .client_auth import failed
from .parameters import Parameters
from .request import Issuance, ProtocolRequest, for_token
from .validator import Validator


class TokenMaker(TokenBase):
    """oauthlib's token type: makes the values, after token filters had their say.

    :param server: the parts.
    """

    def __init__(self, server: ServerState) -> None:
        self.server = server

    def create_token(self, request: ProtocolRequest, refresh_token: bool = False, **kwargs: Any) -> dict[str, Any]:
        """What is issued stays in ``request.issuance``, which makes the answer; oauthlib gets none to encode."""
        server, client = self.server, request.client
        assert client is not None
        issuance = Issuance(
            client=client,
            user_key=request.user_key,
            grant_type=request.grant_type or "implicit",
            scopes=list(dict.fromkeys(request.scopes or ())),
            expires_in=self._expires_in(request),
            parameters=request.parameters,
            payload=request.payload,
            authorization_id=request.authorization_id,
            authentication=request.authentication,
            wanted=request.wanted,
        )
        issuance.access_token = server.values.make(tokens.ACCESS)
        for change in server.token_filters:
            change(issuance)
        if refresh_token and server.offline.may_refresh(client):
            issuance.refresh_token = request.kept_refresh or server.values.make(tokens.REFRESH)
        request.issuance = issuance
        return {}

    def _expires_in(self, request: ProtocolRequest) -> int:
        assert request.client is not None
        seconds = self.server.authorizations.access_lifetime(request.client)
        if request.authorization_expires_at is not None:
            left = int((request.authorization_expires_at - clock.now()).total_seconds())
            seconds = max(1, min(seconds, left))
        return seconds


class Provider:
    """The grants of one app, each with a list of checks of its own.

    :param server: the parts, after all features have joined.
    """

    def __init__(self, server: ServerState) -> None:
        self.server = server
        self.validator = Validator(server)
        self.token_maker = TokenMaker(server)
        self._grants = {name: self._grant(kind.grant_class) for name, kind in server.grants.items()}
        self._response_grants = {
            words: self._response_grant(words, kind.grant_class) for words, kind in server.response_types.items()
        }

    def _grant(self, grant_class: type[Any]) -> Any:
        return grant_class(self.validator, pre_token=[], post_token=[])

    def _response_grant(self, words: str, grant_class: type[Any]) -> Any:
        checks = [_returning_nothing(check) for check in self.server.request_checks]
        grant = grant_class(self.validator, pre_auth=checks, post_auth=[], pre_token=[], post_token=[])
        grant.response_types = words.split()
        return grant

    def response_grant(self, words: str | None) -> Any:
        """The grant of a response type; of an unknown one the default, which a check refuses.

        :raises PageError: where no response type is offered at all.
        """
        if not self._response_grants:
            raise PageError("unsupported_response_type", "No response type is offered here.")
        return self._response_grants.get(words or "") or next(iter(self._response_grants.values()))

    def token(self, parameters: Parameters, client: ClientInfo) -> dict[str, Any]:
        """Answer a token request of an authenticated client.

        :returns: the members of RFC 6749, 5.1, committed.
        :raises ProtocolError: what the client is told.
        :raises Unavailable: if the database could not do it now.
        """
        grant_type = parameters.get("grant_type") or ""
        kind = self.server.grants[grant_type]
        if kind.before_unit is not None:
            kind.before_unit(parameters, client)
        for prepare in self.server.token_preparations:
            prepare(client)
        unit = self.server.storage.unit
        try:
            issuance = unit.run(lambda: self._issue(grant_type, for_token(parameters, client)), apart=kind.apart)
        except ProtocolError as refusal:
            refusal.client_id = client.client_id
            raise
        except Reused as reuse:
            self._end_family(reuse, client, grant_type)
            replay = ProtocolError("invalid_grant", detail=reuse.reason)
            replay.client_id = client.client_id
            raise replay from reuse
        except Gone as gone:
            error = "invalid_client" if grant_type == "client_credentials" else "invalid_grant"
            raise ProtocolError(error, detail=Reason("deleted_meanwhile", f"deleted meanwhile: {gone}")) from gone
        tell_issued(self.server, issuance)
        return issuance.answer()

    def _issue(self, grant_type: str, request: ProtocolRequest) -> Issuance:
        try:
            _, body, status = self._grants[grant_type].create_token_response(request, self.token_maker)
        except OAuth2Error as error:
            raise told_by(error, request) from error
        if status != 200:
            told = json.loads(body)
            detail = request.detail or _of_answer(told, request)
            if told["error"] == "invalid_client":  # it is who it says, but public: not for this grant
                raise failed(Reason("needs_confidential", detail or "the client is public"))
            raise ProtocolError(told["error"], told.get("error_description", ""), status=status, detail=detail)
        assert request.issuance is not None
        return request.issuance

    def issue(self, request: ProtocolRequest) -> dict[str, Any]:
        """Issue an access token inside the caller's unit: for the authorization endpoint."""
        self.validator.save_token(self.token_maker.create_token(request), request)
        assert request.issuance is not None
        return request.issuance.answer()

    def _end_family(self, reuse: Reused, client: ClientInfo, grant_type: str) -> None:
        """End what a replayed code or refresh token stands for, as a unit of its own."""
        pk = reuse.authorization_id
        if pk is not None:
            server = self.server
            server.storage.unit.run(lambda: server.authorizations.end_family(pk, client))
        tell(signals.token_reused, client_id=client.client_id, grant_type=grant_type)


def tell_issued(server: ServerState, issuance: Issuance) -> None:
    """Tell of a token, once it is committed."""
    server.records.count(ISSUED, issuance.client.pk)
    told = {"client_id": issuance.client.client_id, "user_id": issuance.user_key, "scopes": list(issuance.scopes)}
    tell(signals.token_issued, grant_type=issuance.grant_type, **told)


def told_by(error: OAuth2Error, request: ProtocolRequest) -> ProtocolError:
    """oauthlib's error as ours."""
    description = error.description or ""
    cause, facts = _cause(error), {}
    if cause == "redirect_uri_malformed" and request.client is not None:
        facts = {"sent": request.redirect_uri or "", "expected": request.client.redirect_uris}
    detail = request.detail or Reason(cause, description, **facts)
    return ProtocolError(error.error or "server_error", description, status=error.status_code, detail=detail)


#: What oauthlib finds by itself, in the words of our catalogue.
_CAUSES: tuple[tuple[type[OAuth2Error], str], ...] = (
    (errors.MissingClientIdError, "client_id_missing"),
    (errors.InvalidRedirectURIError, "redirect_uri_malformed"),
    (errors.MissingRedirectURIError, "redirect_uri_missing"),
    (errors.MissingResponseTypeError, "response_type_missing"),
    (errors.MissingCodeChallengeError, "pkce_missing"),
    (errors.UnsupportedCodeChallengeMethodError, "pkce_method"),
    (errors.MissingCodeVerifierError, "verifier_missing"),
    (errors.InvalidScopeError, "scope_refused"),
    (errors.InvalidRequestError, "parameter_missing"),
    (errors.InvalidRequestFatalError, "parameter_missing"),
)


def _of_answer(told: Mapping[str, str], request: ProtocolRequest) -> Reason:
    """The reason of an answer that oauthlib has written itself."""
    if told["error"] == "invalid_scope":
        had = {"sent": request.scope or "", "expected": [" ".join(request.original_scopes)]}
        return Reason("scope_beyond_grant", "more was asked for than was granted", **had)
    cause = "parameter_missing" if told["error"] == "invalid_request" else "other"
    return Reason(cause, told.get("error_description", ""))


def _cause(error: OAuth2Error) -> str:
    return next((cause for kind, cause in _CAUSES if isinstance(error, kind)), "other")


def _returning_nothing(check: Callable[[Any], None]) -> Callable[[Any], dict[str, Any]]:
    def wrapped(request: Any) -> dict[str, Any]:
        check(request)
        return {}

    return wrapped

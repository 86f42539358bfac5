"""The answers to oauthlib's questions. The work is in ``domain/``, ``storage/`` and the grants."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from oauthlib.oauth2 import RequestValidator

from .. import clock
from ..domain import offline, redirect_uris, tokens
from ..domain.metadata import sorted_words
from ..errors import ProtocolError
from ..reasons import Reason
from ..state import ServerState
from .request import ProtocolRequest


class Validator(RequestValidator):
    """oauthlib's ``RequestValidator`` on one app's parts.

    :param server: the parts.
    """

    def __init__(self, server: ServerState) -> None:
        self.server = server

    # --- who asks: authenticated before oauthlib is called -------------------------------------

    def client_authentication_required(self, request: ProtocolRequest, *args: Any, **kwargs: Any) -> bool:
        return request.client is None or request.client.is_confidential

    def authenticate_client(self, request: ProtocolRequest, *args: Any, **kwargs: Any) -> bool:
        return request.client is not None and request.client.is_confidential

    def authenticate_client_id(self, client_id: str, request: ProtocolRequest, *args: Any, **kwargs: Any) -> bool:
        return request.client is not None

    def validate_client_id(self, client_id: str, request: ProtocolRequest, *args: Any, **kwargs: Any) -> bool:
        client = self.server.storage.clients.info(client_id)
        if client is None:
            request.cause = "client_unknown"
            return request.refuse(Reason("client_unknown", f"no client has the id {client_id!r}", sent=client_id))
        request.client = client
        if client.disabled:
            request.cause = "client_disabled"
            return request.refuse(Reason("client_disabled", "the client is disabled"))
        return True

    # --- what it may do -------------------------------------------------------------------------

    def validate_response_type(
        self, client_id: str, response_type: str, client: Any, request: ProtocolRequest, *args: Any, **kwargs: Any
    ) -> bool:
        registered = {sorted_words(words) for words in client.response_types}
        return response_type in registered or request.refuse(
            _not_registered("response_type_not_registered", response_type, sorted(registered))
        )

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: Any, request: ProtocolRequest, *args: Any, **kwargs: Any
    ) -> bool:
        return grant_type in client.grant_types or request.refuse(
            _not_registered("grant_type_not_registered", grant_type, client.grant_types)
        )

    def get_default_scopes(self, client_id: str, request: ProtocolRequest, *args: Any, **kwargs: Any) -> list[str]:
        assert request.client is not None
        return self.server.scopes.defaults(request.client.scopes)

    def validate_scopes(
        self, client_id: str, scopes: list[str], client: Any, request: ProtocolRequest, *args: Any, **kwargs: Any
    ) -> bool:
        passed_over = set() if self._may_stay(request) else {offline.STAY}
        request.scopes = [scope for scope in dict.fromkeys(scopes or ()) if scope not in passed_over]
        if not request.scopes:
            return request.refuse(Reason("scope_missing", "no scope was asked for and none is a default"))
        refused = [s for s in request.scopes if not self.server.may_have(client, s)]
        return not refused or request.refuse(self._scopes_refused(client, request.scopes, refused))

    def _may_stay(self, request: ProtocolRequest) -> bool:
        """Whether ``offline_access`` can be granted; where not, it is passed over (OpenID Connect Core, 11)."""
        client = request.client
        has_code = "code" in (request.response_type or "").split()
        assert client is not None
        return has_code and self.server.offline.may_refresh(client) and self.server.may_have(client, offline.STAY)

    def _scopes_refused(self, client: Any, asked: list[str], refused: list[str]) -> Reason:
        sentence = f"the client may not ask for {' '.join(refused)!r}"
        facts = {
            "sent": " ".join(asked),
            "expected": [" ".join(client.scopes)],
            "refused": refused,
            "unknown": [scope for scope in refused if scope not in self.server.scopes],
            "withheld": [scope for scope in refused if scope in self.server.scopes],
            "has_comma": any("," in scope for scope in refused),
        }
        return Reason("scope_refused", sentence, **facts)

    def is_pkce_required(self, client_id: str, request: ProtocolRequest) -> bool:
        return request.client is None or request.client.requires_pkce

    # --- where the answer goes --------------------------------------------------------------------

    def validate_redirect_uri(
        self, client_id: str, redirect_uri: str, request: ProtocolRequest, *args: Any, **kwargs: Any
    ) -> bool:
        assert request.client is not None
        loopback = self.server.settings["OAUTH2_LOOPBACK_HOSTS"]
        registered = request.client.redirect_uris
        request.redirect_ok = redirect_uris.matches(redirect_uri, registered, loopback)
        different = {"sent": redirect_uri, "expected": registered}
        return request.redirect_ok or request.refuse(
            Reason("redirect_uri_not_registered", "the redirect URI is not registered", **different)
        )

    def get_default_redirect_uri(
        self, client_id: str, request: ProtocolRequest, *args: Any, **kwargs: Any
    ) -> str | None:
        if request.grant_type:  # the token endpoint: may it be left out there? (OAuth 2.1, 10.2)
            may = "code_challenge" in request.payload["parameters"] or not request.payload["redirect_uri_sent"]
            return request.payload["redirect_uri"] if may else None
        assert request.client is not None
        registered = request.client.redirect_uris
        request.redirect_ok = len(registered) == 1
        if not request.redirect_ok:
            request.refuse(Reason("redirect_uri_missing", "none was sent, and not just one is registered"))
        return registered[0] if request.redirect_ok else None

    def confirm_redirect_uri(
        self, client_id: str, code: str, redirect_uri: str, client: Any, request: ProtocolRequest, *args: Any, **kw: Any
    ) -> bool:
        return bool(redirect_uri == request.payload["redirect_uri"])

    # --- codes and refresh tokens: the grant that is asked peeks, and uses up last ----------------

    def validate_code(
        self, client_id: str, code: str, client: Any, request: ProtocolRequest, *args: Any, **kwargs: Any
    ) -> bool:
        return request.redeem(code)

    def get_code_challenge(self, code: str, request: ProtocolRequest) -> str | None:
        return request.payload["parameters"].get("code_challenge")  # type: ignore[no-any-return]

    def get_code_challenge_method(self, code: str, request: ProtocolRequest) -> str | None:
        return request.payload["parameters"].get("code_challenge_method")  # type: ignore[no-any-return]

    def validate_refresh_token(
        self, refresh_token: str, client: Any, request: ProtocolRequest, *args: Any, **kwargs: Any
    ) -> bool:
        return request.redeem(refresh_token)

    def get_original_scopes(self, refresh_token: str, request: ProtocolRequest, *args: Any, **kwargs: Any) -> list[str]:
        return request.original_scopes

    def invalidate_authorization_code(
        self, client_id: str, code: str, request: ProtocolRequest, *args: Any, **kwargs: Any
    ) -> None:
        """Nothing to do: :meth:`save_token` used the code up before it issued anything."""

    # --- the end of the unit ----------------------------------------------------------------------

    def save_token(self, token: Any, request: ProtocolRequest, *args: Any, **kwargs: Any) -> None:
        """Lock the authorization, use up the code or refresh token, insert: the order of the house."""
        storage, issuance = self.server.storage, request.issuance
        assert issuance is not None
        now = clock.now()
        expires_at = now + timedelta(seconds=issuance.expires_in)
        if request.authorization_id is not None:
            end = max(expires_at, self.refresh_end(request, now)) if issuance.refresh_token else expires_at
            if not storage.authorizations.touch(request.authorization_id, end):
                ended = Reason("authorization_ended", "its authorization has ended")
                raise ProtocolError("invalid_grant", detail=ended)
        if request.use_up is not None:
            request.use_up()
        new_refresh = issuance.refresh_token if issuance.refresh_token != request.kept_refresh else None
        storage.tokens.add(
            access_digest=tokens.digest(issuance.access_token),
            refresh_digest=None if new_refresh is None else tokens.digest(new_refresh),
            refresh_expires_at=None if new_refresh is None else self.refresh_end(request, now),
            client_pk=issuance.client.pk,
            user_id=issuance.user_key,
            authorization_id=request.authorization_id,
            generation=request.generation,
            scope=" ".join(issuance.scopes),
            audience=issuance.audience,
            created_at=now,
            expires_at=expires_at,
            **issuance.columns,
        )

    def refresh_end(self, request: ProtocolRequest, now: datetime) -> Any:
        """When a refresh token issued or used now ends, if it is not used again (naive UTC)."""
        assert request.client is not None and request.authorization_expires_at is not None
        idle = now + timedelta(seconds=self.server.authorizations.refresh_lifetime(request.client))
        return min(idle, request.authorization_expires_at)


def _not_registered(cause: str, asked: str, registered: list[str]) -> Reason:
    return Reason(cause, f"the client has not registered {asked!r}", sent=asked, expected=list(registered))

"""RFC 6749, 6 and RFC 9700, 4.14: refresh tokens that rotate; one used twice ends its family."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from oauthlib.oauth2 import RefreshTokenGrant

from .. import clock
from ..domain import tokens
from ..domain.claims import Wanted
from ..domain.sessions import Authentication
from ..errors import ProtocolError, Reused, TokenRefused
from ..oauth.request import ProtocolRequest
from ..reasons import Reason
from ..state import ServerState

DEFAULTS = {
    #: For so many seconds a refresh token that was just rotated yields another successor, as long
    #: as none was used: for clients that lose answers.
    "OAUTH2_REFRESH_GRACE": 0,
    #: End the previous access tokens at a refresh, instead of letting them live to their expiry.
    "OAUTH2_REVOKE_ACCESS_ON_REFRESH": False,
}


def init_app(server: ServerState) -> None:
    """Join."""
    server.add_parameters("token", "refresh_token")
    server.add_grant("refresh_token", RefreshGrant, apart=True)


class RefreshGrant(RefreshTokenGrant):
    """oauthlib's grant, whose peeks come here."""

    def validate_token_request(self, request: ProtocolRequest) -> None:
        request.redeem = partial(redeem, self.request_validator.server, request)
        super().validate_token_request(request)


def redeem(server: ServerState, request: ProtocolRequest, value: str) -> bool:
    """Peek at a refresh token. Whether it was used shows when it is used up."""
    if not server.values.is_kind(value, tokens.REFRESH):
        no_refresh_token = Reason("refresh_token_malformed", "this is no refresh token", length=len(value))
        return request.refuse(no_refresh_token)
    row: Any = server.storage.tokens.find_refresh(tokens.digest(value))
    assert request.client is not None
    if row is None:
        return request.refuse(Reason("refresh_token_unknown", "no such refresh token"))
    if row.client_pk != request.client.pk:
        given_to = {"given_to": row.client_id}
        return request.refuse(
            Reason("refresh_token_of_another_client", "the refresh token is another client's", **given_to)
        )
    if row.refresh_used_at is None and row.refresh_expires_at <= clock.now():
        sentence = f"the refresh token expired at {row.refresh_expires_at} UTC"
        return request.refuse(Reason("refresh_token_expired", sentence, ended_at=row.refresh_expires_at.isoformat()))
    try:
        server.bearer.judge_owners(row)
    except TokenRefused as refused:
        return request.refuse(refused.detail)
    scopes = [scope for scope in row.granted_scope.split() if server.may_have(request.client, scope)]
    if not scopes:
        may = {"sent": row.granted_scope, "expected": [" ".join(request.client.scopes)]}
        return request.refuse(Reason("scope_withdrawn", "the client may not have these scopes any more", **may))
    request.user_key = row.user_id
    request.original_scopes = scopes
    request.authorization_id = row.authorization_id
    request.authorization_expires_at = row.authorization_expires_at
    request.authentication = Authentication(row.sid, row.auth_time, row.acr, row.amr)
    request.wanted = Wanted(**(row.claims or {}))
    request.generation = row.generation + 1
    request.kept_refresh = None if request.client.rotates else value
    request.use_up = partial(_use_up, server, request, row)
    return True


def _use_up(server: ServerState, request: ProtocolRequest, row: Any) -> None:
    assert request.client is not None
    if not request.client.rotates:
        end = server.provider.validator.refresh_end(request, clock.now())
        if not server.storage.tokens.prolong_refresh(row.id, end):
            ended = Reason("refresh_token_expired", "the refresh token has ended")
            raise ProtocolError("invalid_grant", detail=ended)
    elif not _is_first(server, row):
        used_at = row.refresh_used_at and row.refresh_used_at.isoformat()
        sentence = "the refresh token was used before: its authorization was ended"
        raise Reused(row.authorization_id, Reason("refresh_token_used", sentence, used_at=used_at))
    if server.settings["OAUTH2_REVOKE_ACCESS_ON_REFRESH"]:
        server.storage.tokens.end_access(row.authorization_id)


def _is_first(server: ServerState, row: Any) -> bool:
    """Whether a token that rotates may be used now: unused, or used within the grace.

    Under a grace several successors of one token may be about. The first that is used is the
    family's; a token that is not of the last generation then is one too many.
    """
    unused = server.storage.tokens.consume_refresh(row.id)
    grace = server.settings["OAUTH2_REFRESH_GRACE"]
    if not grace:
        return unused
    later = server.storage.tokens.successors(row.authorization_id, row.generation)
    if unused:
        return not later
    used_at = row.refresh_used_at or clock.now()
    in_time = used_at >= clock.now() - timedelta(seconds=grace)
    return in_time and all(t.generation == row.generation + 1 and t.refresh_used_at is None for t in later)

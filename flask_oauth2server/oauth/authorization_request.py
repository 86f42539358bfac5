"""The pipeline that every authorization request runs through: filter, validate, grant.

oauthlib validates, and nothing that it judges is judged again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from oauthlib.oauth2 import FatalClientError, OAuth2Error
from oauthlib.oauth2.rfc6749 import errors as oauthlib_errors

from .. import signals
from ..domain import audit, sessions
from ..domain.metadata import sorted_words
from ..domain.records import GRANTED
from ..errors import Gone, PageError, ProtocolError, TicketRefused
from ..reasons import Reason
from ..signals import tell
from ..state import ServerState
from .parameters import Parameters
from .provider import tell_issued, told_by
from .request import ProtocolRequest, for_authorization

_CAUSES: tuple[tuple[type[OAuth2Error], str], ...] = (
    (oauthlib_errors.MismatchingRedirectURIError, "redirect_uri"),
    (oauthlib_errors.MissingRedirectURIError, "redirect_uri"),
    (oauthlib_errors.InvalidRedirectURIError, "redirect_uri"),
    (oauthlib_errors.InvalidClientIdError, "client_unknown"),
)


def filtered(server: ServerState, parameters: Parameters) -> Parameters:
    """The effective parameters, after the request filters in the order of the features."""
    for peek in server.request_filters:
        parameters = peek(parameters)
    return parameters


def validate(server: ServerState, parameters: Parameters) -> tuple[ProtocolRequest, ProtocolError | None]:
    """Judge an authorization request.

    :param parameters: effective ones, see :func:`filtered`.
    :returns: the request, and the error that its client is told, or None. Whether it may be told
        stands in ``redirect_ok``.
    :raises PageError: if the error is for people alone.
    """
    request = for_authorization(parameters)
    request.response_type = sorted_words(request.response_type) or None
    grant = server.provider.response_grant(request.response_type)
    try:
        grant.validate_authorization_request(request)
    except FatalClientError as error:
        raise _for_people(error, request) from error
    except OAuth2Error as error:
        return request, told_by(error, request)
    except ProtocolError as error:
        return request, error
    return request, None


def _for_people(error: OAuth2Error, request: ProtocolRequest) -> PageError:
    cause = request.cause or next((cause for kind, cause in _CAUSES if isinstance(error, kind)), "damaged")
    told = told_by(error, request)
    page = PageError("invalid_request", told.description, detail=told.detail)
    page.cause = cause
    page.client = request.client
    page.client_id = request.client_id
    page.sent = request.redirect_uri
    return page


def grant(
    server: ServerState,
    request: ProtocolRequest,
    user_key: Any,
    scopes: Sequence[str],
    *,
    shown: Sequence[str] | None = None,
    use_up_ticket: Callable[[], None] | None = None,
    give: Callable[[ProtocolRequest], dict[str, str]] | None = None,
    reason: str | None = None,
) -> dict[str, str]:
    """Write an authorization and what the response type gives for it, in one commit.

    :param scopes: what the person allows.
    :param shown: what the consent page showed; None where none was shown.
    :param use_up_ticket: uses the page's ticket up.
    :param give: makes the answer, inside the unit; default: what the response type gives.
    :param reason: why no page was shown, for the audit; default: what follows from the above.
    :returns: the parameters of the answer.
    :raises PageError: if the client was deleted meanwhile.
    :raises TicketRefused: if the ticket was used before, or a remembered consent was withdrawn.
    """
    client = request.client
    assert client is not None
    give = give or server.provider.response_grant(request.response_type).grant

    by_provider = client.first_party or use_up_ticket is not None
    unasked = None if shown is not None else audit.BY_PROVIDER if by_provider else audit.REMEMBERED

    def work() -> tuple[str, dict[str, str]]:
        if use_up_ticket is not None:
            use_up_ticket()
        elif not server.consents.still_covers(client, user_key, scopes, request.wanted.extra):
            raise TicketRefused("the consent was withdrawn meanwhile")
        request.authentication = request.authentication or sessions.authentication()
        granted = server.authorizations.grant(
            client, user_key, scopes, request.authentication, wanted=request.wanted, reason=reason or unasked
        )
        for handle in request.parameters.handles:
            if not server.storage.grants.consume(handle):
                why = Reason("answered_before")
                used = PageError("invalid_request", "This request was answered already.", detail=why)
                used.cause = "too_late"
                raise used
        request.authorization_id, request.authorization_expires_at = granted.pk, granted.expires_at
        request.user_key, request.scopes = user_key, list(scopes)
        answer = give(request)
        if shown is not None:
            server.consents.record(client, user_key, shown, scopes, request.redirect_uri, request.wanted.extra)
        return granted.public_id, answer

    try:
        public_id, answer = server.storage.unit.run(work)
    except Gone as gone:
        deleted = Reason("deleted_meanwhile", str(gone))
        page = PageError("invalid_request", "The application is not registered any more.", detail=deleted)
        page.cause = "client_unknown"
        raise page from gone
    _refuse_ended(server, request, scopes, public_id)
    server.records.count(GRANTED, client.pk)
    told = {"client_id": client.client_id, "user_id": user_key, "scopes": list(scopes)}
    tell(signals.authorization_granted, authorization=public_id, remembered=shown is None, **told)
    if request.issuance is not None:
        tell_issued(server, request.issuance)
    return answer


def _refuse_ended(server: ServerState, request: ProtocolRequest, scopes: Sequence[str], public_id: str) -> None:
    """Undo what was granted in a session that has ended meanwhile, or was over: nobody is there any more.

    Asked after the commit: signing out notes the end, commits, and then looks for what was granted.
    """
    assert request.client is not None and request.authentication is not None
    if server.offline.outlives(request.client, scopes) or not server.authorizations.has_ended(
        request.authentication.sid
    ):
        return
    server.extension.revoke_authorization(public_id, reason="signed out")
    raise ProtocolError("login_required", "The person has signed out.", detail=Reason("session_ended"))

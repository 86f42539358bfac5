"""What a person has to do before they are asked for consent: sign in, again, more strongly, as somebody else.

The pages on which they do it are the host's, who knows nothing of us: each step goes on to an address that comes back
here, with a signed note of when it was asked for (OpenID Connect Core, 3.1.2.3; RFC 9470).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, make_response, redirect, url_for
from flask import request as http

from ..domain import sessions
from ..errors import PageError, ProtocolError
from ..reasons import Reason
from ..state import ServerState
from . import responses
from .parameters import Parameters
from .request import ProtocolRequest

#: Carries the note; the host's ``next`` brings it back.
PROOF = "reauthenticated"

_PROVE, _STEP_UP, _SELECT = "prove", "step up", "select"
_LONGEST_ADDRESS = 8192
_TOO_LONG_AGO = Reason("signed_in_too_long_ago")
_SOMEBODY_ELSE = Reason("somebody_else_signed_in")
_GUESSED = Reason("consent_needed")


def prompts(request: ProtocolRequest) -> list[str]:
    """The words of ``prompt``."""
    return (request.prompt or "").split()


def address(sent: Parameters) -> str:
    """Where the current request can be made again, with *sent* as its query.

    :raises PageError: if it is longer than browsers and proxies bear.
    """
    made = f"{_path()}?{sent.encoded()}"
    if len(made) > _LONGEST_ADDRESS:
        raise PageError("invalid_request", "The request is too long.", status=414, detail=Reason("too_large"))
    return made


def here() -> str:
    """Where the current request can be made again as it is."""
    return f"{_path()}?{http.query_string.decode()}"


def _path() -> str:
    return "/" + f"{http.script_root}{http.path}".lstrip("/")  # never //host, whatever a proxy says


def sign_in(server: ServerState, request: ProtocolRequest, sent: Parameters, *, proving: bool) -> Response:
    """Nobody is signed in: to the host's page for that, or to its page for new people.

    :param proving: whether it will matter when they did.
    """
    if proving and _must_prove(request) and _PROVE not in _noted(request, sent):
        return make_response(redirect(_noting(request, sent, _PROVE), 303))
    return _sign_up(server, request) or make_response(server.login_manager.unauthorized())


def needed(server: ServerState, request: ProtocolRequest, sent: Parameters, person: Any) -> Response | None:
    """What the person who is signed in has to do first, or the error that the client is told if they cannot; None:
    nothing. The request learns how they have signed in."""
    request.authentication = server.acr.authentication(person)
    for step in _STEPS:
        try:
            response = step(server, request, sent, person)
        except ProtocolError as error:
            return responses.authorization_error(server, request, error)
        if response is not None:
            return response
    return None


# --- the steps, in their order ----------------------------------------------------------------------


def _prove(server: ServerState, request: ProtocolRequest, sent: Parameters, person: Any) -> Response | None:
    """Sign in again, unless that was done since it was asked for."""
    is_other = request.hinted is not None and request.hinted != server.identifiers.of(
        request.client, server.subjects.key_of(person)
    )
    if not is_other and _is_guess(server, request, person):
        raise ProtocolError("login_required", "Somebody else is signed in.", detail=_GUESSED)
    if not is_other and not _must_prove(request):
        return None
    asked_at, proved_at = _noted(request, sent).get(_PROVE), sessions.auth_time()
    has_proved = asked_at is not None and proved_at is not None and proved_at > asked_at
    if has_proved and not is_other:
        return None
    if has_proved or "none" in prompts(request):
        if is_other:
            raise ProtocolError("login_required", "Somebody else is signed in.", detail=_SOMEBODY_ELSE)
        raise ProtocolError("login_required", "The person signed in too long ago.", detail=_TOO_LONG_AGO)
    if asked_at is None:
        return make_response(redirect(_noting(request, sent, _PROVE), 303))
    return _sign_up(server, request) or make_response(sessions.reauthenticate(server.login_manager))


def _step_up(server: ServerState, request: ProtocolRequest, sent: Parameters, person: Any) -> Response | None:
    """Authenticate as strongly as the client would like, if the host can make that happen.

    ``acr_values`` are wishes: who comes back without is let through, and the ID token says what it is. What the
    parameter ``claims`` calls essential is not (5.5.1.1).
    """
    assert request.authentication is not None
    has, wishes = request.authentication.acr, (request.parameters.get("acr_values") or "").split()
    wanted = [value for value in request.essential_acr or wishes if server.acr.knows(value)]
    if any(server.acr.satisfies(has, value) for value in wanted) or not (wanted or request.essential_acr):
        return None
    hook, is_back = server.hooks.get("step_up"), _STEP_UP in _noted(request, sent)
    if "none" in prompts(request) or (request.essential_acr and (is_back or hook is None or not wanted)):
        reason = Reason("acr_not_met", sent=" ".join(request.essential_acr or wishes), expected=[has or ""])
        description = "The person has not authenticated in that way."
        raise ProtocolError("unmet_authentication_requirements", description, detail=reason)
    return None if hook is None or is_back else make_response(hook(person, wanted, _noting(request, sent, _STEP_UP)))


def _select_account(server: ServerState, request: ProtocolRequest, sent: Parameters, person: Any) -> Response | None:
    """Choose an account on a page of the host; where it has none, the consent page says who is signed in."""
    hook = server.hooks.get("select_account")
    if "select_account" not in prompts(request) or hook is None or _SELECT in _noted(request, sent):
        return None
    return make_response(hook(person, _noting(request, sent, _SELECT)))


_STEPS: tuple[Callable[..., Response | None], ...] = (_prove, _step_up, _select_account)


def _is_guess(server: ServerState, request: ProtocolRequest, person: Any) -> bool:
    """Whether a client that this person has never allowed asks without a page whether it is they: it is told the same
    as if it were not, for else it could try one ``sub`` after the other until it knows who visits it."""
    assert request.client is not None
    if request.hinted is None or "none" not in prompts(request) or "consent_decision" in server.hooks:
        return False
    return not server.consents.knows(request.client, server.subjects.key_of(person))


def _must_prove(request: ProtocolRequest) -> bool:
    """Whether the person has to prove again who they are."""
    max_age = request.max_age
    if max_age is None and request.client is not None:
        max_age = request.client.metadata.get("default_max_age")
    too_old = max_age is not None and sessions.is_older(int(max_age))
    return too_old or not {"login", "create"}.isdisjoint(prompts(request))


def _noted(request: ProtocolRequest, sent: Parameters) -> dict[str, float]:
    """When each step was asked for, for this request."""
    return sessions.noted(sent.get(PROOF), request.parameters.digest())


def _noting(request: ProtocolRequest, sent: Parameters, step: str) -> str:
    """The current address with a note that *step* is asked for now."""
    note = sessions.note(request.parameters.digest(), step, _noted(request, sent))
    return address(Parameters([*sent.without(PROOF), (PROOF, note)]))


def _sign_up(server: ServerState, request: ProtocolRequest) -> Response | None:
    """To the page for new people, if the client asks for it (Initiating User Registration, 4)."""
    view = server.settings["OAUTH2_SIGN_UP_VIEW"]
    if "create" not in prompts(request) or not view:
        return None
    return make_response(redirect(url_for(view, next=here()), 303))

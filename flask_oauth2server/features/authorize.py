"""RFC 6749, 3.1, RFC 9207 and OpenID Connect Core 3.1.2.1: the authorization endpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from flask import Response, make_response, redirect
from flask import request as http
from flask_wtf.csrf import ValidationError, validate_csrf

from .. import clock, signals
from ..domain import audit, consent, sessions
from ..errors import NO_LOGIN, ConfigurationError, PageError, ProtocolError, TicketRefused
from ..oauth import authorization_request, parameters, responses
from ..oauth.parameters import Parameters
from ..oauth.request import ProtocolRequest
from ..reasons import Reason
from ..signals import tell
from ..state import ServerState
from ..transport import endpoint_url

#: Carries the proof that re-authentication was asked for; the login's ``next`` brings it back.
PROOF = "reauthenticated"

_PROMPTS = ("none", "login", "consent")
_LONGEST_ADDRESS = 8192
_TOO_LONG_AGO = Reason("signed_in_too_long_ago")
_SOMEBODY_ELSE = Reason("somebody_else_signed_in")


def init_app(server: ServerState) -> None:
    """Join."""
    view, methods = partial(authorize, server), ("GET", "POST")
    server.add_route("/authorize", "authorize", view, page=True, methods=methods, checks_csrf=True, rate="authorize")
    server.add_route("/errors/", "errors", partial(errors, server), page=True)
    server.add_parameters("authorize", "response_type", "client_id", "redirect_uri", "scope", "state", "response_mode")
    server.add_parameters("authorize", "prompt", "max_age", "request", "request_uri", PROOF)
    server.add_response_mode("query", responses.query_mode)
    server.add_response_mode("fragment", responses.fragment_mode)
    for check in (check_request_object, partial(check_response_type, server), check_prompt):
        server.add_request_check(check)
    server.add_metadata(metadata)


def metadata(issuer: str) -> dict[str, Any]:
    """RFC 8414, 2 and RFC 9207, 3."""
    return {
        "authorization_endpoint": endpoint_url(issuer, "oauth2server.authorize"),
        "authorization_response_iss_parameter_supported": True,
    }


# --- checks, just after the redirect URI ----------------------------------------------------------


def check_request_object(request: ProtocolRequest) -> None:
    """A request object that no filter took is refused, never ignored (OpenID Connect Core, 6)."""
    for name in ("request", "request_uri"):
        if name in request.parameters:
            reason = Reason("request_object", parameter=name)
            raise ProtocolError(f"{name}_not_supported", f"The parameter {name} is not supported.", detail=reason)


def check_response_type(server: ServerState, request: ProtocolRequest) -> None:
    """oauthlib compares by substring; the table knows the whole words."""
    asked = request.response_type
    kind = server.response_types.get(asked or "")
    if asked is not None and kind is None:
        offered = sorted(server.response_types)
        reason = Reason("response_type_not_offered", sent=asked, expected=offered)
        raise ProtocolError("unsupported_response_type", f"Offered are: {', '.join(offered)}.", detail=reason)
    mode = request.response_mode
    if mode is not None and responses.response_mode(server, request) != mode:
        reason = Reason("response_mode", sent=mode, expected=sorted(server.response_modes))
        raise ProtocolError("invalid_request", "This response_mode is not offered here.", detail=reason)


def check_prompt(request: ProtocolRequest) -> None:
    """``prompt`` and ``max_age``, for every request and not for OpenID Connect's alone."""
    words = _prompts(request)
    if any(word not in _PROMPTS for word in words) or ("none" in words and len(words) > 1):
        reason = Reason("prompt", sent=request.prompt, expected=list(_PROMPTS))
        allowed = f"prompt is none alone, or some of: {', '.join(_PROMPTS[1:])}."
        raise ProtocolError("invalid_request", allowed, detail=reason)
    max_age = request.max_age
    if max_age is not None and not (max_age.isascii() and max_age.isdigit() and len(max_age) < 10):
        reason = Reason("max_age", sent=max_age)
        raise ProtocolError("invalid_request", "max_age is a whole number of seconds.", detail=reason)


def _prompts(request: ProtocolRequest) -> list[str]:
    return (request.prompt or "").split()


# --- the view -------------------------------------------------------------------------------------


def errors(server: ServerState) -> Response:
    """The page of an error that may not be sent to a client, or of a code named in the address."""
    page: Response = server.pages["errors"]()
    return page


def authorize(server: ServerState) -> Response:
    """Validate, sign in, prove again if asked, ask for consent if needed, grant."""
    server.issuer()  # nothing is granted where nobody says who grants
    if server.login_manager is None:
        raise PageError("server_error", status=503, detail=Reason("not_set_up", NO_LOGIN))
    if http.method == "POST" and not parameters.has_field("ticket"):
        return _as_get(server)
    sent = parameters.from_query(server, "authorize")
    person = server.subjects.person()  # before anything is refused, so that it is known who saw it
    request, error = _validated(server, sent)
    if person is None and "none" not in _prompts(request):
        first = None if error else _asking_for_proof(request, sent, _must_prove(request))
        return first or make_response(server.login_manager.unauthorized())
    if error is None and person is None:
        error = ProtocolError("login_required", "Nobody is signed in.", detail=Reason("not_signed_in"))
    if error is not None:
        return responses.authorization_error(server, request, error)
    return _reauthentication(server, request, sent, person) or _consent(server, request, person)


def _as_get(server: ServerState) -> Response:
    """A request by POST is judged, and then goes on as GET: a cross-site POST may come without the
    session cookie (SameSite=Lax), and a login can only come back to an address."""
    sent = parameters.from_form(server, "authorize")
    _validated(server, sent)
    return _to_itself(sent)


def _validated(server: ServerState, sent: Parameters) -> tuple[ProtocolRequest, ProtocolError | None]:
    """The request, and the error that its redirect URI may be told.

    :raises ProtocolError: any other one.
    """
    effective = authorization_request.filtered(server, sent.without(PROOF))
    request, error = authorization_request.validate(server, effective)
    if error is not None and not request.redirect_ok:
        raise error
    return request, error


def _to_itself(sent: Parameters) -> Response:
    path = "/" + f"{http.script_root}{http.path}".lstrip("/")  # never //host, whatever a proxy says
    address = f"{path}?{sent.encoded()}"
    if len(address) > _LONGEST_ADDRESS:
        raise PageError("invalid_request", "The request is too long.", status=414, detail=Reason("too_large"))
    return make_response(redirect(address, 303))


def _must_prove(request: ProtocolRequest) -> bool:
    """Whether ``prompt=login`` or ``max_age`` wants the person to prove again who they are."""
    too_old = request.max_age is not None and sessions.is_older(int(request.max_age))
    return too_old or "login" in _prompts(request)


def _asking_for_proof(request: ProtocolRequest, sent: Parameters, due: bool) -> Response | None:
    """Back to here with a note of when the proof was asked for, which the login's ``next`` will carry."""
    digest = request.parameters.digest()
    if not due or sessions.asked_at(sent.get(PROOF), digest) is not None:
        return None
    return _to_itself(Parameters([*sent.without(PROOF), (PROOF, sessions.proof(digest))]))


def _reauthentication(server: ServerState, request: ProtocolRequest, sent: Parameters, person: Any) -> Response | None:
    """Send a signed-in person to sign in again, unless they have done so since it was asked for
    (OpenID Connect Core, 3.1.2.3)."""
    is_other = request.hinted is not None and request.hinted != server.subjects.sub(server.subjects.key_of(person))
    if not is_other and not _must_prove(request):
        return None
    asked_at, proved_at = sessions.asked_at(sent.get(PROOF), request.parameters.digest()), sessions.auth_time()
    has_proved = asked_at is not None and proved_at is not None and proved_at > asked_at
    if has_proved and not is_other:
        return None
    if has_proved or "none" in _prompts(request):
        error = ProtocolError("login_required", "The person signed in too long ago.", detail=_TOO_LONG_AGO)
        if is_other:
            error = ProtocolError("login_required", "Somebody else is signed in.", detail=_SOMEBODY_ELSE)
        return responses.authorization_error(server, request, error)
    return _asking_for_proof(request, sent, due=True) or make_response(sessions.reauthenticate(server.login_manager))


def _consent(server: ServerState, request: ProtocolRequest, person: Any) -> Response:
    assert request.client is not None and request.redirect_uri is not None
    key, prompts, scopes = server.subjects.key_of(person), _prompts(request), list(request.scopes or ())
    asking = server.consents.asking(request.client, key, scopes, request.redirect_uri, forced="consent" in prompts)
    if http.method == "POST":
        return _answered(server, request, person, asking)
    if not asking.needed:
        try:
            answer = authorization_request.grant(server, request, key, asking.granted)
            return responses.authorization_answer(server, request, answer)
        except TicketRefused:
            pass  # withdrawn at this moment: it is asked for after all
    question = _question(server, request, person, asking)
    decided = _decided(server, question)
    if decided is not None:
        return _granted_or_denied(server, request, key, decided)
    if "none" in prompts:
        error = ProtocolError("consent_required", "The person has to be asked.", detail=Reason("consent_needed"))
        return responses.authorization_error(server, request, error)
    return _page(server, question)


def _question(
    server: ServerState, request: ProtocolRequest, person: Any, asking: consent.Asking, *, again: bool = False
) -> consent.Question:
    client, redirect_uri = request.client, request.redirect_uri
    assert client is not None and redirect_uri is not None
    scopes: list[str] = list(request.scopes or ())
    known = {scope: server.scopes.get(scope) for scope in scopes}
    offline = timedelta(seconds=server.settings["OAUTH2_AUTHORIZATION_EXPIRES_IN"])
    return consent.Question(
        client=client,
        user=person,
        required=tuple(s for id_, s in known.items() if s and not s.optional),
        optional=tuple((s, id_ in asking.agreed) for id_, s in known.items() if s and s.optional),
        redirect_uri=redirect_uri,
        asking=asking,
        offline_until=clock.now() + offline if server.is_offline(client) else None,
        ticket=server.consents.tickets.make(_binding(server, request, person)),
        notice=again,
        scope=" ".join(scopes),
    )


def _page(server: ServerState, question: consent.Question) -> Response:
    render = server.hooks.get("consent_page") or server.pages["consent"]
    return responses.secured(
        server.settings, make_response(render(question)), responses.form_action_of(question.redirect_uri)
    )


def _decided(server: ServerState, question: consent.Question) -> list[str] | None:
    """What the host's code decides, where it may: the scopes that are granted; None asks the person."""
    decide = server.hooks.get("consent_decision")
    if decide is None or question.asking.always or question.asking.forced:
        return None
    decision, asked = decide(question), question.scope.split()
    if decision is None or isinstance(decision, bool):
        return None if decision is None else asked if decision else []
    if not isinstance(decision, list | tuple | set | frozenset) or not all(isinstance(s, str) for s in decision):
        raise ConfigurationError("The hook consent_decision returns True, False, None or a list of scopes.")
    return [scope for scope in asked if scope in decision]


def _granted_or_denied(server: ServerState, request: ProtocolRequest, key: Any, scopes: list[str]) -> Response:
    if not scopes:
        server.storage.unit.run(partial(_note_denial, server, request, key, _code_decides, audit.BY_PROVIDER))
        return _denied(server, request, key)
    answer = authorization_request.grant(server, request, key, scopes, use_up_ticket=_code_decides)
    return responses.authorization_answer(server, request, answer)


def _binding(server: ServerState, request: ProtocolRequest, person: Any) -> str:
    assert request.client is not None
    key, redirect_uri = server.subjects.key_of(person), request.redirect_uri or ""
    return server.consents.binding(
        request.parameters.digest(), request.client, redirect_uri, key, list(request.scopes or ())
    )


def _answered(server: ServerState, request: ProtocolRequest, person: Any, asking: consent.Asking) -> Response:
    """The form came back. A refused token or ticket shows the page again, never an error."""
    key, scopes = server.subjects.key_of(person), list(request.scopes or ())
    allowed = _allowed(server, scopes)
    try:
        validate_csrf(http.form.get("csrf_token"))
        use_up = server.consents.tickets.use_up(http.form.get("ticket"), _binding(server, request, person))
        if allowed:
            answer = authorization_request.grant(server, request, key, allowed, shown=scopes, use_up_ticket=use_up)
            return responses.authorization_answer(server, request, answer)
        server.storage.unit.run(partial(_note_denial, server, request, key, use_up))
    except (ValidationError, TicketRefused):
        return _page(server, _question(server, request, person, asking, again=True))
    return _denied(server, request, key)


def _code_decides() -> None:
    """Use nothing up: there is no ticket, and no earlier consent that could be withdrawn."""


def _note_denial(
    server: ServerState, request: ProtocolRequest, key: Any, use_up: Callable[[], None], reason: str | None = None
) -> None:
    client = request.client
    assert client is not None
    use_up()
    of_client = {"client_id": client.client_id, "client_name": client.name}
    server.audit.note(audit.DENIED, key, scopes=list(request.scopes or ()), reason=reason, **of_client)


def _denied(server: ServerState, request: ProtocolRequest, key: Any) -> Response:
    assert request.client is not None
    told = {"client_id": request.client.client_id, "user_id": key, "scopes": list(request.scopes or ())}
    tell(signals.authorization_denied, **told)
    error = ProtocolError("access_denied", "The person said no.", detail=Reason("person_denied"))
    return responses.authorization_error(server, request, error)


def _allowed(server: ServerState, scopes: Sequence[str]) -> list[str]:
    """Allow grants the required scopes and the ticked ones; Deny, or nothing left, grants none."""
    if http.form.getlist("confirm") != ["yes"]:
        return []
    ticked = http.form.getlist("scope")
    return [scope for scope in scopes if not server.scopes.is_optional(scope) or scope in ticked]

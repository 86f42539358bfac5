"""RFC 6749, 3.1, RFC 9207 and OpenID Connect Core 3.1.2.1: the authorization endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from flask import Response, make_response, redirect
from flask import request as http
from flask_wtf.csrf import ValidationError, validate_csrf

from .. import clock, signals
from ..domain import audit, consent
from ..errors import NO_LOGIN, ConfigurationError, PageError, ProtocolError, TicketRefused
from ..oauth import authorization_request, interaction, parameters, responses
from ..oauth.interaction import PROOF, prompts
from ..oauth.parameters import Parameters
from ..oauth.request import ProtocolRequest
from ..reasons import Reason
from ..signals import tell
from ..state import ServerState
from ..text import Sentence
from ..transport import endpoint_url

_PROMPTS = ("none", "login", "consent", "select_account")
_LONGEST_AGE = 10**9 - 1


def init_app(server: ServerState) -> None:
    """Join."""
    view, methods = partial(authorize, server), ("GET", "POST")
    server.add_route("/authorize", "authorize", view, page=True, methods=methods, checks_csrf=True, rate="authorize")
    server.add_route("/errors/", "errors", partial(errors, server), page=True)
    server.add_parameters("authorize", "response_type", "client_id", "redirect_uri", "scope", "state", "response_mode")
    server.add_parameters("authorize", "prompt", "max_age", "request", "request_uri", PROOF)
    server.add_response_mode("query", responses.query_mode)
    server.add_response_mode("fragment", responses.fragment_mode)
    server.add_client_metadata("default_max_age", None, check_max_age)
    for check in (check_request_object, partial(check_response_type, server), partial(check_prompt, server)):
        server.add_request_check(check)
    server.add_metadata(partial(metadata, server))


def metadata(server: ServerState, issuer: str) -> dict[str, Any]:
    """RFC 8414, 2, RFC 9207, 3 and Initiating User Registration, 4.1."""
    return {
        "authorization_endpoint": endpoint_url(issuer, "oauth2server.authorize"),
        "authorization_response_iss_parameter_supported": True,
        "prompt_values_supported": offered_prompts(server),
        "acr_values_supported": list(server.settings["OAUTH2_ACR_VALUES"]),
    }


def offered_prompts(server: ServerState) -> list[str]:
    """What ``prompt`` may say here."""
    return [*_PROMPTS, *(["create"] if server.settings["OAUTH2_SIGN_UP_VIEW"] else [])]


def check_max_age(value: Any, _metadata: Mapping[str, Any]) -> None:
    """``default_max_age`` of a client: seconds."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LONGEST_AGE:
        raise ValueError(Sentence("must be a number of seconds."))


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


def check_prompt(server: ServerState, request: ProtocolRequest) -> None:
    """``prompt`` and ``max_age``, for every request and not for OpenID Connect's alone."""
    words, offered = prompts(request), offered_prompts(server)
    if any(word not in offered for word in words) or ("none" in words and len(words) > 1):
        reason = Reason("prompt", sent=request.prompt, expected=offered)
        allowed = f"prompt is none alone, or some of: {', '.join(offered[1:])}."
        raise ProtocolError("invalid_request", allowed, detail=reason)
    max_age = request.max_age
    if max_age is not None and not (max_age.isascii() and max_age.isdigit() and len(max_age) < 10):
        reason = Reason("max_age", sent=max_age)
        raise ProtocolError("invalid_request", "max_age is a whole number of seconds.", detail=reason)


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
    if person is None and "none" not in prompts(request):
        return interaction.sign_in(server, request, sent, proving=error is None)
    if error is None and person is None:
        error = ProtocolError("login_required", "Nobody is signed in.", detail=Reason("not_signed_in"))
    if error is not None:
        return responses.authorization_error(server, request, error)
    try:
        return interaction.needed(server, request, sent, person) or _consent(server, request, person)
    except ProtocolError as refused:
        return responses.authorization_error(server, request, refused)


def _as_get(server: ServerState) -> Response:
    """A request by POST is judged, and then goes on as GET: a cross-site POST may come without the
    session cookie (SameSite=Lax), and a login can only come back to an address."""
    sent = parameters.from_form(server, "authorize")
    _validated(server, sent)
    return make_response(redirect(interaction.address(sent), 303))


def _validated(server: ServerState, sent: Parameters) -> tuple[ProtocolRequest, ProtocolError | None]:
    """The request, and the error that its redirect URI may be told.

    :raises ProtocolError: any other one.
    """
    effective = authorization_request.filtered(server, sent.without(PROOF))
    request, error = authorization_request.validate(server, effective)
    if error is not None and not request.redirect_ok:
        raise error
    return request, error


def _consent(server: ServerState, request: ProtocolRequest, person: Any) -> Response:
    assert request.client is not None and request.redirect_uri is not None
    key, asked, scopes = server.subjects.key_of(person), prompts(request), list(request.scopes or ())
    # Where the host has no page to choose an account, this one says whose it is, and has "Not you?".
    forced = "consent" in asked or ("select_account" in asked and "select_account" not in server.hooks)
    asking = server.consents.asking(
        request.client, key, scopes, request.redirect_uri, forced=forced, claims=request.wanted.extra
    )
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
    if "none" in asked:
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
        offline_until=clock.now() + offline if server.offline.may_refresh(client) else None,
        ticket=server.consents.tickets.make(_binding(server, request, person)),
        notice=again,
        scope=" ".join(scopes),
        claims=request.wanted.extra,
        ends_with_session=server.offline.ends_with_session(scopes),
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

"""The only place that answers a client: redirects and their modes, JSON, errors, CORS, no-store."""

from __future__ import annotations

import functools
import inspect
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Response, current_app, g, jsonify, make_response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from .. import signals, transport
from ..domain import redirect_uris, tokens
from ..domain.cleaning import cleaned
from ..domain.metadata import sorted_words
from ..errors import IssuerUnknown, OAuth2ServerError, PageError, ProtocolError, Unavailable
from ..reasons import Reason
from ..registers import Route
from ..signals import tell
from ..state import ServerState
from .request import ProtocolRequest

log = logging.getLogger(__name__)

_OUR_ERRORS = "oauth2server.errors"
_NOT_TOLD = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")
#: What is said where nobody said more.
_DESCRIPTIONS = {
    "invalid_grant": "The grant is invalid, expired, used, revoked, or another client's.",
    "invalid_scope": "No scope was named, or one that this client may not ask for.",
    "unauthorized_client": "The client is not registered for this.",
    "access_denied": "The person said no.",
}
#: On every answer for programs.
_ALWAYS = {"Cache-Control": "no-store", "Pragma": "no-cache", "X-Content-Type-Options": "nosniff"}
_HTTP_ERRORS = {413: "invalid_request", 415: "invalid_request", 404: "invalid_request", 429: "temporarily_unavailable"}


def json_answer(members: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON that no cache keeps (RFC 6749, 5.1)."""
    response = jsonify(dict(members))
    if status != 200:
        response.status_code = status
    response.headers.extend(_ALWAYS)
    if headers:
        response.headers.update(headers)
    return response


def may_be_kept(response: Response, seconds: int) -> Response:
    """Let everybody's caches keep an answer."""
    response.headers["Cache-Control"] = f"public, max-age={seconds}"
    del response.headers["Pragma"]
    return response


def json_error(error: ProtocolError) -> Response:
    """An error as JSON, with characters that RFC 6749, 5.2 allows."""
    return json_answer(told_members(error), error.status, error.headers)


def told_members(error: ProtocolError) -> dict[str, str]:
    """What a client is told of an error (RFC 6749, 5.2)."""
    description = error.description or _DESCRIPTIONS.get(error.error, "")
    told = {"error": error.error, "error_description": _NOT_TOLD.sub("", description)}
    return {name: value for name, value in told.items() if value}


def note_refusal(server: ServerState, error: ProtocolError) -> None:
    """Tell the log, whoever listens, and administrators which check failed, under a reference that
    pages show."""
    error.reference = error.reference or tokens.reference()
    server.failures.note(error.reference, error.detail, error.error, error.status, error.client_id)
    said = cleaned(error.detail)
    told = {"error": error.error, "detail": said, "client_id": error.client_id, "reference": error.reference}
    log.info("%s refused: %s (%s) [%s]", request.endpoint, error.error, said, error.reference)
    tell(signals.request_refused, endpoint=request.endpoint, **told)


# --- endpoints for programs -----------------------------------------------------------------------


def api_view(server: ServerState, route: Route) -> Callable[..., Response]:
    """*route* as an endpoint that answers every error as JSON, whatever the method or content type."""
    answer = _called(route.view)

    @functools.wraps(route.view)
    def view(**arguments: Any) -> Response:
        try:
            if route.cors and request.method == "OPTIONS":
                response = _preflight(route)
            else:
                _admit(server, route, arguments)
                with server.storage.guarded():
                    response = make_response(answer(**arguments))
        except (OAuth2ServerError, HTTPException) as error:
            told = as_protocol_error(error)
            note_refusal(server, told)
            response = json_error(told)
        if route.cors:
            _share(response)
        return server.records.closing(response)

    return view


def _called(view: Callable[..., Any]) -> Callable[..., Any]:
    """How *view* is called: one of the host's or of a feature of theirs may be async."""
    if not inspect.iscoroutinefunction(view):
        return view
    return lambda **arguments: current_app.ensure_sync(view)(**arguments)


def as_protocol_error(error: Exception) -> ProtocolError:
    """What a client is told about any error that may reach the edge of an endpoint."""
    if isinstance(error, ProtocolError):
        return error
    if isinstance(error, Unavailable | IssuerUnknown):
        log.error("%s", error)
        description = "The server cannot answer now. Try again later."
        headers = {"Retry-After": Unavailable.retry_after}
        busy = isinstance(error, Unavailable)
        reason = Reason("database_unavailable" if busy else "issuer_unknown", str(error))
        told = PageError("temporarily_unavailable", description, status=503, detail=reason, headers=headers)
        told.cause = "busy" if busy else "not_ready"
        return told
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(error.valid_methods or ())
        reason = Reason("method", sent=request.method, expected=list(error.valid_methods or ()))
        headers = {"Allow": allowed}
        told = PageError("invalid_request", f"Use {allowed}.", status=405, headers=headers, detail=reason)
        told.cause = "method"
        return told
    if isinstance(error, HTTPException):
        code = error.code or 500
        reason = Reason({404: "not_found", 413: "too_large"}.get(code, "other"))
        told = PageError(_HTTP_ERRORS.get(code, "invalid_request"), error.name, status=code, detail=reason)
        told.cause = {404: "missing", 413: "too_large"}.get(code, told.cause)
        return told
    log.error("%s", error)
    reason = Reason("not_set_up", str(error))
    return ProtocolError("server_error", "The server is not set up for this.", status=503, detail=reason)


def _admit(server: ServerState, route: Route, arguments: Mapping[str, Any]) -> None:
    g.oauth2server_route = route  # seen at teardown
    http = transport.current_request()
    ours, hosts = server.settings["OAUTH2_MAX_CONTENT_LENGTH"] + route.uploads, http.max_content_length
    http.max_content_length = ours if hosts is None else min(ours, hosts)
    if http.method not in route.methods:
        raise MethodNotAllowed(list(route.methods))
    if not transport.is_acceptable(server.settings):
        insecure = PageError("invalid_request", "Use https.", detail=Reason("insecure", _HTTPS_ADVICE))
        insecure.cause = "insecure"
        raise insecure
    if any(isinstance(value, str) and "\0" in value for value in arguments.values()):
        raise NotFound  # no database finds one, and PostgreSQL refuses to look
    try:
        http.query_string.decode()
    except UnicodeDecodeError:  # raw bytes, at which Werkzeug's args would fail
        raise ProtocolError("invalid_request", "The query is not UTF-8.", detail=Reason("unreadable")) from None
    server.rates(route)


_HTTPS_ADVICE = (
    "the request came in plain http from another machine; behind a proxy that ends TLS, use werkzeug's ProxyFix "
    "and let the proxy send X-Forwarded-Proto"
)


def _share(response: Response) -> None:
    """Let pages of any origin read the answer; no cookies are honoured there."""
    response.headers.add("Vary", "Origin")
    if origin := request.headers.get("Origin"):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "WWW-Authenticate, Retry-After"


def _preflight(route: Route) -> Response:
    response = make_response("", 204)
    response.headers["Access-Control-Allow-Methods"] = ", ".join(route.methods)
    response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
    response.headers["Access-Control-Max-Age"] = "600"
    return response


# --- pages for people -----------------------------------------------------------------------------


def page_view(server: ServerState, route: Route) -> Callable[..., Response]:
    """*route* as a page: errors are pages, too, and every answer carries the security headers."""
    answer = _called(route.view)

    @functools.wraps(route.view)
    def view(**arguments: Any) -> Response:
        try:
            _admit(server, route, arguments)
            with server.storage.guarded():
                response = make_response(answer(**arguments))
        except HTTPException as error:
            if not isinstance(error, MethodNotAllowed | NotFound | RequestEntityTooLarge):
                raise  # the host's own: 401 of unauthorized(), abort() in a login view
            response = error_page(server, as_protocol_error(error))
        except OAuth2ServerError as error:
            response = error_page(server, as_protocol_error(error))
        return server.records.closing(secured(server.settings, response))

    return view


def error_page(server: ServerState, error: ProtocolError) -> Response:
    """An error that people see, rendered by the view that ``OAUTH2_PROVIDER_ERROR_ENDPOINT`` names."""
    note_refusal(server, error)
    if error.status == 503 and server.login_manager is not None:
        # Flask-Login's context processor would ask the database, which is not there.
        g.setdefault("_login_user", server.login_manager.anonymous_user())
    endpoint = server.settings["OAUTH2_PROVIDER_ERROR_ENDPOINT"]
    view = current_app.view_functions.get(endpoint)
    if view is None:
        log.error("OAUTH2_PROVIDER_ERROR_ENDPOINT names no view of this app: %r", endpoint)
    if view is None or endpoint == _OUR_ERRORS:
        response = make_response(server.pages["errors"](error))
    else:
        g.oauth2server_error = error
        response = make_response(current_app.ensure_sync(view)())
    response.status_code = error.status
    response.headers.update(error.headers)
    return response


#: What pages may load: from this server alone, unless ``OAUTH2_CSP_SOURCES`` adds to it.
_SOURCES = {"default-src": "'none'", "style-src": "'self'", "script-src": "'self'", "img-src": "'self'"}


def with_frames(server: ServerState, page: str, frames: Sequence[str]) -> Response:
    """A page that loads *frames* of clients, and none but those."""
    origins = sorted({"://".join(urlsplit(address)[:2]) for address in frames})
    return secured(server.settings, make_response(page), frames=" ".join(origins))


def secured(settings: Mapping[str, Any], response: Response, form_action: str = "'self'", frames: str = "") -> Response:
    """Headers of every page (RFC 9700, 4.16 and 4.2.4): in no frame, no scripts but ours, no cache.

    :param frames: sources of frames within it.
    """
    headers = response.headers
    sources = _with_hosts(_SOURCES, settings["OAUTH2_CSP_SOURCES"])
    if frames:
        sources["frame-src"] = f"{sources.get('frame-src', '')} {frames}".strip()
    policy = "; ".join(f"{directive} {value}" for directive, value in sources.items())
    headers.setdefault(
        "Content-Security-Policy", f"{policy}; form-action {form_action}; frame-ancestors 'none'; base-uri 'none'"
    )
    headers["X-Frame-Options"] = "DENY"
    headers["X-Content-Type-Options"] = "nosniff"
    headers.setdefault("Referrer-Policy", "same-origin")  # Flask-WTF refuses an https POST without a Referer
    headers["Cache-Control"] = "no-store"
    headers["Pragma"] = "no-cache"
    return response


def _with_hosts(sources: Mapping[str, str], hosts: Mapping[str, str]) -> dict[str, str]:
    """*sources* with those that the host's own layout needs."""
    directives = [*sources, *(name for name in hosts if name not in sources)]
    values = {name: f"{sources.get(name, '')} {hosts.get(name, '')}".strip() for name in directives}
    return {name: value.removeprefix("'none' ") for name, value in values.items()}


def form_action_of(redirect_uri: str) -> str:
    """Where the form of a consent page may lead: Chromium holds the whole chain of redirects to it."""
    if redirect_uri.startswith("https://"):
        return "'self' https:"
    scheme = redirect_uri.partition(":")[0]
    if scheme == "http":
        authority = redirect_uri.removeprefix("http://").partition("/")[0].partition("?")[0]
        # A policy has no way to write an IPv6 address.
        return "'self' https: http:" if authority.startswith("[") else f"'self' https: http://{authority}"
    return f"'self' https: {scheme}:"


# --- answers at the redirect URI ------------------------------------------------------------------


def authorization_answer(server: ServerState, to: ProtocolRequest, parameters: Mapping[str, str]) -> Response:
    """Hand *parameters* to the client: the only code that writes a Location to one.

    ``state`` and ``iss`` (RFC 9207) are added, to success and error alike.
    """
    assert to.redirect_uri is not None
    told = dict(parameters)
    description = told.pop("error_description", None)
    if to.state:
        told["state"] = to.state
    told["iss"] = server.issuer()
    if description:
        told["error_description"] = description  # last, so that an empty fragment may follow
    response: Response = server.response_modes[response_mode(server, to)](to, told)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def response_mode(server: ServerState, to: ProtocolRequest) -> str:
    """The response mode asked for, if it may be used, else the default of the response type."""
    kind = server.response_types.get(sorted_words(to.response_type))
    default = kind.mode if kind is not None else "query"
    asked = to.response_mode
    may = asked in server.response_modes and not (asked == "query" and default != "query")
    return asked if may and asked is not None else default


def query_mode(to: ProtocolRequest, parameters: Mapping[str, str]) -> Response:
    """Parameters in the query."""
    # An empty fragment keeps browsers from attaching the request's own (RFC 9700, 4.1.3).
    end = "#" if "error" in parameters else ""
    return _redirect(_appended(to.redirect_uri or "", parameters) + end)


def _appended(redirect_uri: str, parameters: Mapping[str, str]) -> str:
    """With a query, appended as a string: what was registered stays as it is, letter by letter."""
    mark = "?" if "?" not in redirect_uri else "" if redirect_uri.endswith(("?", "&")) else "&"
    return f"{redirect_uri}{mark}{urlencode(parameters)}"


def with_state(redirect_uri: str, state: str | None) -> str:
    """Where it goes on after signing out (RP-Initiated Logout, 3); ``state`` comes back as it was sent."""
    return _appended(redirect_uri, {"state": state}) if state else redirect_uri


def logout_answer(redirect_uri: str, state: str | None) -> Response:
    """Back to a client after signing out."""
    response = _redirect(with_state(redirect_uri, state))
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def fragment_mode(to: ProtocolRequest, parameters: Mapping[str, str]) -> Response:
    """Parameters in the fragment."""
    return _redirect(f"{to.redirect_uri}#{urlencode(parameters)}")


class _Redirect(Response):
    """A redirect whose Location stays the string that it is; Werkzeug would take it apart."""

    def get_wsgi_headers(self, environ: Any) -> Any:
        location = self.headers.pop("Location")
        headers = super().get_wsgi_headers(environ)
        self.headers["Location"] = headers["Location"] = location
        return headers


def _redirect(location: str) -> Response:
    # 303 after a POST, so that nothing posted here is posted there (RFC 9700, 4.12).
    return _Redirect("", 303 if request.method == "POST" else 302, {"Location": location})


def authorization_error(server: ServerState, to: ProtocolRequest, error: ProtocolError) -> Response:
    """Tell the client, or, if its redirect URI was not found good, the person alone."""
    if not to.redirect_ok or isinstance(error, PageError):
        raise error
    error.client_id = to.client_id
    note_refusal(server, error)
    response = authorization_answer(server, to, told_members(error))
    if _goes_on_by_itself(server, to, error):
        return response
    assert to.client is not None and to.redirect_uri is not None
    host = redirect_uris.host(to.redirect_uri)
    page: Response = server.pages["unverified_error"](to.client, host, response.headers["Location"], error)
    return page


def _goes_on_by_itself(server: ServerState, to: ProtocolRequest, error: ProtocolError) -> bool:
    """Whether an error redirects at once: not for a client that nobody has checked, when the person
    did nothing to get there (RFC 9700, 4.11.2)."""
    by_person = error.error == "access_denied" or "none" in (to.prompt or "").split()
    checked = to.client is not None and to.client.verified
    return checked or by_person or not server.settings["OAUTH2_CONFIRM_UNVERIFIED_ERRORS"]

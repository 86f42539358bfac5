"""The resource-server side: ``require_oauth``, ``protect`` and their challenges (RFC 6750)."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from flask import Flask, Request, Response, after_this_request, current_app, g, jsonify, request
from flask.views import View

from . import clock, signals
from .domain import devices, sessions, tokens
from .domain.bearer import TokenInfo
from .domain.cleaning import cleaned, scheme_of
from .errors import TokenRefused, Unavailable
from .reasons import Reason
from .signals import tell
from .state import ServerState
from .storage.unit import DATABASE_ERRORS
from .transport import current_request, network

log = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "_oauth2server_protected"
_QUERY_TOKEN = "access_token"
#: Seconds between two notes of when a token was used last.
_TOUCH_INTERVAL = 60
#: The same where it comes from another network, and so maybe from somebody else.
_TOUCH_INTERVAL_ELSEWHERE = 5


class Demand(NamedTuple):
    """What a view asks of a token."""

    scopes: tuple[str, ...]
    any_of: tuple[str, ...]
    optional: bool
    #: Whether a form may bring the token (RFC 6750, 2.2).
    in_body: bool = False
    #: How, and how many seconds ago at most, the person has to have authenticated (RFC 9470).
    acr: str | None = None
    max_age: int | None = None


class _Refusal(Exception):  # noqa: N818
    client_id: str | None = None

    def __init__(self, status: int, error: str = "", description: str = "", *, detail: Reason) -> None:
        super().__init__(detail or description)
        self.status, self.error, self.description = status, error, description
        self.detail = detail or detail.saying(description)


def require_oauth(
    *scopes: str,
    any_of: Sequence[str] = (),
    optional: bool = False,
    acr: str | None = None,
    max_age: int | None = None,
) -> Callable[[F], F]:
    """Let a view be called with an access token only (RFC 6750).

    :param scopes: the token needs all of them; none: any valid token will do.
    :param any_of: the token needs at least one of them.
    :param optional: a request without a token is let in, too; ``current_token`` is false then. A
        bad token is refused all the same.
    :param acr: one of ``OAUTH2_ACR_VALUES``: so strongly, or more so, the person has to have authenticated.
    :param max_age: so many seconds ago at most.
    :returns: a decorator for functions, methods, async functions and class-based views.

    Without a token, or with a bad one, the answer is 401 with a ``WWW-Authenticate`` challenge;
    with too few scopes 403 ``insufficient_scope``, naming all that are needed. Where the person has not
    authenticated strongly or lately enough it is 401 ``insufficient_user_authentication`` (RFC 9470), with what the
    client sends on to the authorization endpoint: ``acr_values`` and ``max_age``.
    """
    if len(scopes) == 1 and not isinstance(scopes[0], str):
        raise TypeError("Write @require_oauth() with parentheses.")
    demand = Demand(scopes, tuple(any_of), optional, acr=acr, max_age=max_age)

    def decorate(view: F) -> F:
        if isinstance(view, type) and issubclass(view, View):
            # The method, and not the class's list of decorators, which a subclass replaces.
            view.dispatch_request = _wrapped(view.dispatch_request, demand)  # type: ignore[method-assign]
            return view
        return _wrapped(view, demand)

    return decorate


def protect(
    *scopes: str,
    any_of: Sequence[str] = (),
    optional: bool = False,
    acr: str | None = None,
    max_age: int | None = None,
) -> Callable[[], Response | None]:
    """The same as :func:`require_oauth`, for a ``before_request`` of a blueprint or app."""
    demand = Demand(scopes, tuple(any_of), optional, acr=acr, max_age=max_age)

    def check() -> Response | None:
        return admit(demand)

    setattr(check, _MARK, True)
    return check


def _wrapped(view: F, demand: Demand) -> F:
    if inspect.iscoroutinefunction(view):

        @functools.wraps(view)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            refused = admit(demand)
            return await view(*args, **kwargs) if refused is None else refused

    else:

        @functools.wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            refused = admit(demand)
            return view(*args, **kwargs) if refused is None else refused

    setattr(wrapper, _MARK, True)
    return wrapper  # type: ignore[return-value]


def is_protected(app: Flask) -> bool:
    """Whether the view of the current request is marked: told by the object, never by its name."""
    view: Any = app.view_functions.get(request.endpoint or "")
    of_class = getattr(view, "view_class", None)
    method = getattr(of_class, request.method.lower(), None)
    dispatch = getattr(of_class, "dispatch_request", None)
    names: list[str | None] = [None, *request.blueprints]
    hooks = [hook for name in names for hook in app.before_request_funcs.get(name, ())]
    return any(getattr(candidate, _MARK, False) for candidate in (view, method, dispatch, *hooks))


def carries_token(server: ServerState) -> bool:
    """Whether the current request has an Authorization header of a token type."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() in server.token_types and bool(value.strip())


def admit(demand: Demand) -> Response | None:
    """Judge the current request; None lets it in, else the answer that refuses it."""
    server: ServerState = current_app.extensions["oauth2server"]
    sent = current_request()
    entered = getattr(sent, "oauth", None)
    try:
        token = _looked_up(server, sent, demand) if entered is None else entered.token
        if token is None and demand.optional:
            return None
        if token is None:
            scheme = scheme_of(sent.headers.get("Authorization", ""))
            raise _Refusal(401, detail=Reason("token_missing", "no token was sent", scheme=scheme))
        _check_scopes(token, demand)
        _check_authentication(server, token, demand)
    except _Refusal as refusal:
        return _refused(server, refusal, demand)
    except Unavailable as error:
        log.error("%s", error)
        return _unavailable()
    if entered is None:
        _enter(server, sent, token)
    return None


def _looked_up(server: ServerState, sent: Request, demand: Demand) -> TokenInfo | None:
    try:
        server.storage.schema.demand()
        return _token(server, sent, demand)
    except DATABASE_ERRORS as error:
        server.storage.unit.translate(error)
        raise


def _token(server: ServerState, sent: Request, demand: Demand) -> TokenInfo | None:
    presented = _presented(server, sent, demand)
    if presented is None:
        return None
    scheme, value = presented
    try:
        token = _found(server, value)
        server.token_types[scheme].judge(token)
    except TokenRefused as refused:
        description = "The access token is expired, revoked, malformed or not for this server."
        reason = refused.detail if isinstance(refused.detail, Reason) else Reason("token_refused", refused.detail)
        refusal = _Refusal(401, "invalid_token", description, detail=reason)
        refusal.client_id = refused.client_id
        raise refusal from None
    return token


def _found(server: ServerState, value: str) -> TokenInfo:
    for find in server.token_lookups:
        token = find(value)
        if token is not None:
            if token.audience is not None:
                refused = TokenRefused(
                    Reason("token_for_another", "it is for another resource", sent=" ".join(token.audience))
                )
                refused.client_id = token.client_id
                raise refused
            return token
    shape = {"kind": server.values.kind(value), "length": len(value), "seems_ours": server.values.seems_ours(value)}
    raise TokenRefused(Reason("token_unknown", "no such token", **shape))


def _in_query(sent: Request) -> list[str]:
    if not sent.query_string:
        return []
    try:
        return sent.args.getlist(_QUERY_TOKEN)
    except UnicodeDecodeError:  # raw bytes that are not UTF-8
        raise _Refusal(400, "invalid_request", "The query is not UTF-8.", detail=Reason("unreadable")) from None


def _in_body(sent: Request, demand: Demand) -> list[str]:
    is_form = demand.in_body and sent.method == "POST" and sent.mimetype == "application/x-www-form-urlencoded"
    return sent.form.getlist(_QUERY_TOKEN) if is_form else []


def _presented(server: ServerState, sent: Request, demand: Demand) -> tuple[str, str] | None:
    """Scheme and value of the token that was sent, in one way only (RFC 6750, 2)."""
    in_query, in_body = _in_query(sent), _in_body(sent, demand)
    scheme, _, value = sent.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    scheme, value = scheme.lower(), value.strip()
    if scheme in server.token_types:
        if in_query or in_body:
            raise _Refusal(400, "invalid_request", "The token was sent in two ways.", detail=Reason("token_twice"))
        if not value or any(c in value for c in ' ,"'):
            malformed = Reason("header_malformed")
            raise _Refusal(400, "invalid_request", "The Authorization header is malformed.", detail=malformed)
        return scheme, value
    if in_body:
        if in_query or len(in_body) > 1:
            raise _Refusal(400, "invalid_request", "The token was sent twice.", detail=Reason("token_twice"))
        return "bearer", in_body[0]
    if in_query and server.settings.get("OAUTH2_ENABLE_QUERY_TOKEN"):
        if len(in_query) > 1:
            raise _Refusal(400, "invalid_request", "The token was sent twice.", detail=Reason("token_twice"))
        return "bearer", in_query[0]
    if in_query:
        log.info("a token in the query is ignored: send it in the Authorization header")
    return None


def _check_scopes(token: TokenInfo, demand: Demand) -> None:
    missing = [scope for scope in demand.scopes if scope not in token.scopes]
    if demand.any_of and not any(scope in token.scopes for scope in demand.any_of):
        missing.append(" or ".join(demand.any_of))
    if missing:
        description = f"The token lacks: {', '.join(missing)}."
        wanted = [" ".join([*demand.scopes, *demand.any_of])]
        has: dict[str, Any] = {"sent": " ".join(token.scopes), "expected": wanted, "missing": missing}
        refusal = _Refusal(403, "insufficient_scope", description, detail=Reason("scope_not_held", **has))
        refusal.client_id = token.client_id
        raise refusal


def _check_authentication(server: ServerState, token: TokenInfo, demand: Demand) -> None:
    if demand.acr is not None and not server.acr.satisfies(token.acr, demand.acr):
        detail = Reason("acr_too_weak", sent=token.acr or "", expected=[demand.acr])
    elif demand.max_age is not None and not _is_fresh(token, demand.max_age):
        detail = Reason("authenticated_too_long_ago")
    else:
        return
    description = "The person has to authenticate again, or in another way."
    refusal = _Refusal(401, "insufficient_user_authentication", description, detail=detail)
    refusal.client_id = token.client_id
    raise refusal


def _is_fresh(token: TokenInfo, max_age: int) -> bool:
    return token.auth_time is not None and (clock.now() - token.auth_time).total_seconds() <= max_age


def _refused(server: ServerState, refusal: _Refusal, demand: Demand) -> Response:
    said = cleaned(refusal.detail)
    log.info("%s refused a token: %s (%s)", request.endpoint, refusal.error or "no token", said)
    tell(signals.access_refused, error=refusal.error, detail=said, scopes=[*demand.scopes, *demand.any_of])
    description, error = refusal.description or "An access token is needed.", refusal.error or "unauthorized"
    server.failures.note(tokens.reference(), refusal.detail, error, refusal.status, refusal.client_id)
    response = jsonify({"error": error, "error_description": description})
    response.status_code = refusal.status
    response.headers["Cache-Control"] = "no-store"
    for token_type in server.token_types.values():
        response.headers.add("WWW-Authenticate", _challenge(token_type.scheme, refusal, demand))
    return server.records.closing(response)


def _challenge(scheme: str, refusal: _Refusal, demand: Demand) -> str:
    parts = ['realm="OAuth 2.0"']
    wanted = " ".join([*demand.scopes, *demand.any_of])
    if refusal.error:
        parts += [f'error="{refusal.error}"', f'error_description="{refusal.description}"']
    if wanted and refusal.status in (401, 403):
        parts.append(f'scope="{wanted}"')
    if refusal.error == "insufficient_user_authentication":
        parts += [f'acr_values="{demand.acr}"'] if demand.acr is not None else []
        parts += [f"max_age={demand.max_age}"] if demand.max_age is not None else []
    return f"{scheme} {', '.join(parts)}"


def _unavailable() -> Response:
    response = jsonify({"error": "temporarily_unavailable", "error_description": "Try again later."})
    response.status_code = 503
    response.headers.update({"Retry-After": Unavailable.retry_after, "Cache-Control": "no-store"})
    return response


class OAuthContext:
    """``request.oauth`` inside a protected view."""

    def __init__(self, server: ServerState, token: TokenInfo) -> None:
        self._server = server
        self.token = token

    @property
    def scopes(self) -> list[str]:
        """What the token allows."""
        return list(self.token.scopes)

    @functools.cached_property
    def user(self) -> Any:
        """The token's user, loaded when asked for; None for client credentials."""
        return self._server.subjects.load(self.token.user_id)

    @functools.cached_property
    def client(self) -> Any:
        """The token's client, loaded when asked for; None for a personal token."""
        pk = self.token.client_pk
        return None if pk is None else self._server.storage.clients.by_pk(pk)


def _enter(server: ServerState, sent: Request, token: TokenInfo) -> None:
    sent.oauth = OAuthContext(server, token)  # type: ignore[attr-defined]
    g.pop("_login_user", None)  # a hook of the host may have looked at the session's user
    if token.pk is not None:
        address = devices.plain(sent.remote_addr) if server.devices.kept else None
        if _is_due(server, token, address):
            if server.token_cache is not None:
                server.token_cache.note_use(token, address)
            server.records.note_use(token.pk, token, address)
    if server.records.is_due():
        after_this_request(server.records.closing)


def _is_due(server: ServerState, token: TokenInfo, address: str | None) -> bool:
    if token.last_used_at is None:
        return True
    seconds = (clock.now() - token.last_used_at).total_seconds()
    elsewhere = server.devices.kept and network(address) != network(token.last_used_from)
    return seconds >= (_TOUCH_INTERVAL_ELSEWHERE if elsewhere else _TOUCH_INTERVAL)


def _leave(response: Response) -> Response:
    g.pop("_login_user", None)  # g outlives the request where a test has pushed an app context
    return response


def let_tokens_in(app: Flask, login_manager: Any) -> None:
    """Make Flask-Login's ``current_user`` the token's user inside protected views.

    Loaded when asked for, for this request only, without touching the session.
    """
    update = login_manager._update_remember_cookie
    hooks = app.after_request_funcs.get(None, [])
    hooks[:] = [partial(_spare_cookies, update) if hook == update else hook for hook in hooks]
    if getattr(login_manager, _MARK, False):
        return
    load_from_session = login_manager._load_user

    def load_user() -> None:
        oauth = getattr(request, "oauth", None)
        if oauth is not None:
            after_this_request(_leave)
            login_manager._update_request_context_with_user(oauth.user)
        else:
            load_from_session()

    login_manager._load_user = load_user
    setattr(login_manager, _MARK, True)


def _spare_cookies(update: Callable[[Response], Response], response: Response) -> Response:
    """Leave the session and Flask-Login's remember cookie alone in a protected view and at an endpoint for
    programs, unless it has signed somebody in or out."""
    route = g.get("oauth2server_route")  # of an earlier request, where a test has pushed one context for several
    is_endpoint = route is not None and not route.page and request.endpoint == f"{route.blueprint}.{route.name}"
    if (is_endpoint or getattr(request, "oauth", None) is not None) and not sessions.has_changed():
        return response
    return update(response)

"""Rates of requests, by Flask-Limiter (RFC 6749, 10.10; RFC 7662, 4; RFC 6585, 4).

Imported only where Flask-Limiter is installed and ``OAUTH2_ENABLE_RATE_LIMITS`` is on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, request
from flask_limiter import Limiter, RateLimitExceeded
from limits import parse_many
from limits.errors import ConfigurationError as LimitsError
from werkzeug.exceptions import HTTPException

from . import clock
from .domain import sessions, tokens
from .errors import ConfigurationError, ProtocolError, TooMany
from .oauth import client_auth, parameters
from .reasons import Reason
from .registers import Route
from .state import ServerState
from .transport import network

log = logging.getLogger(__name__)

#: What is read of a request to see which client it names.
_CLAIM = "client authentication"
_MEMORY = "memory://"
#: Seconds that a request waits for a storage at most, before it is counted in memory.
_PATIENCE = 0.5


def init_app(app: Flask, server: ServerState) -> None:
    """Count the requests to all routes that name a rate.

    :raises ConfigurationError: if a limit or the storage is not understood.
    """
    uri, options = _storage(app, server.settings)
    if uri == _MEMORY and not server.testing:
        app.logger.warning(
            "The rates of requests to OAuth2Server are counted in the memory of each process. Set "
            "OAUTH2_RATE_STORAGE_URI, as in 'redis://127.0.0.1:6379/0', to count them for all processes together."
        )
    server.add_parameters(_CLAIM, authenticates=True)
    limiter = _limiter(server.settings, uri, options)
    server.rates = Rates(limiter, {route: _check(server, limiter, route) for route in server.routes if route.rate})


class Rates:
    """Counts requests.

    :param limiter: Flask-Limiter's.
    :param checks: by route; each counts the current request and raises RateLimitExceeded.
    """

    def __init__(self, limiter: Limiter, checks: Mapping[Route, Callable[[], None]]) -> None:
        self._limiter = limiter
        self._checks = checks

    def __call__(self, route: Route) -> None:
        """Count the current request.

        :raises TooMany: if there have been too many.
        """
        check = self._checks.get(route)
        try:
            if check is not None:
                check()
        except RateLimitExceeded as exceeded:
            reason = Reason("too_many_requests", f"more than {exceeded.description} ({route.rate})")
            raise TooMany(self._wait(exceeded), reason) from None

    def _wait(self, exceeded: RateLimitExceeded) -> float:
        current = self._limiter.current_limit
        try:
            return max(1.0, current.reset_at - clock.timestamp()) if current else 1.0
        except self._limiter.storage.base_exceptions:  # lost since it was asked
            return float(exceeded.limit.limit.get_expiry())


# --- who is counted -------------------------------------------------------------------------------


def _client(server: ServerState) -> str:
    """The client that a request names, whether it is that one or not; nothing is verified yet."""
    try:
        return client_auth.claimed(server, parameters.from_form(server, _CLAIM))
    except (ProtocolError, HTTPException):
        return ""  # the endpoint will say what is wrong


def _key(server: ServerState, route: Route) -> str:
    address = network(request.remote_addr)
    person = sessions.claimed() if route.page else None
    if route.rate == "create":
        who = ["person", person] if person else ["address", address]
    elif route.page:
        who = ["person", person or "", address]
    else:
        who = ["client", _client(server), address]
    return tokens.digest(repr(who))


def _address_key() -> str:
    return tokens.digest(repr(["address", network(request.remote_addr)]))


# --- Flask-Limiter --------------------------------------------------------------------------------


def _check(server: ServerState, limiter: Limiter, route: Route) -> Callable[[], None]:
    def check() -> None:
        """Flask-Limiter counts before this is called, under its name."""

    check.__qualname__ = f"{route.blueprint}.{route.name}"
    methods = ["POST"] if route.rate == "create" else None
    limits = [(route.rate, lambda: _key(server, route))]
    if not route.page:
        limits.append(("address", _address_key))
    for rate, key in limits:
        if text := _text(server.settings, rate):
            check = limiter.shared_limit(text, scope=rate, key_func=key, methods=methods)(check)
    return check


def _text(settings: Mapping[str, Any], rate: str) -> str:
    name = f"OAUTH2_RATE_{rate.upper()}"
    try:
        text: str = settings[name]
        if text and any(item.amount < 1 for item in parse_many(text)):
            raise ValueError
    except KeyError:
        raise ConfigurationError(f"add_route(rate={rate!r}) needs a setting {name}; add it to your DEFAULTS.") from None
    except ValueError:
        raise ConfigurationError(
            f"{name} must be limits such as '600 per minute' or '10 per second; 5000 per hour', or empty for none, "
            f"not {settings[name]!r}."
        ) from None
    return text


def _storage(app: Flask, settings: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Where requests are counted, and the options of that storage."""
    ours, hosts = settings["OAUTH2_RATE_STORAGE_URI"], app.config.get("RATELIMIT_STORAGE_URI")
    uri: str = ours or hosts or _MEMORY
    options = {} if ours else dict(app.config.get("RATELIMIT_STORAGE_OPTIONS") or {})
    if urlsplit(uri).scheme in ("redis", "rediss", "redis+unix"):
        options = {"socket_connect_timeout": _PATIENCE, "socket_timeout": _PATIENCE, **options}
    return uri, options


def _limiter(settings: Mapping[str, Any], uri: str, options: dict[str, Any]) -> Limiter:
    """A Limiter of our own, apart from a Limiter of the host and its ``RATELIMIT_*`` settings.

    It is set up on an app that nobody calls, so that it adds nothing to the host's requests.
    """
    limiter = Limiter(
        key_func=_address_key,
        storage_uri=uri,
        storage_options=options,
        strategy="fixed-window",
        # One storage may serve several providers.
        key_prefix=f"oauth2server-{tokens.digest(settings['OAUTH2_ISSUER'] or '')[:16]}",
        in_memory_fallback_enabled=True,
        swallow_errors=True,
    )
    limiter.logger = log  # Flask-Limiter's own is silent unless the host sets it up
    try:
        limiter.init_app(Flask(__name__, static_folder=None))
    except (LimitsError, ValueError) as error:
        raise ConfigurationError(f"OAUTH2_RATE_STORAGE_URI or RATELIMIT_STORAGE_URI cannot be used: {error}") from error
    return limiter

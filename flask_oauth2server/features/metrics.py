"""OpenMetrics 1.0: what this provider does, as numbers for a monitoring system to collect.

``prometheus_client`` is imported only where ``OAUTH2_ENABLE_METRICS`` is on. Labels have few values: names of
our own endpoints, codes of errors, grant types; never what a client sent.
"""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Collection, Iterator
from functools import cached_property, partial
from typing import Any

import six
from flask import Flask, Response, g, request
from flask.signals import request_finished, request_started

from .. import signals
from ..domain.token_cache import HIT, MISS
from ..errors import ConfigurationError, ProtocolError
from ..reasons import Reason
from ..state import ServerState

DEFAULTS = {
    #: Count what happens and serve it as OpenMetrics below the prefix, at ``/metrics`` (the extra ``metrics``).
    "OAUTH2_ENABLE_METRICS": False,
    #: The bearer token that reads it, demanded but in development mode, debug and testing.
    "OAUTH2_METRICS_TOKEN": "",
}

_CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_PREFIX = "oauth2_"
_OTHER = "other"
#: The errors that are told apart (RFC 6749, 4.1.2.1 and 5.2; RFC 6750, 3.1; RFC 7009; RFC 8628; RFC 9449; OpenID).
_ERRORS = frozenset(
    (
        *("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"),
        *("invalid_scope", "access_denied", "unsupported_response_type", "server_error", "temporarily_unavailable"),
        *("invalid_token", "insufficient_scope", "unsupported_token_type", "invalid_target", "login_required"),
        *("consent_required", "interaction_required", "account_selection_required", "invalid_request_uri"),
        *("invalid_request_object", "request_not_supported", "request_uri_not_supported", "authorization_pending"),
        *("slow_down", "expired_token", "invalid_dpop_proof", "use_dpop_nonce"),
    )
)
#: Of grant types, beside those that are switched on.
_PERSONAL = "personal"
_FURTHER_GRANTS = ("implicit", _PERSONAL)
#: Seconds; a token request takes some milliseconds, and five seconds are a database that waits.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


def init_app(server: ServerState) -> None:
    """Join.

    :raises ConfigurationError: if prometheus-client is not installed, or everybody could read.
    """
    if not (server.settings["OAUTH2_METRICS_TOKEN"] or server.testing):
        # The peer's address proves nothing: behind a proxy on this machine everybody seems to come from here.
        raise ConfigurationError(
            "OAUTH2_ENABLE_METRICS needs OAUTH2_METRICS_TOKEN: the output of `openssl rand -hex 32`, which whoever "
            "reads the metrics sends as a bearer token."
        )
    try:
        import prometheus_client  # noqa: F401 - optional machinery
    except ImportError:
        raise ConfigurationError(
            "OAUTH2_ENABLE_METRICS needs prometheus-client: pip install 'Flask-OAuth2Server[metrics]', or set it to "
            "False."
        ) from None
    meters = Meters(server)
    server.add_route("/metrics", "metrics", partial(metrics, server, meters), page=False)


def metrics(server: ServerState, meters: Meters) -> Response:
    """All numbers, for whoever may read them."""
    token = server.settings["OAUTH2_METRICS_TOKEN"]
    if token:
        _admit(token)
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(meters.told(), content_type=_CONTENT_TYPE, headers=headers)


def _admit(token: str) -> None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(six.ensure_binary(value), six.ensure_binary(token)):
        reason = Reason("metrics_token", "the token is not the one of OAUTH2_METRICS_TOKEN")
        challenge = {"WWW-Authenticate": 'Bearer realm="metrics"'}
        raise ProtocolError("invalid_token", "This needs the token.", status=401, detail=reason, headers=challenge)


class Meters:
    """Counts what signals of one app tell.

    Signals hold it weakly: it lives and dies with the app's route.

    :param server: the parts of the app.
    """

    def __init__(self, server: ServerState) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram  # optional machinery

        self._server = server
        self._registry = CollectorRegistry()  # the default one is shared by all apps of a process

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"{_PREFIX}{name}", text, labels, registry=self._registry)

        self._issued = counter("tokens_issued", "Tokens issued", "grant_type")
        self._reused = counter("tokens_reused", "Codes and refresh tokens that came twice", "grant_type")
        self._authorizations = counter("authorizations", "Authorizations", "outcome")
        self._refused = counter("requests_refused", "Requests refused by our endpoints", "endpoint", "error")
        self._access = counter("access_refused", "Requests refused by protected views", "error")
        self._unauthenticated = counter("client_authentication_failures", "Clients not authenticated")
        if server.token_cache is not None:
            cached = counter("token_cache", "Tokens that protected views looked for in the cache", "outcome")
            counts = {outcome: cached.labels(outcome).inc for outcome in (HIT, MISS)}
            server.token_cache.count = lambda outcome: counts[outcome]()
        text = "Time until the answer of our endpoints"
        self._seconds = Histogram(
            f"{_PREFIX}request_duration_seconds", text, ("endpoint",), registry=self._registry, buckets=_BUCKETS
        )
        self._listen()

    def _listen(self) -> None:
        for signal, receive in (
            (signals.token_issued, self.on_issued),
            (signals.personal_token_created, self.on_personal),
            (signals.token_reused, self.on_reused),
            (signals.authorization_granted, self.on_granted),
            (signals.authorization_denied, self.on_denied),
            (signals.authorization_revoked, self.on_revoked),
            (signals.request_refused, self.on_refused),
            (signals.access_refused, self.on_access_refused),
            (signals.client_authentication_failed, self.on_unauthenticated),
            (request_started, self.on_started),
            (request_finished, self.on_finished),
        ):
            signal.connect(receive)

    def told(self) -> bytes:
        """All numbers as OpenMetrics; in several processes those of all of them."""
        from prometheus_client import CollectorRegistry  # optional machinery
        from prometheus_client.openmetrics.exposition import generate_latest

        registry = self._registry
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = CollectorRegistry()
            registry.register(_OfAllProcesses())
        return bytes(generate_latest(registry))  # type: ignore[no-untyped-call]

    # --- receivers; blinker calls them for every app ----------------------------------------------

    def on_issued(self, sender: Flask, *, grant_type: str, **further: Any) -> None:
        if self._is_mine(sender):
            self._issued.labels(self._grant_type(grant_type)).inc()

    def on_personal(self, sender: Flask, **further: Any) -> None:
        if self._is_mine(sender):
            self._issued.labels(_PERSONAL).inc()

    def on_reused(self, sender: Flask, *, grant_type: str, **further: Any) -> None:
        if self._is_mine(sender):
            self._reused.labels(self._grant_type(grant_type)).inc()

    def on_granted(self, sender: Flask, **further: Any) -> None:
        self._count_outcome(sender, "granted")

    def on_denied(self, sender: Flask, **further: Any) -> None:
        self._count_outcome(sender, "denied")

    def on_revoked(self, sender: Flask, **further: Any) -> None:
        self._count_outcome(sender, "revoked")

    def on_refused(self, sender: Flask, *, endpoint: str | None, error: str, **further: Any) -> None:
        if self._is_mine(sender):
            told = endpoint if endpoint in self._endpoints else _OTHER
            self._refused.labels(told, _among(error, _ERRORS)).inc()

    def on_access_refused(self, sender: Flask, *, error: str, **further: Any) -> None:
        if self._is_mine(sender):
            self._access.labels(_among(error, _ERRORS) if error else "no_token").inc()

    def on_unauthenticated(self, sender: Flask, **further: Any) -> None:
        if self._is_mine(sender):
            self._unauthenticated.inc()

    def on_started(self, sender: Flask, **further: Any) -> None:
        if self._is_mine(sender) and request.endpoint in self._endpoints:
            g.oauth2server_started = time.perf_counter()

    def on_finished(self, sender: Flask, **further: Any) -> None:
        if not self._is_mine(sender):
            return
        started = g.pop("oauth2server_started", None)
        if started is not None and request.endpoint is not None:
            self._seconds.labels(request.endpoint).observe(time.perf_counter() - started)

    def _is_mine(self, sender: Flask) -> bool:
        return sender.extensions.get("oauth2server") is self._server

    def _count_outcome(self, sender: Flask, outcome: str) -> None:
        if self._is_mine(sender):
            self._authorizations.labels(outcome).inc()

    @cached_property
    def _endpoints(self) -> Collection[str]:
        # First asked for by a request, when all routes are there.
        return frozenset(f"{route.blueprint}.{route.name}" for route in self._server.routes)

    def _grant_type(self, grant_type: str) -> str:
        return _among(grant_type, (*self._server.grants, *_FURTHER_GRANTS))


class _OfAllProcesses:
    """The numbers that all processes wrote into ``PROMETHEUS_MULTIPROC_DIR``; of them ours alone, for the
    host's stand there, too."""

    def collect(self) -> Iterator[Any]:
        from prometheus_client.multiprocess import MultiProcessCollector  # optional machinery

        # Without a registry it registers itself nowhere.
        everything = MultiProcessCollector(None).collect()  # type: ignore[no-untyped-call]
        return (metric for metric in everything if metric.name.startswith(_PREFIX))


def _among(value: str, known: Collection[str]) -> str:
    return value if value in known else _OTHER

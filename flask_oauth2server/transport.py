"""The issuer, addresses of endpoints, and what counts as a secure transport."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Request, current_app, has_request_context, request, url_for

from .errors import ConfigurationError, IssuerUnknown

LOOPBACK_HOSTS = ("127.0.0.1", "[::1]", "localhost")
_LOOPBACK_ADDRESSES = ("127.0.0.1", "::1", "::ffff:127.0.0.1")


def check_issuer(issuer: str) -> None:
    """Refuse what cannot be an issuer identifier (RFC 8414, 2; RFC 9207, 2).

    :raises ConfigurationError: with a sentence that says what to write instead.
    """
    advice = (
        "OAUTH2_ISSUER must be the https address of this provider, such as 'https://login.example.com', "
        f"not {issuer!r}."
    )
    try:
        parts = urlsplit(issuer)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        raise ConfigurationError(advice) from None
    if not host or "@" in parts.netloc or any(c <= " " or c in '\\"<>' or c > "~" for c in issuer):
        raise ConfigurationError(advice)
    if parts.scheme == "http" and not is_loopback_host(parts.netloc):
        raise ConfigurationError(f"{advice} Plain http is accepted for 127.0.0.1, [::1] and localhost only.")
    if parts.scheme not in ("http", "https"):
        raise ConfigurationError(advice)
    if "?" in issuer or "#" in issuer:
        raise ConfigurationError(f"{advice} It must have no query and no fragment.")


def is_loopback_host(netloc: str) -> bool:
    """Whether *netloc*, with or without a port, names this computer."""
    host, _, port = netloc.rpartition(":")
    return netloc in LOOPBACK_HOSTS or (host in LOOPBACK_HOSTS and port.isascii() and port.isdigit())


def issuer(settings: Mapping[str, Any], *, development: bool) -> str:
    """The issuer identifier of the current request, the one place that tells it.

    :raises IssuerUnknown: if it is not configured and may not be derived.
    """
    configured: str | None = settings["OAUTH2_ISSUER"]
    if configured:
        return configured
    if has_request_context() and (development or current_app.debug):
        return request.url_root.rstrip("/")
    raise IssuerUnknown(
        "OAUTH2_ISSUER is not set. Set it to the https address of this provider, such as "
        "'https://login.example.com'; it is derived in development mode and debug only."
    )


def endpoint_url(issuer_url: str, endpoint: str, **values: Any) -> str:
    """The absolute address of *endpoint* at the issuer's origin, whatever ``Host`` says."""
    parts = urlsplit(issuer_url)
    return f"{parts.scheme}://{parts.netloc}{urlsplit(url_for(endpoint, **values)).path}"


def is_acceptable(settings: Mapping[str, Any]) -> bool:
    """Whether the current request came by https, from this machine, or under an explicit setting.

    ``Host`` proves nothing; the peer's address does. (RFC 6749, 3.1 and 3.2)
    """
    sent = current_request()
    return (
        sent.is_secure
        or sent.remote_addr in _LOOPBACK_ADDRESSES
        or not sent.remote_addr  # a Unix socket
        or bool(settings["OAUTH2_ALLOW_INSECURE_TRANSPORT"])
    )


def current_request() -> Request:
    """The request itself, for who asks it much: each question to Flask's proxy finds it again."""
    return request._get_current_object()  # type: ignore[attr-defined, no-any-return]


def before_first_request(app: Flask, check: Callable[[], None]) -> None:
    """Call *check* before a request, until it has once let one pass: nothing can be set up on an app after that."""

    def hook() -> None:
        check()
        hooks = app.before_request_funcs
        hooks[None] = [other for other in hooks[None] if other is not hook]  # a list that nobody walks through now

    app.before_request(hook)


def network(address: str | None) -> str:
    """What is counted as one address: of IPv6 the /64, which one subscriber has as a whole.

    :param address: that of the peer as Werkzeug tells it; empty on a Unix socket. Some proxies write a port
        behind it, which ``ProxyFix`` hands on.
    """
    told = address or ""
    host = told.partition("]")[0].removeprefix("[") if told.count(":") != 1 else told.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(host)
    except ValueError:
        return told
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), 64), strict=False))

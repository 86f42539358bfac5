"""Proxies for views and templates. The package itself hands its parts over as arguments."""

from __future__ import annotations

from typing import Any, cast

from flask import current_app, has_request_context, request
from werkzeug.local import LocalProxy


def _server() -> Any:
    try:
        return current_app.extensions["oauth2server"]
    except KeyError:
        raise RuntimeError("OAuth2Server is not initialised on this app: call OAuth2Server(app).") from None


def _token() -> Any:
    oauth = getattr(request, "oauth", None) if has_request_context() else None
    return None if oauth is None else oauth.token


#: The :class:`~flask_oauth2server.state.ServerState` of the current app.
current_oauth2server: Any = cast(Any, LocalProxy(_server))
#: The :class:`~flask_oauth2server.domain.bearer.TokenInfo` that opened the current protected view;
#: false where there is none.
current_token: Any = cast(Any, LocalProxy(_token))

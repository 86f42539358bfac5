"""Living with Flask-WTF's ``CSRFProtect``, whichever of the two is initialised first.

What it would refuse is passed for our API endpoints and for our authorization endpoint, which checks
the token itself, and for a request that carries a token to a view that is protected by one. The
view is told by the object: ``exempt()`` works by module and name, and would open a host's other
view of the same name.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app, request

from . import resource
from .state import ServerState
from .transport import before_first_request

_MARK = "_oauth2server_wrapped"


def init_app(app: Flask) -> None:
    """Wrap the app's ``CSRFProtect`` now, or before its first check if it comes later."""
    if "csrf" in app.extensions:
        _wrap(app.extensions["csrf"])
    else:
        # Registered before CSRFProtect's own hook, so it runs before that.
        before_first_request(app, _wrap_later)


def _wrap_later() -> None:
    if "csrf" in current_app.extensions:
        _wrap(current_app.extensions["csrf"])


def _wrap(csrf: Any) -> None:
    if hasattr(csrf, _MARK):
        return
    protect = csrf.protect

    def protect_unless_passed(*args: Any, **kwargs: Any) -> Any:
        return None if _is_passed() else protect(*args, **kwargs)

    csrf.protect = protect_unless_passed
    setattr(csrf, _MARK, True)


def _is_passed() -> bool:
    server: ServerState | None = current_app.extensions.get("oauth2server")
    if server is None:
        return False
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    view: Any = app.view_functions.get(request.endpoint or "")
    if view in server.passed_views:
        return True
    return resource.carries_token(server) and resource.is_protected(app)

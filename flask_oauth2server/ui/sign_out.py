"""Sign out: asked for by a person, or to switch to another account ("Not you?")."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import redirect, request, url_for
from flask_login import logout_user
from flask_wtf.csrf import ValidationError, validate_csrf

from ..state import ServerState
from .pages import has_settings, local_path, render


def init_app(server: ServerState) -> None:
    """Join."""
    methods = ("GET", "HEAD", "POST")
    view = partial(sign_out, server)
    server.add_route("/sign-out/", "sign_out", view, page=True, methods=methods, checks_csrf=True)


def sign_out(server: ServerState) -> Any:
    """Ask, sign out, and go on at ``next`` if that is a path on this server."""
    person = server.subjects.person()
    onward = local_path(request.values.get("next", ""))
    if request.method == "POST" and person is not None:
        try:
            validate_csrf(request.form.get("csrf_token"))
        except ValidationError:
            return _page(server, "ask", person, onward)
        logout_user()
        person = None
    if request.method == "POST" and onward is not None:
        return redirect(onward, 303)
    return _page(server, "done" if person is None else "ask", person, onward)


def _page(server: ServerState, state: str, person: Any, onward: str | None) -> str:
    home = url_for("oauth2server_settings.index") if has_settings(server) else "/"
    return render(
        server,
        "sign_out.html",
        user=person,
        state=state,
        app=None,
        next=onward,
        stay_url=onward or home,
        sign_in_url=onward or home,
    )

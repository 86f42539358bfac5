"""Sign out: asked for by a person, or to switch to another account ("Not you?")."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from flask import redirect, request, url_for
from flask_login import logout_user
from flask_wtf.csrf import ValidationError, validate_csrf

from ..domain import redirect_uris, sessions
from ..errors import IssuerUnknown
from ..oauth import responses
from ..state import ServerState
from .pages import has_settings, local_path, render


def init_app(server: ServerState) -> None:
    """Join."""
    methods = ("GET", "HEAD", "POST")
    view = partial(sign_out, server)
    server.add_page("sign_out", partial(_page, server))
    server.add_route("/sign-out/", "sign_out", view, page=True, methods=methods, checks_csrf=True)


def sign_out(server: ServerState) -> Any:
    """Ask, sign out, and go on at ``next`` if that is a path on this server."""
    person = server.subjects.person()
    onward = local_path(request.values.get("next", ""))
    if request.method == "POST" and person is not None:
        try:
            validate_csrf(request.form.get("csrf_token"))
        except ValidationError:
            return _page(server, "ask", person, onward=onward)
        frames = _frames(server)
        logout_user()
        if frames:  # no way on before they have been loaded
            return responses.with_frames(server, _page(server, "done", None, onward=onward, frames=frames), frames)
        person = None
    if request.method == "POST" and onward is not None:
        return redirect(onward, 303)
    return _page(server, "done" if person is None else "ask", person, onward=onward)


def _frames(server: ServerState) -> list[str]:
    """What the clients of this session want to be loaded; without an issuer there are none."""
    try:
        return [] if server.logouts is None else server.logouts.frames(server.issuer(), sessions.sids())
    except IssuerUnknown:
        return []


def _page(
    server: ServerState,
    state: str,
    person: Any,
    *,
    onward: str | None = None,
    client: Any = None,
    action: str | None = None,
    frames: Sequence[str] = (),
    to: str | None = None,
) -> str:
    """The page that asks (*state* is ``ask``), or says that it is ``done``.

    :param onward: path to go on to.
    :param client: who sent the person here, if that is certain.
    :param action: where the answer is posted; default: to the page of this server.
    :param frames: addresses of clients that learn by them that the session has ended.
    :param to: address of a client to go on to.
    """
    home = url_for("oauth2server_settings.index") if has_settings(server) else "/"
    return render(
        server,
        "sign_out.html",
        user=person,
        state=state,
        app=None if client is None else client.name,
        action=action,
        frames=frames,
        to=to,
        to_host=to and redirect_uris.host(to),
        next=onward,
        stay_url=onward or home,
        sign_in_url=onward or home,
    )

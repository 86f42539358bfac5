"""Sign out: asked for by a person, or to switch to another account ("Not you?")."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

from flask import redirect, request, url_for
from flask_login import logout_user
from flask_wtf.csrf import ValidationError, validate_csrf
from markupsafe import Markup

from ..domain import redirect_uris, sessions
from ..domain.logouts import Audience
from ..errors import IssuerUnknown
from ..oauth import responses
from ..state import ServerState
from .pages import has_settings, local_path, markup, render, strong

#: So many names are shown.
_MOST_NAMES = 4


def init_app(server: ServerState) -> None:
    """Join."""
    methods = ("GET", "HEAD", "POST")
    view = partial(sign_out, server)
    server.add_page("sign_out", partial(_page, server))
    server.add_route("/sign-out/", "sign_out", view, page=True, methods=methods, checks_csrf=True)


def sign_out(server: ServerState) -> Any:
    """Ask, sign out, and go on at ``next`` if that is a path on this server."""
    person, audience = server.subjects.person(), _audience(server)
    onward = local_path(request.values.get("next", ""))
    if request.method == "POST" and person is not None:
        try:
            validate_csrf(request.form.get("csrf_token"))
        except ValidationError:
            return _page(server, "ask", person, audience, onward=onward)
        logout_user()
        if audience.frames:  # no way on before they have been loaded
            page = _page(server, "done", None, audience, onward=onward)
            return responses.with_frames(server, page, audience.frames)
        person = None
    if request.method == "POST" and onward is not None:
        return redirect(onward, 303)
    return _page(server, "done" if person is None else "ask", person, audience, onward=onward)


def _audience(server: ServerState) -> Audience:
    """The clients of this session; without an issuer there are none."""
    try:
        return Audience() if server.logouts is None else server.logouts.audience(server.issuer(), sessions.sids())
    except IssuerUnknown:
        return Audience()


def _joined(names: Collection[str]) -> Markup | None:
    """Such as "A, B and C"; None for nobody."""
    shown = [strong(name) for name in names][:_MOST_NAMES]
    more = len(names) - len(shown)
    if more or len(shown) < 2:
        apps = Markup(", ").join(shown)
        return markup("%(apps)s and %(num)s more", apps=apps, num=more) if more else apps or None
    return markup("%(apps)s and %(last)s", apps=Markup(", ").join(shown[:-1]), last=shown[-1])


def _page(
    server: ServerState,
    state: str,
    person: Any,
    audience: Audience,
    *,
    onward: str | None = None,
    client: Any = None,
    action: str | None = None,
    to: str | None = None,
) -> str:
    """The page that asks (*state* is ``ask``), or says that it is ``done``.

    :param audience: the clients of the session.
    :param onward: path to go on to.
    :param client: who sent the person here, if that is certain.
    :param action: where the answer is posted; default: to the page of this server.
    :param to: address of a client to go on to.
    """
    home = url_for("oauth2server_settings.index") if has_settings(server) else "/"
    told = [name for id_, name in audience.told.items() if client is None or id_ != client.client_id]
    return render(
        server,
        "sign_out.html",
        user=person,
        state=state,
        app=None if client is None else client.name,
        action=action,
        frames=audience.frames if state == "done" else (),
        told=_joined(told),
        told_count=len(told),
        untold=_joined(audience.untold.values()),
        to=to,
        to_host=to and redirect_uris.host(to),
        next=onward,
        stay_url=onward or home,
        sign_in_url=onward or home,
    )

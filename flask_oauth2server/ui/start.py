"""The bare start: sign in with any name, try the code flow, read how to bring users and a database."""

from __future__ import annotations

import base64
import hashlib
import secrets
from functools import partial
from typing import Any
from urllib.parse import urlencode

from flask import current_app, redirect, request, session, url_for
from flask_login import login_user
from wtforms import StringField
from wtforms.validators import DataRequired, Length, Regexp

from ..development import Development, DevelopmentUser
from ..errors import PageError
from ..reasons import Reason
from ..state import ServerState
from ..text import _
from .forms import Press
from .pages import here, local_path, render

CLIENT_ID = "try-it"
_SCOPE = "test:scope"
_SESSION = "_oauth2_try_it"


def init_app(server: ServerState, development: Development) -> None:
    """Join."""
    post = ("POST",)
    server.add_route("/", "start", partial(start, server, development), page=True)
    both = ("GET", "HEAD", "POST")
    server.add_route("/sign-in/", "sign_in", partial(sign_in, server, development), page=True, methods=both)
    server.add_route("/try-it/", "try_it", partial(try_it, server, development), page=True, methods=post)
    server.add_route("/try-it/answer/", "try_it_answer", partial(answer, server, development), page=True)


class SignIn(Press):
    """Type a name, be that user."""

    name = StringField(
        "Name",
        filters=[lambda name: name.strip() if name else name],
        validators=[
            DataRequired("Type a name, any name."),
            Length(max=100, message="Use at most 100 characters."),
            Regexp(r"^[^\x00-\x1f\x7f]*$", message="Use characters that can be seen."),
        ],
    )


def _demand_key(development: Development) -> None:
    if not development.is_admitted():
        error = PageError(
            "access_denied", status=403, detail=Reason("no_key", "the address did not have the key of development mode")
        )
        error.cause = "no_key"
        raise error


def start(server: ServerState, development: Development) -> Any:
    """What is served, "Try it", and the lines that bring one's own users and database."""
    key = request.args.get("key")
    if key is not None and development.admit(key):
        return redirect(url_for("oauth2server.start"), 303)  # so that the key leaves the address
    _demand_key(development)
    served = [route.name for route in server.routes if not route.page and "<" not in route.rule]
    endpoints = [(name, url_for(f"oauth2server.{name}")) for name in served]
    user = server.subjects.person()
    return render(server, "start.html", form=Press(), user=user, endpoints=endpoints, next=here())


def sign_in(server: ServerState, development: Development) -> Any:
    """Sign in with any name; goes on where the person was sent from."""
    _demand_key(development)
    form = SignIn()
    if form.validate_on_submit():
        login_user(DevelopmentUser(form.name.data))
        return redirect(local_path(request.args.get("next", "")) or url_for("oauth2server.start"), 303)
    form.name.label.text = _("Name")
    form.name.errors = [_(error) for error in form.name.errors]
    return render(server, "sign_in.html", form=form)


def try_it(server: ServerState, development: Development) -> Any:
    """Begin the code flow with PKCE as the built-in client does."""
    _demand_key(development)
    if not Press().validate_on_submit():
        return redirect(url_for("oauth2server.start"), 303)
    redirect_uri = (
        f"{request.url_root.rstrip('/')}{url_for('oauth2server.try_it_answer').removeprefix(request.script_root)}"
    )
    _built_in_client(server, redirect_uri)
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    session[_SESSION] = {"verifier": verifier, "state": state, "redirect_uri": redirect_uri}
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": redirect_uri,
        "scope": _SCOPE,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return redirect(f"{url_for('oauth2server.authorize')}?{urlencode(asked)}", 303)


def _built_in_client(server: ServerState, redirect_uri: str) -> None:
    extension = server.extension
    client = extension.get_client(CLIENT_ID)
    if client is None:
        extension.create_client(
            client_id=CLIENT_ID,
            name="Try it",
            redirect_uris=[redirect_uri],
            scopes=[_SCOPE],
            token_endpoint_auth_method="none",
        )
    elif redirect_uri not in client.redirect_uris:
        extension.edit_client(client, redirect_uris=[redirect_uri])


def answer(server: ServerState, development: Development) -> Any:
    """Exchange the code and call the protected view, over this very app, and show both answers."""
    _demand_key(development)
    kept = session.pop(_SESSION, None)
    code = request.args.get("code")
    if kept is None or request.args.get("state") != kept["state"]:
        return redirect(url_for("oauth2server.start"), 303)
    if code is None:
        return render(server, "tried.html", form=Press(), error=request.args.get("error", ""), steps=[])
    token = _call(
        "POST",
        "oauth2server.access_token",
        data={
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": kept["redirect_uri"],
            "client_id": CLIENT_ID,
            "code_verifier": kept["verifier"],
        },
    )
    bearer = (token.get_json(silent=True) or {}).get("access_token", "")
    info = _call("GET", "oauth2server.info", headers={"Authorization": f"Bearer {bearer}"})
    steps = [
        (f"POST {url_for('oauth2server.access_token')}", token.status, token.get_data(as_text=True)),
        (f"GET {url_for('oauth2server.info')}", info.status, info.get_data(as_text=True)),
    ]
    return render(server, "tried.html", form=Press(), error="", steps=steps)


def _call(method: str, endpoint: str, **how: Any) -> Any:
    path = url_for(endpoint).removeprefix(request.script_root)
    client = current_app.test_client(use_cookies=False)
    with current_app.app_context():  # a g and a db.session of its own
        return client.open(path, method=method, base_url=request.url_root, **how)

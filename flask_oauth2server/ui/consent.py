"""The consent page: who asks, what for, where the answer goes, as whom."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask_wtf.csrf import generate_csrf

from ..domain import redirect_uris
from ..domain.consent import Question
from ..scopes import Scope
from ..state import ServerState
from .pages import render


def init_app(server: ServerState) -> None:
    """Join."""
    server.add_page("consent", partial(consent, server))


def consent(server: ServerState, question: Question) -> str:
    """The page of one question."""
    uri = question.redirect_uri
    loopback = redirect_uris.is_loopback(uri, server.settings["OAUTH2_LOOPBACK_HOSTS"])
    web = uri.startswith(("https://", "http://"))
    return render(
        server,
        "authorize.html",
        question=question,
        client=question.client,
        groups=_grouped(question.required),
        user_name=_name(question.user),
        returns_to=redirect_uris.host(uri),
        port=redirect_uris.port(uri) if loopback else "",
        kind="loopback" if loopback else "web" if web else "scheme",
        warned=not question.client.verified or loopback or not web,
        csrf=generate_csrf(),
    )


def _grouped(scopes: tuple[Scope, ...]) -> list[tuple[str, list[Scope]]]:
    """Scopes under their groups, those without one last."""
    groups: dict[str, list[Scope]] = {}
    for scope in sorted(scopes, key=lambda scope: scope.group == ""):
        groups.setdefault(scope.group, []).append(scope)
    return list(groups.items())


def _name(user: Any) -> str:
    """How the host calls a person: the first that it has of name, username, e-mail, id."""
    for attribute in ("name", "username", "email"):
        value = getattr(user, attribute, None)
        if isinstance(value, str) and value:
            return value
    return str(user.get_id())

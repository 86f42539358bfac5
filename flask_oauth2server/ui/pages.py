"""Rendering: what every page knows."""

from __future__ import annotations

from typing import Any

from flask import current_app, render_template, request, url_for
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup, escape

from ..state import ServerState
from ..text import direction, format_moment, format_number, gettext, has_babel, language, ngettext
from . import dates
from .faces import Person

_LAYOUT = "oauth2server/layout.html"


def provider_name(server: ServerState) -> str:
    """How the pages call this provider."""
    return str(server.settings["OAUTH2_PROVIDER_NAME"] or current_app.name)


def markup(message: str, **variables: object) -> Markup:
    """Translate *message* as text of a page: it and its variables are escaped, but for those that are
    markup already."""
    text = escape(gettext(message))
    return text % variables if variables else text


def counted(singular: str, plural: str, num: int, **variables: object) -> Markup:
    """The same for what depends on a number."""
    places = {name: f"%({name})s" for name in variables}  # filled in when the text is escaped
    text = escape(ngettext(singular, plural, num, **places))
    return text % variables if variables else text


def strong(name: str) -> Markup:
    """A name that somebody has given, told from our own words and from their direction."""
    return Markup('<bdi class="o2-name">{}</bdi>').format(name)


def has_settings(server: ServerState) -> bool:
    """Whether people have pages of their own here."""
    return bool(server.settings["OAUTH2_ENABLE_SETTINGS"])


def local_path(target: str) -> str | None:
    """*target* if it is a path on this server, never another one (RFC 9700, 4.11); else None."""
    local = target.startswith("/") and not target.startswith("//") and "\\" not in target
    return target if local and all("\x20" < c < "\x7f" for c in target) else None


def here() -> str:
    """The path and query of the current request, as it can be returned to."""
    path = "/" + f"{request.script_root}{request.path}".lstrip("/")
    query = request.query_string.decode("ascii", "replace")
    return f"{path}?{query}" if query else path


def person_shown(server: ServerState, user: Any) -> Person:
    """How pages show a user."""
    name, detail = server.subjects.name_of(user)
    words = [word for word in name.replace("@", " ").split() if word[0].isalnum()]
    initials = "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()
    return Person(name, detail, initials or "?")


def render(server: ServerState, template: str, *, user: Any = None, **context: Any) -> str:
    """A template below ``oauth2server/``, with what all of them know.

    :param user: who is signed in, if the page is somebody's.
    """
    settings, own = server.settings, has_settings(server)
    return render_template(
        f"oauth2server/{template}",
        _=markup,
        ngettext=counted,
        strong=strong,
        ago=dates.ago,
        until=dates.until,
        day=dates.day,
        moment=format_moment,
        number=format_number,
        provider_name=provider_name(server),
        provider_mark_url=settings["OAUTH2_PROVIDER_MARK_URL"],
        home_url=settings["OAUTH2_HOME_URL"],
        help_url=settings["OAUTH2_HELP_URL"],
        privacy_url=settings["OAUTH2_PRIVACY_URL"],
        settings_url=url_for("oauth2server_settings.index") if own else None,
        security_url=url_for("oauth2server_settings.security") if own else None,
        sign_out_url=url_for("oauth2server.sign_out"),
        development=server.development,
        theme=settings["OAUTH2_THEME"],
        language=language() if has_babel() else "en",
        direction=direction(),
        layout=settings["OAUTH2_BASE_TEMPLATE"] or _LAYOUT,
        in_host_layout=settings["OAUTH2_BASE_TEMPLATE"] is not None,
        csrf=generate_csrf(),
        person=None if user is None else person_shown(server, user),
        **context,
    )

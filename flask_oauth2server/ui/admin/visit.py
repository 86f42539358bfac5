"""An administrator on a page: who may come, and what all these pages know."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask import g, url_for
from markupsafe import Markup

from ... import clock
from ...errors import PageError
from ...reasons import Reason
from ...state import ServerState
from ...text import _
from ..visit import Visit, signed_in
from .faces import MOST, Count, Entry

BLUEPRINT = "oauth2server_admin"


class AdminVisit(Visit):
    """One request of an administrator."""

    blueprint = BLUEPRINT
    folder = "admin"

    def render(self, template: str, **context: Any) -> str:
        """A page below ``admin/``.

        :param context: ``section`` names the entry of the navigation that the page belongs to.
        """
        return super().render(
            template,
            admin_url=url_for(f"{BLUEPRINT}.index"),
            navigation=navigation(self.server),
            breakable=breakable,
            **context,
        )


def navigation(server: ServerState) -> list[Entry]:
    """The sections whose pages are served, in their order."""
    sections: list[tuple[str, str, str, str, Callable[[], Count] | None]] = [
        ("overview", "index", _("Overview"), "chart", None),
        ("clients", "clients", _("Clients"), "grid", lambda: Count.of(server.storage.overview.clients(MOST))),
        ("tokens", "tokens", _("Tokens"), "ticket", None),
        ("scopes", "scopes", _("Scopes"), "scopes", None),
        ("failures", "failures", _("Failures"), "bad", lambda: Count(refused_today(server))),
        ("keys", "keys", _("Signing keys"), "key", None),
        ("audit", "audit", _("Audit log"), "list", None),
    ]
    return [
        Entry(section, label, icon, url_for(f"{BLUEPRINT}.{endpoint}"), count() if count else None)
        for section, endpoint, label, icon, count in sections
        if is_served(server, endpoint)
    ]


def is_served(server: ServerState, endpoint: str) -> bool:
    """Whether these pages have one of that name; a feature that is off has none."""
    return any(route.blueprint == BLUEPRINT and route.name == endpoint for route in server.routes)


def refused_today(server: ServerState) -> int:
    """How many requests were refused since midnight, UTC."""
    days = server.storage.daily_counts.range(["refused"], 1)
    return int(days["refused"].get(clock.now().date(), 0))


def breakable(text: str) -> Markup:
    """*text*, which may be parted after an @, a dot and a slash where the line ends."""
    return Markup("<wbr>").join(re.split(r"(?<=[@./])", text))


def administrator(server: ServerState, view: Callable[..., Any]) -> Callable[..., Any]:
    """*view* with an :class:`AdminVisit`, for whom ``@oauth2.admin_required`` admits.

    Who is not signed in is sent to sign in; anybody else is answered 403.
    """

    def admit(person: Any) -> None:
        if not server.subjects.is_administrator(person):
            error = PageError("access_denied", status=403, detail=Reason("not_admin", "the person is no administrator"))
            error.cause = "not_admin"
            raise error
        g.oauth2server_admin = True  # the audit tells an administrator's act from a person's own

    return signed_in(server, view, AdminVisit, admit)


def add_page(server: ServerState, rule: str, name: str, view: Callable[..., Any], *, posts: bool = False) -> None:
    """Serve an administrator's page.

    :param posts: whether it takes a form, whose CSRF token :attr:`.Visit.posted` tells.
    """
    methods = ("GET", "HEAD", "POST") if posts else ("GET", "HEAD")
    server.add_route(
        rule, name, administrator(server, view), page=True, checks_csrf=True, blueprint=BLUEPRINT, methods=methods
    )

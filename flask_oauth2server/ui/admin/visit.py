"""An administrator on a page: who may come, and what all these pages know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import g

from ...errors import PageError
from ...state import ServerState
from ..visit import Visit, signed_in

BLUEPRINT = "oauth2server_admin"


class AdminVisit(Visit):
    """One request of an administrator."""

    blueprint = BLUEPRINT
    folder = "admin"

    def render(self, template: str, **context: Any) -> str:
        """A page below ``admin/``.

        :param context: ``section`` names the entry of the navigation that the page belongs to.
        """
        return super().render(template, **context)


def administrator(server: ServerState, view: Callable[..., Any]) -> Callable[..., Any]:
    """*view* with an :class:`AdminVisit`, for whom ``@oauth2.admin_required`` admits.

    Who is not signed in is sent to sign in; anybody else is answered 403.
    """

    def admit(person: Any) -> None:
        if not server.subjects.is_administrator(person):
            error = PageError("access_denied", status=403, detail="the person is no administrator")
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

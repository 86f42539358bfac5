"""A signed-in person on pages of their own: who they are, what they sent, what they are told next."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from flask import redirect, request, session, url_for
from flask_wtf.csrf import ValidationError, validate_csrf

from ..domain import sessions
from ..domain.tickets import Tickets
from ..errors import NO_LOGIN, Gone, PageError
from ..reasons import Reason
from ..state import ServerState
from ..text import _
from .pages import render

BLUEPRINT = "oauth2server_settings"
#: A key of a row in an address: what a database takes for one.
KEY = "int(max=9223372036854775807)"
#: Seconds that a form may be open; people write texts and look for pictures meanwhile.
_FORM_LIFETIME = 6 * 3600
_MESSAGE = "_oauth2_message"


@dataclass(frozen=True)
class Visit:
    """One request of a signed-in person.

    :ivar key: the stored key of the user.
    :ivar posted: whether a form came with a good CSRF token: nothing is changed otherwise.
    :ivar stale: whether one came with a token that is missing, or of a session that is over.
    """

    #: Where the pages live, and the folder of their templates.
    blueprint: ClassVar[str] = BLUEPRINT
    folder: ClassVar[str] = "settings"

    server: ServerState
    user: Any
    key: Any
    posted: bool
    stale: bool

    def render(self, template: str, **context: Any) -> str:
        """A page of the folder, with what the person is to be told."""
        kept = session.pop(_MESSAGE, None)
        context.setdefault("message", tuple(kept) if kept else too_late() if self.stale else None)
        return render(self.server, f"{self.folder}/{template}", user=self.user, **context)

    def go(self, endpoint: str, kind: str = "", text: str = "", **arguments: Any) -> Any:
        """To a page of this person's, which says *text* there.

        :param kind: ``good``, ``bad`` or ``plain``.
        """
        if text:
            session[_MESSAGE] = [kind, str(text)]
        elif self.stale:
            session[_MESSAGE] = list(too_late())
        return redirect(url_for(f"{self.blueprint}.{endpoint}", **arguments), 303)

    def ticket(self, purpose: str) -> str:
        """A one-time ticket for a form of this session."""
        return self._tickets(purpose).make(self._binding())

    def use_up(self, purpose: str) -> Callable[[], None]:
        """Use the ticket of the form that came up, inside the unit; see :meth:`.Tickets.use_up`."""
        return self._tickets(purpose).use_up(request.form.get("ticket"), self._binding())

    def was_sent_before(self, purpose: str) -> bool:
        """Whether the form that came up was sent, and did its work, before: a reload."""
        return self._tickets(purpose).is_used(request.form.get("ticket"))

    def _tickets(self, purpose: str) -> Tickets:
        return Tickets(self.server.storage, purpose, _FORM_LIFETIME)

    def _binding(self) -> str:
        return f"{self.key} {sessions.sid()}"


def signed_in(
    server: ServerState, view: Callable[..., Any], kind: type[Visit] = Visit, admit: Callable[[Any], None] | None = None
) -> Callable[..., Any]:
    """*view* with a :class:`Visit`, for whoever is signed in; others are sent to sign in.

    :param kind: the class of the visit.
    :param admit: is called with the person, and may refuse by an exception.
    """

    @functools.wraps(view)
    def visited(**arguments: Any) -> Any:
        if server.login_manager is None:
            raise PageError("server_error", status=503, detail=Reason("not_set_up", NO_LOGIN))
        person = server.subjects.person()
        if person is None:
            return server.login_manager.unauthorized()
        if admit is not None:
            admit(person)
        good = request.method == "POST" and _is_ours()
        stale = request.method == "POST" and not good
        try:
            return view(kind(server, person, server.subjects.key_of(person), good, stale), **arguments)
        except Gone as error:  # ended in another tab meanwhile
            raise missing() from error

    return visited


def _is_ours() -> bool:
    try:
        validate_csrf(request.form.get("csrf_token"))
    except ValidationError:
        return False
    return True


def too_late() -> tuple[str, str]:
    """What is said about a form that was open too long."""
    return "bad", _("This page was open too long, and nothing was changed. Please try again.")


def missing() -> PageError:
    """The answer about what is not there, or is somebody else's: nobody can tell which."""
    reason = Reason("not_found", "there is no such thing of this person")
    error = PageError("invalid_request", status=404, detail=reason)
    error.cause = "missing"
    return error

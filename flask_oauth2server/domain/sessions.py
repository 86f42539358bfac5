"""The session of the person at the browser: who, since when, and whether they proved it again.

Flask-Login keeps neither the time of a login nor an id of the session; both are stored here when it
signals one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from flask import Flask, current_app, g, session
from flask_login import current_user, logout_user, user_logged_in, user_logged_out, user_login_confirmed

from .. import clock
from . import signed, tokens

_SID = "_oauth2_sid"
_SID_OF = "_oauth2_sid_of"
_SIDS_BEFORE = "_oauth2_sids_before"
#: So many are remembered; the session may be a cookie.
_MOST_SIDS = 6
_AUTH_TIME = "_oauth2_auth_time"
_PURPOSE = "re-authentication"


class Authentication(NamedTuple):
    """How a person had signed in when they allowed a client.

    :ivar sid: of the session.
    :ivar auth_time: naive UTC; None: not known.
    :ivar acr: the class of the authentication, if the host said so.
    :ivar amr: its methods (RFC 8176).
    """

    sid: str | None
    auth_time: datetime | None
    acr: str | None = None
    amr: list[str] | None = None


#: Where nobody was at a browser.
NOT_KNOWN = Authentication(None, None)


def init_app(app: Flask) -> None:
    """Listen to the logins of *app*."""
    user_logged_in.connect(_begin, app)
    user_login_confirmed.connect(_confirm, app)
    user_logged_out.connect(_end, app)


def _begin(app: Flask, **_: Any) -> None:
    g.oauth2server_login = True
    if session.get(_SID_OF) != session.get("_user_id"):
        _tell_end(app)  # somebody else was there, and has not signed out
    before = sids()
    session.pop(_SID, None)
    session[_SIDS_BEFORE] = before[1 - _MOST_SIDS :]
    sid()  # now: two tabs that need one at the same moment would each make their own
    _tell(app, before[: 1 - _MOST_SIDS])  # what is forgotten here could not be ended any more
    session.pop(_AUTH_TIME, None)
    if session.get("_fresh"):
        _confirm(app)


def _confirm(app: Flask, **_: Any) -> None:
    session[_AUTH_TIME] = [session.get("_user_id"), clock.timestamp()]


def _end(app: Flask, **_: Any) -> None:
    g.oauth2server_login = True
    session.pop(_AUTH_TIME, None)
    if not g.pop("oauth2server_asked_again", False):
        _tell_end(app)


def _tell_end(app: Flask) -> None:
    """The session is over: whoever wants to know is told its ids."""
    ended = sids()
    for name in (_SID, _SID_OF, _SIDS_BEFORE):
        session.pop(name, None)
    _tell(app, ended)


def _tell(app: Flask, ended: list[str]) -> None:
    for listener in app.extensions["oauth2server"].session_ends if ended else ():
        listener(ended)


def has_changed() -> bool:
    """Whether somebody was signed in or out during the current request."""
    return "oauth2server_login" in g


def person() -> Any:
    """The user of the session or remember cookie, or None.

    A user from a ``request_loader`` or a token is none: such a request did not come from a person
    who could answer a page.
    """
    user = current_user._get_current_object()
    if not user or not user.is_authenticated or session.get("_user_id") != user.get_id():
        return None
    return user


def claimed() -> str | None:
    """The key of the person as the session has it; the database is not asked."""
    key = session.get("_user_id")
    return str(key) if key is not None else None


def sid() -> str:
    """The id of this session; made now if it is a new one, or the host logged somebody in past Flask-Login."""
    if session.get(_SID_OF) != session.get("_user_id"):
        _tell_end(current_app)  # as where Flask-Login says that somebody else has signed in
    if _SID not in session:
        session[_SID], session[_SID_OF] = tokens.random_text(), session.get("_user_id")
    return str(session[_SID])


def sids() -> list[str]:
    """The ids that the session at this browser has had, this one last: each login gives it another one."""
    return [*session.get(_SIDS_BEFORE, ()), *([str(session[_SID])] if _SID in session else [])]


def auth_time() -> float | None:
    """When the person last proved who they are, in seconds since the epoch; None: not known."""
    value = session.get(_AUTH_TIME)
    # A host may put somebody else into the session without a word to Flask-Login.
    return float(value[1]) if isinstance(value, list) and value[0] == session.get("_user_id") else None


def authentication() -> Authentication:
    """How the person at the browser has signed in, as tokens will say it."""
    since = auth_time()
    return Authentication(sid(), None if since is None else clock.moment(since))


def note(request_digest: str, step: str, before: Mapping[str, float]) -> str:
    """A signed note that *step* was asked for now for this request, and others *before*."""
    return signed.sign(_PURPOSE, [request_digest, {**before, step: clock.timestamp()}])


def noted(value: str | None, request_digest: str) -> dict[str, float]:
    """When each step was asked for, as *value* says, a :func:`note` for this request; empty if it is none, or old."""
    payload = signed.read(_PURPOSE, value)
    return dict(payload[1]) if payload is not None and payload[0] == request_digest else {}


def is_older(max_age: int) -> bool:
    """Whether the last authentication is more than *max_age* seconds ago, or not known."""
    authenticated = auth_time()
    return authenticated is None or clock.timestamp() - authenticated > max_age


def reauthenticate(login_manager: Any) -> Any:
    """Send the person to prove again who they are, as the host has set it up."""
    if login_manager.refresh_view or login_manager.needs_refresh_callback:
        session["_fresh"] = False  # so that a view that asks does not send the person straight back
        return login_manager.needs_refresh()
    g.oauth2server_asked_again = True  # the session goes on, if the same person signs in
    logout_user()
    return login_manager.unauthorized()

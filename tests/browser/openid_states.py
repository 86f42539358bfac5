"""States of pages where people sign in to apps, and out of them."""

from __future__ import annotations

from . import signing
from .data import NORA, THEO, TOMAS
from .states import HOUSE, SETTINGS, State, _allowed, _sign_in_bare, asking
from .visitor import Visitor

CALENDAR, MAIL = "https://calendar.example/cb", "https://mail.example/cb"
SIGN_IN = "openid profile email"
KEYS = f"{HOUSE}keys/"
STAYING = f"{SIGN_IN} offline_access"


def _open_apps(visitor: Visitor) -> None:
    """The person has signed in to two apps from this session, as they had allowed before."""
    for client_id, redirect_uri, scope in (("calendar", CALENDAR, SIGN_IN), ("mail", MAIL, "openid email")):
        _allowed(THEO, client_id, scope, hosts=[f"{client_id}.example"])(visitor.world)
        asked = visitor.world.urls["main"] + asking(client_id, redirect_uri, scope)
        answer = visitor.context.request.get(asked, max_redirects=0)
        assert answer.headers["location"].startswith(f"{redirect_uri}?code=")
    visitor.visit("/oauth/sign-out/")


def _sign_out(visitor: Visitor) -> None:
    _open_apps(visitor)
    visitor.press("Sign out")


def _start(visitor: Visitor) -> None:
    visitor.press("Start")


def _keys_of_bare(visitor: Visitor) -> None:
    _sign_in_bare(visitor)
    visitor.page.get_by_text("Signed in as").wait_for()
    visitor.visit(KEYS, "bare")


SIGNING_IN = [
    State("consent sign in", "Do this until you sign out of", NORA, asking("calendar", CALENDAR, SIGN_IN)),
    State(
        "consent stay", "Do this while you are away", NORA, asking("calendar", CALENDAR, f"{SIGN_IN} offline_access")
    ),
    State(
        "applications signed in with",
        "Campus Calendar",
        NORA,
        SETTINGS,
        before=_allowed(NORA, "calendar", SIGN_IN),
    ),
]
SIGNING_OUT = [
    State("sign out of apps", "One app you opened in this browser", THEO, "/oauth/sign-out/", _open_apps),
    State("signed out of apps", "is being told", THEO, "/oauth/sign-out/", _sign_out),
]
TRIED = [
    State("admin client signing in", "Back-channel logout", TOMAS, f"{HOUSE}clients/calendar/"),
    State("admin edit client", "Signing people out", TOMAS, f"{HOUSE}clients/calendar/edit/"),
    State("admin try it told", "What it is told of you", TOMAS, f"{HOUSE}clients/calendar/try/", _start),
]
KEPT = [
    State("admin signing keys", "A key is published before it signs", TOMAS, KEYS),
    State("admin signing key withdrawn?", "becomes invalid", TOMAS, KEYS, signing.mark_as_leaked),
    State("admin signing key rotated", "signs from now on", TOMAS, KEYS, signing.rotate_key, before=signing.eddsa_key),
    State("admin signing key unreadable", "is damaged", TOMAS, KEYS, before=signing.damaged_key),
    State("admin signing keys none", "No key has been made yet", None, "/oauth/", _keys_of_bare, app="bare"),
    State("admin signing keys configured", "change them there", TOMAS, KEYS, app="strict"),
]
STATES = [*SIGNING_IN, *SIGNING_OUT, *TRIED, *KEPT]

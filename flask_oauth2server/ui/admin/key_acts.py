"""What an administrator does to signing keys: rotate, withdraw one that leaked."""

from __future__ import annotations

from typing import Any

from flask import request, url_for

from ... import jose
from ...domain.key_facts import ACTIVE, NEXT, REVOKED, KeyFacts
from ...errors import Outdated
from ...state import ServerState
from ...text import _, format_day
from ..visit import missing
from .visit import BLUEPRINT, AdminVisit, add_page


def init_app(server: ServerState) -> None:
    """Join, where ID tokens are signed."""
    if server.id_tokens is not None:
        add_page(server, "/keys/rotate/", "key_rotate", key_rotate, posts=True)
        add_page(server, "/keys/<kid>/withdraw/", "key_withdraw", key_withdraw, posts=True)


def key_rotate(visit: AdminVisit) -> Any:
    """Sign with another key from now on, or publish the next one; if the keys are still what was looked at."""
    keys, alg = visit.server.keys, request.form.get("alg", "")
    if not visit.posted or alg not in jose.ALGORITHMS:
        return visit.go("keys")
    if keys.is_configured:
        return _configured(visit)
    at_once = request.form.get("how") != "publish"
    try:
        keys.rotate(alg, at_once=at_once, seen=request.form.get("seen", ""))
    except Outdated:
        return visit.go("keys", "bad", _("The keys were changed meanwhile, and nothing more was. Look again."))
    waits = next((key for key in keys.overview() if key.alg == alg and key.state == NEXT), None)
    if waits is None or waits.active_from is None:
        return visit.go("keys", "good", _("Another %(alg)s key signs from now on.", alg=alg))
    told = {"alg": alg, "day": format_day(waits.active_from)}
    return visit.go("keys", "good", _("The next %(alg)s key is published. It signs from %(day)s on.", **told))


def key_withdraw(visit: AdminVisit, kid: str) -> Any:
    """First the page that tells what will be refused, then the act."""
    keys = visit.server.keys
    if keys.is_configured:
        return _configured(visit)
    found = keys.overview()
    key = next((key for key in found if key.kid == kid), None)
    if key is None:
        raise missing()
    if key.state == REVOKED:
        return visit.go("keys", "plain", _("That key was withdrawn already."))
    if not visit.posted or request.form.get("confirmed") != "yes":
        return _page(visit, key, next((k for k in found if k.alg == key.alg and k.state == NEXT), None))
    try:
        keys.revoke(kid)
    except Outdated:
        return visit.go("keys", "plain", _("That key was withdrawn already."))
    text = _("The key is withdrawn, and another one signs.") if key.state == ACTIVE else _("The key is withdrawn.")
    return visit.go("keys", "good", text)


def _page(visit: AdminVisit, key: KeyFacts, waits: KeyFacts | None) -> str:
    return visit.render(
        "key_withdraw.html",
        section="keys",
        key=key,
        is_active=key.state == ACTIVE,
        is_next=key.state == NEXT,
        successor=waits.kid if waits is not None and not waits.trouble else None,
        back_url=url_for(f"{BLUEPRINT}.keys"),
    )


def _configured(visit: AdminVisit) -> Any:
    return visit.go("keys", "bad", _("Keys come from OAUTH2_SIGNING_KEYS; change them there."))

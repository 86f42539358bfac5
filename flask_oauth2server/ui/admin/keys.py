"""Signing keys: which one signs, which is next, and until when those before are published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import url_for

from ... import clock, jose
from ...domain.id_tokens import DEFAULT_ALG
from ...domain.key_facts import ACTIVE, LOST, NEXT, RETIRED, REVOKED, KeyFacts, mark
from ...state import ServerState
from ...text import _, ngettext
from .key_calendar import calendar
from .visit import BLUEPRINT, AdminVisit, add_page

#: Clients that keep the list of keys fetch it anew within that time, as a rule.
_YOUNG = timedelta(hours=1)
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def init_app(server: ServerState) -> None:
    """Join, where ID tokens are signed."""
    if server.id_tokens is not None:
        add_page(server, "/keys/", "keys", keys)


@dataclass(frozen=True)
class Line:
    """A key in the table.

    :ivar kind: of the dot before ``state``, a word.
    :ivar never_signed: it was withdrawn before its time came.
    :ivar withdraw_url: None where it cannot be withdrawn any more.
    """

    key: KeyFacts
    kind: str
    state: str
    never_signed: bool
    withdraw_url: str | None
    withdraw: str


@dataclass(frozen=True)
class Rotation:
    """How the keys of an algorithm follow one another.

    :ivar every: such as "90 days"; empty: by hand alone.
    :ivar next_on: when another key signs, as things stand.
    :ivar waits: the one that is published already, if it can be read; ``is_young``: clients may not know it.
    :ivar is_broken: the key that signs cannot be read; ``next_broken``: the one that waits.
    :ivar ahead: for how long a key is published before it signs.
    """

    alg: str
    every: str
    next_on: datetime | None
    waits: KeyFacts | None
    is_young: bool
    is_broken: bool
    next_broken: bool
    ahead: str
    seen: str


def keys(visit: AdminVisit) -> Any:
    """All of them, in a calendar and in a table."""
    server = visit.server
    found = in_order(server.keys.overview())
    algs = list(dict.fromkeys(key.alg for key in found))
    configured = server.keys.is_configured
    return visit.render(
        "keys.html",
        section="keys",
        configured=configured,
        lines=[_line(key, configured) for key in found],
        calendar=None if configured or not found else calendar(found),
        rotations=[] if configured else [_rotation(server, found, alg) for alg in algs],
        broken=[(key, key.state == ACTIVE, key.trouble == LOST) for key in found if key.trouble],
        salt_lost=server.keys.is_salt_lost(),
        jwks_url=url_for("oauth2server.jwks") if _has_jwks(server) else None,
        rotate_url=url_for(f"{BLUEPRINT}.key_rotate"),
        first_alg=DEFAULT_ALG,
        nothing_seen=mark(None, None),
    )


def _has_jwks(server: ServerState) -> bool:
    return any(route.blueprint == "oauth2server" and route.name == "jwks" for route in server.routes)


def in_order(found: Sequence[KeyFacts]) -> list[KeyFacts]:
    """By algorithm as they are announced; the one that was made last first, of configured ones the one that signs."""
    first = found[::-1] if found and found[0].published_from is not None else found
    return sorted(first, key=lambda key: jose.ALGORITHMS.index(key.alg))


def withdraw_text(key: KeyFacts) -> str:
    """What the button says that leads to the question."""
    return _("Mark as leaked…") if key.state in (NEXT, ACTIVE) else _("Withdraw…")


def _line(key: KeyFacts, configured: bool) -> Line:
    words = {NEXT: _("Next"), ACTIVE: _("Active"), RETIRED: _("Retired"), REVOKED: _("Withdrawn")}
    kinds = {NEXT: "next", ACTIVE: "good", REVOKED: "bad"}
    never = key.signs_until is not None and key.active_from is not None and key.signs_until < key.active_from
    can = not configured and key.state != REVOKED
    return Line(
        key=key,
        kind="bad" if key.trouble else kinds.get(key.state, "off"),
        state=words.get(key.state) or _("Ended"),
        never_signed=never,
        withdraw_url=url_for(f"{BLUEPRINT}.key_withdraw", kid=key.kid) if can else None,
        withdraw=withdraw_text(key),
    )


def _rotation(server: ServerState, found: Sequence[KeyFacts], alg: str) -> Rotation:
    signs = next((key for key in found if key.alg == alg and key.state == ACTIVE), None)
    waits = next((key for key in found if key.alg == alg and key.state == NEXT), None)
    after = server.settings["OAUTH2_KEY_ROTATE_AFTER"]
    published = None if waits is None else waits.published_from
    return Rotation(
        alg=alg,
        every=_span(after) if after else "",
        next_on=None if signs is None else signs.signs_until,
        waits=None if waits is None or waits.trouble else waits,
        is_young=published is not None and clock.now() - published < _YOUNG,
        is_broken=signs is None or bool(signs.trouble),
        next_broken=waits is not None and bool(waits.trouble),
        ahead=_span(server.settings["OAUTH2_KEY_PUBLISHED_BEFORE"]),
        seen=mark(signs and signs.kid, waits and waits.kid),
    )


def _span(seconds: int) -> str:
    if seconds >= _DAY and seconds % _DAY == 0:
        return ngettext("%(num)s day", "%(num)s days", seconds // _DAY)
    if seconds >= _HOUR:
        return ngettext("%(num)s hour", "%(num)s hours", round(seconds / _HOUR))
    return ngettext("%(num)s minute", "%(num)s minutes", round(seconds / _MINUTE))

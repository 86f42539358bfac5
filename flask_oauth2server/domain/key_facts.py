"""What each signing key does, did and will do: it follows from the times of the rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from .. import clock

SIGNATURE = "sig"
NEXT, ACTIVE, RETIRED, ENDED, REVOKED = "next", "active", "retired", "ended", "revoked"
#: Why the private part of a key cannot be used: its ``SECRET_KEY`` is not known, or the row is damaged.
LOST, DAMAGED = "lost", "damaged"


class KeyFacts(NamedTuple):
    """What is told of a key: naive UTC times, and what it does now. Keys of the configuration have no times.

    :ivar state: ``next``, ``active``, ``retired`` (published, since something that it signed may still live),
        ``ended`` or ``revoked``.
    :ivar signs_until: when another one signs instead; of the last one, as it will be by age. None: never.
    :ivar published_until: when clients need not know it any more, or knew it no more.
    :ivar trouble: why it cannot sign, though it should: :data:`LOST`, :data:`DAMAGED` or nothing.
    """

    kid: str
    alg: str
    state: str
    published_from: datetime | None = None
    active_from: datetime | None = None
    signs_until: datetime | None = None
    published_until: datetime | None = None
    trouble: str = ""


class Schedule(NamedTuple):
    """How long things take.

    :ivar rotate_after: a key signs so long; nothing: until it is replaced by hand.
    :ivar ahead: so long a key is published before it signs.
    :ivar grace: and so long after it has been replaced.
    """

    rotate_after: timedelta
    ahead: timedelta
    grace: timedelta


def is_whole(row: Any) -> bool:
    """Whether the public half is there; one damaged row does not take the others along."""
    return isinstance(row.public, dict) and (row.public.get("kid"), row.public.get("alg")) == (row.kid, row.alg)


def live(rows: Sequence[Any], alg: str) -> list[Any]:
    """The keys for *alg* that are not revoked, in order of their generations."""
    return [row for row in rows if row.use == SIGNATURE and row.alg == alg and row.revoked_at is None]


def active(rows: Sequence[Any], alg: str) -> Any:
    """The row of the key that signs for *alg* now, or None."""
    now = clock.now()
    return next((row for row in reversed(live(rows, alg)) if row.active_from <= now), None)


def waiting(rows: Sequence[Any], alg: str) -> list[Any]:
    """Those that are published and do not sign yet; there is one at most, unless somebody was in a hurry."""
    now = clock.now()
    return [row for row in live(rows, alg) if row.active_from > now]


def mark(signs: str | None, waits: str | None) -> str:
    """Of the keys of an algorithm, as somebody saw them who decides."""
    return f"{signs or '-'} {waits or '-'}"


def marked(rows: Sequence[Any], alg: str) -> str:
    """The :func:`mark` of these rows."""
    signs, waits = active(rows, alg), waiting(rows, alg)
    return mark(signs and signs.kid, waits[-1].kid if waits else None)


def replaced_at(rows: Sequence[Any], row: Any) -> datetime | None:
    """When another key of the algorithm signs instead of that one, if there is one already."""
    later = [
        other.active_from
        for other in rows
        if (other.use, other.alg) == (row.use, row.alg) and other.generation > row.generation and _has_a_turn(other)
    ]
    return min(later) if later else None


def _has_a_turn(row: Any) -> bool:
    """Whether a key signs, will, or has: not if it was revoked while it waited."""
    return row.revoked_at is None or row.revoked_at >= row.active_from


def published_until(rows: Sequence[Any], row: Any, grace: timedelta) -> datetime:
    """When a key need not be known to clients any more."""
    if row.use != SIGNATURE or row.revoked_at is not None:
        return datetime.min
    replaced = replaced_at(rows, row)
    return datetime.max if replaced is None else replaced + grace


def facts(rows: Sequence[Any], row: Any, schedule: Schedule) -> KeyFacts:
    """What is told of one of *rows*."""
    now, ends = clock.now(), replaced_at(rows, row)
    if row.revoked_at is not None:
        ends = row.revoked_at if ends is None else min(ends, row.revoked_at)
        return KeyFacts(row.kid, row.alg, REVOKED, row.created_at, row.active_from, ends, row.revoked_at)
    if row is active(rows, row.alg):
        state = ACTIVE
    elif row.active_from > now:
        state = NEXT
    else:
        state = RETIRED if published_until(rows, row, schedule.grace) > now else ENDED
    if ends is None and schedule.rotate_after:
        ends = row.active_from + schedule.rotate_after
        if state == ACTIVE:  # the next one is made when the next token is, and waits then
            ends = max(ends, now + schedule.ahead)
    until = None if ends is None else ends + schedule.grace
    return KeyFacts(row.kid, row.alg, state, row.created_at, row.active_from, ends, until)

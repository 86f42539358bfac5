"""Six months of signing keys, as the template draws them: positions in per cent of equally wide months."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ... import clock
from ...domain.key_facts import ACTIVE, NEXT, KeyFacts
from ...text import _, format_day, format_month

MONTHS = 6
#: So many of them are over.
_BEFORE = 3
#: A stay that was shorter than that is drawn as if it were so long.
_SHORTEST = 0.4
#: So much of an id tells keys apart at a glance; the table has all of it.
_SHORT = 10


@dataclass(frozen=True)
class Stay:
    """What a key does for a while.

    :ivar kind: ``published``, ``signing``, or ``signed``: in the past.
    :ivar x: per cent of the width, as ``width`` is.
    """

    kind: str
    x: str
    width: str
    title: str


@dataclass(frozen=True)
class Lane:
    """One key.

    :ivar name: the beginning of its id.
    :ivar summary: the lane in words, which are read after the name.
    """

    name: str
    alg: str
    stays: Sequence[Stay]
    summary: str


@dataclass(frozen=True)
class Calendar:
    """Lanes over the same months.

    :ivar today: where the red line is.
    """

    months: Sequence[str]
    today: str
    lanes: Sequence[Lane]


def calendar(keys: Sequence[KeyFacts]) -> Calendar:
    """The keys that had, have or will have something to do within these months."""
    now = clock.now()
    first = _month(now.year * 12 + now.month - 1 - _BEFORE)
    lanes = [_lane(key, first) for key in keys]
    return Calendar(
        months=[format_month(_month(first.year * 12 + first.month - 1 + number)) for number in range(MONTHS)],
        today=_percent(_position(now, first)),
        lanes=[lane for lane in lanes if lane.stays],
    )


def _month(number: int) -> datetime:
    """The beginning of a month; months are counted from the year 0 on."""
    return datetime(number // 12, number % 12 + 1, 1)


def _position(moment: datetime, first: datetime) -> float:
    """Where a moment is between the beginning of *first*, 0, and the end of the last month, 100."""
    months = (moment.year - first.year) * 12 + moment.month - first.month
    days = (moment - _month(moment.year * 12 + moment.month - 1)).total_seconds() / 86400
    return min(max((months + days / monthrange(moment.year, moment.month)[1]) * 100 / MONTHS, 0), 100)


def _lane(key: KeyFacts, first: datetime) -> Lane:
    published = _stay("published", key.published_from, key.published_until, first)
    has_signed = key.state not in (NEXT, ACTIVE)
    signing = _stay("signed" if has_signed else "signing", key.active_from, key.signs_until, first)
    stays = [stay for stay in (published, signing) if stay is not None]
    name = key.kid if len(key.kid) <= _SHORT else f"{key.kid[:_SHORT]}…"
    return Lane(name, key.alg, stays, "; ".join(stay.title for stay in stays))


def _stay(kind: str, begins: datetime | None, ends: datetime | None, first: datetime) -> Stay | None:
    """None: it does not touch these months."""
    if begins is None or (ends is not None and ends <= begins):
        return None
    left, right = _position(begins, first), 100.0 if ends is None else _position(ends, first)
    if right <= 0 or left >= 100:
        return None
    width = max(right - left, _SHORTEST)
    return Stay(kind, _percent(min(left, 100 - width)), _percent(width), _title(kind, begins, ends))


def _title(kind: str, begins: datetime, ends: datetime | None) -> str:
    days = {"first": format_day(begins), "last": "" if ends is None else format_day(ends)}
    if kind == "published":
        return _("published from %(first)s to %(last)s", **days) if ends else _("published from %(first)s on", **days)
    if kind == "signed":
        return _("signed from %(first)s to %(last)s", **days)
    return _("signs from %(first)s to %(last)s", **days) if ends else _("signs from %(first)s on", **days)


def _percent(value: float) -> str:
    return f"{value:.3f}%"

"""Bars of the last days, as the template draws them: positions in per cent, heights in px."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from ... import clock
from ...state import ServerState
from ...storage.daily_counts import ALL
from ...text import _, format_day, format_number

DAYS = 14
#: A bar takes so much of the room of its day.
_BAR = 0.64
#: What the top line may stand for, times a power of ten.
_TOPS = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
_SATURDAY = 5


@dataclass(frozen=True)
class Bar:
    """One day of a series.

    :ivar x: per cent of the width, as ``width`` is.
    :ivar y: px from the top; ``height`` is 0 where nothing happened.
    :ivar left: where the room of the day begins, all of which tells the title; ``room``: how wide it is.
    """

    x: str
    width: str
    y: float
    height: float
    left: str
    room: str
    title: str
    today: bool


@dataclass(frozen=True)
class Series:
    """One row of bars.

    :ivar name: ``issued``, ``granted`` or ``refused``.
    :ivar height: px.
    :ivar counts: one for each day, today's last.
    :ivar top: what the top line stands for; 0 where there is nothing.
    :ivar summary: the row in words.
    """

    name: str
    label: str
    height: int
    counts: Sequence[int]
    total: int
    top: int
    summary: str
    bars: Sequence[Bar]


@dataclass(frozen=True)
class Day:
    """A day of the axis."""

    label: str
    today: bool


@dataclass(frozen=True)
class TableRow:
    """A day of the table that says the same: pairs of label and number."""

    day: str
    cells: Sequence[tuple[str, int]]


@dataclass(frozen=True)
class Chart:
    """Rows of bars over the same days, and the same as a table.

    :ivar since: the first day.
    :ivar weekends: pairs of where one begins and how wide it is.
    """

    caption: str
    since: datetime
    days: Sequence[Day]
    weekends: Sequence[tuple[str, str]]
    series: Sequence[Series]
    columns: Sequence[tuple[str, str]]
    rows: Sequence[TableRow]

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all happened."""
        return not any(series.total for series in self.series)


def activity(server: ServerState, client_pk: int = ALL, *, heights: tuple[int, int, int] = (120, 48, 48)) -> Chart:
    """What was issued, granted and refused in the last days, in all or for one client."""
    labels = {"issued": _("Tokens issued"), "granted": _("Authorizations granted"), "refused": _("Requests refused")}
    counts = server.storage.daily_counts.range(list(labels), DAYS, client_pk)
    today = clock.now().date()
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    return Chart(
        caption=_("The last %(days)s days", days=DAYS),
        since=_moment(days[0]),
        days=[Day(str(day.day), day == today) for day in days],
        weekends=_weekends(days),
        series=[
            _series(name, label, height, days, counts[name])
            for (name, label), height in zip(labels.items(), heights, strict=True)
        ],
        columns=[(_("Day"), ""), *((label, "number") for label in labels.values())],
        rows=[
            TableRow(format_day(_moment(day)), [(label, counts[name].get(day, 0)) for name, label in labels.items()])
            for day in days
        ],
    )


def _series(name: str, label: str, height: int, days: Sequence[date], counts: Mapping[date, int]) -> Series:
    values = [counts.get(day, 0) for day in days]
    total, most = sum(values), max(values)
    top = _top(most)
    room = 100 / len(days)
    bars = []
    for number, (day, value) in enumerate(zip(days, values, strict=True)):
        tall = max(round((height - 1) * value / top, 1), 1.5) if value else 0
        title = _("%(day)s: %(number)s", day=format_day(_moment(day)), number=format_number(value))
        x = _percent((number + (1 - _BAR) / 2) * room)
        last = number == len(days) - 1
        edge = _percent(number * room)
        bars.append(Bar(x, _percent(_BAR * room), height - tall, tall, edge, _percent(room), title, last))
    told = {"label": label, "total": format_number(total), "most": format_number(most)}
    summary = _("%(label)s: %(total)s in %(days)s days, at most %(most)s a day", days=len(days), **told)
    return Series(name, label, height, values, total, top, summary, bars)


def _top(most: int) -> int:
    """The next round number."""
    power = 10 ** (len(str(most)) - 1)
    return next(top for step in _TOPS if (top := int(-(-step * power // 1))) >= most) if most else 0


def _weekends(days: Sequence[date]) -> list[tuple[str, str]]:
    """Saturdays and Sundays, those beside one another as one."""
    room = 100 / len(days)
    spans: list[list[int]] = []
    for number in (number for number, day in enumerate(days) if day.weekday() >= _SATURDAY):
        if spans and spans[-1][1] == number:
            spans[-1][1] = number + 1
        else:
            spans.append([number, number + 1])
    return [(_percent(first * room), _percent((end - first) * room)) for first, end in spans]


def _percent(value: float) -> str:
    return f"{value:.3f}%"


def _moment(day: date) -> datetime:
    return datetime.combine(day, time())

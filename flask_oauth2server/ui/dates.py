"""Times as people say them, with the exact time in a title."""

from __future__ import annotations

from datetime import datetime

from markupsafe import Markup

from .. import clock
from ..text import format_ago, format_day, format_moment, ngettext

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def ago(moment: datetime) -> Markup:
    """Such as "4 minutes ago"; beyond two months the day.

    :param moment: naive UTC.
    """
    return _element(moment, format_ago(moment))


def until(moment: datetime) -> Markup:
    """Such as "in 30 days"."""
    seconds = max(int((moment - clock.now()).total_seconds()), 0)
    if seconds < _HOUR:
        return _element(moment, ngettext("in %(num)s minute", "in %(num)s minutes", max(seconds // _MINUTE, 1)))
    if seconds < 2 * _DAY:
        return _element(moment, ngettext("in %(num)s hour", "in %(num)s hours", seconds // _HOUR))
    return _element(moment, ngettext("in %(num)s day", "in %(num)s days", round(seconds / _DAY)))


def day(moment: datetime) -> Markup:
    """Such as "12 January 2026"."""
    return _element(moment, format_day(moment))


def _element(moment: datetime, text: str) -> Markup:
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        f"{moment.isoformat()}Z", format_moment(moment), text
    )

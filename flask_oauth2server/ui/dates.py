"""Times as people say them, with the exact time in a title."""

from __future__ import annotations

from datetime import datetime

from markupsafe import Markup

from .. import clock
from ..text import _, format_day, format_moment, ngettext

_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86400, 7 * 86400


def ago(moment: datetime) -> Markup:
    """Such as "4 minutes ago"; beyond two months the day.

    :param moment: naive UTC.
    """
    seconds = int((clock.now() - moment).total_seconds())
    if seconds < _MINUTE:
        return _element(moment, _("just now"))
    if seconds < _HOUR:
        return _element(moment, ngettext("%(num)s minute ago", "%(num)s minutes ago", seconds // _MINUTE))
    if seconds < _DAY:
        return _element(moment, ngettext("%(num)s hour ago", "%(num)s hours ago", seconds // _HOUR))
    if seconds < 2 * _DAY:
        return _element(moment, _("yesterday"))
    if seconds < 2 * _WEEK:
        return _element(moment, ngettext("%(num)s day ago", "%(num)s days ago", seconds // _DAY))
    if seconds < 9 * _WEEK:
        return _element(moment, ngettext("%(num)s week ago", "%(num)s weeks ago", seconds // _WEEK))
    return day(moment)


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

"""The ``_`` of texts that people read on pages.

Where Flask-Babel is installed and initialised on the app, its translations and formats are used;
elsewhere the English text is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import current_app

from . import clock

#: Scripts that run from right to left.
_RIGHT_TO_LEFT = ("ar", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi")


class Sentence(str):
    """An English sentence that can still be translated: what a rule says about a value.

    :param message: the English text with its ``%(name)s`` places.
    :param variables: values for its places.
    """

    message: str
    variables: dict[str, object]

    def __new__(cls, message: str, **variables: object) -> Sentence:
        self = super().__new__(cls, message % variables if variables else message)
        self.message, self.variables = message, variables
        return self


def gettext(message: str, **variables: object) -> str:
    """Translate *message* and fill in its ``%(name)s`` places.

    :param message: the English text, or a :class:`Sentence`.
    :param variables: values for its places.
    """
    if isinstance(message, Sentence):
        variables, message = message.variables, message.message
    translated = _babel().gettext(message) if has_babel() else message
    return str(translated % variables if variables else translated)


def ngettext(singular: str, plural: str, num: int, **variables: object) -> str:
    """Translate what depends on a number, which is ``%(num)s`` in the text."""
    text = singular if num == 1 else plural
    if has_babel():
        text = _babel().get_domain().get_translations().ungettext(singular, plural, num)
    return text % {"num": format_number(num), **variables}


def format_number(number: int) -> str:
    """*number* with its thousands told apart."""
    return str(_babel().format_decimal(number)) if has_babel() else f"{number:,}"


def format_day(moment: datetime) -> str:
    """Such as ``12 January 2026``."""
    if has_babel():
        return str(_babel().format_date(moment, "long", rebase=False))
    return f"{moment.day} {moment:%B %Y}"


def format_month(moment: datetime) -> str:
    """Such as ``Jan``."""
    return str(_babel().format_date(moment, "LLL", rebase=False)) if has_babel() else f"{moment:%b}"


def format_moment(moment: datetime) -> str:
    """Such as ``Thursday 15 October 2026, 09:42 UTC``; *moment* is UTC."""
    if has_babel():
        return f"{_babel().format_date(moment, 'full', rebase=False)}, {moment:%H:%M} UTC"
    return f"{moment:%A} {moment.day} {moment:%B %Y, %H:%M} UTC"


_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86400, 7 * 86400


def format_ago(moment: datetime) -> str:
    """Such as "4 minutes ago"; beyond two months the day.

    :param moment: naive UTC.
    """
    seconds = int((clock.now() - moment).total_seconds())
    if seconds < _MINUTE:
        return _("just now")
    if seconds < _HOUR:
        return ngettext("%(num)s minute ago", "%(num)s minutes ago", seconds // _MINUTE)
    if seconds < _DAY:
        return ngettext("%(num)s hour ago", "%(num)s hours ago", seconds // _HOUR)
    if seconds < 2 * _DAY:
        return _("yesterday")
    if seconds < 2 * _WEEK:
        return ngettext("%(num)s day ago", "%(num)s days ago", seconds // _DAY)
    if seconds < 9 * _WEEK:
        return ngettext("%(num)s week ago", "%(num)s weeks ago", seconds // _WEEK)
    return format_day(moment)


def language() -> str:
    """The tag of the language that pages are in (BCP 47)."""
    locale = _babel().get_locale() if has_babel() else None
    return "en" if locale is None else str(locale).replace("_", "-")


def direction() -> str:
    """``ltr`` or ``rtl``."""
    return "rtl" if language().partition("-")[0] in _RIGHT_TO_LEFT else "ltr"


def has_babel() -> bool:
    """Whether Flask-Babel translates for the current app."""
    return "babel" in current_app.extensions


def _babel() -> Any:
    import flask_babel  # optional machinery

    return flask_babel


_ = gettext

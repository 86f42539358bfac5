"""How several checks tell of clients."""

from __future__ import annotations

from ..storage.doctor import Counted
from ..text import gettext as _
from ..text import ngettext

_NAMED = 3


def counted(singular: str, plural: str, found: Counted) -> str:
    """A sentence that begins with how many clients were found, where there may be more, too.

    :param singular: the text for one, with ``%(num)s``.
    :param plural: the text for several.
    """
    sentence = ngettext(singular, plural, len(found.client_ids))
    return _("At least %(sentence)s", sentence=sentence) if found.more else sentence


def named(client_ids: list[str]) -> str:
    """The first of some clients by their ids, and how many there are besides."""
    told, further = ", ".join(client_ids[:_NAMED]), len(client_ids) - _NAMED
    return _("%(names)s and %(number)s more", names=told, number=further) if further > 0 else told

"""Reasons of refusals, as sentences."""

from __future__ import annotations

from ...domain.causes import cause_of
from ...text import _


def sentence(cause: str) -> str:
    """What a reason is called on the pages."""
    return _(cause_of(cause).title)

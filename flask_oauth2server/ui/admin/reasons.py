"""Reasons of refusals, as sentences."""

from __future__ import annotations

from ...domain.causes import cause_of
from ...text import _


def sentence(code: str) -> str:
    """What a reason is called on the pages: a sentence without a full stop."""
    return _(cause_of(code).title)

"""Names of applications, as far as one may be taken for another."""

from __future__ import annotations

import unicodedata


def key(name: str) -> str:
    """*name* as far as people tell names apart: without case, accents, spaces and marks."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    return ("".join(c for c in decomposed if c.isalnum()) or decomposed.strip())[:255]


def is_near(name: str, provider_name: str | None) -> bool:
    """Whether *name* would make people think of the provider itself."""
    provider = key(provider_name or "")
    return bool(provider) and provider in key(name)


#: Letters that look like nothing.
_BLANK = frozenset("\u00ad\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_MOST_MARKS = 4  # on one letter; no script needs more


def is_shown(name: str) -> bool:
    """Whether all of *name* can be seen, and nothing of it covers what stands above or below."""
    marks = 0
    for character in name:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > _MOST_MARKS or character in _BLANK:
            return False
    return name.isprintable()

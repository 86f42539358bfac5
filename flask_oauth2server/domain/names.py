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

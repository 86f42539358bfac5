"""Keys of our own from the app's ``SECRET_KEY``, which serves others as well."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import six
from flask import current_app


def app_secrets() -> Iterator[Any]:
    """``SECRET_KEY``, then ``SECRET_KEY_FALLBACKS``."""
    return iter([current_app.secret_key, *(current_app.config.get("SECRET_KEY_FALLBACKS") or ())])


@lru_cache(maxsize=64)
def derived(secret: Any, purpose: str) -> tuple[str, bytes]:
    """A name that tells nothing of the key, and a key of 32 bytes for *purpose* alone."""
    key = hmac.digest(six.ensure_binary(secret), f"flask-oauth2server {purpose}".encode(), "sha256")
    return hmac.digest(key, b"name", "sha256").hex()[:16], key

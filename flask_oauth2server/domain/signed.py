"""Signed, stateless values that travel through the browser: tickets and proofs."""

from __future__ import annotations

from typing import Any

from flask import current_app
from itsdangerous import BadData, URLSafeTimedSerializer

#: Tickets and proofs are good for so many seconds.
LIFETIME = 600


def _serializer(purpose: str) -> URLSafeTimedSerializer:
    # Flask's order: the last key signs.
    keys = [*(current_app.config.get("SECRET_KEY_FALLBACKS") or ()), current_app.secret_key]
    return URLSafeTimedSerializer(keys, salt=f"flask-oauth2server {purpose}")


def sign(purpose: str, payload: Any) -> str:
    """*payload* as a signed text that serves *purpose* alone."""
    signed = _serializer(purpose).dumps(payload)
    return signed if isinstance(signed, str) else signed.decode()


def read(purpose: str, value: str | None, lifetime: int = LIFETIME) -> Any:
    """The payload of a value signed for *purpose*, or None if it is forged or too old.

    :param lifetime: seconds.
    """
    try:
        return _serializer(purpose).loads(value or "", max_age=lifetime)
    except BadData:
        return None

"""Secrets of clients: how they are kept and compared."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from functools import cache

import six
from werkzeug.security import check_password_hash, generate_password_hash

from ..storage.clients import SecretInfo
from . import tokens

#: From this length on a secret is treated like a generated one; a shorter one may be a person's.
LONG = tokens.RANDOM_LENGTH
LONGEST = 1024
#: How the digest of a short secret begins.
SLOW = "scrypt:"


@cache
def _nobody() -> str:
    return generate_password_hash("a secret that nobody has")


def is_storable(value: str) -> bool:
    """Whether *value* can be kept: not empty, not too long, without NUL, which scrypt's HMAC pads with."""
    return bool(value) and len(value) <= LONGEST and "\0" not in value


def may_be_guessed(value: str) -> bool:
    """Whether *value* is as short as what a person may have chosen, and could be right at all."""
    return len(value) < LONG and is_storable(value)


def hashed(value: str) -> str:
    """What is stored of a secret: a plain digest of a long one, scrypt of a short one."""
    return tokens.digest(value) if len(value) >= LONG else generate_password_hash(value)


def matching(value: str, secrets: Sequence[SecretInfo]) -> SecretInfo | None:
    """The live secret that *value* is, or None.

    The work depends on the length of *value* alone, so that an unknown client, a client without
    secrets and a wrong secret look alike (RFC 6819, 5.1.4.1).
    """
    if not is_storable(value):
        return None
    if len(value) >= LONG:
        digest = six.ensure_binary(tokens.digest(value))
        return next((s for s in secrets if hmac.compare_digest(six.ensure_binary(s.digest), digest)), None)
    slow = [secret for secret in secrets if secret.digest.startswith(SLOW)]
    if not slow:
        check_password_hash(_nobody(), value)
    return next((secret for secret in slow if check_password_hash(secret.digest, value)), None)

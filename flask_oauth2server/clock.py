"""The only clock of the package, so that a test can move it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache


def timestamp() -> float:
    """Seconds since the epoch, with fractions: what sessions and proofs compare."""
    return time.time()


def now() -> datetime:
    """The current time as naive UTC in whole seconds: what the database stores.

    MariaDB's ``DATETIME`` keeps no fractions, so no database is given any.
    """
    return _second(int(timestamp()))


def moment(seconds: float) -> datetime:
    """Seconds since the epoch as the database stores a time."""
    return datetime.fromtimestamp(int(seconds), UTC).replace(tzinfo=None)


@lru_cache(maxsize=1)
def _second(seconds: int) -> datetime:
    return moment(seconds)


def epoch(moment: datetime) -> int:
    """A naive UTC time as whole seconds since the epoch (RFC 7662 and RFC 7519 numbers)."""
    return int(moment.replace(tzinfo=UTC).timestamp())

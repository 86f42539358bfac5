"""Web addresses that clients name, for browsers and for this server to ask."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ..text import Sentence


def web_address(value: Any) -> SplitResult:
    """The parts of a web address without a fragment.

    :raises ValueError: if it is none.
    """
    try:
        parts: SplitResult = urlsplit(value)
        good = parts.scheme in ("https", "http") and bool(parts.hostname) and "@" not in parts.netloc
    except (ValueError, TypeError, AttributeError):
        good = False
    if not good or "#" in value or len(value) > 2000 or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError(Sentence("must be a web address without a fragment."))
    return parts


def check_asked(private_hosts: Collection[str], value: Any, _metadata: Mapping[str, Any]) -> None:
    """An address that this server asks: https, but where the machine may be a private one.

    :param private_hosts: ``OAUTH2_FETCH_PRIVATE_HOSTS``.
    :raises ValueError: if it is none.
    """
    parts = web_address(value)
    if parts.scheme != "https" and parts.hostname not in private_hosts:
        raise ValueError(Sentence("must begin with https://."))

"""Where a request came from, in words: browser and system, address, place.

Nothing is read unless the host has switched ``OAUTH2_KEEP_ADDRESSES`` on.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flask import has_request_context, request

#: What a User-Agent header contains, and what people call it; the first that fits.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


class Origin(NamedTuple):
    """Address and device of a request; None where nothing is kept or known."""

    address: str | None = None
    device: str | None = None


def named(user_agent: str) -> str | None:
    """Such as ``Firefox on Windows``; None if the header says nothing known."""
    browser = next((name for sign, name in _BROWSERS if sign in user_agent), None)
    system = next((name for sign, name in _SYSTEMS if sign in user_agent), None)
    return f"{browser} on {system}" if browser and system else browser or system


def plain(address: str | None) -> str | None:
    """An IPv4-mapped address as the IPv4 address that it is."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


class Devices:
    """Origins of one app's requests.

    :param settings: the ``OAUTH2_*`` settings.
    :param hooks: the extension's one-slot hooks; ``place`` is asked here.
    """

    def __init__(self, settings: Mapping[str, Any], hooks: Mapping[str, Callable[..., Any]]) -> None:
        self.kept = bool(settings["OAUTH2_KEEP_ADDRESSES"])
        self._hooks = hooks

    def origin(self, *, always: bool = False) -> Origin:
        """Where the current request came from, as far as it is kept.

        :param always: as for an administrator, who answers for what they do.
        """
        if not (self.kept or always) or not has_request_context():
            return Origin()
        return Origin(plain(request.remote_addr), named(request.headers.get("User-Agent", "")))

    def place(self, address: str | None) -> str:
        """The place of *address* as the host's hook knows it (``@oauth2.place``), or an empty string."""
        hook = self._hooks.get("place")
        return str(hook(address) or "") if hook and address else ""

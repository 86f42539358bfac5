"""Pages for people; nothing here knows oauthlib."""

from __future__ import annotations

from ..development import Development
from ..state import ServerState
from . import consent, errors, start


def init_app(server: ServerState, development: Development | None) -> None:
    """Fill the page slots, and add the pages of the bare start where it is one."""
    consent.init_app(server)
    errors.init_app(server)
    if development is not None:
        start.init_app(server, development)

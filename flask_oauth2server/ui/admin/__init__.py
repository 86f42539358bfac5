"""Pages of administrators: clients, what they may do and do, why requests fail, what happened."""

from __future__ import annotations

from ...state import ServerState
from . import overview


def init_app(server: ServerState) -> None:
    """Join."""
    for part in (overview,):
        part.init_app(server)

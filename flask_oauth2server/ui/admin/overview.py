"""The first page of administrators: is all well?"""

from __future__ import annotations

from typing import Any

from ...state import ServerState
from .visit import AdminVisit, add_page


def init_app(server: ServerState) -> None:
    """Join."""
    add_page(server, "/", "index", index)


def index(visit: AdminVisit) -> Any:
    """Counts, the last days, what the doctor found."""
    return visit.render("index.html", section="overview")

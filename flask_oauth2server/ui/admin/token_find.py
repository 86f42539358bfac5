"""Find a token by its value: it is hashed and compared, and neither kept nor shown again."""

from __future__ import annotations

from typing import Any

from flask import request, url_for

from ...domain import tokens
from ...state import ServerState
from .access import token_lines
from .visit import BLUEPRINT, AdminVisit, add_page

_LONGEST = 4096


def init_app(server: ServerState) -> None:
    """Join."""
    add_page(server, "/tokens/find/", "token_find", token_find, posts=True)


def token_find(visit: AdminVisit) -> Any:
    """What is known of the value that was pasted."""
    back = "failures" if request.form.get("back") == "failures" else "tokens"
    if not visit.posted:
        return visit.go(back)
    value = request.form.get("value", "")[:_LONGEST].strip()
    if value[:7].lower() == "bearer ":  # copied with its header
        value = value[7:].strip()
    if not value:
        return visit.go(back)
    row, is_refresh = visit.server.storage.access.by_digest(tokens.digest(value))
    lines = token_lines(visit.server, [] if row is None else [row])
    return visit.render(
        "token_found.html",
        section=back,
        token=lines[0] if lines else None,
        is_refresh=is_refresh,
        back_url=url_for(f"{BLUEPRINT}.{back}"),
        find_url=url_for(f"{BLUEPRINT}.token_find"),
        end_url=url_for(f"{BLUEPRINT}.access_end"),
    )

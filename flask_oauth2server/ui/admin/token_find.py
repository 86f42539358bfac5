"""Find a token by its value: it is hashed and compared, and neither kept nor shown again."""

from __future__ import annotations

from typing import Any

from flask import request, url_for

from ...domain import tokens
from ...domain.hints import KINDS
from ...state import ServerState
from .access import token_lines
from .people import Named, client_named, name_of
from .visit import BLUEPRINT, AdminVisit, add_page

_LONGEST = 4096


def init_app(server: ServerState) -> None:
    """Join."""
    add_page(server, "/tokens/find/", "token_find", token_find, posts=True)


def token_find(visit: AdminVisit) -> Any:
    """What is known of the value that was pasted, and what became of it."""
    server = visit.server
    back = "failures" if request.form.get("back") == "failures" else "tokens"
    value = _pasted()
    if not visit.posted or not value:
        return visit.go(back)
    story = server.why.token(value)
    rows = server.storage.access.some_tokens([] if story.token_pk is None else [story.token_pk])
    client = server.storage.clients.by_pk(story.client_pk) if story.client_pk is not None else None
    return visit.render(
        "token_found.html",
        section=back,
        story=story,
        token=next(iter(token_lines(server, rows)), None),
        is_refresh=story.kind == KINDS[tokens.REFRESH],
        of=_person(server, story.user_id),
        app=None if client is None else client_named(client.id, client.client_id, client.name),
        back_url=url_for(f"{BLUEPRINT}.{back}"),
        find_url=url_for(f"{BLUEPRINT}.token_find"),
        end_url=url_for(f"{BLUEPRINT}.access_end"),
    )


def _pasted() -> str:
    """The value, without the header that it may have been copied with."""
    value = request.form.get("value", "").replace("\0", "")[:_LONGEST].strip()
    return value[7:].strip() if value[:7].lower() == "bearer " else value


def _person(server: ServerState, key: Any) -> Named | None:
    if key is None:
        return None
    return Named(name_of(server, key), url_for(f"{BLUEPRINT}.tokens", user=str(key)))

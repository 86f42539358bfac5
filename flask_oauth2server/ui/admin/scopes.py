"""Scopes that are registered, which clients may ask for them, and which clients are resource servers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for

from ...scopes import Scope
from ...state import ServerState
from ..faces import shown
from ..listing import PAGE
from .keyed import number, typed
from .people import Named, client_url
from .visit import BLUEPRINT, AdminVisit, add_page

#: So many clients are looked through: the scope of a client is within its metadata, which no index reaches.
SCANNED = 1000


def init_app(server: ServerState) -> None:
    """Join."""
    add_page(server, "/scopes/", "scopes", scopes)


@dataclass(frozen=True)
class ScopeLine:
    """A scope in the list.

    :ivar clients: how many of those looked through may ask for it.
    """

    id: str
    text: str
    group: str
    internal: bool
    default: bool
    optional: bool
    powerful: bool
    clients: int
    url: str


@dataclass(frozen=True)
class Server:
    """A client that may introspect tokens of others."""

    client: Named
    client_id: str
    disabled: bool


def scopes(visit: AdminVisit) -> Any:
    """All scopes, or the clients that may ask for one."""
    asked = typed("scope")
    known = visit.server.scopes.get(asked) if asked else None
    return _list(visit, asked) if known is None else _one(visit, known)


def _list(visit: AdminVisit, unknown: str) -> str:
    use = visit.server.storage.scope_use
    scanned = use.scan(after=None, limit=SCANNED + 1)
    counted = Counter(id_ for row in scanned[:SCANNED] for id_ in set((row.scope or "").split()))
    servers = use.introspecting(PAGE + 1)
    return visit.render(
        "scopes.html",
        section="scopes",
        unknown=unknown,
        lines=[_line(scope, counted[scope.id]) for scope in visit.server.scopes],
        gone=sorted(set(counted) - {scope.id for scope in visit.server.scopes})[:PAGE],
        scanned=len(scanned[:SCANNED]),
        is_all=len(scanned) <= SCANNED,
        servers=[_server(row) for row in servers[:PAGE]],
        more_servers=len(servers) > PAGE,
    )


def _one(visit: AdminVisit, scope: Scope) -> str:
    after = number(typed("after"))
    scanned = visit.server.storage.scope_use.scan(after=after, limit=SCANNED + 1)
    found = [row for row in scanned[:SCANNED] if scope.id in (row.scope or "").split()]
    last = _last(found, scanned)
    return visit.render(
        "scope.html",
        section="scopes",
        scope=_line(scope, len(found)),
        clients=[_client(row) for row in found[:PAGE]],
        scanned=len(scanned[:SCANNED]),
        is_all=after is None and len(scanned) <= SCANNED,
        is_first=after is None,
        back_url=url_for(f"{BLUEPRINT}.scopes"),
        first_url=None if after is None else _url(scope.id),
        next_url=None if last is None else _url(scope.id, last),
    )


def _last(found: Sequence[Any], scanned: Sequence[Any]) -> int | None:
    """Behind which key the next page begins: of the last client shown, or of the last looked at."""
    if len(found) > PAGE:
        return int(found[PAGE - 1].id)
    return int(scanned[SCANNED - 1].id) if len(scanned) > SCANNED else None


def _line(scope: Scope, clients: int) -> ScopeLine:
    return ScopeLine(
        id=scope.id,
        text=shown(scope.help_text),
        group=scope.group,
        internal=scope.is_internal,
        default=scope.default,
        optional=scope.optional,
        powerful=scope.powerful,
        clients=clients,
        url=_url(scope.id),
    )


def _url(scope: str, after: int | None = None) -> str:
    return url_for(f"{BLUEPRINT}.scopes", scope=scope, after=after)


def _client(row: Any) -> tuple[Named, str]:
    return Named(row.name, client_url(row.id, row.client_id)), row.client_id


def _server(row: Any) -> Server:
    client, client_id = _client(row)
    return Server(client, client_id, row.disabled_at is not None)

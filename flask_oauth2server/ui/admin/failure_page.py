"""One failure: what differed, how to mend it, what was checked, what was asked and answered, who saw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import current_app, url_for

from ... import clock
from ...domain import audit
from ...domain.causes import Cause, flow_of
from ...domain.differences import Piece
from ...domain.why import Explanation
from ...state import ServerState
from ..visit import missing
from .compare import Sides
from .explained import told
from .people import Named, client_url, name_of
from .visit import BLUEPRINT, AdminVisit, add_page

#: An event of the audit explains a failure that began within this time after it.
_SOON_AFTER = timedelta(days=3)
#: Kinds of events that may be behind a cause.
_BEHIND = {
    "client_disabled": audit.CLIENT_DISABLED,
    "secret_wrong": audit.SECRET_ENDED,
    "authorization_ended": audit.ENDED,
    "client_unknown": audit.CLIENT_DELETED,
}


def init_app(server: ServerState) -> None:
    """Join."""
    add_page(server, "/failures/<reference>/", "failure", failure)


@dataclass(frozen=True)
class Event:
    """What was done just before, with the entry of the audit log."""

    kind: str
    at: datetime
    url: str


def failure(visit: AdminVisit, reference: str) -> Any:
    """The failure of that reference."""
    server = visit.server
    explained = server.why.reference(reference)
    if explained is None:
        raise missing()
    row, cause = explained.row, explained.cause
    client = server.storage.clients.by_pk(row.client_pk) if row.client_pk is not None else None
    alike, shown = server.storage.failures.alike(row), told(explained, client)
    return visit.render(
        "failure.html",
        section="failures",
        reference=row.reference,
        at=row.created_at,
        times=max(alike.times, _counted_today(server, row)),
        alike=alike,
        client=None if client is None else Named(client.name, client_url(client.id, client.client_id)),
        sent_client=row.client_id or "",
        whom=None if row.user_id is None else _person(server, row.user_id),
        told=shown,
        asked=_asked(explained, shown.sides),
        answered=f"{row.status} {row.error}",
        seen=_seen(row, cause),
        address=server.devices.place(row.address) or row.address or "",
        keeps_addresses=server.devices.kept,
        event=_just_before(server, row, client, alike.first_at),
        back_url=url_for(f"{BLUEPRINT}.failures"),
    )


def _person(server: ServerState, key: Any) -> Named:
    return Named(name_of(server, key), url_for(f"{BLUEPRINT}.failures", user=str(key), days=14))


def _counted_today(server: ServerState, row: Any) -> int:
    counted = server.storage.refusals.times([row.cause], [row.client_pk], clock.now().date())
    return sum(counted.values())


def _asked(explained: Explanation, compared: Sides | None) -> dict[str, Any]:
    """The request, with the pieces that differ."""
    row = explained.row
    rules = list(current_app.url_map.iter_rules(row.endpoint)) if row.endpoint in current_app.view_functions else []
    parameters: list[tuple[str, Sequence[Piece]]] = []
    for name, value in explained.parameters:
        marked = compared is not None and value == row.facts.get("sent")
        parameters.append((name, compared.sent if compared is not None and marked else (Piece(value, False),)))
    return {
        "line": f"{row.facts.get('method', '')} {rules[0].rule if rules else row.endpoint}".strip(),
        "authorization": row.facts.get("authorization", ""),
        "parameters": parameters,
        "width": max((len(name) for name, _value in parameters), default=0),
    }


def _seen(row: Any, cause: Cause) -> str:
    """Who was told: ``page``, ``client`` by way of the browser, or ``program``."""
    if row.endpoint != "oauth2server.authorize":
        return "program" if row.endpoint.startswith("oauth2server.") or cause.step.startswith("token_") else "other"
    steps = flow_of(row.endpoint, cause)
    stopped = steps.index(cause.step)
    sends_back = "redirect_uri" in steps and stopped > steps.index("redirect_uri")
    return "client" if sends_back else "page"


def _just_before(server: ServerState, row: Any, client: Any, first_at: datetime) -> Event | None:
    """What was done to the client shortly before it began to fail."""
    client_id = row.client_id if client is None else client.client_id
    if client_id is None:
        return None
    kind = _BEHIND.get(row.cause, audit.CLIENT_CHANGED)
    for found in server.storage.audit_events.page(client_id=client_id, kind=kind, limit=5):
        if found.created_at < first_at:
            url = url_for(f"{BLUEPRINT}.audit", client=client_id, kind=kind, _anchor=f"e{found.id}")
            return Event(kind, found.created_at, url) if first_at - found.created_at < _SOON_AFTER else None
    return None

"""The entries of the audit log that are shown, as a table for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from flask import Response, stream_with_context

from ... import clock
from ...domain import audit
from ...domain.audit_export import csv_lines
from ...state import ServerState
from .audit import chosen
from .visit import AdminVisit, add_page

#: So many entries are read in one piece.
_PIECE = 1000


def init_app(server: ServerState) -> None:
    """Join."""
    add_page(server, "/audit/export/", "audit_export", export, posts=True)


def export(visit: AdminVisit) -> Any:
    """A file, newest first, piece by piece; the export is noted in the log itself, hence the form."""
    server, which = visit.server, chosen(visit.server)
    if not visit.posted or which.several or which.unknown:
        return visit.go("audit", **which.address())
    server.storage.unit.run(lambda: server.audit.note(audit.AUDIT_EXPORTED, None))
    response = Response(stream_with_context(csv_lines(_records(server, which.wanted))), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="audit-{clock.now():%Y-%m-%d}.csv"'
    return response


def _records(server: ServerState, wanted: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A transaction is not held for longer than a piece."""
    run, events, before = server.storage.unit.run, server.storage.audit_events, None
    while rows := run(partial(events.page, before=before, limit=_PIECE, **wanted)):
        before = rows[-1].id
        yield from ({"type": "event", **{n: _plain(v) for n, v in row._mapping.items()}} for row in rows)


def _plain(value: Any) -> Any:
    return f"{value.isoformat()}Z" if isinstance(value, datetime) else value

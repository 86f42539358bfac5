"""The audit as lines for another program: JSON, or a table for a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any

from ..storage import Storage

#: What a table tells of an entry.
COLUMNS = (
    *("id", "created_at", "kind", "actor_kind", "actor", "user_id", "client_id", "client_name", "name", "scope"),
    *("reason", "changes", "authorization", "token_id", "address", "device", "seal"),
)
#: So many seals, or entries that are not sealed, are read in one piece.
_PIECE = 20
#: What a spreadsheet takes for a formula, or for the end of one cell and the start of such a one.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


def records(storage: Storage, since: datetime | None = None) -> Iterator[dict[str, Any]]:
    """Entries in order of their seals, each batch followed by its seal, then what is not sealed.

    A transaction is not held for longer than a piece.

    :param since: only batches with something at or after that time.
    """
    run, after = storage.unit.run, -(2**62)
    while seals := run(partial(storage.audit_seals.page, after, _PIECE, since)):
        after = seals[-1].number
        rows = run(partial(storage.audit_events.under, seals[0].number, after))
        under = {number: list(group) for number, group in groupby(rows, key=lambda row: row.seal)}
        for seal in seals:
            yield from (_record("event", row) for row in under.get(seal.number, ()))
            yield _record("seal", seal)
    after = 0
    while rows := run(partial(storage.audit_events.unsealed, after=after, limit=1000)):
        after = rows[-1].id
        yield from (_record("event", row) for row in rows)


def _record(kind: str, row: Any) -> dict[str, Any]:
    return {"type": kind, **{name: _plain(value) for name, value in row._mapping.items()}}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    return value if isinstance(value, dict | int | str | None) else str(value)


def json_lines(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    """One JSON object a line."""
    return (f"{json.dumps(record)}\n" for record in found)


def csv_lines(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    """A table of the entries, without seals; cells that a spreadsheet would run have a quote before them."""
    yield _csv_line(COLUMNS)
    for record in found:
        if record["type"] == "event":
            yield _csv_line([_cell(record[name]) for name in COLUMNS])


def _csv_line(cells: Iterable[str]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()


def _cell(value: Any) -> str:
    text = "" if value is None else json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULAS) else text

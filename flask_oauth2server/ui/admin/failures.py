"""Why did it fail? Refused requests, by cause and client."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import url_for

from ... import clock
from ...domain.causes import cause_of
from ...domain.why import explained as explained_row
from ...state import ServerState
from ...text import _, ngettext
from .compare import in_short
from .faces import Choice
from .keyed import typed
from .people import Named, client_url, found, name_of
from .visit import BLUEPRINT, AdminVisit, add_page

#: So many groups are shown, and so many clients and people offered where several may be meant.
_MOST, _MOST_OFFERED = 100, 6
_DAY = 86400
_PERIODS = (1, 7, 14)
#: What can be nothing else.
_REFERENCE = re.compile(r"F-[0-9A-Z]{4}-?[0-9A-Z]{4}")


def init_app(server: ServerState) -> None:
    """Join."""
    add_page(server, "/failures/", "failures", failures)


@dataclass(frozen=True)
class Group:
    """Refusals of one cause and client.

    :ivar title: what happened, a sentence; ``clue`` says more of the latest one, and may be empty.
    :ivar client: None where no client is known; ``sent_client`` is what was sent then.
    :ivar told: the error code and status that the client got.
    :ivar url: the page of the latest one.
    """

    times: int
    title: str
    clue: str
    client: Named | None
    sent_client: str
    told: str
    endpoint: str
    last_at: datetime
    url: str


@dataclass(frozen=True)
class Sought:
    """What the search stands for.

    :ivar several: those of whom one may be meant; then nothing is shown.
    :ivar reference: a reference that is not there.
    """

    client_pk: int | None = None
    client_id: str | None = None
    user: Any = None
    several: Sequence[Named] = ()
    reference: str = ""
    chip: str = ""


def failures(visit: AdminVisit) -> Any:
    """What was refused, the latest first."""
    server = visit.server
    query, client, user, days = typed("q"), typed("client"), typed("user"), _days()
    explained = server.why.reference(query)
    if explained is not None:
        return visit.go("failure", reference=explained.row.reference)
    is_reference = _REFERENCE.fullmatch(query.upper()) is not None
    sought = Sought(reference=query.upper()) if is_reference else _sought(server, query, client, user, days)
    shown = not (sought.several or sought.reference)
    rows = _rows(server, sought, days) if shown else []
    return visit.render(
        "failures.html",
        section="failures",
        groups=groups(server, rows, None if sought.user is not None else _since(days)),
        is_more=len(rows) == _MOST,
        query=query,
        sought=sought,
        chips=[(sought.chip, _url(days=days))] if sought.chip else [],
        selects=[_periods(days)],
        is_today=days == 1,
        week_url=_url(q=query, client=client, user=user, days=7),
        kept_days=max(1, int(server.settings["OAUTH2_FAILURES_EXPIRES_IN"]) // _DAY),
        recorded=bool(server.settings["OAUTH2_ENABLE_FAILURES"]),
        clear_url=url_for(f"{BLUEPRINT}.failures"),
        find_url=url_for(f"{BLUEPRINT}.token_find"),
    )


def _days() -> int:
    asked = typed("days")
    return int(asked) if asked in map(str, _PERIODS) else _PERIODS[0]


def _since(days: int) -> datetime:
    """Midnight (UTC) of the first of so many days, of which today is the last."""
    return datetime.combine(clock.now().date(), datetime.min.time()) - timedelta(days=days - 1)


def _periods(days: int) -> Choice:
    labels = {1: _("Today")}
    options = [(str(n), labels.get(n) or ngettext("%(num)s day", "%(num)s days", n)) for n in _PERIODS]
    return Choice("days", _("Period"), options, str(days))


def _url(**parts: Any) -> str:
    return url_for(f"{BLUEPRINT}.failures", **{name: value for name, value in parts.items() if value})


def _sought(server: ServerState, query: str, client: str, user: str, days: int) -> Sought:
    """By a client and a user that links name, else by what was typed."""
    if client:
        model = server.storage.clients.addressed(client)
        return _of_client(model) if model is not None else _as_sent(client)
    if user:
        users = found(server, user)
        return _of_user(server, users[0]) if users else _as_sent(user)
    if not query:
        return Sought()
    model = server.storage.clients.addressed(query)
    if model is not None:
        return _of_client(model)
    clients = server.client_search.find(query, limit=_MOST_OFFERED).clients
    people = found(server, query)[:_MOST_OFFERED]
    if len(clients) + len(people) > 1:
        offered = [Named(one.name, _url(client=one.client_id, days=days)) for one in clients]
        offered += [Named(name_of(server, key), _url(user=str(key), days=days)) for key in people]
        return Sought(several=offered)
    if clients:
        return _of_client(clients[0])
    return _of_user(server, people[0]) if people else _as_sent(query)


def _of_client(model: Any) -> Sought:
    return Sought(client_pk=model.id, chip=_("Client: %(name)s", name=model.name))


def _of_user(server: ServerState, key: Any) -> Sought:
    return Sought(user=key, chip=_("Person: %(name)s", name=name_of(server, key)))


def _as_sent(text: str) -> Sought:
    """A client ID that came, though there is no such client."""
    return Sought(client_id=text, chip=_("Client ID as it was sent: %(id)s", id=text))


def _rows(server: ServerState, sought: Sought, days: int) -> list[Any]:
    which = {"client_pk": sought.client_pk, "client_id": sought.client_id, "user": sought.user}
    return server.storage.failures.groups(since=_since(days), limit=_MOST, **which)


def groups(server: ServerState, rows: Sequence[Any], counted_since: datetime | None) -> list[Group]:
    """Groups, for a list.

    :param counted_since: count also what was refused and not kept, from that day on; None: only what is kept.
    """
    pks = {row.client_pk for row in rows}
    counted: dict[tuple[str, int], int] = {}
    if rows and counted_since is not None:
        counted = server.storage.refusals.times({row.cause for row in rows}, pks, counted_since.date())
    clients = server.storage.overview.named([pk for pk in pks if pk])
    return [_group(row, counted.get((row.cause, row.client_pk or 0), 0), clients.get(row.client_pk)) for row in rows]


def _group(row: Any, counted: int, client: Any) -> Group:
    return Group(
        times=max(row.times, counted),
        title=_(cause_of(row.cause).title),
        clue=in_short(explained_row(row)),
        client=None if client is None else Named(client.name, client_url(client.id, client.client_id)),
        sent_client=row.client_id or "",
        told=f"{row.error} {row.status}",
        endpoint=row.endpoint.rpartition(".")[2],
        last_at=row.created_at,
        url=url_for(f"{BLUEPRINT}.failure", reference=row.reference),
    )

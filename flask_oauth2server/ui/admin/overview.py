"""The first page of administrators: is all well?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import url_for

from ... import clock
from ...scopes import Scope
from ...state import ServerState
from ...text import _, format_number, ngettext
from ..portraits import portraits
from .charts import Chart, activity
from .faces import MOST, Count, Expiring, Figure, Refused, Waiting
from .people import client_url
from .reasons import sentence
from .visit import BLUEPRINT, AdminVisit, add_page, is_served

#: So many rows stand in each of the small lists.
_FEW = 5
_SOON = timedelta(days=14)


def init_app(server: ServerState) -> None:
    """Join."""
    add_page(server, "/", "index", index)


def index(visit: AdminVisit) -> Any:
    """Counts, the last days, what the doctor found; on a fresh install, what to do first."""
    server = visit.server
    is_fresh = server.storage.overview.clients(1) == 0
    chart = None if is_fresh else activity(server)
    return visit.render(
        "index.html",
        section="overview",
        is_fresh=is_fresh,
        figures=[] if chart is None else _figures(server, chart),
        chart=chart,
        doctor=server.doctor.glance(),
        expiring=[] if is_fresh else _expiring(server),
        refused=[] if is_fresh else refused_most(server),
        waiting=[] if is_fresh else _waiting(server),
        waiting_count=Count.of(server.storage.overview.waiting_count(MOST)),
        new_client_url=_url(server, "client_new"),
        clients_url=_url(server, "clients"),
        waiting_url=_url(server, "clients", check="unchecked"),
        failures_url=_url(server, "failures"),
        discovery_url=url_for("oauth2server.metadata") if _has(server, "metadata") else None,
    )


def _url(server: ServerState, endpoint: str, **arguments: Any) -> str | None:
    return url_for(f"{BLUEPRINT}.{endpoint}", **arguments) if is_served(server, endpoint) else None


def _has(server: ServerState, name: str) -> bool:
    return any(route.blueprint == "oauth2server" and route.name == name for route in server.routes)


def _figures(server: ServerState, chart: Chart) -> list[Figure]:
    """The four numbers on top."""
    storage = server.storage.overview
    issued, granted, refused = (series.counts for series in chart.series)
    asked = issued[-1] + granted[-1] + refused[-1]
    share = _("%(share)s %% of what was asked for", share=_share(refused[-1], asked)) if asked else ""
    unchecked, disabled = Count.of(storage.unchecked(MOST)), Count.of(storage.disabled(MOST))
    clients = _("%(unchecked)s not checked, %(disabled)s disabled", unchecked=unchecked.short, disabled=disabled.short)
    new = ngettext(
        "%(num)s authorization granted in 14 days", "%(num)s authorizations granted in 14 days", sum(granted)
    )
    before = _("%(number)s yesterday", number=format_number(issued[-2]))
    return [
        Figure(_("Clients"), Count.of(storage.clients(MOST)), clients),
        Figure(_("People with an authorization"), Count(*storage.people(MOST)), new),
        Figure(_("Tokens issued today"), Count(issued[-1]), before),
        Figure(_("Refused today"), Count(refused[-1]), share),
    ]


def _share(part: int, whole: int) -> str:
    share = 100 * part / whole
    return f"{share:.1f}" if 0 < share < 10 else str(round(share))


def refused_most(server: ServerState) -> list[Refused]:
    """The reasons of today's refusals, with the client where one is known."""
    prefix = "refused:"
    rows = server.storage.daily_counts.top(prefix, clock.now().date(), _FEW)
    clients = server.storage.overview.named([pk for _cause, pk, _times in rows if pk])
    found = []
    for cause, pk, times in rows:
        client = clients.get(pk)
        arguments = {} if client is None else {"client": client.client_id}
        url = _url(server, "failures", **arguments) or (client and client_url(client.id, client.client_id)) or ""
        found.append(Refused(times, sentence(cause), client.name if client else "", url))
    return found


def _waiting(server: ServerState) -> list[Waiting]:
    """Clients that nobody has checked yet, the latest first."""
    clients = server.storage.overview.waiting(_FEW)
    return [
        Waiting(face, client_url(client.id, client.client_id), _asks_for(server, client.scopes), client.created_at)
        for client, face in zip(clients, portraits(server, clients), strict=True)
    ]


def _asks_for(server: ServerState, ids: Sequence[str]) -> str:
    """How much a client may ask for."""
    powerful = sum((server.scopes.get(id_) or Scope(id_)).powerful for id_ in ids)
    scopes = ngettext("%(num)s scope", "%(num)s scopes", len(ids))
    if not powerful:
        return scopes
    return ngettext(
        "%(scopes)s, %(num)s of them powerful", "%(scopes)s, %(num)s of them powerful", powerful, scopes=scopes
    )


def _expiring(server: ServerState) -> list[Expiring]:
    """Secrets of enabled clients that end soon, the first to end first."""
    return [
        Expiring(row.name, client_url(row.client_pk, row.client_id), row.hint, row.expires_at, not row.others)
        for row in server.storage.overview.expiring(clock.now() + _SOON, _FEW)
    ]

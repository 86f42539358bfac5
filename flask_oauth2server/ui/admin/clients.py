"""The list of all clients: searched, filtered, turned by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import request, url_for

from ...domain.client_search import FoundClients
from ...state import ServerState
from ...text import _, format_number
from ..faces import Face
from ..listing import PAGE
from ..pages import provider_name
from ..portraits import address, portraits
from .faces import MOST, Choice, Count
from .keyed import typed
from .visit import BLUEPRINT, AdminVisit, add_page

#: Refusals of so many days are told.
_DAYS = 7


def init_app(server: ServerState) -> None:
    """Join."""
    add_page(server, "/clients/", "clients", clients)


@dataclass(frozen=True)
class ClientLine:
    """A client in the list.

    :ivar owner: how its owner is called, or who else answers for it; empty: nobody.
    :ivar owner_gone: it has an owner who is no user any more.
    :ivar people: how many it can act for.
    :ivar refused: requests in the last 7 days.
    :ivar last_used_at: when it was given a token last; None: never.
    """

    app: Face
    url: str
    owner: str
    owner_gone: bool
    people: Count
    refused: int
    last_used_at: datetime | None
    disabled: bool


def clients(visit: AdminVisit) -> Any:
    """All clients, the newest first; or those that are found, by what was found."""
    query, selects = typed("q"), _selects()
    filters = {select.name: select.chosen or None for select in selects}
    arguments = {name: request.args.get(name, "")[:200] or None for name in ("after", "before")}
    found = visit.server.client_search.find(query, limit=PAGE, **arguments, **filters)
    chosen = {"q": query or None, **filters}
    return visit.render(
        "clients.html",
        section="clients",
        rows=client_lines(visit.server, found.clients),
        query=query,
        selects=selects,
        chips=_chips(query, selects, chosen),
        **_paging(found, chosen),
        **({} if found.clients else _nothing(visit.server, query, selects)),
        clients_url=_address(),
        new_url=url_for(f"{BLUEPRINT}.client_new"),
    )


def client_lines(server: ServerState, found: Sequence[Any]) -> list[ClientLine]:
    """Clients, for the list; the queries are as many for 25 of them as for one."""
    pks = [client.id for client in found]
    storage = server.storage
    held = storage.user_search.load([client.user_id for client in found if client.user_id is not None])
    people = storage.client_search.people(pks, MOST)
    refused = storage.daily_counts.per_client("refused", pks, _DAYS) if pks else {}
    used = storage.client_search.last_used(pks)
    faces = portraits(server, found, to_owner=True)
    lines = [
        ClientLine(
            app=face,
            url=url_for(f"{BLUEPRINT}.client", client_id=address(client)),
            owner=_owner(server, client, face),
            owner_gone=client.user_id is not None and server.subjects.load(client.user_id) is None,
            people=Count(*people[client.id]),
            refused=refused.get(client.id, 0),
            last_used_at=used.get(client.id),
            disabled=client.disabled_at is not None,
        )
        for client, face in zip(found, faces, strict=True)
    ]
    del held
    return lines


def _owner(server: ServerState, client: Any, face: Face) -> str:
    """Who answers for a client: its owner, the provider, or the contact given at registration."""
    ours = face.first_party and client.user_id is None
    return provider_name(server) if ours else face.maker


def _selects() -> list[Choice]:
    """The filters, as they are chosen."""
    selects = [
        Choice("type", _("Type"), [("", _("Any type")), ("confidential", _("Confidential")), ("public", _("Public"))]),
        Choice("check", _("Check"), [("", _("Any check")), ("checked", _("Checked")), ("unchecked", _("Not checked"))]),
        Choice("state", _("State"), [("", _("Any state")), ("enabled", _("Enabled")), ("disabled", _("Disabled"))]),
    ]
    return [Choice(s.name, s.label, s.options, _one_of(request.args.get(s.name, ""), s.options)) for s in selects]


def _one_of(value: str, options: Sequence[tuple[str, str]]) -> str:
    return value if value in dict(options) else ""


def _chips(query: str, selects: Sequence[Choice], chosen: Mapping[str, str | None]) -> list[tuple[str, str]]:
    """Each filter that is on, with the address without it."""
    chips = [(_("“%(query)s”", query=query), _address(**{**chosen, "q": None}))] if query else []
    named = [(select.name, dict(select.options)[select.chosen]) for select in selects if select.chosen]
    return [*chips, *((text, _address(**{**chosen, name: None})) for name, text in named)]


def _paging(found: FoundClients, chosen: Mapping[str, str | None]) -> dict[str, Any]:
    """Where the pages beside this one are, and which part of the list this one is."""
    asked = request.args.get("page", "")
    page = int(asked) if found.previous and asked.isascii() and asked.isdigit() and 0 < len(asked) < 6 else 1
    page = max(page, 2) if found.previous else 1  # a first page has none before it, whatever the address says
    first, last = (page - 1) * PAGE + 1, (page - 1) * PAGE + len(found.clients)
    shown = _("%(first)s to %(last)s of %(total)s")
    if found.more:
        shown = _("%(first)s to %(last)s of more than %(total)s")
    places = {"first": format_number(first), "last": format_number(last), "total": format_number(found.total)}
    back = _address(**chosen, before=found.previous, page=page - 1 if page > 2 else None)
    return {
        "shown": shown % places,
        "previous_url": back if found.previous else None,
        "next_url": _address(**chosen, after=found.next, page=page + 1) if found.next else None,
    }


def _nothing(server: ServerState, query: str, selects: Sequence[Choice]) -> dict[str, Any]:
    """What is said where no client is shown."""
    if not query and not any(select.chosen for select in selects):
        return {"sentence": None, "total": None}
    # The words of the filters before the noun, in the order that English has them in.
    kinds = {"enabled": _("enabled"), "disabled": _("disabled"), "checked": _("checked"), "public": _("public")}
    kinds |= {"unchecked": _("unchecked"), "confidential": _("confidential")}
    kind = " ".join(kinds[select.chosen] for select in reversed(selects) if select.chosen)
    sentence = _("There is no %(kind)s client.", kind=kind)
    if query and kind:
        sentence = _(
            "No %(kind)s client has “%(query)s” in its name, client ID, owner or redirect URI.", kind=kind, query=query
        )
    elif query:
        sentence = _("No client has “%(query)s” in its name, client ID, owner or redirect URI.", query=query)
    return {"sentence": sentence, "total": Count.of(server.storage.overview.clients(MOST))}


def _address(**arguments: str | int | None) -> str:
    return url_for(f"{BLUEPRINT}.clients", **arguments)  # type: ignore[arg-type]

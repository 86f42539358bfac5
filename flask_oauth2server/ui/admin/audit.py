"""The audit log: what people did, and what the server did by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import url_for
from markupsafe import Markup

from ...domain import audit
from ...state import ServerState
from ...text import _
from ..pages import strong
from ..settings import device_text
from .faces import Choice
from .keyed import turned, typed
from .people import Named, client_url, found, name_of, names
from .sentences import Told, kinds, sentence
from .visit import BLUEPRINT, AdminVisit, add_page, is_served

#: So many people are offered where what was typed names several.
_MOST_OFFERED = 10
CONCERNED, ACTED = "", "actor"


def init_app(server: ServerState) -> None:
    """Join."""
    add_page(server, "/audit/", "audit", log)


@dataclass(frozen=True)
class Entry:
    """One line of the log.

    :ivar number: its key.
    :ivar who: who did it; ``as_what`` is such as "administrator", or empty.
    :ivar did: a sentence without its subject, markup.
    :ivar concerns: whom it concerns, where that is somebody else.
    :ivar changes: name, before and after of what was changed, as texts; both are empty where that is not
        told.
    :ivar place: address and device, as far as they are kept; may be empty.
    """

    number: int
    at: datetime
    who: Named
    as_what: str
    did: Any
    concerns: Named | None
    changes: tuple[tuple[str, str, str], ...]
    place: str


@dataclass(frozen=True)
class Filter:
    """What was asked for, as the address says it, and what it stands for.

    :ivar wanted: arguments of :meth:`.AuditEvents.page`.
    :ivar several: people, one of whom is meant; then nothing is shown.
    :ivar unknown: what was typed and names nobody.
    """

    person: str
    role: str
    client: str
    kind: str
    wanted: Mapping[str, Any]
    several: Sequence[Named]
    unknown: str
    chips: Sequence[tuple[str, str]]

    def address(self, *but: str) -> dict[str, Any]:
        """The filter as it stands in an address, without some of its parts."""
        parts = {"person": self.person, "role": self.role, "client": self.client, "kind": self.kind}
        return {name: value for name, value in parts.items() if value and name not in but}


def log(visit: AdminVisit) -> Any:
    """The entries, newest first."""
    server, events = visit.server, visit.server.storage.audit_events
    which = chosen(server)
    shown = not (which.several or which.unknown)
    page = turned(
        "audit",
        lambda after, limit: events.page(before=after, limit=limit, **which.wanted) if shown else [],
        lambda than, limit: events.following(after=than, limit=limit, **which.wanted) if shown else [],
        **which.address(),
    )
    return visit.render(
        "audit.html",
        section="audit",
        entries=entries(server, page.rows),
        newer_url=page.newer_url,
        older_url=page.older_url,
        filter=which,
        selects=_selects(which),
        summary=server.seals.summary(),
        clear_url=url_for(f"{BLUEPRINT}.audit"),
        export_url=url_for(f"{BLUEPRINT}.audit_export", **which.address()) if page.rows else None,
        keeps_addresses=server.devices.kept,
    )


def chosen(server: ServerState) -> Filter:
    """The filter that the address asks for."""
    person, client, kind = typed("person"), typed("client"), typed("kind")
    role = ACTED if typed("role") == ACTED else CONCERNED
    wanted: dict[str, Any] = {"kind": kind} if kind in audit.KINDS else {}
    users = found(server, person) if person else []
    several = [Named(name_of(server, key), _url(person=str(key), role=role)) for key in users[:_MOST_OFFERED]]
    if len(users) == 1:
        wanted["actor" if role == ACTED else "user"] = str(users[0]) if role == ACTED else users[0]
    elif person and not users and role == ACTED:
        wanted["actor"] = person  # a client, or somebody who is gone
    if client:
        model = server.storage.clients.addressed(client)
        wanted["client_id"] = client if model is None else model.client_id
    unknown = person if person and not users and role == CONCERNED else ""
    parts = Filter(person, role, client, wanted.get("kind", ""), wanted, several[1:] and several, unknown, ())
    return Filter(**{**vars(parts), "chips": _chips(server, parts, users)})


def _chips(server: ServerState, parts: Filter, users: Sequence[Any]) -> list[tuple[str, str]]:
    chips = []
    if parts.person:
        name = name_of(server, users[0]) if len(users) == 1 else parts.person
        text = _("Done by: %(name)s", name=name) if parts.role == ACTED else _("Concerns: %(name)s", name=name)
        chips.append((text, _url(**parts.address("person", "role"))))
    if parts.client:
        chips.append((_("Client: %(name)s", name=parts.client), _url(**parts.address("client"))))
    if parts.kind:
        chips.append((_("Act: %(name)s", name=dict(kinds())[parts.kind]), _url(**parts.address("kind"))))
    return chips


def _url(**parts: Any) -> str:
    return url_for(f"{BLUEPRINT}.audit", **{name: value for name, value in parts.items() if value})


def _selects(which: Filter) -> list[Choice]:
    roles = [(CONCERNED, _("Whom it concerns")), (ACTED, _("Who did it"))]
    return [
        Choice("role", _("The person's part"), roles, which.role),
        Choice("kind", _("Act"), [("", _("Any act")), *kinds()], which.kind),
    ]


def entries(server: ServerState, rows: Sequence[Any]) -> list[Entry]:
    """Events as lines, with one query for the people and one for the clients."""
    keys = {row.id: _actor_key(server, row) for row in rows}
    people = names(server, [*keys.values(), *(row.user_id for row in rows)])
    clients = server.storage.access.clients_named({row.client_id for row in rows if row.client_id})
    return [_entry(server, row, keys[row.id], people, clients) for row in rows]


def _actor_key(server: ServerState, row: Any) -> Any:
    """The key of the user who did it, or None."""
    if row.actor_kind is None:  # of the time before actors were kept
        return row.user_id
    if row.actor is None or row.actor_kind not in (audit.PERSON, audit.ADMINISTRATOR):
        return None
    try:
        return server.subjects.parsed(row.actor)
    except ValueError:
        return None


def _entry(server: ServerState, row: Any, actor: Any, people: Mapping[Any, str], clients: Mapping[str, int]) -> Entry:
    pk = clients.get(row.client_id or "")
    app = strong(row.client_name or row.client_id or "")
    if pk is not None:
        app = Markup('<a href="{}">{}</a>').format(client_url(pk, row.client_id), app)
    told = Told(app, _name_shown(server, row), row.client_id is not None)
    other = row.user_id is not None and row.user_id != actor
    return Entry(
        number=row.id,
        at=row.created_at,
        who=_who(row, actor, people, clients),
        as_what=_("administrator") if row.actor_kind == audit.ADMINISTRATOR else "",
        did=sentence(row, told),
        concerns=Named(people[row.user_id], _url(person=str(row.user_id))) if other else None,
        changes=tuple(_change(name, change) for name, change in (row.changes or {}).items()),
        place=device_text(server, row) if row.device or row.address else "",
    )


def _name_shown(server: ServerState, row: Any) -> Markup:
    """The name, with a link where a signing key is told of."""
    name = strong(_name(row))
    if row.kind not in (audit.KEY_MADE, audit.KEY_ROTATED, audit.KEY_REVOKED) or not is_served(server, "keys"):
        return name
    return Markup('<a href="{}">{}</a>').format(url_for(f"{BLUEPRINT}.keys", _anchor=f"key-{row.name}"), name)


def _name(row: Any) -> str:
    """Of a personal token or a signing key, or the end of a secret."""
    if row.name is None:
        return _("(its name was erased)") if row.user_salt is None and row.user_digest is not None else ""
    return f"…{row.name}" if row.kind in (audit.SECRET_MADE, audit.SECRET_ENDED) else str(row.name)


def _who(row: Any, actor: Any, people: Mapping[Any, str], clients: Mapping[str, int]) -> Named:
    if actor is not None:
        return Named(people[actor], _url(person=str(actor), role=ACTED))
    if row.actor_kind == audit.CLIENT:
        pk = clients.get(row.actor or "")
        text = row.client_name if row.actor == row.client_id else row.actor
        return Named(text or row.actor or _("A client"), "" if pk is None else client_url(pk, row.actor))
    if row.actor_kind == audit.COMMAND_LINE:
        return Named(_("Command line"))
    if row.actor_kind in (audit.PERSON, audit.ADMINISTRATOR):
        return Named(row.actor or _("Somebody who was erased"))
    return Named(_("Server"))


def _change(name: str, change: Any) -> tuple[str, str, str]:
    told = isinstance(change, list) and len(change) == 2
    return (name, _shown(change[0]), _shown(change[1])) if told else (name, "", "")


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(map(str, value)) or "–"
    return "–" if value is None or value == "" else str(value)

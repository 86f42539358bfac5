"""Tokens and authorizations of everybody: find them, look at them, end them. Values are never shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import url_for

from ... import clock
from ...domain import tokens as values
from ...state import ServerState
from ...storage.access import Whose
from ...text import _
from ..settings import device_text
from .faces import Count
from .keyed import turned, typed
from .people import Named, client_named, found, name_of, names
from .sentences import reason_text
from .visit import BLUEPRINT, AdminVisit, add_page

#: Counting stops here.
MOST = 1000
#: So many people are offered where what was typed names several.
_MOST_OFFERED = 10
_SOON = timedelta(days=7)


def init_app(server: ServerState) -> None:
    """Join."""
    add_page(server, "/tokens/", "tokens", tokens)
    add_page(server, "/authorizations/", "authorizations", authorizations)


@dataclass(frozen=True)
class TokenLine:
    """A token in the list.

    :ivar kind: ``access``, ``refresh`` (an access token with the refresh token that came with it),
        ``personal`` or ``own`` (given to a client in its own name).
    :ivar label: its kind in words.
    :ivar client: None for a personal token, which has a ``name``.
    :ivar hint: of a personal token alone, such as ``o2p_…1k7Q``.
    :ivar state: ``live``, ``soon`` (a personal token that ends within 7 days) or ``ended``.
    :ivar ends: why it has ended, else empty; ``ends_at`` is when it did, or will.
    """

    id: int
    kind: str
    label: str
    person: Named | None
    client: Named | None
    client_disabled: bool
    name: str
    hint: str
    scopes: tuple[str, ...]
    issued_at: datetime
    last_used_at: datetime | None
    state: str
    ends: str
    ends_at: datetime


@dataclass(frozen=True)
class AuthorizationLine:
    """An authorization in the list; ``device`` is empty where nothing is kept."""

    public_id: str
    person: Named | None
    client: Named | None
    client_disabled: bool
    scopes: tuple[str, ...]
    device: str
    granted_at: datetime
    last_used_at: datetime | None
    state: str
    ends: str
    ends_at: datetime


@dataclass(frozen=True)
class Filter:
    """Whose rows are shown.

    :ivar chips: pairs of text and the address without that filter.
    :ivar unknown: what was typed and names nobody; then nothing is shown.
    :ivar several: people, one of whom is meant; then nothing is shown.
    :ivar client: the model of the client.
    """

    whose: Whose
    typed_user: str
    typed_client: str
    chips: tuple[tuple[str, str], ...]
    unknown: str
    several: Sequence[Named]
    client: Any

    @property
    def shown(self) -> bool:
        """Whether it is clear what was meant."""
        return not (self.unknown or self.several)

    def address(self) -> dict[str, str]:
        """The filter as it stands in an address."""
        return {"user": self.typed_user, "client": self.typed_client}


def chosen(server: ServerState, endpoint: str, user: str, client: str) -> Filter:
    """The filter that was typed.

    :param user: a key, or what a user's columns begin with.
    :param client: what names a client in an address.
    """
    users = found(server, user) if user else []
    model = server.storage.clients.addressed(client) if client else None
    chips = []
    if user:
        told = name_of(server, users[0]) if len(users) == 1 else user
        chips.append((_("Person: %(name)s", name=told), _without(endpoint, client=client)))
    if client:
        told = client if model is None else model.name
        chips.append((_("Client: %(name)s", name=told), _without(endpoint, user=user)))
    offered = users[:_MOST_OFFERED] if len(users) > 1 else []
    several = [Named(name_of(server, k), _without(endpoint, user=str(k), client=client)) for k in offered]
    unknown = user if user and not users else client if client and model is None else ""
    whose = Whose(users[0] if users else None, None if model is None else model.id)
    return Filter(whose, user, client, tuple(chips), unknown, several, model)


def _without(endpoint: str, **others: Any) -> str:
    return url_for(f"{BLUEPRINT}.{endpoint}", **{name: value for name, value in others.items() if value})


def tokens(visit: AdminVisit) -> Any:
    """The tokens, newest first."""
    server, storage = visit.server, visit.server.storage.access
    which = chosen(server, "tokens", typed("user"), typed("client"))
    page = turned(
        "tokens",
        lambda after, limit: storage.tokens(which.whose, after=after, limit=limit) if which.shown else [],
        lambda than, limit: storage.newer("Token", which.whose, than=than, limit=limit),
        **which.address(),
    )
    return visit.render(
        "tokens.html",
        section="tokens",
        rows=token_lines(server, page.rows),
        total=_total(server, "Token", which.whose) if page.newer_url or page.older_url else None,
        newer_url=page.newer_url,
        older_url=page.older_url,
        **_bar(server, "tokens", which),
    )


def authorizations(visit: AdminVisit) -> Any:
    """What people have allowed, newest first."""
    server, storage = visit.server, visit.server.storage.access
    which = chosen(server, "authorizations", typed("user"), typed("client"))
    page = turned(
        "authorizations",
        lambda after, limit: storage.authorizations(which.whose, after=after, limit=limit) if which.shown else [],
        lambda than, limit: storage.newer("Authorization", which.whose, than=than, limit=limit),
        **which.address(),
    )
    return visit.render(
        "authorizations.html",
        section="tokens",
        rows=authorization_lines(server, page.rows),
        total=_total(server, "Authorization", which.whose) if page.newer_url or page.older_url else None,
        newer_url=page.newer_url,
        older_url=page.older_url,
        keeps_devices=server.devices.kept,
        **_bar(server, "authorizations", which),
    )


def _total(server: ServerState, model: str, whose: Whose) -> Count:
    return Count.of(server.storage.access.count(model, whose, MOST), MOST)


def _bar(server: ServerState, endpoint: str, which: Filter) -> dict[str, Any]:
    """What the filter bar and the acts on all that it shows need."""
    everything, user = "", which.whose.user if which.shown else None
    if user is not None and which.client is not None:
        person = name_of(server, user)
        everything = _("Revoke all that %(app)s has of %(person)s…", app=which.client.name, person=person)
    elif user is not None:
        everything = _("Revoke everything of %(name)s…", name=name_of(server, user))
    elif which.shown and which.client is not None:
        everything = _("Revoke everything of %(name)s…", name=which.client.name)
    return {
        "filter": which,
        "here": endpoint,
        "clear_url": url_for(f"{BLUEPRINT}.{endpoint}"),
        "end_url": url_for(f"{BLUEPRINT}.access_end"),
        "find_url": url_for(f"{BLUEPRINT}.token_find"),
        "tokens_url": _without("tokens", **which.address()),
        "authorizations_url": _without("authorizations", **which.address()),
        "everything": everything,
        "everything_user": "" if user is None else str(user),
    }


def token_lines(server: ServerState, rows: Sequence[Any]) -> list[TokenLine]:
    """Tokens, for a list."""
    people = names(server, (row.user_id for row in rows))
    return [_token_line(server, row, people) for row in rows]


def _token_line(server: ServerState, row: Any, people: dict[Any, str]) -> TokenLine:
    kind, label = _kind(row)
    state, ends, ends_at = _end_of_token(row)
    hint = f"{server.settings['OAUTH2_TOKEN_PREFIX']}{values.PERSONAL}_…{row.hint}" if row.name is not None else ""
    return TokenLine(
        id=row.id,
        kind=kind,
        label=label,
        person=_person(row.user_id, people, "tokens"),
        client=client_named(row.client_pk, row.client_id, row.client_name),
        client_disabled=row.disabled_at is not None,
        name=row.name or "",
        hint=hint,
        scopes=tuple(row.scope.split()),
        issued_at=row.created_at,
        last_used_at=row.last_used_at,
        state=state,
        ends=ends,
        ends_at=ends_at,
    )


def _person(key: Any, people: dict[Any, str], endpoint: str) -> Named | None:
    return None if key is None else Named(people[key], _without(endpoint, user=str(key)))


def _kind(row: Any) -> tuple[str, str]:
    if row.name is not None:
        return "personal", _("Personal token")
    if row.authorization_id is None:
        return "own", _("Client's own token")
    if row.refresh_digest is not None and row.refresh_used_at is None:
        return "refresh", _("Access and refresh token")
    return "access", _("Access token")


def _end_of_token(row: Any) -> tuple[str, str, datetime]:
    """State, why it has ended, and when it ends or did."""
    if row.revoked_at is not None:
        return "ended", _("revoked"), row.revoked_at
    if row.authorization_id is not None and row.authorization_revoked_at is not None:
        return "ended", _("ended with its authorization"), row.authorization_revoked_at
    ends = [row.expires_at]
    if row.refresh_digest is not None and row.refresh_used_at is None and row.refresh_expires_at is not None:
        ends.append(row.refresh_expires_at)
    at = max(ends)
    if row.authorization_expires_at is not None:
        at = min(at, row.authorization_expires_at)
    state, why, at = _by_time(at)
    near = state == "live" and row.name is not None and at - clock.now() < _SOON
    return ("soon" if near else state), why, at


def _by_time(at: datetime) -> tuple[str, str, datetime]:
    return ("ended", _("expired"), at) if at <= clock.now() else ("live", "", at)


def authorization_lines(server: ServerState, rows: Sequence[Any]) -> list[AuthorizationLine]:
    """Authorizations, for a list."""
    people = names(server, (row.user_id for row in rows))
    return [_authorization_line(server, row, people) for row in rows]


def _authorization_line(server: ServerState, row: Any, people: dict[Any, str]) -> AuthorizationLine:
    state, ends, ends_at = _by_time(min(row.expires_at, row.live_until or row.expires_at))
    if row.revoked_at is not None:
        state, ends, ends_at = "ended", reason_text(row.revoked_reason), row.revoked_at
    return AuthorizationLine(
        public_id=row.public_id,
        person=_person(row.user_id, people, "authorizations"),
        client=client_named(row.client_pk, row.client_id, row.client_name),
        client_disabled=row.disabled_at is not None,
        scopes=tuple(row.scope.split()),
        device=device_text(server, row) if row.device or row.address else "",
        granted_at=row.created_at,
        last_used_at=row.last_used_at,
        state=state,
        ends=ends,
        ends_at=ends_at,
    )

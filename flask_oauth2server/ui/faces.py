"""What templates are shown of an application, a person, a scope: plain values, nothing to look up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..domain.offline import STAY
from ..scopes import Scope
from ..text import Sentence, gettext


@dataclass(frozen=True)
class Face:
    """An application, as people see it.

    :ivar initial: what its tile shows while it has no logo that may be seen.
    :ivar hue: 1 to 6, the colour of the tile, from the client ID.
    :ivar logo_url: its logo at our own origin, or None.
    :ivar maker: the owner's name, or the contact given at registration, or an empty string.
    :ivar website: its ``client_uri``, or None; ``website_text`` without the scheme.
    """

    client_id: str
    name: str
    initial: str
    hue: int
    logo_url: str | None
    verified: bool
    first_party: bool
    is_confidential: bool
    description: str
    maker: str
    website: str | None
    website_text: str
    policy_uri: str | None
    tos_uri: str | None


@dataclass(frozen=True)
class Person:
    """Who is signed in.

    :ivar detail: e-mail address or user name, a second line; may be empty.
    """

    name: str
    detail: str
    initials: str


@dataclass(frozen=True)
class Line:
    """A scope as a sentence that completes "It will be able to"."""

    id: str
    text: str
    powerful: bool
    ticked: bool = False


@dataclass(frozen=True)
class Group:
    """Lines under one heading; the heading is empty where there is only one group."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Device:
    """One authorization of an application: where it is connected.

    :ivar text: such as "Firefox on Windows, Leipzig"; a plain "Connection" where nothing is kept.
    """

    public_id: str
    text: str
    last_used_at: datetime
    created_at: datetime
    disconnect_url: str


@dataclass(frozen=True)
class AppRow:
    """An authorised application.

    :ivar devices: the latest ones; ``device_count`` counts all; ``many_devices``: there are more than that.
    :ivar last_used_at: None: never.
    :ivar offline_until: naive UTC end of what it may go on to do by itself, or None; ``ends_with_session``: it ends
        before, when the person signs out.
    :ivar signs_in: whether the person signs in to it with their account here; ``claims``: what it is told of them then.
    """

    app: Face
    lines: tuple[Line, ...]
    devices: tuple[Device, ...]
    device_count: int
    many_devices: bool
    last_used_at: datetime | None
    allowed_at: datetime
    more_allowed_at: datetime | None
    offline_until: datetime | None
    ends_with_session: bool
    signs_in: bool
    claims: tuple[Line, ...]
    revoke_url: str


@dataclass(frozen=True)
class TokenRow:
    """A personal token.

    :ivar hint: such as ``o2p_…1k7Q``.
    :ivar state: ``live``, ``soon`` (ends within 7 days) or ``ended``.
    """

    name: str
    hint: str
    lines: tuple[Line, ...]
    created_at: datetime
    last_used_at: datetime | None
    last_used_from: str
    expires_at: datetime
    state: str
    view_url: str
    revoke_url: str
    like_url: str


@dataclass(frozen=True)
class ClientRow:
    """One of my applications.

    :ivar people: how many people allowed it; ``many``: there are more than that.
    """

    app: Face
    url: str
    people: int
    many: bool
    only_you: bool


@dataclass(frozen=True)
class SecretRow:
    """A client secret.

    :ivar hint: such as ``o2s_…k7Qe``.
    :ivar new: made in this very answer.
    """

    hint: str
    new: bool
    imported: bool
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoke_url: str
    only: bool


@dataclass(frozen=True)
class EventRow:
    """A line of the security page.

    :ivar kind: ``allowed``, ``used`` (first from a new address), ``refused`` or ``ended``, for the icon.
    :ivar text: the sentence, markup.
    :ivar place: device, address and place, as far as kept; may be empty.
    :ivar not_me_url: where "This was not me" posts to; None where there is nothing left to end.
    """

    kind: str
    text: Any
    at: datetime
    place: str
    not_me_url: str | None


@dataclass(frozen=True)
class Listing:
    """One page of a list.

    :ivar more: whether there are more than ``total``; no more than so many are listed.
    :ivar first: number of the first row shown, beginning with 1; ``last``: of the last one.
    :ivar query: what was searched for; may be empty.
    :ivar searchable: whether there is a search field: more rows than one page, or a query.
    :ivar param: the name of the search parameter in the address.
    """

    rows: Sequence[Any]
    total: int
    more: bool
    first: int
    last: int
    query: str
    searchable: bool
    param: str
    previous_url: str | None
    next_url: str | None
    clear_url: str


def shown(text: str) -> str:
    """A text of a scope: one of ours is translated, one of the host's is as it is."""
    return gettext(text) if isinstance(text, Sentence) else text


def stated(scopes: Iterable[Scope]) -> Iterable[Scope]:
    """*scopes* without the one that is said in words of its own: until when."""
    return (scope for scope in scopes if scope.id != STAY)


def lines(scopes: Iterable[Scope], ticked: Iterable[str] = ()) -> tuple[Line, ...]:
    """*scopes* as sentences, in their order."""
    chosen = set(ticked)
    return tuple(Line(s.id, shown(s.help_text) or s.id, s.powerful, s.id in chosen) for s in scopes)


def grouped(scopes: Iterable[Scope], ticked: Iterable[str] = ()) -> list[Group]:
    """*scopes* under their groups, in order of appearance, those without one last."""
    groups: dict[str, list[Scope]] = {}
    for scope in sorted(scopes, key=lambda scope: scope.group == ""):
        groups.setdefault(scope.group, []).append(scope)
    return [Group(title, lines(members, ticked)) for title, members in groups.items()]

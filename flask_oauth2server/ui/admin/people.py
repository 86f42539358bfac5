"""People and clients as the lists of administrators name them, and how they are found by what is typed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from flask import url_for

from ...state import ServerState
from ..portraits import address
from .visit import BLUEPRINT


@dataclass(frozen=True)
class Named:
    """Somebody or something with a name, and its page.

    :ivar url: may be empty.
    """

    text: str
    url: str = ""


class _Addressed(NamedTuple):
    id: int
    client_id: str


def names(server: ServerState, keys: Iterable[Any]) -> dict[Any, str]:
    """How the users with these keys are called, with one query; those that are gone by their key."""
    wanted = {key for key in keys if key is not None}
    held = server.storage.user_search.load(list(wanted))
    shown = {key: name_of(server, key) for key in wanted}
    del held
    return shown


def name_of(server: ServerState, key: Any) -> str:
    """How the user with this key is called; their key where there is no such user."""
    user = server.subjects.load(key)
    return str(key) if user is None else server.subjects.name_of(user)[0]


def client_named(pk: int | None, client_id: str | None, name: str | None) -> Named | None:
    """A client by what a row says of it; None where the row is of none."""
    if pk is None or client_id is None:
        return None
    return Named(name or client_id, client_url(pk, client_id))


def client_url(pk: int, client_id: str) -> str:
    """The page of a client."""
    return url_for(f"{BLUEPRINT}.client", client_id=address(_Addressed(pk, client_id)))


def found(server: ServerState, text: str) -> list[Any]:
    """Keys of the users that *text* names: in full if there are such, else by its beginning."""
    search = server.client_search
    named = [key for key in search.owners(text, whole=True) if server.subjects.load(key) is not None]
    return list(named or search.owners(text))

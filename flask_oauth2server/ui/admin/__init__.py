"""Pages of administrators: clients, what they may do and do, why requests fail, signing keys, what happened."""

from __future__ import annotations

from ...state import ServerState
from . import (
    access,
    access_end,
    audit,
    audit_export,
    client_acts,
    client_edit,
    client_page,
    clients,
    failure_page,
    failures,
    key_acts,
    keys,
    overview,
    scopes,
    token_find,
    trial,
)


def init_app(server: ServerState) -> None:
    """Join."""
    for part in (
        access,
        access_end,
        token_find,
        scopes,
        failures,
        failure_page,
        keys,
        key_acts,
        audit,
        audit_export,
        overview,
        clients,
        client_edit,
        client_page,
        client_acts,
        trial,
    ):
        part.init_app(server)

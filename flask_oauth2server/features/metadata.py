"""RFC 8414: the server describes itself."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlsplit

from flask import Response

from ..oauth import responses
from ..state import ServerState


def init_app(server: ServerState) -> None:
    """Serve the document in every form that clients try for an issuer with a path (3.1)."""
    path = urlsplit(server.settings["OAUTH2_ISSUER"] or "").path.rstrip("/")
    known = [f"/.well-known/{name}" for name in server.well_known]
    rules = [rule for at in known for rule in (at, *((f"{at}{path}", f"{path}{at}") if path else ()))]
    for number, rule in enumerate(rules):
        name = f"metadata_{number}" if number else "metadata"
        server.add_route(rule, name, partial(metadata, server), page=False, at_root=True, cors=True)


def metadata(server: ServerState) -> Response:
    """What is switched on, and nothing else."""
    issuer = server.issuer()
    members: dict[str, Any] = {
        "issuer": issuer,
        "response_types_supported": list(server.response_types),
        "response_modes_supported": list(server.response_modes),
        "grant_types_supported": _grant_types(server),
        "token_endpoint_auth_methods_supported": list(server.client_auths),
        "scopes_supported": [id_ for id_, _ in server.scopes.choices()],
    }
    for further in server.metadata:
        members.update(further(issuer))
    told = {name: value for name, value in members.items() if value not in (None, "", [])}
    return responses.may_be_kept(responses.json_answer(told), 300)


def _grant_types(server: ServerState) -> list[str]:
    implicit = (
        ["implicit"] if any({"token", "id_token"} & set(words.split()) for words in server.response_types) else []
    )
    return [*server.grants, *implicit]

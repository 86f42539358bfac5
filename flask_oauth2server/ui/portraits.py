"""Applications as pages show them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, url_for

from ..errors import ProtocolError
from ..reasons import Reason
from ..state import ServerState
from ..storage.clients import ClientInfo
from .faces import Face

_HUES = 6
#: Seconds that a browser may keep a logo: when the check is taken away, it is gone after that.
_KEPT = 300


def init_app(server: ServerState) -> None:
    """Join."""
    server.add_route("/logos/<digest>", "logo", lambda digest: logo(server, digest), page=False)


def logo(server: ServerState, digest: str) -> Response:
    """The picture of an application, from our own origin: to everybody once it is checked, before that
    to its owner, and to administrators, who check it."""
    person = server.subjects.person()
    owner = None if person is None else server.subjects.key_of(person)
    shown = server.storage.logos.find(digest, owner)
    if shown is None and person is not None and server.subjects.is_administrator(person):
        shown = server.storage.logos.find(digest, owner, of_anybody=True)
    if shown is None:
        missing = Reason("not_found")
        raise ProtocolError("invalid_request", "There is no such picture.", status=404, detail=missing)
    response = Response(shown.content, mimetype=shown.content_type)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = f"private, max-age={_KEPT}"
    return response


def address(client: Any) -> str:
    """What names a client in an address: its ``client_id`` where that is plain, else its key."""
    plain = all(c.isascii() and (c.isalnum() or c in "-_.") for c in client.client_id)
    hidden = client.client_id[0] in ".~" or client.client_id == "new" or len(client.client_id) > 200
    return client.client_id if plain and not hidden else f"~{client.id}"


def portrait(server: ServerState, client: Any, *, to_owner: bool = False) -> Face:
    """One application.

    :param client: a :class:`.ClientInfo`, or the model.
    :param to_owner: its owner looks at it, and sees its logo before it is checked.
    """
    return portraits(server, [client], to_owner=to_owner)[0]


def portraits(server: ServerState, clients: Sequence[Any], *, to_owner: bool = False) -> list[Face]:
    """Several applications, with one query for their logos."""
    digests = server.storage.logos.digests([_pk(client) for client in clients]) if clients else {}
    return [_portrait(server, client, digests, to_owner) for client in clients]


def _pk(client: Any) -> int:
    return int(client.pk if isinstance(client, ClientInfo) else client.id)


def _portrait(server: ServerState, client: Any, digests: Mapping[int, str], to_owner: bool) -> Face:
    info = isinstance(client, ClientInfo)
    metadata: Mapping[str, Any] = client.metadata if info else client.client_metadata
    digest = digests.get(_pk(client)) if client.verified or to_owner else None
    website = metadata.get("client_uri")
    return Face(
        client_id=client.client_id,
        name=client.name,
        initial=next((c.upper() for c in client.name if c.isalnum()), "?"),
        hue=1 + hashlib.sha256(client.client_id.encode()).digest()[0] % _HUES,
        logo_url=url_for("oauth2server.logo", digest=digest) if digest else None,
        verified=client.verified,
        first_party=client.first_party,
        is_confidential=client.is_confidential,
        description=str(metadata.get("description") or ""),
        maker=_maker(server, client.owner if info else client.user_id, metadata),
        website=website,
        website_text=str(website or "").removeprefix("https://").rstrip("/"),
        policy_uri=metadata.get("policy_uri"),
        tos_uri=metadata.get("tos_uri"),
    )


def _maker(server: ServerState, owner: Any, metadata: Mapping[str, Any]) -> str:
    """Who answers for it: the owner's name, else the contact given at registration."""
    user = server.subjects.load(owner)
    if user is not None:
        return server.subjects.name_of(user)[0]
    return next(iter(metadata.get("contacts") or ()), "")

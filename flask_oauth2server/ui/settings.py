"""What can use my account: authorised applications, personal tokens, applications I made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flask import url_for

from ..domain import applications, identifiers, tokens
from ..domain.applications import Application
from ..domain.offline import SIGN_IN, STAY
from ..scopes import Scope
from ..state import ServerState
from ..text import Sentence, _
from .application_page import register_refused
from .claim_texts import claim_line
from .faces import AppRow, Device, Line, lines
from .listing import listed
from .my_applications import client_rows
from .personal_tokens import ping_url, token_rows
from .portraits import address, portraits
from .visit import BLUEPRINT, Visit, missing, signed_in

#: How a client tells a person from others, by the type of its identifiers.
_IDENTIFIERS = {
    "public": Sentence("Recognise you by an identifier that stays the same"),
    "pairwise": Sentence("Recognise you by an identifier that other apps are not told"),
}
#: So many of the latest places where an application is connected are shown; it may be many.
_MOST_DEVICES = 10


def init_app(server: ServerState) -> None:
    """Join."""
    add = server.add_route
    page: dict[str, Any] = {"page": True, "checks_csrf": True, "blueprint": BLUEPRINT}
    both = {**page, "methods": ("GET", "HEAD", "POST")}
    add("/", "index", signed_in(server, index), **page)
    add("/authorised/<name>/revoke/", "application_revoke", signed_in(server, application_revoke), **both)
    add("/authorizations/<public_id>/disconnect/", "disconnect", signed_in(server, disconnect), **both)


def index(visit: Visit) -> Any:
    """The three lists."""
    server, storage, endpoint = visit.server, visit.server.storage, f"{BLUEPRINT}.index"
    apps = listed(
        endpoint,
        "authorised",
        lambda *which: server.applications.page(visit.key, *which),
        lambda found: _app_rows(visit, found),
        most=applications.MOST,
    )
    personal = listed(
        endpoint,
        "tokens",
        lambda *which: storage.tokens.personal_page(visit.key, *which),
        lambda rows: token_rows(visit, rows),
    )
    mine = listed(
        endpoint,
        "mine",
        lambda *which: storage.clients.owned_page(visit.key, *which),
        lambda rows: client_rows(visit, rows),
    )
    refused = register_refused(visit)
    return visit.render(
        "index.html",
        apps=apps,
        tokens=personal,
        mine=mine,
        may_register=refused is None,
        register_refused=refused,
        curl_url=ping_url(server),
        token_prefix=f"{server.settings['OAUTH2_TOKEN_PREFIX']}{tokens.PERSONAL}_",
        new_token_url=url_for(f"{BLUEPRINT}.token_new"),
        new_client_url=url_for(f"{BLUEPRINT}.client_new"),
    )


def application_revoke(visit: Visit, name: str) -> Any:
    """End all authorizations of an application for this person, and forget the consent, at once."""
    client = visit.server.storage.clients.addressed(name)
    if client is None or not _is_allowed(visit, client.id):
        raise missing()
    if not visit.posted:
        return visit.go("index")
    shown = client.name
    visit.server.extension.revoke_application(visit.user, client, reason="revoked by the user")
    text = _("Access revoked. %(app)s can no longer use your account.", app=shown)
    return visit.go("index", "good", text, _anchor="authorised")


def _is_allowed(visit: Visit, client_pk: int) -> bool:
    """Whether this person has anything to take back from a client."""
    storage = visit.server.storage
    live = storage.authorizations.live_keys(user=visit.key, client_pk=client_pk, limit=1)
    return bool(live) or storage.consents.find(visit.key, client_pk) is not None


def disconnect(visit: Visit, public_id: str) -> Any:
    """End one authorization of this person; the consent stays."""
    storage = visit.server.storage
    pk = storage.authorizations.key(public_id, visit.key)
    if pk is None:
        raise missing()
    if not visit.posted:
        return visit.go("index")
    device = storage.authorizations.device(pk)
    visit.server.extension.revoke_authorization(public_id, reason="disconnected by the user")
    text = _("Disconnected. %(device)s can no longer use your account.", device=device_text(visit.server, device))
    return visit.go("index", "good", text, _anchor="authorised")


def _app_rows(visit: Visit, found: Sequence[Application]) -> list[AppRow]:
    faces = portraits(visit.server, [one.client for one in found])
    return [_app_row(visit.server, one, face) for one, face in zip(found, faces, strict=True)]


def _app_row(server: ServerState, one: Application, face: Any) -> AppRow:
    return AppRow(
        app=face,
        lines=_known(server, one.scopes - {STAY}),
        devices=tuple(_device(server, row) for row in one.authorizations[:_MOST_DEVICES]),
        device_count=len(one.authorizations),
        many_devices=one.many,
        last_used_at=one.last_used_at,
        allowed_at=one.allowed_at,
        more_allowed_at=one.more_allowed_at,
        offline_until=one.expires_at if "refresh_token" in one.client.allowed_grant_types else None,
        ends_with_session=one.ends_with_session,
        signs_in=SIGN_IN in one.scopes,
        claims=_claims(server, one),
        revoke_url=url_for(f"{BLUEPRINT}.application_revoke", name=address(one.client)),
    )


def _claims(server: ServerState, one: Application) -> tuple[Line, ...]:
    """What it is told of the person, claim by claim."""
    who = Scope("claims/sub", _IDENTIFIERS[one.client.client_metadata.get(identifiers.TYPE, "public")])
    return lines([who, *map(claim_line, server.user_claims.told(one.scopes, one.claims))])


def _known(server: ServerState, ids: Iterable[str]) -> tuple[Line, ...]:
    """Sentences in the order of registration; a scope that is registered no more is named by its id."""
    wanted = set(ids)
    known = [scope for scope in server.scopes if scope.id in wanted]
    gone = sorted(wanted - {scope.id for scope in known})
    return lines([*known, *(Scope(id_) for id_ in gone)])


def _device(server: ServerState, row: Any) -> Device:
    return Device(
        public_id=row.public_id,
        text=device_text(server, row),
        last_used_at=row.last_used_at or row.created_at,
        created_at=row.created_at,
        disconnect_url=url_for(f"{BLUEPRINT}.disconnect", public_id=row.public_id),
    )


def device_text(server: ServerState, row: Any) -> str:
    """Device and place of a row, as far as they are kept."""
    where = server.devices.place(row.address) or row.address
    known = ", ".join(part for part in (row.device, where) if part)
    return known or _("This connection")

"""The page of one application of mine, which several views answer with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from flask import request, url_for

from .. import clock
from ..domain import redirect_uris, tokens
from ..domain.causes import cause_of
from ..domain.clients import MOST_SECRETS, OFFER
from ..domain.records import REFUSED
from ..errors import InvalidClientMetadata, IssuerUnknown, TicketRefused
from ..scopes import Scope
from ..state import ServerState
from ..text import _
from ..transport import endpoint_url
from .faces import SecretRow, lines
from .pages import provider_name
from .portraits import address, portrait
from .visit import BLUEPRINT, Visit, missing, too_late

MANY = 1000  # counting people stops here
NEW_SECRET = "new secret"


def register_refused(visit: Visit) -> str | None:
    """Why this person may not register applications, or None."""
    hook = visit.server.hooks.get("may_register")
    allowed = visit.server.settings["OAUTH2_USERS_MAY_REGISTER"] and (hook is None or hook(visit.user))
    if allowed:
        return None
    host = provider_name(visit.server)
    return _("Ask the people who run %(host)s to register an application for you.", host=host)


def owned(visit: Visit, client_id: str) -> Any:
    """The application that the address names, if it is this person's: the owner is in the query."""
    client = visit.server.storage.clients.addressed(client_id, visit.key)
    if client is None:
        raise missing()
    return client


def shown_once() -> str:
    """What is said where a value was to be seen a second time."""
    return _("This value was shown once and is gone. If you did not copy it, make another.")


def show(
    visit: Visit,
    client: Any,
    *,
    secret: str | None = None,
    first: bool = False,
    gone: bool = False,
    delete_error: str | None = None,
    **context: Any,
) -> str:
    """The page of one application.

    :param secret: the value of a secret made in this very request.
    :param first: whether it is the application's first.
    :param gone: whether a value was asked for that was shown before.
    """
    server, storage = visit.server, visit.server.storage
    face = portrait(server, client, to_owner=True)
    secrets = secret_rows(server, client, secret, lambda pk: _revoke_url(client, pk))
    issuer = _issuer(server)
    people = storage.clients.people(client.id, MANY + 1)
    return visit.render(
        "client_view.html",
        app=face,
        secret=secret,
        secret_is_first=first,
        old_hints=[row.hint for row in secrets if not row.new] if secret else [],
        gone=gone,
        secrets=secrets,
        uses_secret=client.is_confidential,
        secret_limit=len(secrets) >= MOST_SECRETS,
        redirect_uris=shown_uris(server, client),
        issuer=issuer,
        endpoints=_endpoints(server, issuer) if issuer else [],
        people=min(people, MANY),
        many=people > MANY,
        new_people=storage.clients.people(client.id, MANY, clock.now() - timedelta(days=7)),
        last_issued_at=storage.tokens.last_issued(client.id),
        created_at=client.created_at,
        refused=_refused(server, client),
        lines=lines(server.scopes.get(id_) or Scope(id_) for id_ in client.scopes),
        verified_at=client.verified_at,
        delete_error=delete_error,
        ticket=visit.ticket(NEW_SECRET),
        **_urls(client),
        **{"transfer_link": None, "transfer_pending": _offered_until(server, client), **context},
    )


def new_secret(visit: Visit, client: Any, shown: Callable[..., str], go: Callable[..., Any]) -> Any:
    """Make a further secret of a client; the others live until they are revoked.

    :param shown: the client's page, with ``secret=`` or ``gone=True``.
    :param go: leads there, with the kind and the text of a message.
    """
    try:
        secret = visit.server.extension.rotate_secret(client, before=visit.use_up(NEW_SECRET))
    except TicketRefused:
        return shown(gone=True) if visit.was_sent_before(NEW_SECRET) else go(*too_late())
    except InvalidClientMetadata:
        return go("bad", _("Revoke one first."))
    return shown(secret=secret)


def is_its_name(client: Any) -> bool:
    """Whether the name of a client was typed, that is to be deleted."""
    return bool(request.form.get("confirm_name", "").strip() == client.name)


def not_its_name() -> str:
    """What is said where another name was typed."""
    return _("That is not its name. Nothing was deleted.")


def _refused(server: ServerState, client: Any) -> list[tuple[str, int]]:
    """Why requests of a client were refused in the last seven days, and how often each."""
    found = server.storage.daily_counts.of_client(f"{REFUSED}:", client.id, 7)
    return [(_(cause_of(cause).title), times) for cause, times in found]


def _issuer(server: ServerState) -> str | None:
    """What libraries are configured with; an application can be ended where nobody says who issues."""
    try:
        return server.issuer()
    except IssuerUnknown:
        return None


def _urls(client: Any) -> dict[str, str]:
    names = {"edit_url": "client_edit", "reset_url": "client_reset", "signout_url": "client_sign_out"}
    names |= {"delete_url": "client_delete", "transfer_url": "client_offer"}
    return {key: url_for(f"{BLUEPRINT}.{name}", client_id=address(client)) for key, name in names.items()}


def _revoke_url(client: Any, pk: int) -> str:
    return url_for(f"{BLUEPRINT}.secret_revoke", client_id=address(client), pk=pk)


def secret_rows(
    server: ServerState, client: Any, value: str | None, revoke_url: Callable[[int], str]
) -> list[SecretRow]:
    """The live secrets of a client, newest first; the one just made is told by its hint, for the list is
    made after it.

    :param value: of a secret made in this very request.
    :param revoke_url: where the secret with a key is revoked.
    """
    found = list(reversed(server.storage.clients.live_secrets(client)))
    prefix = f"{server.settings['OAUTH2_TOKEN_PREFIX']}{tokens.SECRET}_…"
    rows = [
        SecretRow(
            hint=f"…{secret.hint}" if secret.imported else f"{prefix}{secret.hint}",
            new=False,
            imported=secret.imported,
            created_at=secret.created_at,
            last_used_at=secret.last_used_at,
            expires_at=secret.expires_at,
            revoke_url=revoke_url(secret.id),
            only=len(found) == 1,
        )
        for secret in found
    ]
    return [replace(rows[0], new=True), *rows[1:]] if value and rows else rows


def shown_uris(server: ServerState, client: Any) -> list[tuple[str, bool]]:
    """Redirect URIs, each with whether any port will do."""
    hosts: Sequence[str] = server.settings["OAUTH2_LOOPBACK_HOSTS"]
    return [(uri, redirect_uris.is_any_port(uri, hosts)) for uri in client.redirect_uris]


def _endpoints(server: ServerState, issuer: str) -> list[tuple[str, str]]:
    names = {"authorize": _("Authorization"), "access_token": _("Token"), "revoke": _("Revocation")}
    names |= {"introspect": _("Introspection")}
    served = {route.name for route in server.routes}
    return [(label, endpoint_url(issuer, f"oauth2server.{name}")) for name, label in names.items() if name in served]


def _offered_until(server: ServerState, client: Any) -> datetime | None:
    """Until when an offer to another owner is open, or None."""
    row = server.storage.grants.open_of_client(OFFER, client.id)
    return None if row is None else row.expires_at

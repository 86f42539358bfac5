"""What an administrator does to one client on its page: check, disable, secrets, end, delete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import request

from ...errors import InvalidClientMetadata, Outdated
from ...state import ServerState
from ...text import _
from ..application_page import is_its_name, new_secret, not_its_name
from ..portraits import address
from ..visit import KEY, missing
from .access_end import REASON
from .client_page import addressed, show
from .visit import AdminVisit, add_page, is_served

_ONE = "/clients/<client_id>/"


def init_app(server: ServerState) -> None:
    """Join."""
    add_page(server, f"{_ONE}check/", "client_check", _posted(client_check), posts=True)
    add_page(server, f"{_ONE}disable/", "client_disable", _posted(client_disable), posts=True)
    add_page(server, f"{_ONE}secrets/", "client_secret", _posted(client_secret), posts=True)
    add_page(server, f"{_ONE}secrets/<{KEY}:pk>/revoke/", "client_secret_revoke", _posted(secret_revoke), posts=True)
    add_page(server, f"{_ONE}authorizations/<public_id>/end/", "client_end", _posted(client_end), posts=True)
    add_page(server, f"{_ONE}sign-out/", "client_sign_out", _posted(client_sign_out), posts=True)
    add_page(server, f"{_ONE}delete/", "client_delete", _posted(client_delete), posts=True)


def _posted(act: Callable[..., Any]) -> Callable[..., Any]:
    """*act* with the client that the address names, where a form came with a good token; else its page."""

    def view(visit: AdminVisit, client_id: str, **arguments: Any) -> Any:
        client = addressed(visit, client_id)
        return act(visit, client, **arguments) if visit.posted else _back(visit, client)

    return view


def _back(visit: AdminVisit, client: Any, kind: str = "", text: str = "") -> Any:
    return visit.go("client", kind, text, client_id=address(client))


def _said(name: str) -> bool | None:
    """What a form decides: yes, no, or nothing."""
    return {"yes": True, "no": False}.get(request.form.get(name, ""))


def client_check(visit: AdminVisit, client: Any) -> Any:
    """Say that it was checked, if it is still what was looked at; or take that back."""
    verified = _said("check")
    if verified is None:
        return _back(visit, client)
    seen = request.form.get("seen", "") if verified else None
    try:
        visit.server.extension.edit_client(client, verified=verified, seen=seen)
    except Outdated:
        return _back(visit, client, "bad", _("It was changed meanwhile. Look again before you mark it as checked."))
    except InvalidClientMetadata as error:
        why = _("Nothing was changed. Edit the settings first: %(field)s %(problem)s", **_told(error))
        return _back(visit, client, "bad", why)
    text = _("Marked as checked.") if verified else _("The check was taken back. People see a warning from now on.")
    return _back(visit, client, "good", text)


def _told(error: InvalidClientMetadata) -> dict[str, str]:
    return {"field": error.field, "problem": _(error.message)}


def client_disable(visit: AdminVisit, client: Any) -> Any:
    """Stop it and all its tokens, or let it go on."""
    disabled = _said("disable")
    if disabled is None:
        return _back(visit, client)
    if disabled:
        visit.server.extension.disable_client(client)
        return _back(visit, client, "good", _("Disabled. It and all its tokens are refused until you enable it."))
    visit.server.extension.enable_client(client)
    return _back(visit, client, "good", _("Enabled. It goes on where it was."))


def client_secret(visit: AdminVisit, client: Any) -> Any:
    """Make a further secret, which is shown in the answer and nowhere else."""
    if request.form.get("reset") != "yes":
        return _back(visit, client)
    return new_secret(
        visit, client, lambda **what: show(visit, client, **what), lambda *told: _back(visit, client, *told)
    )


def secret_revoke(visit: AdminVisit, client: Any, pk: int) -> Any:
    """Revoke one secret, at once."""
    if visit.server.extension.revoke_secret(client, pk=pk):
        return _back(visit, client, "good", _("The secret is revoked."))
    return _back(visit, client)


def client_end(visit: AdminVisit, client: Any, public_id: str) -> Any:
    """End one authorization of this client."""
    storage = visit.server.storage.authorizations
    pk = storage.key(public_id)
    facts = None if pk is None else storage.facts(pk)
    if facts is None or facts.client_id != client.client_id:
        raise missing()
    if visit.server.extension.revoke_authorization(public_id, reason=REASON):
        return _back(visit, client, "good", _("Ended. It can no longer use that account."))
    return _back(visit, client, "plain", _("That had ended already."))


def client_sign_out(visit: AdminVisit, client: Any) -> Any:
    """End all its authorizations."""
    visit.server.extension.sign_everybody_out(client, reason=REASON)
    return _back(visit, client, "good", _("All authorizations are ended. People have to press Allow again."))


def client_delete(visit: AdminVisit, client: Any) -> Any:
    """Delete a client whose name was typed."""
    if "delete" not in request.form:
        return _back(visit, client)
    if not is_its_name(client):
        return show(visit, client, delete_error=not_its_name())
    name = client.name
    visit.server.extension.delete_client(client)
    there = "clients" if is_served(visit.server, "clients") else "index"
    return visit.go(there, "good", _("%(app)s is deleted.", app=name))

"""Applications that people register themselves: make, show, change, rotate secrets, end, delete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import request, url_for

from ..errors import InvalidClientMetadata, TicketRefused
from ..state import ServerState
from ..text import _
from .application_form import UPLOADS, fill, kept_scopes, scope_groups
from .application_page import (
    MANY,
    is_its_name,
    new_secret,
    not_its_name,
    owned,
    register_refused,
    show,
    shown_once,
)
from .faces import ClientRow
from .forms import ClientForm
from .pages import provider_name
from .portraits import address, portrait, portraits
from .visit import BLUEPRINT, KEY, Visit, signed_in, too_late

_NEW_CLIENT = "new application"


def init_app(server: ServerState) -> None:
    """Join."""
    add = server.add_route
    page: dict[str, Any] = {"page": True, "checks_csrf": True, "blueprint": BLUEPRINT}
    both = {**page, "methods": ("GET", "HEAD", "POST")}
    add("/clients/new/", "client_new", signed_in(server, client_new), rate="create", uploads=UPLOADS, **both)
    one = "/clients/<client_id>/"
    add(one, "client_view", signed_in(server, client_view), rate="create", uploads=UPLOADS, **both)
    add(f"{one}edit/", "client_edit", signed_in(server, client_edit), rate="create", uploads=UPLOADS, **both)
    add(f"{one}reset/", "client_reset", signed_in(server, client_reset), rate="create", **both)
    add(f"{one}secrets/<{KEY}:pk>/revoke/", "secret_revoke", signed_in(server, secret_revoke), **both)
    add(f"{one}sign-out/", "client_sign_out", signed_in(server, client_sign_out), **both)
    add(f"{one}delete/", "client_delete", signed_in(server, client_delete), **both)


def client_rows(visit: Visit, clients: Sequence[Any]) -> list[ClientRow]:
    """My applications, for the list."""
    storage = visit.server.storage
    rows = []
    for client, face in zip(clients, portraits(visit.server, clients, to_owner=True), strict=True):
        people = storage.clients.people(client.id, MANY + 1)
        only_you = people == 0 or (people == 1 and storage.clients.acts_for(client.id, visit.key))
        url = url_for(f"{BLUEPRINT}.client_view", client_id=address(client))
        rows.append(ClientRow(face, url, min(people, MANY), people > MANY, only_you))
    return rows


def client_new(visit: Visit) -> Any:
    """Register an application. Its secret is shown in the answer, and nowhere else."""
    refused = register_refused(visit)
    if refused is not None:
        return visit.go("index", "bad", refused)
    form = ClientForm().labelled()
    if not visit.posted:
        return _form_page(visit, form, None)
    if visit.was_sent_before(_NEW_CLIENT):
        return visit.go("index", "plain", shown_once(), _anchor="mine")
    fill(visit, form, None)
    if form.is_good():
        try:
            client, secret = _created(visit, form)
        except InvalidClientMetadata as error:
            form.refuse_metadata(error)
        except TicketRefused:
            if visit.was_sent_before(_NEW_CLIENT):
                return visit.go("index", "plain", shown_once(), _anchor="mine")
            return _form_page(visit, form, None, message=too_late())
        else:
            if secret is None:
                text = _("Your application is ready.")
                return visit.go("client_view", "good", text, client_id=address(client))
            return show(visit, client, secret=secret, first=True)
    return _form_page(visit, form, None)


def _created(visit: Visit, form: ClientForm) -> tuple[Any, str | None]:
    server = visit.server
    public = form.client_type.data == "public"
    use_up = visit.use_up(_NEW_CLIENT)
    return server.extension.create_client(
        owner=visit.user,
        verified=False,
        scopes=form.scopes,
        logo=form.logo_content,
        token_endpoint_auth_method="none" if public else "client_secret_basic",
        before=use_up,
        **form.values(),
    )


def client_edit(visit: Visit, client_id: str) -> Any:
    """Change an application. A changed name, logo or redirect URI has to be checked anew."""
    client = owned(visit, client_id)
    if not visit.posted:
        return _form_page(visit, ClientForm.of(client) if not visit.stale else ClientForm().labelled(), client)
    form = ClientForm().labelled()
    fill(visit, form, client)
    if form.is_good():
        changes = {**form.values(), "scopes": kept_scopes(visit.server, client, form.scopes)}
        if client.is_confidential:
            del changes["application_type"]  # which only an administrator has set to something else
        if form.logo_content is not None or "remove_logo" in request.form:
            changes["logo"] = form.logo_content
        try:
            changed = visit.server.extension.edit_client(client, by_owner=True, **changes)
        except InvalidClientMetadata as error:
            form.refuse_metadata(error)
        else:
            return visit.go("client_view", *_saved(visit, changed), client_id=address(client))
    return _form_page(visit, form, client)


def _saved(visit: Visit, changed: Sequence[str]) -> tuple[str, str]:
    """What is said after saving: whether the application has to be checked again, and why."""
    if "verified" not in changed:
        return "good", _("Saved.")
    host = provider_name(visit.server)
    then = _("%(host)s will check the application again; until then people see a warning.", host=host)
    why = {
        "name": _("Saved. Because the name changed, %(then)s", then=then),
        "logo": _("Saved. Because the logo changed, %(then)s", then=then),
        "redirect_uris": _("Saved. Because the redirect URIs changed, %(then)s", then=then),
    }
    links = _("Saved. Because its links changed, %(then)s", then=then)
    return "plain", next((text for name, text in why.items() if name in changed), links)


def _form_page(visit: Visit, form: ClientForm, client: Any, **context: Any) -> str:
    face = None if client is None else portrait(visit.server, client, to_owner=True)
    back = url_for(f"{BLUEPRINT}.index")
    if client is not None:
        back = url_for(f"{BLUEPRINT}.client_view", client_id=address(client))
    sent = request.method == "POST"
    chosen = request.form.getlist("scopes") if sent else () if client is None else client.scopes
    return visit.render(
        "client_new.html" if client is None else "client_edit.html",
        form=form,
        app=face,
        scope_groups=scope_groups(visit.server, chosen),
        scope_errors=form.scope_errors,
        problems=[*form.problems(), *(("scopes", _("Scopes"), error) for error in form.scope_errors)],
        cancel_url=back,
        name_is_kept=visit.server.settings["OAUTH2_PROVIDER_NAME"] is not None,
        action=url_for(request.endpoint or "", **(request.view_args or {})),
        ticket=visit.ticket(_NEW_CLIENT),
        has_logo=bool(face and face.logo_url),
        **context,
    )


def client_view(visit: Visit, client_id: str) -> Any:
    """One application. A POST here is the original's: ``delete`` removes it, else it is an edit."""
    if visit.posted:
        return client_delete(visit, client_id) if "delete" in request.form else client_edit(visit, client_id)
    return show(visit, owned(visit, client_id))


def client_reset(visit: Visit, client_id: str) -> Any:
    """Make a further secret; the others live until they are revoked."""
    client = owned(visit, client_id)
    name = {"client_id": address(client)}
    if not visit.posted or request.form.get("reset") != "yes":
        return visit.go("client_view", **name)
    return new_secret(
        visit, client, lambda **what: show(visit, client, **what), lambda *told: visit.go("client_view", *told, **name)
    )


def secret_revoke(visit: Visit, client_id: str, pk: int) -> Any:
    """Revoke one secret, at once."""
    client = owned(visit, client_id)
    name = {"client_id": address(client)}
    if visit.posted and visit.server.extension.revoke_secret(client, pk=pk):
        return visit.go("client_view", "good", _("The secret is revoked."), **name)
    return visit.go("client_view", **name)


def client_sign_out(visit: Visit, client_id: str) -> Any:
    """End all authorizations of an application."""
    client = owned(visit, client_id)
    name = {"client_id": address(client)}
    if not visit.posted:
        return visit.go("client_view", **name)
    visit.server.extension.sign_everybody_out(client, reason="ended by the owner of the application")
    return visit.go("client_view", "good", _("Everybody is signed out. People have to press Allow again."), **name)


def client_delete(visit: Visit, client_id: str) -> Any:
    """Delete an application whose name was typed."""
    client = owned(visit, client_id)
    if not visit.posted or "delete" not in request.form:
        return visit.go("client_view", client_id=address(client))
    if not is_its_name(client):
        return show(visit, client, delete_error=not_its_name())
    shown = client.name
    visit.server.extension.delete_client(client)
    return visit.go("index", "good", _("%(app)s is deleted.", app=shown), _anchor="mine")

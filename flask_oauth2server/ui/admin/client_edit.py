"""Register a client, and change one."""

from __future__ import annotations

from typing import Any

from flask import request, url_for

from ...domain import presets
from ...errors import InvalidClientMetadata, Outdated, TicketRefused
from ...state import ServerState
from ...text import _
from .. import application_form
from ..application_form import UPLOADS
from ..application_page import shown_once
from ..portraits import address, portrait
from ..visit import too_late
from . import client_page
from .client_form import AdminClientForm, scope_groups
from .visit import BLUEPRINT, AdminVisit, administrator

_NEW_CLIENT = "new client"


def init_app(server: ServerState) -> None:
    """Join."""
    page: dict[str, Any] = {"page": True, "checks_csrf": True, "blueprint": BLUEPRINT, "uploads": UPLOADS}
    both = {**page, "methods": ("GET", "HEAD", "POST")}
    server.add_route("/clients/new/", "client_new", administrator(server, client_new), **both)
    server.add_route("/clients/<client_id>/edit/", "client_edit", administrator(server, client_edit), **both)


def client_new(visit: AdminVisit) -> Any:
    """Register a client. Its secret is shown in the answer, and nowhere else."""
    form = AdminClientForm.made(visit, None, request.args.get("preset", ""))
    if not visit.posted:
        return _form_page(visit, form)
    if visit.was_sent_before(_NEW_CLIENT):
        return visit.go("clients", "plain", shown_once())
    form.fill(visit)
    if form.is_good():
        try:
            create = visit.server.extension.create_client
            client, secret = create(before=visit.use_up(_NEW_CLIENT), **form.new_values())
        except InvalidClientMetadata as error:
            form.refuse_metadata(error)
        except TicketRefused:
            if visit.was_sent_before(_NEW_CLIENT):
                return visit.go("clients", "plain", shown_once())
            return _form_page(visit, form, message=too_late())
        else:
            if secret is None:
                return visit.go("client", "good", _("The client is registered."), client_id=address(client))
            return client_page.show(visit, client, secret=secret, first=True)
    return _form_page(visit, form)


def client_edit(visit: AdminVisit, client_id: str) -> Any:
    """Change a client, if it still is what was looked at."""
    client = client_page.addressed(visit, client_id)
    form = AdminClientForm.made(visit, client)
    seen = request.form.get("seen", "")
    if not visit.posted:
        filled_in = {} if visit.stale else _filled_in(form, request.args.get("add_redirect_uri", ""))
        return _form_page(visit, form, seen=seen or visit.server.clients.fingerprint(client), **filled_in)
    form.fill(visit)
    if form.is_good():
        changes = form.changes(visit.server)
        if form.logo_content is not None or "remove_logo" in request.form:
            changes["logo"] = form.logo_content
        try:
            changed = visit.server.extension.edit_client(client, seen=seen, **changes)
        except InvalidClientMetadata as error:
            form.refuse_metadata(error)
        except Outdated:
            return _form_page(visit, form, seen=visit.server.clients.fingerprint(client), message=_outdated())
        else:
            said = _("Saved.") if changed else _("Nothing was changed.")
            return visit.go("client", "good" if changed else "plain", said, client_id=address(client))
    return _form_page(visit, form, seen=seen)


def _filled_in(form: AdminClientForm, uri: str) -> dict[str, Any]:
    """Fill in one more redirect URI, that of a failure; nothing is saved before the form is sent."""
    line = next(iter(uri.replace("\0", "").split()), "")[:2000]
    if not line or line in form.uris:
        return {}
    form.redirect_uris.data = "\n".join([*form.uris, line])
    return {"message": ("plain", _("Filled in below, and not saved yet: %(uri)s", uri=line))}


def _outdated() -> tuple[str, str]:
    return "bad", _(
        "Somebody has changed this client meanwhile. Nothing has been saved. What you typed is below: save it again "
        "to put it in the place of what stands there now."
    )


def _form_page(visit: AdminVisit, form: AdminClientForm, *, seen: str = "", **context: Any) -> str:
    server, client = visit.server, form.client
    sent = request.method == "POST"
    chosen = request.form.getlist("scopes") if sent else () if client is None else client.scopes
    back = url_for(f"{BLUEPRINT}.clients")
    if client is not None:
        back = url_for(f"{BLUEPRINT}.client", client_id=address(client))
    face = None if client is None else portrait(server, client, to_owner=True)
    scopes = scope_groups(server, chosen, application_form.scope_groups(server, chosen))
    return visit.render(
        "client_new.html" if client is None else "client_edit.html",
        section="clients",
        form=form,
        app=face,
        kinds=presets.offered(server.clients.available) if client is None else (),
        scope_groups=scopes,
        scope_errors=form.scope_errors,
        problems=[*form.problems(), *(("scopes", _("Scopes"), error) for error in form.scope_errors)],
        cancel_url=back,
        action=url_for(request.endpoint or "", **(request.view_args or {})),
        ticket=visit.ticket(_NEW_CLIENT),
        seen=seen,
        has_logo=bool(face and face.logo_url),
        grants_chosen=form.grant_types.data or (),
        **context,
    )

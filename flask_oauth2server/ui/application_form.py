"""What the form of an application sends: judged in full, so that all that is wrong is said at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flask import request

from ..domain import logos
from ..errors import InvalidClientMetadata
from ..state import ServerState
from ..text import _
from .faces import Group, grouped
from .forms import ClientForm
from .visit import Visit

#: What is read of a form with a logo: more than a logo may be, so that its size can be told.
UPLOADS = 16 * logos.LONGEST


def scope_groups(server: ServerState, chosen: Iterable[str]) -> list[Group]:
    """The scopes that people may choose from; internal ones are not offered."""
    return grouped((scope for _id, scope in server.scopes.choices(exclude_internal=True)), chosen)


def kept_scopes(server: ServerState, client: Any, chosen: Sequence[str]) -> list[str]:
    """*chosen*, and what the client has that the form does not offer."""
    offered = {id_ for id_, _scope in server.scopes.choices(exclude_internal=True)}
    return [*chosen, *(id_ for id_ in client.scopes if id_ not in offered)]


def fill(visit: Visit, form: ClientForm, client: Any) -> None:
    """Read what came with *form* and refuse what is not accepted, field by field.

    :param client: the application that is changed; None: a new one.
    """
    if client is not None:
        form.client_type.data = client.client_type
    elif form.client_type.data not in ("confidential", "public"):
        form.refuse("client_type", _("Choose one of the two."))
    demanded = client is None or bool(client.allowed_response_types)
    form.check_lines(() if client is None else client.redirect_uris, demanded)
    _check_name(visit.server, form, client)
    read_scopes(form, [id_ for id_, _scope in visit.server.scopes.choices(exclude_internal=True)], demanded=True)
    read_logo(form)


def _check_name(server: ServerState, form: ClientForm, client: Any) -> None:
    if form.name.errors or (client is not None and form.name.data == client.name):
        return
    try:
        server.clients.check_own_name(form.name.data, None if client is None else client.id)
    except InvalidClientMetadata as error:
        form.refuse_metadata(error)


def read_scopes(form: ClientForm, offered: Sequence[str], *, demanded: bool) -> None:
    """The scopes that were ticked, of those *offered*.

    :param demanded: whether there has to be one.
    """
    sent = request.form.getlist("scopes")
    form.scopes = [id_ for id_ in offered if id_ in sent]
    if demanded and offered and not form.scopes:
        form.scope_errors = [_("Tick at least one scope.")]


def read_logo(form: ClientForm) -> None:
    """The picture that was uploaded, if there is one."""
    file = request.files.get("logo")
    content = file.read(UPLOADS) if file is not None and file.filename else b""
    if not content:
        return
    try:
        logos.judged(content)
    except ValueError as error:
        form.refuse("logo", _(error.args[0]))
    else:
        form.logo_content = content

"""What is asked for where a client is tried: on a page of its own, and in a card of the client's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for

from ...errors import IssuerUnknown
from ...state import ServerState
from ...text import _
from ..portraits import address
from .visit import BLUEPRINT

#: Kinds of trials.
CODE, SERVICE = "code", "client_credentials"
#: So many scopes that the client may not ask for are kept in a form that comes back.
_FEW = 20


@dataclass(frozen=True)
class TrialForm:
    """The form.

    :ivar kind: :data:`CODE` or :data:`SERVICE`; empty where nothing can be tried, and ``none`` says why.
    :ivar redirect_uri: what the field begins with; ``redirect_uris``: what it offers.
    :ivar scopes: what can be ticked; ``chosen``: what is.
    :ivar begins_with: what is ticked in a fresh form.
    """

    url: str
    kind: str
    none: str
    redirect_uri: str
    redirect_uris: Sequence[str]
    scopes: Sequence[str]
    chosen: Sequence[str]
    begins_with: Sequence[str]


def trial_form(server: ServerState, client: Any, *, sent: bool = False) -> TrialForm:
    """The form of a client.

    :param client: the model.
    :param sent: whether it was sent, and is to keep what came.
    """
    begins_with = server.scopes.defaults(client.scopes) or client.scopes
    chosen = list(dict.fromkeys(request.form.getlist("scopes"))) if sent else begins_with
    strange = [scope for scope in chosen if scope not in client.scopes][:_FEW]
    kind, none = _kind(server, client)
    redirect_uri = request.form.get("redirect_uri", "") if sent else next(iter(client.redirect_uris), "")
    return TrialForm(
        url=url_for(f"{BLUEPRINT}.client_try", client_id=address(client)),
        kind=kind,
        none=none,
        redirect_uri=redirect_uri,
        redirect_uris=client.redirect_uris,
        scopes=[*client.scopes, *strange],
        chosen=chosen,
        begins_with=begins_with,
    )


def _kind(server: ServerState, client: Any) -> tuple[str, str]:
    """What is tried, or why nothing can be."""
    try:
        server.issuer()
    except IssuerUnknown:
        return "", _("Set OAUTH2_ISSUER first: without it this server answers no client.")
    if "code" in client.allowed_response_types:
        if "code" in server.response_types and "authorization_code" in server.grants:
            return CODE, ""
        return "", _("This server does not offer the code flow.")
    if client.allowed_response_types:
        return "", _("It gets its tokens by the implicit grant, which cannot be tried here. Use the code flow instead.")
    if "client_credentials" in client.allowed_grant_types:
        return SERVICE, ""
    if not client.allowed_grant_types:
        return "", _("It gets no tokens itself, so there is no flow to try: it asks whether tokens of others are good.")
    return "", _("None of its grants can be tried here.")

"""An application for another owner: a link that works once, for whoever opens it and accepts.

No search for people, so nobody learns who has an account, and nobody is given what they did not take.
"""

from __future__ import annotations

from typing import Any

from flask import request, url_for

from ..domain.clients import OFFER
from ..errors import PageError
from ..reasons import Reason
from ..state import ServerState
from ..text import _
from ..transport import endpoint_url
from .application_page import owned, register_refused, show
from .portraits import address, portrait
from .visit import BLUEPRINT, Visit, signed_in


def init_app(server: ServerState) -> None:
    """Join."""
    both: dict[str, Any] = {"page": True, "checks_csrf": True, "blueprint": BLUEPRINT}
    both["methods"] = ("GET", "HEAD", "POST")
    view = signed_in(server, client_offer)
    server.add_route("/clients/<client_id>/offer/", "client_offer", view, rate="create", **both)
    server.add_route("/offers/<value>/", "client_take", signed_in(server, client_take), **both)


def client_offer(visit: Visit, client_id: str) -> Any:
    """Make the link, or withdraw the offer that is open."""
    client = owned(visit, client_id)
    name = {"client_id": address(client)}
    if not visit.posted:
        return visit.go("client_view", **name)
    extension = visit.server.extension
    if "withdraw" in request.form:
        extension.withdraw_offer(client)
        return visit.go("client_view", "good", _("The offer is withdrawn."), **name)
    value = extension.offer_client(client)
    link = endpoint_url(visit.server.issuer(), f"{BLUEPRINT}.client_take", value=value)
    return show(visit, client, transfer_link=link)


def client_take(visit: Visit, value: str) -> Any:
    """The page of the one who is to own it."""
    extension = visit.server.extension
    client = extension.find_offer(value)
    if client is None:
        return _gone()
    refused = register_refused(visit)
    if refused is not None:
        return visit.go("index", "bad", refused)
    if visit.posted and request.form.get("accept") == "yes":
        taken = extension.accept_offer(value, visit.user)
        if taken is None:
            return _gone()
        text = _("%(app)s is yours. Make a new secret and revoke the old ones: whoever had it before knows them.")
        return visit.go("client_view", "good", text % {"app": taken.name}, client_id=address(taken))
    face = portrait(visit.server, client)
    offer = visit.server.storage.grants.open_of_client(OFFER, client.id)
    if offer is None:
        return _gone()  # withdrawn at this moment
    return visit.render(
        "transfer.html",
        app=face,
        from_name=face.maker,
        open_until=offer.expires_at,
        action=url_for(f"{BLUEPRINT}.client_take", value=value),
    )


def _gone() -> Any:
    error = PageError(
        "invalid_request", status=410, detail=Reason("offer_gone", "the offer was used, withdrawn, or is too old")
    )
    error.cause = "offer_gone"
    raise error

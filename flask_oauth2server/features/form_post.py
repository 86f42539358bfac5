"""OAuth 2.0 Form Post Response Mode: the answer is posted to the redirect URI by a page that sends itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from flask import Response, make_response

from ..oauth import responses
from ..oauth.request import ProtocolRequest
from ..state import ServerState

DEFAULTS = {
    #: Offer ``response_mode=form_post``.
    "OAUTH2_ENABLE_FORM_POST": True,
}


def init_app(server: ServerState) -> None:
    """Join."""
    server.add_response_mode("form_post", partial(form_post, server))


def form_post(server: ServerState, to: ProtocolRequest, parameters: Mapping[str, str]) -> Response:
    """The page; without scripts a person presses its button."""
    assert to.redirect_uri is not None
    page = make_response(server.pages["form_post"](to.client, to.redirect_uri, parameters))
    return responses.secured(server.settings, page, responses.form_action_of(to.redirect_uri))

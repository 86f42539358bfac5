"""The page that sends an answer on to a client by itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ..domain import redirect_uris
from ..state import ServerState
from ..storage.clients import ClientInfo
from .pages import render


def init_app(server: ServerState) -> None:
    """Join."""
    server.add_page("form_post", partial(form_post, server))


def form_post(server: ServerState, client: ClientInfo, redirect_uri: str, parameters: Mapping[str, str]) -> str:
    """A form with *parameters* as hidden fields, and one button."""
    host = redirect_uris.host(redirect_uri)
    return render(server, "form_post.html", client=client, action=redirect_uri, fields=parameters, host=host)

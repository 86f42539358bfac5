"""Pages for people; nothing here knows oauthlib."""

from __future__ import annotations

from ..development import Development
from ..state import ServerState
from . import (
    admin,
    consent,
    errors,
    form_post,
    my_applications,
    personal_tokens,
    portraits,
    security,
    settings,
    sign_out,
    start,
    transfer,
)
from .pages import has_settings


def init_app(server: ServerState, development: Development | None) -> None:
    """Fill the page slots, and add people's own pages and those of the bare start where they are on."""
    for part in (consent, errors, form_post, portraits, sign_out):
        part.init_app(server)
    if has_settings(server):
        for part in (settings, my_applications, transfer, personal_tokens, security):
            part.init_app(server)
    if server.settings["OAUTH2_ENABLE_ADMIN"]:
        admin.init_app(server)
    if development is not None:
        start.init_app(server, development)

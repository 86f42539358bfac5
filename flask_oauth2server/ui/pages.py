"""Rendering: what every page knows."""

from __future__ import annotations

from typing import Any

from flask import current_app, render_template

from ..state import ServerState
from ..text import gettext


def provider_name(server: ServerState) -> str:
    """How the pages call this provider."""
    return str(server.settings["OAUTH2_PROVIDER_NAME"] or current_app.name)


def render(server: ServerState, template: str, **context: Any) -> str:
    """A template below ``oauth2server/``, with what all of them know.

    ``_`` translates; ``provider_name`` is how the pages call this provider; ``development`` shows
    the banner.
    """
    return render_template(
        f"oauth2server/{template}",
        _=gettext,
        provider_name=provider_name(server),
        development=server.development,
        **context,
    )

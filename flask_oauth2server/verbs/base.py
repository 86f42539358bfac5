"""What all verbs work on: the current app's parts and models."""

from __future__ import annotations

from flask import current_app, has_app_context

from ..errors import ConfigurationError
from ..models.factory import Models
from ..state import ServerState

EXTENSION_NAME = "oauth2server"


class Base:
    """Base of all verbs."""

    _models: Models | None = None

    @property
    def _server(self) -> ServerState:
        server: ServerState = current_app.extensions[EXTENSION_NAME]
        return server

    @property
    def models(self) -> Models:
        """The model classes of the current app's db: ``Client``, ``ClientSecret``, ``Authorization``,
        ``Grant``, ``Token``, ``Consent`` and others; see the API reference.

        :raises ConfigurationError: if no db is known yet.
        """
        state = current_app.extensions.get(EXTENSION_NAME) if has_app_context() else None
        models = self._models if state is None else state.storage.clients.models
        if models is None:
            raise ConfigurationError("There are no models before a db is known: initialise OAuth2Server on an app.")
        return models

"""Imported once, by the process that all others are forked from: makes a provider and has it do everything once."""

from __future__ import annotations

import tempfile
import threading
import warnings

import gunicorn.app.wsgiapp  # noqa: F401 - for those who are forked

from ..conftest import close
from ..support import bearer
from . import cached, jobs  # noqa: F401
from .conftest import prepared


def do_everything_once() -> None:
    """On a SQLite database that is removed afterwards; no connection and no thread is left."""
    with tempfile.TemporaryDirectory() as folder:
        provider = prepared(f"sqlite:///{folder}/provider.sqlite")
        client, ada = provider.client(), provider.browser("ada")
        tokens = client.tokens(ada)
        tokens = client.refresh(tokens["refresh_token"]).json
        assert provider.api().get("/oauth/ping/", headers=bearer(tokens["access_token"])).status_code == 200
        assert ada.visit(client.address(prompt="consent")).status_code == 200
        assert client.post("/oauth/revoke", token=tokens["refresh_token"]).status_code == 200
        close(provider)
    assert threading.active_count() == 1


with warnings.catch_warnings():
    warnings.simplefilter("error")
    do_everything_once()

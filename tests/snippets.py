"""A client's ready code: where it comes from, and what runs it."""

from __future__ import annotations

import os
import subprocess
from typing import Any

from flask_oauth2server.ui.admin.snippets import Snippet, snippets

from .support import Provider

CALLBACK = "http://127.0.0.1:9/cb"
#: A client that acts in its own name alone.
SERVICE = {"redirect_uris": [], "grant_types": ["client_credentials"]}


def registered(provider: Provider, **values: Any) -> tuple[str, str]:
    values = {"name": "Library", "redirect_uris": [CALLBACK], "scopes": ["email", "notes"], **values}
    with provider.app.app_context():
        client, secret = provider.oauth2.create_client(**values)
        return client.client_id, secret or ""


def code_for(provider: Provider, client_id: str, scopes: list[str] | None = None) -> dict[str, Snippet]:
    """The snippets of a client by their names."""
    with provider.app.test_request_context("/admin/oauth2/"):
        server = provider.app.extensions["oauth2server"]
        info = server.storage.clients.info(client_id)
        groups = snippets(server, info, info.scopes if scopes is None else scopes)
        return {snippet.name: snippet for group in groups for snippet in group.snippets}


def text_of(provider: Provider, client_id: str, name: str) -> str:
    """The one part of a snippet."""
    (part,) = code_for(provider, client_id)[name].parts
    return part.text


def run(text: str) -> dict[str, Any]:
    """The names of a Python program that has run."""
    names: dict[str, Any] = {"__name__": "app"}
    exec(compile(text, "app.py", "exec"), names)
    return names


def shell(script: str, secret: str = "") -> str:
    """What bash prints; it stops at the first error, and knows no variable that nobody has set."""
    environment = {"PATH": os.environ["PATH"], "CLIENT_SECRET": secret, "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], env=environment, capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout

"""A client's own server, with the documents that the provider asks it for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask

from .serving import listening


class Site:
    """What is there.

    :ivar documents: by name; text as it is, anything else as JSON.
    :ivar status: of all answers.
    :ivar asked: names, in the order in which they were asked for.
    """

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}
        self.status = 200
        self.asked: list[str] = []
        app = Flask("site")

        @app.get("/<name>")
        def document(name: str) -> Any:
            self.asked.append(name)
            found = self.documents[name]
            return found if isinstance(found, str) else json.dumps(found), self.status

        self.app = app
        self.url = ""


@contextmanager
def documents() -> Iterator[Site]:
    """A site while the block lasts."""
    site = Site()
    with listening(site.app) as port:
        site.url = f"http://127.0.0.1:{port}"
        yield site

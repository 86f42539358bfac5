"""A client's own server, with the documents that the provider asks it for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server


class _Silent(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Say nothing."""


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

        self.server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def serving() -> Iterator[Site]:
    """A site while the block lasts."""
    site = Site()
    thread = threading.Thread(target=site.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield site
    site.server.shutdown()
    thread.join()
    site.server.server_close()

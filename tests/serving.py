"""Apps at a loopback address, for clients that speak HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from .conftest import close
from .support import Provider, build


class _Silent(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def listening(app: Any, **options: Any) -> Iterator[int]:
    """*app* on this machine while the block lasts; its port.

    :param options: of Werkzeug's server.
    """
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent, **options)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def serving(folder: Path, **config: Any) -> Iterator[tuple[Provider, str]]:
    """A provider on SQLite, and its address, which is its issuer."""
    built: list[Provider] = []
    with listening(lambda environ, start: built[0].app(environ, start)) as port:
        base = f"http://127.0.0.1:{port}"
        built.append(build(f"sqlite:///{folder}/provider.sqlite", config={"OAUTH2_ISSUER": base, **config}))
        yield built[0], base
    close(built[0])

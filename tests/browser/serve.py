"""All servers of the browser tests as one process: ``python -m tests.browser.serve FOLDER [MOMENT]``.

Prints their addresses as one line of JSON, then serves until it is ended. With a MOMENT (as
``2026-10-15T09:42``) the clock stands still and nothing is left to chance, so that pictures of the
pages are the same each time.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import re
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, redirect, request
from werkzeug.serving import BaseWSGIServer, make_server

from flask_oauth2server import OAuth2Server, clock, jose
from flask_oauth2server.domain import tokens

from . import data, host


def main() -> None:
    """Serve everything, on ports that are free."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    folder = Path(sys.argv[1])
    issuer = {}
    if len(sys.argv) > 2:
        issuer = {"OAUTH2_ISSUER": "https://meridian.example"}  # ports are chance, too
        _stand_still(datetime.fromisoformat(sys.argv[2]).replace(tzinfo=UTC).timestamp())
    database = f"sqlite:///{folder}/browser.sqlite"
    impatient = {"connect_args": {"timeout": 0.2}}
    makers: dict[str, Callable[[int], Flask]] = {
        "main": lambda port: _filled(host.build(database, port, **issuer)),
        "worn": lambda port: host.build(database, port, name="worn", OAUTH2_BASE_TEMPLATE=host.LAYOUT).app,
        "strict": lambda port: (
            host.build(
                database,
                port,
                name="strict",
                SQLALCHEMY_ENGINE_OPTIONS=impatient,
                OAUTH2_THEME="light",
                OAUTH2_USERS_MAY_REGISTER=False,
                OAUTH2_KEEP_ADDRESSES=False,
                OAUTH2_ENABLE_RATE_LIMITS=True,
                OAUTH2_RATE_AUTHORIZE="1 per hour",
                OAUTH2_SIGNING_KEYS=json.dumps({"keys": [jose.made(alg) for alg in ("RS256", "ES256", "ES256")]}),
            ).app
        ),
        "unready": lambda port: host.build(database, port, name="unready", OAUTH2_ISSUER=None).app,
        "bare": lambda _port: _bare(folder),
        "client": lambda _port: _client(),
    }
    servers = {name: _serve(maker) for name, maker in makers.items()}
    addresses = {name: f"http://127.0.0.1:{server.server_port}" for name, (server, _) in servers.items()}
    addresses["key"] = servers["bare"][1].config["KEY"]
    for server, _ in servers.values():
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps(addresses), flush=True)
    sys.stdin.read()  # until the other end closes it


def _serve(maker: Callable[[int], Flask]) -> tuple[BaseWSGIServer, Flask]:
    server = make_server("127.0.0.1", 0, Flask("nothing yet"), threaded=True)
    server.app = app = maker(server.server_port)
    return server, app


def _filled(provider: Any) -> Flask:
    data.fill(provider)
    app: Flask = provider.app
    return app


def _bare(folder: Path) -> Flask:
    app = Flask("bare", instance_path=str(folder / "bare"))
    app.config["SESSION_COOKIE_NAME"] = "bare_session"
    app.config["OAUTH2_ENABLE_RATE_LIMITS"] = False
    said: list[str] = []
    app.logger.addFilter(lambda record: said.append(record.getMessage()) or False)  # type: ignore[func-returns-value]
    OAuth2Server(app)
    app.config["KEY"] = re.findall(r"key=(\S+)", "".join(said))[0]
    app.add_url_rule("/favicon.ico", "favicon", lambda: ("", 204))
    return app


def _client() -> Flask:
    """A client application: it sends people on once more when they come back, as most do."""
    app = Flask("client")

    @app.get("/callback")
    def callback() -> Any:
        onward = request.args.get("onward") or "/welcome"
        return redirect(f"{onward}?{request.query_string.decode()}")

    @app.get("/welcome")
    def welcome() -> str:
        return "<!doctype html><html lang=en><title>The client</title><h1>Welcome back</h1></html>"

    app.add_url_rule("/favicon.ico", "favicon", lambda: ("", 204))
    return app


def _stand_still(moment: float) -> None:
    numbers = itertools.count(1)

    def random_text(length: int = tokens.RANDOM_LENGTH) -> str:
        digest = hashlib.sha512(str(next(numbers)).encode()).digest() * 2
        return tokens._base62(int.from_bytes(digest), length)

    clock.timestamp = lambda: moment
    tokens.random_text = random_text  # type: ignore[assignment]
    tokens.reference = lambda: "F-7K3Q-9D2M"


if __name__ == "__main__":
    main()

"""Processes whose protected views have the token cache, and a Redis of our own that may be stopped and killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import traceback
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, g
from redis import Redis
from redis.exceptions import RedisError

from flask_oauth2server import require_oauth
from flask_oauth2server.domain.token_cache import HIT

from ..support import Provider, bearer
from . import forks
from .load import Service
from .service import DATABASE, attach

CONFIG = "OAUTH2_TEST_SERVICE_CONFIG"
#: The pid of the process that answers, and whether from its cache.
PID, FROM_CACHE = "X-Pid", "X-From-Cache"


def with_views(provider: Provider) -> Provider:
    """Add a protected view, and tell of each answer who gave it and whether from the cache."""
    app = provider.app

    def count(what: str) -> None:
        g.from_cache = what == HIT

    app.extensions["oauth2server"].token_cache.count = count

    @app.get("/email")
    @require_oauth("email")
    def email() -> str:
        return "email"

    @app.after_request
    def tell(response: Response) -> Response:
        response.headers[PID] = str(os.getpid())
        response.headers[FROM_CACHE] = str(int(g.pop("from_cache", False)))
        return response

    return provider


def create_app() -> Flask:
    """For gunicorn; database and configuration are named by the environment."""
    return with_views(attach(os.environ[DATABASE], json.loads(os.environ[CONFIG]))).app


class CachedService(Service):
    """Gunicorn with three workers of one thread, forked from a process that has made the app.

    :param config: overrides of the app's configuration.
    """

    ARGUMENTS = ("tests.races.cached:create_app()", "--preload", "--workers", "3")

    def __init__(self, database_url: str, log: Path, config: dict[str, Any]) -> None:
        super().__init__(database_url, log, {CONFIG: json.dumps(config)})


class Worker:
    """Another process with an app of its own on a database, which does as it is told."""

    def __init__(self, database_url: str, config: dict[str, Any]) -> None:
        self._pipe, there = forks.context().Pipe()
        self._process = forks.start(_obey, database_url, config, there)
        there.close()
        self._hear()

    def get(self, token: str) -> tuple[int, bool]:
        """What its protected view answers, and whether from its cache."""
        found: tuple[int, bool] = self._ask("get", token)
        return found

    def revoke(self, token: str, headers: dict[str, str]) -> tuple[int, float]:
        """What its revocation endpoint answers, and after how many seconds."""
        found: tuple[int, float] = self._ask("revoke", token, headers)
        return found

    def warm(self, token: str, seconds: float = 10) -> None:
        """Ask until it answers from its cache."""
        until = time.monotonic() + seconds
        while self.get(token) != (200, True):
            assert time.monotonic() < until, "nothing comes from the cache"
            time.sleep(0.02)

    def _ask(self, *command: Any) -> Any:
        self._pipe.send(command)
        return self._hear()

    def _hear(self) -> Any:
        assert self._pipe.poll(60), "the worker says nothing"
        answer = self._pipe.recv()
        if isinstance(answer, str):
            raise AssertionError(f"the worker failed:\n{answer}")
        return answer

    def close(self) -> None:
        self._pipe.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _obey(database_url: str, config: dict[str, Any], pipe: Any) -> None:
    warnings.simplefilter("error")
    try:
        provider = with_views(attach(database_url, config))
        pipe.send(None)
        while True:
            what, token, *further = pipe.recv()
            pipe.send(get(provider, token) if what == "get" else revoke(provider, token, *further))
    except EOFError:
        with provider.app.app_context():
            provider.db.engine.dispose()
    except Exception:
        pipe.send(traceback.format_exc())


def get(provider: Provider, token: str) -> tuple[int, bool]:
    """What a protected view answers, and whether from the cache."""
    with provider.api().get("/email", headers=bearer(token)) as response:
        return response.status_code, response.headers[FROM_CACHE] == "1"


def revoke(provider: Provider, token: str, headers: dict[str, str]) -> tuple[int, float]:
    """What the revocation endpoint answers, and after how many seconds."""
    began = time.monotonic()
    with provider.api().post("/oauth/revoke", data={"token": token}, headers=headers) as response:
        return response.status_code, time.monotonic() - began


class OwnRedis:
    """A Redis server on a free port; skips where the program is not there."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("no redis-server to start one of our own")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self._process: Any = None
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while True:
            with suppress(RedisError), self.client() as client:
                client.ping()
                return
            assert time.monotonic() < until, "redis does not start"
            time.sleep(0.02)

    def client(self) -> Redis:
        return Redis.from_url(self.url, socket_connect_timeout=1, socket_timeout=5)

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
        self._process.wait()

"""A gunicorn worker that serves a house, and an HTTP client for it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask

from benchmarks.house import House

ROOT = Path(__file__).parents[1]


def served(url: str, interval: int = 0) -> Flask:
    """What gunicorn serves.

    :param url: of a database whose tables are there.
    :param interval: seconds between two small steps of the purge; 0: none.
    """
    return House(url, OAUTH2_PURGE_INTERVAL=interval).app


class Answer:
    """What the tests' client would answer."""

    def __init__(self, status_code: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status_code = status_code
        self.headers = headers
        self._body = body

    @property
    def text(self) -> str:
        """The body."""
        return self._body.decode()

    @property
    def json(self) -> Any:
        """The same, read."""
        return json.loads(self._body)

    def close(self) -> None:
        """It is read already."""


class HttpClient:
    """Asks a server on this machine, one connection for each request.

    :param cookies: whether they are kept.
    """

    def __init__(self, port: int, cookies: bool = False) -> None:
        self._port = port
        self._cookies: dict[str, str] | None = {} if cookies else None

    def get(self, path: str, headers: Mapping[str, str] = {}) -> Answer:
        """A GET."""
        return self._ask("GET", path, None, headers)

    def post(self, path: str, data: Mapping[str, str], headers: Mapping[str, str] = {}) -> Answer:
        """A form."""
        sent = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        return self._ask("POST", path, urlencode(data), sent)

    def _ask(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        headers = dict(headers)
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            told = Answer(response.status, response.headers, response.read())
        finally:
            connection.close()
        if self._cookies is not None:
            for line in response.headers.get_all("Set-Cookie", ()):
                name, _, value = line.partition(";")[0].partition("=")
                self._cookies[name] = value
        return told


class Server:
    """A gunicorn with one worker.

    :ivar port: where it listens.
    :ivar process: its master.
    """

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port = port
        self.process = process

    @property
    def worker(self) -> int:
        """The process that serves."""
        pid = self.process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    def resident(self) -> int:
        """Resident memory of the worker, in KiB."""
        told = Path(f"/proc/{self.worker}/status").read_text()
        return int(told.partition("VmRSS:")[2].split()[0])


@contextmanager
def serving(url: str, interval: int = 0) -> Iterator[Server]:
    """A server for a database, stopped at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "-k", "sync", "-w", "1", "--timeout", "300"]
    command += ["--log-level", "warning", f"benchmarks.serving:served({url!r}, {interval})"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:  # noqa: S603 - our own
        try:
            _wait_for(port, process)
            yield Server(port, process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit(f"gunicorn ended with {process.returncode}")
        try:
            if HttpClient(port).get("/api/me").status_code == 401:
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("gunicorn does not answer")

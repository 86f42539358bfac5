"""Raw bytes to a real server: what no client library would send, and clients that hang up."""

from __future__ import annotations

import logging
import random
import re
import socket
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.serving import make_server

from ..conftest import close
from ..races.conftest import prepared
from ..races.figures import report
from ..races.load import Service
from .target import AUTHORIZE, INTROSPECT, PROTECTED, REPEATABLE, REQUESTS, REVOKE, TOKEN, Target

_STATUS = re.compile(rb"(?:\A|\n|\}|>)HTTP/1\.[01] (\d{3}) ")


class Watched:
    """The app, and what came out of it: raised exceptions, also those of its end, and statuses."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.raised: list[str] = []
        self.statuses: Counter[int] = Counter()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            self.statuses[int(status[:3])] += 1
            return start_response(status, headers)

        try:
            answer = self._app(environ, start)
            try:
                return list(answer)
            finally:
                answer.close()
        except BaseException:
            self.raised.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}\n{traceback.format_exc()[-3000:]}")
            raise


@pytest.fixture
def server(target: Target) -> Iterator[tuple[Watched, int]]:
    """Werkzeug's server with threads, on loopback."""
    watched = Watched(target.provider.app)
    logger = logging.getLogger("werkzeug")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    made = make_server("127.0.0.1", 0, watched, threaded=True)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    try:
        yield watched, made.server_port
    finally:
        made.shutdown()
        thread.join(10)
        made.server_close()
        logger.setLevel(level)


def sent(port: int, raw: bytes, *, hang_up: bool) -> bytes:
    """What comes back for *raw*; nothing, if we do not wait for it."""
    received = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(raw)
            if hang_up:
                return b""
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                received += piece
    except TimeoutError:
        raise AssertionError(f"no answer, and no end: {raw[:1000]!r}") from None
    except OSError:
        pass  # the server refused before it had read everything
    return received


class Maker:
    """Makes requests: good ones, which are then damaged.

    :param chance: decides.
    """

    def __init__(self, target: Target, chance: random.Random) -> None:
        self._target = target
        self._chance = chance

    def good(self) -> bytes:
        """A request that is well-formed, and often one that succeeds."""
        target, chance = self._target, self._chance
        kind = chance.choice(["authorize", "token", "refresh", "introspect", "revoke", "protected"])
        if kind == "authorize":
            cookie = chance.choice([f"Cookie: {target.cookie}\r\n", ""])
            return f"GET {target.web.address()} HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\n".encode()
        if kind == "protected":
            token = target.value("access")
            return f"GET {PROTECTED} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        path, form = {
            "token": (TOKEN, {"grant_type": "client_credentials", "scope": "email"}),
            "refresh": (TOKEN, {"grant_type": "refresh_token", "refresh_token": target.used["refresh_token"]}),
            "introspect": (INTROSPECT, {"token": target.value("access")}),
            "revoke": (REVOKE, {"token": "unknown"}),
        }[kind]
        body = urlencode(form).encode()
        return self.post(path, body, f"Content-Length: {len(body)}\r\n")

    def post(self, path: str, body: bytes, framing: str) -> bytes:
        """A form whose length is told by the *framing* headers, right or wrong."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {self._target.basic()}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\n{framing}\r\n"
        )
        return head.encode("latin-1") + body

    def one(self) -> bytes:
        """Something."""
        return self._chance.choice(
            [
                self.good,
                self.damaged,
                self.damaged,
                self.damaged,
                self.misframed,
                self.chunked,
                self.odd,
                self.pipelined,
            ]
        )()

    def damaged(self) -> bytes:
        """A good request with bytes cut, doubled, changed or put in."""
        chance, raw = self._chance, bytearray(self.good())
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(raw) + 1)
            end = min(len(raw), at + chance.choice([1, 1, 2, 5, 40]))
            junk = chance.choice(
                [b"\0", b"\r\n", b"\n", b"\r", b" ", b":", b"\xff", b"%", b"\r\n ", b"\r\n\r\n", chance.randbytes(4)]
            )
            how = chance.choice(["cut", "double", "change", "put", "end"])
            if how == "cut":
                del raw[at:end]
            elif how == "double":
                raw[at:at] = raw[at:end]
            elif how == "change":
                raw[at:end] = chance.randbytes(end - at)
            elif how == "put":
                raw[at:at] = junk
            else:
                del raw[at:]
        return bytes(raw)

    def misframed(self) -> bytes:
        """A body that is not as long as it says, or does not say it."""
        chance = self._chance
        body = urlencode({"grant_type": "client_credentials", "scope": "email"}).encode()
        length = chance.choice(
            [
                *(len(body) + 7, len(body) - 7, 10**6, 10**30, 0, -1, "", "1e3", f"+{len(body)}", f"{len(body)}, 3"),
                *(f"{len(body)}\r\nContent-Length: 3", "0x10", "\xb2", "1_0", f"{len(body)} "),
            ]
        )
        return self.post(chance.choice([TOKEN, INTROSPECT, REVOKE]), body, f"Content-Length: {length}\r\n")

    def chunked(self) -> bytes:
        """A chunked body, good or not, and a length beside it sometimes."""
        chance = self._chance
        body = urlencode({"grant_type": "client_credentials", "scope": "email"}).encode()
        size = chance.choice(
            [f"{len(body):x}", f"{len(body) + 9:x}", "zz", "-1", "", "fffffffffffffffff", "3;a=b", "0"]
        )
        end = chance.choice([b"\r\n0\r\n\r\n", b"\r\n0\r\n", b"\r\n", b"", b"0\r\n\r\n", b"\r\n0\r\nX: y\r\n\r\n"])
        beside = chance.choice(["", "", f"Content-Length: {len(body)}\r\n", "Transfer-Encoding: gzip\r\n"])
        coding = chance.choice(["chunked", "chunked", "Chunked", "chunked, chunked", "\x0bchunked", "x"])
        framing = f"Transfer-Encoding: {coding}\r\n{beside}"
        return self.post(chance.choice([TOKEN, REVOKE]), size.encode() + b"\r\n" + body + end, framing)

    def odd(self) -> bytes:
        """One of the classics."""
        big = b"a" * 2**20
        return self._chance.choice(
            [
                b"",
                b"\r\n\r\n",
                b"GET\r\n\r\n",
                b"GET /oauth/ping/\r\n\r\n",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                b"GET /oauth/ping/ HTTP/3.7\r\n\r\n",
                b"GET /oauth/ping/ HTTP/1.0\r\n\r\n",
                b"GET http://evil.example/oauth/authorize?x HTTP/1.1\r\nHost: a\r\n\r\n",
                b"GET //evil.example/oauth/authorize HTTP/1.1\r\nHost: a\r\n\r\n",
                b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
                b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
                b"GET /oauth/authorize?\xff\xfe=%ff&\x80 HTTP/1.1\r\nHost: \xff\r\nCookie: \xff=\x01\r\n\r\n",
                b"GET /oauth/ping/?\xff=\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
                b"GET /oauth/ping/?" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
                b"GET /oauth/ping/ HTTP/1.1\r\n" + b"X: y\r\n" * 150 + b"\r\n",
                b"GET /oauth/ping/ HTTP/1.1\r\nAuthorization: Bearer\r\n\t" + b"x" * 70_000 + b"\r\n\r\n",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                self.post(TOKEN, big, f"Content-Length: {len(big)}\r\n"),
                self.post(AUTHORIZE, big, f"Content-Length: {len(big)}\r\n"),
                self.post(REVOKE, b"a=b&" * 2**18, f"Content-Length: {2**20}\r\n"),
                self.post(TOKEN, b"100000\r\n" + big + b"\r\n0\r\n\r\n", "Transfer-Encoding: chunked\r\n"),
            ]
        )

    def pipelined(self) -> bytes:
        """Several at once."""
        return b"".join(self._chance.choice([self.good, self.damaged])() for _ in range(self._chance.randint(2, 5)))


def bombard(target: Target, port: int, share: float) -> dict[str, Any]:
    """Send that share of all requests, and good ones in between; the figures."""
    chance = random.Random(1 if REPEATABLE else None)
    maker = Maker(target, chance)
    seen: Counter[int] = Counter()
    began, number = time.monotonic(), max(100, int(REQUESTS * share))
    for round_ in range(number):
        answer = sent(port, maker.one(), hang_up=chance.random() < 0.1)
        seen.update(int(status) for status in _STATUS.findall(answer))
        if round_ % 100 == 0:
            assert b" 401 " in sent(port, b"GET /oauth/ping/ HTTP/1.1\r\nHost: a\r\n\r\n", hang_up=False)
    form = urlencode({"grant_type": "client_credentials", "scope": "email"}).encode()
    last = sent(port, maker.post(TOKEN, form, f"Content-Length: {len(form)}\r\n"), hang_up=False)
    assert b" 200 " in last and b"access_token" in last
    assert seen[200] > 0 and seen[400] > 0
    return {"seconds": round(time.monotonic() - began, 1), "total": number, "answers": dict(sorted(seen.items()))}


def test_no_bytes_bring_the_app_to_raise_or_the_server_to_stop(target: Target, server: tuple[Watched, int]) -> None:
    watched, port = server
    figures = bombard(target, port, 0.03)
    report("raw requests, werkzeug", **figures, by_the_app=dict(sorted(watched.statuses.items())))
    assert watched.raised == []
    assert all(status < 500 for status in watched.statuses)
    # What else there is of 5xx is the parser's: not implemented, version not supported.
    assert {status for status in figures["answers"] if status >= 500} <= {501, 505}


def test_no_bytes_bring_gunicorn_s_workers_to_fail(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/provider.sqlite"
    provider = prepared(url)
    service = Service(url, tmp_path / "gunicorn.log")
    try:
        service.wait()
        figures = bombard(Target(provider), service.port, 0.02)
    finally:
        service.stop()
        close(provider)
    report("raw requests, gunicorn", **figures)
    log = service.log.read_text()
    assert log.count("Booting worker") == 2, "a worker had to be replaced"
    failed = [line for line in log.splitlines() if "Exception on" in line or "Error handling request" in line]
    assert failed == [], log[log.find(failed[0]) :][:3000] if failed else ""
    assert {status for status in figures["answers"] if status >= 500} <= {501, 505}

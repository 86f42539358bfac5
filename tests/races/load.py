"""A service of several processes on loopback, applications that use it without a pause, and what must
be true of its database afterwards."""

from __future__ import annotations

import http.client
import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from sqlalchemy import and_, exists, func, select

from ..support import FORM, Client, Provider, answer_of, bearer, hidden_fields
from . import forks
from .service import DATABASE

TOKEN = "/oauth/token"


class Lost(Exception):  # noqa: N818 - it is what happened
    """The connection broke before the answer."""


class Superseded(Lost):
    """An earlier try, whose answer said 503, did it after all or ended it; the round is given up."""


class Service:
    """Gunicorn with two workers.

    :param database_url: a prepared database.
    :param log: what it writes goes here.
    :param environment: further variables.
    """

    ARGUMENTS: tuple[str, ...] = ("tests.races.service:create_app()", "--workers", "2", "--threads", "4")

    def __init__(self, database_url: str, log: Path, environment: dict[str, str] | None = None) -> None:
        self.log = log
        # Gunicorn keeps a socket in the home of its user.
        told = {DATABASE: database_url, "HOME": str(log.parent), **(environment or {})}
        with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
            self.port = listener.getsockname()[1]
            self._process = forks.start(forks.gunicorn, listener, log, told, *self.ARGUMENTS, "--graceful-timeout", "5")

    def request(self, method: str, path: str, form: Any = None, headers: dict[str, str] | None = None) -> Any:
        """One request on a connection of its own.

        :raises Lost: if there is no answer.
        """
        headers = {**({"Content-Type": FORM} if form is not None else {}), **(headers or {})}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, None if form is None else urlencode(form), headers)
            return Answer(path, connection.getresponse())
        except (OSError, http.client.HTTPException) as error:
            raise Lost(str(error)) from error
        finally:
            connection.close()

    def pid(self) -> int:
        """The process id of the worker that happens to answer."""
        return int(self.request("GET", "/pid").text)

    def wait(self, seconds: float = 60) -> None:
        """Until a worker answers."""
        until = time.monotonic() + seconds
        while True:
            try:
                self.pid()
            except Lost:
                assert time.monotonic() < until and self._process.is_alive(), self.log.read_text()[-5000:]
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """End it and its workers."""
        self._process.terminate()
        self._process.join(30)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


class Answer:
    """An answer of the service, looking like the test client's."""

    def __init__(self, path: str, response: Any) -> None:
        self.path = path
        self.status_code = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Load:
    """Applications and their people, one a thread, over and over: code, tokens, refreshes, revocation.

    :param client: has the person's consent.
    :param cookie: of the person's session.
    :param basic: the client's Authorization header.
    """

    def __init__(self, service: Service, client: Client, cookie: str, basic: dict[str, str]) -> None:
        self.service = service
        self.client = client
        self.seen: Counter[Any] = Counter()
        self.failures: list[str] = []
        self.done: Counter[str] = Counter()
        self._cookie = {"Cookie": f"session={cookie}"}
        self._basic = basic
        self._stop = threading.Event()
        self._lock = threading.Lock()

    @contextmanager
    def running(self, threads: int = 6) -> Iterator[None]:
        """Under load, inside the ``with``."""
        crowd = [threading.Thread(target=self._go_on, args=(number,), daemon=True) for number in range(threads)]
        for thread in crowd:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in crowd:
                thread.join(90)
        assert not any(thread.is_alive() for thread in crowd)

    def wait_for_rounds(self, number: int, seconds: float = 60) -> None:
        """Until so many further rounds are done."""
        wanted, until = self.done["rounds"] + number, time.monotonic() + seconds
        while self.done["rounds"] < wanted:
            assert time.monotonic() < until, f"nothing goes on: {self.failures[:3]} {dict(self.seen)}"
            time.sleep(0.05)

    def _go_on(self, number: int) -> None:
        rounds = number
        while not self._stop.is_set():
            rounds += 1
            try:
                self.one_round(rounds)
            except Superseded:
                self._count("superseded")
            except Lost:
                self._count("lost")
                time.sleep(0.02)
            except _Refused as refused:
                self.failures.append(str(refused))

    def one_round(self, rounds: int) -> None:
        """From the authorization request to the end.

        :raises Lost: if a connection broke.
        """
        tokens = self.send("POST", TOKEN, self._exchange(self._code(asked=rounds % 3 == 0)), self._basic).json
        for _ in range(2):
            data = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
            tokens = self.send("POST", TOKEN, data, self._basic).json
        self.send("GET", "/oauth/ping/", headers=bearer(tokens["access_token"]))
        if rounds % 4 == 0:
            self.send("POST", "/oauth/revoke", {"token": tokens["refresh_token"]}, self._basic)
        with self._lock:
            self.done["rounds"] += 1

    def _code(self, *, asked: bool) -> str:
        address = self.client.address(prompt="consent" if asked else None)
        answer = self.send("GET", address, headers=self._cookie)
        if asked:
            form = [*hidden_fields(answer).items(), ("confirm", "yes")]
            answer = self.send("POST", address, form, self._cookie)
            if answer.status_code == 200:  # the ticket was used, by a try whose answer said 503
                raise Superseded("the page came again")
        return answer_of(answer)["code"]

    def _exchange(self, code: str) -> dict[str, str]:
        return {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.client.redirect_uri or "",
            "code_verifier": self.client.verifier,
        }

    def send(self, method: str, path: str, form: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """A request, tried again while the answer is 503 with ``Retry-After``."""
        tries = 0
        while True:
            tries += 1
            answer = self.service.request(method, path, form, headers)
            self._count(answer.status_code)
            if answer.status_code != 503 or "Retry-After" not in answer.headers or tries == 300:
                break
            if self._stop.is_set():
                raise Superseded("no more tries")
            time.sleep(random.uniform(0.05, 0.2))
        if answer.status_code == 400 and path == TOKEN and tries > 1:
            raise Superseded("it was used by a try whose answer said 503")
        if answer.status_code not in (200, 302, 303):
            raise _Refused(f"{method} {urlsplit(path).path}: {answer.status_code} {answer.text[:300]}")
        return answer

    def _count(self, status: Any) -> None:
        with self._lock:
            self.seen[status] += 1


class _Refused(Exception):  # noqa: N818
    pass


def assert_nothing_is_half_written(provider: Provider) -> dict[str, int]:
    """The invariants; how many rows of each table were looked at."""
    models = provider.app.extensions["oauth2server"].storage.schema.models
    authorization, grant, token, replay = (
        model.__table__ for model in (models.Authorization, models.Grant, models.Token, models.Replay)
    )
    with provider.app.app_context():
        session = provider.db.session

        def count(table: Any, *conditions: Any) -> int:
            return session.scalar(select(func.count()).select_from(table).where(*conditions))

        def has(table: Any, *conditions: Any) -> Any:
            return exists().where(table.c.authorization_id == authorization.c.id, *conditions)

        orphans = ~exists().where(authorization.c.id == token.c.authorization_id)
        assert count(token, token.c.authorization_id.is_not(None), orphans) == 0, "a token without its authorization"
        assert count(authorization, ~has(grant), ~has(token)) == 0, "an authorization that gave nothing"
        used = exists().where(grant.c.authorization_id == authorization.c.id, grant.c.consumed_at.is_not(None))
        lost = and_(used, ~has(token), authorization.c.revoked_at.is_(None))
        assert count(authorization, lost) == 0, "a code was used up for nothing"
        given = and_(has(token), ~used)
        assert count(authorization, given) == 0, "tokens for a code that was not used up"
        # Refresh tokens form one chain: a used one has a successor, and only the last one is unused.
        newest = select(func.max(token.c.generation)).where(token.c.authorization_id == authorization.c.id)
        chain = select(func.count(), func.max(token.c.generation), func.count(token.c.refresh_used_at))
        for number, last, spent in session.execute(chain.group_by(token.c.authorization_id)):
            assert (number, spent) == (last + 1, last), "the chain of refresh tokens is broken"
        assert session.scalar(select(func.max(newest.scalar_subquery())).select_from(authorization)) >= 1
        rows = {"authorizations": count(authorization), "codes": count(grant), "tokens": count(token)}
        # Every ticket that was used up has granted something.
        tickets = count(replay)
        assert rows["codes"] == rows["authorizations"]
        assert tickets <= rows["authorizations"]
        return {**rows, "tickets": tickets}

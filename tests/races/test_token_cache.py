"""The token cache in several processes: after the documented time no worker accepts what was revoked, whatever
happens to Redis in between."""

from __future__ import annotations

import base64
import random
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from flask_oauth2server.domain.token_push import PATIENCE

from ..conftest import REDIS, close
from ..support import Client, Provider, bearer
from .cached import FROM_CACHE, PID, CachedService, OwnRedis, Worker, get, revoke, with_views
from .conftest import prepared
from .figures import report

#: Long, so that nothing is seen because an entry was old.
ON = {"OAUTH2_TOKEN_CACHE": 600, "OAUTH2_PROVIDER_TOKEN_EXPIRES_IN": 3600}
ROUNDS = 3
TOKENS = 12
#: Seconds that a request which began in time may take to be answered on a busy machine.
ANSWER = 2.5
#: Seconds between two questions where what counts is when something is seen: whoever asks leaves time to the others.
PAUSE = 0.01


def settings(url: str, **further: Any) -> dict[str, Any]:
    return {**ON, "OAUTH2_TOKEN_CACHE_URL": url, "OAUTH2_TOKEN_CACHE_CHANNEL": f"test-{uuid.uuid4().hex}", **further}


def robot(provider: Provider) -> tuple[Client, dict[str, str]]:
    """A client with tokens of its own, and its Authorization header."""
    client = provider.client(name="Robot", redirect_uris=[], scopes=["email"])
    basic = base64.b64encode(f"{client.client_id}:{client.secret}".encode()).decode()
    return client, {"Authorization": f"Basic {basic}"}


def issued(client: Client) -> str:
    return str(client.post("/oauth/token", grant_type="client_credentials", scope="email").json["access_token"])


def shut(provider: Provider) -> None:
    """End the threads, too."""
    provider.app.extensions["oauth2server"].token_push.close()
    close(provider)


# --- workers of gunicorn --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_no_worker_accepts_what_was_revoked(
    kind: str, tmp_path: Path, database_urls: Callable[[str], str], redis_issuer: str
) -> None:
    """Three workers, forked from a process that had made the app."""
    url = f"sqlite:///{tmp_path}/provider.sqlite" if kind == "sqlite" else database_urls(kind)
    config = settings(REDIS)
    provider = prepared(url, config)
    client, basic = robot(provider)
    service = CachedService(url, tmp_path / "gunicorn.log", config)
    longest = 0.0
    try:
        service.wait()
        for _ in range(ROUNDS):
            token = issued(client)
            in_all_caches(service, token)
            answer = service.request("POST", "/oauth/revoke", {"token": token}, basic)
            assert answer.status_code == 200
            seen = asked_for(service, token, PATIENCE + 0.5)
            late = [after for after, status in seen if status == 200]
            assert {status for _, status in seen} <= {200, 401}
            assert len([after for after, _ in seen if after > PATIENCE]) > 3
            longest = max([longest, *late])
            assert longest < PATIENCE
    finally:
        service.stop()
        shut(provider)
    report("revocation pushed", database=kind, rounds=ROUNDS, last_accepted_after=round(longest, 4))


def in_all_caches(service: CachedService, token: str) -> None:
    """Ask until each worker has answered from its cache."""
    hit: set[str] = set()
    until = time.monotonic() + 30
    while len(hit) < 3:
        answer = service.request("GET", "/email", headers=bearer(token))
        assert answer.status_code == 200
        if answer.headers[FROM_CACHE] == "1":
            hit.add(answer.headers[PID])
        assert time.monotonic() < until, f"{hit} alone answer from their caches"


def asked_for(service: CachedService, token: str, seconds: float) -> list[tuple[float, int]]:
    """Ask with four threads; when each request began, and its status."""
    began = time.monotonic()

    def ask(_: int) -> list[tuple[float, int]]:
        seen = []
        while (now := time.monotonic()) < began + seconds:
            seen.append((now - began, service.request("GET", "/email", headers=bearer(token)).status_code))
            time.sleep(PAUSE)
        return seen

    with ThreadPoolExecutor(4) as pool:
        return [one for seen in pool.map(ask, range(4)) for one in seen]


def test_without_redis_it_is_seen_when_the_seconds_are_over(tmp_path: Path) -> None:
    """What is documented where no URL is set."""
    url = f"sqlite:///{tmp_path}/provider.sqlite"
    config = {**ON, "OAUTH2_TOKEN_CACHE": 3}
    provider = with_views(prepared(url, config))
    client, basic = robot(provider)
    other = Worker(url, config)
    try:
        token = issued(client)
        other.warm(token)
        assert revoke(provider, token, basic)[0] == 200
        revoked = time.monotonic()
        assert get(provider, token)[0] == 401
        time.sleep(max(0.0, revoked + 3 - time.monotonic()))
        assert other.get(token)[0] == 401
    finally:
        other.close()
        close(provider)


# --- threads of one process -----------------------------------------------------------------------


@pytest.mark.parametrize("host", ["reads nothing", "reads before"])
def test_threads_never_accept_what_was_revoked(any_database: str, host: str) -> None:
    """Six threads ask without a pause while one revokes: no request that begins after the answer is let in, also
    where the host's transaction, with its snapshot, began before."""
    provider = with_views(prepared(any_database, ON))
    if host == "reads before":
        provider.app.before_request(
            lambda: provider.db.session.execute(text("SELECT COUNT(*) FROM oauth2_token")) and None
        )
    client, basic = robot(provider)
    values = [issued(client) for _ in range(TOKENS)]
    ended: dict[str, float] = {}
    seen: list[tuple[str, float, int, bool]] = []
    stop = threading.Event()

    def ask(seed: int) -> None:
        chance = random.Random(seed)
        while not stop.is_set():
            value = chance.choice(values)
            began = time.monotonic()
            seen.append((value, began, *get(provider, value)))

    with ThreadPoolExecutor(6) as pool:
        asking = [pool.submit(ask, seed) for seed in range(6)]
        try:
            time.sleep(0.5)
            for value in values:
                assert revoke(provider, value, basic)[0] == 200
                ended[value] = time.monotonic()
            time.sleep(0.3)
        finally:
            stop.set()
        for one in asking:
            one.result()
    close(provider)
    assert {status for _, _, status, _ in seen} == {200, 401}
    assert any(hit for _, _, status, hit in seen if status == 200)
    assert [after for value, after, status, _ in seen if status == 200 and after > ended[value]] == []


# --- what may happen to Redis ---------------------------------------------------------------------


@dataclass
class Pair:
    """This process and another one, on a database and a Redis of their own."""

    provider: Provider
    other: Worker
    redis: OwnRedis
    client: Client
    basic: dict[str, str]

    def warmed(self) -> str:
        """A token that both have in their caches."""
        token = issued(self.client)
        self.other.warm(token)
        until = time.monotonic() + 10
        while get(self.provider, token) != (200, True):
            assert time.monotonic() < until, "nothing comes from the cache"
            time.sleep(0.02)
        return token

    def ended_there(self, token: str) -> None:
        """Revoke *token* here; the other one does not accept it once the documented time is over."""
        status, seconds = revoke(self.provider, token, self.basic)
        answered = time.monotonic()
        assert status == 200
        assert seconds < ANSWER, "the request waited for Redis"
        assert get(self.provider, token)[0] == 401  # in this process at once
        while (now := time.monotonic()) < answered + PATIENCE + 0.3:
            accepted = self.other.get(token)[0] == 200
            assert not (accepted and now > answered + PATIENCE), f"accepted {now - answered} s after the answer"
            time.sleep(PAUSE)
        assert self.other.get(token)[0] == 401

    def works_without(self) -> None:
        """Good tokens are accepted, but from the database."""
        token = issued(self.client)
        for _ in range(3):
            assert get(self.provider, token) == (200, False)
            assert self.other.get(token) == (200, False)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    redis = OwnRedis(tmp_path)
    url, config = f"sqlite:///{tmp_path}/provider.sqlite", settings(redis.url)
    provider = with_views(prepared(url, config))
    other = Worker(url, config)
    try:
        yield Pair(provider, other, redis, *robot(provider))
    finally:
        other.close()
        shut(provider)
        redis.kill()


def test_all_is_well(pair: Pair) -> None:
    for _ in range(3):
        pair.ended_there(pair.warmed())


def test_redis_is_killed(pair: Pair) -> None:
    token, kept = pair.warmed(), pair.warmed()
    pair.redis.kill()
    pair.ended_there(token)
    pair.works_without()
    pair.redis.start()
    fresh = pair.warmed()  # it is in use again
    assert pair.other.get(token)[0] == 401
    pair.ended_there(kept)
    pair.ended_there(fresh)


def test_redis_dies_before_it_has_handed_the_message_on(pair: Pair) -> None:
    token = pair.warmed()
    pair.redis.signal(signal.SIGSTOP)
    pair.ended_there(token)
    pair.redis.kill()
    pair.redis.start()
    pair.warmed()
    assert pair.other.get(token)[0] == 401


def test_redis_hangs_and_comes_back(pair: Pair) -> None:
    token = pair.warmed()
    pair.redis.signal(signal.SIGSTOP)
    pair.ended_there(token)
    pair.works_without()
    other = issued(pair.client)
    pair.ended_there(other)
    pair.redis.signal(signal.SIGCONT)
    pair.warmed()
    assert [pair.other.get(value)[0] for value in (token, other)] == [401, 401]


def test_redis_is_paused(pair: Pair) -> None:
    token = pair.warmed()
    with pair.redis.client() as client:
        client.client_pause(4000)
    pair.ended_there(token)
    pair.works_without()
    pair.warmed()


def test_connections_are_cut(pair: Pair) -> None:
    """Again and again, just as tokens are revoked: what one connection missed is not believed on the next."""
    for _ in range(2):
        token = pair.warmed()
        with pair.redis.client() as client:
            client.client_kill_filter(_type="pubsub")
            pair.ended_there(token)
            client.client_kill_filter(_type="normal", skipme=True)
        pair.ended_there(pair.warmed())


def test_redis_comes_and_goes_while_tokens_are_revoked(pair: Pair) -> None:
    stop = threading.Event()

    def trouble() -> None:
        while not stop.is_set():
            pair.redis.signal(signal.SIGSTOP)
            stop.wait(0.7)
            pair.redis.signal(signal.SIGCONT)
            stop.wait(0.9)

    thread = threading.Thread(target=trouble)
    thread.start()
    try:
        for _ in range(4):
            token = issued(pair.client)
            for _ in range(20):
                assert pair.other.get(token)[0] == 200
                assert get(pair.provider, token)[0] == 200
            pair.ended_there(token)
    finally:
        stop.set()
        thread.join()
        pair.redis.signal(signal.SIGCONT)


class Door:
    """A way to a port that can be shut, so that one process alone has lost Redis."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.is_open = False
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:
                return
            if not self.is_open:
                here.close()
                continue
            there = socket.create_connection(("127.0.0.1", self._to))
            self._open += [here, there]
            for one, two in ((here, there), (there, here)):
                threading.Thread(target=self._carry, args=(one, two), daemon=True).start()

    def _carry(self, one: socket.socket, two: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                two.sendall(data)
        with suppress(OSError):
            two.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.is_open = False
        for end in (*self._open, self._listener):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def test_what_could_not_be_told_is_told_later(tmp_path: Path) -> None:
    """Whoever revokes has lost Redis and the others have not: that is when the second is not kept, as the
    documentation says. They are told as soon as Redis is found again, and entries die of age in any case."""
    redis = OwnRedis(tmp_path)
    with closing(Door(redis.port)) as door:
        url, config = f"sqlite:///{tmp_path}/provider.sqlite", settings(redis.url)
        through = {**config, "OAUTH2_TOKEN_CACHE_URL": f"redis://127.0.0.1:{door.port}/0"}
        provider = with_views(prepared(url, through))
        client, basic = robot(provider)
        other = Worker(url, config)
        try:
            token = issued(client)
            other.warm(token)
            status, seconds = revoke(provider, token, basic)
            assert status == 200 and seconds < ANSWER
            time.sleep(PATIENCE + 0.2)
            assert other.get(token) == (200, True)  # the honest part
            door.is_open = True
            until = time.monotonic() + 5
            while other.get(token)[0] == 200:
                assert time.monotonic() < until, "it was never told"
                time.sleep(0.02)
        finally:
            other.close()
            shut(provider)
            redis.kill()

"""The channel by itself, on a real Redis: what is heard is forgotten, and what cannot be proven is not believed."""

from __future__ import annotations

import gc
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from weakref import ref

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from flask_oauth2server import clock
from flask_oauth2server.domain.bearer import TokenInfo
from flask_oauth2server.domain.token_cache import TokenCache
from flask_oauth2server.domain.token_push import PATIENCE, PULSE, TokenPush
from flask_oauth2server.errors import ConfigurationError
from flask_oauth2server.storage.changes import ALL

from ..conftest import REDIS, redis_client

pytestmark = pytest.mark.usefixtures("redis_issuer")  # skips where there is no Redis


def token(pk: int) -> TokenInfo:
    now = clock.now()
    return TokenInfo(
        client_id="reader",
        client_pk=1,
        user_id=None,
        scopes=("email",),
        expires_at=now + timedelta(hours=1),
        issued_at=now,
        pk=pk,
    )


def cached() -> TokenCache:
    """A cache of tokens whose values are their keys."""
    cache = TokenCache(lambda value: token(int(value)), lambda _: True, lambda: cache.now(), seconds=600, size=100)
    return cache


@pytest.fixture
def channel() -> str:
    return f"test-{uuid.uuid4().hex}"


@pytest.fixture
def make(channel: str) -> Iterator[Callable[..., tuple[TokenPush, TokenCache]]]:
    made: list[TokenPush] = []

    def make(**options: Any) -> tuple[TokenPush, TokenCache]:
        cache = cached()
        made.append(TokenPush(options.pop("url", REDIS), options.pop("channel", channel), cache, **options))
        return made[-1], cache

    yield make
    for push in made:
        push.close()


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.005)


def filled(push: TokenPush, cache: TokenCache) -> None:
    """Follow the channel, and keep the tokens 1 to 5."""
    push.follow()
    until(lambda: time.monotonic() < cache.trusted_until)
    for pk in range(1, 6):
        cache.find(str(pk))
    assert kept(cache) == {1, 2, 3, 4, 5}


def kept(cache: TokenCache) -> set[int | None]:
    return {entry.token.pk for entry in list(cache._good.values())}


def test_nothing_is_believed_before_the_channel_is_followed(make: Any) -> None:
    push, cache = make()
    cache.find("1")
    assert len(cache) == 0
    filled(push, cache)


def test_what_one_process_tells_the_others_forget(make: Any) -> None:
    (one, first), (other, second) = make(), make()
    filled(one, first), filled(other, second)
    one.tell(frozenset(["token:1", "token:3"]))
    until(lambda: kept(second) == {2, 4, 5})


def test_it_is_believed_as_long_as_pings_are_answered(make: Any) -> None:
    push, cache = make()
    filled(push, cache)
    end = time.monotonic() + 2 * PATIENCE
    while time.monotonic() < end:
        assert 0 < cache.trusted_until - time.monotonic() <= PATIENCE
        time.sleep(0.01)
    assert kept(cache) == {1, 2, 3, 4, 5}


def test_channels_are_apart(make: Any) -> None:
    (one, first), (other, second) = make(), make(channel=f"other-{uuid.uuid4().hex}")
    filled(one, first), filled(other, second)
    one.tell(frozenset([ALL]))
    until(lambda: not kept(first))
    time.sleep(PULSE)
    assert kept(second) == {1, 2, 3, 4, 5}


def test_many_changes_are_everything(make: Any, channel: str) -> None:
    push, cache = make()
    filled(push, cache)
    with redis_client() as client, client.pubsub() as ear:
        ear.subscribe(channel)
        push.tell(frozenset(f"token:{pk}" for pk in range(1000, 2000)))
        until(lambda: not kept(cache))
        messages = [ear.get_message(timeout=1) for _ in range(2)]
        assert messages[1]["data"] == json.dumps([ALL])


@pytest.mark.parametrize(
    "message",
    ["", "{", "null", "7", '"token:1"', "[1]", '["token:1", null]', '{"all": 1}', b"\xff\xfe", "[" * 100_000],
)
def test_a_message_that_is_not_understood_is_everything(make: Any, channel: str, message: Any) -> None:
    push, cache = make()
    filled(push, cache)
    with redis_client() as client:
        client.publish(channel, message)
    until(lambda: not kept(cache))
    filled(push, cache)  # and it goes on


@pytest.mark.parametrize("message", ['["token:99"]', '["nothing"]', '["token:1 OR 1=1", "client:"]', "[]"])
def test_a_forged_message_gives_nobody_access(make: Any, channel: str, message: str) -> None:
    push, cache = make()
    filled(push, cache)
    number = cache.now().number
    with redis_client() as client:
        client.publish(channel, message)
    until(lambda: cache.now().number > number)
    assert kept(cache) <= {1, 2, 3, 4, 5}


def test_a_new_connection_begins_empty(make: Any) -> None:
    push, cache = make()
    filled(push, cache)
    address, port = push._line._pubsub.connection._sock.getsockname()
    with redis_client() as client:
        client.client_kill(f"{address}:{port}")
    until(lambda: not kept(cache))
    filled(push, cache)


def test_a_thread_that_stands_still_is_not_believed(make: Any) -> None:
    """Whatever the reason: the time of trust runs out by itself."""
    push, cache = make()
    filled(push, cache)
    push._line._pubsub.get_message = lambda **_: time.sleep(3)
    time.sleep(PATIENCE + 0.1)
    asked = []
    cache._find = lambda value: asked.append(value) or token(1)
    cache.find("1")
    assert asked == ["1"]


def test_a_wrong_answer_proves_nothing(make: Any) -> None:
    """An answer to a ping that was not sent on this line, or to an earlier one."""
    push, cache = make()
    push.follow()
    until(lambda: push._line is not None and push._line._number > 1)
    real = push._line._pubsub.get_message

    def other(timeout: float) -> Any:
        message = real(timeout=timeout)
        if message is not None and message["type"] == "pong":
            message["data"] = b"0"
        return message

    push._line._pubsub.get_message = other
    before = push._line
    until(lambda: push._line is not before)  # given up, and another one begun
    until(lambda: time.monotonic() < cache.trusted_until)


def test_a_request_does_not_wait_for_a_redis_that_is_not_there(make: Any) -> None:
    push, _ = make(url="redis://127.0.0.1:1/0")
    began = time.monotonic()
    for _ in range(50):
        push.tell(frozenset(["token:1"]))
    assert time.monotonic() - began < 1
    with pytest.raises(push.errors):
        push.ping()


@pytest.mark.parametrize("error", [RedisConnectionError("cut"), TypeError("by mistake")])
def test_what_could_not_be_told_is_told_as_everything(
    make: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    (one, _), (other, cache) = make(), make()
    filled(other, cache)
    failing = threading.Event()
    real = one._client.publish

    def publish(*arguments: Any) -> Any:
        if not failing.is_set():
            raise error
        return real(*arguments)

    monkeypatch.setattr(one._client, "publish", publish)
    one.tell(frozenset(["token:1"]))
    time.sleep(2 * PULSE)
    assert kept(cache) == {1, 2, 3, 4, 5}
    assert one._debtor.is_alive()
    failing.set()
    until(lambda: not kept(cache))
    until(lambda: one._debtor is None)
    filled(other, cache)
    one.tell(frozenset(["token:1"]))
    until(lambda: kept(cache) == {2, 3, 4, 5})


def test_a_process_without_a_cache_tells(make: Any, channel: str) -> None:
    push, cache = make()
    filled(push, cache)
    TokenPush(REDIS, channel, None).tell(frozenset(["token:2"]))
    until(lambda: kept(cache) == {1, 3, 4, 5})


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_follows_for_itself(make: Any) -> None:
    push, cache = make()
    filled(push, cache)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 2 if cache.trusted_until > 0 or len(cache) else 3
            assert code == 3
            filled(push, cache)
            push.tell(frozenset(["token:1"]))
            until(lambda: kept(cache) == {2, 3, 4, 5})
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    until(lambda: kept(cache) == {2, 3, 4, 5})


def test_threads_end_with_their_app(channel: str) -> None:
    push = TokenPush(REDIS, channel, cached())
    push.follow()
    thread, weak = push._follower, ref(push)
    assert thread is not None
    while push._line is None:
        time.sleep(0.005)
    del push
    until(lambda: gc.collect() is not None and weak() is None)
    thread.join(5)
    assert not thread.is_alive()


def test_closed_means_closed(make: Any) -> None:
    push, cache = make()
    filled(push, cache)
    thread = push._follower
    push.close()
    thread.join(5)
    assert not thread.is_alive()
    assert cache.trusted_until < 0 and len(cache) == 0


def test_an_address_that_cannot_be() -> None:
    with pytest.raises(ConfigurationError, match="must be the address of a Redis server"):
        TokenPush("redis://127.0.0.1:port/", "x", None)

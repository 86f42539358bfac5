"""What is asked of a target: single requests that wrk sends, and steps that the driver takes."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from . import driver
from .driver import Client, Habits
from .facts import SCOPE

#: Sends nothing that any target has ever issued; of the length and letters of real ones.
_STRANGERS = 1000
_MOST_REVOKED = 1000

Requests = Callable[[Habits, Sequence[str]], list[bytes]]


class Steps(NamedTuple):
    """What the driver does, with a client that is signed in."""

    #: Makes what the steps need, for so many seconds at most; this is not counted.
    begin: Callable[[Client, float], deque[str]]
    #: One of what is counted; False: there is nothing left to do it with.
    step: Callable[[Client, deque[str]], bool]


class Scenario(NamedTuple):
    """One line of the table."""

    name: str
    title: str
    #: Tokens of the data set.
    tokens: int
    #: Which of the target's addresses it needs.
    path: str
    #: Makes the requests from the target's addresses and the presented tokens; else the steps are taken.
    requests: Requests | None = None
    expected: int = 200
    #: Whether each token is presented once before a round: notes of its last use fall due once a minute.
    warmed: bool = False
    steps: Steps | None = None


def _raw(method: str, path: str, headers: Mapping[str, str], body: str = "") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def _protected(path: str) -> Requests:
    def requests(habits: Habits, tokens: Sequence[str]) -> list[bytes]:
        return [_raw("GET", habits.paths[path], {"Authorization": f"Bearer {token}"}) for token in tokens]

    return requests


def _client_credentials(habits: Habits, _tokens: Sequence[str]) -> list[bytes]:
    form = {"grant_type": "client_credentials", "scope": SCOPE}
    return [_raw("POST", habits.paths["token"], *habits.sent(form))]


def _introspection(habits: Habits, tokens: Sequence[str]) -> list[bytes]:
    forms = ({"token": token, "token_type_hint": "access_token"} for token in tokens)
    return [_raw("POST", habits.paths["introspect"], *habits.sent(form)) for form in forms]


def _metadata(habits: Habits, _tokens: Sequence[str]) -> list[bytes]:
    return [_raw("GET", habits.paths["metadata"], {})]


def strangers(tokens: Sequence[str]) -> list[str]:
    """Tokens that nobody issued: real ones with their last letters replaced."""
    letters, chance = "abcdefghijklmnopqrstuvwxyz", random.Random(7)
    chosen = (tokens[number % len(tokens)] for number in range(_STRANGERS))
    return [token[:-8] + "".join(chance.choices(letters, k=8)) for token in chosen]


def _refused(habits: Habits, tokens: Sequence[str]) -> list[bytes]:
    return _protected("ping")(habits, strangers(tokens))


def _nothing(_client: Client, _seconds: float) -> deque[str]:
    return deque()


def _flow(client: Client, _needed: deque[str]) -> bool:
    driver.flow(client)
    return True


def _chains(client: Client, _seconds: float) -> deque[str]:
    return deque(str(driver.flow(client)["refresh_token"]) for _ in range(10))


def _refresh(client: Client, chains: deque[str]) -> bool:
    chains.append(str(driver.refreshed(client, chains.popleft())["refresh_token"]))
    return True


def _tokens_to_revoke(client: Client, seconds: float) -> deque[str]:
    found: deque[str] = deque()
    end = time.monotonic() + seconds
    while time.monotonic() < end and len(found) < _MOST_REVOKED:
        found.append(driver.issued(client))
    return found


def _revoke(client: Client, tokens: deque[str]) -> bool:
    if not tokens:
        return False
    driver.revoked(client, tokens.popleft())
    return True


_SIZES = {"1e3": 1_000, "1e6": 1_000_000, "1e7": 10_000_000}
#: The data set of what does not depend on its size.
SMALL = 1_000


def _of_size(size: str) -> Iterator[Scenario]:
    told, tokens = "{tokens:,} tokens", _SIZES[size]
    for name, path, who in (("protected", "ping", "user not loaded"), ("protected-user", "me", "user loaded")):
        yield Scenario(f"{name}-{size}", f"protected view, {who}, {told}", tokens, path, _protected(path), warmed=True)


ALL = {
    scenario.name: scenario
    for scenario in (
        *(scenario for size in _SIZES for scenario in _of_size(size)),
        Scenario("client-credentials", "client_credentials", SMALL, "token", _client_credentials),
        Scenario("introspection", "introspection", SMALL, "introspect", _introspection),
        Scenario("code-flow", "code + PKCE flow", SMALL, "authorize", steps=Steps(_nothing, _flow)),
        Scenario("refresh", "refresh with rotation", SMALL, "authorize", steps=Steps(_chains, _refresh)),
        Scenario("revocation", "revocation", SMALL, "revoke", steps=Steps(_tokens_to_revoke, _revoke)),
        Scenario("metadata", "metadata document", SMALL, "metadata", _metadata),
        Scenario("refused", "a token that nobody issued", SMALL, "ping", _refused, expected=401),
    )
}

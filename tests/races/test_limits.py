"""Limits are exact, however many processes and threads meet at them."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_oauth2server.domain import secrets, tokens

from ..conftest import close
from . import jobs
from .conftest import Arena, prepared
from .crew import EIGHT, Crew
from .figures import report
from .service import hashed_cheaply
from .test_races import headers_of, told

PER_CLIENT, PER_ADDRESS = 20, 30
OVERRIDES = {"OAUTH2_GUESSES_PER_CLIENT": PER_CLIENT, "OAUTH2_GUESSES_PER_ADDRESS": PER_ADDRESS}
#: The 32 threads send so many requests together.
ALL = 96
GRANT = {"grant_type": "client_credentials", "scope": "email"}


@pytest.fixture(scope="module", autouse=True)
def cheap() -> Iterator[None]:
    """What clients are given here costs as little as in the crew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "generate_password_hash", hashed_cheaply)
        yield


def request_of(client_id: str, secret: str, address: str) -> dict[str, Any]:
    pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    place = {"environ_base": {"REMOTE_ADDR": address}, "base_url": "https://localhost"}
    return {"data": GRANT, "headers": {"Authorization": f"Basic {pair}"}, **place}


def count_of(arena: Arena, subject: str) -> list[int]:
    """What stands in the table for a subject, such as ``client reader``."""
    table = arena.table("FailureCount")
    statement = table.select().where(table.c.subject == tokens.digest(subject))
    with arena.provider.app.app_context():
        return [row._mapping["count"] for row in arena.provider.db.session.execute(statement)]


@pytest.mark.parametrize("client_id", ["guessed", "nobody"])
def test_so_many_wrong_secrets_are_looked_at_and_not_one_more(arena: Arena, client_id: str) -> None:
    if client_id != "nobody":
        arena.provider.client(client_id=client_id, client_secret="correct horse", redirect_uris=[])
    address = f"192.0.2.{len(client_id)}"
    race = arena.crew.race(jobs.post_token, [request_of(client_id, "wrong", address)] * (ALL // EIGHT))
    told(f"wrong secrets of one client ({client_id})", arena, race)
    statuses = Counter(outcome.status for outcome in race.outcomes)
    assert statuses == {401: PER_CLIENT, 429: ALL - PER_CLIENT}
    # What the client's count has refused does not count for the address.
    assert count_of(arena, f"client {client_id}") == count_of(arena, f"address {address}") == [PER_CLIENT]


def test_an_address_has_so_many_wrong_secrets_whatever_clients_it_names(arena: Arena) -> None:
    address = "198.51.100.1"
    items = [request_of(f"made-up-{number % 5}", "wrong", address) for number in range(ALL // EIGHT)]
    race = arena.crew.race(jobs.post_token, items)
    told("wrong secrets of one address", arena, race)
    statuses = Counter(outcome.status for outcome in race.outcomes)
    assert statuses == {401: PER_ADDRESS, 429: ALL - PER_ADDRESS}
    assert count_of(arena, f"address {address}") == [PER_ADDRESS]
    assert sum(sum(count_of(arena, f"client made-up-{number}")) for number in range(5)) == PER_ADDRESS


def test_successes_meanwhile_change_nothing(arena: Arena) -> None:
    """Half of the requests bring the right secret: each is counted while it is looked at, and given back."""
    arena.provider.client(client_id="busy", client_secret="correct horse", redirect_uris=[], scopes=["email"])
    right, wrong = (request_of("busy", secret, "203.0.113.1") for secret in ("correct horse", "wrong"))
    race = arena.crew.race(jobs.post_right_or_wrong, [{"right": right, "wrong": wrong}] * (ALL // EIGHT))
    told("right and wrong secrets of one client", arena, race)
    failed = race.seen[401]
    assert failed <= PER_CLIENT
    assert count_of(arena, "client busy") == count_of(arena, "address 203.0.113.1") == [failed]
    # Whatever was left is there for the next ones, to the last.
    left = PER_CLIENT - failed
    more = [arena.provider.api().post("/oauth/token", **wrong).status_code for _ in range(left + 2)]
    assert more == [401] * left + [429] * 2


@pytest.fixture
def redis_crew(redis: dict[str, Any], tmp_path: Any) -> Iterator[tuple[Any, Crew]]:
    """The crew on SQLite, its requests counted on Redis."""
    config = {**redis, "OAUTH2_ENABLE_RATE_LIMITS": True, "OAUTH2_RATE_TOKEN": f"{PER_CLIENT} per hour"}
    url = f"sqlite:///{tmp_path}/provider.sqlite"
    provider, crew = prepared(url, config), Crew(url, config)
    yield provider, crew
    crew.close()
    close(provider)


def test_so_many_requests_are_admitted_by_redis_and_not_one_more(
    redis_crew: tuple[Any, Crew], redis_keys: Callable[[], list[str]]
) -> None:
    provider, crew = redis_crew
    client = provider.client(redirect_uris=[], scopes=["email"])
    item = {"data": {"grant_type": "bogus"}, "headers": headers_of(client)}
    race = crew.race(jobs.post_token, [item] * (ALL // EIGHT))
    report("requests of one client", storage="redis", seconds=round(race.seconds, 1), statuses=dict(race.seen))
    assert race.raised == []
    assert race.seen == {400: PER_CLIENT, 429: ALL - PER_CLIENT}
    assert len(redis_keys()) == 2  # the client's at this address, and the address

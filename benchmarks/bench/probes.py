"""A target is asked whether it does its work before it is measured: a wrong answer is fast, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from . import driver
from .driver import Client, sign_in
from .facts import CLIENT_ID, SCOPE, USER_NAME
from .scenarios import Scenario, strangers


class Wrong(Exception):  # noqa: N818
    """A target that is not to be measured."""


def probe(scenario: Scenario, client: Client, tokens: Sequence[str]) -> None:
    """Try what *scenario* is about.

    :param tokens: that the target has issued.
    :raises Wrong: telling what came instead of the right answer.
    """
    kind = scenario.name.partition("-1e")[0]
    try:
        _PROBES[kind](client, tokens)
    except (AssertionError, KeyError, ValueError) as error:
        raise Wrong(f"{scenario.name}: {error!r}") from error


def _garbage_is_refused(client: Client, path: str, tokens: Sequence[str]) -> None:
    for value in strangers(tokens)[:3]:
        answer = client.get(client.paths[path], value)
        assert answer.status == 401, (value, answer.status, answer.body[:300])
    answer = client.ask("GET", client.paths[path], {})
    assert answer.status in (400, 401), ("no token", answer.status)


def _protected(client: Client, tokens: Sequence[str]) -> None:
    users = set()
    for value in tokens[:20]:
        answer = client.get(client.paths["ping"], value)
        assert answer.status == 200, (answer.status, answer.body[:300])
        users.add(answer.json["user"])
    assert len(users) > 1 and None not in users, users
    _garbage_is_refused(client, "ping", tokens)


def _protected_user(client: Client, tokens: Sequence[str]) -> None:
    for value in tokens[:20]:
        answer = client.get(client.paths["me"], value)
        assert answer.status == 200, (answer.status, answer.body[:300])
        assert answer.json["name"] == f"Person {answer.json['user']}", answer.json
    _garbage_is_refused(client, "me", tokens)


def _client_credentials(client: Client, tokens: Sequence[str]) -> None:
    first, second = driver.issued(client), driver.issued(client)
    assert first != second, "the same token twice"
    answer = client.get(client.paths["ping"], first)
    assert answer.status == 200 and not answer.json["user"], (answer.status, answer.body[:300])
    headers, body = client.habits.sent({"grant_type": "client_credentials", "scope": SCOPE}, secret="w" * 43)
    answer = client.ask("POST", client.paths["token"], headers, body)
    assert answer.status in (400, 401), ("a wrong secret", answer.status, answer.body[:300])


def _introspection(client: Client, tokens: Sequence[str]) -> None:
    for value in tokens[:20]:
        answer = client.post("introspect", token=value, token_type_hint="access_token")
        assert answer.status == 200, (answer.status, answer.body[:300])
        assert answer.json["active"] is True and answer.json["scope"] == SCOPE, answer.json
    for value in strangers(tokens)[:3]:
        answer = client.post("introspect", token=value, token_type_hint="access_token")
        assert answer.json["active"] is False, answer.json


def _code_flow(client: Client, tokens: Sequence[str]) -> None:
    sign_in(client)
    found = driver.flow(client)
    answer = client.get(client.paths["me"], found["access_token"])
    assert answer.status == 200 and answer.json["name"] == USER_NAME, (answer.status, answer.body[:300])
    assert answer.json.get("client", CLIENT_ID) == CLIENT_ID, answer.json  # not all tell their views


def _refresh(client: Client, tokens: Sequence[str]) -> None:
    sign_in(client)
    old = driver.flow(client)
    new = driver.refreshed(client, old["refresh_token"])
    assert new["access_token"] != old["access_token"], "the same access token again"
    answer = client.get(client.paths["me"], new["access_token"])
    assert answer.status == 200 and answer.json["name"] == USER_NAME, (answer.status, answer.body[:300])
    again = client.post("token", grant_type="refresh_token", refresh_token=old["refresh_token"])
    assert again.status in (400, 401), ("a refresh token twice", again.status)


def _revocation(client: Client, tokens: Sequence[str]) -> None:
    value = driver.issued(client)
    assert client.get(client.paths["ping"], value).status == 200
    driver.revoked(client, value)
    answer = client.get(client.paths["ping"], value)
    assert answer.status == 401, ("a revoked token", answer.status)


def _metadata(client: Client, tokens: Sequence[str]) -> None:
    answer = client.get(client.paths["metadata"])
    assert answer.status == 200, answer.status
    assert answer.json["token_endpoint"].endswith(client.paths["token"]), answer.json


def _refused(client: Client, tokens: Sequence[str]) -> None:
    _protected(client, tokens)


_PROBES: dict[str, Callable[[Client, Sequence[str]], None]] = {
    "protected": _protected,
    "protected-user": _protected_user,
    "client-credentials": _client_credentials,
    "introspection": _introspection,
    "code-flow": _code_flow,
    "refresh": _refresh,
    "revocation": _revocation,
    "metadata": _metadata,
    "refused": _refused,
}

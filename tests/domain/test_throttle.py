"""Guessing: wrong short secrets are counted by client and by address, exactly, and nobody is told more for it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_oauth2server import clock, signals
from flask_oauth2server.domain import secrets
from flask_oauth2server.errors import ConfigurationError
from flask_oauth2server.transport import network

from ..conftest import close
from ..support import Client, Provider, build

SHORT = "correct horse"
LONG_WRONG = "x" * 60
FEW = {"OAUTH2_GUESSES_PER_CLIENT": 3, "OAUTH2_GUESSES_PER_ADDRESS": 0}
FEW_BY_ADDRESS = {"OAUTH2_GUESSES_PER_CLIENT": 0, "OAUTH2_GUESSES_PER_ADDRESS": 3}

Make = Callable[..., Provider]


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of secrets are tried here, so that each costs little."""
    cheaply = partial(secrets.generate_password_hash, method="scrypt:1024:8:1")
    monkeypatch.setattr(secrets, "generate_password_hash", cheaply)
    nobody = cheaply("a secret that nobody has")
    monkeypatch.setattr(secrets, "_nobody", lambda: nobody)


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def service(provider: Provider, **values: Any) -> Client:
    """A client whose secret a person has chosen."""
    values = {"client_id": "service", "client_secret": SHORT, "redirect_uris": [], "scopes": ["email"], **values}
    return provider.client(**values)


def guess(provider: Provider, client_id: str = "service", secret: str = "wrong", **options: Any) -> Any:
    data = {"grant_type": "client_credentials", "scope": "email"}
    return provider.api().post("/oauth/token", data=data, headers=basic(client_id, secret), **options)


def statuses(number: int, *arguments: Any, **options: Any) -> list[int]:
    return [guess(*arguments, **options).status_code for _ in range(number)]


def later(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    """Move the clock, which stands from then on."""
    now = clock.timestamp()
    monkeypatch.setattr(clock, "timestamp", lambda: now + seconds)


def counts(provider: Provider) -> list[int]:
    table = provider.oauth2.models.FailureCount.__table__
    with provider.app.app_context():
        return sorted(provider.db.session.scalars(select(table.c["count"])))


# --- the limit ------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [FEW, FEW_BY_ADDRESS], ids=["client", "address"])
def test_after_so_many_wrong_secrets_the_right_one_is_not_heard(
    make: Make, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch, 0)
    provider = make(config=config)
    service(provider)
    assert guess(provider, secret=SHORT).status_code == 200
    assert statuses(5, provider) == [401, 401, 401, 429, 429]
    refused = guess(provider, secret=SHORT)
    assert refused.status_code == 429
    assert refused.json == {
        "error": "temporarily_unavailable",
        "error_description": "Too many tries. Wait, and try again.",
    }
    assert refused.headers["Retry-After"] == "3600"
    assert refused.headers["Cache-Control"] == "no-store"


def test_it_is_exact_on_every_database(any_database: str) -> None:
    provider = build(any_database, config=FEW)
    service(provider)
    assert statuses(6, provider) == [401, 401, 401, 429, 429, 429]
    assert counts(provider) == [3]
    close(provider)


def test_a_window_that_is_over_begins_anew_on_every_database(
    any_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch, 0)
    provider = build(any_database, config={**FEW, "OAUTH2_GUESSES_WINDOW": 60})
    service(provider)
    assert statuses(4, provider) == [401, 401, 401, 429]
    assert guess(provider).headers["Retry-After"] == "60"
    later(monkeypatch, 60)
    assert statuses(4, provider) == [401, 401, 401, 429]
    assert counts(provider) == [3]
    close(provider)


def test_a_worker_whose_clock_is_behind_begins_no_window_anew(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have read it before it waited for the row, and the second has changed meanwhile."""
    later(monkeypatch, 0)
    provider = make(config={**FEW, "OAUTH2_GUESSES_WINDOW": 60})
    service(provider)
    assert statuses(2, provider) == [401, 401]
    later(monkeypatch, -1)
    assert statuses(3, provider) == [401, 429, 429]
    later(monkeypatch, -299)
    assert statuses(1, provider) == [429]
    later(monkeypatch, -10)  # but a clock that was an hour ahead does not lock anybody out for that hour
    assert statuses(1, provider) == [401]


def test_refused_tries_do_not_prolong_the_window(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch, 0)
    provider = make(config={**FEW, "OAUTH2_GUESSES_WINDOW": 60})
    service(provider)
    assert statuses(3, provider) == [401, 401, 401]
    later(monkeypatch, 50)
    refused = guess(provider)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    later(monkeypatch, 9)
    assert guess(provider, secret=SHORT).status_code == 429
    later(monkeypatch, 1)
    assert guess(provider, secret=SHORT).status_code == 200


def test_success_forgives_nothing(make: Make) -> None:
    provider = make(config=FEW)
    service(provider)
    assert statuses(2, provider) == [401, 401]
    assert statuses(5, provider, secret=SHORT) == [200] * 5
    assert counts(provider) == [2]
    assert statuses(2, provider) == [401, 429]


def test_a_success_counts_neither_for_the_client_nor_for_the_address(make: Make) -> None:
    provider = make()
    service(provider)
    assert statuses(30, provider, secret=SHORT) == [200] * 30
    assert counts(provider) == [0, 0]


def test_a_success_of_the_last_window_takes_nothing_from_this_one(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = make(config={**FEW, "OAUTH2_GUESSES_WINDOW": 60})
    throttle = provider.app.extensions["oauth2server"].throttle
    with provider.app.app_context():
        before = throttle.reserve("client_secret", "service", "192.0.2.1")
        later(monkeypatch, 61)
        throttle.reserve("client_secret", "service", "192.0.2.1")
        throttle.give_back(before)
    assert counts(provider) == [1]


def test_the_secret_is_counted_before_it_is_looked_at(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """While scrypt runs the count is committed already: so others see it, and nothing is locked."""
    provider = make()
    service(provider)
    seen: list[Any] = []
    real = secrets.check_password_hash

    def check(digest: str, value: str) -> bool:
        with provider.db.engine.connect() as other:
            seen.extend(other.scalars(select(provider.oauth2.models.FailureCount.__table__.c["count"])))
        return real(digest, value)

    monkeypatch.setattr(secrets, "check_password_hash", check)
    assert guess(provider, secret=SHORT).status_code == 200
    assert seen == [1, 1]
    assert counts(provider) == [0, 0]


# --- what is counted ------------------------------------------------------------------------------


def test_basic_and_post_share_the_count(make: Make) -> None:
    provider = make(config=FEW)
    service(provider, token_endpoint_auth_method="client_secret_post")
    data = {"grant_type": "client_credentials", "client_id": "service", "client_secret": "wrong"}
    assert provider.api().post("/oauth/token", data=data).status_code == 401
    assert guess(provider).status_code == 401
    assert provider.api().post("/oauth/introspect", data={**data, "token": "x"}).status_code == 401
    assert provider.api().post("/oauth/revoke", data={**data, "token": "x"}).status_code == 429
    assert guess(provider).status_code == 429


@pytest.mark.parametrize("secret", [LONG_WRONG, "x" * 43])
def test_a_long_secret_is_not_counted_and_costs_no_query(make: Make, secret: str) -> None:
    provider = make(config=FEW)
    client = service(provider, client_secret=None)
    assert statuses(5, provider, secret=secret) == [401] * 5
    assert counts(provider) == []
    # Nobody can lock a client with a long secret out.
    assert statuses(4, provider, secret="wrong") == [401, 401, 401, 429]
    assert guess(provider, secret=client.secret).status_code == 200


@pytest.mark.parametrize("secret", ["", "a\0b", "\0"])
def test_what_can_be_nobodys_secret_is_not_counted(make: Make, secret: str) -> None:
    provider = make(config=FEW)
    service(provider)
    assert statuses(5, provider, secret=secret) == [401] * 5
    assert counts(provider) == []


def test_two_methods_or_two_clients_are_refused_before_anything_is_counted(make: Make) -> None:
    provider = make()
    service(provider)
    for sent in ({"client_id": "other"}, {"client_id": "service", "client_secret": "wrong"}):
        data = {"grant_type": "client_credentials", **sent}
        answer = provider.api().post("/oauth/token", data=data, headers=basic("service", "wrong"))
        assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")
    assert counts(provider) == []


def test_zero_counts_nothing(make: Make) -> None:
    provider = make(config={"OAUTH2_GUESSES_PER_CLIENT": 0, "OAUTH2_GUESSES_PER_ADDRESS": 0})
    service(provider)
    assert statuses(30, provider) == [401] * 30
    assert counts(provider) == []


def test_the_defaults(make: Make) -> None:
    provider = make()
    service(provider)
    assert statuses(21, provider) == [401] * 20 + [429]
    others = [{"REMOTE_ADDR": f"192.0.2.{number}"} for number in range(1, 6)]
    seen = [guess(provider, environ_base=other, base_url="https://localhost") for other in others for _ in range(20)]
    assert [answer.status_code for answer in seen] == [401] * 80 + [429] * 20


def test_a_window_without_length_is_refused(make: Make) -> None:
    with pytest.raises(ConfigurationError, match="OAUTH2_GUESSES_WINDOW must be 1 second or more"):
        make(config={"OAUTH2_GUESSES_WINDOW": 0})


def test_a_window_may_be_a_timedelta(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch, 0)
    provider = make(config={**FEW, "OAUTH2_GUESSES_WINDOW": timedelta(minutes=2)})
    service(provider)
    statuses(3, provider)
    assert guess(provider).headers["Retry-After"] == "120"


# --- alike for everybody --------------------------------------------------------------------------


def kinds(provider: Provider) -> list[str]:
    """Ids of clients of every kind, and of one that does not exist."""
    service(provider, client_id="short")
    service(provider, client_id="long", client_secret=None)
    service(provider, client_id="other-method", token_endpoint_auth_method="client_secret_post")
    provider.client(client_id="public", token_endpoint_auth_method="none")
    service(provider, client_id="disabled")
    with provider.app.app_context():
        provider.oauth2.disable_client(provider.oauth2.get_client("disabled"))
    return ["nobody", "short", "long", "other-method", "public", "disabled"]


def test_no_answer_and_no_count_tells_whether_there_is_such_a_client(make: Make, monkeypatch: Any) -> None:
    provider = make(config=FEW)
    later(monkeypatch, 0)
    seen = set()
    ids = kinds(provider)
    for client_id in ids:
        answers = [guess(provider, client_id) for _ in range(5)]
        seen.add(tuple((a.status_code, a.text, tuple(a.headers)) for a in answers))
    assert len(seen) == 1
    assert [answer[0] for answer in seen.pop()] == [401, 401, 401, 429, 429]
    assert counts(provider) == [3] * len(ids)


def test_a_client_that_is_made_while_its_id_is_tried_changes_nothing(make: Make) -> None:
    provider = make(config=FEW)
    assert statuses(2, provider) == [401, 401]
    service(provider)
    assert statuses(2, provider) == [401, 429]


# --- addresses ------------------------------------------------------------------------------------


def from_address(provider: Provider, address: str | None, **headers: str) -> int:
    options = {"base_url": "https://localhost", "environ_base": {"REMOTE_ADDR": address}}
    data = {"grant_type": "client_credentials", "scope": "email"}
    sent = {**basic("service", "wrong"), **headers}
    return provider.api().post("/oauth/token", data=data, headers=sent, **options).status_code


@pytest.mark.parametrize(
    "same",
    [
        ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1:4711", "::ffff:c000:201"),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "[2001:db8:1:2::7]:443", "2001:db8:1:2:3:4:5:6"),
        ("", None, "", None),
    ],
)
def test_addresses_that_are_one_to_the_count(make: Make, same: tuple[str | None, ...]) -> None:
    provider = make(config=FEW_BY_ADDRESS)
    service(provider)
    assert [from_address(provider, address) for address in same] == [401, 401, 401, 429]
    for other in ("192.0.2.2", "2001:db8:1:3::1", "unknown"):
        assert from_address(provider, other) == 401


@pytest.mark.parametrize("odd", ["fe80::1%eth0", "fe80::2%eth1"])
def test_odd_addresses_of_one_network(odd: str) -> None:
    assert network(odd) == "fe80::/64"


@pytest.mark.parametrize("odd", ["unknown", "_hidden", "a:b", "[", "]", "1.2.3.4.5", "::ffff:1:2:3:4:5:6:7:8"])
def test_what_is_no_address_is_counted_as_it_is(make: Make, odd: str) -> None:
    assert network(odd) == odd


def test_a_forwarded_address_is_not_believed(make: Make) -> None:
    provider = make(config=FEW_BY_ADDRESS)
    service(provider)
    tried = [from_address(provider, "192.0.2.1", **{"X-Forwarded-For": f"198.51.100.{n}"}) for n in range(4)]
    assert tried == [401, 401, 401, 429]


def test_a_forwarded_address_is_believed_through_proxy_fix(make: Make) -> None:
    provider = make(config=FEW_BY_ADDRESS, before=lambda app: setattr(app, "wsgi_app", ProxyFix(app.wsgi_app)))
    service(provider)
    tried = [from_address(provider, "192.0.2.1", **{"X-Forwarded-For": f"198.51.100.{n}"}) for n in range(4)]
    assert tried == [401] * 4
    # What the sender wrote stands before what the proxy has added.
    forged = [f"203.0.113.{number}, 198.51.100.0" for number in range(3)]
    assert [from_address(provider, "192.0.2.1", **{"X-Forwarded-For": told}) for told in forged] == [401, 401, 429]


def test_an_address_without_tries_begins_no_counts_of_made_up_clients(make: Make) -> None:
    provider = make(config={"OAUTH2_GUESSES_PER_CLIENT": 100, "OAUTH2_GUESSES_PER_ADDRESS": 3})
    assert [guess(provider, f"made-up-{n}").status_code for n in range(10)] == [401] * 3 + [429] * 7
    assert counts(provider) == [1, 1, 1, 3]


def test_where_one_count_refuses_the_other_is_not_counted(make: Make) -> None:
    provider = make(config={"OAUTH2_GUESSES_PER_CLIENT": 2, "OAUTH2_GUESSES_PER_ADDRESS": 5})
    assert statuses(10, provider, "first") == [401] * 2 + [429] * 8
    assert statuses(3, provider, "second") == [401, 401, 429]
    assert statuses(3, provider, "third") == [401, 429, 429]


# --- telling, and cleaning up ---------------------------------------------------------------------


def test_the_log_and_the_signals_tell_the_reason(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    provider = make(config=FEW)
    told: list[dict[str, Any]] = []

    def listen(_: Any, **arguments: Any) -> None:
        told.append(arguments)

    service(provider)
    statuses(3, provider)
    with signals.client_authentication_failed.connected_to(listen, provider.app), caplog.at_level("INFO"):
        guess(provider)
    assert told == [{"client_id": "service", "detail": "too many failures (client_secret) of this client"}]
    assert "temporarily_unavailable (too many failures (client_secret) of this client)" in caplog.text
    assert "wrong" not in caplog.text


def test_counts_are_removed_when_their_window_is_over(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = make()
    service(provider)
    guess(provider)
    with provider.app.app_context():
        provider.oauth2.purge()
        assert counts(provider) == [1, 1]
        later(monkeypatch, 3602)
        provider.oauth2.purge()
    assert counts(provider) == []


def test_subjects_are_digests(make: Make) -> None:
    provider = make()
    guess(provider, "n" * 3000)
    table = provider.oauth2.models.FailureCount.__table__
    with provider.app.app_context():
        subjects = list(provider.db.session.scalars(select(table.c.subject)))
    assert len(set(subjects)) == 2
    assert all(len(subject) == 64 and set(subject) <= set("0123456789abcdef") for subject in subjects)

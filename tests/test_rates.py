"""Rates of requests: with Flask-Limiter and without, in memory and on Redis, for programs and for people."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_oauth2server import DEFAULT_FEATURES, signals
from flask_oauth2server.config import DEFAULTS
from flask_oauth2server.errors import ConfigurationError

from .support import Client, Provider

ON = {"OAUTH2_ENABLE_RATE_LIMITS": True, "TESTING": True}
ROOT = Path(__file__).parent.parent

Make = Callable[..., Provider]


def limited(make: Make, **options: Any) -> Provider:
    """A provider that admits three requests an hour; further settings come in ``config``."""
    few = dict.fromkeys(("OAUTH2_RATE_TOKEN", "OAUTH2_RATE_INTROSPECT", "OAUTH2_RATE_AUTHORIZE"), "3 per hour")
    return make(**{**options, "config": {**ON, **few, **options.get("config", {})}})


def ask(client: Client, path: str = "/oauth/token", address: str = "127.0.0.1", **headers: str) -> Any:
    """A request of *client* from an address."""
    data = {"client_id": client.client_id, "client_secret": client.secret, "token": "x"}
    data = {**data, "grant_type": "client_credentials", "scope": "email"}
    environ = {"environ_base": {"REMOTE_ADDR": address}, "base_url": "https://localhost"}
    return client.provider.api().post(path, data=data, headers=headers, **environ)


def service(provider: Provider, **values: Any) -> Client:
    values = {"redirect_uris": [], "scopes": ["email"], "token_endpoint_auth_method": "client_secret_post", **values}
    return provider.client(**values)


def statuses(number: int, *arguments: Any, **options: Any) -> list[int]:
    return [ask(*arguments, **options).status_code for _ in range(number)]


# --- programs -------------------------------------------------------------------------------------


def test_too_many_requests_are_429_as_json_with_retry_after(make: Make) -> None:
    provider = limited(make)
    client = service(provider)
    assert statuses(4, client) == [200, 200, 200, 429]
    refused = ask(client, Origin="https://page.example")
    assert refused.json == {
        "error": "temporarily_unavailable",
        "error_description": "Too many tries. Wait, and try again.",
    }
    assert 3000 <= int(refused.headers["Retry-After"]) <= 3601
    assert refused.headers["Cache-Control"] == "no-store"
    assert "Retry-After" in refused.headers["Access-Control-Expose-Headers"]
    assert statuses(3, client, address="192.0.2.1") == [200] * 3  # another address has its own


def test_client_and_address_are_counted_as_a_pair(make: Make) -> None:
    """So nobody can use up a client's allowance by its public id."""
    provider = limited(make)
    ours, other = service(provider), service(provider)
    assert statuses(4, ours, address="192.0.2.66") == [200, 200, 200, 429]
    assert statuses(3, other, address="192.0.2.66") == [200] * 3
    assert statuses(3, ours, address="192.0.2.1") == [200] * 3


def test_one_subscriber_is_one_address(make: Make) -> None:
    client = service(limited(make))
    addresses = ("2001:db8::1", "2001:db8::2", "2001:db8::3:4", "2001:db8::5")
    assert [ask(client, address=address).status_code for address in addresses] == [200, 200, 200, 429]


def test_whoever_makes_up_clients_is_counted_by_address(make: Make) -> None:
    provider = limited(make, config={"OAUTH2_RATE_ADDRESS": "5 per hour"})
    made_up = [Client(provider, f"made-up-{number}", "x" * 60, []) for number in range(8)]
    assert [ask(client, address="192.0.2.66").status_code for client in made_up] == [401] * 5 + [429] * 3
    assert ask(made_up[0], "/oauth/introspect", address="192.0.2.66").status_code == 429
    assert ask(service(provider), address="192.0.2.1").status_code == 200


def test_token_and_revocation_share_a_count_and_introspection_has_its_own(make: Make) -> None:
    client = service(limited(make))
    assert statuses(2, client) == [200, 200]
    assert statuses(2, client, "/oauth/revoke") == [200, 429]
    assert ask(client).status_code == 429
    assert statuses(4, client, "/oauth/introspect") == [200, 200, 200, 429]


def test_a_client_is_the_same_by_basic_and_in_the_body(make: Make) -> None:
    provider = limited(make)
    client = service(provider)
    assert statuses(2, client) == [200, 200]
    data = {"grant_type": "client_credentials"}
    assert provider.api().post("/oauth/token", data=data, auth=(client.client_id, client.secret)).status_code == 401
    assert ask(client).status_code == 429


@pytest.mark.parametrize(
    "broken",
    [
        {"data": b"\xff=1", "content_type": "application/x-www-form-urlencoded"},
        {"data": b"{}", "content_type": "application/json"},
        {"headers": {"Authorization": "Basic %%%"}, "data": {"grant_type": "x"}},
        {"data": {"client_id": "x" * 70000}},
    ],
)
def test_what_names_no_client_is_counted_too(make: Make, broken: dict[str, Any]) -> None:
    api = limited(make).api()
    seen = [api.post("/oauth/token", **broken).status_code for _ in range(4)]
    assert seen[0] in (400, 401, 413)
    assert seen == [seen[0]] * 3 + [429]


def test_what_is_no_request_to_the_endpoint_is_not_counted(make: Make) -> None:
    provider = limited(make)
    client, api = service(provider), provider.api()
    for _ in range(5):
        assert api.get("/oauth/token").status_code == 405
        assert api.options("/oauth/token").status_code == 204
    assert statuses(3, client) == [200] * 3


def test_several_limits_hold_at_once(make: Make) -> None:
    client = service(limited(make, config={"OAUTH2_RATE_TOKEN": "10 per second; 4 per hour"}))
    assert statuses(5, client) == [200] * 4 + [429]
    assert int(ask(client).headers["Retry-After"]) > 3000


def test_an_empty_limit_is_none(make: Make) -> None:
    client = service(limited(make, config={"OAUTH2_RATE_TOKEN": "", "OAUTH2_RATE_ADDRESS": ""}))
    assert statuses(8, client) == [200] * 8


def test_the_log_and_the_signal_tell_which_limit_it_was(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    provider = limited(make)
    client = service(provider)
    told: list[str] = []

    def listen(_: Any, detail: str, **__: Any) -> None:
        told.append(detail)

    with signals.request_refused.connected_to(listen, provider.app), caplog.at_level("INFO"):
        statuses(4, client)
    assert told == ["more than 3 per 1 hour (token)"]
    assert "oauth2server.access_token refused: temporarily_unavailable (more than 3 per 1 hour (token))" in caplog.text
    assert client.client_id not in caplog.text
    assert client.secret not in caplog.text


# --- people ---------------------------------------------------------------------------------------


def test_authorize_and_consent_share_a_count_by_person_and_answer_a_page(make: Make) -> None:
    provider = limited(make)
    client, ada, bob = provider.client(), provider.browser("ada"), provider.browser("bob")
    page = ada.visit(client.address())
    assert ada.answer(page, "no").status_code == 303
    assert ada.visit(client.address()).status_code == 200
    refused = ada.visit(client.address())
    assert (refused.status_code, refused.mimetype) == (429, "text/html")
    assert "Too many tries" in refused.text
    assert 3000 <= int(refused.headers["Retry-After"]) <= 3601
    assert "frame-ancestors 'none'" in refused.headers["Content-Security-Policy"]
    assert "Location" not in refused.headers
    assert bob.visit(client.address()).status_code == 200


def test_who_is_not_signed_in_is_counted_by_address(make: Make) -> None:
    provider = limited(make)
    client = provider.client()
    seen = [provider.browser().visit(client.address()).status_code for _ in range(4)]
    assert seen == [302, 302, 302, 429]
    assert provider.browser("ada").visit(client.address()).status_code == 200


def test_the_database_is_not_asked_who_it_is(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = limited(make)
    client, ada = provider.client(), provider.browser("ada")
    for _ in range(3):
        ada.visit(client.address())
    asked: list[Any] = []
    provider.app.login_manager.user_loader(lambda key: asked.append(key))
    signals.request_refused.connect(lambda *_, **__: asked.append("refused"), provider.app, weak=False)
    assert ada.visit(client.address()).status_code == 429
    assert asked[0] == "refused"  # the page may ask for the name of the person afterwards


def things(server: Any) -> None:
    server.add_route(
        "/things", "things", lambda: "made", page=True, methods=("GET", "POST"), checks_csrf=True, rate="create"
    )


def test_only_what_makes_something_is_counted_as_such_and_by_person_alone(make: Make) -> None:
    feature = SimpleNamespace(__name__="things", init_app=things)
    provider = limited(make, features=[*DEFAULT_FEATURES, feature], config={"OAUTH2_RATE_CREATE": "2 per hour"})
    ada, elsewhere, bob = provider.browser("ada"), provider.browser("ada"), provider.browser("bob")
    elsewhere.http.environ_base["REMOTE_ADDR"] = "192.0.2.1"

    def post(browser: Any) -> int:
        return browser.http.post("/oauth/things", base_url="https://localhost").status_code

    for browser in (ada, elsewhere, bob):
        browser.http.post("/login", data={"name": "bob" if browser is bob else "ada"}, base_url="https://localhost")
    assert [ada.http.get("/oauth/things").status_code for _ in range(5)] == [200] * 5
    assert [post(ada), post(elsewhere), post(ada), post(elsewhere)] == [200, 200, 429, 429]
    assert post(bob) == 200
    strangers = [post(provider.browser()) for _ in range(3)]
    assert strangers == [200, 200, 429]


def test_a_rate_of_ones_own_needs_a_setting(make: Make) -> None:
    def init_app(server: Any) -> None:
        server.add_route("/own", "own", lambda: "", page=False, rate="own")

    with pytest.raises(ConfigurationError, match="needs a setting OAUTH2_RATE_OWN"):
        make(config=ON, features=[*DEFAULT_FEATURES, SimpleNamespace(__name__="own", init_app=init_app)])
    feature = SimpleNamespace(__name__="own", init_app=init_app, DEFAULTS={"OAUTH2_RATE_OWN": "1 per minute"})
    api = make(config=ON, features=[*DEFAULT_FEATURES, feature]).api()
    assert [api.get("/oauth/own").status_code for _ in range(2)] == [200, 429]


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [key for key in DEFAULTS if key.startswith("OAUTH2_RATE_") and DEFAULTS[key]])
@pytest.mark.parametrize(
    "limit", ["often", "10", "10 per fortnight", "-1 per minute", "0 per minute", "1/minute;", ";"]
)
def test_a_limit_that_is_not_understood_fails_at_start_up(make: Make, key: str, limit: str) -> None:
    feature = SimpleNamespace(__name__="things", init_app=things)
    with pytest.raises(ConfigurationError, match=f"{key} must be limits such as '600 per minute'"):
        make(config={**ON, key: limit}, features=[*DEFAULT_FEATURES, feature])


@pytest.mark.parametrize("uri", ["nonsense", "bogus://127.0.0.1", "redis://127.0.0.1:port/0"])
def test_a_storage_that_is_not_understood_fails_at_start_up(make: Make, uri: str) -> None:
    with pytest.raises(ConfigurationError, match="OAUTH2_RATE_STORAGE_URI or RATELIMIT_STORAGE_URI cannot be used"):
        make(config={**ON, "OAUTH2_RATE_STORAGE_URI": uri})


def test_counting_in_memory_is_told_once(make: Make, caplog: pytest.LogCaptureFixture, redis: dict[str, Any]) -> None:
    def told(**config: Any) -> int:
        caplog.clear()
        make(config={"OAUTH2_ENABLE_RATE_LIMITS": True, **config})
        lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert all("Set OAUTH2_RATE_STORAGE_URI, as in 'redis://" in line for line in lines)
        return len(lines)

    assert told() == 1
    assert told(TESTING=True) == told(DEBUG=True) == told(OAUTH2_ENABLE_RATE_LIMITS=False) == 0
    assert told(RATELIMIT_STORAGE_URI=redis["OAUTH2_RATE_STORAGE_URI"]) == 0
    assert told(**redis) == 0


# --- a host that has a Limiter, proxies, several apps ---------------------------------------------


def with_limiter(app: Flask) -> None:
    app.add_url_rule("/own", "own", lambda: "own")
    Limiter(get_remote_address, app=app, storage_uri="memory://", default_limits=["4 per minute"])


def test_the_settings_of_a_limiter_of_the_host_are_not_ours(make: Make) -> None:
    theirs = {"RATELIMIT_DEFAULT": "1 per hour", "RATELIMIT_APPLICATION": "1 per hour", "RATELIMIT_META": "1 per hour"}
    theirs |= {"RATELIMIT_ENABLED": False, "RATELIMIT_KEY_PREFIX": "theirs", "RATELIMIT_STRATEGY": "moving-window"}
    provider = limited(make, config=theirs)
    assert statuses(4, service(provider)) == [200, 200, 200, 429]
    assert {key: provider.app.config[key] for key in theirs} == theirs
    assert "limiter" not in provider.app.extensions


def test_a_limiter_of_the_host_counts_its_own_once(make: Make) -> None:
    provider = limited(make, before=with_limiter, config={"OAUTH2_RATE_TOKEN": "100 per minute"})
    api = provider.api()
    assert [api.get("/own").status_code for _ in range(5)] == [200] * 4 + [429]
    client = service(provider)
    assert statuses(5, client) == [200] * 4 + [429]  # its default, which is for all views of the app
    (hosts,) = provider.app.extensions["limiter"]
    hosts.exempt(provider.app.blueprints["oauth2server"])
    assert statuses(5, client) == [200] * 5


def test_both_may_count_the_same_request(make: Make) -> None:
    provider = limited(make, before=with_limiter)
    assert statuses(4, service(provider)) == [200, 200, 200, 429]


def test_a_forwarded_address_is_not_believed(make: Make) -> None:
    client = service(limited(make))
    tried = [ask(client, **{"X-Forwarded-For": f"198.51.100.{number}"}).status_code for number in range(4)]
    assert tried == [200, 200, 200, 429]


def test_a_forwarded_address_is_believed_through_proxy_fix(make: Make) -> None:
    client = service(limited(make, before=lambda app: setattr(app, "wsgi_app", ProxyFix(app.wsgi_app))))
    tried = [ask(client, **{"X-Forwarded-For": f"198.51.100.{number}"}).status_code for number in range(4)]
    assert tried == [200] * 4
    forged = [ask(client, **{"X-Forwarded-For": f"203.0.113.{n}, 198.51.100.0"}).status_code for n in range(3)]
    assert forged == [200, 200, 429]


def test_two_apps_of_one_process_count_apart(make: Make) -> None:
    first, second = limited(make), limited(make, config={"OAUTH2_RATE_TOKEN": "1 per minute"})
    one, other = service(first), service(second, client_id="x")
    assert statuses(4, one) == [200, 200, 200, 429]
    assert statuses(2, other) == [200, 429]


# --- Redis ----------------------------------------------------------------------------------------


def test_processes_share_a_count_on_redis_and_providers_do_not(make: Make, redis: dict[str, Any]) -> None:
    first, second = limited(make, config=redis), limited(make, config=redis)
    third = limited(make, config={**redis, "OAUTH2_ISSUER": f"{redis['OAUTH2_ISSUER']}/second"})
    same = [service(provider, client_id="same") for provider in (first, second, third)]
    assert [ask(client).status_code for client in same * 2] == [200, 200, 200, 200, 429, 200]


def test_the_storage_of_the_host_is_used(
    make: Make, redis: dict[str, Any], redis_keys: Callable[[], list[str]]
) -> None:
    uri = redis.pop("OAUTH2_RATE_STORAGE_URI")
    provider = limited(make, config={**redis, "RATELIMIT_STORAGE_URI": uri, "RATELIMIT_KEY_PREFIX": "theirs"})
    client = service(provider)
    assert statuses(4, client) == [200, 200, 200, 429]
    keys = redis_keys()
    assert len(keys) == 2  # the pair, and the address
    assert not any(client.client_id in key or "127.0.0.1" in key for key in keys)


def test_without_its_storage_requests_are_counted_in_memory(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    nobody = "redis://127.0.0.1:1/0"
    client = service(limited(make, config={"OAUTH2_RATE_STORAGE_URI": nobody}))
    assert statuses(4, client) == [200, 200, 200, 429]
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert lines == ["Rate limit storage unreachable - falling back to in-memory storage"]


def test_a_storage_that_is_lost_between_count_and_answer(
    make: Make, redis: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = limited(make, config=redis)
    client = service(provider)
    statuses(3, client)
    storage = provider.app.extensions["oauth2server"].rates._limiter.storage

    def lost(_: str) -> float:
        raise storage.dependency.ConnectionError("lost")

    monkeypatch.setattr(storage, "get_expiry", lost)
    refused = ask(client)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3600")


# --- without Flask-Limiter ------------------------------------------------------------------------

SCRIPT = """
import sys
{before}
from tests.support import build
provider = build("sqlite:///{path}", config={{"OAUTH2_ENABLE_RATE_LIMITS": {on}, "OAUTH2_RATE_TOKEN": "1 per minute"}})
client = provider.client(redirect_uris=[], scopes=["email"])
asked = [client.post("/oauth/token", grant_type="client_credentials", scope="email") for _ in range(3)]
print([answer.status_code for answer in asked], [name for name in ("flask_limiter", "limits") if sys.modules.get(name)])
"""


@pytest.mark.parametrize(
    ("before", "on", "printed"),
    [
        ("sys.modules['flask_limiter'] = None", True, "[200, 200, 200] []"),
        ("", False, "[200, 200, 200] []"),
        ("", True, "[200, 429, 429] ['flask_limiter', 'limits']"),
    ],
    ids=["not installed", "switched off", "switched on"],
)
def test_it_is_imported_only_where_it_is_installed_and_on(tmp_path: Path, before: str, on: bool, printed: str) -> None:
    script = SCRIPT.format(before=before, path=tmp_path / "x.sqlite", on=on)
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, printed), done.stderr

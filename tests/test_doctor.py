"""The doctor: each check finds what it looks for, and is silent where all is well."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from flask_oauth2server import clock
from flask_oauth2server.doctor import CHECKS, network, reach
from flask_oauth2server.doctor.network import Answer, Unreachable
from flask_oauth2server.doctor.patient import Patient

from .conftest import REDIS, close
from .support import Provider, build, serving
from .test_docs import DOCS, literals, table_rows

KEY = "0123456789abcdef" * 4
#: An app as it should be.
WELL: dict[str, Any] = {
    "SECRET_KEY": KEY,
    "OAUTH2_AUDIT_KEY": KEY,
    "OAUTH2_ENABLE_RATE_LIMITS": True,
    "OAUTH2_RATE_STORAGE_URI": "redis://127.0.0.1:6379/5",
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "REMEMBER_COOKIE_SECURE": True,
    "REMEMBER_COOKIE_SAMESITE": "Lax",
}


@pytest.fixture(scope="module", autouse=True)
def pages() -> Iterator[None]:
    """All pages are served."""
    with serving(admin=True):
        yield


def foreign_keys_on(provider: Provider) -> None:
    with provider.app.app_context():
        event.listen(provider.db.engine, "connect", lambda c, _: c.execute("PRAGMA foreign_keys=ON"))
        provider.db.engine.dispose()


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """A provider of which there is nothing to say. Tests leave it as it is."""
    provider = build(f"sqlite:///{tmp_path_factory.mktemp('doctor')}/provider.sqlite", config=WELL)
    foreign_keys_on(provider)
    provider.oauth2.admin_required(lambda _: False)
    yield provider
    close(provider)


@pytest.fixture
def patient(healthy: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Patient]:
    """It under examination; no worker is told of."""
    for name in ("WEB_CONCURRENCY", "GUNICORN_CMD_ARGS"):
        monkeypatch.delenv(name, raising=False)
    with healthy.app.app_context():
        yield Patient(healthy.app, healthy.app.extensions["oauth2server"])
        healthy.db.session.rollback()


FIND = {check.name: check.find for check in CHECKS}


def configured(patient: Patient, config: dict[str, Any]) -> Patient:
    """The same with other settings."""
    other = Patient(patient.app, patient.server)
    other.settings = {**patient.settings, **config}
    other.config = {**patient.config, **config}
    return other


def levels(patient: Patient, check: str) -> list[str]:
    return [symptom.level for symptom in FIND[check](patient)]


def told(patient: Patient, check: str) -> str:
    """All that a check says."""
    return " ".join(f"{symptom.fact} {symptom.remedy}" for symptom in FIND[check](patient))


# --- settings -------------------------------------------------------------------------------------


class Sick(NamedTuple):
    """A setting that a check must find: how bad it is, and the line that mends it."""

    check: str
    config: dict[str, Any]
    level: str
    mends: str


SICK = [
    Sick("issuer", {"OAUTH2_ISSUER": None}, "bad", 'OAUTH2_ISSUER = "https://'),
    Sick("issuer", {"OAUTH2_ISSUER": None, "DEBUG": True}, "note", 'OAUTH2_ISSUER = "https://'),
    Sick("issuer", {"OAUTH2_ISSUER": "http://127.0.0.1:5000"}, "warn", 'OAUTH2_ISSUER = "https://'),
    Sick("issuer", {"OAUTH2_ISSUER": "https://shop.example/"}, "warn", 'OAUTH2_ISSUER = "https://shop.example"'),
    Sick("well_known", {"OAUTH2_ISSUER": "https://shop.example/login"}, "warn", "DEFAULT_FEATURES"),
    Sick("running_mode", {"DEBUG": True}, "bad", "--debug"),
    Sick("running_mode", {"TESTING": True}, "bad", "TESTING = False"),
    Sick("running_mode", {"DEBUG": True, "OAUTH2_ISSUER": "http://localhost:5000"}, "note", "--debug"),
    Sick("secret_key", {"SECRET_KEY": "dev"}, "bad", "secrets.token_hex()"),
    Sick("secret_key", {"SECRET_KEY": b"A long random value"}, "bad", "secrets.token_hex()"),
    Sick("secret_key", {"SECRET_KEY": "x" * 64}, "bad", "secrets.token_hex()"),
    Sick("secret_key", {"SECRET_KEY": KEY[:20]}, "warn", "SECRET_KEY_FALLBACKS = ["),
    Sick("secret_key_fallbacks", {"SECRET_KEY_FALLBACKS": [KEY, "changeme"]}, "bad", "SECRET_KEY_FALLBACKS = []"),
    Sick("secret_key_fallbacks", {"SECRET_KEY_FALLBACKS": [KEY] * 3}, "note", "SECRET_KEY_FALLBACKS = ["),
    Sick("cookies", {"SESSION_COOKIE_SECURE": False}, "warn", "SESSION_COOKIE_SECURE = True"),
    Sick("cookies", {"REMEMBER_COOKIE_SECURE": False}, "warn", "REMEMBER_COOKIE_SECURE = True"),
    Sick("cookies", {"SESSION_COOKIE_HTTPONLY": False}, "warn", "SESSION_COOKIE_HTTPONLY = True"),
    Sick("cookies", {"REMEMBER_COOKIE_HTTPONLY": False}, "warn", "REMEMBER_COOKIE_HTTPONLY = True"),
    Sick("cookies", {"SESSION_COOKIE_SAMESITE": "None"}, "warn", 'SESSION_COOKIE_SAMESITE = "Lax"'),
    Sick("cookies", {"SESSION_COOKIE_SAMESITE": "Strict"}, "warn", 'SESSION_COOKIE_SAMESITE = "Lax"'),
    Sick("cookies", {"SESSION_COOKIE_DOMAIN": "shop.example"}, "note", "SESSION_COOKIE_DOMAIN = None"),
    Sick("rate_limits", {"OAUTH2_ENABLE_RATE_LIMITS": False}, "warn", "OAUTH2_ENABLE_RATE_LIMITS = True"),
    Sick("rate_limits", {"OAUTH2_RATE_TOKEN": ""}, "note", 'OAUTH2_RATE_TOKEN = "'),
    Sick("rate_storage", {"OAUTH2_RATE_STORAGE_URI": None}, "note", 'OAUTH2_RATE_STORAGE_URI = "redis://'),
    Sick("guesses", {"OAUTH2_GUESSES_PER_CLIENT": 0}, "warn", "OAUTH2_GUESSES_PER_CLIENT = 100"),
    Sick("guesses", {"OAUTH2_GUESSES_PER_ADDRESS": 0}, "warn", "OAUTH2_GUESSES_PER_ADDRESS = 20"),
    Sick("insecure_transport", {"OAUTH2_ALLOW_INSECURE_TRANSPORT": True}, "bad", "INSECURE_TRANSPORT = False"),
    Sick("oauthlib_debug", {"OAUTH2_OAUTHLIB_DEBUG": True}, "bad", "OAUTH2_OAUTHLIB_DEBUG = False"),
    Sick("query_token", {"OAUTH2_ENABLE_QUERY_TOKEN": True}, "warn", "OAUTH2_ENABLE_QUERY_TOKEN = False"),
    Sick("implicit", {"OAUTH2_ENABLE_IMPLICIT": True}, "warn", "OAUTH2_ENABLE_IMPLICIT = False"),
    Sick("unverified_errors", {"OAUTH2_CONFIRM_UNVERIFIED_ERRORS": False}, "warn", "UNVERIFIED_ERRORS = True"),
    Sick("lifetimes", {"OAUTH2_CODE_EXPIRES_IN": 601}, "warn", "OAUTH2_CODE_EXPIRES_IN = 600"),
    Sick("lifetimes", {"OAUTH2_PROVIDER_TOKEN_EXPIRES_IN": 10**6}, "warn", "TOKEN_EXPIRES_IN = 86400"),
    Sick("refresh_grace", {"OAUTH2_REFRESH_GRACE": 61}, "warn", "OAUTH2_REFRESH_GRACE = 60"),
    Sick("loopback_hosts", {"OAUTH2_LOOPBACK_HOSTS": ["pc.example"]}, "warn", 'OAUTH2_LOOPBACK_HOSTS = ["localhost"]'),
    Sick("csp_sources", {"OAUTH2_CSP_SOURCES": {"script-src": "'unsafe-inline'"}}, "warn", "OAUTH2_CSP_SOURCES = {"),
    Sick("audit_key", {"OAUTH2_AUDIT_KEY": None}, "note", "OAUTH2_AUDIT_KEY = "),
    Sick("audit_key", {"OAUTH2_AUDIT_KEY": "short"}, "warn", "openssl rand -hex 32"),
    Sick("metrics_token", {"OAUTH2_ENABLE_METRICS": True, "OAUTH2_METRICS_TOKEN": "short"}, "warn", "openssl rand"),
]


@pytest.mark.parametrize("sick", SICK, ids=lambda sick: f"{sick.check}-{'-'.join(sick.config)}")
def test_a_setting_that_is_weak_is_found_with_the_line_that_mends_it(patient: Patient, sick: Sick) -> None:
    assert levels(patient, sick.check) == []
    ill = configured(patient, sick.config)
    assert levels(ill, sick.check) == [sick.level]
    assert sick.mends in told(ill, sick.check)


NOT_SICK = [
    ("well_known", {"OAUTH2_ISSUER": "https://provider.example/"}),
    ("cookies", {"OAUTH2_ISSUER": "http://127.0.0.1:5000", "SESSION_COOKIE_SECURE": False}),
    ("rate_storage", {"OAUTH2_RATE_STORAGE_URI": None, "RATELIMIT_STORAGE_URI": "memcached://127.0.0.1"}),
    ("rate_storage", {"OAUTH2_RATE_STORAGE_URI": None, "OAUTH2_ISSUER": "http://127.0.0.1:5000"}),
    ("loopback_hosts", {"OAUTH2_LOOPBACK_HOSTS": ["localhost", "app.localhost"]}),
    ("csp_sources", {"OAUTH2_CSP_SOURCES": {"style-src": "'unsafe-inline'", "script-src": "https://cdn.example"}}),
    ("metrics_token", {"OAUTH2_ENABLE_METRICS": True, "OAUTH2_METRICS_TOKEN": ""}),
    ("metrics_token", {"OAUTH2_ENABLE_METRICS": True, "OAUTH2_METRICS_TOKEN": KEY}),
]


@pytest.mark.parametrize(("check", "config"), NOT_SICK)
def test_what_only_looks_weak_is_not_told(patient: Patient, check: str, config: dict[str, Any]) -> None:
    assert levels(configured(patient, config), check) == []


@pytest.mark.parametrize(
    ("variable", "value", "workers"),
    [
        ("WEB_CONCURRENCY", "4", 4),
        ("GUNICORN_CMD_ARGS", "--bind=0.0.0.0 --workers=3", 3),
        ("GUNICORN_CMD_ARGS", "-w 2 --threads 8", 2),
        ("GUNICORN_CMD_ARGS", "--worker-class gthread", None),
        ("GUNICORN_CMD_ARGS", "'unclosed", None),
        ("WEB_CONCURRENCY", "many", None),
    ],
)
def test_workers_are_told_by_the_environment(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, workers: int | None
) -> None:
    monkeypatch.setenv(variable, value)
    assert patient.workers == workers


def test_limits_in_the_memory_of_several_workers(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    patient.settings = {**patient.settings, "OAUTH2_RATE_STORAGE_URI": None}
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    assert levels(patient, "rate_storage") == ["bad"]
    assert "With 4 workers a guesser gets 4 times the tries." in told(patient, "rate_storage")


@pytest.mark.parametrize(
    ("seconds", "workers", "found"), [(61, "4", ["warn"]), (60, "4", ["note"]), (0, "4", []), (60, "1", [])]
)
def test_a_token_cache_in_the_memory_of_several_workers(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, seconds: int, workers: str, found: list[str]
) -> None:
    patient.settings = {**patient.settings, "OAUTH2_TOKEN_CACHE": seconds}
    monkeypatch.setenv("WEB_CONCURRENCY", workers)
    assert levels(patient, "token_cache") == found
    assert not found or 'OAUTH2_TOKEN_CACHE_URL = "redis://' in told(patient, "token_cache")


def test_a_token_cache_whose_redis_is_not_there(make: Callable[..., Provider], redis_issuer: str) -> None:
    for url, found in ((REDIS, []), ("redis://127.0.0.1:1/0", ["warn"])):
        provider = make(config={"OAUTH2_TOKEN_CACHE": 60, "OAUTH2_TOKEN_CACHE_URL": url})
        patient = Patient(provider.app, provider.app.extensions["oauth2server"])
        with provider.app.app_context():
            assert levels(patient, "token_cache") == found
            assert not found or "OAUTH2_TOKEN_CACHE_URL" in told(patient, "token_cache")
        patient.server.token_push.close()


def test_one_worker_counts_in_its_memory(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    patient.settings = {**patient.settings, "OAUTH2_RATE_STORAGE_URI": None}
    monkeypatch.setenv("WEB_CONCURRENCY", "1")
    assert levels(patient, "rate_storage") == []


def test_flask_limiter_is_not_installed(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert levels(patient, "rate_limits") == ["warn"]
    assert "pip install" in told(patient, "rate_limits")
    assert levels(patient, "rate_storage") == []


def test_an_app_that_is_mounted_below_the_root(patient: Patient) -> None:
    patient.config = {**patient.config, "APPLICATION_ROOT": "/provider"}
    assert levels(patient, "well_known") == ["note"]
    assert "location = /.well-known/oauth-authorization-server" in told(patient, "well_known")


def test_the_bare_start(patient: Patient) -> None:
    patient.server = SimpleNamespace(development=True)  # type: ignore[assignment]
    assert levels(patient, "running_mode") == ["bad"]
    patient.config = {**patient.config, "SECRET_KEY": "dev"}
    assert levels(patient, "secret_key") == ["note"]


# --- people ---------------------------------------------------------------------------------------


def test_nobody_can_sign_in(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert levels(patient, "login_manager") == []
    monkeypatch.setattr(patient.server, "login_manager", None)
    assert levels(patient, "login_manager") == ["bad"]
    monkeypatch.setattr(patient.server, "response_types", {})
    assert levels(patient, "login_manager") == ["note"]


def test_nobody_is_an_administrator(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert levels(patient, "administrators") == []
    monkeypatch.setattr(patient.server, "hooks", {})
    assert levels(patient, "administrators") == ["note"]
    assert "@oauth2.admin_required" in told(patient, "administrators")
    with monkeypatch.context() as patched:
        patched.setattr(patient.server.storage.users.user_model, "is_admin", True, raising=False)
        assert levels(patient, "administrators") == []
    monkeypatch.setattr(patient.server.subjects, "all_are_administrators", True)
    assert levels(patient, "administrators") == []


def test_a_column_to_search_people_by_without_an_index(patient: Patient) -> None:
    assert levels(patient, "user_search") == []  # name is unique, the other columns are not there
    patient.settings = {**patient.settings, "OAUTH2_USER_SEARCH_COLUMNS": ["name", "is_active"]}
    assert levels(patient, "user_search") == ["note"]
    assert "index=True" in told(patient, "user_search")


def test_get_id_that_names_nobody_any_more(make: Callable[..., Provider]) -> None:
    provider = make(user_model=False)
    provider.client().tokens(provider.browser("ada"))
    with provider.app.app_context():
        patient = Patient(provider.app, provider.app.extensions["oauth2server"])
        assert levels(patient, "user_keys") == []
        provider.db.session.execute(text("UPDATE oauth2_authorization SET user_id = 'a-session-token'"))
        assert levels(patient, "user_keys") == ["warn"]  # the host's loader raises ValueError
        assert "user_model=User" in told(patient, "user_keys")


def test_get_id_that_is_a_session_token(make: Callable[..., Provider], monkeypatch: pytest.MonkeyPatch) -> None:
    provider = make(user_model=False)
    monkeypatch.setattr(provider.User, "fs_uniquifier", "x", raising=False)
    with provider.app.app_context():
        patient = Patient(provider.app, provider.app.extensions["oauth2server"])
        assert levels(patient, "user_keys") == ["warn"]
        assert "fs_uniquifier" in told(patient, "user_keys")


# --- the database ---------------------------------------------------------------------------------


@pytest.fixture
def well(make: Callable[..., Provider], monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A provider of which there is nothing to say, inside its context; tests may change it."""
    for name in ("WEB_CONCURRENCY", "GUNICORN_CMD_ARGS"):
        monkeypatch.delenv(name, raising=False)
    provider = make(config=WELL)
    foreign_keys_on(provider)
    with provider.app.app_context():
        yield provider
        provider.db.session.rollback()


def examined(provider: Provider) -> Patient:
    return Patient(provider.app, provider.app.extensions["oauth2server"])


def say(provider: Provider, *statements: str) -> None:
    for statement in statements:
        provider.db.session.execute(text(statement))


def later(monkeypatch: pytest.MonkeyPatch, after: timedelta) -> None:
    now = clock.timestamp()
    monkeypatch.setattr(clock, "timestamp", lambda: now + after.total_seconds())


DATABASE: dict[str, tuple[list[str], str, str]] = {
    "tables": (["ALTER TABLE oauth2_client DROP COLUMN verified_at"], "bad", "flask oauth2 init-db"),
    "indexes": (["DROP INDEX ix_oauth2_token_purge_at"], "warn", "`ix_oauth2_token_purge_at`"),
    "engine": (["PRAGMA foreign_keys=OFF"], "warn", "PRAGMA foreign_keys=ON"),
}


@pytest.mark.parametrize("check", DATABASE)
def test_a_database_that_is_not_as_it_should_be(well: Provider, check: str) -> None:
    statements, level, mends = DATABASE[check]
    assert levels(examined(well), check) == []
    say(well, *statements)
    assert levels(examined(well), check) == [level]
    assert mends in told(examined(well), check)


def test_a_database_that_does_not_answer(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert levels(patient, "database") == []

    def fail() -> None:
        raise OperationalError("SELECT", {}, Exception("no such host"))

    monkeypatch.setattr(patient.storage, "clock", fail)
    assert levels(patient, "database") == ["bad"]
    assert "no such host" in told(patient, "database")
    overview = patient.server.doctor.overview()  # the other questions are not asked: they would say the same
    assert [finding.check for finding in overview.findings] == ["database"]
    assert overview.passed == len([check for check in CHECKS if not check.database and not check.network])


def test_clocks_that_are_apart(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert levels(patient, "database_clock") == []
    later(monkeypatch, timedelta(seconds=-90))
    assert levels(patient, "database_clock") == ["warn"]


def test_sqlite_and_several_workers(well: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "2")
    assert levels(examined(well), "engine") == ["note"]
    say(well, "PRAGMA journal_mode=WAL")
    assert levels(examined(well), "engine") == []


def test_rows_that_nobody_removes(well: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    well.client().tokens(well.browser("ada"))
    assert levels(examined(well), "unpurged") == []
    later(monkeypatch, timedelta(days=500))
    assert levels(examined(well), "unpurged") == ["warn"]
    patient = examined(well)
    patient.settings = {**patient.settings, "OAUTH2_PURGE_INTERVAL": 0}
    assert "OAUTH2_PURGE_INTERVAL = 300" in told(patient, "unpurged")
    well.oauth2.purge()
    assert levels(examined(well), "unpurged") == []


def test_events_that_nobody_seals(well: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    well.client()
    say(well, "UPDATE oauth2_audit_event SET seal = NULL")
    assert levels(examined(well), "unsealed") == []
    later(monkeypatch, timedelta(hours=2))
    assert levels(examined(well), "unsealed") == ["warn"]
    say(well, "UPDATE oauth2_audit_event SET seal = 1")
    assert levels(examined(well), "unsealed") == []


def test_nothing_is_wrong_on_any_database(any_provider: Provider) -> None:
    with any_provider.app.app_context():
        if any_provider.db.engine.name == "sqlite":
            foreign_keys_on(any_provider)
        overview = any_provider.app.extensions["oauth2server"].doctor.run(network=False)
        names = {check.name for check in CHECKS if check.database}
        found = [finding.check for finding in overview.findings if finding.check in names]
        # The name of the tests' users has an index, but none that finds by a beginning.
        is_postgresql = any_provider.db.engine.name == "postgresql"
        assert found == (["user_search"] if is_postgresql else [])
        if is_postgresql:
            say(any_provider, "CREATE INDEX ix_name ON test_user (name varchar_pattern_ops)")
            assert levels(examined(any_provider), "user_search") == []
            any_provider.db.session.rollback()


@pytest.fixture
def mariadb(database_urls: Callable[[str], str]) -> Iterator[Provider]:
    provider = build(database_urls("mariadb"))
    with provider.app.app_context():
        yield provider
        provider.db.session.rollback()
    close(provider)


def test_tables_without_transactions_and_a_server_that_cuts(mariadb: Provider) -> None:
    say(mariadb, "ALTER TABLE oauth2_doctor_report ENGINE=MyISAM", "SET SESSION sql_mode = ''", "SET NAMES latin1")
    try:
        said = told(examined(mariadb), "engine")
        assert levels(examined(mariadb), "engine") == ["bad", "warn", "bad"]
    finally:
        say(mariadb, "ALTER TABLE oauth2_doctor_report ENGINE=InnoDB")
        mariadb.db.session.connection().invalidate()
    assert "ALTER TABLE oauth2_doctor_report ENGINE=InnoDB" in said
    assert "?charset=utf8mb4" in said and "sql_mode = STRICT_TRANS_TABLES" in said


def test_transactions_that_are_off(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient.storage, "isolation", lambda: "AUTOCOMMIT")
    assert levels(patient, "engine") == ["bad"]


def test_a_database_in_memory(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(patient.storage), "is_in_memory", lambda _: True)
    assert levels(patient, "engine") == ["warn"]


# --- clients --------------------------------------------------------------------------------------


def redirect_to(provider: Provider, uri: str, **values: Any) -> None:
    """A client with a redirect URI that could not be registered today."""
    client = provider.client(client_id="risky", **values)
    model = provider.oauth2.get_client(client.client_id)
    model.client_metadata = {**model.client_metadata, "redirect_uris": [uri]}
    provider.db.session.flush()


def unchecked(provider: Provider) -> None:
    provider.client(client_id="risky", first_party=True)
    say(provider, "UPDATE oauth2_client SET verified = 0 WHERE client_id = 'risky'")


def expire(provider: Provider, after: timedelta, client_id: str = "risky") -> None:
    """The secrets of a client end after a time, which may be over."""
    model, ends_at = provider.oauth2.get_client(client_id), clock.now() + after
    for secret in provider.oauth2.list_secrets(model):
        secret.expires_at = ends_at
    provider.db.session.flush()


def expired(provider: Provider) -> None:
    provider.client(client_id="risky")
    expire(provider, timedelta(seconds=-1))


def about_to_expire(provider: Provider) -> None:
    provider.client(client_id="risky")
    expire(provider, timedelta(days=3))


def rotated(provider: Provider) -> None:
    about_to_expire(provider)
    provider.oauth2.rotate_secret(provider.oauth2.get_client("risky"))


def old(provider: Provider) -> None:
    provider.client(client_id="risky")
    say(provider, "UPDATE oauth2_client SET created_at = '2001-01-01 00:00:00' WHERE client_id = 'risky'")
    say(provider, "DELETE FROM oauth2_daily_count")


def without_terms(provider: Provider) -> None:
    provider.client(client_id="risky")
    say(provider, "DELETE FROM oauth2_client_term")


class Risk(NamedTuple):
    """What makes a client risky, how bad that is, and the command that mends it."""

    check: str
    make: Callable[[Provider], Any]
    level: str
    mends: str


RISKS = [
    Risk(
        "http_redirects", lambda p: redirect_to(p, "http://shop.example/cb"), "bad", "client edit risky --redirect-uri"
    ),
    Risk("shared_redirects", lambda p: redirect_to(p, "https://*.shop.example/cb"), "bad", "client edit risky"),
    Risk("shared_redirects", lambda p: redirect_to(p, "https://a.ngrok.io/cb"), "warn", "client edit risky"),
    Risk("local_redirects", lambda p: redirect_to(p, "http://localhost:8080/cb"), "warn", "client edit risky"),
    Risk("pkce_off", lambda p: p.client(client_id="risky", require_pkce=False), "warn", "risky --require-pkce"),
    Risk("unchecked_first_party", unchecked, "warn", "risky --verified"),
    Risk("expired_secrets", expired, "bad", "client rotate-secret risky"),
    Risk("expiring_secrets", about_to_expire, "warn", "client rotate-secret risky"),
    Risk("expiring_secrets", rotated, "note", "client show risky"),
    Risk("short_secrets", lambda p: p.client(client_id="risky", client_secret="a word"), "warn", "rotate-secret risky"),
    Risk("never_used", old, "note", "client disable risky"),
    Risk("search_terms", without_terms, "note", "flask oauth2 init-db"),
]


@pytest.mark.parametrize("risk", RISKS, ids=lambda risk: f"{risk.check}-{risk.level}")
def test_a_client_at_risk_is_found_with_the_command_that_mends_it(well: Provider, risk: Risk) -> None:
    well.client(client_id="sound")
    assert levels(examined(well), risk.check) == []
    risk.make(well)
    assert levels(examined(well), risk.check) == [risk.level]
    said = told(examined(well), risk.check)
    assert risk.mends in said
    if risk.check != "search_terms":
        assert "sound" not in said
        well.oauth2.disable_client(well.oauth2.get_client("risky"))
        assert levels(examined(well), risk.check) == []  # nobody is in danger any more


@pytest.mark.parametrize(
    ("check", "make_one"),
    [
        ("http_redirects", lambda p: redirect_to(p, "http://127.0.0.1/cb", token_endpoint_auth_method="none")),
        ("local_redirects", lambda p: redirect_to(p, "http://localhost/cb", token_endpoint_auth_method="none")),
        ("local_redirects", lambda p: redirect_to(p, "http://localhost/cb", application_type="native")),
        ("shared_redirects", lambda p: redirect_to(p, "https://notngrok.io/cb")),
        ("expired_secrets", rotated),
        ("short_secrets", lambda p: p.client(client_secret="a" * 43)),
    ],
)
def test_a_client_that_only_looks_risky(well: Provider, check: str, make_one: Callable[[Provider], Any]) -> None:
    make_one(well)
    assert levels(examined(well), check) == []


@pytest.mark.parametrize(
    "trace",
    [
        "UPDATE oauth2_client_secret SET last_used_at = '2001-02-01 00:00:00'",
        "INSERT INTO oauth2_daily_count (created_at, day, name, client_pk, count) VALUES "
        "('2026-01-01 00:00:00', '2026-01-01', 'issued', 1, 1)",
        "UPDATE oauth2_client SET created_at = (SELECT max(created_at) FROM test_seen)",
    ],
)
def test_a_client_that_was_used_once(well: Provider, trace: str) -> None:
    old(well)
    assert levels(examined(well), "never_used") == ["note"]
    say(well, f"CREATE TABLE test_seen AS SELECT '{clock.now()}' AS created_at", trace)
    assert levels(examined(well), "never_used") == []


def test_a_client_that_has_a_token(well: Provider) -> None:
    well.client(client_id="risky").tokens(well.browser("ada"))
    say(
        well,
        "UPDATE oauth2_client SET created_at = '2001-01-01 00:00:00'",
        "UPDATE oauth2_client_secret SET last_used_at = NULL",
        "DELETE FROM oauth2_daily_count",
    )
    assert levels(examined(well), "never_used") == []


def test_of_many_clients_some_are_looked_through(well: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_oauth2server.storage.doctor.MOST", 2)
    redirect_to(well, "http://shop.example/cb")
    well.db.session.commit()
    for number in range(2):
        well.client(client_id=f"sound{number}")
    assert levels(examined(well), "http_redirects") == []  # the two latest are looked at
    for number in range(3):
        well.client(client_id=f"weak{number}", require_pkce=False)
    assert "At least 2 clients need not use PKCE." in told(examined(well), "pkce_off")


def test_many_clients_are_named_in_short(well: Provider) -> None:
    for number in range(5):
        well.client(client_id=f"weak{number}", require_pkce=False)
    said = told(examined(well), "pkce_off")
    assert "5 clients need not use PKCE." in said
    assert "(weak4, weak3, weak2 and 2 more)" in said


# --- from outside ---------------------------------------------------------------------------------


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        pass


@contextmanager
def served(app: Any) -> Iterator[str]:
    """*app* on a socket; its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Front:
    """What stands before the app: it can be exchanged while it is served."""

    def __init__(self) -> None:
        self.app: Any = None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.app(environ, start_response)


class Served(NamedTuple):
    front: Front
    provider: Provider
    url: str

    def examined(self) -> Patient:
        return examined(self.provider)


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A provider that is served where its issuer says."""
    front = Front()
    with served(front) as url:
        provider = build(
            f"sqlite:///{tmp_path_factory.mktemp('served')}/provider.sqlite", config={**WELL, "OAUTH2_ISSUER": url}
        )
        yield Served(front, provider, url)
        close(provider)


@pytest.fixture
def reached(outside: Served) -> Iterator[Served]:
    outside.front.app = outside.provider.app
    with outside.provider.app.app_context():
        yield outside


OUTSIDE = ("issuer_reached", "proxy", "server_clock")


def test_a_provider_that_clients_reach(reached: Served) -> None:
    assert [levels(reached.examined(), check) for check in OUTSIDE] == [[], [], []]


def test_no_issuer_is_asked_for_nowhere(patient: Patient) -> None:
    ill = configured(patient, {"OAUTH2_ISSUER": None})
    assert [levels(ill, check) for check in OUTSIDE] == [[], [], []]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Response("Hello", content_type="text/html"), "answers 200, and no metadata"),
        (Response("", 404), "answers 404, and no metadata"),
        (Response("", 302, {"Location": "https://elsewhere.example/"}), "redirects to https://elsewhere.example/"),
        (Response('{"issuer": "https://old.example\\u001b[2J"}'), "names another issuer: https://old.example?[2J"),
        (Response('["issuer"]'), "answers 200, and no metadata"),
        (Response("{" + " " * 100_000 + "}"), "answers 200, and no metadata"),
    ],
)
def test_something_else_answers_there(reached: Served, answer: Response, said: str) -> None:
    reached.front.app = answer
    assert levels(reached.examined(), "issuer_reached") == ["bad"]
    assert said in told(reached.examined(), "issuer_reached")
    assert levels(reached.examined(), "proxy") == []  # nothing to ask for


def test_nobody_answers(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    with network.socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    ill = configured(patient, {"OAUTH2_ISSUER": f"http://127.0.0.1:{port}"})
    assert levels(ill, "issuer_reached") == ["note"]  # it is this computer: somebody develops
    assert "refused" in told(ill, "issuer_reached")
    monkeypatch.setattr(network, "fetch", lambda *_: unreachable())
    assert levels(Patient(patient.app, patient.server), "issuer_reached") == ["bad"]
    assert [levels(patient, check) for check in ("proxy", "server_clock")] == [[], []]


def unreachable() -> Answer:
    raise Unreachable("no such host")


def with_proxy_fix(app: Any, **numbers: int) -> Any:
    numbers = {"x_for": 0, "x_proto": 0, "x_host": 0, "x_prefix": 0, **numbers}
    return ProxyFix(app, **numbers)


class Proxy:
    """A proxy that sets headers."""

    def __init__(self, app: Any, **headers: str) -> None:
        self.app, self.headers = app, {f"HTTP_X_FORWARDED_{name}": value for name, value in headers.items()}

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.app({**environ, **self.headers}, start_response)


def test_a_proxy_that_ends_tls_on_another_machine(reached: Served) -> None:
    def from_elsewhere(environ: Any, start_response: Any) -> Any:
        return reached.provider.app({**environ, "REMOTE_ADDR": "10.0.0.7"}, start_response)

    reached.front.app = from_elsewhere
    for check in ("issuer_reached", "proxy"):
        patient = reached.examined()
        patient._answers = {}
        found = levels(patient, check)
        assert found == (["bad"] if check == "issuer_reached" else [])
    assert "X-Forwarded-Proto" in told(reached.examined(), "issuer_reached")


@pytest.mark.parametrize(
    ("headers", "argument"), [({"PROTO": "https"}, "x_proto"), ({"HOST": "inside:8000"}, "x_host")]
)
def test_an_app_that_sees_another_scheme_or_host(reached: Served, headers: dict[str, str], argument: str) -> None:
    app = reached.provider.app
    reached.front.app = Proxy(with_proxy_fix(app, **{argument: 1}), **headers)
    assert levels(reached.examined(), "proxy") == ["warn"]
    assert f"`{argument}`" in told(reached.examined(), "proxy")


def test_a_prefix_that_the_proxy_strips(reached: Served) -> None:
    """The document is at the root; what it names below the prefix of the app is at /provider outside."""
    app = reached.provider.app
    inside = DispatcherMiddleware(Response("not here", 404), {"/provider": app})

    def front(environ: Any, start_response: Any) -> Any:
        return (app if "well-known" in environ["PATH_INFO"] else inside)(environ, start_response)

    reached.front.app = front
    assert levels(reached.examined(), "proxy") == ["bad"]
    assert "X-Forwarded-Prefix" in told(reached.examined(), "proxy")


def test_a_proxy_that_hands_on_what_clients_write(reached: Served) -> None:
    reached.front.app = with_proxy_fix(reached.provider.app, x_for=1)
    assert levels(reached.examined(), "proxy") == ["bad"]
    assert "X-Forwarded-For" in told(reached.examined(), "proxy")


@pytest.mark.parametrize(
    ("seen", "peer", "expected"),
    [
        ("127.0.0.1", "203.0.113.5", ["warn"]),
        ("192.0.2.123", "203.0.113.5", ["bad"]),
        ("127.0.0.1", "127.0.0.1", []),
        ("203.0.113.9", "203.0.113.5", []),
        ("", "203.0.113.5", []),
    ],
)
def test_an_app_that_sees_the_proxy_alone(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, seen: str, peer: str, expected: list[str]
) -> None:
    document = {"issuer": patient.issuer, "token_endpoint": f"{patient.issuer}/oauth/token"}
    root = {"root": f"{patient.issuer}/", "address": seen}

    def fetch(url: str, method: str = "GET", headers: Any = None) -> Answer:
        return Answer(200, {}, json.dumps(root if method == "POST" else document).encode(), peer)

    monkeypatch.setattr(network, "fetch", fetch)
    assert levels(patient, "proxy") == expected


def test_a_note_goes_to_the_issuer_alone(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fetch(url: str, method: str = "GET", headers: Any = None) -> Answer:
        asked.append((method, url))
        members = {"issuer": patient.issuer, "token_endpoint": "https://thief.example/oauth/token"}
        return Answer(200, {}, json.dumps(members).encode())

    monkeypatch.setattr(network, "fetch", fetch)
    assert levels(patient, "proxy") == []
    assert [method for method, _url in asked] == ["GET"]


def test_an_app_with_another_key(reached: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach.signed, "sign", lambda *_: "made up")
    assert levels(reached.examined(), "proxy") == ["note"]


def test_what_the_app_sees_is_told_to_nobody_else(healthy: Provider) -> None:
    api = healthy.api()
    assert api.post("/oauth/doctor").status_code == 404
    assert api.post("/oauth/doctor", headers={"OAuth2Server-Doctor": "made.up.note"}).status_code == 404
    assert api.get("/oauth/doctor").status_code == 405


def test_a_server_whose_clock_is_wrong(reached: Served) -> None:
    reached.front.app = Response("{}", headers={"Date": "Mon, 01 Jan 2001 00:00:00 GMT"})
    assert levels(reached.examined(), "server_clock") == ["warn"]
    reached.front.app = Response("{}", headers={"Date": "yesterday"})
    assert levels(reached.examined(), "server_clock") == []


def test_domains_that_do_not_resolve(well: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[str]] = []

    def gone(hosts: Any) -> set[str]:
        asked.append(set(hosts))
        return asked[-1] & {"gone.example"}

    monkeypatch.setattr(network, "gone", gone)
    well.client(client_id="sound")
    assert levels(examined(well), "redirect_domains") == []
    redirect_to(well, "https://gone.example/cb")
    assert levels(examined(well), "redirect_domains") == ["bad"]
    assert "1 client has a redirect URI on a domain that no longer resolves." in told(
        examined(well), "redirect_domains"
    )
    assert asked[-1] == {"client.example", "gone.example", "provider.example"}
    monkeypatch.setattr(reach, "_HOSTS", 1)
    levels(examined(well), "redirect_domains")
    assert len(asked[-1]) == 2


def test_a_machine_without_a_name_server(well: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "gone", set)  # not even the issuer has an address
    assert levels(examined(well), "redirect_domains") == []
    well.client()
    assert levels(examined(well), "redirect_domains") == ["note"]


def resolved_by(monkeypatch: pytest.MonkeyPatch, getaddrinfo: Callable[..., Any]) -> None:
    """For the doctor alone: threads of other tests go on resolving."""
    monkeypatch.setattr(network, "socket", SimpleNamespace(**{**vars(socket), "getaddrinfo": getaddrinfo}))


def test_only_a_name_that_is_certainly_gone_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"gone": socket.EAI_NONAME, "busy": socket.EAI_AGAIN}

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        if host in answers:
            raise socket.gaierror(answers[host], "")
        if host == "odd":
            raise UnicodeError
        return []

    resolved_by(monkeypatch, resolve)
    assert network.gone(["gone", "busy", "odd", "fine"]) == {"gone"}


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()
    monkeypatch.setattr(network, "_PATIENCE", 0.01)
    resolved_by(monkeypatch, lambda *_, **__: free.wait(10))
    assert network.gone(["slow"]) == set()
    free.set()


# --- all of them ----------------------------------------------------------------------------------


def run(provider: Provider, *options: str) -> Any:
    return provider.app.test_cli_runner().invoke(args=["oauth2", "doctor", *options])


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Nobody answers; what was asked is written down."""
    asked: list[str] = []

    def fetch(url: str, *_: Any) -> Answer:
        asked.append(url)
        return unreachable()

    monkeypatch.setattr(network, "fetch", fetch)
    monkeypatch.setattr(network, "gone", lambda _: set())
    return asked


def test_all_is_well(healthy: Provider, patient: Patient, no_network: list[str]) -> None:
    done = run(healthy, "--offline")
    local = [check for check in CHECKS if not check.network]
    assert (done.exit_code, done.output) == (0, f"All {len(local)} checks passed.\n")
    assert no_network == []


def test_a_note_is_no_failure(healthy: Provider, patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient.server, "hooks", {})
    done = run(healthy, "--offline")
    assert done.exit_code == 0
    assert done.output.splitlines()[0] == "note  Nobody can open the pages of administrators. [administrators]"


def test_something_worse_ends_with_code_1(well: Provider, no_network: list[str]) -> None:
    done = run(well, "--json")
    assert done.exit_code == 1
    told = json.loads(done.output)
    assert [finding["check"] for finding in told["findings"]] == ["issuer_reached", "administrators"]
    assert set(told["findings"][0]) == {"check", "level", "fact", "remedy"}
    assert told["passed"] == len(CHECKS) - 2
    assert told["checked_at"] == pytest.approx(clock.timestamp(), abs=5)
    assert no_network == ["https://provider.example/.well-known/oauth-authorization-server"]


def test_the_overview_tells_what_the_last_run_found_outside(
    well: Provider, no_network: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor = well.app.extensions["oauth2server"].doctor
    assert (doctor.overview().checked_at, no_network) == (None, [])
    local = [check for check in CHECKS if not check.network]
    assert doctor.overview().passed == len(local) - 1
    run(well)
    asked = len(no_network)
    overview = doctor.overview()
    assert [finding.check for finding in overview.findings] == ["issuer_reached", "administrators"]
    assert overview.passed == len(CHECKS) - 2
    assert overview.checked_at is not None and len(no_network) == asked
    run(well, "--offline")  # has asked nothing, and takes nothing away
    assert doctor.overview() == overview


def test_the_last_reports_are_kept(well: Provider) -> None:
    storage = well.app.extensions["oauth2server"].storage
    for _ in range(7):
        storage.unit.run(lambda: storage.doctor.keep([], 1))
    kept = well.db.session.scalars(text("SELECT id FROM oauth2_doctor_report ORDER BY id")).all()
    assert kept == [3, 4, 5, 6, 7]


def test_missing_tables_are_told_once(well: Provider, no_network: list[str]) -> None:
    say(well, "DROP TABLE oauth2_doctor_report", "DROP TABLE oauth2_client_term")
    well.db.session.commit()
    done = run(well)
    assert done.exit_code == 1
    assert "The table oauth2_client_term is missing. [tables]" in done.output
    assert "could not be made" not in done.output
    assert well.app.extensions["oauth2server"].doctor.overview().checked_at is None


def test_a_check_that_fails_is_a_finding(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("SELECT", {}, Exception("locked"))

    monkeypatch.setattr(patient.storage, "never_used", fail)
    monkeypatch.setattr(patient.storage, "last_report", fail)
    (finding,) = patient.server.doctor.overview().findings
    assert (finding.check, finding.level) == ("never_used", "warn")
    assert finding.fact == "The check “never_used” could not be made."


def test_a_report_of_another_version_is_read(well: Provider) -> None:
    storage = well.app.extensions["oauth2server"].storage
    finding = {"check": "proxy", "level": "horrible", "fact": "A.", "remedy": "B.", "further": 1}
    storage.unit.run(lambda: storage.doctor.keep([finding, {**finding, "check": "unheard_of"}], 99))
    found = well.app.extensions["oauth2server"].doctor.overview().findings
    assert [(finding.check, finding.level) for finding in found] == [("proxy", "warn"), ("administrators", "note")]


def test_the_documentation_has_all_checks() -> None:
    rows = table_rows(DOCS / "guide" / "doctor.rst", "The checks\n---")
    assert [literals(row[0])[0] for row in rows] == [check.name for check in CHECKS]
    online = [literals(row[0])[0] for row in rows if "network" in row[0]]
    assert online == [check.name for check in CHECKS if check.network]


def test_every_check_is_tried_here() -> None:
    tried = {sick.check for sick in SICK} | {risk.check for risk in RISKS} | set(DATABASE) | set(OUTSIDE)
    alone = {"database", "database_clock", "unpurged", "unsealed", "redirect_domains", "token_cache"}
    alone |= {
        "signing_keys",
        "pairwise_salt",
        "key_rotation",
        "undelivered_logouts",
        "private_logouts",
    }  # test_doctor_keys
    people = {"login_manager", "user_keys", "administrators", "user_search"}
    assert tried | alone | people == {check.name for check in CHECKS}


def test_a_glance_is_a_minute_old_at_most(make: Callable[..., Provider], monkeypatch: pytest.MonkeyPatch) -> None:
    provider = make()
    doctor = provider.app.extensions["oauth2server"].doctor
    with provider.app.app_context():
        first, moment = doctor.glance(), clock.timestamp()
        assert first == doctor.overview()
        assert doctor.glance() is first
        monkeypatch.setattr(clock, "timestamp", lambda: moment + 61)
        assert doctor.glance() is not first

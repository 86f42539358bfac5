"""Metrics: what is counted, what labels may say, and who may read it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from flask_oauth2server import signals
from flask_oauth2server.errors import ConfigurationError
from flask_oauth2server.signals import tell

from ..conftest import close
from ..support import Provider, bearer, build

ROOT = Path(__file__).parent.parent.parent
TOKEN = "a token of the tests, which is long enough"
ON = {"OAUTH2_ENABLE_METRICS": True, "OAUTH2_METRICS_TOKEN": TOKEN}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """A provider that counts; tests look at what changes."""
    provider = build(f"sqlite:///{tmp_path_factory.mktemp('metrics')}/provider.sqlite", config=ON)
    yield provider
    close(provider)


def numbers(provider: Provider) -> dict[str, float]:
    """All numbers by name and labels, as a strict parser reads them."""
    answer = provider.api().get("/oauth/metrics", headers=bearer(TOKEN))
    assert answer.status_code == 200, answer.text
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if not sample.name.endswith(("_created", "_bucket"))
    }


def changes(provider: Provider, act: Callable[[], Any]) -> dict[str, float]:
    """What *act* adds to the numbers, times left out."""
    before = numbers(provider)
    act()
    after = numbers(provider)
    changed = {name: value - before.get(name, 0) for name, value in after.items() if value != before.get(name, 0)}
    return {name.removeprefix("oauth2_"): value for name, value in changed.items() if "duration" not in name}


def test_issuing_using_and_revoking_are_counted(measured: Provider) -> None:
    client, ada = measured.client(), measured.browser("ada")
    robot = measured.client(grant_types=["client_credentials"], redirect_uris=[])

    def act() -> None:
        tokens = client.tokens(ada)
        client.refresh(tokens["refresh_token"])
        client.refresh(tokens["refresh_token"])  # reuse ends it
        robot.post("/oauth/token", grant_type="client_credentials", scope="email")
        ada.answer(ada.visit(client.address(prompt="consent")), "no")
        measured.client().tokens(ada)
        with measured.app.app_context():
            measured.oauth2.create_personal_token(measured.user("ada"), name="laptop", scopes=["email"])
            measured.oauth2.revoke_authorizations(user=measured.user("ada"))

    assert changes(measured, act) == {
        "tokens_issued_total authorization_code": 2,
        "tokens_issued_total refresh_token": 1,
        "tokens_issued_total client_credentials": 1,
        "tokens_issued_total personal": 1,
        "tokens_reused_total refresh_token": 1,
        "authorizations_total granted": 2,
        "authorizations_total denied": 1,
        "authorizations_total revoked": 1,
        "requests_refused_total oauth2server.access_token invalid_grant": 1,
        "requests_refused_total oauth2server.authorize access_denied": 1,
    }


def test_refusals_are_counted(measured: Provider) -> None:
    client = measured.client()

    def act() -> None:
        client.post("/oauth/token", basic=False, grant_type="authorization_code", code="x")
        measured.api().get("/oauth/ping/")
        measured.api().get("/oauth/ping/", headers=bearer("rubbish"))

    assert changes(measured, act) == {
        "client_authentication_failures_total": 1,
        "requests_refused_total oauth2server.access_token invalid_client": 1,
        "access_refused_total no_token": 1,
        "access_refused_total invalid_token": 1,
    }


def test_hits_and_misses_of_the_token_cache_are_counted(tmp_path: Path) -> None:
    provider = build(f"sqlite:///{tmp_path}/provider.sqlite", config={**ON, "OAUTH2_TOKEN_CACHE": 60})
    token = provider.client().tokens(provider.browser("ada"))["access_token"]

    def act() -> None:
        for value in (token, token, token, "rubbish"):
            provider.api().get("/oauth/ping/", headers=bearer(value))

    expected = {"token_cache_total miss": 1, "token_cache_total hit": 2, "access_refused_total invalid_token": 1}
    assert changes(provider, act) == expected
    close(provider)


def test_labels_have_few_values(measured: Provider) -> None:
    def act() -> None:
        for number in range(3):
            tell(signals.request_refused, endpoint=f"made.up{number}", error=f"made_up_{number}", detail="")
            tell(signals.request_refused, endpoint=None, error="invalid_request", detail="")
            tell(signals.access_refused, error=f"made_up_{number}", detail="", scopes=())
            tell(signals.token_issued, client_id="x", user_id=None, scopes=(), grant_type=f"urn:made:up:{number}")
        measured.api().get("/nowhere")
        measured.api().get("/login")

    with measured.app.app_context():
        assert changes(measured, act) == {
            "requests_refused_total other other": 3,
            "requests_refused_total other invalid_request": 3,
            "access_refused_total other": 3,
            "tokens_issued_total other": 3,
        }


def test_the_time_of_our_endpoints_is_measured(measured: Provider) -> None:
    def counted() -> dict[str, float]:
        name = "oauth2_request_duration_seconds_count "
        return {key.removeprefix(name): value for key, value in numbers(measured).items() if key.startswith(name)}

    before = counted()
    measured.api().get("/oauth/ping/")
    measured.api().post("/oauth/token")
    measured.api().get("/login")
    measured.api().get("/nowhere")
    after = counted()
    assert {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)} == {
        "oauth2server.ping": 1,
        "oauth2server.access_token": 1,
        "oauth2server.metrics": 1,
    }


def test_what_is_served_is_openmetrics(measured: Provider) -> None:
    answer = measured.api().get("/oauth/metrics", headers=bearer(TOKEN))
    assert answer.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.text.endswith("# EOF\n")
    assert answer.text.count("# TYPE ") == 7


@pytest.mark.parametrize(
    "header", [None, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", "Bearer", "Bearer \u00e4", TOKEN]
)
def test_without_the_token_nothing_is_told(measured: Provider, header: str | None) -> None:
    answer = measured.api().get("/oauth/metrics", headers={} if header is None else {"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="metrics"'
    assert "oauth2_" not in answer.text


def test_a_token_is_good_from_everywhere(measured: Provider) -> None:
    address = "https://provider.example/oauth/metrics"
    answer = measured.api().get(address, headers=bearer(TOKEN), environ_base={"REMOTE_ADDR": "203.0.113.9"})
    assert answer.status_code == 200


def test_without_a_token_it_is_not_served_but_where_all_is_a_trial(make: Callable[..., Provider]) -> None:
    with pytest.raises(ConfigurationError, match="OAUTH2_ENABLE_METRICS needs OAUTH2_METRICS_TOKEN"):
        make(config={"OAUTH2_ENABLE_METRICS": True})
    provider = make(config={"OAUTH2_ENABLE_METRICS": True, "TESTING": True})
    assert provider.api().get("/oauth/metrics").status_code == 200


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """A provider under test that counts, without a token."""
    url = f"sqlite:///{tmp_path_factory.mktemp('metrics')}/alone.sqlite"
    provider = build(url, config={"OAUTH2_ENABLE_METRICS": True, "TESTING": True})
    yield provider
    close(provider)


def test_apps_in_one_process_count_apart(measured: Provider, alone: Provider) -> None:
    def act() -> None:
        alone.api().get("/oauth/ping/")

    assert changes(measured, act) == {}
    answer = alone.api().get("/oauth/metrics")
    assert 'oauth2_access_refused_total{error="no_token"} 1.0' in answer.text


def test_off_by_default(provider: Provider) -> None:
    assert provider.api().get("/oauth/metrics").status_code == 404


def test_the_extra_is_missing(make: Callable[..., Provider], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'Flask-OAuth2Server\[metrics\]'"):
        make(config=ON)


PROCESSES = """
import os, sys, warnings
from tests.support import build
build(sys.argv[1] + "/off.sqlite")
assert "prometheus_client" not in sys.modules
provider = build(sys.argv[1] + "/on.sqlite", config={"OAUTH2_ENABLE_METRICS": True, "TESTING": True})
warnings.simplefilter("ignore")
import prometheus_client
prometheus_client.Counter("hosts_own", "Something of the host").inc()
child = os.fork()
provider.api().get("/oauth/ping/")
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
print(provider.api().get("/oauth/metrics").text)
"""


def test_several_processes_are_summed_up_and_nothing_is_imported_that_is_off(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", PROCESSES, f"sqlite:///{tmp_path}"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PROMETHEUS_MULTIPROC_DIR": str(shared)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert 'oauth2_access_refused_total{error="no_token"} 2.0' in done.stdout
    assert 'oauth2_request_duration_seconds_count{endpoint="oauth2server.ping"} 2.0' in done.stdout
    assert "hosts_own" not in done.stdout
    assert done.stdout.rstrip().endswith("# EOF")

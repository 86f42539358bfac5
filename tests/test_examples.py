"""The examples: they run, they say what they saw, they leave nothing behind, and what people copy is right."""

from __future__ import annotations

import importlib.util
import os
import re
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask_login import current_user

from flask_oauth2server import DEFAULT_FEATURES, clock, current_token, require_oauth

from .conftest import close
from .support import Client, Provider, bearer, build

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"

#: What the walk of check.py must have seen, in this order.
SEEN = (
    "the metadata document",
    "refuses a call without a token",
    "the provider's login page",
    "a wrong password is refused",
    "sends nobody to another site",
    "the consent page names the client, its host, the person",
    "deny: access_denied arrives at the client",
    "allow: the client is handed code",
    "has exchanged the code, with PKCE",
    "calls the API",
    "CSRFProtect lets a POST with a token in",
    "introspection tells the client",
    "refresh: a new access token and a new refresh token",
    "the old refresh token is refused",
    "has ended its whole family: the API answers 401",
    "revocation:",
    "client_credentials:",
    "a wrong client secret is refused",
    "a public client",
    "a code used twice is refused",
    "a wrong redirect_uri",
    "the discovery document",
    "signs ada in, and verifies its ID token",
    "userinfo tells",
    "the client signs ada out",
    "the published example: login",
    "the published example: ping",
    "the published example: info",
    "the published example: invalid is refused with 403",
    "the published example: logout",
    "after signing out",
)


def load(name: str) -> Any:
    """An example as a module; they are programs in a folder and no package."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def environment(**more: str) -> dict[str, str]:
    """The environment of an example's process, where the package is this checkout."""
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith(("FLASK_", "CLIENT_", "PROVIDER_"))
    }
    return {**ours, "PYTHONPATH": str(ROOT), "PYTHON_FOR_EXAMPLES": sys.executable, **more}


# --- the walk -------------------------------------------------------------------------------------


def test_the_walk_meets_no_surprise() -> None:
    done = subprocess.run(
        [EXAMPLES / "run.sh", "--check"], env=environment(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    *steps, last = done.stdout.splitlines()
    assert [re.match(r"ok +(\d+)  ", step)[1] for step in steps] == [str(n) for n in range(1, len(steps) + 1)]  # type: ignore[index]
    assert last == f"{len(steps)} steps, no surprise"
    remaining = iter(steps)
    for seen in SEEN:
        assert any(seen in step for step in remaining), f"{seen!r} is missing, or out of order, in {done.stdout}"


def test_a_surprise_ends_the_walk_with_what_was_expected_and_what_came(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import flask_oauth2server.features.metadata as feature\nfeature.metadata = lambda server: ('', 404)\n"
    )
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    done = subprocess.run(
        [sys.executable, EXAMPLES / "check.py"],
        env=environment(PYTHONPATH=path),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "SURPRISE after step 0" in done.stderr
    assert re.search(r"expected: 200\n +came: +404", done.stderr)
    assert "--- provider" in done.stderr, "what the servers wrote helps to find out why"
    assert not _running(str(tmp_path))


def test_a_server_that_does_not_start_ends_the_walk(tmp_path: Path) -> None:
    (tmp_path / "flask_oauth2server.py").write_text("raise ImportError('this one is broken')\n")
    done = subprocess.run(
        [sys.executable, EXAMPLES / "check.py"],
        env=environment(PYTHONPATH=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "provider ended with 1." in done.stderr
    assert "this one is broken" in done.stderr
    assert not _running(str(tmp_path))


def _running(mark: str) -> list[str]:
    """Processes whose environment has *mark*; empty where the system does not tell."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark.encode() in (folder / "environ").read_bytes():
                found.append(folder.name)
    return found


def test_the_client_application_keeps_what_its_library_refreshes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.syspath_prepend(EXAMPLES)
    check, servers = load("check"), load("servers")
    provider, client = servers.free_ports(0, 0)
    with servers.running({"provider": provider, "client_app": client}, quiet=True) as running:
        database = sqlite3.connect(running.environment["DATABASE_URL"].removeprefix("sqlite:///"))
        with closing(database), database:
            # So short that Authlib refreshes before every call.
            database.execute("UPDATE oauth2_client SET access_token_expires_in = 30")
        browser = check.Browser()
        browser.visit(running.urls["client_app"])
        browser.press("Sign in with Demo Notes")
        browser.press("Sign in", **check.ADA)
        browser.press("Allow")  # less than was asked for: a refresh must not ask for more
        seen = {browser.json_in("token")["access_token"]}
        for _ in range(2):
            browser.press("Call the API")
            answers = browser.json_in("answers")
            assert [answer["status"] for answer in answers.values()] == [200, 403]
            seen.add(browser.json_in("token")["access_token"])
    assert len(seen) == 3


# --- the servers until Ctrl-C ---------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_run_sh_serves_until_it_is_ended_and_leaves_nothing(number: int, code: int, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [EXAMPLES / "run.sh"],
        env=environment(TMPDIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said = _read_until(process, "Ctrl-C here ends everything.")
        addresses = [urlsplit(address) for address in re.findall(r"at (http://127\.0\.0\.1:\d+)/", said)]
        assert len(set(addresses)) == 2, said
        assert all(_accepts(address.port) for address in addresses)
        assert "ada with the password: analytical engine" in said
        process.send_signal(number)
        assert process.wait(15) == code
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    assert not any(_accepts(address.port) for address in addresses)
    assert list(tmp_path.iterdir()) == [], "the database went, too"
    assert not _running(str(tmp_path))


def _read_until(process: Any, words: str) -> str:
    said, deadline = "", time.monotonic() + 60
    os.set_blocking(process.stdout.fileno(), False)
    while words not in said:
        assert time.monotonic() < deadline and process.poll() is None, said
        if select.select([process.stdout], [], [], 1)[0]:
            said += process.stdout.read() or ""
    return said


def _accepts(port: int | None) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port or 0), 1):
        return True
    return False


def test_a_port_that_is_taken_is_left_alone() -> None:
    servers = load("servers")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        first, second = servers.free_ports(taken, 0)
    assert taken not in (first, second)
    assert first != second


def test_run_sh_explains_itself_when_asked_for_something_else() -> None:
    done = subprocess.run(
        [EXAMPLES / "run.sh", "--help"], env=environment(), capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 2
    assert "--check" in done.stderr


# --- the provider's own pages ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "safe"),
    [
        ("/", True),
        ("/oauth/authorize?client_id=a&redirect_uri=https%3A%2F%2Fclient.example%2Fcb", True),
        (None, False),
        ("", False),
        ("home", False),
        ("https://elsewhere.example/", False),
        ("//elsewhere.example/", False),
        ("/\\elsewhere.example/", False),
        ("/\t/elsewhere.example/", False),
        ("/\n/elsewhere.example/", False),
        ("/a\\b", False),
        (" //elsewhere.example/", False),
        ("javascript:alert(1)", False),
    ],
)
def test_only_local_paths_are_gone_to_after_the_login(target: str | None, safe: bool) -> None:
    assert load("provider").local_path(target) == (target if safe else None)


def test_the_pages_have_no_inline_script_or_style() -> None:
    pages = list((EXAMPLES / "templates").glob("*.html"))
    assert pages
    for page in pages:
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", page.read_text()), page.name


# --- a grant of one's own -------------------------------------------------------------------------


class Shop:
    """A provider that takes vouchers, and one client of it."""

    def __init__(self, provider: Provider, example: Any) -> None:
        self.provider, self.example = provider, example
        self.grant_type = example.GRANT_TYPE
        self.client = self.registered("shop")

    def registered(self, client_id: str, **values: Any) -> Client:
        grant_types = [self.grant_type, "refresh_token"]
        return self.provider.client(
            **{"client_id": client_id, "redirect_uris": [], "grant_types": grant_types, **values}
        )

    def voucher(self, name: str = "ada", scopes: tuple[str, ...] = ("email", "notes")) -> str:
        with self.provider.app.app_context():
            server = self.provider.app.extensions["oauth2server"]
            return self.example.issue(server, self.provider.user(name), list(scopes))  # type: ignore[no-any-return]

    def redeem(self, voucher: str | None, client: Client | None = None, scope: str | None = "email") -> Any:
        data = {"grant_type": self.grant_type, "voucher": voucher, "scope": scope}
        return (client or self.client).post("/oauth/token", **data)

    def rows(self, *models: str) -> list[int]:
        """How many rows each model has."""
        with self.provider.app.app_context():
            session, oauth2 = self.provider.db.session, self.provider.oauth2
            return [session.query(getattr(oauth2.models, model)).count() for model in models]


@pytest.fixture(scope="module")
def example() -> Any:
    return load("add_a_grant")


@pytest.fixture
def shop(make: Callable[..., Provider], example: Any) -> Shop:
    return Shop(make(before=add_view, features=[*DEFAULT_FEATURES, example]), example)


@pytest.fixture
def any_shop(any_database: str, example: Any) -> Iterator[Shop]:
    provider = build(any_database, before=add_view, features=[*DEFAULT_FEATURES, example])
    yield Shop(provider, example)
    close(provider)


def add_view(app: Any) -> None:
    @app.get("/api/me")
    @require_oauth("email")
    def me() -> dict[str, Any]:
        return {"name": current_user.name, "client": current_token.client_id}


def refused(response: Any) -> tuple[int, str]:
    return response.status_code, response.json["error"]


def test_the_worked_example_is_short_enough_to_read() -> None:
    assert len((EXAMPLES / "add_a_grant.py").read_text().splitlines()) <= 60


def test_a_voucher_becomes_a_token_of_its_user(any_shop: Shop) -> None:
    answer = any_shop.redeem(any_shop.voucher("bob"))
    assert answer.status_code == 200, answer.text
    assert answer.json["scope"] == "email"
    api = any_shop.provider.api()
    told = api.get("/api/me", headers=bearer(answer.json["access_token"]))
    assert told.json == {"name": "bob", "client": "shop"}
    metadata = api.get("/.well-known/oauth-authorization-server").json
    assert any_shop.grant_type in metadata["grant_types_supported"]


def test_a_voucher_is_good_once_for_all_clients_together(any_shop: Shop) -> None:
    voucher, other = any_shop.voucher(), any_shop.registered("other")
    first = any_shop.redeem(voucher)
    assert first.status_code == 200
    assert refused(any_shop.redeem(voucher)) == (400, "invalid_grant")
    assert refused(any_shop.redeem(voucher, other)) == (400, "invalid_grant")
    assert any_shop.rows("Token", "Authorization", "Replay") == [1, 1, 1], "what was refused left nothing behind"
    api = any_shop.provider.api()
    assert api.get("/api/me", headers=bearer(first.json["access_token"])).status_code == 200
    assert any_shop.redeem(any_shop.voucher()).status_code == 200, "another voucher is another matter"


def test_of_many_at_once_one_gets_the_token(any_shop: Shop) -> None:
    voucher, count = any_shop.voucher(), 4
    start, answers = threading.Barrier(count), []

    def redeem() -> None:
        start.wait()
        answers.append(any_shop.redeem(voucher).status_code)

    threads = [threading.Thread(target=redeem) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == count
    assert answers.count(200) == 1, answers
    assert set(answers) <= {200, 400, 503}
    assert any_shop.rows("Token", "Authorization") == [1, 1]


def test_another_spelling_of_the_signature_is_the_same_voucher(shop: Shop) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    voucher = shop.voucher()
    # 20 bytes are 26 letters and a last one of which two bits do not count.
    other = voucher[:-1] + alphabet[alphabet.index(voucher[-1]) ^ 1]
    with shop.provider.app.app_context():
        server = shop.provider.app.extensions["oauth2server"]
        assert shop.example.read(server, {"voucher": other}) == shop.example.read(server, {"voucher": voucher})
    assert shop.redeem(voucher).status_code == 200
    assert refused(shop.redeem(other)) == (400, "invalid_grant")


def test_a_refusal_leaves_the_voucher_good(shop: Shop) -> None:
    voucher = shop.voucher(scopes=("email",))
    stranger = shop.registered("stranger", grant_types=["client_credentials"])
    assert refused(shop.redeem(voucher, stranger)) == (400, "unauthorized_client")
    assert refused(shop.redeem(voucher, scope="email notes")) == (400, "invalid_scope"), "the voucher allows less"
    assert refused(shop.redeem(voucher, scope="email unknown")) == (400, "invalid_scope"), "there is no such scope"
    assert refused(shop.redeem(voucher, scope=None)) == (400, "invalid_scope"), "none was asked for"
    assert shop.rows("Token", "Authorization", "Replay") == [0, 0, 0]
    assert shop.redeem(voucher).status_code == 200


@pytest.mark.parametrize("change", [lambda _: None, lambda _: "voucher", lambda v: v[1:], str.swapcase])
def test_a_forged_or_missing_voucher_is_refused(shop: Shop, change: Callable[[str], str | None]) -> None:
    assert refused(shop.redeem(change(shop.voucher()))) == (400, "invalid_grant")
    assert shop.rows("Token", "Authorization", "Replay") == [0, 0, 0]


def test_a_voucher_of_another_provider_is_refused(shop: Shop, make: Callable[..., Provider], example: Any) -> None:
    def change_key(app: Any) -> None:
        app.secret_key = "a secret of another provider"

    other = Shop(make(before=change_key, features=[*DEFAULT_FEATURES, example]), example)
    assert refused(shop.redeem(other.voucher())) == (400, "invalid_grant")
    assert other.redeem(other.voucher()).status_code == 200


def test_a_voucher_expires_as_its_setting_says(
    make: Callable[..., Provider], example: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"OAUTH2_VOUCHER_EXPIRES_IN": 60}
    shop = Shop(make(config=config, features=[*DEFAULT_FEATURES, example]), example)
    vouchers, start = [shop.voucher(), shop.voucher()], time.time()
    monkeypatch.setattr(time, "time", lambda: start + 50)
    assert shop.redeem(vouchers[0]).status_code == 200
    monkeypatch.setattr(time, "time", lambda: start + 62)
    assert refused(shop.redeem(vouchers[1])) == (400, "invalid_grant")


def test_what_was_used_is_remembered_until_it_would_expire_by_itself(shop: Shop) -> None:
    shop.redeem(shop.voucher())
    with shop.provider.app.app_context():
        replay = shop.provider.db.session.query(shop.provider.oauth2.models.Replay).one()
        assert (replay.expires_at - clock.now()).total_seconds() > 600 - 5


def test_a_user_who_may_not_sign_in_gets_no_token(shop: Shop) -> None:
    voucher = shop.voucher("bob")
    with shop.provider.app.app_context():
        shop.provider.user("bob").is_active = False
        shop.provider.db.session.commit()
    assert refused(shop.redeem(voucher)) == (400, "invalid_grant")
    with shop.provider.app.app_context():
        shop.provider.db.session.delete(shop.provider.user("bob"))
        shop.provider.db.session.commit()
    assert refused(shop.redeem(voucher)) == (400, "invalid_grant")
    assert shop.rows("Token", "Authorization", "Replay") == [0, 0, 0]


def test_the_user_can_revoke_what_a_voucher_gave(shop: Shop) -> None:
    token = shop.redeem(shop.voucher()).json["access_token"]
    provider = shop.provider
    assert provider.api().get("/api/me", headers=bearer(token)).status_code == 200
    with provider.app.app_context():
        assert provider.oauth2.revoke_application(provider.user("ada"), provider.oauth2.get_client("shop")) == 1
    assert provider.api().get("/api/me", headers=bearer(token)).status_code == 401


def test_a_refresh_token_comes_for_clients_that_may_use_one(shop: Shop) -> None:
    first = shop.redeem(shop.voucher()).json
    second = shop.client.refresh(first["refresh_token"])
    assert (second.status_code, second.json["scope"]) == (200, "email")
    brief = shop.registered("brief", grant_types=[shop.grant_type])
    assert "refresh_token" not in shop.redeem(shop.voucher(), brief).json


def test_without_the_feature_there_is_no_such_grant(provider: Provider, example: Any) -> None:
    client = provider.client(redirect_uris=[])
    answer = client.post("/oauth/token", grant_type=example.GRANT_TYPE, voucher="x", scope="email")
    assert refused(answer) == (400, "unsupported_grant_type")

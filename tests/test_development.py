"""The bare start: a newcomer sees a provider work, and nobody else gets in."""

from __future__ import annotations

import logging
import re
import stat
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask

from flask_oauth2server import ConfigurationError, OAuth2Server
from flask_oauth2server.development import address

from .support import hidden_fields


def start(folder: Path, **config: Any) -> tuple[Flask, str]:
    """A bare app, and the address that start-up printed."""
    app = Flask("myapp", instance_path=str(folder))
    app.config.update(config)
    records: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record.getMessage())

    handler = Keep()
    app.logger.addHandler(handler)
    OAuth2Server(app)
    printed = re.search(r"Open (http://\S+)", "".join(records))
    assert printed
    return app, printed[1]


def path_of(printed: str) -> str:
    return urlsplit(printed)._replace(scheme="", netloc="").geturl()


@pytest.fixture
def app_and_address(tmp_path: Path) -> tuple[Flask, str]:
    return start(tmp_path)


def press(http: Any, page: Any, form_action: str, **data: str) -> Any:
    return http.post(form_action, data={**hidden_fields(page), **data})


def test_from_the_printed_address_to_the_token(app_and_address: tuple[Flask, str]) -> None:
    """Open, type a name and sign in, press "Try it", press "Allow"."""
    app, printed = app_and_address
    http = app.test_client()
    page = http.get(path_of(printed), follow_redirects=True)
    assert "key=" not in page.request.url
    assert "Development mode" in page.text
    assert "OAuth2Server(app, db=db, user_model=User)" in page.text
    signed_in = press(http, page, "/oauth/sign-in/", name="ada")
    page = http.get(signed_in.headers["Location"])
    assert "Signed in as" in page.text
    asked = press(http, page, "/oauth/try-it/").headers["Location"]
    consent = http.get(asked)
    assert "Test that signing in works" in consent.text
    answer = press(http, consent, asked, confirm="yes").headers["Location"]
    shown = http.get(answer)
    assert "It works" in shown.text
    assert "&#34;access_token&#34;:&#34;o2a_" in shown.text
    assert "&#34;user&#34;:&#34;ada&#34;" in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    assert http.get(answer).headers["Location"] == "/oauth/"


def test_denying_is_shown_too(app_and_address: tuple[Flask, str]) -> None:
    app, printed = app_and_address
    http = app.test_client()
    page = http.get(path_of(printed), follow_redirects=True)
    press(http, page, "/oauth/sign-in/", name="ada")
    asked = press(http, http.get("/oauth/"), "/oauth/try-it/").headers["Location"]
    answer = press(http, http.get(asked), asked, confirm="no").headers["Location"]
    assert dict(parse_qsl(urlsplit(answer).query))["error"] == "access_denied"
    assert "You did not allow it" in http.get(answer).text


@pytest.mark.parametrize("path", ["/oauth/", "/oauth/?key=wrong", "/oauth/?key=", "/oauth/sign-in/", "/oauth/?key=ü"])
def test_nobody_gets_in_without_the_key(app_and_address: tuple[Flask, str], path: str) -> None:
    app, _ = app_and_address
    for host in ("localhost", "127.0.0.1:5000"):
        response = app.test_client().get(path, base_url=f"http://{host}")
        assert response.status_code == 403
        assert "address that start-up printed" in response.text


def test_no_form_works_without_the_key(app_and_address: tuple[Flask, str]) -> None:
    app, printed = app_and_address
    insider, outsider = app.test_client(), app.test_client()
    fields = hidden_fields(insider.get(path_of(printed), follow_redirects=True))
    for path in ("/oauth/sign-in/", "/oauth/try-it/"):
        assert outsider.post(path, data={**fields, "name": "ada"}).status_code == 403
    assert outsider.get("/oauth/try-it/answer/").status_code == 403


def test_forms_need_their_token(app_and_address: tuple[Flask, str]) -> None:
    app, printed = app_and_address
    http = app.test_client()
    http.get(path_of(printed))
    assert http.post("/oauth/sign-in/", data={"name": "ada"}).status_code == 200
    assert "Signed in as" not in http.get("/oauth/").text
    assert http.post("/oauth/try-it/").headers["Location"] == "/oauth/"


def test_a_session_forged_under_a_guessed_secret_key_does_not_get_in(tmp_path: Path) -> None:
    """A host that set SECRET_KEY = "dev" has not given its door away."""
    app, _ = start(tmp_path, SECRET_KEY="dev")
    http = app.test_client()
    with http.session_transaction() as session:
        session["_oauth2_development"] = True
        session["_user_id"] = "ada"
    assert http.get("/oauth/").status_code == 403


def test_an_unsigned_visitor_of_authorize_is_led_to_the_sign_in(app_and_address: tuple[Flask, str]) -> None:
    app, printed = app_and_address
    http = app.test_client()
    http.get(path_of(printed))
    page = http.get("/oauth/")
    press(http, page, "/oauth/sign-in/", name="ada")
    asked = press(http, http.get("/oauth/"), "/oauth/try-it/").headers["Location"]
    page = http.get("/oauth/")
    assert press(http, page, "/oauth/sign-out/").status_code == 303
    login = http.get(asked).headers["Location"]
    assert login.startswith("/oauth/sign-in/?next=")
    back = press(http, http.get(login), login, name="bob").headers["Location"]
    assert back.startswith("/oauth/authorize?")


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil",
        "javascript:x",
        "/ü",
    ],
)
def test_the_way_back_stays_on_this_server(app_and_address: tuple[Flask, str], target: str) -> None:
    app, printed = app_and_address
    http = app.test_client()
    page = http.get(path_of(printed), follow_redirects=True)
    response = http.post("/oauth/sign-in/", query_string={"next": target}, data={**hidden_fields(page), "name": "ada"})
    assert response.headers["Location"] == "/oauth/"


@pytest.mark.parametrize("name", ["", "x" * 101, "a\0b", "   "])
def test_names_that_are_no_names(app_and_address: tuple[Flask, str], name: str) -> None:
    app, printed = app_and_address
    http = app.test_client()
    page = http.get(path_of(printed), follow_redirects=True)
    assert press(http, page, "/oauth/sign-in/", name=name).status_code == 200


def test_key_and_data_survive_a_restart_and_are_the_owner_s(tmp_path: Path) -> None:
    first, one = start(tmp_path)
    second, two = start(tmp_path)
    assert one == two
    assert first.secret_key == second.secret_key
    key_file = tmp_path / "oauth2server-development.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir() if "tmp" in path.name) == []


def test_the_app_s_own_key_is_kept(tmp_path: Path) -> None:
    app, _ = start(tmp_path, SECRET_KEY="mine")
    assert app.secret_key == "mine"


def test_foreign_keys_are_on_in_the_database_that_we_made(app_and_address: tuple[Flask, str]) -> None:
    app, _ = app_and_address
    storage = app.extensions["oauth2server"].storage
    with app.app_context():
        session = storage.unit.db.session
        assert session.execute(storage.unit.db.text("PRAGMA foreign_keys")).scalar() == 1


def test_two_processes_start_at_once(tmp_path: Path) -> None:
    import subprocess
    import sys

    script = (
        "import sys; from flask import Flask; from flask_oauth2server import OAuth2Server\n"
        "app = Flask('myapp', instance_path=sys.argv[1]); OAuth2Server(app); print(app.secret_key)"
    )
    command = [sys.executable, "-W", "error", "-c", script, str(tmp_path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    ended = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0], ended
    assert len({out for out, _ in ended}) == 1


def test_an_instance_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        OAuth2Server(Flask("myapp", instance_path=str(tmp_path / "file" / "instance")))


def test_the_address_knows_what_flask_run_was_told() -> None:
    import click

    app = Flask("myapp")
    assert address(app, "/oauth", "k") == "http://127.0.0.1:5000/oauth/?key=k"
    context = click.Context(click.Command("run"))
    context.params = {"host": "0.0.0.0", "port": 8000}
    with context:
        assert address(app, "/oauth", "k") == "http://127.0.0.1:8000/oauth/?key=k"


def test_there_is_no_start_page_without_development_mode(provider: Any) -> None:
    for path in ("/oauth/", "/oauth/sign-in/", "/oauth/try-it/"):
        assert provider.api().get(path).status_code == 404

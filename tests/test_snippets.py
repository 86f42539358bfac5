"""The ready code for clients, run as it stands against a real HTTP server."""

from __future__ import annotations

import ast
import threading
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from flask import Flask

from .browser.conftest import CHROMIUM, missing
from .browser.visitor import launched
from .conftest import DEMANDED
from .flows.test_client_libraries import Person
from .serving import listening, serving
from .snippets import SERVICE, code_for, registered, run, shell, text_of
from .support import Provider


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Provider, str]]:
    """A provider at a loopback address."""
    with serving(tmp_path_factory.mktemp("snippets")) as found:
        yield found


@pytest.fixture
def person(served: tuple[Provider, str]) -> Iterator[Person]:
    """Somebody who allows everything that needs no tick."""
    person = Person(served[1])
    yield person
    person.http.close()


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts the secrets of a client application into the environment."""
    for name in ("OAUTHLIB_INSECURE_TRANSPORT", "OAUTHLIB_RELAX_TOKEN_SCOPE"):
        monkeypatch.setenv(name, "")  # put back afterwards
        monkeypatch.delenv(name)

    def put(secret: str) -> None:
        monkeypatch.setenv("CLIENT_SECRET", secret)
        monkeypatch.setenv("SECRET_KEY", "of the client")

    return put


# --- people sign in -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("requests-oauthlib", "client_secret_basic"),
        ("requests-oauthlib", "client_secret_post"),
        ("authlib", "client_secret_basic"),
        ("authlib", "client_secret_post"),
        ("flask-oauthlib", "client_secret_post"),
    ],
)
def test_a_web_app(
    served: tuple[Provider, str], person: Person, secrets: Callable[..., None], name: str, method: str
) -> None:
    """The person leaves a scope out that they may leave out; libraries must bear that."""
    provider, _ = served
    client_id, secret = registered(provider, token_endpoint_auth_method=method, require_pkce=name != "flask-oauthlib")
    secrets(secret)
    text = text_of(provider, client_id, name)
    assert secret not in text
    names = run(text)
    http = names["app"].test_client()
    answer = person.allow(http.get("/login").headers["Location"])
    asked = dict(parse_qsl(urlsplit(answer).query))
    assert asked["state"]
    page = http.get(f"/cb?{urlsplit(answer).query}")
    assert page.json["answer"] == {"ping": "pong"}, page.text
    assert page.json["scope"] in ("email", ["email"])
    assert http.get(f"/cb?{urlsplit(answer).query}").status_code in (400, 403), "it came a second time"


@pytest.mark.parametrize("name", ["requests-oauthlib", "authlib"])
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_web_app_refreshes(
    served: tuple[Provider, str], person: Person, secrets: Callable[..., None], name: str, method: str
) -> None:
    provider, base = served
    client_id, secret = registered(provider, token_endpoint_auth_method=method)
    secrets(secret)
    names = run(text_of(provider, client_id, name))
    token = obtained(provider, person, client_id, secret, method)
    new = names["renewed"](token)
    assert new["refresh_token"] != token["refresh_token"]
    header = {"Authorization": f"Bearer {new['access_token']}"}
    assert requests.get(f"{base}/oauth/ping/", headers=header, timeout=5).json() == {"ping": "pong"}


def obtained(provider: Provider, person: Person, client_id: str, secret: str, method: str) -> dict[str, Any]:
    """A token, by curl and bash."""
    first, second = code_for(provider, client_id)["curl"].parts
    lines = shell(f'{first.text}\nprintf "%s\\n" "$verifier" "$state"').splitlines()
    address, verifier, state = lines
    answer = dict(parse_qsl(urlsplit(person.allow(address)).query))
    assert answer["state"] == state
    assert "PASTE_IT_HERE" in second.text
    script = second.text.replace("PASTE_IT_HERE", answer["code"])
    told = shell(f"verifier={verifier}\n{script}", secret).splitlines()
    assert told[-1] == '{"ping":"pong"}'
    return dict(ast.literal_eval("".join(told[:-1])))


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_curl(served: tuple[Provider, str], person: Person, method: str) -> None:
    provider, _ = served
    client_id, secret = registered(provider, token_endpoint_auth_method=method)
    assert obtained(provider, person, client_id, secret, method)["scope"] == "email"


def test_a_desktop_app(served: tuple[Provider, str], person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    import webbrowser

    provider, _ = served
    native = {"token_endpoint_auth_method": "none", "application_type": "native"}
    client_id, _ = registered(provider, redirect_uris=["http://127.0.0.1/callback"], **native)
    came: list[str] = []

    def opened(address: str) -> bool:
        answer = person.allow(address)
        elsewhere = answer.replace("/callback", "/favicon.ico")

        def come_back() -> None:
            came.extend(requests.get(url, timeout=5).text for url in (elsewhere, answer))

        threading.Thread(target=come_back).start()
        return True

    monkeypatch.setattr(webbrowser, "open", opened)
    said = StringIO()
    with redirect_stdout(said):
        names = run(text_of(provider, client_id, "device"))
    assert said.getvalue() == "email {'ping': 'pong'}\n"
    assert came == ["There is nothing here.", "You can close this window."]
    assert names["renewed"](names["token"])["refresh_token"] != names["token"]["refresh_token"]


PAGE = """<!doctype html><html lang="en"><title>App</title><button id="sign-in">Sign in</button>
<script type="module" src="/app.js"></script></html>"""


def test_a_single_page_app_in_a_browser(served: tuple[Provider, str]) -> None:
    provider, base = served
    reason = missing()
    if reason is not None:
        if "chromium" in DEMANDED:
            pytest.fail(reason)
        pytest.skip(reason)
    app = Flask("single-page app")
    app.add_url_rule("/cb", "page", lambda: PAGE)
    app.add_url_rule("/app.js", "code", lambda: (text, {"Content-Type": "text/javascript"}))
    app.add_url_rule("/favicon.ico", "favicon", lambda: ("", 204))
    with listening(app) as port, launched(CHROMIUM) as browser:
        home = f"http://127.0.0.1:{port}/cb"
        client_id, _ = registered(provider, redirect_uris=[home], token_endpoint_auth_method="none")
        text = text_of(provider, client_id, "browser")
        context = browser.new_context()
        context.set_default_timeout(20_000)
        context.request.post(f"{base}/login", form={"name": "ada"}, max_redirects=0)
        page, wrong = context.new_page(), []
        page.on("pageerror", lambda error: wrong.append(error.message))
        page.goto(home)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Allow").click()
        page.get_by_text("Signed in: email").wait_for()
        assert (page.url, wrong) == (home, [])
        page.goto(f"{home}?state=another&code=x")
        page.wait_for_function("location.search === ''")
        assert page.get_by_role("button", name="Sign in").is_enabled()
        assert wrong == ["This is the answer to a question that was asked elsewhere."]


# --- in its own name ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_service(served: tuple[Provider, str], secrets: Callable[..., None], method: str) -> None:
    provider, _ = served
    client_id, secret = registered(provider, token_endpoint_auth_method=method, scopes=["email"], **SERVICE)
    told = shell(text_of(provider, client_id, "curl-service"), secret).splitlines()
    assert told[-1] == '{"ping":"pong"}' and '"scope":"email"' in told[0]
    secrets(secret)
    for name in ("requests-oauthlib-service", "authlib-service"):
        said = StringIO()
        with redirect_stdout(said):
            run(text_of(provider, client_id, name))
        assert said.getvalue() in ("['email'] {'ping': 'pong'}\n", "email {'ping': 'pong'}\n"), name


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_resource_server(
    served: tuple[Provider, str], person: Person, secrets: Callable[..., None], method: str
) -> None:
    provider, _ = served
    client_id, secret = registered(
        provider, preset="resource-server", redirect_uris=[], scopes=[], token_endpoint_auth_method=method
    )
    service, other = registered(provider, scopes=["email"], **SERVICE)
    answer = shell(text_of(provider, service, "curl-service"), other).splitlines()[0]
    token = ast.literal_eval(answer)["access_token"]
    assert set(code_for(provider, client_id)) == {"curl-introspect", "requests-introspect"}
    secrets(secret)
    facts = run(text_of(provider, client_id, "requests-introspect"))["facts"]
    assert facts(token, "email")["client_id"] == service
    assert (facts(token, "notes"), facts(f"{token}x")) == (None, None)
    script = text_of(provider, client_id, "curl-introspect").replace("PASTE_IT_HERE", token)
    assert '"active":true' in shell(script, secret)

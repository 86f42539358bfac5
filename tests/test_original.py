"""The twelve behaviours that the original's own tests exercised, with today's answers.

One story each, under the names, paths, error codes and scopes of 2014. Where today's rules want another
answer, the story says which, and which setting brings the old one back. The eleventh is about the settings
pages, which are not there yet.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from flask import Flask, request
from flask_login import current_user
from jinja2 import meta

import flask_oauth2server
from flask_oauth2server import OAuth2Server, OAuth2ServerError, Scope, ScopeDoesNotExists, require_oauth
from flask_oauth2server.domain import redirect_uris

from .serving import serving
from .support import CALLBACK, Browser, Client, Provider, answer_of, bearer, hidden_fields

EXAMPLES = Path(__file__).parent.parent / "examples"
INFO, PING, INVALID = "/oauth/info/", "/oauth/ping/", "/oauth/invalid/"
#: As the original registered them for its tests: a confidential client and a public one.
KINDS = {"confidential": "client_secret_post", "public": "none"}


@pytest.fixture
def provider(make: Callable[..., Provider]) -> Provider:
    """A provider under test, where ``test:scope`` is registered and info is served."""
    return make(config={"TESTING": True})


def registered(provider: Provider, kind: str = "confidential", **values: Any) -> Client:
    """The client that is named after its kind."""
    values = {"scopes": ["test:scope"], "token_endpoint_auth_method": KINDS[kind], **values}
    return provider.client(name=kind, client_id=kind, **values)


@pytest.fixture(params=KINDS)
def client(request: pytest.FixtureRequest, provider: Provider) -> Client:
    return registered(provider, request.param)


def body_of(client: Client) -> dict[str, Any]:
    """How both kinds name themselves: in the body, with the secret if there is one."""
    return {"basic": False, "client_id": client.client_id, "client_secret": client.secret}


def asking(client: Client, **changes: str | None) -> str:
    """The address that asks for ``test:scope``."""
    return client.address(**{"scope": "test:scope", **changes})


def tokens_of(client: Client, browser: Browser) -> dict[str, Any]:
    code = answer_of(browser.allow(asking(client)))["code"]
    response = client.exchange(code, **body_of(client))
    assert response.status_code == 200, response.text
    return response.json


def status(provider: Provider, path: str, token: str) -> int:
    return int(provider.api().get(path, headers=bearer(token)).status_code)


# --- 1 to 4: values, the page, the code, the refresh ------------------------------------------------


def test_1_ids_and_secrets_are_of_the_configured_lengths(make: Callable[..., Provider]) -> None:
    def lengths(**config: int) -> tuple[int, int, int]:
        provider = make(config=config)
        client = provider.client()
        with provider.app.app_context():
            token = provider.oauth2.create_personal_token(provider.user("ada"), name="x", scopes=["email"])
        # A secret and a token have a prefix that tells their kind, and a checksum, around what was drawn.
        return len(client.client_id), len(client.secret or "") - len("o2s_") - 6, len(token) - len("o2p_") - 6

    assert lengths() == (40, 60, 60)
    longer = {
        "OAUTH2_CLIENT_ID_SALT_LEN": 50,
        "OAUTH2_CLIENT_SECRET_SALT_LEN": 70,
        "OAUTH2_TOKEN_PERSONAL_SALT_LEN": 80,
    }
    assert lengths(**longer) == (50, 70, 80)
    # What could be guessed is not followed: 22 of 62 characters are 130 bits, 43 are 256.
    assert lengths(**dict.fromkeys(longer, 8)) == (22, 43, 43)


def test_2_authorize_answers_good_and_bad_requests(provider: Provider, client: Client) -> None:
    ada = provider.browser("ada")
    page = ada.visit(asking(client))
    assert page.status_code == 200
    assert client.client_id in page.text
    for changes, error in (
        ({"scope": "INVALID"}, "invalid_scope"),
        ({"response_type": "invalid"}, "unsupported_response_type"),  # was: unauthorized_client
        ({"response_type": None}, "invalid_request"),
    ):
        response = ada.visit(asking(client, **changes))
        assert response.status_code == 302
        assert response.headers["Location"].startswith(f"{CALLBACK}?")
        assert answer_of(response)["error"] == error


def test_2_what_may_not_be_redirected_is_a_page_in_place(provider: Provider, client: Client) -> None:
    """The original redirected to the page of errors, and a doubled client_id even to the client."""
    ada = provider.browser("ada")
    for address, shown in (
        (f"{asking(client)}&client_id={client.client_id}", "invalid_request"),
        (asking(client, client_id="invalid"), "invalid_request (invalid_client_id)"),
        (asking(client, redirect_uri="https://client.example/other"), "invalid_request (mismatching_redirect_uri)"),
    ):
        page = ada.visit(address)
        assert (page.status_code, "Location" in page.headers) == (400, False)
        assert f"<code>{shown}</code>" in page.text
    page = ada.visit("/oauth/errors/?error=invalid_client_id")
    assert (page.status_code, "invalid_client_id" in page.text) == (200, True)


def test_3_a_code_becomes_a_token(provider: Provider, client: Client) -> None:
    ada = provider.browser("ada")
    answer = answer_of(ada.allow(asking(client, state="the state")))
    assert answer["state"] == "the state"
    # The redirect URI may be left out at the token endpoint: the challenge binds the code.
    response = client.exchange(answer["code"], redirect_uri=None, **body_of(client))
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert (response.json["scope"], response.json["token_type"]) == ("test:scope", "Bearer")
    assert (
        response.json["expires_in"]
        == provider.app.extensions["oauth2server"].settings["OAUTH2_PROVIDER_TOKEN_EXPIRES_IN"]
    )
    assert response.json["access_token"] != response.json["refresh_token"]
    assert status(provider, INFO, response.json["access_token"]) == 200


def test_3_a_client_of_then_sends_no_challenge(provider: Provider) -> None:
    """It is confidential, and registered as one that cannot; then nothing else was sent with the code."""
    client, ada = registered(provider, require_pkce=False), provider.browser("ada")
    bare = {"code_challenge": None, "code_challenge_method": None, "redirect_uri": None}
    code = answer_of(ada.allow(asking(client, **bare)))["code"]
    response = client.exchange(code, code_verifier=None, redirect_uri=None, **body_of(client))
    assert response.json["scope"] == "test:scope"


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_4_a_refresh_gives_two_new_tokens(make: Callable[..., Provider], kind: str, ended: bool) -> None:
    """The old access token ended at once; today it lives to its end, unless that is set."""
    provider = make(config={"TESTING": True, "OAUTH2_REVOKE_ACCESS_ON_REFRESH": ended})
    client = registered(provider, kind)
    first = tokens_of(client, provider.browser("ada"))
    second = client.refresh(first["refresh_token"], **body_of(client)).json
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert status(provider, PING, second["access_token"]) == 200
    assert status(provider, PING, first["access_token"]) == (401 if ended else 200)
    replayed = client.refresh(first["refresh_token"], **body_of(client))
    assert (replayed.status_code, replayed.json["error"]) == (400, "invalid_grant")


# --- 5: the whole way, with the client application of the documentation ------------------------------


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Provider, str]]:
    """A provider at a loopback address."""
    with serving(tmp_path_factory.mktemp("original"), TESTING=True) as found:
        yield found


@pytest.fixture
def application(served: tuple[Provider, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The published example as it stands: a browser at it. Its client has the name and secret that it knows."""
    provider, base = served
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the client's oauthlib refuses loopback
    spec = importlib.util.spec_from_file_location("published_example", EXAMPLES / "published_example.py")
    assert spec is not None and spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    app = Flask("oauth2test")
    app.config.update(SECRET_KEY="x", CFG_SITE_SECURE_URL=base)
    for name in ("ping", "info", "invalid"):
        app.add_url_rule(f"/oauth/{name}/", f"oauth2server.{name}", build_only=True)
    example.create_client(app, "oauth2test")
    registered(
        provider,
        client_secret="confidential",
        redirect_uris=["http://localhost/oauth2test/authorized"],
        require_pkce=False,
    )
    yield app.test_client()
    with provider.app.app_context():
        provider.oauth2.delete_client(provider.oauth2.get_client("confidential"))


def decide(base: str, address: str, confirm: str) -> str:
    """Sign in as ada and press a button; where the browser is sent."""
    with requests.Session() as http:
        http.post(f"{base}/login", data={"name": "ada"}, allow_redirects=False)
        page = http.get(address, allow_redirects=False)
        if page.status_code == 200:
            page = http.post(address, data={**hidden_fields(page), "confirm": confirm}, allow_redirects=False)
        return str(page.headers["Location"])


@pytest.mark.filterwarnings("ignore:The 'warn' method is deprecated:DeprecationWarning")  # of its library
def test_5_the_flow_of_a_client_application_in_the_browser(served: tuple[Provider, str], application: Any) -> None:
    def get(name: str) -> Any:
        return application.get(f"/oauth2test/{name}")

    assert get("test-ping").status_code == 403
    for _ in range(2):
        asked = get("login")
        assert asked.status_code == 302
        came = application.get(decide(served[1], asked.headers["Location"], "yes"))
        assert (came.json["scope"], came.json["token_type"]) == ("test:scope", "Bearer")
        assert json.loads(get("test-ping").text) == {"ping": "pong"}
        told = json.loads(get("test-info").text)
        assert told == {"user": "1", "client": "confidential", "scopes": ["test:scope"]}
        assert get("test-invalid").status_code == 403  # was: 401, a scope that is not held
        assert get("logout").text == "logout"
        assert get("test-ping").status_code == 403


def test_5_the_same_for_a_public_client(provider: Provider) -> None:
    client, ada = registered(provider, "public"), provider.browser("ada")
    for _ in range(2):
        token = tokens_of(client, ada)["access_token"]
        assert provider.api().get(PING, headers=bearer(token)).json == {"ping": "pong"}
        assert provider.api().post(PING, headers=bearer(token)).json == {"ping": "pong"}
        told = provider.api().get(INFO, headers=bearer(token)).json
        assert told == {"user": "1", "client": "public", "scopes": ["test:scope"]}
        refused = provider.api().get(INVALID, headers=bearer(token))
        assert (refused.status_code, refused.json["error"]) == (403, "insufficient_scope")
        assert client.post("/oauth/revoke", token=token).status_code == 200
        assert status(provider, PING, token) == 401


# --- 6 to 10: the other grants and tokens ---------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_6_the_implicit_grant_where_it_is_switched_on(make: Callable[..., Provider], kind: str) -> None:
    provider = make(config={"TESTING": True, "OAUTH2_ENABLE_IMPLICIT": True})
    client = registered(provider, kind, response_types=["token", "code"])
    bare = {"code_challenge": None, "code_challenge_method": None}
    location = provider.browser("ada").allow(asking(client, response_type="token", **bare)).headers["Location"]
    parts = urlsplit(location)
    assert (f"{parts.scheme}://{parts.netloc}{parts.path}", parts.query) == (CALLBACK, "")
    answer = dict(parse_qsl(parts.fragment, strict_parsing=True))
    assert (answer["state"], answer["scope"], answer["token_type"]) == ("xyz", "test:scope", "Bearer")
    assert "refresh_token" not in answer
    told = provider.api().get(INFO, headers=bearer(answer["access_token"])).json
    assert told == {"user": "1", "client": kind, "scopes": ["test:scope"]}


def test_6_it_is_off_unless_it_is_switched_on(provider: Provider, client: Client) -> None:
    response = provider.browser("ada").visit(asking(client, response_type="token"))
    assert answer_of(response)["error"] == "unsupported_response_type"


def test_7_client_credentials_are_for_confidential_clients(provider: Provider) -> None:
    public = registered(provider, "public")
    response = public.post("/oauth/token", grant_type="client_credentials", scope="test:scope")
    assert (response.status_code, response.json["error"]) == (401, "invalid_client")
    with provider.app.app_context():
        model, secret = provider.oauth2.create_client(
            name="confidential",
            client_id="confidential",
            owner=provider.user("bob"),
            scopes=["test:scope"],
            token_endpoint_auth_method="client_secret_post",
        )
        service = Client(provider, model.client_id, secret, [])
    asked = {"grant_type": "client_credentials", "scope": "test:scope"}
    response = service.post("/oauth/token", **asked, **body_of(service))
    assert set(response.json) == {"access_token", "token_type", "expires_in", "scope"}
    # It reported the owner as the user; today the token speaks for nobody, and info names the owner as such.
    told = provider.api().get(INFO, headers=bearer(response.json["access_token"])).json
    assert told == {"user": None, "client": "confidential", "client_owner": "2", "scopes": ["test:scope"]}


def test_7_credentials_in_the_address_are_refused(provider: Provider) -> None:
    """As the original's own test sent them."""
    service = registered(provider, redirect_uris=[])
    address = f"/oauth/token?grant_type=client_credentials&client_id=confidential&client_secret={service.secret}"
    for data in (None, {"scope": "test:scope"}):
        response = provider.api().post(address, data=data)
        assert (response.status_code, response.json["error"]) == (400, "invalid_request")


def test_8_a_denied_consent_is_told_to_the_client(provider: Provider, client: Client) -> None:
    ada = provider.browser("ada")
    response = ada.answer(ada.visit(asking(client)), "no")
    assert response.headers["Location"].startswith(f"{CALLBACK}?error=access_denied")
    assert answer_of(response)["state"] == "xyz"


@pytest.mark.filterwarnings("ignore:The 'warn' method is deprecated:DeprecationWarning")  # of its library
def test_8_the_client_application_says_so(served: tuple[Provider, str], application: Any) -> None:
    asked = application.get("/oauth2test/login").headers["Location"]
    came = application.get(decide(served[1], asked, "no"))
    assert came.text == "Access denied: error=access_denied"
    assert application.get("/oauth2test/test-ping").status_code == 403


def test_9_a_personal_token(provider: Provider) -> None:
    with provider.app.app_context():
        ada = provider.user("ada")
        token = provider.oauth2.create_personal_token(ada, name="mine", scopes=[])
        other = provider.oauth2.create_personal_token(ada, name="other", scopes=["test:scope"])
    assert status(provider, PING, token) == 200
    assert status(provider, INFO, token) == 403  # was: 401, a scope that is not held
    told = provider.api().get(INFO, headers=bearer(other)).json
    assert told == {"user": "1", "client": None, "scopes": ["test:scope"]}


@pytest.mark.parametrize("query", [False, True])
def test_10_where_a_token_may_be(make: Callable[..., Provider], query: bool) -> None:
    """In the header; in the query where that is switched on; in the body no more."""
    provider = make(config={"TESTING": True, "OAUTH2_ENABLE_QUERY_TOKEN": query})
    token = tokens_of(registered(provider), provider.browser("ada"))["access_token"]
    api = provider.api()
    for scheme in ("Bearer", "bearer"):
        assert api.get(PING, headers={"Authorization": f"{scheme} {token}"}).json == {"ping": "pong"}
    assert api.get(f"{PING}?access_token={token}").status_code == (200 if query else 401)
    assert api.post(PING, data={"access_token": token}).status_code == 401
    assert api.get(PING).status_code == 401


# --- 12: models -----------------------------------------------------------------------------------


def test_12_models(provider: Provider) -> None:
    scopes = provider.oauth2.scopes
    scopes.register(Scope("test:scope1"))
    scopes.register(Scope("test:scope2"))
    with provider.app.app_context():
        models, ada = provider.oauth2.models, provider.user("ada")
        service, _ = provider.oauth2.create_client(name="Service", scopes=["test:scope1"])
        assert (service.default_redirect_uri, service.redirect_uris) == (None, [])
        client, _ = provider.oauth2.create_client(
            name="Reader",
            redirect_uris=[CALLBACK, f"{CALLBACK}/2"],
            scopes=["test:scope1", "test:scope2", "test:scope1"],
        )
        assert (client.default_redirect_uri, client.redirect_uris) == (CALLBACK, [CALLBACK, f"{CALLBACK}/2"])
        assert client.scopes == ["test:scope1", "test:scope2"]
        assert (client.client_type, client.is_confidential) == ("confidential", True)
        assert client.allowed_grant_types == ["authorization_code", "refresh_token"]
        assert client.allowed_response_types == ["code"]
        twice = ["test:scope1", "test:scope2", "test:scope2"]
        provider.oauth2.create_personal_token(ada, name="mine", scopes=twice)
        assert provider.db.session.query(models.Token).one().scopes == ["test:scope1", "test:scope2"]
        assert scopes.validated(twice) == ["test:scope1", "test:scope2"]
        for name in ("INVALID", ""):
            with pytest.raises(ScopeDoesNotExists) as refusal:
                provider.oauth2.create_personal_token(ada, name="mine", scopes=[name])
            assert refusal.value.scope == name
            assert isinstance(refusal.value, OAuth2ServerError)
        with pytest.raises(OAuth2ServerError, match="'INVALID' is not offered here"):
            provider.oauth2.create_client(name="Reader", scopes=["INVALID"])


@pytest.mark.parametrize(
    ("uri", "good"),
    [
        ("https://client.example/cb", True),
        ("http://localhost/cb", True),
        ("http://127.0.0.1:5000/cb", True),
        ("http://client.example/cb", False),
        ("client.example", False),
    ],
)
def test_12_plain_http_is_for_this_machine_alone(provider: Provider, uri: str, good: bool) -> None:
    """The rule that the forms of the settings page had; the registration has it now."""
    with provider.app.app_context():
        if good:
            client, _ = provider.oauth2.create_client(name="Reader", redirect_uris=[uri], scopes=[])
            assert client.redirect_uris == [uri]
        else:
            with pytest.raises(OAuth2ServerError, match="redirect_uris"):
                provider.oauth2.create_client(name="Reader", redirect_uris=[uri], scopes=[])
            with pytest.raises(ValueError, match="https"):
                redirect_uris.check(uri, native=False)


# --- names ----------------------------------------------------------------------------------------


def test_public_names() -> None:
    assert flask_oauth2server.__version__ == "0.1.0.dev0"
    assert {"OAuth2Server", "__version__"} <= set(flask_oauth2server.__all__)
    scope = Scope("test:scope", "Help", "Group", True)
    assert (scope.id, scope.help_text, scope.group, scope.is_internal) == ("test:scope", "Help", "Group", True)
    scope = Scope(id_="test:scope", help_text="Help", group="Group", internal=True)
    assert (scope.id, scope.help_text, scope.group, scope.is_internal) == ("test:scope", "Help", "Group", True)
    bare = Scope("test:scope")
    assert (bare.help_text, bare.group, bare.is_internal) == ("", "", False)


def test_scopes_are_registered_and_offered(make: Callable[..., Provider]) -> None:
    scopes = make().oauth2.scopes
    hidden = scopes.register(Scope("test:internal", internal=True))
    assert "test:internal" not in [name for name, _ in scopes.choices()]
    assert ("test:internal", hidden) in scopes.choices(exclude_internal=False)
    with pytest.raises(OAuth2ServerError, match="takes a Scope"):
        scopes.register("test:scope")  # type: ignore[arg-type]


def test_the_extension_is_found_on_its_app_and_made_once(tmp_path: Path) -> None:
    app = Flask("myapp", instance_path=str(tmp_path))
    del app.extensions  # as in a Flask of those days
    ext = OAuth2Server(app=app)
    assert app.extensions["oauth2server"].extension is ext
    for again in (lambda: ext.init_app(app), lambda: OAuth2Server(app)):
        with pytest.raises(RuntimeError, match="already initialised"):
            again()


def test_endpoints_keep_their_names_and_paths(provider: Provider) -> None:
    rules = {rule.endpoint: rule for rule in provider.app.url_map.iter_rules()}
    for name, path in (
        ("authorize", "/oauth/authorize"),
        ("access_token", "/oauth/token"),
        ("errors", "/oauth/errors/"),
        ("ping", PING),
        ("info", INFO),
        ("invalid", INVALID),
    ):
        assert rules[f"oauth2server.{name}"].rule == path


def test_settings_keep_their_names_and_defaults(make: Callable[..., Provider]) -> None:
    settings = make().app.extensions["oauth2server"].settings
    kept = {
        "OAUTH2_PROVIDER_ERROR_ENDPOINT": "oauth2server.errors",
        "OAUTH2_PROVIDER_TOKEN_EXPIRES_IN": 3600,
        "OAUTH2_CLIENT_ID_SALT_LEN": 40,
        "OAUTH2_CLIENT_SECRET_SALT_LEN": 60,
        "OAUTH2_TOKEN_PERSONAL_SALT_LEN": 60,
    }
    assert {name: settings[name] for name in kept} == kept
    old = {
        "OAUTH2_ALLOWED_GRANT_TYPES": ["authorization_code", "client_credentials", "refresh_token"],
        "OAUTH2_ALLOWED_RESPONSE_TYPES": ["code", "token"],
    }
    with pytest.warns(UserWarning, match="OAUTH2_CACHE_TYPE has no effect"):
        provider = make(config={**old, "OAUTH2_CACHE_TYPE": "redis", "CACHE_REDIS_URL": "redis://localhost"})
    metadata = provider.api().get("/.well-known/oauth-authorization-server").json
    assert sorted(metadata["grant_types_supported"]) == old["OAUTH2_ALLOWED_GRANT_TYPES"]
    assert metadata["response_types_supported"] == ["code"]


@pytest.mark.parametrize("where", ["neither", "testing", "debug"])
def test_info_and_its_scope_are_for_testing_and_debug(make: Callable[..., Provider], where: str) -> None:
    config = {"neither": {}, "testing": {"TESTING": True}, "debug": {"DEBUG": True}}[where]
    provider = make(config=config)
    assert provider.api().get(INFO).status_code == (404 if where == "neither" else 401)
    assert ("test:scope" in provider.app.extensions["oauth2server"].scopes) is (where != "neither")
    assert provider.api().get(INVALID).status_code == 401


def test_a_protected_view_knows_user_client_and_scopes(provider: Provider, client: Client) -> None:
    """After a valid token its user is logged in for the request, and for this request alone."""

    @provider.app.get("/protected")
    @require_oauth("test:scope")
    def protected() -> Any:
        oauth = request.oauth  # type: ignore[attr-defined]
        return {
            "user": oauth.user.name,
            "client": oauth.client.client_id,
            "scopes": oauth.scopes,
            "current_user": current_user.name,
        }

    token = tokens_of(client, provider.browser("ada"))["access_token"]
    bob = provider.browser("bob")
    response = bob.http.get("/protected", headers=bearer(token))
    told = {"user": "ada", "client": client.client_id, "scopes": ["test:scope"], "current_user": "ada"}
    assert response.json == told
    assert "Signed in as" in (page := bob.visit(asking(client)).text) and "bob" in page


@pytest.mark.parametrize("name", ["authorize", "errors"])
def test_a_template_extends_its_base(provider: Provider, name: str) -> None:
    environment = provider.app.jinja_env
    source = environment.loader.get_source(environment, f"oauth2server/{name}.html")[0]  # type: ignore[union-attr]
    found = list(meta.find_referenced_templates(environment.parse(source)))
    assert found == [f"oauth2server/{name}_base.html"]


def test_the_page_groups_scopes(provider: Provider) -> None:
    provider.oauth2.scopes.register(Scope("test:photos", "See your photos", group="Library"))
    client = registered(provider, scopes=["test:scope", "test:photos"])
    text = provider.browser("ada").visit(client.address(scope="test:scope test:photos")).text
    assert text.index("Library") < text.index("See your photos")
    assert "Test that signing in works" in text


def test_the_password_grant_is_gone(provider: Provider, client: Client) -> None:
    asked = {"grant_type": "password", "username": "ada", "password": "x"}
    response = client.post("/oauth/token", **asked, **body_of(client))
    assert (response.status_code, response.json["error"]) == (400, "unsupported_grant_type")
    with pytest.raises(OAuth2ServerError, match="'password' is not offered here"):
        provider.client(grant_types=["password"])

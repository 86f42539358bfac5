"""Flask-WTF's CSRFProtect is lived with, whichever of the two is initialised first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint
from flask.views import MethodView
from flask_wtf import CSRFProtect

from flask_oauth2server import require_oauth

from .support import Provider, answer_of, bearer


def add_views(provider: Provider) -> None:
    app = provider.app

    @app.post("/protected")
    @require_oauth("email")
    def protected() -> str:
        return "protected"

    @app.post("/optional")
    @require_oauth("email", optional=True)
    def optional() -> str:
        return "optional"

    @app.post("/plain")
    def plain() -> str:
        return "plain"

    class Mixed(MethodView):
        @require_oauth("email")
        def post(self) -> str:
            return "post"

        def put(self) -> str:
            return "put"

    app.add_url_rule("/mixed", view_func=Mixed.as_view("mixed"))
    blueprint = Blueprint("api", __name__, url_prefix="/api")
    blueprint.before_request(provider.oauth2.protect("email"))
    blueprint.add_url_rule("/", "index", lambda: "api", methods=["POST"])
    app.register_blueprint(blueprint)


@pytest.fixture(params=["before", "after"])
def provider(request: pytest.FixtureRequest, make: Callable[..., Provider]) -> Provider:
    csrf = CSRFProtect()
    login = {"WTF_CSRF_TIME_LIMIT": None}

    def before(app: Any) -> None:
        csrf.exempt(app.view_functions["login"])
        csrf.exempt(app.view_functions["logout"])
        if request.param == "before":
            csrf.init_app(app)

    provider = make(before=before, config=login)
    if request.param == "after":
        csrf.init_app(provider.app)
    add_views(provider)
    return provider


def test_the_whole_flow(provider: Provider) -> None:
    client, ada = provider.client(), provider.browser("ada")
    tokens = client.tokens(ada)
    assert client.refresh(tokens["refresh_token"]).status_code == 200
    assert client.post("/oauth/introspect", token=tokens["access_token"]).json["active"] is True
    assert client.post("/oauth/revoke", token=tokens["access_token"]).status_code == 200
    assert provider.api().post("/oauth/ping/", headers=bearer("x")).status_code == 401


def test_a_token_passes_to_protected_views_alone(provider: Provider) -> None:
    token = provider.client().tokens(provider.browser("ada"))["access_token"]
    api = provider.api()

    def status(method: str, path: str, **headers: str) -> int:
        return int(api.open(path, method=method, headers=headers).status_code)

    good = bearer(token)
    assert status("POST", "/protected", **good) == 200
    assert status("POST", "/optional", **good) == 200
    assert status("POST", "/mixed", **good) == 200
    assert status("POST", "/api/", **good) == 200
    # Not protected by a token, so a token opens nothing there.
    assert status("POST", "/plain", **good) == 400
    assert status("PUT", "/mixed", **good) == 400
    # Without a token CSRFProtect has its say, as everywhere.
    assert status("POST", "/protected") == 400
    assert status("POST", "/optional") == 400
    assert status("POST", "/optional", Authorization="Basic YTpi") == 400
    assert status("POST", "/optional", Authorization="Bearer ") == 400


def test_a_bad_token_passes_to_its_refusal(provider: Provider) -> None:
    assert provider.api().post("/optional", headers=bearer("garbage")).status_code == 401


def test_a_view_of_the_same_name_and_module_stays_protected(provider: Provider, make: Any) -> None:
    """``exempt()`` works by module and name; passing works by the view object."""

    def protected() -> str:
        return "another"

    other = make(before=lambda app: CSRFProtect(app))
    other.app.add_url_rule("/a", "a", require_oauth("email")(protected), methods=["POST"])
    other.app.add_url_rule("/b", "b", protected, methods=["POST"])
    assert other.api().post("/a", headers=bearer("x")).status_code == 401
    assert other.api().post("/b", headers=bearer("x")).status_code == 400


def test_consent_is_still_guarded(provider: Provider) -> None:
    client, ada = provider.client(), provider.browser("ada")
    page = ada.visit(client.address())
    for data in ({}, {"csrf_token": "x"}):
        fields = {"ticket": "x", "confirm": "yes", **data}
        again = ada.http.post(client.address(), data=fields)
        assert (again.status_code, "Location" in again.headers) == (200, False)
    assert answer_of(ada.answer(page))["code"]


def test_one_csrf_protect_for_two_apps(make: Any) -> None:
    csrf = CSRFProtect()
    one, two = make(before=csrf.init_app), make(before=csrf.init_app)
    for provider in (one, two):
        service = provider.client(redirect_uris=[], scopes=["email"])
        assert service.post("/oauth/token", grant_type="client_credentials", scope="email").status_code == 200


def test_an_app_without_us_keeps_its_protection(make: Any) -> None:
    from flask import Flask

    csrf = CSRFProtect()
    make(before=csrf.init_app)
    app = Flask("other")
    app.secret_key = "x"
    csrf.init_app(app)
    app.add_url_rule("/plain", "plain", lambda: "plain", methods=["POST"])
    assert app.test_client().post("/plain", headers=bearer("x")).status_code == 400


def test_forms_of_development_mode(tmp_path: Any) -> None:
    from .support import hidden_fields
    from .test_development import path_of, start

    app, printed = start(tmp_path)
    CSRFProtect(app)
    http = app.test_client()
    page = http.get(path_of(printed), follow_redirects=True)
    assert http.post("/oauth/sign-in/", data={**hidden_fields(page), "name": "ada"}).status_code == 303
    assert http.post("/oauth/sign-in/", data={"name": "ada"}).status_code == 400

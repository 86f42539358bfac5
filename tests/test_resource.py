"""RFC 6750: protected views, their challenges, and who the token speaks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint, g, request
from flask.views import MethodView, View
from flask_login import current_user

from flask_oauth2server import Scope, clock, current_token, require_oauth, signals

from .support import Browser, Client, Provider, bearer


def add_views(provider: Provider) -> None:
    app = provider.app

    @app.get("/any")
    @require_oauth()
    def any_token() -> Any:
        return {"user": current_user.get_id(), "client": current_token.client_id, "scopes": request.oauth.scopes}

    @app.route("/email", methods=["GET", "POST"])
    @require_oauth("email")
    def email() -> Any:
        return {"name": current_user.name}

    @app.get("/both")
    @require_oauth("email", "profile")
    def both() -> Any:
        return "both"

    @app.get("/either")
    @require_oauth(any_of=("profile", "notes"))
    def either() -> Any:
        return "either"

    @app.get("/optional")
    @require_oauth("email", optional=True)
    def optional() -> Any:
        return {"token": bool(current_token)}

    @app.get("/async")
    @require_oauth("email")
    async def asynchronous() -> Any:
        return {"name": current_user.name}

    @app.get("/me-by-session")
    def by_session() -> Any:
        return {"name": current_user.name if current_user.is_authenticated else None}

    @app.get("/who")
    def who() -> Any:
        return {"user": current_user.get_id(), "token": bool(current_token), "g": "_login_user" in g}

    @app.get("/context")
    @require_oauth()
    def context() -> Any:
        oauth = request.oauth
        return {"user": oauth.user.name, "client": oauth.client.name, "scopes": oauth.scopes}

    @app.get("/token")
    @require_oauth()
    def tell() -> Any:
        info = current_token
        lives = (info.expires_at - info.issued_at).total_seconds()
        return {
            "lives": lives,
            "personal": info.is_personal,
            "audience": info.audience,
            "user_id": info.user_id,
            "repr": repr(info._get_current_object()),
        }

    @app.get("/unfinished")
    @require_oauth()
    def unfinished() -> Any:
        provider.user("bob").name = "robert"  # never committed
        provider.db.session.flush()
        return "done"

    @app.get("/plain")
    @require_oauth("email")
    def plain() -> Any:
        return "plain"

    class Whole(View):
        decorators = (require_oauth("email"),)

        def dispatch_request(self) -> Any:
            return {"name": current_user.name}

    @require_oauth("email")
    class Decorated(MethodView):
        def get(self) -> Any:
            return {"name": current_user.name}

    class Methods(MethodView):
        @require_oauth("email")
        def get(self) -> Any:
            return {"name": current_user.name}

        @require_oauth("profile")
        async def post(self) -> Any:
            return {"name": current_user.name}

    app.add_url_rule("/whole", view_func=Whole.as_view("whole"))
    app.add_url_rule("/decorated", view_func=Decorated.as_view("decorated"))
    app.add_url_rule("/methods", view_func=Methods.as_view("methods"))

    blueprint = Blueprint("api", __name__, url_prefix="/api")
    blueprint.before_request(provider.oauth2.protect("email"))

    @blueprint.get("/me")
    def me() -> Any:
        return {"name": current_user.name}

    app.register_blueprint(blueprint)


@pytest.fixture
def provider(make: Callable[..., Provider]) -> Provider:
    provider = make()
    add_views(provider)
    return provider


@pytest.fixture
def token(client: Client, ada: Browser) -> str:
    return str(client.tokens(ada)["access_token"])


def get(provider: Provider, path: str, token: str | None = None, **headers: str) -> Any:
    sent = {**(bearer(token) if token else {}), **headers}
    return provider.api().get(path, headers=sent)


VIEWS = ["/email", "/async", "/whole", "/decorated", "/methods", "/api/me"]


@pytest.mark.parametrize("path", VIEWS)
def test_every_kind_of_view_knows_the_user(provider: Provider, token: str, path: str) -> None:
    assert get(provider, path, token).json == {"name": "ada"}


@pytest.mark.parametrize("path", VIEWS)
def test_without_a_token_the_challenge_names_no_error(provider: Provider, path: str) -> None:
    response = get(provider, path)
    assert response.status_code == 401
    challenge = response.headers["WWW-Authenticate"]
    assert challenge == 'Bearer realm="OAuth 2.0", scope="email"'
    assert response.mimetype == "application/json"


@pytest.mark.parametrize("path", VIEWS)
@pytest.mark.parametrize("bad", ["garbage", "o2a_" + "x" * 49, "x" * 5000, "ü"])
def test_a_bad_token(provider: Provider, path: str, bad: str) -> None:
    response = get(provider, path, Authorization=f"Bearer {bad}".encode().decode("latin-1"))
    assert (response.status_code, response.json["error"]) == (401, "invalid_token")
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


def test_methods_of_one_class_may_ask_for_different_scopes(provider: Provider, token: str) -> None:
    response = provider.api().post("/methods", headers=bearer(token))
    assert response.status_code == 403


def test_too_few_scopes_are_named_all_at_once(provider: Provider, client: Client, ada: Browser) -> None:
    token = client.tokens(ada, scope="profile")["access_token"]
    response = get(provider, "/both", token)
    assert (response.status_code, response.json["error"]) == (403, "insufficient_scope")
    challenge = response.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="email profile"' in challenge
    assert "lacks: email." in response.json["error_description"]


def test_one_of_several_scopes(provider: Provider, client: Client, ada: Browser, token: str) -> None:
    response = get(provider, "/either", token)
    assert response.status_code == 403
    assert "lacks: profile or notes." in response.json["error_description"]
    assert get(provider, "/either", client.tokens(ada, scope="profile")["access_token"]).text == "either"


def test_scopes_are_compared_as_whole_words(provider: Provider, ada: Browser) -> None:
    provider.oauth2.scopes.register(Scope("emailer", "x"))
    provider.oauth2.scopes.register(Scope("e", "x"))
    client = provider.client(scopes=["emailer", "e"])
    assert get(provider, "/email", client.tokens(ada, scope="emailer e")["access_token"]).status_code == 403


def test_an_optional_token(provider: Provider, client: Client, ada: Browser, token: str) -> None:
    assert get(provider, "/optional").json == {"token": False}
    assert get(provider, "/optional", token).json == {"token": True}
    assert get(provider, "/optional", "garbage").status_code == 401
    assert get(provider, "/optional", client.tokens(ada, scope="profile")["access_token"]).status_code == 403


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_in_any_case(provider: Provider, token: str, scheme: str) -> None:
    assert get(provider, "/email", Authorization=f"{scheme} {token}").status_code == 200


@pytest.mark.parametrize("header", ["BearerX {}", "Bearer{}", "Token {}", "Basic {}", "{}", "DPoP {}", ""])
def test_another_scheme_is_no_token(provider: Provider, token: str, header: str) -> None:
    response = get(provider, "/email", Authorization=header.format(token))
    assert response.status_code == 401
    assert "error" not in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer a b", "Bearer {}, Bearer {}", 'Bearer "{}"'])
def test_a_malformed_header(provider: Provider, token: str, header: str) -> None:
    response = get(provider, "/email", Authorization=header.format(token, token))
    assert (response.status_code, response.json["error"]) == (400, "invalid_request")


def test_a_token_in_the_query_is_none(provider: Provider, token: str) -> None:
    assert get(provider, f"/email?access_token={token}").status_code == 401
    assert get(provider, f"/email?access_token={token}", token).status_code == 400


def test_a_token_in_the_body_is_none(provider: Provider, token: str) -> None:
    assert provider.api().post("/email", data={"access_token": token}).status_code == 401


def test_a_token_in_the_query_where_that_is_switched_on(make: Callable[..., Provider]) -> None:
    provider = make(config={"OAUTH2_ENABLE_QUERY_TOKEN": True})
    add_views(provider)
    token = provider.client().tokens(provider.browser("ada"))["access_token"]
    assert get(provider, f"/email?access_token={token}").json == {"name": "ada"}
    assert get(provider, f"/email?access_token={token}", token).status_code == 400
    assert get(provider, f"/email?access_token={token}&access_token={token}").status_code == 400


def test_values_of_other_kinds_open_nothing(provider: Provider, client: Client, ada: Browser) -> None:
    code = client.code(ada)
    refresh = client.tokens(ada)["refresh_token"]
    for value in (code, refresh, client.secret, client.client_id):
        assert get(provider, "/any", value).status_code == 401


# --- who it speaks for ----------------------------------------------------------------------------


def test_client_credentials_speak_for_nobody_not_even_the_owner(provider: Provider) -> None:
    with provider.app.app_context():
        owner = provider.user("ada")
        client, secret = provider.oauth2.create_client(name="Service", scopes=["email"], owner=owner)
        service = Client(provider, client.client_id, secret, [])
    token = service.post("/oauth/token", grant_type="client_credentials", scope="email").json["access_token"]
    assert get(provider, "/any", token).json == {"user": None, "client": service.client_id, "scopes": ["email"]}


def test_a_personal_token_has_no_client(provider: Provider) -> None:
    with provider.app.app_context():
        token = provider.oauth2.create_personal_token(provider.user("bob"), name="laptop", scopes=["email"])
    assert get(provider, "/any", token).json == {"user": "2", "client": None, "scopes": ["email"]}
    assert get(provider, "/both", token).status_code == 403


def test_the_token_s_user_wins_over_the_session_s_for_this_request_only(
    provider: Provider, client: Client, ada: Browser, token: str
) -> None:
    bob = provider.browser("bob")

    response = bob.http.get("/email", headers=bearer(token))
    assert response.json == {"name": "ada"}
    assert "Set-Cookie" not in response.headers
    assert bob.visit("/me-by-session").json == {"name": "bob"}


def test_no_token_leaks_into_the_next_request_of_one_app_context(provider: Provider, token: str) -> None:
    """Test suites push an app context around several requests, and g lives as long as that."""

    with provider.app.app_context():
        assert get(provider, "/email", token).json == {"name": "ada"}
        assert get(provider, "/who").json["user"] is None
        assert get(provider, "/who").json["token"] is False


def test_a_hook_that_looked_at_the_session_first_does_no_harm(make: Callable[..., Provider]) -> None:
    def before(app: Any) -> None:
        @app.before_request
        def look() -> None:
            g.seen = current_user.is_authenticated

    provider = make(before=before)
    add_views(provider)
    token = provider.client().tokens(provider.browser("ada"))["access_token"]
    bob = provider.browser("bob")
    assert bob.http.get("/email", headers=bearer(token)).json == {"name": "ada"}


def test_request_oauth_has_user_client_and_scopes(provider: Provider, client: Client, token: str) -> None:
    assert get(provider, "/context", token).json == {"user": "ada", "client": "Reader", "scopes": ["email"]}


def test_current_token_tells_what_there_is_to_know_and_no_value(provider: Provider, client: Client, token: str) -> None:
    told = get(provider, "/token", token).json
    assert token not in told.pop("repr")
    assert told == {"lives": 3600.0, "personal": False, "audience": None, "user_id": 1}


def test_without_a_request_there_is_no_token() -> None:
    assert not current_token


# --- when it ends ---------------------------------------------------------------------------------


def test_an_expired_token(provider: Provider, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[dict[str, Any]] = []

    def hear(app: Any, **arguments: Any) -> None:
        heard.append(arguments)

    now = clock.timestamp()
    monkeypatch.setattr(clock, "timestamp", lambda: now + 3601)
    with signals.access_refused.connected_to(hear):
        assert get(provider, "/email", token).status_code == 401
    assert heard[0]["detail"].startswith("expired at ")
    assert heard[0]["scopes"] == ["email"]


def test_a_token_for_another_resource(provider: Provider, token: str) -> None:
    with provider.app.app_context():
        row = provider.db.session.query(provider.oauth2.models.Token).one()
        row.audience = ["https://other.example/"]
        provider.db.session.commit()
    assert get(provider, "/email", token).status_code == 401


@pytest.mark.parametrize("what", ["deactivated", "deleted"])
def test_a_user_who_is_gone(any_database: str, what: str) -> None:
    from .conftest import close
    from .support import build

    provider = build(any_database)
    add_views(provider)
    token = provider.client().tokens(provider.browser("ada"))["access_token"]
    with provider.app.app_context():
        personal = provider.oauth2.create_personal_token(provider.user("ada"), name="laptop", scopes=["email"])
        assert get(provider, "/email", personal).status_code == 200
        if what == "deleted":
            provider.db.session.delete(provider.user("ada"))
        else:
            provider.user("ada").is_active = False
        provider.db.session.commit()
    assert get(provider, "/email", token).status_code == 401
    assert get(provider, "/email", personal).status_code == 401
    close(provider)


def test_a_user_deleted_behind_our_back(provider: Provider, token: str) -> None:
    """SQLite has foreign keys off unless it is told otherwise: the lookup itself sees it."""
    with provider.app.app_context():
        provider.db.session.query(provider.User).filter_by(name="ada").delete()
        provider.db.session.commit()
    assert get(provider, "/email", token).status_code == 401


def test_the_last_use_is_noted_once_a_minute_after_the_answer(
    provider: Provider, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noted() -> Any:
        with provider.app.app_context():
            row = provider.db.session.query(provider.oauth2.models.Token).one()
            return row.last_used_at, row.last_used_from

    start = clock.timestamp()
    seen = []
    for seconds in (0, 30, 61):
        monkeypatch.setattr(clock, "timestamp", lambda seconds=seconds: start + seconds)
        get(provider, "/email", token).close()
        seen.append(noted())
    assert seen[0] == seen[1]
    assert seen[0][0] < seen[2][0]
    assert seen[0][1] is None  # addresses are kept where the host has switched that on


def test_noting_the_last_use_leaves_the_host_s_transaction_alone(provider: Provider, token: str) -> None:
    get(provider, "/unfinished", token).close()
    with provider.app.app_context():
        assert provider.user("bob").name == "bob"


def test_one_statement_judges_a_token(provider: Provider, token: str) -> None:
    from sqlalchemy import event

    statements: list[str] = []

    get(provider, "/plain", token).close()
    with provider.app.app_context():
        engine = provider.db.engine

    def count(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    assert get(provider, "/plain", token).text == "plain"
    event.remove(engine, "before_cursor_execute", count)
    assert len(statements) == 1


def test_garbage_does_not_reach_the_database(provider: Provider) -> None:
    from sqlalchemy import event

    get(provider, "/email")
    with provider.app.app_context():
        engine = provider.db.engine

    def fail(*arguments: Any) -> None:
        raise AssertionError("the database was asked")

    event.listen(engine, "before_cursor_execute", fail)
    for value in ("x", "o2a_" + "x" * 49, "o2p_garbage", "a" * 400):
        assert get(provider, "/email", value).status_code == 401
    event.remove(engine, "before_cursor_execute", fail)


def test_the_database_is_away(provider: Provider, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import OperationalError

    get(provider, "/email", token)

    def away(*arguments: Any, **keywords: Any) -> None:
        raise OperationalError("SELECT", {}, Exception("the server closed the connection"))

    monkeypatch.setattr(provider.app.extensions["oauth2server"].storage.tokens, "find_bearer", away)
    response = get(provider, "/email", token)
    assert (response.status_code, response.json["error"]) == (503, "temporarily_unavailable")
    assert response.headers["Retry-After"] == "2"


def test_parentheses_that_were_forgotten() -> None:
    with pytest.raises(TypeError, match="parentheses"):

        @require_oauth  # type: ignore[arg-type]
        def view() -> None: ...


def test_an_app_without_the_extension_says_so() -> None:
    from flask import Flask

    from flask_oauth2server import current_oauth2server

    with Flask("other").app_context(), pytest.raises(RuntimeError, match="not initialised"):
        _ = current_oauth2server.settings

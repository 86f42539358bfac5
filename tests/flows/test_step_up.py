"""More than a sign-in: other accounts, new people, and authentication that is strong enough (RFC 9470)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import redirect, request, session
from flask_login import current_user, login_user

from flask_oauth2server import require_oauth

from ..openid import read, signed_in
from ..support import Browser, Client, Provider, answer_of, bearer
from ..ui.pages import later
from .test_reauthentication import walk

Make = Callable[..., Provider]


def pages(app: Any) -> None:
    """The host's own: a second factor, a choice of accounts, a page for new people."""

    @app.get("/second")
    def second() -> Any:
        if request.args.get("give_up") is None:
            session["second"] = True
        return redirect(request.args["next"])

    @app.get("/choose")
    def choose() -> Any:
        session["chosen"] = session.get("chosen", 0) + 1
        return redirect(request.args["next"])

    @app.get("/join")
    def join() -> Any:
        from flask import current_app

        db = current_app.extensions["sqlalchemy"]
        model = current_app.extensions["oauth2server"].storage.users.user_model
        session["joined"] = session.get("joined", 0) + 1
        login_user(db.session.query(model).filter_by(name="bob").one())
        return redirect(request.args["next"])

    @app.get("/seen")
    def seen() -> Any:
        return {name: session.get(name, 0) for name in ("chosen", "joined")}


@pytest.fixture
def op(make: Make) -> Provider:
    provider = make(before=pages, config={"OAUTH2_ACR_VALUES": ["pwd", "mfa", "key"], "OAUTH2_SIGN_UP_VIEW": "join"})
    oauth2 = provider.oauth2
    oauth2.authentication_context(
        lambda user: ("mfa", ["pwd", "otp"]) if session.get("second") else ("pwd", ["pwd"]) if user else None
    )

    @provider.app.get("/api/pay")
    @require_oauth("email", acr="mfa", max_age=300)
    def pay() -> Any:
        return {"paid by": current_user.name}

    @provider.app.get("/api/look")
    @require_oauth(acr="pwd")
    def look() -> Any:
        return {}

    return provider


@pytest.fixture
def host(op: Provider) -> Provider:
    """One that can do more."""
    op.oauth2.step_up(lambda _user, _values, next_url: redirect(f"/second?{_quoted(next_url)}"))
    op.oauth2.select_account(lambda _user, next_url: redirect(f"/choose?{_quoted(next_url)}"))
    return op


def _quoted(next_url: str) -> str:
    from urllib.parse import urlencode

    return urlencode({"next": next_url})


@pytest.fixture
def client(op: Provider) -> Client:
    client = op.client(scopes=["openid", "notes", "email"])
    client.tokens(op.browser("ada"), scope="openid email")
    return client


@pytest.fixture
def ada(op: Provider) -> Browser:
    return op.browser("ada")


def asked(client: Client, **changes: str | None) -> str:
    return client.address(scope="openid email", **changes)


# --- acr ---------------------------------------------------------------------------------------------


def test_the_id_token_says_how_somebody_has_authenticated(op: Provider, client: Client, ada: Browser) -> None:
    told = read(op, signed_in(client, ada, "openid email")["id_token"])
    assert (told["acr"], told["amr"]) == ("pwd", ["pwd"])


def test_a_client_gets_what_it_wishes_for(host: Provider, client: Client, ada: Browser) -> None:
    response, _ = walk(ada, asked(client, acr_values="mfa"))
    told = read(host, client.exchange(answer_of(response)["code"]).json["id_token"])
    assert (told["acr"], told["amr"]) == ("mfa", ["pwd", "otp"])
    assert "code" in answer_of(ada.visit(asked(client, acr_values="pwd", prompt="none")))  # stronger will do


def test_a_wish_that_cannot_be_met_is_no_refusal(op: Provider, client: Client, ada: Browser) -> None:
    told = read(op, client.exchange(answer_of(ada.visit(asked(client, acr_values="key")))["code"]).json["id_token"])
    assert told["acr"] == "pwd"
    assert "code" in answer_of(ada.visit(asked(client, acr_values="unheard-of", prompt="none")))


def test_who_gives_up_comes_back_without(host: Provider, client: Client, ada: Browser) -> None:
    host.oauth2.step_up(lambda _user, _values, next_url: redirect(f"/second?give_up=1&{_quoted(next_url)}"))
    response, _ = walk(ada, asked(client, acr_values="mfa"))
    assert read(host, client.exchange(answer_of(response)["code"]).json["id_token"])["acr"] == "pwd"


def test_what_is_essential_is_met_or_refused(host: Provider, client: Client, ada: Browser) -> None:
    def essential(*values: str) -> dict[str, str]:
        return {"claims": json.dumps({"id_token": {"acr": {"essential": True, "values": values}}})}

    for refused in ({**essential("mfa"), "prompt": "none"}, essential("unheard-of"), essential("key")):
        answer = answer_of(walk(ada, asked(client, **refused))[0])
        assert answer["error"] == "unmet_authentication_requirements", refused
    assert "code" in answer_of(walk(ada, asked(client, **essential("mfa")))[0])


def test_prompt_none_says_that_it_is_not_met(host: Provider, client: Client, ada: Browser) -> None:
    answer = answer_of(ada.visit(asked(client, acr_values="mfa", prompt="none")))
    assert answer["error"] == "unmet_authentication_requirements"


@pytest.mark.parametrize("said", ["pwd", ("pwd",), ("gold", []), ["pwd", []]])
def test_a_hook_that_says_nonsense_is_a_fault_of_the_server(
    op: Provider, client: Client, ada: Browser, said: Any, caplog: pytest.LogCaptureFixture
) -> None:
    op.oauth2.authentication_context(lambda _: said)
    assert ada.visit(asked(client)).status_code == 503
    assert "authentication_context" in caplog.text


# --- at a view ---------------------------------------------------------------------------------------


def test_a_view_that_wants_more_says_so_and_the_way_there_works(host: Provider, client: Client, ada: Browser) -> None:
    weak = client.tokens(ada, scope="openid email")["access_token"]
    refused = host.api().get("/api/pay", headers=bearer(weak))
    assert (refused.status_code, refused.json["error"]) == (401, "insufficient_user_authentication")
    challenge = refused.headers["WWW-Authenticate"]
    assert 'error="insufficient_user_authentication"' in challenge
    assert challenge.endswith('scope="email", acr_values="mfa", max_age=300')
    response, _ = walk(ada, asked(client, acr_values="mfa", max_age="300"))
    strong = client.exchange(answer_of(response)["code"]).json
    assert host.api().get("/api/pay", headers=bearer(strong["access_token"])).json == {"paid by": "ada"}
    with later(seconds=301):
        fresh = client.refresh(strong["refresh_token"]).json["access_token"]
        assert host.api().get("/api/pay", headers=bearer(fresh)).status_code == 401  # refreshing is no sign-in
        assert host.api().get("/api/look", headers=bearer(fresh)).status_code == 200


def test_a_fresh_sign_in_and_a_stronger_one_at_once(host: Provider, client: Client, ada: Browser) -> None:
    """Two steps, each once: neither takes the note of the other for its own."""
    with later(seconds=400):
        response, signed_in = walk(ada, asked(client, acr_values="mfa", max_age="300"))
        told = read(host, client.exchange(answer_of(response)["code"]).json["id_token"])
        assert (signed_in, told["acr"]) == (1, "mfa")
        assert told["iat"] - told["auth_time"] < 60
    chosen = {"acr_values": "mfa", "prompt": "login select_account"}
    another = host.browser("ada")
    assert walk(another, asked(client, **chosen))[1] == 1
    assert seen(another)["chosen"] == 1


def test_tokens_without_a_person_have_not_authenticated(op: Provider) -> None:
    service = op.client(grant_types=["client_credentials"], redirect_uris=[], scopes=["email"])
    token = service.post("/oauth/token", grant_type="client_credentials", scope="email").json["access_token"]
    for path in ("/api/pay", "/api/look"):
        refused = op.api().get(path, headers=bearer(token))
        assert (refused.status_code, refused.json["error"]) == (401, "insufficient_user_authentication")


# --- other accounts, and new people --------------------------------------------------------------------


def seen(browser: Browser) -> dict[str, int]:
    return browser.http.get("/seen").json


def test_an_account_is_chosen_once_for_each_request(host: Provider, client: Client, ada: Browser) -> None:
    for times in (1, 2):
        response, signed_in = walk(ada, asked(client, prompt="select_account"))
        assert (signed_in, "code" in answer_of(response), seen(ada)["chosen"]) == (0, True, times)


def test_without_a_page_for_it_the_consent_page_says_whose_account_it_is(client: Client, ada: Browser) -> None:
    page, _ = walk(ada, asked(client, prompt="select_account"))
    assert page.status_code == 200
    assert "Not you?" in page.text
    assert "code" in answer_of(ada.answer(page))


@pytest.mark.parametrize("who", [None, "ada"])
def test_new_people_are_led_to_their_page(host: Provider, client: Client, who: str | None) -> None:
    browser = host.browser(who)
    page, signed_in = walk(browser, asked(client, prompt="create"))
    assert (signed_in, seen(browser)["joined"], page.status_code) == (0, 1, 200)
    assert "bob" in page.text


def test_new_people_are_not_led_where_there_is_no_page_for_them(make: Make) -> None:
    provider = make()
    client = provider.client()
    assert answer_of(provider.browser("ada").visit(client.address(prompt="create")))["error"] == "invalid_request"
    told = provider.api().get("/.well-known/oauth-authorization-server").json
    assert told["prompt_values_supported"] == ["none", "login", "consent", "select_account"]


def test_a_client_s_own_max_age(op: Provider, ada: Browser) -> None:
    client = op.client(scopes=["openid"], default_max_age=60)
    client.tokens(ada, scope="openid")
    with later(seconds=61):
        assert answer_of(ada.visit(client.address(scope="openid", prompt="none")))["error"] == "login_required"
        assert "code" in answer_of(ada.visit(client.address(scope="openid", prompt="none", max_age="600")))
    with pytest.raises(ValueError, match="default_max_age: must be a number of seconds"):
        op.client(default_max_age=-1)

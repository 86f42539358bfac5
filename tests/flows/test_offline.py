"""What a client may do while the person is away, and what ends when they sign out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import session
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from flask_oauth2server import signals

from ..openid import read, signed_in
from ..support import Browser, Client, Provider, answer_of, bearer

Make = Callable[..., Provider]
ASKED = "openid email offline_access"
WHILE_AWAY, UNTIL_SIGNED_OUT = "Do this while you are away, until ", "Do this until you sign out of "


@pytest.fixture
def op(make: Make) -> Provider:
    return make(config={"OAUTH2_ENABLE_HYBRID": True, "OAUTH2_ENABLE_IMPLICIT": True})


@pytest.fixture
def reader(op: Provider) -> Client:
    return op.client(scopes=ASKED.split())


@pytest.fixture
def ada(op: Provider) -> Browser:
    return op.browser("ada")


def sign_out(browser: Browser) -> None:
    browser.http.post("/logout").close()  # the host's own, which knows nothing of us


def lives(client: Client, tokens: dict[str, Any]) -> bool:
    ping = client.provider.api().get("/oauth/ping/", headers=bearer(tokens["access_token"]))
    answers = [client.post("/oauth/introspect", token=tokens[n]).json for n in ("access_token", "refresh_token")]
    assert len({ping.status_code == 200, *(answer["active"] for answer in answers)}) == 1
    return ping.status_code == 200


# --- signing out -------------------------------------------------------------------------------------


def test_who_signs_out_ends_what_was_given_to_sign_in_with(op: Provider, reader: Client, ada: Browser) -> None:
    tokens = signed_in(reader, ada, "openid email")
    assert lives(reader, tokens)
    code = reader.code(ada, scope="openid email")
    told: list[dict[str, Any]] = []
    with signals.authorization_revoked.connected_to(lambda _, **what: told.append(what), op.app):
        sign_out(ada)
    assert not lives(reader, tokens)
    assert reader.refresh(tokens["refresh_token"]).json["error"] == "invalid_grant"
    assert reader.exchange(code).json["error"] == "invalid_grant"
    assert [what["reason"] for what in told] == ["signed out"] * 2
    userinfo = op.api().get("/oauth/userinfo", headers=bearer(tokens["access_token"]))
    assert userinfo.status_code == 401


def test_what_may_stay_stays(reader: Client, ada: Browser) -> None:
    stays = signed_in(reader, ada, ASKED)
    assert stays["scope"] == ASKED
    sign_out(ada)
    assert lives(reader, stays)
    assert read(reader.provider, reader.refresh(stays["refresh_token"]).json["id_token"])["sub"] == "1"


def test_what_signs_nobody_in_stays(op: Provider, ada: Browser) -> None:
    client = op.client(scopes=["email"])
    tokens = client.tokens(ada, scope="email")
    sign_out(ada)
    assert lives(client, tokens)


def test_what_cannot_be_refreshed_ends(op: Provider, ada: Browser) -> None:
    client = op.client(scopes=["email"], grant_types=["authorization_code"])
    token = client.tokens(ada, scope="email")["access_token"]
    sign_out(ada)
    assert client.post("/oauth/introspect", token=token).json == {"active": False}


def test_other_sessions_go_on(op: Provider, reader: Client, ada: Browser) -> None:
    elsewhere, bob = op.browser("ada"), op.browser("bob")
    others = [signed_in(reader, browser, "openid email") for browser in (elsewhere, bob)]
    mine = signed_in(reader, ada, "openid email")
    sign_out(ada)
    assert [lives(reader, tokens) for tokens in (mine, *others)] == [False, True, True]


def test_our_own_pages_end_it_too(op: Provider, reader: Client, ada: Browser) -> None:
    tokens = signed_in(reader, ada, "openid email")
    ada.visit(f"/oauth/logout?id_token_hint={tokens['id_token']}").close()
    assert not lives(reader, tokens)


def test_proving_again_who_one_is_ends_nothing(reader: Client, ada: Browser) -> None:
    tokens = signed_in(reader, ada, "openid email")
    ada.visit(reader.address(scope="openid", prompt="login")).close()
    ada.sign_in("ada")
    assert lives(reader, tokens)


def test_somebody_else_at_the_browser_ends_it(reader: Client, ada: Browser) -> None:
    tokens = signed_in(reader, ada, "openid email")
    ada.http.post("/login", data={"name": "bob"}).close()
    assert not lives(reader, tokens)


def test_somebody_else_is_put_into_the_session(make: Make) -> None:
    """By a host that says nothing of it to Flask-Login."""

    def with_view(app: Any) -> None:
        @app.post("/be/<key>")
        def be(key: str) -> str:
            session["_user_id"] = key
            return "somebody"

    op = make(before=with_view)
    client, browser = op.client(scopes=["openid", "email"]), op.browser()
    browser.http.post("/be/1")
    hers = signed_in(client, browser, "openid email")
    browser.http.post("/be/2")
    his = signed_in(client, browser, "openid email")
    assert [lives(client, tokens) for tokens in (hers, his)] == [False, True]


def test_it_can_be_switched_off(make: Make) -> None:
    op = make(config={"OAUTH2_REVOKE_ON_LOGOUT": False})
    client, ada = op.client(scopes=["openid", "email"]), op.browser("ada")
    page = ada.visit(client.address(scope="openid email")).text
    assert WHILE_AWAY in page and UNTIL_SIGNED_OUT not in page
    tokens = signed_in(client, ada, "openid email")
    sign_out(ada)
    assert lives(client, tokens)


def test_pending_work_of_the_host_is_not_committed(make: Make) -> None:
    """Its logout view may have begun something that it means to undo."""

    def with_view(app: Any) -> None:
        @app.post("/leave")
        def leave() -> Any:
            from flask_login import current_user, logout_user

            user = current_user._get_current_object()
            user.name = "changed by mistake"
            logout_user()
            op.db.session.flush()
            op.db.session.rollback()
            return "left"

    op = make(before=with_view)
    client, ada = op.client(scopes=["openid", "email"]), op.browser("ada")
    tokens = signed_in(client, ada, "openid email")
    ada.http.post("/leave").close()
    assert not lives(client, tokens)
    with op.app.app_context():
        assert op.db.session.scalar(select(op.User.name).where(op.User.id == 1)) == "ada"


def signed_out(op: Provider, caplog: pytest.LogCaptureFixture) -> tuple[bool, bool]:
    """Whether what was given lives on when the answer is there, and when it has been read to its end."""
    client, ada = op.client(scopes=["openid", "email"]), op.browser("ada")
    tokens = signed_in(client, ada, "openid email")
    answer = ada.http.post("/logout")
    at_once = lives(client, tokens)
    answer.close()
    return at_once, lives(client, tokens)


def test_whoever_asks_next_finds_it_ended(any_provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    assert signed_out(any_provider, caplog) == (False, False)
    assert caplog.text == ""


def test_where_there_is_one_connection_it_ends_after_the_answer(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    op = make(config={"SQLALCHEMY_DATABASE_URI": "sqlite://"})
    assert signed_out(op, caplog) == (True, False)


def test_a_database_that_cannot_now_is_asked_again(
    op: Provider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    queries = op.app.extensions["oauth2server"].storage.authorizations
    found, asked = queries.live_keys, []

    def busy_once(**whose: Any) -> Any:
        asked.append(whose)
        if len(asked) == 1:
            raise OperationalError("SELECT", {}, Exception("busy"))
        return found(**whose)

    monkeypatch.setattr(queries, "live_keys", busy_once)
    assert signed_out(op, caplog) == (True, False)
    assert "could not end what a session has given" in caplog.text


# --- a cookie that somebody has kept ------------------------------------------------------------------


def kept_cookie(op: Provider, browser: Browser) -> Browser:
    """Another browser with the cookie that this one has now."""
    other = op.browser()
    other.http.set_cookie("session", browser.http.get_cookie("session").value)
    return other


def test_a_cookie_from_before_lets_nobody_in_again(op: Provider, reader: Client, ada: Browser) -> None:
    signed_in(reader, ada, "openid email")
    kept = kept_cookie(op, ada)
    sign_out(ada)
    for asked in ({"scope": "openid email"}, {"scope": "openid email", "prompt": "none"}):
        assert answer_of(kept.visit(reader.address(**asked)))["error"] == "login_required"
    with op.app.app_context():
        assert op.oauth2.list_authorizations(user=op.user("ada")) == []
    ada.sign_in("ada")
    assert "code" in answer_of(ada.visit(reader.address(scope="openid email")))


def test_what_is_answered_after_the_sign_out_is_not_granted(op: Provider, reader: Client, ada: Browser) -> None:
    page = ada.visit(reader.address(scope="openid email"))
    kept = kept_cookie(op, ada)
    sign_out(ada)
    assert answer_of(kept.answer(page, "yes"))["error"] == "login_required"


def test_what_may_stay_may_be_given_by_it(op: Provider, ada: Browser) -> None:
    """Whoever has the cookie is signed in to the host all the same: what outlives sessions does not ask for them."""
    client = op.client(scopes=["email"])
    client.tokens(ada, scope="email")
    kept = kept_cookie(op, ada)
    sign_out(ada)
    assert "code" in answer_of(kept.visit(client.address(scope="email")))


def test_two_that_end_one_session_do_not_mind(any_provider: Provider) -> None:
    with any_provider.app.app_context():
        end = any_provider.oauth2.end_sessions
        assert [end(["a", "b"]), end(["b", "c"])] == [0, 0]


# --- consent -----------------------------------------------------------------------------------------


def lines(page: str) -> list[str]:
    return re.findall(r"<span>(Do this.*?)</span>", page)


def test_the_page_says_until_when(reader: Client, ada: Browser) -> None:
    (line,) = lines(ada.visit(reader.address(scope="openid email")).text)
    assert line.startswith(UNTIL_SIGNED_OUT)
    (line,) = lines(ada.visit(reader.address(scope=ASKED)).text)
    assert line.startswith(WHILE_AWAY)
    assert "Go on while you are away" not in ada.visit(reader.address(scope=ASKED)).text  # it is said once


def test_to_stay_has_to_be_allowed(reader: Client, ada: Browser) -> None:
    """It is never taken from a consent that did not say so."""
    signed_in(reader, ada, "openid email")
    assert "code" in answer_of(ada.visit(reader.address(scope="openid email")))
    assert answer_of(ada.visit(reader.address(scope=ASKED, prompt="none")))["error"] == "consent_required"
    page = ada.visit(reader.address(scope=ASKED)).text
    assert "to do more?" in page
    assert [line.startswith(WHILE_AWAY) for line in lines(page)] == [True]
    signed_in(reader, ada, ASKED)
    assert "code" in answer_of(ada.visit(reader.address(scope=ASKED, prompt="none")))


# --- where it is passed over ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"scopes": ["openid", "email"]},
        {"scopes": ASKED.split(), "grant_types": ["authorization_code"]},
    ],
    ids=["not registered", "no refresh tokens"],
)
def test_who_may_not_is_not_refused_but_not_given_it(op: Provider, ada: Browser, values: dict[str, Any]) -> None:
    client = op.client(**values)
    tokens = signed_in(client, ada, ASKED)
    assert tokens["scope"] == "openid email"
    sign_out(ada)
    assert client.post("/oauth/introspect", token=tokens["access_token"]).json == {"active": False}


def test_without_a_code_there_is_nothing_to_stay_with(op: Provider, ada: Browser) -> None:
    client = op.client(
        scopes=ASKED.split(),
        response_types=["id_token token"],
        grant_types=["implicit", "refresh_token"],
    )
    asked = {"response_type": "id_token token", "scope": ASKED, "nonce": "n"}
    assert answer_of(ada.allow(client.address(**asked)))["scope"] == "openid email"


def test_nothing_is_left_of_it_alone(reader: Client, op: Provider, ada: Browser) -> None:
    client = op.client(scopes=["openid", "email"])
    assert answer_of(ada.visit(client.address(scope="offline_access")))["error"] == "invalid_scope"


def test_programs_without_a_person_do_not_get_it(op: Provider) -> None:
    client = op.client(redirect_uris=[], grant_types=["client_credentials"], scopes=["email", "offline_access"])
    answer = client.post("/oauth/token", grant_type="client_credentials", scope="email offline_access").json
    assert answer["scope"] == "email"


def test_it_is_offered_where_refresh_tokens_are(op: Provider, make: Make) -> None:
    document = "/.well-known/openid-configuration"
    assert "offline_access" in op.api().get(document).json["scopes_supported"]
    without = make(config={"OAUTH2_ALLOWED_GRANT_TYPES": ["authorization_code"]})
    assert "offline_access" not in without.api().get(document).json["scopes_supported"]

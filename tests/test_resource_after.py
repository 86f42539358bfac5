"""What a protected view leaves behind: no cookie, and when its token was used, written with others."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask_login import login_user
from sqlalchemy import select

from flask_oauth2server import current_token, require_oauth
from flask_oauth2server.domain import records

from .support import Provider, bearer

KEEPING = {"REMEMBER_COOKIE_REFRESH_EACH_REQUEST": True}


def with_views(app: Flask) -> None:
    @app.get("/open")
    @require_oauth()
    def open_() -> str:
        return str(current_token.pk)

    @app.get("/sign-in")
    @require_oauth()
    def sign_in() -> str:
        server = app.extensions["oauth2server"]
        login_user(server.subjects.load(current_token.user_id), remember=True)
        return "signed in"

    @app.get("/everybody")
    def everybody() -> str:
        return "everybody"


@pytest.fixture
def provider(make: Any) -> Provider:
    made: Provider = make(before=with_views, config=KEEPING)
    return made


def token_of(provider: Provider, name: str = "ada") -> str:
    with provider.app.app_context():
        made: str = provider.oauth2.create_personal_token(provider.user(name), name="x", scopes=["email"])
        return made


def ask(provider: Provider, path: str, token: str) -> Any:
    answer = provider.api().get(path, headers=bearer(token))
    answer.close()
    return answer


def test_no_cookie_is_written_and_none_is_looked_at(provider: Provider) -> None:
    answer = ask(provider, "/open", token_of(provider))
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert "Vary" not in answer.headers


def test_a_view_without_a_token_is_left_to_flask_login(provider: Provider) -> None:
    assert provider.api().get("/everybody").headers["Vary"] == "Cookie"


def test_an_endpoint_for_programs_is_spared_and_the_next_page_is_not(provider: Provider) -> None:
    with provider.app.app_context():  # one for both requests, as tests of hosts may have it
        told = provider.api().get("/.well-known/oauth-authorization-server")
        assert told.status_code == 200
        assert "Set-Cookie" not in told.headers
        assert "Cookie" not in told.headers.get("Vary", "")
        assert provider.api().get("/everybody").headers["Vary"] == "Cookie"


def test_a_protected_view_may_sign_somebody_in(provider: Provider) -> None:
    cookies = ask(provider, "/sign-in", token_of(provider)).headers.getlist("Set-Cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {"session", "remember_token"}


def used(provider: Provider) -> dict[int, Any]:
    """When each token was used last."""
    token = provider.oauth2.models.Token
    with provider.app.app_context():
        return {row.id: row.last_used_at for row in provider.db.session.execute(select(token.id, token.last_used_at))}


def test_uses_are_written_together(provider: Provider) -> None:
    tokens = [token_of(provider, name) for name in ("ada", "bob", "ada")]
    first, *others = (int(ask(provider, "/open", token).text) for token in tokens)
    assert [pk for pk, at in used(provider).items() if at] == [first]  # the one that came after a silence
    with provider.app.app_context():
        assert provider.app.extensions["oauth2server"].records.flush()
    assert [pk for pk, at in used(provider).items() if at] == [first, *others]


def test_many_uses_do_not_wait(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_MOST_USES", 2)
    tokens = [token_of(provider) for _ in range(4)]
    for token in tokens:
        ask(provider, "/open", token)
    assert [at is not None for at in used(provider).values()] == [True, True, True, False]

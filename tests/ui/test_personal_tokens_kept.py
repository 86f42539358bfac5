"""Personal tokens that are there: renamed, narrowed, copied, used, ended; whose they are."""

from __future__ import annotations

from typing import Any

import pytest

from ..support import Browser, Provider
from .pages import (
    HOME,
    NEW_TOKEN,
    csrf,
    fields,
    form,
    landed,
    later,
    names,
    parse,
    personal_token,
    press,
    row,
    said,
    stored,
    use,
    words,
    works,
)
from .test_personal_tokens import only, problems, view_of


def scope(provider: Provider) -> str:
    return str(only(provider).scope)


# --- rename and narrow ----------------------------------------------------------------------------


def test_it_is_renamed_and_its_value_goes_on(provider: Provider, ada: Browser) -> None:
    value = personal_token(ada)
    page = ada.visit(view_of(ada.visit(HOME), "laptop"))
    assert "To allow more, make a new token." in words(page)
    page = landed(ada, press(ada, page, "Save changes", name=" server "))
    assert (said(page), names(page, "tokens")) == ("Saved.", ["server"])
    assert works(provider, value)


def test_scopes_are_taken_away_at_once_and_never_given(any_provider: Provider) -> None:
    ada = any_provider.browser("ada")
    value = personal_token(ada, scopes=["email", "notes"])
    view = view_of(ada.visit(HOME), "laptop")
    boxes = [box.attributes["value"] for box in parse(ada.visit(view)).all("input", name="scopes")]
    assert boxes == ["email", "notes"]
    for sent, left in (
        (["email", "notes", "profile"], "email notes"),
        (["notes", "profile"], "notes"),
        (["email", "notes", "profile"], "notes"),
    ):
        assert press(ada, ada.visit(view), "Save changes", scopes=sent).status_code == 303
        assert scope(any_provider) == left
    for sent in ([], ["profile"], ["email"]):
        page = press(ada, ada.visit(view), "Save changes", scopes=sent)
        assert problems(page) == ["What it may do: Tick at least one thing it may do."]
        assert scope(any_provider) == "notes"
    assert works(any_provider, value)


def test_two_tabs_take_different_scopes_away(any_provider: Provider) -> None:
    ada = any_provider.browser("ada")
    personal_token(ada, scopes=["email", "profile", "notes"])
    view = view_of(ada.visit(HOME), "laptop")
    first, second = ada.visit(view), ada.visit(view)
    press(ada, first, "Save changes", scopes=["email", "profile"])
    press(ada, second, "Save changes", scopes=["profile", "notes"])
    assert scope(any_provider) == "profile"


def test_nothing_left_in_another_tab_is_not_a_token_without_scopes(provider: Provider, ada: Browser) -> None:
    personal_token(ada, scopes=["email", "notes"])
    view = view_of(ada.visit(HOME), "laptop")
    second = ada.visit(view)
    press(ada, ada.visit(view), "Save changes", scopes=["email"])
    press(ada, second, "Save changes", scopes=["notes"])
    assert scope(provider) == "email"


@pytest.mark.parametrize("name", ["", " ", "x" * 300, "a\tb"])
def test_a_bad_name_is_refused(provider: Provider, ada: Browser, name: str) -> None:
    personal_token(ada)
    page = press(ada, ada.visit(view_of(ada.visit(HOME), "laptop")), "Save changes", name=name)
    assert len(problems(page)) == 1
    assert only(provider).name == "laptop"


def test_nothing_else_is_bound(provider: Provider, ada: Browser) -> None:
    """Fields that no form has are not read, neither when a token is made nor when it is changed."""
    crafted = {
        "user_id": "2",
        "user": "bob",
        "scope": "email profile notes",
        "expires_at": "2099-01-01",
        "expires_in": "999999999",
        "access_digest": "0" * 64,
        "revoked_at": "",
        "client_pk": "1",
        "id": "77",
        "hint": "xxxx",
    }
    value = personal_token(ada, **crafted)
    before = only(provider)
    page = ada.visit(view_of(ada.visit(HOME), "laptop"))
    landed(ada, press(ada, page, "Save changes", expiry="365", last_day="2030-01-01", **crafted))
    after = only(provider)
    assert before.user_id == after.user_id == 1
    assert before.scope == after.scope == "email"
    assert before.client_pk is after.client_pk is None
    for name in ("id", "access_digest", "expires_at", "hint"):
        assert getattr(before, name) == getattr(after, name)
    assert works(provider, value)


# --- another like it ------------------------------------------------------------------------------


def like(page: Any, name: str) -> str:
    return next(a.attributes["href"] for a in row(page, name).all("a") if a.text.startswith("Make a new one"))


def test_another_like_it_is_filled_in(provider: Provider, ada: Browser) -> None:
    personal_token(ada, scopes=["profile", "notes"])
    page = ada.visit(like(ada.visit(HOME), "laptop"))
    sent = fields(form(page, "Create token")[0])
    assert [sent["name"], sent["scopes"], sent["expiry"]] == [["laptop"], ["profile", "notes"], ["90"]]
    press(ada, page, "Create token")
    assert stored(provider, "Token", scope="profile notes", name="laptop", user_id=1) == 2


def test_nobody_else_s_is_copied(provider: Provider, ada: Browser) -> None:
    personal_token(ada, "secret plans", scopes=["profile"])
    bob = provider.browser("bob")
    for which in ("1", "2", "x", "", "9" * 18, "9" * 40, "-1", "１"):
        page = bob.visit(f"{NEW_TOKEN}?like={which}")
        assert page.status_code == 200
        assert fields(form(page, "Create token")[0])["name"] == [""]
        assert "secret plans" not in page.text


def test_what_may_no_longer_be_given_is_not_copied(provider: Provider, ada: Browser) -> None:
    personal_token(ada, scopes=["email", "notes"])
    provider.oauth2.personal_token_scopes(lambda _user: ["email"])
    page = ada.visit(like(ada.visit(HOME), "laptop"))
    assert fields(form(page, "Create token")[0])["scopes"] == ["email"]


# --- used and ended -------------------------------------------------------------------------------


def test_its_last_use_is_told(keeping: Provider) -> None:
    ada = keeping.browser("ada")
    value = personal_token(ada)
    assert "never used" in row(ada.visit(HOME), "laptop").text
    use(keeping, value, "203.0.113.9")
    with later(hours=6):
        assert "last used 6 hours ago from 203.0.113.9" in row(ada.visit(HOME), "laptop").text
        keeping.oauth2.place(lambda _address: "Leipzig")
        assert "last used 6 hours ago from Leipzig" in row(ada.visit(HOME), "laptop").text


def test_two_scopes_are_named_and_the_others_counted(ada: Browser) -> None:
    personal_token(ada, "two", scopes=["email", "profile"])
    personal_token(ada, "three", scopes=["email", "profile", "notes"])
    page = ada.visit(HOME)
    assert "Read your e-mail address, See your name never used" in row(page, "two").text
    assert "Read your e-mail address, See your name and 1 more" in row(page, "three").text


@pytest.mark.parametrize("place", ["list", "page", "original"])
def test_revoked_it_is_refused_at_once(any_provider: Provider, place: str) -> None:
    """In the list, on its own page, or as the original did: ``delete`` at its own address."""
    ada = any_provider.browser("ada")
    value, other = personal_token(ada), personal_token(ada, "other")
    page = ada.visit(HOME)
    view = view_of(page, "laptop")
    assert "Revoke “laptop”? Whatever uses it is refused at once. This cannot be undone." in words(page)
    if place == "original":
        answer = ada.http.post(view, data={"delete": "yes", "csrf_token": csrf(ada)})
    else:
        answer = press(ada, page if place == "list" else ada.visit(view), "Revoke token", at=view)
    page = landed(ada, answer)
    assert (said(page), names(page, "tokens")) == ("“laptop” is revoked.", ["other"])
    assert [works(any_provider, value), works(any_provider, other)] == [False, True]
    assert ada.visit(view).status_code == 404
    assert ada.http.post(f"{view}revoke/", data={"csrf_token": csrf(ada)}).status_code == 404


def test_nobody_else_sees_or_changes_it(any_provider: Provider) -> None:
    ada, bob = any_provider.browser("ada"), any_provider.browser("bob")
    value = personal_token(ada, scopes=["email", "notes"])
    view, good = view_of(ada.visit(HOME), "laptop"), csrf(bob)
    for address in (view, f"{view}revoke/"):
        assert bob.visit(address).status_code == 404
        for data in ({}, {"delete": "yes"}, {"name": "mine", "scopes": ["email"]}):
            answer = bob.http.post(address, data={**data, "csrf_token": good})
            assert (answer.status_code, "laptop" in answer.text) == (404, False)
    assert names(bob.visit(HOME), "tokens") == []
    assert works(any_provider, value)
    assert [scope(any_provider), only(any_provider).name] == ["email notes", "laptop"]


def test_an_access_token_of_an_application_is_no_personal_token(provider: Provider, ada: Browser) -> None:
    access = provider.client().tokens(ada)["access_token"]
    for address in (f"{HOME}tokens/1/", f"{HOME}tokens/1/revoke/"):
        assert ada.visit(address).status_code == 404
        assert ada.http.post(address, data={"csrf_token": csrf(ada), "delete": "yes"}).status_code == 404
    assert works(provider, access)


def test_without_a_good_token_nothing_is_made_nor_changed(provider: Provider, ada: Browser) -> None:
    value = personal_token(ada, scopes=["email", "notes"])
    view = view_of(ada.visit(HOME), "laptop")
    for token in (None, "", "forged", csrf(provider.browser("bob"))):
        press(ada, ada.visit(view), "Save changes", name="mine", scopes=["email"], csrf_token=token)
        press(ada, ada.visit(view), "Revoke token", csrf_token=token)
        ada.http.post(view, data={"delete": "yes", **({} if token is None else {"csrf_token": token})})
        press(ada, ada.visit(NEW_TOKEN), "Create token", name="new", scopes=["email"], csrf_token=token)
    assert [scope(provider), only(provider).name, works(provider, value)] == ["email notes", "laptop", True]


def test_the_way_round_by_get_makes_nothing(provider: Provider, ada: Browser) -> None:
    page = ada.visit(NEW_TOKEN)
    sent = fields(form(page, "Create token")[0])
    query = "&".join(f"{name}={value[0]}" for name, value in sent.items())
    assert ada.visit(f"{NEW_TOKEN}?{query}&name=x&scopes=email&expiry=7").status_code == 200
    assert stored(provider, "Token") == 0

"""Secrets of my applications, signing everybody out, deleting, handing over."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ..support import CALLBACK, Browser, Client, Provider, answer_of
from .pages import (
    HOME,
    csrf,
    day,
    events,
    heading,
    landed,
    later,
    names,
    parse,
    personal_token,
    press,
    registered,
    said,
    stored,
    words,
    works,
)
from .test_my_applications import is_verified, model, verify

GONE = "This value was shown once and is gone. If you did not copy it, make another."


def with_secret(client: Client, secret: str | None) -> Client:
    """The same client with another secret."""
    return Client(client.provider, client.client_id, secret, [CALLBACK])


def is_known(client: Client, secret: str | None) -> bool:
    """Whether a secret of that client is good."""
    return bool(with_secret(client, secret).post("/oauth/introspect", token="x").status_code == 200)


def new_secret(browser: Browser, address: str) -> str:
    return parse(press(browser, browser.visit(address), "New secret")).one("code", id="o2-once-value").text


def secrets_shown(page: Any) -> list[str]:
    return [panel.all("p")[0].text for panel in parse(page).all(class_="o2-secret")]


# --- secrets --------------------------------------------------------------------------------------


def test_a_new_secret_lives_beside_the_old_one_until_that_is_revoked(any_provider: Provider) -> None:
    ada = any_provider.browser("ada")
    client, address = registered(ada)
    old = client.secret
    page = press(ada, ada.visit(address), "New secret")
    new = parse(page).one("code", id="o2-once-value").text
    assert page.headers["Cache-Control"] == "no-store"
    assert "New secret. Copy it now" in words(page)
    assert f"The old secret o2s_…{old[-4:]} goes on working until you revoke it, so you can change over without an" in (
        words(page)
    )
    assert secrets_shown(page) == [f"o2s_…{new[-4:]} New", f"o2s_…{old[-4:]}"]
    assert secrets_shown(ada.visit(address)) == [f"o2s_…{new[-4:]}", f"o2s_…{old[-4:]}"]
    assert [is_known(client, old), is_known(client, new), new in ada.visit(address).text] == [True, True, False]
    confirmation = parse(ada.visit(address)).all(class_="o2-confirm")[1].text
    assert (
        f"Revoke o2s_…{old[-4:]}? It was used just now. Whatever still uses it will be refused at once." in confirmation
    )
    assert "It is the only one" not in confirmation
    revoke = parse(ada.visit(address)).all(class_="o2-secret")[1].one("form").attributes["action"]
    page = landed(ada, press(ada, ada.visit(address), "Revoke secret", at=revoke))
    assert said(page) == "The secret is revoked."
    assert [is_known(client, old), is_known(client, new)] == [False, True]
    assert works(any_provider, with_secret(client, new).tokens(ada)["access_token"])
    assert "It is the only one: the application stops working until you make another." in words(page)
    assert press(ada, page, "Revoke secret").status_code == 303
    assert not is_known(client, new)
    assert is_known(client, new_secret(ada, address))


def test_a_reload_makes_no_second_one(provider: Provider) -> None:
    ada = provider.browser("ada")
    _, address = registered(ada)
    page = ada.visit(address)
    press(ada, page, "New secret")
    again = press(ada, page, "New secret")
    assert GONE in words(again)
    assert stored(provider, "ClientSecret") == 2


def test_there_are_at_most_five(provider: Provider, ada: Browser) -> None:
    client, address = registered(ada)
    before = ada.visit(address)
    values = [new_secret(ada, address) for _ in range(4)]
    page = ada.visit(address)
    assert "Revoke one first." in words(page)
    assert [button.text for button in parse(page).all("button") if button.text == "New secret"] == []
    answer = press(ada, before, "New secret")
    assert said(landed(ada, answer)) == "Revoke one first."
    assert [is_known(client, value) for value in (client.secret, *values)] == [True] * 5
    assert stored(provider, "ClientSecret") == 5


def test_the_original_s_way_of_asking_for_one(provider: Provider, ada: Browser) -> None:
    _, address = registered(ada)
    for data in ({}, {"reset": "no"}, {"reset": ""}):
        ada.http.post(f"{address}reset/", data={**data, "csrf_token": csrf(ada)})
    assert stored(provider, "ClientSecret") == 1


def test_a_secret_that_was_brought_along_tells_nothing_of_itself(provider: Provider, ada: Browser) -> None:
    with provider.app.app_context():
        values = {"redirect_uris": [CALLBACK], "scopes": ["email"], "owner": provider.user("ada")}
        client, _ = provider.oauth2.create_client(name="Papers", client_secret="hunter2", **values)
        address = f"{HOME}clients/{client.client_id}/"
    (shown,) = secrets_shown(ada.visit(address))
    assert re.fullmatch(r"…~\w{4} Imported", shown)
    assert "ter2" not in ada.visit(address).text


def test_the_secret_of_another_application_is_not_touched(provider: Provider, ada: Browser) -> None:
    client, _ = registered(ada, "First")
    _, address = registered(ada, "Second")
    bobs, _ = registered(provider.browser("bob"), "Third")
    for pk in (1, 3, 77):
        ada.http.post(f"{address}secrets/{pk}/revoke/", data={"csrf_token": csrf(ada)})
    assert [is_known(client, client.secret), is_known(bobs, bobs.secret)] == [True, True]
    assert stored(provider, "ClientSecret", revoked_at=None) == 3


def test_its_last_use_is_told(provider: Provider, ada: Browser) -> None:
    client, address = registered(ada)
    assert "not used yet" in words(ada.visit(address))
    assert "It has not been used yet. Whatever uses it will be refused at once." in words(ada.visit(address))
    assert is_known(client, client.secret)
    with later(minutes=4):
        assert "It was used 4 minutes ago." in words(ada.visit(address))


# --- sign everybody out, delete -------------------------------------------------------------------


def test_everybody_is_signed_out_and_has_to_allow_it_again(any_provider: Provider) -> None:
    ada, bob = any_provider.browser("ada"), any_provider.browser("bob")
    client, address = registered(ada)
    other, _ = registered(ada, "Other")
    ended = [client.tokens(who) for who in (ada, bob)]
    spared, own = other.tokens(bob)["access_token"], personal_token(ada)
    assert "Ends all 2 authorizations. People have to press Allow again." in words(ada.visit(address))
    page = landed(ada, press(ada, ada.visit(address), "Sign everybody out"))
    assert said(page) == "Everybody is signed out. People have to press Allow again."
    assert [works(any_provider, token["access_token"]) for token in ended] == [False, False]
    assert [client.refresh(token["refresh_token"]).status_code for token in ended] == [400, 400]
    assert [works(any_provider, spared), works(any_provider, own)] == [True, True]
    assert "Nobody has allowed it yet." in words(page)
    assert 'name="confirm"' in bob.visit(client.address()).text


def test_its_name_is_typed_to_delete_it(any_provider: Provider) -> None:
    ada, bob = any_provider.browser("ada"), any_provider.browser("bob")
    client, address = registered(ada, "My Papers")
    tokens = client.tokens(bob)
    page = ada.visit(address)
    assert "Type My Papers to delete it and sign out 1 person" in words(page)
    for name in ("", "my papers", "My Papers2", client.client_id):
        refused = press(ada, page, "Delete application", confirm_name=name)
        assert (refused.status_code, "That is not its name. Nothing was deleted." in words(refused)) == (200, True)
        assert parse(refused).one("input", id="confirm_name").attributes["aria-invalid"] == "true"
    assert works(any_provider, tokens["access_token"])
    page = landed(ada, press(ada, page, "Delete application", confirm_name=" My Papers "))
    assert (said(page), names(page, "mine")) == ("My Papers is deleted.", [])
    assert not works(any_provider, tokens["access_token"])
    assert client.refresh(tokens["refresh_token"]).status_code == 401
    assert ada.visit(address).status_code == 404
    assert names(bob.visit(HOME), "authorised") == []
    for table in ("Client", "ClientSecret", "Authorization", "Token", "Consent", "Grant", "ClientLogo"):
        assert stored(any_provider, table) == 0, table
    assert bob.visit(client.address()).status_code == 400


# --- another owner --------------------------------------------------------------------------------


def offered(browser: Browser, address: str) -> str:
    """The path of the link that hands an application over."""
    page = press(browser, browser.visit(address), "Make the link")
    link = parse(page).one("code", id="o2-once-value").text
    assert "Copy the link for the new owner now" in words(page)
    assert f"It works once, until {day(days=3)}." in words(page)
    assert link.startswith(f"https://provider.example{HOME}offers/o2t_")
    return link.removeprefix("https://provider.example")


def gone(page: Any) -> bool:
    return bool(page.status_code == 410 and heading(page) == "This offer is no longer open")


def test_it_is_handed_over_to_whoever_accepts(any_provider: Provider) -> None:
    ada, bob = any_provider.browser("ada"), any_provider.browser("bob")
    client, address = registered(ada)
    verify(any_provider)
    link = offered(ada, address)
    assert f"An offer is open until {day(days=3)}." in words(ada.visit(address))
    assert link not in ada.visit(address).text
    page = bob.visit(link)
    assert heading(page) == "Take over Papers?"
    assert (
        "ada offers you this application. You will answer for it: what it asks of people, where it sends them, and who "
        "knows its secrets." in words(page)
    )
    assert [model(any_provider).user_id, "Signed in as bob" in words(page)] == [1, True]
    page = landed(bob, press(bob, page, "Take it over"))
    assert said(page) == "Papers is yours. Make a new secret and revoke the old ones: whoever had it before knows them."
    assert [model(any_provider).user_id, is_verified(any_provider)] == [2, False]
    for part in ("", "edit/", "reset/", "delete/", "offer/", "sign-out/"):
        assert ada.visit(f"{address}{part}").status_code == 404
    assert names(ada.visit(HOME), "mine") == []
    assert is_known(client, client.secret)
    for who in (ada, bob):
        assert gone(who.visit(link))
        assert gone(who.http.post(link, data={"accept": "yes", "csrf_token": csrf(who)}))
    assert model(any_provider).user_id == 2
    assert events(ada)[0] == "Papers has another owner now."
    assert events(bob)[0] == "You took over the application Papers."


def test_looking_at_the_link_takes_nothing_over(provider: Provider, ada: Browser) -> None:
    _, address = registered(ada)
    link, bob = offered(ada, address), provider.browser("bob")
    bob.visit(f"{link}?accept=yes")
    for data in ({}, {"accept": "no"}, {"accept": "yes", "csrf_token": ""}, {"accept": "yes", "csrf_token": csrf(ada)}):
        page = bob.http.post(link, data={"csrf_token": csrf(bob), **data})
        assert page.status_code == 200
    assert model(provider).user_id == 1


def test_only_somebody_signed_in_may_take_it(provider: Provider, ada: Browser) -> None:
    _, address = registered(ada)
    link, nobody = offered(ada, address), provider.browser()
    sent = nobody.visit(link)
    assert (sent.status_code, "Papers" in sent.text) == (302, False)
    assert nobody.http.post(link, data={"accept": "yes"}).status_code == 302
    assert model(provider).user_id == 1


def test_it_is_withdrawn(provider: Provider, ada: Browser) -> None:
    _, address = registered(ada)
    link = offered(ada, address)
    page = landed(ada, press(ada, ada.visit(address), "Withdraw"))
    assert (said(page), "An offer is open" in words(page)) == ("The offer is withdrawn.", False)
    assert gone(provider.browser("bob").visit(link))


def test_it_ends_by_itself_and_another_takes_its_place(provider: Provider) -> None:
    ada, bob = provider.browser("ada"), provider.browser("bob")
    _, address = registered(ada)
    first = offered(ada, address)
    with later(days=3, seconds=5):
        assert gone(bob.visit(first))
        assert "An offer is open" not in words(ada.visit(address))
    ada.http.post(f"{address}offer/", data={"offer": "yes", "csrf_token": csrf(ada)})
    assert gone(bob.visit(first))


def test_an_offer_of_the_former_owner_is_worth_nothing(provider: Provider) -> None:
    """A hand-over in another way than by the link ends it, too."""
    ada, bob = provider.browser("ada"), provider.browser("bob")
    client, address = registered(ada)
    link = offered(ada, address)
    with provider.app.app_context():
        provider.db.session.query(provider.oauth2.models.Client).one().user_id = 2
        provider.db.session.commit()
    assert gone(ada.visit(link))
    assert gone(ada.http.post(link, data={"accept": "yes", "csrf_token": csrf(ada)}))
    assert model(provider).user_id == 2
    with provider.app.app_context():
        provider.oauth2.delete_client(provider.oauth2.get_client(client.client_id))
    assert gone(bob.visit(link))


@pytest.mark.parametrize("value", ["x", "o2t_x", "9" * 3000, "o2c_"])
def test_no_other_value_is_an_offer(ada: Browser, value: str) -> None:
    assert gone(ada.visit(f"{HOME}offers/{value}/"))


def test_a_code_is_no_offer(provider: Provider, ada: Browser) -> None:
    code = answer_of(ada.allow(provider.client().address()))["code"]
    assert gone(ada.visit(f"{HOME}offers/{code}/"))


def test_who_may_not_register_takes_nothing_over(provider: Provider, ada: Browser) -> None:
    """Otherwise an offer is a way round the hook."""
    provider.oauth2.may_register(lambda user: user.name == "ada")
    _, address = registered(ada)
    link, bob = offered(ada, address), provider.browser("bob")
    bob.http.post(link, data={"accept": "yes", "csrf_token": csrf(bob)})
    assert model(provider).user_id == 1

"""Applications of mine that are there: edited, and whose they are."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from flask_oauth2server import Scope

from ..support import CALLBACK, Browser, Provider, answer_of
from .pages import HOME, csrf, fields, form, heading, landed, names, parse, png, press, registered, said, stored, words
from .test_my_applications import is_verified, model, verify
from .test_personal_tokens import problems

CHECK = "Meridian will check the application again; until then people see a warning."


def edit(browser: Browser, address: str, **changes: Any) -> Any:
    """Change something in the form and save."""
    return press(browser, browser.visit(f"{address}edit/"), "Save changes", **changes)


# --- what a change means --------------------------------------------------------------------------


def test_the_form_is_filled_in_with_what_is_there(provider: Provider, ada: Browser) -> None:
    values = {
        "description": "Keeps papers.",
        "client_uri": "https://papers.example",
        "redirect_uris": "https://papers.example/cb\nhttps://papers.example/other",
        "policy_uri": "https://papers.example/privacy",
        "tos_uri": "https://papers.example/terms",
    }
    _, address = registered(ada, **values, scopes=["email", "notes"])
    page = ada.visit(f"{address}edit/")
    assert heading(page) == "Edit Papers"
    sent = fields(form(page, "Save changes")[0])
    assert {name: sent[name][0] for name in values} == values
    assert [sent["name"], sent["scopes"], "client_type" in sent] == [["Papers"], ["email", "notes"], False]
    before = model(provider).client_metadata
    assert said(landed(ada, press(ada, page, "Save changes"))) == "Saved."
    assert model(provider).client_metadata == before


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "Sheets"}, f"Saved. Because the name changed, {CHECK}"),
        ({"redirect_uris": f"{CALLBACK}\nhttps://b.example/"}, f"Saved. Because the redirect URIs changed, {CHECK}"),
        ({"logo": "one"}, f"Saved. Because the logo changed, {CHECK}"),
        ({"description": "Other"}, "Saved."),
        ({"client_uri": "https://other.example"}, f"Saved. Because its links changed, {CHECK}"),
        ({"policy_uri": "https://other.example/p"}, f"Saved. Because its links changed, {CHECK}"),
        ({"tos_uri": "https://other.example/t"}, f"Saved. Because its links changed, {CHECK}"),
        ({"scopes": ["email", "profile"]}, "Saved."),
        ({"name": "Papers"}, "Saved."),
    ],
)
def test_what_was_checked_is_checked_again_when_it_changes(
    provider: Provider, ada: Browser, changes: dict[str, Any], sentence: str
) -> None:
    client, address = registered(ada)
    verify(provider)
    date = "Meridian checked this application on"
    assert date in words(ada.visit(address))
    if "logo" in changes:
        changes = {"logo": (BytesIO(png()), "logo.png")}
    page = landed(ada, edit(ada, address, **changes))
    assert said(page) == sentence
    name = changes.get("name", "Papers")
    again = sentence != "Saved."
    assert is_verified(provider, name) is not again
    assert (model(provider, name).verified_at is None) is again
    consent = words(provider.browser("bob").visit(client.address()))
    assert ("has not checked this app" in consent) is again
    assert ("Not checked" in words(ada.visit(address))) is again
    assert (date in words(ada.visit(address))) is not again


def test_what_was_never_checked_is_not_said_to_be_checked_again(ada: Browser) -> None:
    _, address = registered(ada)
    assert said(landed(ada, edit(ada, address, name="Sheets"))) == "Saved."


def test_a_change_takes_effect_on_the_next_request(provider: Provider, ada: Browser) -> None:
    client, address = registered(ada, redirect_uris=f"{CALLBACK}\nhttps://b.example/cb", scopes=["email", "profile"])
    bob = provider.browser("bob")
    assert bob.visit(client.address(redirect_uri="https://b.example/cb")).status_code == 200
    landed(ada, edit(ada, address, redirect_uris=CALLBACK, scopes=["email"]))
    refused = bob.visit(client.address(redirect_uri="https://b.example/cb"))
    assert (refused.status_code, "Location" in refused.headers) == (400, False)
    assert "could not be connected" in words(bob.visit(client.address(scope="profile")))


def test_what_the_form_does_not_offer_is_kept(provider: Provider, ada: Browser) -> None:
    """Scopes and metadata that the people who run the provider have given it."""
    provider.oauth2.scopes.register(Scope("inside", "Do inside work", internal=True))
    given = {"contacts": ["dev@papers.example"], "require_pkce": False, "grant_types": ["authorization_code"]}
    with provider.app.app_context():
        client, _ = provider.oauth2.create_client(
            name="Papers",
            redirect_uris=[CALLBACK],
            scopes=["inside", "email"],
            owner=provider.user("ada"),
            may_introspect=True,
            access_token_expires_in=77,
            **given,
        )
        address = f"{HOME}clients/{client.client_id}/"
    assert "inside" not in parse(ada.visit(f"{address}edit/")).one("form", class_="o2-form").text
    landed(ada, edit(ada, address, scopes=["profile"], description="Changed"))
    changed = model(provider)
    assert sorted(changed.scopes) == ["inside", "profile"]
    assert {name: changed.client_metadata[name] for name in given} == given
    assert [changed.may_introspect, changed.access_token_expires_in] == [True, 77]
    assert changed.client_metadata["description"] == "Changed"


def test_a_first_party_one_stays_what_it_is_only_for_the_house(provider: Provider, ada: Browser) -> None:
    """Its owner could send everybody elsewhere, without a question, else."""
    client, address = registered(ada)
    with provider.app.app_context():
        provider.oauth2.edit_client(provider.oauth2.get_client(client.client_id), first_party=True, verified=True)
    landed(ada, edit(ada, address, redirect_uris="https://elsewhere.example/cb"))
    page = provider.browser("bob").visit(client.address(redirect_uri="https://elsewhere.example/cb"))
    assert page.status_code == 200
    assert "has not checked this app" in words(page)


def test_errors_leave_everything_as_it_was(provider: Provider, ada: Browser) -> None:
    _, address = registered(ada)
    verify(provider)
    before = model(provider)
    page = edit(ada, address, name="", redirect_uris="", scopes=[], client_uri="x")
    assert len(problems(page)) == 4
    page = edit(ada, address, client_uri="x")
    assert problems(page) == ["Website: Must be an address that begins with https://."]
    after = model(provider)
    assert [after.name, after.client_metadata, after.verified] == [before.name, before.client_metadata, True]


def test_a_redirect_uri_of_a_device_that_was_registered_may_stay(provider: Provider, ada: Browser) -> None:
    _, address = registered(ada, redirect_uris="com.example.papers:/cb", client_type="public")
    assert said(landed(ada, edit(ada, address, description="Changed"))) == "Saved."
    assert model(provider).redirect_uris == ["com.example.papers:/cb"]


def test_the_original_s_way_of_editing(provider: Provider, ada: Browser) -> None:
    """A POST to the page of an application changes it; ``delete`` there removes it, its name being typed."""
    _, address = registered(ada)
    sent = fields(form(ada.visit(f"{address}edit/"), "Save changes")[0])
    landed(ada, ada.http.post(address, data={**sent, "name": "Sheets"}))
    assert model(provider, "Sheets").name == "Sheets"
    answer = ada.http.post(address, data={"csrf_token": csrf(ada), "delete": "yes", "confirm_name": "Sheets"})
    assert names(landed(ada, answer), "mine") == []


def test_an_expired_form_saves_nothing_and_keeps_what_was_typed(provider: Provider, ada: Browser) -> None:
    _, address = registered(ada)
    page = edit(ada, address, name="Sheets", csrf_token="forged", scopes=["notes"])
    assert "This page was open too long, and nothing was changed. Please try again." in words(page)
    sent = fields(form(page, "Save changes")[0])
    assert [sent["name"], sent["scopes"]] == [["Sheets"], ["notes"]]
    assert model(provider).scopes == ["email"]
    landed(ada, press(ada, page, "Save changes"))
    assert model(provider, "Sheets").scopes == ["notes"]


# --- whose it is ----------------------------------------------------------------------------------

PARTS = ("", "edit/", "reset/", "sign-out/", "delete/", "offer/", "secrets/1/revoke/")


def test_what_is_another_person_s_is_not_there(any_provider: Provider) -> None:
    ada, bob = any_provider.browser("ada"), any_provider.browser("bob")
    client, address = registered(ada)
    access = client.tokens(ada)["access_token"]
    good, before = csrf(bob), model(any_provider)
    data = {
        "csrf_token": good,
        "name": "Mine",
        "redirect_uris": "https://evil.example/cb",
        "scopes": ["email"],
        "reset": "yes",
        "delete": "yes",
        "confirm_name": "Papers",
        "offer": "yes",
    }
    for part in PARTS:
        for where in (f"{address}{part}", f"{HOME}clients/~{before.id}/{part}"):
            for answer in (bob.visit(where), bob.http.post(where, data=data)):
                assert (answer.status_code, "Papers" in answer.text) == (404, False), where
    after = model(any_provider)
    assert [after.name, after.client_metadata, after.user_id] == ["Papers", before.client_metadata, 1]
    assert stored(any_provider, "ClientSecret", revoked_at=None) == 1
    assert stored(any_provider, "Grant", kind="offer") == 0
    assert client.post("/oauth/introspect", token=access).json["active"] is True
    assert names(bob.visit(HOME), "mine") == []


def test_one_without_an_owner_is_nobody_s(provider: Provider, ada: Browser) -> None:
    client = provider.client()
    for part in PARTS:
        assert ada.visit(f"{HOME}clients/{client.client_id}/{part}").status_code == 404


def test_another_letter_case_is_another_client(any_provider: Provider) -> None:
    ada = any_provider.browser("ada")
    client, address = registered(ada)
    assert ada.visit(address.replace(client.client_id, client.client_id.swapcase())).status_code == 404


@pytest.mark.parametrize("token", [None, "", "forged", "bob"])
def test_nothing_changes_by_get_or_without_a_good_token(provider: Provider, ada: Browser, token: str | None) -> None:
    client, address = registered(ada)
    sent = csrf(provider.browser("bob")) if token == "bob" else token
    data: dict[str, Any] = {"reset": "yes", "delete": "yes", "confirm_name": "Papers", "offer": "yes", "name": "Mine"}
    data |= {"redirect_uris": "https://evil.example/", "scopes": ["email"]}
    data |= {} if sent is None else {"csrf_token": sent}
    with provider.app.app_context():
        pk = provider.db.session.query(provider.oauth2.models.ClientSecret).one().id
    for part in (*PARTS[:-1], f"secrets/{pk}/revoke/"):
        assert ada.visit(f"{address}{part}?reset=yes&delete=yes&confirm_name=Papers&offer=yes").status_code in (
            200,
            303,
        )
        assert ada.http.post(f"{address}{part}", data=data).status_code in (200, 303)
        assert ada.http.put(f"{address}{part}", data=data).status_code == 405
    assert stored(provider, "ClientSecret", revoked_at=None) == 1
    assert stored(provider, "Grant") == 0
    assert answer_of(provider.browser("bob").allow(client.address()))["code"]

"""What an administrator does on the page of one client."""

from __future__ import annotations

import re
from typing import Any

import pytest

from flask_oauth2server.domain import audit

from ...support import CALLBACK, Browser, Client, Provider, picture
from ..pages import form, landed, parse, press, said, stored, words, works
from .test_client_page import CLIENTS, READER, events, facts, model, rows

# --- check ----------------------------------------------------------------------------------------


def test_a_check_is_given_and_taken_back(provider: Provider, reader: Client, ada: Browser) -> None:
    page = landed(ada, press(ada, ada.visit(READER), "Mark as checked"))
    assert said(page) == "Marked as checked."
    assert "Checked" in facts(page)
    with provider.app.app_context():
        assert model(provider).verified and model(provider).verified_at is not None
    page = landed(ada, press(ada, page, "Take the check back"))
    assert "was taken back" in said(page) and "Checked" not in facts(page)
    with provider.app.app_context():
        assert not model(provider).verified and model(provider).verified_at is None
    with provider.app.app_context():
        notes = provider.oauth2.models.AuditEvent.query.filter(
            provider.oauth2.models.AuditEvent.actor_kind.is_not(None)
        )
        made = [row for row in notes if row.actor_kind == audit.ADMINISTRATOR]
        assert [(row.kind, row.client_name) for row in made] == [
            (audit.CLIENT_CHECKED, "Reader"),
            (audit.CLIENT_CHANGED, "Reader"),
        ]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Reader 2"},
        {"redirect_uris": [CALLBACK, "https://evil.example/"]},
        {"logo": picture(256)},
        {"logo": None},
        {"client_uri": "https://evil.example"},
    ],
    ids=["name", "redirect URIs", "logo", "logo away", "links"],
)
def test_what_was_changed_meanwhile_has_to_be_looked_at_again(
    provider: Provider, reader: Client, ada: Browser, changes: dict[str, Any]
) -> None:
    page = ada.visit(READER)
    with provider.app.app_context():
        provider.oauth2.edit_client(model(provider), by_owner=True, **changes)
    page = landed(ada, press(ada, page, "Mark as checked"))
    assert said(page) == "It was changed meanwhile. Look again before you mark it as checked."
    with provider.app.app_context():
        assert not model(provider).verified
    landed(ada, press(ada, page, "Mark as checked"))  # of the page as it is now
    with provider.app.app_context():
        assert model(provider).verified


def test_another_owner_has_to_be_looked_at_again(provider: Provider, reader: Client, ada: Browser) -> None:
    page = ada.visit(READER)
    with provider.app.app_context():
        server = provider.app.extensions["oauth2server"]
        key = provider.user("ada").id
        server.storage.unit.run(lambda: server.clients.hand_over(model(provider), key))
    assert "Look again" in said(landed(ada, press(ada, page, "Mark as checked")))


def test_a_check_needs_what_was_seen(provider: Provider, reader: Client, ada: Browser) -> None:
    for seen in (None, "", "0" * 64):
        page = press(ada, ada.visit(READER), "Mark as checked", seen=seen)
        assert "Look again" in said(landed(ada, page))
    assert said(landed(ada, press(ada, ada.visit(READER), "Mark as checked", check="perhaps"))) == ""
    with provider.app.app_context():
        assert not model(provider).verified


def test_an_administrator_sees_the_logo_that_is_to_be_checked(provider: Provider, reader: Client, ada: Browser) -> None:
    (image,) = parse(ada.visit(READER)).one(class_="o2-client-head").all("img")
    address = image.attributes["src"]
    assert ada.visit(address).data == picture()
    assert provider.browser("bob").visit(address).status_code == 200  # its owner
    assert provider.browser().visit(address).status_code == 404


# --- disable --------------------------------------------------------------------------------------


def test_a_client_is_disabled_and_enabled_by_one_press(provider: Provider, reader: Client, ada: Browser) -> None:
    token = reader.tokens(provider.browser("bob"))["access_token"]
    page = landed(ada, press(ada, ada.visit(READER), "Disable"))
    assert "Disabled." in said(page) and "Disabled" in parse(page).one(class_="o2-client-facts").text
    assert not works(provider, token)
    page = landed(ada, press(ada, page, "Enable"))
    assert "Enabled." in said(page) and works(provider, token)
    assert said(landed(ada, press(ada, page, "Disable", disable=None))) == ""
    assert works(provider, token)


# --- secrets --------------------------------------------------------------------------------------


def test_a_new_secret_is_shown_once_and_the_old_one_goes_on(provider: Provider, reader: Client, ada: Browser) -> None:
    before = ada.visit(READER)
    page = press(ada, before, "New secret")
    assert page.status_code == 200 and page.headers["Cache-Control"] == "no-store"
    value = parse(page).one("code", id="o2-once-value").text
    assert "goes on working until you revoke it" in words(page)
    assert page.text.count(value) == 1 and value not in ada.visit(READER).text
    for secret in (value, reader.secret):
        client = Client(provider, "reader", secret, [CALLBACK])
        assert "access_token" in client.tokens(provider.browser("bob"))
    again = press(ada, before, "New secret")  # a reload sends the same form
    assert "was shown once and is gone" in words(again) and value not in again.text
    assert stored(provider, "ClientSecret") == 2 and events(provider, audit.SECRET_MADE) == 1


def test_a_form_for_a_secret_needs_its_ticket(provider: Provider, reader: Client, ada: Browser) -> None:
    page = ada.visit(READER)
    assert "open too long" in said(landed(ada, press(ada, page, "New secret", ticket="made up")))
    assert stored(provider, "ClientSecret") == 1


def test_there_are_five_secrets_at_most(provider: Provider, reader: Client, ada: Browser) -> None:
    for _ in range(3):
        press(ada, ada.visit(READER), "New secret")
    page = ada.visit(READER)
    press(ada, page, "New secret")
    fresh = ada.visit(READER)
    assert "Revoke one first." in words(fresh)
    assert not [b for b in parse(fresh).all("button") if b.text.startswith("New secret")]
    late = landed(ada, press(ada, page, "New secret", ticket=_ticket(ada, provider)))
    assert said(late) == "Revoke one first."
    assert stored(provider, "ClientSecret", client_pk=1) == 5


def _ticket(ada: Browser, provider: Provider) -> str:
    """A good ticket for a further secret, from the page of another client."""
    provider.client(client_id="second")
    page = ada.visit(f"{CLIENTS}second/")
    return form(page, "New secret")[0].one("input", name="ticket").attributes["value"]


def test_a_secret_is_revoked(provider: Provider, reader: Client, ada: Browser) -> None:
    press(ada, ada.visit(READER), "New secret")
    page = ada.visit(READER)
    shown = parse(page).all("form")
    forms = [f for f in shown if "/revoke/" in f.attributes.get("action", "")]
    assert len(forms) == 2
    old = forms[1].attributes["action"]
    page = landed(ada, press(ada, page, "Revoke secret", at=old))
    assert said(page) == "The secret is revoked."
    assert reader.post("/oauth/token", grant_type="client_credentials").json["error"] == "invalid_client"
    assert said(landed(ada, press(ada, ada.visit(READER), "Revoke secret"))) == "The secret is revoked."
    assert stored(provider, "ClientSecret", revoked_at=None) == 0


def test_a_secret_of_another_client_is_left_alone(provider: Provider, reader: Client, ada: Browser) -> None:
    provider.client(client_id="other")
    page = ada.visit(READER)
    address = form(page, "Revoke secret")[0].attributes["action"]
    token = form(page, "Revoke secret")[0].one("input", name="csrf_token").attributes["value"]
    answer = ada.http.post(address.replace("/reader/", "/other/"), data={"csrf_token": token})
    assert said(landed(ada, answer)) == ""
    assert stored(provider, "ClientSecret", revoked_at=None) == 2


# --- authorizations -------------------------------------------------------------------------------


def test_the_latest_live_authorizations_stand_there(provider: Provider, reader: Client, ada: Browser) -> None:
    for _ in range(6):
        reader.tokens(provider.browser("bob"), scope="email profile")
    reader.tokens(ada)
    page = ada.visit(READER)
    listed = rows(page, "authorizations")
    assert len(listed) == 5
    assert [row.one("th").text for row in listed][:2] == ["ada", "bob"]
    assert listed[1].all("td")[0].text == "email profile"
    links = [a.text for a in parse(page).one("section", id="authorizations").all("a")]
    assert "All 7" in links and "Its tokens" in links


def test_one_authorization_is_ended_by_one_press(provider: Provider, reader: Client, ada: Browser) -> None:
    first = reader.tokens(provider.browser("bob"))["access_token"]
    second = reader.tokens(ada)["access_token"]
    page = ada.visit(READER)
    end = rows(page, "authorizations")[0].one("form").attributes["action"]  # ada's
    token = form(page, "Disable")[0].one("input", name="csrf_token").attributes["value"]
    assert said(landed(ada, ada.http.post(end, data={"csrf_token": token}))).startswith("Ended.")
    assert works(provider, first) and not works(provider, second)
    assert said(landed(ada, ada.http.post(end, data={"csrf_token": token}))) == "That had ended already."
    provider.client(client_id="other")
    left = rows(ada.visit(READER), "authorizations")[0].one("form").attributes["action"]
    for wrong in (
        left.replace("/reader/", "/other/"),
        re.sub(r"authorizations/.*/end", "authorizations/none/end", left),
    ):
        assert ada.http.post(wrong, data={"csrf_token": token}).status_code == 404
    assert works(provider, first)


def test_all_authorizations_are_ended(provider: Provider, reader: Client, ada: Browser) -> None:
    tokens = [reader.tokens(provider.browser(name))["access_token"] for name in ("ada", "bob")]
    page = ada.visit(READER)
    assert "2 people have to press Allow again." in words(page)
    page = landed(ada, press(ada, page, "End all authorizations"))
    assert said(page) == "All authorizations are ended. People have to press Allow again."
    assert not any(works(provider, token) for token in tokens)
    assert stored(provider, "Consent") == 0
    assert "Nobody has one now." in words(page)


# --- delete ---------------------------------------------------------------------------------------


def test_a_client_is_deleted_when_its_name_was_typed(provider: Provider, reader: Client, ada: Browser) -> None:
    token = reader.tokens(provider.browser("bob"))["access_token"]
    page = ada.visit(READER)
    assert "What breaks: 1 person loses the connection at once." in words(page)
    wrong = press(ada, page, "Delete client", confirm_name="Writer")
    assert wrong.status_code == 200 and "That is not its name. Nothing was deleted." in words(wrong)
    assert works(provider, token)
    page = landed(ada, press(ada, page, "Delete client", confirm_name=" Reader "))
    assert said(page) == "Reader is deleted."
    assert not works(provider, token) and ada.visit(READER).status_code == 404
    with provider.app.app_context():
        (event,) = provider.oauth2.models.AuditEvent.query.filter_by(kind=audit.CLIENT_DELETED)
        assert event.client_name == "Reader"


def test_what_breaks_is_told(provider: Provider, ada: Browser) -> None:
    client = provider.client(client_id="robot", redirect_uris=[], grant_types=["client_credentials"], response_types=[])
    assert "Nothing: it was never given a token." in words(ada.visit(f"{CLIENTS}robot/"))
    assert client.post("/oauth/token", grant_type="client_credentials", scope="email").status_code == 200
    assert "Its latest token was issued just now" in words(ada.visit(f"{CLIENTS}robot/"))


def test_what_was_deleted_in_another_tab_is_404(provider: Provider, reader: Client, ada: Browser) -> None:
    page = ada.visit(READER)
    with provider.app.app_context():
        provider.oauth2.delete_client(model(provider))
    for button in ("Mark as checked", "Disable", "New secret", "End all authorizations"):
        assert press(ada, page, button).status_code == 404

"""Applications that people register themselves: made and changed by a form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_oauth2server import Scope

from ..support import CALLBACK, Browser, Provider, answer_of
from .conftest import CONFIG
from .pages import (
    HOME,
    NEW_CLIENT,
    csrf,
    fields,
    form,
    heading,
    landed,
    names,
    parse,
    press,
    registered,
    said,
    stored,
    words,
    works,
)
from .test_personal_tokens import problems

GOOD = {"name": "Papers", "redirect_uris": CALLBACK, "scopes": ["email"]}
LOOPBACK = "http://127.0.0.1/callback"


def create(browser: Browser, **changes: Any) -> Any:
    """Fill the form in and send it; the answer."""
    return press(browser, browser.visit(NEW_CLIENT), "Create application", **{**GOOD, **changes})


def model(provider: Provider, name: str = "Papers") -> Any:
    """The stored application of that name, apart from the session."""
    with provider.app.app_context():
        client = provider.db.session.query(provider.oauth2.models.Client).filter_by(name=name).one()
        provider.db.session.expunge(client)
        return client


def is_verified(provider: Provider, name: str = "Papers") -> bool:
    return bool(model(provider, name).verified)


def verify(provider: Provider, name: str = "Papers") -> None:
    """The provider checks it."""
    with provider.app.app_context():
        client = provider.db.session.query(provider.oauth2.models.Client).filter_by(name=name).one()
        provider.oauth2.edit_client(client, verified=True)


# --- a first one ----------------------------------------------------------------------------------


def test_a_confidential_one_works_from_its_secret_to_a_token(provider: Provider, ada: Browser) -> None:
    page = create(ada, scopes=["email", "profile"], description="Keeps papers.")
    assert (page.status_code, page.headers["Cache-Control"], heading(page)) == (200, "no-store", "Papers")
    for sentence in (
        "Confidential Not checked Keeps papers.",
        "Your application is ready. Copy its secret now Meridian keeps only a fingerprint, so this is the only time "
        "you can see it. If it gets lost, make another.",
        "Client ID Not a secret. It may appear in addresses and logs.",
        "Most libraries need only this address, the client ID and the secret. https://provider.example",
        "Meridian has not checked this application. Until then people see a warning, and its initial instead of its "
        "logo.",
        "To rotate: make a new secret, put it in your app, wait until “last used” of the old one stands still, then "
        "revoke the old one.",
    ):
        assert sentence in words(page)
    client, address = registered(ada, "Second", scopes=["email"])
    tokens = client.tokens(provider.browser("bob"))
    assert works(provider, tokens["access_token"])
    assert client.refresh(tokens["refresh_token"]).status_code == 200
    assert client.secret is not None
    assert client.secret not in ada.visit(address).text + ada.visit(f"{address}edit/").text + ada.visit(HOME).text
    assert "1 person" in words(ada.visit(HOME))
    assert model(provider).user_id == 1


def test_a_public_one_has_no_secret_and_works_with_pkce(provider: Provider, ada: Browser) -> None:
    answer = create(ada, client_type="public")
    assert answer.status_code == 303
    page = landed(ada, answer)
    assert said(page) == "Your application is ready."
    text = words(page)
    assert "A public client has no secret. It proves itself with PKCE." in text
    assert "New secret" not in text and "Client secrets" not in text
    client, address = registered(ada, "Second", client_type="public")
    assert client.secret is None
    assert works(provider, client.tokens(provider.browser("bob"))["access_token"])
    assert client.exchange(client.code(provider.browser("bob")), code_verifier=None).status_code == 400
    reset = ada.http.post(f"{address}reset/", data={"reset": "yes", "csrf_token": csrf(ada)})
    assert "o2s_" not in reset.get_data(as_text=True)
    assert stored(provider, "ClientSecret") == 0


def test_two_fields_are_enough(ada: Browser) -> None:
    page = ada.visit(NEW_CLIENT)
    assert "You need a name and one redirect URI. Everything else can wait." in words(page)
    sent = fields(form(page, "Create application")[0])
    empty = [name for name, value in sent.items() if value == [""]]
    assert empty == ["name", "description", "client_uri", "redirect_uris", "policy_uri", "tos_uri"]
    assert sent["client_type"] == ["confidential"]


def test_a_program_on_a_computer_or_device(provider: Provider, ada: Browser) -> None:
    registered(ada, redirect_uris=f"{LOOPBACK}\nhttp://[::1]/cb\ncom.example.papers:/cb", client_type="public")
    assert model(provider).client_metadata["application_type"] == "native"
    page = ada.visit(f"{HOME}clients/{model(provider).client_id}/")
    assert words(page).count("any port") == 2
    refused = create(ada, name="Web", redirect_uris="com.example.papers:/cb")
    assert len(problems(refused)) == 1


def test_redirect_uris_stand_one_a_line_in_their_order(provider: Provider, ada: Browser) -> None:
    uris = ["https://b.example/cb", "http://localhost:3000/cb", "https://a.example/cb?x=1"]
    registered(ada, redirect_uris="\r\n  " + "\r\n\r\n".join(uris) + "  \r\n")
    assert model(provider).redirect_uris == uris


def test_sending_the_form_twice_makes_one(any_provider: Provider) -> None:
    ada = any_provider.browser("ada")
    page = ada.visit(NEW_CLIENT)
    first = press(ada, page, "Create application", **GOOD)
    again = press(ada, page, "Create application", **{**GOOD, "name": "Papers 2"})
    assert "Copy its secret now" in words(first)
    assert said(landed(ada, again)) == "This value was shown once and is gone. If you did not copy it, make another."
    assert stored(any_provider, "Client") == stored(any_provider, "ClientSecret") == 1


# --- what is wrong --------------------------------------------------------------------------------

NAME_MISSING = "Give the application a name. People decide by it."
SCHEME = " A private-use scheme is a reversed domain name of yours, such as com.example.app:/callback."


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ({"name": " "}, [f"Name: {NAME_MISSING}"]),
        ({"name": "x" * 256}, ["Name: Use at most 255 characters that can be seen."]),
        ({"name": "\u202eevil"}, ["Name: Use at most 255 characters that can be seen."]),
        ({"redirect_uris": " \n "}, ["Redirect URIs: Add at least one redirect URI."]),
        (
            {"redirect_uris": f"{CALLBACK}\nhttp://papers.example/cb"},
            [
                "Redirect URIs: Line 2: http://papers.example/cb must start with https. Plain http is accepted only "
                "for 127.0.0.1, [::1] and localhost."
            ],
        ),
        (
            {"redirect_uris": f"{CALLBACK}\n{LOOPBACK}\nhttps://papers.example/cb#top"},
            ["Redirect URIs: Line 3: remove everything from the # on. A redirect URI cannot have a fragment."],
        ),
        (
            {"redirect_uris": "papers.example"},
            ["Redirect URIs: Line 1: this is not a whole address. Write it with https:// and a host name."],
        ),
        (
            {"redirect_uris": f"{CALLBACK}\n{LOOPBACK}\nhttps://b.example/cb\njavascript:alert(1)"},
            [f"Redirect URIs: Line 4: addresses that start with javascript: are not accepted.{SCHEME}"],
        ),
        (
            {"redirect_uris": "data:text/html,x"},
            [f"Redirect URIs: Line 1: addresses that start with data: are not accepted.{SCHEME}"],
        ),
        ({"scopes": []}, ["Scopes: Tick at least one scope."]),
        ({"scopes": ["unknown"]}, ["Scopes: Tick at least one scope."]),
        ({"client_type": "first_party"}, ["Type: Choose one of the two."]),
        ({"client_uri": "javascript:alert(1)"}, ["Website: Must be an address that begins with https://."]),
        ({"client_uri": "http://papers.example"}, ["Website: Must be an address that begins with https://."]),
        ({"policy_uri": "data:,x"}, ["Privacy policy: Must be an address that begins with https://."]),
        ({"tos_uri": "//evil.example"}, ["Terms of service: Must be an address that begins with https://."]),
        ({"description": "x" * 4001}, ["Description: Must be text of at most 4,000 characters."]),
        (
            {"name": "Meridian Mail"},
            ["Name: “Meridian Mail” is taken or too close to Meridian's own name. Choose another."],
        ),
    ],
)
def test_what_is_wrong_is_said_with_the_remedy(
    provider: Provider, ada: Browser, changes: dict[str, Any], sentences: list[str]
) -> None:
    page = create(ada, **changes)
    assert (page.status_code, problems(page)) == (200, sentences)
    assert "Nothing has been saved. 1 thing needs your attention:" in words(page)
    invalid = [element for element in parse(page).all() if element.attributes.get("aria-invalid") == "true"]
    ids = {element.attributes["id"] for element in parse(page).all() if "id" in element.attributes}
    assert all(set(element.attributes["aria-describedby"].split()) <= ids for element in invalid)
    for tables in ("Client", "ClientSecret", "AuditEvent"):
        assert stored(provider, tables) == 0


def test_all_that_is_wrong_is_said_at_once_and_what_was_typed_stays(provider: Provider, ada: Browser) -> None:
    typed = {"redirect_uris": "http://a.example\n\nnonsense", "name": "", "description": "Still here", "scopes": []}
    page = create(ada, **typed)
    assert "Nothing has been saved. 4 things need your attention:" in words(page)
    assert [line.split(": ")[1] for line in problems(page)] == [
        NAME_MISSING,
        "Line 1",
        "Line 3",
        "Tick at least one scope.",
    ]
    sent = fields(form(page, "Create application")[0])
    assert [sent["description"], sent["redirect_uris"]] == [["Still here"], ["http://a.example\n\nnonsense"]]
    assert stored(provider, "Client") == 0
    assert create(ada).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "Meridian",
        "MERIDIAN login",
        "M é r i d i a n",
        "Ｍｅｒｉｄｉａｎ",
        "my-meri.dian",
        "Mérìdïân",
        "The Meridian™ App",
    ],
)
def test_a_name_too_near_to_the_provider_s_is_refused(provider: Provider, ada: Browser, name: str) -> None:
    assert "is taken or too close to Meridian's own name. Choose another." in problems(create(ada, name=name))[0]
    assert stored(provider, "Client") == 0


LIKE_PAPERS = ("Papers", "PAPERS", "pa pers", "Pápers", "Ｐａｐｅｒｓ", "p.a.p.e.r.s", "Papers!")


def test_a_name_that_is_taken_is_refused(any_provider: Provider) -> None:
    registered(any_provider.browser("ada"))
    bob = any_provider.browser("bob")
    registered(bob, "Letters")
    edit = f"{HOME}clients/{model(any_provider, 'Letters').client_id}/edit/"
    for name in LIKE_PAPERS:
        sentence = f"Name: “{name}” is taken. Choose another."
        assert problems(create(bob, name=name)) == [sentence]
        assert problems(press(bob, bob.visit(edit), "Save changes", name=name)) == [sentence]
    assert stored(any_provider, "Client") == 2


def test_names_in_other_scripts_and_marks_are_told_apart(provider: Provider, ada: Browser) -> None:
    for name in ("日本語", "Ελληνικά", "日本", "<b>&amp;</b>"):
        registered(ada, name)
    assert names(ada.visit(HOME), "mine") == ["<b>&amp;</b>", "日本", "Ελληνικά", "日本語"]


def test_a_name_of_marks_alone_takes_no_other_of_that_kind(provider: Provider, ada: Browser) -> None:
    """Nothing is left of them to compare."""
    registered(ada, "🦊")
    registered(ada, "🐺")
    assert stored(provider, "Client") == 2


# --- who may --------------------------------------------------------------------------------------


def refuses(browser: Browser, host: str = "Meridian") -> bool:
    page = landed(browser, browser.visit(NEW_CLIENT))
    sentence = f"Ask the people who run {host} to register an application for you."
    assert said(page) == sentence
    data = {**GOOD, "client_type": "confidential", "csrf_token": csrf(browser)}
    assert browser.http.post(NEW_CLIENT, data=data).status_code == 303
    assert "New application" not in words(browser.visit(HOME))
    return stored(browser.provider, "Client") == 0


def test_a_setting_says_that_nobody_may_register(make: Callable[..., Provider]) -> None:
    provider = make(config={**CONFIG, "OAUTH2_USERS_MAY_REGISTER": False})
    provider.oauth2.may_register(lambda _user: True)
    assert refuses(provider.browser("ada"))


def test_a_hook_says_who_may_register(provider: Provider, ada: Browser) -> None:
    provider.oauth2.may_register(lambda user: user.name == "ada")
    assert refuses(provider.browser("bob"))
    registered(ada)
    assert stored(provider, "Client") == 1


def test_internal_scopes_are_neither_offered_nor_taken(provider: Provider, ada: Browser) -> None:
    provider.oauth2.scopes.register(Scope("inside", "Do inside work", internal=True))
    assert "inside" not in ada.visit(NEW_CLIENT).text
    create(ada, scopes=["inside", "email"])
    assert model(provider).scopes == ["email"]


def test_fields_that_no_form_has_are_not_read(provider: Provider, ada: Browser) -> None:
    crafted = {
        "first_party": "on",
        "verified": "true",
        "may_introspect": "1",
        "owner": "bob",
        "user_id": "2",
        "client_id": "mine",
        "client_secret": "secret",
        "grant_types": "client_credentials",
        "response_types": "token",
        "token_endpoint_auth_method": "none",
        "require_pkce": "false",
        "application_type": "native",
        "access_token_expires_in": "999999",
        "refresh_rotation": "never",
        "scope": "profile",
        "contacts": "root@meridian.example",
        "software_id": "x",
        "disabled_at": "",
        "logo_uri": "https://evil.example/logo.png",
        "is_confidential": "0",
    }
    client, address = registered(ada, **crafted)
    for step in ("made", "changed"):
        if step == "changed":
            landed(ada, press(ada, ada.visit(f"{address}edit/"), "Save changes", client_type="public", **crafted))
        made = model(provider)
        assert [made.first_party, made.verified, made.may_introspect, made.user_id] == [False, False, False, 1], step
        assert [made.is_confidential, made.access_token_expires_in, made.refresh_rotation] == [True, None, "always"]
        metadata = made.client_metadata
        assert made.client_id == client.client_id != "mine"
        assert metadata["grant_types"] == ["authorization_code", "refresh_token"]
        assert [metadata["require_pkce"], metadata["response_types"], metadata["scope"]] == [True, ["code"], "email"]
        assert {"contacts", "software_id", "logo_uri"}.isdisjoint(metadata)
    assert answer_of(provider.browser("bob").allow(client.address()))["code"]


def test_the_owner_sees_how_often_it_was_refused_and_why(provider: Provider, ada: Browser) -> None:
    client, address = registered(ada)
    assert "Refused in the last 7 days none" in parse(ada.visit(address)).text
    for redirect_uri in ("https://other.example/", "https://other.example/2"):
        assert provider.api().get(client.address(redirect_uri=redirect_uri)).status_code == 400
    assert provider.api().get(client.address(scope="more")).status_code == 302
    assert provider.browser("bob").visit(client.address(scope="more")).status_code in (200, 302)
    with provider.app.app_context():
        provider.app.extensions["oauth2server"].records.flush()
    text = parse(ada.visit(address)).text
    assert "2× The redirect URI is not registered" in text
    assert "1× The client may not ask for one of the scopes" in text

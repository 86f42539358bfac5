"""Consent: what is asked, what is remembered, and what a ticket stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_oauth2server import Scope, clock, signals

from ..support import CALLBACK, Browser, Client, Provider, answer_of, hidden_fields, pkce


def asked(response: Any) -> bool:
    """Whether a consent page came, rather than an answer."""
    return response.status_code == 200 and 'name="confirm"' in response.text


# --- the page -------------------------------------------------------------------------------------


def test_it_says_who_asks_what_for_where_to_and_as_whom(provider: Provider, ada: Browser) -> None:
    client = provider.client(
        name="Papertrail Reader",
        client_uri="https://papertrail.example",
        policy_uri="https://papertrail.example/privacy",
    )
    text = ada.visit(client.address(scope="email notes")).text
    assert "Papertrail Reader" in text
    assert 'href="https://papertrail.example"' in text
    assert "Read your e-mail address" in text
    assert 'value="notes"' in text
    assert "Your browser then returns to" in text
    assert "client.example" in text
    assert "Signed in as" in text
    assert "ada" in text
    assert "Do this while you are away, until" in text
    assert 'href="https://papertrail.example/privacy"' in text
    assert text.index(">Deny<") < text.index(">Allow<")
    assert "Checked by" in text


def test_an_unverified_client_is_warned_of(provider: Provider, ada: Browser) -> None:
    text = ada.visit(provider.client(verified=False).address()).text
    assert "has not checked this app." in text
    assert "Checked by" not in text
    assert "o2-primary" not in text


def test_scopes_stand_under_their_groups(provider: Provider, ada: Browser) -> None:
    provider.oauth2.scopes.register(Scope("photos", "See your photos", group="Library", powerful=True))
    client = provider.client(scopes=["email", "photos"])
    text = ada.visit(client.address(scope="email photos")).text
    assert text.index("Library") < text.index("See your photos") < text.index("Other") < text.index("e-mail")
    assert "Powerful" in text


def test_a_client_without_refresh_is_not_there_while_one_is_away(provider: Provider, ada: Browser) -> None:
    client = provider.client(grant_types=["authorization_code"])
    assert "while you are away" not in ada.visit(client.address()).text


# --- allow and deny -------------------------------------------------------------------------------


def test_deny_is_told_with_state_and_iss(provider: Provider, client: Client, ada: Browser) -> None:
    heard: list[Any] = []

    def hear(app: Any, **arguments: Any) -> None:
        heard.append(arguments)

    with signals.authorization_denied.connected_to(hear):
        response = ada.answer(ada.visit(client.address()), "no")
    answer = answer_of(response)
    assert (answer["error"], answer["state"]) == ("access_denied", "xyz")
    assert "code" not in answer
    assert response.status_code == 303
    assert heard == [{"client_id": client.client_id, "user_id": 1, "scopes": ["email"]}]


@pytest.mark.parametrize("confirm", ["", "YES", "no", "1"])
def test_only_a_plain_yes_allows(client: Client, ada: Browser, confirm: str) -> None:
    assert answer_of(ada.answer(ada.visit(client.address()), confirm))["error"] == "access_denied"


def test_both_answers_at_once_are_a_denial(client: Client, ada: Browser) -> None:
    fields = hidden_fields(ada.visit(client.address()))
    response = ada.http.post(client.address(), data={**fields, "confirm": ["yes", "no"]})
    assert answer_of(response)["error"] == "access_denied"


def test_optional_scopes_are_granted_only_if_ticked(client: Client, ada: Browser) -> None:
    response = ada.answer(ada.visit(client.address(scope="email notes")))
    assert client.exchange(answer_of(response)["code"]).json["scope"] == "email"
    again = ada.visit(client.address(scope="email notes", prompt="consent"))
    response = ada.answer(again, scopes=("notes",))
    assert client.exchange(answer_of(response)["code"]).json["scope"] == "email notes"


def test_required_scopes_cannot_be_left_out_and_no_other_can_be_added(client: Client, ada: Browser) -> None:
    response = ada.answer(ada.visit(client.address(scope="email notes")), scopes=("profile", "bogus", "notes"))
    assert client.exchange(answer_of(response)["code"]).json["scope"] == "email notes"


def test_nothing_ticked_of_optional_scopes_alone_is_a_denial(client: Client, ada: Browser) -> None:
    page = ada.visit(client.address(scope="notes"))
    assert "Tick at least one, or press Deny." in page.text
    assert answer_of(ada.answer(page))["error"] == "access_denied"


# --- what is remembered ---------------------------------------------------------------------------


def test_the_same_is_not_asked_twice(any_provider: Provider) -> None:
    client, ada = any_provider.client(), any_provider.browser("ada")
    assert asked(ada.visit(client.address()))
    ada.allow(client.address())
    assert not asked(ada.visit(client.address()))
    assert asked(any_provider.browser("bob").visit(client.address()))
    assert asked(ada.visit(any_provider.client(name="Other").address()))


def test_a_denial_is_not_remembered(client: Client, ada: Browser) -> None:
    ada.answer(ada.visit(client.address()), "no")
    assert asked(ada.visit(client.address()))


def test_anything_new_asks_again_and_less_does_not(client: Client, ada: Browser) -> None:
    ada.allow(client.address())
    page = ada.visit(client.address(scope="email profile"))
    assert asked(page)
    assert "1 more permission" in page.text
    ada.answer(page)
    assert not asked(ada.visit(client.address(scope="profile")))
    response = client.exchange(answer_of(ada.visit(client.address(scope="profile")))["code"])
    assert response.json["scope"] == "profile"


def test_prompt_consent_asks_whatever_is_remembered(client: Client, ada: Browser) -> None:
    ada.allow(client.address())
    assert asked(ada.visit(client.address(prompt="consent")))


def test_what_was_left_unticked_is_not_new_but_offered_by_prompt_consent(client: Client, ada: Browser) -> None:
    ada.answer(ada.visit(client.address(scope="email notes")))
    response = ada.visit(client.address(scope="email notes"))
    assert not asked(response)
    assert client.exchange(answer_of(response)["code"]).json["scope"] == "email"
    page = ada.visit(client.address(scope="email notes", prompt="consent"))
    assert 'value="notes">' in page.text
    ada.answer(page, scopes=("notes",))
    page = ada.visit(client.address(scope="email notes", prompt="consent"))
    assert 'value="notes" checked>' in page.text


def test_unticking_withdraws_and_what_was_not_asked_for_stays(client: Client, ada: Browser) -> None:
    ada.answer(ada.visit(client.address(scope="email notes profile")), scopes=("notes",))
    ada.answer(ada.visit(client.address(scope="email notes", prompt="consent")))
    response = ada.visit(client.address(scope="email notes profile"))
    assert client.exchange(answer_of(response)["code"]).json["scope"] == "email profile"


def test_only_declined_scopes_left_asks_again(client: Client, ada: Browser) -> None:
    ada.answer(ada.visit(client.address(scope="email notes")))
    assert asked(ada.visit(client.address(scope="notes")))


def test_a_scope_that_became_required_is_new(provider: Provider, client: Client, ada: Browser) -> None:
    ada.answer(ada.visit(client.address(scope="email notes")))
    provider.oauth2.scopes.register(Scope("notes", "Read your notes"))
    assert asked(ada.visit(client.address(scope="email notes")))


def test_a_new_return_address_asks_again(provider: Provider, ada: Browser) -> None:
    client = provider.client(redirect_uris=[CALLBACK, "https://elsewhere.example/cb", "https://client.example/other"])
    ada.allow(client.address())
    assert not asked(ada.visit(client.address(redirect_uri="https://client.example/other")))
    page = ada.visit(client.address(redirect_uri="https://elsewhere.example/cb"))
    assert asked(page)
    assert 'It now returns to a new address: <bdi class="o2-name">elsewhere.example</bdi>.' in page.text
    ada.answer(page)
    assert not asked(ada.visit(client.address(redirect_uri="https://elsewhere.example/cb")))


@pytest.mark.parametrize(
    ("uri", "native"), [("http://127.0.0.1/cb", False), ("http://localhost/cb", False), ("com.example.app:/cb", True)]
)
def test_a_native_client_is_asked_for_every_time(provider: Provider, ada: Browser, uri: str, native: bool) -> None:
    values = {"application_type": "native"} if native else {}
    client = provider.client(redirect_uris=[uri, CALLBACK], token_endpoint_auth_method="none", **values)
    ada.allow(client.address(redirect_uri=uri))
    page = ada.visit(client.address(redirect_uri=uri))
    assert asked(page)
    assert "asks each time" in page.text
    answer = answer_of(ada.visit(client.address(redirect_uri=uri, prompt="none")))
    assert answer["error"] == "consent_required"
    ada.allow(client.address(redirect_uri=CALLBACK))
    assert not asked(ada.visit(client.address(redirect_uri=CALLBACK)))  # it is this request's URI that counts


def test_a_first_party_client_is_not_asked_for(provider: Provider, ada: Browser) -> None:
    client = provider.client(first_party=True)
    assert not asked(ada.visit(client.address(scope="email notes")))
    response = client.exchange(answer_of(ada.visit(client.address(scope="email notes")))["code"])
    assert response.json["scope"] == "email notes"
    assert asked(ada.visit(client.address(prompt="consent")))
    native = provider.client(first_party=True, redirect_uris=["http://127.0.0.1/"], token_endpoint_auth_method="none")
    assert asked(ada.visit(native.address()))


def test_revoking_an_application_forgets_the_consent(provider: Provider, client: Client, ada: Browser) -> None:
    ada.allow(client.address())
    with provider.app.app_context():
        model = provider.oauth2.get_client(client.client_id)
        assert provider.oauth2.revoke_application(provider.user("ada"), model) == 1
    assert asked(ada.visit(client.address()))


# --- the ticket -----------------------------------------------------------------------------------


def refused(page: Any) -> None:
    """Shown again, with a word about it; never an error, never a redirect."""
    assert asked(page)
    assert "open too long, or was answered in another tab" in page.text
    assert "Location" not in page.headers


def test_a_page_answers_once(any_provider: Provider) -> None:
    client, ada = any_provider.client(), any_provider.browser("ada")
    page = ada.visit(client.address())
    assert answer_of(ada.answer(page))["code"]
    again = ada.answer(page)
    refused(again)
    assert answer_of(ada.answer(again))["code"]


def test_a_denied_page_cannot_be_allowed_afterwards(client: Client, ada: Browser) -> None:
    page = ada.visit(client.address())
    ada.answer(page, "no")
    refused(ada.answer(page, "yes"))


def test_two_tabs_answer_each_their_own(client: Client, ada: Browser) -> None:
    one, two = ada.visit(client.address(state="1")), ada.visit(client.address(state="2"))
    assert answer_of(ada.answer(two))["state"] == "2"
    assert answer_of(ada.answer(one))["state"] == "1"


@pytest.mark.parametrize(
    "changes",
    [
        {"scope": "email profile"},
        {"state": "other"},
        {"redirect_uri": "https://client.example/two"},
        {"code_challenge": pkce()[1]},
        {"response_mode": "fragment"},
        {"max_age": "1000"},
    ],
)
def test_a_ticket_stands_for_exactly_the_request_shown(
    provider: Provider, ada: Browser, changes: dict[str, str]
) -> None:
    client = provider.client(redirect_uris=[CALLBACK, "https://client.example/two"])
    fields = hidden_fields(ada.visit(client.address()))
    other = client.address(**changes)
    refused(ada.http.post(other, data={**fields, "confirm": "yes"}))


def test_a_ticket_is_for_one_client(provider: Provider, client: Client, ada: Browser) -> None:
    fields = hidden_fields(ada.visit(client.address()))
    refused(ada.http.post(provider.client(name="Other").address(), data={**fields, "confirm": "yes"}))


def test_a_ticket_is_for_one_person_and_one_session(provider: Provider, client: Client, ada: Browser) -> None:
    ticket = hidden_fields(ada.visit(client.address()))["ticket"]
    for browser in (provider.browser("bob"), provider.browser("ada")):
        own = hidden_fields(browser.visit(client.address()))
        refused(browser.http.post(client.address(), data={**own, "ticket": ticket, "confirm": "yes"}))


def test_signing_in_again_makes_a_ticket_worthless(client: Client, ada: Browser) -> None:
    page = ada.visit(client.address())
    ada.sign_out()
    assert ada.answer(page).headers["Location"].startswith("/login?")
    ada.sign_in("bob")
    refused(ada.answer(page))


def test_a_ticket_lasts_ten_minutes(client: Client, ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    page = ada.visit(client.address())
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 601)
    refused(ada.answer(page))


def test_scopes_that_changed_meanwhile_are_shown_again(provider: Provider, client: Client, ada: Browser) -> None:
    page = ada.visit(client.address(scope="email notes"))
    provider.oauth2.scopes.register(Scope("notes", "Read your notes"))  # not optional any more
    refused(ada.answer(page))


@pytest.mark.parametrize(
    ("field", "value"),
    [("csrf_token", None), *((field, value) for field in ("csrf_token", "ticket") for value in ("", "x", "ü", "."))],
)
def test_a_forged_field_shows_the_page_again(client: Client, ada: Browser, field: str, value: str | None) -> None:
    fields = hidden_fields(ada.visit(client.address()))
    changed = {name: v for name, v in {**fields, field: value}.items() if v is not None}
    refused(ada.http.post(client.address(), data={**changed, "confirm": "yes"}))


def test_a_code_waits_for_nothing_that_was_not_committed(
    provider: Provider, client: Client, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure inside the granting unit leaves no half of it."""
    page = ada.visit(client.address())
    storage = provider.app.extensions["oauth2server"].storage

    def fail(*arguments: Any, **keywords: Any) -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr(storage.consents, "record", fail)
    with pytest.raises(RuntimeError):
        ada.answer(page)
    monkeypatch.undo()
    with provider.app.app_context():
        models = provider.oauth2.models
        for model in (models.Authorization, models.Grant, models.Consent, models.Replay):
            assert provider.db.session.query(model).count() == 0
    assert answer_of(ada.answer(page))["code"]  # the ticket was not used up either


def test_a_client_that_is_deleted_while_its_page_is_open(provider: Provider, client: Client, ada: Browser) -> None:
    page = ada.visit(client.address())
    with provider.app.app_context():
        provider.oauth2.delete_client(provider.oauth2.get_client(client.client_id))
    response = ada.answer(page)
    assert (response.status_code, "Location" in response.headers) == (400, False)


# --- hooks and signals ----------------------------------------------------------------------------


def test_a_page_of_one_s_own(provider: Provider, client: Client, ada: Browser) -> None:
    from flask_wtf.csrf import generate_csrf

    @provider.oauth2.consent_page
    def page(question: Any) -> str:
        return (
            f'<p>{question.client.name} asks {question.user.name}</p><form method="post">'
            f'<input type="hidden" name="ticket" value="{question.ticket}">'
            f'<input type="hidden" name="csrf_token" value="{generate_csrf()}"><button name="confirm" value="yes">'
        )

    shown = ada.visit(client.address())
    assert "Reader asks ada" in shown.text
    assert shown.headers["X-Frame-Options"] == "DENY"
    assert answer_of(ada.answer(shown))["code"]


def test_the_host_overrides_a_block(make: Callable[..., Provider], tmp_path: Any) -> None:
    folder = tmp_path / "templates" / "oauth2server"
    folder.mkdir(parents=True)
    (folder / "authorize.html").write_text(
        '{% extends "oauth2server/authorize_base.html" %}{% block decision_note %}<p>Ask Grace.</p>{% endblock %}'
    )

    def before(app: Any) -> None:
        from jinja2 import FileSystemLoader

        app.jinja_loader = FileSystemLoader(str(tmp_path / "templates"))

    provider = make(before=before)
    text = provider.browser("ada").visit(provider.client().address()).text
    assert "Ask Grace." in text
    assert "Signed in as" in text


def test_what_was_granted_is_told_once_it_is_committed(provider: Provider, client: Client, ada: Browser) -> None:
    heard: list[Any] = []

    def hear(app: Any, **arguments: Any) -> None:
        public_id = arguments.pop("authorization")
        model = provider.oauth2.models.Authorization
        arguments["stored"] = provider.db.session.query(model).filter_by(public_id=public_id).count()
        heard.append(arguments)

    with signals.authorization_granted.connected_to(hear):
        ada.allow(client.address())
        ada.allow(client.address())
    told = {"client_id": client.client_id, "user_id": 1, "scopes": ["email"], "stored": 1}
    assert heard == [{**told, "remembered": False}, {**told, "remembered": True}]


def test_texts_can_be_translated(make: Callable[..., Provider], tmp_path: Any) -> None:
    from babel.messages.catalog import Catalog
    from babel.messages.mofile import write_mo
    from flask_babel import Babel

    folder = tmp_path / "translations" / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    catalog = Catalog(locale="de")
    catalog.add("Allow", "Erlauben")
    catalog.add("Your browser then returns to %(address)s", "Ihr Browser kehrt dann zurück zu %(address)s")
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, catalog)

    def before(app: Any) -> None:
        Babel(app, default_locale="de", default_translation_directories=str(tmp_path / "translations"))

    provider = make(before=before)
    text = provider.browser("ada").visit(provider.client().address()).text
    assert "Erlauben" in text
    assert "Ihr Browser kehrt dann zurück zu" in text
    assert "Technical details" in text


def test_the_clock_of_the_tests_is_the_one_clock() -> None:
    assert abs(clock.epoch(clock.now()) - clock.timestamp()) < 2

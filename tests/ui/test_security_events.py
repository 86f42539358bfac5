"""What happened in my name: each event once, with what it tells of, and "This was not me"."""

from __future__ import annotations

from typing import Any

import pytest

from flask_oauth2server import Scope
from flask_oauth2server.errors import OAuth2ServerError

from ..conftest import close
from ..support import Browser, Client, Provider, answer_of, build
from .conftest import CONFIG
from .pages import (
    HOME,
    SECURITY,
    at,
    csrf,
    events,
    landed,
    later,
    parse,
    personal_token,
    press,
    registered,
    said,
    stored,
    use,
    words,
    works,
)

ENDED = "It is ended. If you did not allow it, somebody may know your password: change it now."


def urls(browser: Browser) -> list[str]:
    """Where "This was not me" posts to, newest first."""
    return [form.attributes["action"] for form in parse(browser.visit(SECURITY)).all("form", method="post")]


def not_me(browser: Browser, sentence: str) -> Any:
    """Press it at the event of that sentence."""
    found = [li for li in parse(browser.visit(SECURITY)).all("li", class_="o2-act") if sentence in li.text]
    (form,) = found[0].all("form")
    return press(browser, browser.visit(SECURITY), "End it at once", at=form.attributes["action"])


# --- each kind of event ---------------------------------------------------------------------------


def test_nothing_has_happened_yet(ada: Browser) -> None:
    text = words(ada.visit(SECURITY))
    assert "What was allowed, used, refused and ended in your name, newest first." in text
    assert (
        "Nothing has happened yet When you allow an app, or something of yours is used from a new place, it is" in text
    )
    assert "Meridian does not keep addresses or devices." in text


def test_what_people_do_with_applications(any_provider: Provider) -> None:
    client, ada = any_provider.client(), any_provider.browser("ada")
    ada.answer(ada.visit(client.address()), "no")
    assert events(ada) == ["You refused Reader."]
    ada.allow(client.address())
    assert events(ada)[:1] == ["You allowed Reader."]
    tokens = client.tokens(ada)
    assert events(ada)[:1] == ["Reader was let in again; you had allowed it before."]
    assert client.refresh(tokens["refresh_token"]).status_code == 200
    assert len(events(ada)) == 3
    landed(ada, press(ada, ada.visit(HOME), "Disconnect", at=_public_id(any_provider, 0)))
    assert events(ada)[:1] == ["You disconnected Reader from one device."]
    landed(ada, press(ada, ada.visit(HOME), "Revoke access"))
    assert events(ada) == [
        "You revoked the access of Reader.",
        "You disconnected Reader from one device.",
        "Reader was let in again; you had allowed it before.",
        "You allowed Reader.",
        "You refused Reader.",
    ]
    assert [events(any_provider.browser("bob")), stored(any_provider, "AuditEvent", user_id=1)] == [[], 6]


def _public_id(provider: Provider, number: int) -> str:
    with provider.app.app_context():
        return str(provider.oauth2.list_authorizations(user=provider.user("ada"))[number][0].public_id)


def test_what_clients_and_thieves_do(any_provider: Provider) -> None:
    client, ada = any_provider.client(), any_provider.browser("ada")
    client.post("/oauth/revoke", token=client.tokens(ada)["refresh_token"])
    assert events(ada)[:1] == ["Reader signed you out."]
    code = client.code(ada)
    assert [client.exchange(code).status_code, client.exchange(code).status_code] == [200, 400]
    thief = "Reader was ended: a code or token of it came twice, as from a thief. Allow it again if you trust it."
    assert events(ada)[:2] == [thief, "Reader was let in again; you had allowed it before."]
    refresh = client.tokens(ada)["refresh_token"]
    client.refresh(refresh)
    with later(minutes=5):
        client.refresh(refresh)
        assert events(ada)[:1] == [thief]
        assert len(events(ada)) == 5
    alarms = stored(any_provider, "AuditEvent", user_id=1, kind="reused", actor_kind="client", actor=client.client_id)
    assert (alarms, stored(any_provider, "AuditEvent", user_id=1)) == (2, 7)


def test_what_people_do_with_personal_tokens(provider: Provider) -> None:
    ada = provider.browser("ada")
    personal_token(ada)
    press(ada, ada.visit(HOME), "Revoke token")
    assert events(ada) == ["The personal token laptop was ended.", "You made the personal token laptop."]
    with provider.app.app_context():
        rows = provider.db.session.query(provider.oauth2.models.AuditEvent).order_by("id").all()
        assert [(row.kind, row.name, row.token_id is not None, row.scope) for row in rows] == [
            ("token made", "laptop", True, "email"),
            ("token ended", "laptop", True, None),
        ]


def test_what_people_do_with_applications_of_their_own(any_provider: Provider) -> None:
    ada, bob = any_provider.browser("ada"), any_provider.browser("bob")
    _, address = registered(ada)
    press(ada, ada.visit(address), "New secret")
    press(ada, ada.visit(address), "Revoke secret", at="/2/")
    press(ada, ada.visit(f"{address}edit/"), "Save changes", name="Sheets")
    press(ada, ada.visit(f"{address}edit/"), "Save changes")  # nothing changed
    link = parse(press(ada, ada.visit(address), "Make the link")).one("code", id="o2-once-value").text
    press(bob, bob.visit(link.removeprefix("https://provider.example")), "Take it over")
    press(bob, bob.visit(address), "Delete application", confirm_name="Sheets")
    assert events(ada) == [
        "Sheets has another owner now.",
        "A link was made by which another person can take over Sheets.",
        "Your application Sheets was changed.",
        "A secret of Papers was revoked.",
        "Papers was given a new secret.",
        "You registered the application Papers.",
    ]
    assert events(bob) == ["Your application Sheets was deleted.", "You took over the application Sheets."]


def test_an_application_that_is_gone_keeps_its_name_there(provider: Provider) -> None:
    client, ada = provider.client(name="<b>Gone</b>"), provider.browser("ada")
    client.tokens(ada)
    with provider.app.app_context():
        provider.oauth2.delete_client(provider.oauth2.get_client(client.client_id))
    assert "You allowed <b>Gone</b>." in events(ada)
    assert urls(ada) == []


def test_what_the_house_does_is_told_as_well(provider: Provider, ada: Browser) -> None:
    client, address = registered(provider.browser("bob"))
    client.tokens(ada)
    bob = provider.browser("bob")
    press(bob, bob.visit(address), "Sign everybody out")
    assert events(ada)[:1] == ["The access of Papers was ended."]


# --- with what it tells of ------------------------------------------------------------------------


def test_an_event_is_written_with_what_it_tells_of_or_not_at_all(any_provider: Provider) -> None:
    """What fails, and what is rolled back by a host that commits itself, leaves no event."""
    with any_provider.app.app_context():
        user, oauth2, session = any_provider.user("ada"), any_provider.oauth2, any_provider.db.session
        with pytest.raises(OAuth2ServerError):
            oauth2.create_personal_token(user, name="x", scopes=["email"], expires_in=10**9)
        client, _ = oauth2.create_client(name="Kept", owner=user, redirect_uris=["https://a.example/"], scopes=[])
        for refused in ({"client_uri": "x"}, {"redirect_uris": []}):
            with pytest.raises(ValueError, match=next(iter(refused))):
                oauth2.edit_client(client, name="Changed", **refused)
        oauth2.create_personal_token(user, name="x", scopes=["email"], commit=False)
        oauth2.rotate_secret(client, commit=False)
        oauth2.delete_client(client, commit=False)
        session.rollback()
    assert stored(any_provider, "AuditEvent") == stored(any_provider, "Client", name="Kept") == 1


def test_a_consent_that_fails_writes_nothing(
    provider: Provider, client: Client, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ada.visit(client.address())

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the disk is full")

    server = provider.app.extensions["oauth2server"]
    monkeypatch.setattr(server.consents, "record", fail)
    with pytest.raises(RuntimeError, match="disk"):
        ada.answer(page)
    monkeypatch.undo()
    assert stored(provider, "Authorization") == stored(provider, "AuditEvent", user_id=1) == 0
    monkeypatch.setattr(server.audit._events, "add", fail)
    for confirm in ("yes", "no"):
        with pytest.raises(RuntimeError, match="disk"):
            ada.answer(page, confirm)
    monkeypatch.undo()
    assert stored(provider, "Authorization") == stored(provider, "Consent") == 0
    assert answer_of(ada.answer(page))["code"]


# --- this was not me ------------------------------------------------------------------------------


def test_an_authorization_is_ended_at_once_and_the_consent_forgotten(any_provider: Provider) -> None:
    client, ada = any_provider.client(), any_provider.browser("ada")
    first = client.tokens(ada)
    with later(minutes=10):
        second = client.tokens(ada)
    page = landed(ada, not_me(ada, "Reader was let in again"))
    assert said(page) == ENDED
    assert [works(any_provider, tokens["access_token"]) for tokens in (first, second)] == [True, False]
    assert client.refresh(second["refresh_token"]).status_code == 400
    assert stored(any_provider, "Consent") == 0
    assert events(ada)[0] == "You said that Reader was not let in by you; it was ended."
    assert ada.visit(client.address()).status_code == 200
    landed(ada, not_me(ada, "You allowed Reader."))
    assert not works(any_provider, first["access_token"])
    assert urls(ada) == []


def test_what_was_given_since_is_ended_with_it(provider: Provider) -> None:
    """Whoever got in once may have come again without a question."""
    reader, other, ada = provider.client(), provider.client(name="Other"), provider.browser("ada")
    first, spared = reader.tokens(ada), other.tokens(ada)
    bobs = reader.tokens(provider.browser("bob"))
    with later(minutes=10):
        second = reader.tokens(ada)
    landed(ada, not_me(ada, "You allowed Reader."))
    assert [works(provider, tokens["access_token"]) for tokens in (first, second)] == [False, False]
    assert [works(provider, tokens["access_token"]) for tokens in (spared, bobs)] == [True, True]


def test_a_personal_token_is_ended_at_once(provider: Provider) -> None:
    ada = provider.browser("ada")
    value, other = personal_token(ada), personal_token(ada, "other")
    page = landed(ada, not_me(ada, "You made the personal token laptop."))
    assert said(page) == ENDED
    assert [works(provider, value), works(provider, other)] == [False, True]
    assert events(ada)[0] == "The personal token laptop was ended."


def test_pressed_twice_it_had_ended_already(provider: Provider, ada: Browser, client: Client) -> None:
    client.tokens(ada)
    page = ada.visit(SECURITY)
    press(ada, page, "End it at once")
    assert said(landed(ada, press(ada, page, "End it at once"))) == "That had ended already."
    assert len(events(ada)) == 2


def test_what_cannot_act_any_more_has_no_button(provider: Provider, ada: Browser, client: Client) -> None:
    client.tokens(ada)
    value = personal_token(ada, expiry="7")
    ada.answer(ada.visit(client.address(prompt="consent")), "no")
    assert len(urls(ada)) == 2
    with later(days=8):
        assert not works(provider, value)
        assert len(urls(ada)) == 1
    with later(days=366):
        assert urls(ada) == []


def test_only_one_s_own_events(provider: Provider) -> None:
    client, ada, bob = provider.client(), provider.browser("ada"), provider.browser("bob")
    tokens, value = client.tokens(ada), personal_token(ada)
    addresses, good = urls(ada), csrf(bob)
    assert len(addresses) == 2
    for address in addresses:
        assert bob.visit(address).status_code == 404
        assert bob.http.post(address, data={"csrf_token": good}).status_code == 404
        assert provider.browser().http.post(address).status_code == 302
    assert events(bob) == []
    assert [works(provider, tokens["access_token"]), works(provider, value)] == [True, True]


def test_looking_and_forged_forms_end_nothing(provider: Provider, ada: Browser, client: Client) -> None:
    tokens = client.tokens(ada)
    (address,) = urls(ada)
    assert (ada.visit(address).status_code, ada.visit(address).headers["Location"]) == (303, SECURITY)
    for token in (None, "", "forged", csrf(provider.browser("bob"))):
        answer = ada.http.post(address, data={} if token is None else {"csrf_token": token})
        assert said(landed(ada, answer)) == "This page was open too long, and nothing was changed. Please try again."
    assert works(provider, tokens["access_token"])
    assert [stored(provider, "Consent"), len(events(ada))] == [1, 1]


# --- from where -----------------------------------------------------------------------------------


def test_the_first_use_from_an_address_is_told_once(any_keeping: Provider) -> None:
    client, ada = any_keeping.client(), any_keeping.browser("ada")
    at(ada, "192.0.2.1", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
    token, personal = client.tokens(ada)["access_token"], personal_token(ada)
    use(any_keeping, token, "192.0.2.1")  # from where it was allowed
    for minutes, address in enumerate(("203.0.113.9", "203.0.113.9", "2001:db8::1", "::ffff:203.0.113.9")):
        with later(minutes=10 + 10 * minutes):
            use(any_keeping, token, address)
            use(any_keeping, personal, address)
    rows = parse(ada.visit(SECURITY)).all(class_="o2-event")
    told = [(row.all("p")[0].text, row.all("p")[1].all("span")[-1].text) for row in rows]
    used = "Reader was first used from this address."
    token_used = "The personal token laptop was first used from this address."
    assert told == [
        (token_used, "2001:db8::1"),
        (used, "2001:db8::1"),
        (token_used, "203.0.113.9"),
        (used, "203.0.113.9"),
        ("You made the personal token laptop.", "Firefox on Linux, 192.0.2.1"),
        ("You allowed Reader.", "Firefox on Linux, 192.0.2.1"),
    ]
    page = landed(ada, not_me(ada, used))
    assert said(page) == ENDED
    assert not works(any_keeping, token)


def test_a_forged_header_past_the_proxy_is_not_believed(make: Any) -> None:
    provider = make(config={**CONFIG, "OAUTH2_KEEP_ADDRESSES": True})
    ada = provider.browser("ada")
    ada.http.environ_base["HTTP_X_FORWARDED_FOR"] = "203.0.113.9"
    personal_token(ada)
    assert stored(provider, "AuditEvent", address="127.0.0.1") == 1


def test_at_most_twenty_addresses_are_noted(keeping: Provider) -> None:
    value = personal_token(keeping.browser("ada"))
    for number in range(25):
        with later(minutes=10 * number):
            use(keeping, value, f"203.0.113.{number}")
    assert stored(keeping, "AuditEvent", kind="used") <= 20
    assert stored(keeping, "AuditEvent") == 20


def test_who_comes_again_by_itself_is_told_once_a_day(provider: Provider) -> None:
    """A client could hide what matters behind a thousand lines."""
    client, ada = provider.client(), provider.browser("ada")
    for _ in range(4):
        ada.allow(client.address())
    with later(days=1, hours=1):
        ada.allow(client.address())
    assert events(ada) == ["Reader was let in again; you had allowed it before."] * 2 + ["You allowed Reader."]


def test_no_address_is_noted_where_none_is_kept(provider: Provider, ada: Browser, client: Client) -> None:
    token, value = client.tokens(ada)["access_token"], personal_token(ada)
    assert works(provider, token) and works(provider, value)
    assert stored(provider, "AuditEvent", kind="used") == 0
    assert stored(provider, "AuditEvent", user_id=1, address=None, device=None) == 2


# --- how long, and whose --------------------------------------------------------------------------


def test_events_are_removed_after_their_time(any_database: str) -> None:
    provider = build(any_database, config={**CONFIG, "OAUTH2_AUDIT_EXPIRES_IN": 30 * 86400})
    ada = provider.browser("ada")
    personal_token(ada, "old")
    with later(days=20):
        personal_token(ada, "young")
    with later(days=31), provider.app.app_context():
        provider.oauth2.purge()
    assert events(ada) == ["You made the personal token young."]
    close(provider)


def test_a_person_who_is_forgotten_is_in_none_of_them(any_keeping: Provider) -> None:
    client, ada, bob = any_keeping.client(), any_keeping.browser("ada"), any_keeping.browser("bob")
    use(any_keeping, client.tokens(ada)["access_token"], "203.0.113.9")
    personal_token(ada, "ada's laptop")
    personal_token(bob, "bob's laptop")
    with any_keeping.app.app_context():
        any_keeping.oauth2.forget_user(any_keeping.user("ada"))
        rows = any_keeping.db.session.query(any_keeping.oauth2.models.AuditEvent).order_by("id").all()
        left = [(row.kind, row.user_id, row.name, row.address, row.device) for row in rows]
    assert left == [
        ("client made", None, None, None, None),
        ("allowed", None, None, None, None),
        ("used", None, None, None, None),
        ("token made", None, None, None, None),
        ("token made", 2, "bob's laptop", "127.0.0.1", None),
        ("user erased", None, None, None, None),
    ]
    assert [events(ada), len(events(bob))] == [[], 1]


def test_they_are_part_of_what_a_person_is_given(any_keeping: Provider) -> None:
    provider = any_keeping
    provider.oauth2.scopes.register(Scope("photos"))
    client, ada = provider.client(), provider.browser("ada")
    at(ada, "192.0.2.1", "curl/8")
    client.tokens(ada, scope="email profile")
    personal_token(provider.browser("bob"))
    with provider.app.app_context():
        (event,) = provider.oauth2.export_user(provider.user("ada"))["events"]
    assert isinstance(event.pop("created_at"), int)
    assert event == {
        "kind": "allowed",
        "client_id": client.client_id,
        "name": None,
        "scope": "email profile",
        "reason": None,
        "changes": None,
        "actor_kind": "person",
        "device": "curl",
        "address": "192.0.2.1",
    }

"""The consent page in each of its states, word by word; and consents that code decides."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from flask_oauth2server import Scope, clock, signals

from ..support import CALLBACK, Browser, Client, Provider, answer_of
from .pages import day, events, form, heading, later, parse, press, registered, stored, words

NOT_CHECKED = (
    "Meridian has not checked this app. Anyone can register an app and give it any name. Allow it only if you know who "
    "made it and why it is asking."
)
ON_COMPUTER = (
    "This app runs on your computer. Another program there could pretend to be it. Allow it only if you started it "
    "yourself, a moment ago."
)
ON_DEVICE = (
    "This app runs on your device. Another app there could pretend to be it. Allow it only if you started it yourself, "
    "a moment ago."
)
TOO_LONG = "This page was open too long, or was answered in another tab. Please choose again."
PUBLIC = {"token_endpoint_auth_method": "none"}


def callouts(page: Any) -> list[str]:
    return [callout.text for callout in parse(page).all(class_="o2-callout")]


def returns(page: Any) -> str:
    return parse(page).one(class_="o2-return").text


def maker(page: Any) -> str:
    return parse(page).one(class_="o2-maker").text


# --- the first time -------------------------------------------------------------------------------


def test_a_checked_application_in_the_order_of_the_design(provider: Provider, ada: Browser) -> None:
    client = provider.client(
        name="Papertrail",
        contacts=["Papertrail Ltd"],
        client_uri="https://papertrail.example/",
        policy_uri="https://papertrail.example/privacy",
        tos_uri="https://papertrail.example/terms",
    )
    page = ada.visit(client.address(scope="email notes"))
    until = day(days=365)
    expected = (
        f"Meridian P Allow Papertrail to use your Meridian account? By Papertrail Ltd, papertrail.example Checked by "
        f"Meridian A Signed in as ada Not you? It will be able to Read your e-mail address Do this while you are away, "
        f"until {until} or until you revoke it You decide It works without these. Tick what you want to allow. Read "
        f"your notes Your browser then returns to client.example Deny Allow This app never sees your password. You can "
        f"take this back at any time in your applications. By its makers: privacy policy · terms of service Technical "
        f"details Client ID {client.client_id} Scopes email notes Returns to https://client.example/cb"
    )
    assert words(page).startswith(expected)
    assert parse(page).one("title").text == "Allow Papertrail?"
    assert callouts(page) == []
    buttons = [button for button in parse(page).all("button") if button.attributes.get("name") == "confirm"]
    assert [(b.text, b.attributes["value"], b.attributes["class"]) for b in buttons] == [
        ("Deny", "no", "o2-button"),
        ("Allow", "yes", "o2-button o2-primary"),
    ]
    assert "autofocus" not in page.text
    assert form(page, "Allow")[0].all("button")[0].text == "Deny"  # what Enter in a tick box presses
    assert "checked" not in parse(page).one("input", type="checkbox").attributes


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"contacts": ["dev@a.example"]}, "By dev@a.example, no website given Checked by Meridian"),
        ({"client_uri": "https://a.example/about"}, "By a.example/about Checked by Meridian"),
        ({}, "No maker and no website given Checked by Meridian"),
        ({"contacts": ["A"], "client_uri": "https://a.example"}, "By A, a.example Checked by Meridian"),
        ({"contacts": ["A"], "verified": False}, "By A, no website given"),
    ],
)
def test_who_made_it(provider: Provider, ada: Browser, values: dict[str, Any], line: str) -> None:
    assert maker(ada.visit(provider.client(**values).address())) == line


def test_its_owner_is_its_maker(provider: Provider, ada: Browser) -> None:
    client, _ = registered(provider.browser("bob"))
    assert maker(ada.visit(client.address())) == "By bob, no website given"
    provider.oauth2.user_display(lambda user: (f"Dr {user.name}", ""))
    assert maker(ada.visit(client.address())) == "By Dr bob, no website given"


def test_one_of_the_house_says_so(provider: Provider, ada: Browser) -> None:
    client = provider.client(first_party=True, verified=False)
    page = ada.visit(client.address(prompt="consent"))
    assert maker(page) == "No maker and no website given Made by Meridian"
    assert callouts(page) == []


def test_no_policies(ada: Browser, client: Client, provider: Provider) -> None:
    sentence = "This app has given no privacy policy and no terms of service."
    assert sentence in words(ada.visit(client.address()))
    one = provider.client(tos_uri="https://a.example/terms")
    assert "By its makers: terms of service Technical" in words(ada.visit(one.address()))


# --- warnings, and where the answer goes ----------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "values", "warning", "line"),
    [
        (CALLBACK, {}, None, "Your browser then returns to client.example"),
        (
            "http://127.0.0.1:53682/cb",
            {"application_type": "native"},
            ON_COMPUTER,
            "The answer goes to a program on this computer (127.0.0.1, port 53682)",
        ),
        ("http://[::1]:8/cb", {}, ON_COMPUTER, "The answer goes to a program on this computer ([::1], port 8)"),
        ("http://localhost/cb", {}, ON_COMPUTER, "The answer goes to a program on this computer (localhost)"),
        (
            "com.example.reader:/cb",
            {"application_type": "native"},
            ON_DEVICE,
            "The answer goes to an app on this device (com.example.reader)",
        ),
        (
            "https://xn--rksmrgs-5wao1o.example:8443/",
            {},
            None,
            "Your browser then returns to xn--rksmrgs-5wao1o.example",
        ),
    ],
)
@pytest.mark.parametrize("verified", [True, False])
def test_where_the_answer_goes(
    provider: Provider, ada: Browser, uri: str, values: dict[str, Any], warning: str | None, line: str, verified: bool
) -> None:
    client = provider.client(redirect_uris=[uri], verified=verified, **values)
    page = ada.visit(client.address())
    expected = [*([] if verified else [NOT_CHECKED]), *([warning] if warning else [])]
    assert [callouts(page), returns(page)] == [expected, line]
    allow = form(page, "Allow")[0].all("button")[1]
    assert ("o2-primary" in allow.attributes["class"]) is (expected == [])
    assert parse(page).one(class_="o2-fold-body").text.endswith(uri)


def test_an_answer_that_came_too_late_shows_the_page_again(provider: Provider, ada: Browser, client: Client) -> None:
    page = press(ada, ada.visit(client.address()), "Allow", ticket="old")
    assert callouts(page) == [TOO_LONG]
    assert answer_of(press(ada, page, "Allow"))["code"]


# --- scopes ---------------------------------------------------------------------------------------


def test_groups_powerful_scopes_and_being_away(provider: Provider, ada: Browser) -> None:
    provider.oauth2.scopes.register(Scope("photos", "See your photos", "Library"))
    provider.oauth2.scopes.register(Scope("burn", "Burn your photos", "Library", powerful=True))
    client = provider.client(scopes=["email", "photos", "burn"])
    part = parse(ada.visit(client.address(scope="email burn photos"))).all("section")[0]
    assert part.text == (
        f"It will be able to Library Burn your photos Powerful See your photos Other Read your e-mail address Do this "
        f"while you are away, until {day(days=365)} or until you revoke it"
    )


def test_nothing_but_optional_ones(provider: Provider, ada: Browser) -> None:
    client = provider.client(grant_types=["authorization_code"])
    page = ada.visit(client.address(scope="notes"))
    assert "You decide Tick at least one, or press Deny. Read your notes" in words(page)
    assert "It will be able to" not in words(page)


# --- again ----------------------------------------------------------------------------------------


def test_more_is_told_from_what_was_allowed_before(provider: Provider, ada: Browser) -> None:
    provider.oauth2.scopes.register(Scope("photos", "See your photos"))
    client = provider.client(scopes=["email", "profile", "photos", "notes"])
    ada.answer(ada.visit(client.address(scope="email notes")), scopes=("notes",))
    date = day()
    with later(days=3):
        page = ada.visit(client.address(scope="email profile photos notes"))
    assert heading(page) == "Allow Reader to do more?"
    assert callouts(page) == [f"You allowed this app on {date}. It now asks for 2 more permissions."]
    assert "New See your name See your photos You decide" in words(page)
    assert "2 permissions you allowed before Read your e-mail address Do this while you are away" in words(page)
    assert "checked" in parse(page).one("input", type="checkbox").attributes


def test_one_more(ada: Browser, client: Client) -> None:
    ada.allow(client.address())
    page = ada.visit(client.address(scope="email profile"))
    assert callouts(page) == [f"You allowed this app on {day()}. It now asks for 1 more permission."]


def test_to_act_while_one_is_away_is_something_new(provider: Provider, ada: Browser) -> None:
    client = provider.client(grant_types=["authorization_code"])
    ada.allow(client.address())
    with provider.app.app_context():
        model = provider.oauth2.get_client(client.client_id)
        provider.oauth2.edit_client(model, grant_types=["authorization_code", "refresh_token"])
    page = ada.visit(client.address())
    assert callouts(page) == [f"You allowed this app on {day()}. It now asks for 1 more permission."]
    assert f"New Do this while you are away, until {day(days=365)}" in words(page)
    assert "1 permission you allowed before Read your e-mail address" in words(page)


def test_a_new_return_address(provider: Provider, ada: Browser) -> None:
    client = provider.client(redirect_uris=[CALLBACK, "https://b.example/cb"])
    ada.allow(client.address())
    page = ada.visit(client.address(redirect_uri="https://b.example/cb"))
    assert callouts(page) == [f"You allowed this app on {day()}. It now returns to a new address: b.example."]
    assert heading(page) == "Allow Reader to use your Meridian account?"


def test_what_anyone_s_program_could_be_is_asked_each_time(provider: Provider, ada: Browser) -> None:
    client = provider.client(redirect_uris=["http://127.0.0.1/cb"], **PUBLIC)
    ada.allow(client.address())
    because = "Because anyone's program could use its name, Meridian asks each time."
    assert callouts(ada.visit(client.address())) == [ON_COMPUTER, f"You allowed this app on {day()}. {because}"]
    page = ada.visit(client.address(scope="email profile"))
    assert callouts(page)[1] == f"You allowed this app on {day()}. It now asks for 1 more permission."


def test_all_callouts_stand_in_their_order(provider: Provider, ada: Browser) -> None:
    client = provider.client(redirect_uris=["http://127.0.0.1/cb"], verified=False, **PUBLIC)
    ada.allow(client.address())
    page = press(ada, ada.visit(client.address()), "Allow", ticket="x")
    assert [text[:20] for text in callouts(page)] == [
        NOT_CHECKED[:20],
        ON_COMPUTER[:20],
        "You allowed this app on"[:20],
        TOO_LONG[:20],
    ]


# --- who is asked ---------------------------------------------------------------------------------


def test_signed_in_as_whom(provider: Provider, ada: Browser, client: Client) -> None:
    provider.oauth2.user_display(lambda user: (f"{user.name.title()} Lovelace", f"{user.name}@meridian.example"))
    part = parse(ada.visit(client.address())).one(class_="o2-who")
    assert part.text == "AL Signed in as Ada Lovelace ada@meridian.example Not you?"
    provider.oauth2.user_display(lambda _user: ('<b>"x"</b>', None))
    assert 'Signed in as <b>"x"</b>' in words(ada.visit(client.address()))


def test_somebody_else_signs_in_and_comes_back_to_the_same_request(provider: Provider, ada: Browser) -> None:
    client = provider.client()
    address = client.address(scope="email notes", state="ä&b=c%20d")
    answer = press(ada, ada.visit(address), "Not you?")
    assert (answer.status_code, answer.headers["Location"]) == (303, address)
    sent = ada.visit(address)
    assert (sent.status_code, sent.headers["Location"].startswith("/login?next=")) == (302, True)
    back = ada.http.post(sent.headers["Location"], data={"name": "bob"})
    page = ada.visit(back.headers["Location"])
    assert "Signed in as bob" in words(page)
    assert answer_of(press(ada, page, "Allow"))["state"] == "ä&b=c%20d"


@pytest.mark.parametrize(
    "onward",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "evil",
        "/a\nb",
        "/ü",
        "\\\\evil",
    ],
)
def test_signing_out_leads_to_paths_of_this_server_alone(ada: Browser, client: Client, onward: str) -> None:
    page = press(ada, ada.visit(client.address()), "Not you?", next=onward)
    assert (page.status_code, "Location" in page.headers) == (200, False)
    assert heading(page) == "You are signed out"
    assert "evil" not in page.text


def test_signing_out_takes_a_token(provider: Provider, ada: Browser, client: Client) -> None:
    for token in (None, "", "forged"):
        page = press(ada, ada.visit(client.address()), "Not you?", csrf_token=token)
        assert heading(page) == "Sign out of Meridian?"
    assert "Signed in as ada" in words(ada.visit(client.address()))
    page = ada.visit("/oauth/sign-out/?next=/somewhere")
    assert "You asked to sign out. A Signed in as ada Stay signed in Sign out" in words(page)
    assert parse(page).one("a", class_="o2-button").attributes["href"] == "/somewhere"


# --- names are claims -----------------------------------------------------------------------------

EVIL = "<script>alert(1)</script>\"' &lt; %(host)s %s {{ 7*7 }} \u05d0\u05d1"


def test_a_name_is_text_and_isolated(provider: Provider, ada: Browser) -> None:
    client = provider.client(name=EVIL, contacts=[EVIL], description=EVIL)
    page = ada.visit(client.address())
    assert heading(page) == f"Allow {EVIL} to use your Meridian account?"
    assert [name.text for name in parse(page).one("h1").all("bdi")] == [EVIL]
    assert maker(page).startswith(f"By {EVIL}, no website given")
    assert parse(page).one("title").text == f"Allow {EVIL}?"
    assert [script for script in parse(page).all("script") if "src" not in script.attributes] == []


@pytest.mark.parametrize("name", ["\u202emoc.elgoog", "a\u2066b", "a\u200bb", "a\nb", "a\x00b"])
def test_signs_that_are_not_seen_are_in_no_name(provider: Provider, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        provider.client(name=name)


@pytest.mark.parametrize("field", ["client_uri", "policy_uri", "tos_uri"])
@pytest.mark.parametrize(
    "value", ["javascript:alert(1)", "data:text/html,x", "JAVASCRIPT:x", 'https://a"b', "https://a@b"]
)
def test_no_link_can_be_a_script(provider: Provider, ada: Browser, field: str, value: str) -> None:
    with pytest.raises(ValueError, match=field):
        provider.client(**{field: value})


# --- decided by code ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decision", "scope"),
    [
        (True, "email notes"),
        (["email"], "email"),
        (["notes", "profile", "bogus"], "notes"),
        (("email", "notes"), "email notes"),
    ],
)
def test_code_allows(any_provider: Provider, decision: Any, scope: str) -> None:
    provider, asked = any_provider, []
    client, ada = provider.client(), provider.browser("ada")
    heard: list[Any] = []

    @provider.oauth2.consent_decision
    def decide(question: Any) -> Any:
        asked.append((question.client.name, question.user.name, [s.id for s in question.required], question.scope))
        return decision

    with signals.authorization_granted.connected_to(lambda _app, **told: heard.append(told["scopes"])):
        answer = answer_of(ada.visit(client.address(scope="email notes")))
    assert client.exchange(answer["code"]).json["scope"] == scope
    assert asked == [("Reader", "ada", ["email"], "email notes")]
    assert heard == [scope.split()]
    assert stored(provider, "Consent") == 0


@pytest.mark.parametrize("decision", [False, [], ["profile"]])
def test_code_denies(provider: Provider, ada: Browser, client: Client, decision: Any) -> None:
    provider.oauth2.consent_decision(lambda _question: decision)
    answer = answer_of(ada.visit(client.address()))
    assert (answer["error"], answer["state"]) == ("access_denied", "xyz")
    assert events(ada) == ["Meridian did not let Reader in."]


def test_a_person_is_told_that_nobody_asked(provider: Provider, ada: Browser, client: Client) -> None:
    provider.oauth2.consent_decision(lambda _question: True)
    assert answer_of(ada.visit(client.address()))["code"]
    assert events(ada) == ["Reader was let in by Meridian, which did not ask you."]


def test_code_leaves_it_to_the_person(provider: Provider, ada: Browser, client: Client) -> None:
    provider.oauth2.consent_decision(lambda _question: None)
    assert answer_of(press(ada, ada.visit(client.address()), "Allow"))["code"]


def test_code_is_not_asked_where_the_person_has_to_be(provider: Provider, ada: Browser) -> None:
    provider.oauth2.consent_decision(lambda _question: True)
    client = provider.client()
    assert ada.visit(client.address(prompt="consent")).status_code == 200
    native = provider.client(redirect_uris=["http://127.0.0.1/cb"], **PUBLIC)
    assert answer_of(ada.visit(native.address(prompt="none")))["error"] == "consent_required"


def test_code_answers_where_no_page_may_be_shown(provider: Provider, ada: Browser, client: Client) -> None:
    decisions = iter([True, False, None])
    provider.oauth2.consent_decision(lambda _question: next(decisions))
    answers = [answer_of(ada.visit(client.address(prompt="none"))) for _ in range(3)]
    assert [answer.get("error", "code") for answer in answers] == ["code", "access_denied", "consent_required"]


def test_the_offline_line_is_the_end_of_the_authorization(make: Any) -> None:
    provider = make(config={"OAUTH2_AUTHORIZATION_EXPIRES_IN": timedelta(days=10)})
    client, ada = provider.client(), provider.browser("ada")
    assert f"until {day(days=10)} or until you revoke it" in words(ada.visit(client.address()))
    ada.allow(client.address())
    with provider.app.app_context():
        ends: datetime = provider.db.session.query(provider.oauth2.models.Authorization).one().expires_at
    assert abs(ends - clock.now() - timedelta(days=10)) < timedelta(minutes=1)

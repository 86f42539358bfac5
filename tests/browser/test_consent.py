"""Consent at a browser: by keyboard, in two tabs, back and forth, twice, too late, as somebody else, without script."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from ..support import Client
from ..test_examples import load
from .visitor import Visitor, World

NOTICE = "This page was open too long, or was answered in another tab. Please choose again."
SCOPE = "email items.read notes.read"


@pytest.fixture
def client(world: World) -> Client:
    """A client application of somebody else's, to which people come back."""
    return world.client(client_uri="https://reader.example", policy_uri="https://reader.example/privacy")


def scope_of(client: Client, answer: dict[str, str]) -> set[str]:
    """The scopes of the token that the code in *answer* is good for."""
    token = client.exchange(answer["code"])
    assert token.status_code == 200, token.text
    return set(token.json["scope"].split())


# --- the whole way --------------------------------------------------------------------------------


def test_the_demo_client_from_the_button_to_the_api(visitor: Callable[..., Visitor]) -> None:
    """Both examples as processes of their own; the client redirects once more after the callback."""
    servers = load("servers")
    provider, client_app = servers.free_ports(0, 0)
    with servers.running({"provider": provider, "client_app": client_app}, quiet=True) as running:
        somebody = visitor()
        page = somebody.page
        page.goto(running.urls["client_app"])
        somebody.press("Sign in with Demo Notes")
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill("analytical engine")
        with page.expect_response(lambda response: "/oauth/authorize" in response.url) as shown:
            somebody.press("Sign in")
        assert somebody.heading == "Allow Demo Client to use your Demo Notes account?"
        policy = shown.value.headers["content-security-policy"]
        assert f"form-action 'self' https: {running.urls['client_app']};" in policy
        somebody.press("Deny")
        assert "access_denied" in page.get_by_role("alert").inner_text()
        page.goto(running.urls["client_app"])
        somebody.press("Sign in with Demo Notes")
        page.get_by_label("Read and write your notes").check()
        somebody.press("Allow")
        assert '"scope": "email notes"' in page.locator("#token").inner_text()
        assert page.url == f"{running.urls['client_app']}/"
        somebody.press("Call the API")
        assert "The first note of ada." in page.locator("#answers").inner_text()
        somebody.watch.complaints = [line for line in somebody.watch.complaints if "400" not in line]


def test_the_policy_lets_clients_on_the_web_answer_and_redirect_once_more(
    visitor: Callable[..., Visitor], world: World, person: str
) -> None:
    """https anywhere may follow after Allow, another http address may not: the browser itself stops it."""
    somebody = visitor(person)
    web = world.client(redirect_uris=["https://reader.example/cb"])
    somebody.visit(web.address())
    somebody.press("Allow")
    somebody.page.wait_for_url("chrome-error://**")
    (gone,) = somebody.watch.gone
    assert gone.startswith("https://reader.example/cb?")
    assert scope_of(web, dict(parse_qsl(urlsplit(gone).query))) == {"email"}

    callback = f"{world.urls['client']}/callback?onward="
    onward = world.client(redirect_uris=[f"{callback}https://further.example/in", f"{callback}{world.urls['bare']}/"])
    somebody.visit(onward.address())
    somebody.press("Allow")
    somebody.page.wait_for_url("chrome-error://**")
    assert somebody.watch.gone[-1].startswith("https://further.example/in?")
    assert somebody.watch.complaints == []

    somebody.visit(onward.address(redirect_uri=f"{callback}{world.urls['bare']}/", prompt="consent"))
    somebody.press("Allow")
    somebody.page.wait_for_timeout(500)
    assert somebody.heading.startswith("Allow Reader")
    assert any(line.startswith("policy: form-action") for line in somebody.watch.complaints)
    somebody.watch.complaints.clear()


# --- by keyboard ----------------------------------------------------------------------------------


def test_keyboard_from_the_address_to_the_code(visitor: Callable[..., Visitor], client: Client, person: str) -> None:
    """Nothing has the focus on arrival; Tab goes down the page; Space ticks; Enter on Allow allows."""
    somebody = visitor(person)
    somebody.visit(client.address(scope=SCOPE))
    assert somebody.focused() == ""
    order = somebody.tab_to("Technical details")
    assert order == [
        "reader.example",
        "Not you?",
        "Read your private notes and highlights",
        "Deny",
        "Allow",
        "your applications",
        "privacy policy",
        "Technical details",
    ]
    keys = somebody.page.keyboard
    for _ in range(5):
        keys.press("Shift+Tab")
    assert somebody.focused() == "Read your private notes and highlights"
    keys.press("Space")
    keys.press("Tab")
    keys.press("Tab")
    assert somebody.focused() == "Allow"
    keys.press("Enter")
    assert scope_of(client, somebody.answer()) == {"email", "items.read", "notes.read"}


def test_enter_in_a_tick_box_denies(visitor: Callable[..., Visitor], world: World, client: Client, person: str) -> None:
    somebody = visitor(person)
    somebody.visit(client.address(scope=SCOPE))
    somebody.tab_to("Read your private notes")
    somebody.page.keyboard.press("Enter")
    assert somebody.answer()["error"] == "access_denied"
    assert world.count("Authorization", person) == 0


# --- twice, back, in two tabs ---------------------------------------------------------------------


def test_double_click_on_allow_is_one_answer(
    visitor: Callable[..., Visitor], world: World, client: Client, person: str
) -> None:
    somebody = visitor(person)
    somebody.visit(client.address(scope=SCOPE))
    somebody.button("Allow").dblclick()
    assert scope_of(client, somebody.answer()) == {"email", "items.read"}
    assert world.count("Authorization", person) == 1
    assert world.count("AuditEvent", person, kind="allowed") == 1


def test_double_click_without_script_leads_nobody_astray(
    visitor: Callable[..., Visitor], world: World, client: Client, person: str
) -> None:
    """The browser follows the second answer: it is the client, or the page once more, and that one works."""
    somebody = visitor(person, java_script_enabled=False)
    somebody.visit(client.address(scope=SCOPE))
    somebody.button("Allow").dblclick()
    somebody.page.get_by_text(re.compile(f"Welcome back|{NOTICE}")).wait_for()
    assert world.count("Authorization", person) == 1
    if somebody.heading != "Welcome back":
        somebody.press("Allow")
    assert scope_of(client, somebody.answer()) == {"email", "items.read"}


def test_the_same_question_in_two_tabs(
    visitor: Callable[..., Visitor], world: World, client: Client, person: str
) -> None:
    """Each tab has a ticket of its own, so both answers count."""
    somebody = visitor(person)
    first, second = somebody.page, somebody.another_tab()
    somebody.visit(client.address(scope=SCOPE))
    second.goto(f"{world.urls['main']}{client.address(scope=SCOPE)}")
    somebody.press("Allow")
    assert scope_of(client, somebody.answer()) == {"email", "items.read"}
    somebody.page = second
    somebody.press("Allow")
    assert scope_of(client, somebody.answer()) == {"email", "items.read"}
    assert world.count("Authorization", person) == 2
    first.close()


def test_an_answer_that_was_given_already_is_asked_for_again(
    visitor: Callable[..., Visitor], world: World, client: Client, person: str
) -> None:
    """A tab that was duplicated, so that both have one ticket."""
    somebody = visitor(person)
    first, second = somebody.page, somebody.another_tab()
    address = client.address(scope=SCOPE, prompt="consent")
    somebody.visit(address)
    second.goto(f"{world.urls['main']}{address}")
    ticket = first.locator("[name=ticket]").input_value()
    second.locator("[name=ticket]").evaluate("(field, ticket) => { field.value = ticket; }", ticket)
    somebody.press("Allow")
    somebody.answer()

    somebody.page = second
    somebody.press("Allow")
    second.get_by_text(NOTICE).wait_for()
    assert world.count("Authorization", person) == 1
    second.get_by_label("Read your private notes").check()
    somebody.press("Allow")
    assert scope_of(client, somebody.answer()) == {"email", "items.read", "notes.read"}


def test_back_after_allow_asks_anew(visitor: Callable[..., Visitor], world: World, client: Client, person: str) -> None:
    """The page is not a kept one: it has another ticket, and works."""
    somebody = visitor(person)
    somebody.visit(client.address(scope=SCOPE, prompt="consent"))
    ticket = somebody.page.locator("[name=ticket]").input_value()
    somebody.press("Allow")
    somebody.answer()
    somebody.page.go_back()
    assert somebody.heading.startswith("Allow Reader")
    assert somebody.page.locator("[name=ticket]").input_value() != ticket
    somebody.press("Allow")
    assert scope_of(client, somebody.answer()) == {"email", "items.read"}
    assert world.count("Consent", person) == 1


def test_back_after_allow_goes_on_where_it_is_remembered(
    visitor: Callable[..., Visitor], client: Client, person: str
) -> None:
    somebody = visitor(person)
    somebody.visit(client.address(scope=SCOPE))
    somebody.press("Allow")
    code = somebody.answer()["code"]
    somebody.page.go_back()
    again = somebody.answer()
    assert again["code"] != code
    assert scope_of(client, again) == {"email", "items.read"}


# --- who --------------------------------------------------------------------------------------------


def test_signed_out_in_another_tab_before_allow(
    visitor: Callable[..., Visitor], world: World, client: Client, person: str
) -> None:
    """Nothing is granted; after signing in the question is there again."""
    somebody = visitor(person)
    somebody.visit(client.address(scope=SCOPE))
    other = somebody.another_tab()
    other.goto(f"{world.urls['main']}/oauth/sign-out/")
    other.get_by_role("button", name="Sign out").click()
    other.get_by_text("You are signed out").wait_for()

    somebody.press("Allow")
    assert somebody.heading == "Sign in to Meridian"
    assert world.count("Authorization", person) == 0
    somebody.log_in(person)
    assert somebody.heading.startswith("Allow Reader")
    somebody.press("Allow")
    assert scope_of(client, somebody.answer()) == {"email", "items.read"}


def test_somebody_else_signed_in_in_another_tab_before_allow(
    visitor: Callable[..., Visitor], world: World, client: Client, person: str
) -> None:
    """What the page asked of one person is not granted by the other."""
    somebody, other_person = visitor(person), world.new_person("Kim Other")
    somebody.visit(client.address(scope=SCOPE))
    somebody.sign_in(other_person)
    somebody.press("Allow")
    somebody.page.get_by_text(NOTICE).wait_for()
    assert somebody.sees(f"Signed in as {other_person}")
    assert world.count("Authorization", person) == world.count("Authorization", other_person) == 0


def test_not_you_comes_back_to_the_same_question(
    visitor: Callable[..., Visitor], world: World, client: Client, person: str
) -> None:
    somebody, other_person = visitor(person), world.new_person("Kim Other")
    somebody.visit(client.address(scope=SCOPE))
    address = somebody.page.url
    somebody.press("Not you?")
    somebody.log_in(other_person)
    assert unquote(somebody.page.url) == unquote(address)
    assert somebody.sees(f"Signed in as {other_person}")
    somebody.press("Allow")
    assert scope_of(client, somebody.answer()) == {"email", "items.read"}
    assert (world.count("Authorization", person), world.count("Authorization", other_person)) == (0, 1)


# --- without script -------------------------------------------------------------------------------


def test_without_script(visitor: Callable[..., Visitor], world: World, client: Client, person: str) -> None:
    """Sign in, tick, allow."""
    somebody = visitor(java_script_enabled=False)
    somebody.visit(client.address(scope=SCOPE))
    somebody.log_in(person)
    somebody.page.get_by_label("Read your private notes").check()
    somebody.press("Allow")
    assert scope_of(client, somebody.answer()) == {"email", "items.read", "notes.read"}
    assert world.count("Authorization", person) == 1

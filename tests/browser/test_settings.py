"""People's own pages at a browser: by keyboard, twice, too late, values shown once, without script."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from ..support import Client, bearer
from . import data
from .states import NEW_CLIENT, NEW_TOKEN, SETTINGS
from .visitor import Visitor, World

GONE = "This value was shown once and is gone. If you did not copy it, make another."


def fill_in_token(somebody: Visitor, name: str = "my script") -> None:
    """Fill the form of a personal token in."""
    somebody.visit(NEW_TOKEN)
    somebody.page.locator("#name").fill(name)
    somebody.page.get_by_label("See your e-mail address").check()


def fill_in_client(somebody: Visitor, name: str) -> None:
    """Fill the form of an application in."""
    somebody.visit(NEW_CLIENT)
    somebody.page.locator("#name").fill(name)
    somebody.page.locator("#redirect_uris").fill("https://shelf.example/callback")
    somebody.page.get_by_label("See your e-mail address").check()


def shown_once(somebody: Visitor) -> str:
    """The value in the panel."""
    return somebody.page.locator("#o2-once-value").inner_text()


def opens(world: World, token: str) -> bool:
    """Whether a token opens the ping endpoint."""
    answer = world.provider.api().get("/oauth/ping/", headers=bearer(token))
    return bool(answer.status_code == 200)


def an_app(world: World, person: str) -> Client:
    """An application that *person* has allowed and that holds tokens."""
    client = world.client(name="Papercut")
    with world.provider.app.app_context():
        model = world.provider.oauth2.get_client(client.client_id)
        devices = [("Firefox on Windows", "192.0.2.14", None), ("curl", "198.51.100.8", None)]
        data.allow(world.provider, world.provider.user(person), model, ["email"], devices=devices)
        world.provider.db.session.commit()
    return client


# --- by keyboard ----------------------------------------------------------------------------------


def test_keyboard_a_personal_token(visitor: Callable[..., Visitor], world: World, person: str) -> None:
    """From the list to the value; the panel has the focus on arrival."""
    somebody = visitor(person)
    somebody.visit(SETTINGS)
    keys = somebody.page.keyboard
    assert somebody.tab_to("New token")[0] == "Skip to the page"
    keys.press("Enter")
    somebody.page.wait_for_url(f"**{NEW_TOKEN}")
    assert somebody.focused() == ""
    while somebody.page.evaluate("document.activeElement.id") != "name":
        keys.press("Tab")
    keys.type("laptop")
    somebody.tab_to("90 days")
    keys.press("ArrowLeft")
    assert somebody.focused().startswith("30 days")
    somebody.tab_to("See your e-mail address")
    keys.press("Space")
    somebody.tab_to("Create token")
    keys.press("Enter")
    somebody.page.get_by_text("Copy your token now").wait_for()
    assert somebody.focused().startswith("Copy your token now")
    assert opens(world, shown_once(somebody))
    assert somebody.tab_to("I have copied it")[0] == "Copy"


def test_keyboard_a_refused_form_has_the_focus_on_what_is_wrong(visitor: Callable[..., Visitor], person: str) -> None:
    somebody = visitor(person)
    somebody.visit(NEW_TOKEN)
    somebody.tab_to("Create token")
    somebody.page.keyboard.press("Enter")
    somebody.page.get_by_text("Nothing has been saved.").wait_for()
    assert somebody.focused().startswith("Nothing has been saved. 2 things need your attention:")
    somebody.page.keyboard.press("Tab")
    somebody.page.keyboard.press("Enter")
    assert somebody.page.evaluate("document.activeElement.id") == "name"
    assert somebody.page.locator("#name").get_attribute("aria-invalid") == "true"


def test_keyboard_revoking_an_app(visitor: Callable[..., Visitor], world: World, person: str) -> None:
    """The button becomes "Keep it" and keeps the focus, so a double press ends nothing."""
    an_app(world, person)
    somebody = visitor(person)
    somebody.visit(SETTINGS)
    keys = somebody.page.keyboard
    somebody.tab_to("P Papercut")  # the tile's letter is hidden from screen readers
    keys.press("Enter")
    passed = somebody.tab_to("Revoke access…")
    assert [line for line in passed if line.startswith("Disconnect")] == [
        "Disconnect Firefox on Windows, Leipzig",
        "Disconnect curl, 198.51.100.8",
    ]
    keys.press("Enter")
    assert somebody.focused() == "Keep it"
    assert somebody.sees("Revoke access for Papercut? It loses your account at once on all 2 devices.")
    keys.press("Enter")
    assert somebody.focused().startswith("Revoke access…")
    assert not somebody.button("Revoke access").is_visible()
    keys.press("Enter")
    assert somebody.tab_to("Revoke access")[-1] == "Revoke access"
    keys.press("Enter")
    somebody.page.get_by_text("Access revoked. Papercut can no longer use your account.").wait_for()
    assert world.count("Authorization", person, revoked_at=None) == 0
    assert world.count("Consent", person) == 0


# --- twice ----------------------------------------------------------------------------------------


def test_double_click_on_create_token_makes_one(visitor: Callable[..., Visitor], world: World, person: str) -> None:
    somebody = visitor(person)
    fill_in_token(somebody)
    somebody.button("Create token").dblclick()
    somebody.page.get_by_text("Copy your token now").wait_for()
    assert opens(world, shown_once(somebody))
    assert world.count("Token", person) == 1


def test_double_click_on_create_application_makes_one(
    visitor: Callable[..., Visitor], world: World, person: str
) -> None:
    somebody = visitor(person)
    fill_in_client(somebody, f"Shelf {person}")
    somebody.button("Create application").dblclick()
    somebody.page.get_by_text("Copy its secret now").wait_for()
    assert shown_once(somebody).startswith("o2s_")
    assert world.count("Client", person) == 1


def test_double_click_on_revoke_ends_nothing(visitor: Callable[..., Visitor], world: World, person: str) -> None:
    an_app(world, person)
    somebody = visitor(person)
    somebody.visit(SETTINGS)
    somebody.page.get_by_text("Papercut").first.click()
    somebody.page.get_by_text("Revoke access…").dblclick()
    assert not somebody.button("Revoke access").is_visible()
    assert world.count("Authorization", person, revoked_at=None) == 2


# --- shown once -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["reload", "back"])
def test_a_token_is_shown_once(visitor: Callable[..., Visitor], world: World, person: str, how: str) -> None:
    """Reloading sends the form again, which makes no second one; nothing is kept to go back to."""
    somebody = visitor(person)
    fill_in_token(somebody)
    somebody.press("Create token")
    somebody.page.get_by_text("Copy your token now").wait_for()
    value = shown_once(somebody)
    if how == "reload":
        somebody.page.reload()
    else:
        somebody.page.get_by_role("link", name="I have copied it").click()
        somebody.page.get_by_text("my script").first.wait_for()
        _back_and_send_again(somebody)
    somebody.page.get_by_text(GONE).wait_for()
    assert value not in somebody.page.content()
    assert world.count("Token", person) == 1
    assert opens(world, value)


def _back_and_send_again(somebody: Visitor) -> None:
    """Chromium asks first whether to send the form again (ERR_CACHE_MISS); whoever says yes reloads."""
    from playwright.sync_api import Error

    with contextlib.suppress(Error):
        somebody.page.go_back()
    somebody.page.wait_for_url("chrome-error://**")
    somebody.watch.complaints.clear()
    somebody.page.reload()


def test_a_secret_is_shown_once(visitor: Callable[..., Visitor], world: World, person: str) -> None:
    """The first one and a further one."""
    somebody = visitor(person)
    fill_in_client(somebody, f"Shelf {person}")
    somebody.press("Create application")
    somebody.page.get_by_text("Your application is ready. Copy its secret now").wait_for()
    first = shown_once(somebody)
    somebody.page.reload()
    somebody.page.get_by_text(GONE).wait_for()
    assert first not in somebody.page.content()
    assert world.count("Client", person) == 1

    somebody.page.get_by_role("link", name=f"Shelf {person}").click()
    somebody.press("New secret")
    somebody.page.get_by_text("New secret. Copy it now").wait_for()
    second = shown_once(somebody)
    assert somebody.sees(f"The old secret o2s_…{first[-4:]} goes on working")
    somebody.page.reload()
    somebody.page.get_by_text(GONE).wait_for()
    assert second not in somebody.page.content()
    assert somebody.page.get_by_text("Revoke…").count() == 2


def test_copying(visitor: Callable[..., Visitor], person: str) -> None:
    """One press copies and says so for two seconds, also to a screen reader."""
    somebody = visitor(person, permissions=["clipboard-read", "clipboard-write"])
    fill_in_token(somebody)
    somebody.press("Create token")
    button = somebody.page.get_by_role("button", name="Copy: Copy your token now")
    button.click()
    somebody.page.get_by_text("Copied", exact=True).first.wait_for()
    assert somebody.page.locator(".o2-once [role=status]").inner_text() == "Copied"
    assert somebody.page.evaluate("navigator.clipboard.readText()") == shown_once(somebody)
    somebody.page.locator(".o2-once [role=status]", has_text="Copied").wait_for(state="detached")
    assert button.inner_text() == "Copy"


# --- too late -------------------------------------------------------------------------------------


def test_signed_out_in_another_tab_before_create_token(
    visitor: Callable[..., Visitor], world: World, person: str
) -> None:
    somebody = visitor(person)
    fill_in_token(somebody)
    other = somebody.another_tab()
    other.goto(f"{world.urls['main']}/oauth/sign-out/")
    other.get_by_role("button", name="Sign out").click()
    other.get_by_text("You are signed out").wait_for()

    somebody.press("Create token")
    assert somebody.heading == "Sign in to Meridian"
    somebody.log_in(person)
    assert somebody.heading == "New personal token"
    assert world.count("Token", person) == 0


def test_a_form_of_a_session_that_is_over_keeps_what_was_typed(
    visitor: Callable[..., Visitor], world: World, person: str
) -> None:
    """Signed out and in again in another tab: nothing is made, nothing is lost, pressing again works."""
    somebody = visitor(person)
    forms = {"Token": (fill_in_token, "Create token"), "Client": (fill_in_client, "Create application")}
    for model, (fill_in, button) in forms.items():
        fill_in(somebody, f"Keep {person}")
        somebody.context.clear_cookies()
        somebody.sign_in(person)
        somebody.press(button)
        told = "This page was open too long, and nothing was changed. Please try again."
        somebody.page.get_by_text(told).wait_for(timeout=5_000)
        assert world.count(model, person) == 0
        assert somebody.page.locator("#name").input_value() == f"Keep {person}"
        assert somebody.page.get_by_label("See your e-mail address").is_checked()
        somebody.press(button)
        somebody.page.locator("#o2-once").wait_for()
        assert world.count(model, person) == 1


def test_revoking_in_a_session_that_is_over(visitor: Callable[..., Visitor], world: World, person: str) -> None:
    an_app(world, person)
    somebody = visitor(person)
    somebody.visit(SETTINGS)
    somebody.page.get_by_text("Papercut").first.click()
    somebody.page.get_by_text("Revoke access…").click()
    somebody.context.clear_cookies()
    somebody.press("Revoke access")
    assert somebody.heading == "Sign in to Meridian"
    somebody.log_in(person)
    assert somebody.heading == "Applications"
    assert world.count("Authorization", person, revoked_at=None) == 2


# --- a whole life, and without script -------------------------------------------------------------


def test_the_life_of_an_application(visitor: Callable[..., Visitor], world: World, person: str) -> None:
    """Registered with a logo that its owner sees, changed, handed over, deleted by its new owner."""
    somebody, heir = visitor(person), visitor(world.new_person("Kim Heir"))
    name = f"Shelf {person}"[:40]
    fill_in_client(somebody, name)
    logo = {"name": "logo.png", "mimeType": "image/png", "buffer": data.picture(90, 20, 60)}
    somebody.page.locator("#logo").set_input_files(logo)
    somebody.press("Create application")
    tile = somebody.page.locator("h1 ~ .o2-tile img, .o2-app-head .o2-tile img")
    tile.wait_for()
    assert tile.evaluate("picture => picture.naturalWidth") == 128

    somebody.page.get_by_role("link", name="Edit", exact=True).click()
    somebody.page.locator("#name").fill(f"{name} again")
    somebody.press("Save changes")
    somebody.page.get_by_text("Saved.").wait_for()
    somebody.page.get_by_text("Transfer…").click()
    somebody.press("Make the link")
    heir.page.goto(shown_once(somebody))
    heir.press("Take it over")
    heir.page.get_by_text(f"{name} again is yours.").wait_for()
    somebody.page.goto(heir.page.url)
    assert somebody.heading == "There is nothing here"

    heir.page.get_by_text("Delete application…").click()
    heir.page.get_by_label("Type ").fill(f"{name} again")
    heir.press("Delete application")
    heir.page.get_by_text(f"{name} again is deleted.").wait_for()
    assert world.count("Client", person) == 0


def test_searching_and_paging(visitor: Callable[..., Visitor]) -> None:
    """Each list for itself, from the keyboard too."""
    somebody = visitor(data.ADA)
    somebody.visit(SETTINGS)
    tokens = somebody.page.locator("#tokens")
    assert tokens.locator(".o2-rows > li").count() == 25
    tokens.get_by_role("link", name="Next").click()
    somebody.page.wait_for_url("**tokens_page=2**")
    assert tokens.locator(".o2-rows > li").count() == data.MANY - 25
    tokens.get_by_role("searchbox").fill("machine 27")
    somebody.page.keyboard.press("Enter")
    somebody.page.wait_for_url("**tokens_q=machine**")
    assert tokens.locator(".o2-rows > li").count() == 1
    assert somebody.page.locator("#mine .o2-rows > li").count() == 25


def test_without_script(visitor: Callable[..., Visitor], world: World, person: str) -> None:
    """A token and an application made, an app and the token revoked; Copy hides, for it could not work."""
    an_app(world, person)
    somebody = visitor(person, java_script_enabled=False)
    fill_in_token(somebody)
    somebody.press("Create token")
    value = shown_once(somebody)
    assert opens(world, value)
    assert somebody.page.locator("[data-o2-copy]").count() > 0
    assert not any(button.is_visible() for button in somebody.page.locator("[data-o2-copy]").all())

    somebody.page.get_by_role("link", name="I have copied it").click()
    somebody.page.get_by_text("my script").first.click()
    somebody.page.locator("#tokens").get_by_text("Revoke…").click()
    somebody.press("Revoke token")
    somebody.page.get_by_text("“my script” is revoked.").wait_for()
    assert not opens(world, value)

    somebody.page.get_by_text("Papercut").first.click()
    somebody.page.get_by_text("Revoke access…").click()
    somebody.press("Revoke access")
    somebody.page.get_by_text("Access revoked.").wait_for()
    assert world.count("Authorization", person, revoked_at=None) == 0

    fill_in_client(somebody, f"Shelf {person}")
    somebody.press("Create application")
    assert shown_once(somebody).startswith("o2s_")
    assert world.count("Client", person) == 1

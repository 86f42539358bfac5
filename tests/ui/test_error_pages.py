"""Error pages: what happened, what to do, and a reference that stands in the log beside the technical reason."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import pytest

from flask_oauth2server import signals
from flask_oauth2server.errors import IssuerUnknown, PageError, TooMany, Unavailable

from ..support import CALLBACK, Browser, Client, Provider, answer_of
from .conftest import CONFIG
from .pages import HOME, heading, parse, words
from .states import failing

REFERENCE = re.compile(r"Reference (F-[2-9A-Z]{4}-[2-9A-Z]{4}) \w+ \d+ \w+ \d{4}, \d\d:\d\d UTC")
TELL_MAKERS = (
    "If it happens again, tell the makers of the app and give them the reference below. You cannot fix it yourself."
)


def told(page: Any, status: int, title: str, happened: str, *advice: str) -> None:
    """What the page says, in its order."""
    assert page.status_code == status
    assert "Location" not in page.headers
    assert heading(page) == parse(page).one("title").text == title
    root = parse(page)
    assert root.one("h1").text in words(page)
    assert f"{title} {happened}".strip() in words(page)
    assert [item.text for item in root.one("main").all("li")] == list(advice)
    assert REFERENCE.search(words(page))
    assert "an administrator of Meridian can look the reference up and see the exact cause." in words(page)


def reference(page: Any) -> str:
    found = REFERENCE.search(words(page))
    assert found
    return found[1]


# --- each cause -----------------------------------------------------------------------------------


@pytest.mark.parametrize("uri", ["https://evil.example/cb", None])
def test_a_return_address_that_is_not_registered(provider: Provider, ada: Browser, uri: str | None) -> None:
    client = provider.client(redirect_uris=[CALLBACK, "https://b.example/"])
    page = ada.visit(client.address(redirect_uri=uri))
    told(
        page,
        400,
        "Reader could not be connected",
        "It sent you here with a return address that it has not registered with Meridian. We stopped, so that nobody "
        "else receives your data. Nothing has been shared.",
        "Go back to the app and start again from there.",
        TELL_MAKERS,
    )
    folded = parse(page).one("dl").text
    assert "invalid_request (mismatching_redirect_uri) Application Reader Client ID" in folded
    assert ("Address sent https://evil.example/cb" in folded) is (uri is not None)


def test_an_unknown_client(ada: Browser) -> None:
    page = ada.visit("/oauth/authorize?response_type=code&client_id=nobody")
    told(
        page,
        400,
        "Meridian does not know this app",
        "The link that brought you here names an app that is not registered. Nothing has been shared.",
        "Check that you followed the right link.",
        "Tell the makers of the app, and give them the reference below.",
    )
    assert "invalid_request (invalid_client_id)" in words(page)
    assert "nobody" not in page.text


def test_a_client_that_is_switched_off(provider: Provider, ada: Browser, client: Client) -> None:
    with provider.app.app_context():
        provider.oauth2.disable_client(provider.oauth2.get_client(client.client_id))
    told(
        ada.visit(client.address()),
        400,
        "Reader has been switched off",
        "Meridian has stopped this app. Nothing has been shared.",
        "Ask the makers of the app, or Meridian, why.",
    )


@pytest.mark.parametrize("query", ["", "?client_id=a&client_id=b", "?client_id=a&client_id=<b>"])
def test_a_damaged_link(ada: Browser, query: str) -> None:
    page = ada.visit(f"/oauth/authorize{query}")
    damaged = "Part of it is missing or appears twice. Nothing has been shared."
    told(page, 400, "This link is damaged", damaged, "Go back to the app and start again.")
    assert "&lt;b&gt;" not in page.text


@pytest.mark.parametrize(
    ("cause", "title", "happened", "advice"),
    [
        (
            "too_late",
            "You took a little too long",
            "This page was open for more than 10 minutes, or you answered it already in another tab. Nothing has been "
            "shared.",
            "Go back to the app and start again.",
        ),
        ("unheard of", "This link is damaged", "Part of it is missing or appears twice. Nothing has been shared.",
         "Go back to the app and start again."),
    ],
)  # fmt: skip
def test_causes_that_features_raise(
    provider: Provider, ada: Browser, client: Client, cause: str, title: str, happened: str, advice: str
) -> None:
    error = PageError("invalid_request", "Answered already.")
    error.cause = cause
    with failing(provider.app.extensions["oauth2server"], "issuer", error):
        told(ada.visit(client.address()), 400, title, happened, advice)


@pytest.mark.parametrize(
    ("seconds", "sentence"), [(1, "1 minute"), (60, "1 minute"), (61, "2 minutes"), (3600, "60 minutes")]
)
def test_too_many_tries(provider: Provider, ada: Browser, seconds: int, sentence: str) -> None:
    with failing(provider.app.extensions["oauth2server"], "rates", TooMany(seconds, "more than enough")):
        page = ada.visit(HOME)
    told(page, 429, "Too many tries", f"Please wait {sentence} and try again.")
    assert page.headers["Retry-After"] == str(seconds)


def test_busy(provider: Provider, ada: Browser, client: Client) -> None:
    server, address = provider.app.extensions["oauth2server"], client.address()
    with failing(server, "issuer", Unavailable("the database is away")):
        page = ada.http.get(address, headers={"Host": "evil.example"})
        told(page, 503, "Meridian is busy", "Nothing was changed.", "Wait a moment and press Try again.")
        (button,) = [link for link in parse(page).all("a") if link.text == "Try again"]
        assert button.attributes["href"] == address
        assert "Try again" not in [link.text for link in parse(ada.http.post(address, data={"ticket": "x"})).all("a")]


def test_not_ready(provider: Provider, ada: Browser, client: Client) -> None:
    with failing(provider.app.extensions["oauth2server"], "issuer", IssuerUnknown("OAUTH2_ISSUER is not set")):
        told(
            ada.visit(client.address()),
            503,
            "Meridian is not ready for this",
            "It has not been set up to let apps in. The people who run it find the reason in their log.",
            "Try again later, or tell them and give them the reference below.",
        )


def test_what_is_not_there(ada: Browser) -> None:
    happened = "It does not exist, or it is somebody else's."
    advice = "Go back to your applications and look there."
    told(ada.visit(f"{HOME}tokens/5/"), 404, "There is nothing here", happened, advice)


def test_another_method(ada: Browser) -> None:
    page = ada.http.delete(HOME)
    happened = "A page was asked for in a way that it does not know. Nothing was changed."
    told(page, 405, "This cannot be done here", happened, "Go back and try again from there.")
    assert page.headers["Allow"] == "GET, HEAD"


def test_too_much(ada: Browser) -> None:
    page = ada.http.post(f"{HOME}tokens/new/", data={"name": "x" * 70000})
    happened = "More was sent than is read here. Nothing was changed."
    told(page, 413, "That was too much", happened, "Go back and send less, such as a smaller file.")


def test_a_connection_that_others_could_read(ada: Browser) -> None:
    page = ada.http.get(HOME, environ_overrides={"REMOTE_ADDR": "203.0.113.9"})
    happened = "This address begins with http://, so others could read along. Nothing has been shared."
    told(page, 400, "This connection is not safe", happened, "Use the address that begins with https://.", TELL_MAKERS)


# --- an error that may be returned, of an application nobody has checked --------------------------


def test_it_is_shown_with_the_address_before_one_goes_on(provider: Provider, ada: Browser) -> None:
    client = provider.client(name="<i>Odd</i>", verified=False)
    page = ada.visit(client.address(scope="bogus"))
    assert heading(page) == "<i>Odd</i> could not be connected"
    assert "It asked for something that Meridian does not offer. Nothing has been shared." in words(page)
    assert "You can go back to the app. Meridian has not checked it, so look at the address before you go on." in words(
        page
    )
    (button,) = [link for link in parse(page).all("a") if link.text == "Go to client.example"]
    assert button.attributes["href"].startswith(f"{CALLBACK}?error=invalid_scope&state=xyz&iss=")
    assert button.attributes["rel"] == "noopener noreferrer nofollow"
    assert REFERENCE.search(words(page))


def test_a_setting_turns_that_off(make: Callable[..., Provider]) -> None:
    provider = make(config={**CONFIG, "OAUTH2_CONFIRM_UNVERIFIED_ERRORS": False})
    client = provider.client(verified=False)
    assert answer_of(provider.browser("ada").visit(client.address(scope="bogus")))["error"] == "invalid_scope"


# --- the reference --------------------------------------------------------------------------------


def test_it_is_in_the_log_beside_the_reason_and_in_the_signal(
    provider: Provider, ada: Browser, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[dict[str, Any]] = []

    def hear(app: Any, **what: Any) -> None:
        heard.append(what)

    with caplog.at_level(logging.INFO, "flask_oauth2server"), signals.request_refused.connected_to(hear):
        pages = [
            ada.visit(client.address(redirect_uri="https://evil.example/")),
            ada.visit(client.address(client_id="nobody")),
            ada.visit(f"{HOME}tokens/5/"),
            ada.http.delete(HOME),
            ada.visit(provider.client(name="Odd", verified=False).address(scope="bogus")),
        ]
    assert len({reference(page) for page in pages}) == 5
    assert [what["reference"] for what in heard] == [reference(page) for page in pages]
    for page, what in zip(pages, heard, strict=True):
        (record,) = [record for record in caplog.records if reference(page) in record.getMessage()]
        assert what["detail"]
        assert what["detail"] in record.getMessage()
        assert what["endpoint"] in record.getMessage()
    assert [what["endpoint"] for what in heard[2:4]] == [
        "oauth2server_settings.token_view",
        "oauth2server_settings.index",
    ]


def test_an_error_that_the_address_names_has_none_and_echoes_nothing(ada: Browser) -> None:
    page = ada.visit("/oauth/errors/?error=access_denied&error_description=Call+0900&reference=F-AAAA-BBBB")
    assert "Error code access_denied" in words(page)
    assert "Reference" not in words(page) and "0900" not in page.text and "F-AAAA" not in page.text
    assert "Error code invalid_request" in words(ada.visit("/oauth/errors/?error=<b>Pay+here</b>"))


def test_a_page_of_the_host_s_own_is_given_the_same(make: Callable[..., Provider]) -> None:
    from flask import g

    provider = make(config={"OAUTH2_PROVIDER_ERROR_ENDPOINT": "failed"})
    provider.app.add_url_rule("/failed", "failed", lambda: f"sorry: {g.oauth2server_error.reference}")
    page = provider.browser().visit("/oauth/authorize")
    assert page.status_code == 400
    assert re.fullmatch(r"sorry: F-\w{4}-\w{4}", page.text)
    assert page.headers["X-Frame-Options"] == "DENY"

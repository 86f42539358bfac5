"""What the host's login page learns of the request that brings somebody there."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from ..support import Client, Provider


def asked(provider: Provider, address: str | None, **options: Any) -> Any:
    with provider.app.test_request_context(**options):
        return provider.oauth2.sign_in_request(address)


def test_the_login_page_knows_who_asks_and_whom_it_expects(provider: Provider, client: Client) -> None:
    wishes = {"login_hint": "ada@example.org", "ui_locales": "de-AT de", "display": "popup", "acr_values": "mfa pwd"}
    to_login = provider.browser().visit(client.address(scope="openid", **wishes)).location
    (there,) = parse_qs(urlsplit(to_login).query)["next"]
    found = asked(provider, there)
    assert (found.client.client_id, found.client.name) == (client.client_id, "Reader")
    assert (found.login_hint, found.display, found.prompt) == ("ada@example.org", "popup", [])
    assert (found.ui_locales, found.acr_values) == (["de-AT", "de"], ["mfa", "pwd"])


def test_a_request_that_says_nothing_of_it(provider: Provider, client: Client) -> None:
    found = asked(provider, client.address(prompt="login"))
    assert found[1:] == (None, [], None, ["login"], [])


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "/",
        "/oauth/token?client_id={}",
        "https://elsewhere.example/oauth/authorize?client_id={}",
        "//elsewhere.example/oauth/authorize?client_id={}",
        "/oauth/authorize",
        "/oauth/authorize?client_id=nobody",
        "/oauth/authorize?client_id={}&login_hint=%FF",
        "/oauth/authorize?client_id=%00",
        "/oauth/authorize?login_hint=\ud800&client_id={}",
        "https://[/oauth/authorize?client_id={}",
        "/oauth/authorize?login_hint=" + quote("\ud800", errors="surrogatepass") + "&client_id={}",
    ],
)
def test_anything_else_is_none(provider: Provider, client: Client, address: str | None) -> None:
    assert asked(provider, address and address.format(client.client_id)) is None


def test_a_disabled_client_is_not_named(provider: Provider, client: Client) -> None:
    address = client.address()
    with provider.app.app_context():
        provider.oauth2.disable_client(provider.oauth2.get_client(client.client_id))
    assert asked(provider, address) is None


def test_below_a_path(provider: Provider, client: Client) -> None:
    address = client.address()
    assert asked(provider, address, base_url="https://provider.example/below/") is None
    assert asked(provider, f"/below{address}", base_url="https://provider.example/below/") is not None

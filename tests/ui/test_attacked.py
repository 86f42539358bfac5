"""What an attack on these pages has found: races that are forced, odd hooks, a mount, switches that are off."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client as WebClient

from flask_oauth2server import InvalidClientMetadata
from flask_oauth2server.storage.unit import is_unavailable

from ..support import Client, Provider, answer_of, hidden_fields

HOME = "/account/settings/applications/"
APPLICATION = {"name": "Shelf", "redirect_uris": "https://shelf.example/cb", "scopes": ["email"]}


def apart(provider: Provider, work: Callable[[], Any]) -> threading.Thread:
    """Do *work* in another thread, with a session of its own; it has begun when this returns."""

    def run() -> None:
        with provider.app.app_context():
            work()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def meanwhile(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, work: Callable[[], threading.Thread]
) -> list[Any]:
    """Let *work* begin just after *owner* has done *name*, once."""
    begun: list[threading.Thread] = []
    original = getattr(owner, name)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if not begun:
            begun.append(work())
            begun[0].join(0.5)  # it waits for us, or is done
        return result

    monkeypatch.setattr(owner, name, wrapper)
    return begun


def server_of(provider: Provider) -> Any:
    return provider.app.extensions["oauth2server"]


def verify(provider: Provider) -> None:
    oauth2 = provider.oauth2
    # Where it was changed under the hands of whoever checks it, it is to be looked at again.
    with contextlib.suppress(InvalidClientMetadata):
        oauth2.edit_client(oauth2.get_client("shelf"), verified=True)


def shelf(provider: Provider) -> Any:
    return provider.oauth2.create_client(name="Shelf", client_id="shelf", verified=False, owner=provider.user("ada"))[0]


def test_a_check_does_not_go_along_to_another_owner(any_provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    oauth2 = any_provider.oauth2
    with any_provider.app.app_context():
        value = oauth2.offer_client(shelf(any_provider))
        threads = meanwhile(monkeypatch, oauth2, "_offered", lambda: apart(any_provider, lambda: verify(any_provider)))
        assert oauth2.accept_offer(value, any_provider.user("bob")) is not None
        threads[0].join()
        any_provider.db.session.remove()
        client = oauth2.get_client("shelf")
        assert (client.user_id, client.verified) == (any_provider.user("bob").id, False)


def test_nobody_checks_a_name_unseen(any_provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    oauth2, clients = any_provider.oauth2, server_of(any_provider).storage.clients
    with any_provider.app.app_context():
        client = shelf(any_provider)
        threads = meanwhile(monkeypatch, clients, "hold", lambda: apart(any_provider, lambda: verify(any_provider)))
        oauth2.edit_client(client, by_owner=True, name="Bank")
        threads[0].join()
        any_provider.db.session.remove()
        seen = oauth2.get_client("shelf")
        # Whoever came first: a check that was made of the old name is not the new one's.
        assert (seen.name, seen.verified) == ("Bank", False)


def test_at_most_five_secrets_whoever_asks_at_once(any_provider: Provider) -> None:
    oauth2 = any_provider.oauth2

    def another() -> None:
        with contextlib.suppress(InvalidClientMetadata):  # there are five
            oauth2.rotate_secret(oauth2.get_client("shelf"))

    with any_provider.app.app_context():
        shelf(any_provider)
    threads = [apart(any_provider, another) for _ in range(8)]
    for thread in threads:
        thread.join()
    with any_provider.app.app_context():
        assert len(oauth2.list_secrets(oauth2.get_client("shelf"))) == 5


def test_a_revocation_waits_for_whoever_is_let_in_at_this_moment(
    any_provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, ada = any_provider.client(), any_provider.browser("ada")
    client.tokens(ada)

    def revoke() -> None:
        oauth2 = any_provider.oauth2
        oauth2.revoke_application(any_provider.user("ada"), oauth2.get_client(client.client_id))

    consents = server_of(any_provider).consents
    threads = meanwhile(monkeypatch, consents, "still_covers", lambda: apart(any_provider, revoke))
    answer = answer_of(ada.visit(client.address()))
    threads[0].join()
    assert client.exchange(answer["code"]).status_code == 400
    with any_provider.app.app_context():
        assert any_provider.oauth2.list_authorizations() == []


@pytest.mark.parametrize("decision", ["xnotesx", 1, {"email": True}, [1], (scope for scope in ["email"])])
def test_a_hook_that_answers_something_else_lets_nobody_in(
    provider: Provider, client: Client, decision: Any, caplog: pytest.LogCaptureFixture
) -> None:
    provider.oauth2.consent_decision(lambda _question: decision)
    page = provider.browser("ada").visit(client.address(scope="email notes"))
    assert page.status_code == 503
    assert "consent_decision returns True, False, None or a list of scopes" in caplog.text
    with provider.app.app_context():
        assert provider.oauth2.list_authorizations() == []


def test_forms_stay_below_the_mount(provider: Provider) -> None:
    with provider.app.app_context():
        shelf(provider)
    ada = WebClient(DispatcherMiddleware(lambda *_: [b"another"], {"/mount": provider.app}))
    ada.post("/mount/login", data={"name": "ada"})
    for path in ("clients/new/", "clients/shelf/edit/", "clients/shelf/", "tokens/new/", "security/", ""):
        page = ada.get(f"/mount{HOME}{path}")
        assert page.status_code == 200, path
        addresses = re.findall(r'(?:action|href|src)="(/[^"]*)"', page.text)
        assert addresses
        assert [address for address in addresses if not address.startswith("/mount/")] == []


def test_a_value_is_shown_though_nothing_can_be_tried(make: Callable[..., Provider]) -> None:
    provider = make(config={"OAUTH2_ENABLE_PROBE": False})
    ada = provider.browser("ada")
    assert ada.visit(HOME).status_code == 200
    fields = hidden_fields(ada.visit(f"{HOME}tokens/new/"))
    page = ada.http.post(f"{HOME}tokens/new/", data={**fields, "name": "x", "expiry": "30", "scopes": ["email"]})
    assert page.status_code == 200
    assert re.search(r"o2p_[A-Za-z0-9]{60}", page.text)


def test_a_secret_is_shown_and_things_can_be_ended_where_nobody_issues(make: Callable[..., Provider]) -> None:
    provider = make(config={"OAUTH2_ISSUER": None})
    ada = provider.browser("ada")
    fields = hidden_fields(ada.visit(f"{HOME}clients/new/"))
    page = ada.http.post(f"{HOME}clients/new/", data={**fields, **APPLICATION, "client_type": "confidential"})
    assert page.status_code == 200
    assert re.search(r"o2s_[A-Za-z0-9]{60}", page.text)
    with provider.app.app_context():
        (client,) = provider.oauth2.list_clients()
        address = f"{HOME}clients/{client.client_id}/"
    data = {**hidden_fields(ada.visit(address)), "delete": "yes", "confirm_name": "Shelf"}
    assert ada.http.post(f"{address}delete/", data=data).status_code == 303
    with provider.app.app_context():
        assert provider.oauth2.list_clients() == []


@pytest.mark.parametrize("content_type", ["application/json", "application/x+json"])
@pytest.mark.parametrize("body", ["[1]", "5", '{"name": 5}', '{"last_day": 5}', "{", '[["name", 5]]'])
@pytest.mark.parametrize("path", ["clients/new/", "tokens/new/"])
def test_json_is_no_form(provider: Provider, content_type: str, body: str, path: str) -> None:
    page = provider.browser("ada").http.post(f"{HOME}{path}", data=body, content_type=content_type)
    assert page.status_code == 200
    assert "nothing was changed" in page.text


@pytest.mark.parametrize("path", ["clients/%00/", "authorised/a%00b/revoke/", "authorizations/%00/disconnect/"])
def test_what_no_database_takes_is_not_there(any_provider: Provider, path: str) -> None:
    assert any_provider.browser("ada").visit(f"{HOME}{path}").status_code == 404
    assert any_provider.api().get("/oauth/logos/%00").status_code == 404


@pytest.mark.parametrize("state", ["25006", "57014", "53100", "53200", "57P05"])
def test_what_postgresql_cannot_do_now(state: str) -> None:
    from sqlalchemy.exc import InternalError

    original = Exception("not now")
    original.sqlstate = state  # type: ignore[attr-defined]
    assert is_unavailable(InternalError("x", None, original))


def test_an_offer_that_is_withdrawn_at_this_moment(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    with provider.app.app_context():
        value = provider.oauth2.offer_client(shelf(provider))
    monkeypatch.setattr(server_of(provider).storage.grants, "open_of_client", lambda *_: None)
    page = provider.browser("bob").visit(f"{HOME}offers/{value}/")
    assert page.status_code == 410
    assert "This offer is no longer open" in page.text

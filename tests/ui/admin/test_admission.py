"""Who may come to the pages of administrators, and what these can never do: every route, those of others too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import url_for

from flask_oauth2server.registers import Route

from ...conftest import close
from ...support import Browser, Provider, bearer, build
from ..conftest import CONFIG
from ..pages import csrf, fields, form, parse, personal_token, words

BLUEPRINT = "oauth2server_admin"
#: Everything that an act can change; what is written of refusals is not among it.
KEPT = (
    "Client",
    "ClientSecret",
    "ClientLogo",
    "Authorization",
    "Grant",
    "Token",
    "Consent",
    "AuditEvent",
    "ClientTerm",
    "SigningKey",
)
#: What acts look at, all at once; without a good CSRF token none of it may have an effect.
EVERYTHING = {
    **{"check": "no", "disable": "yes", "reset": "yes", "delete": "yes", "confirm_name": "Reader", "name": "Other"},
    **{"everything": "yes", "everything_client": "reader", "confirmed": "yes", "redirect_uris": "https://x.example/"},
}


class House:
    """A provider with something of everything.

    :ivar values: that no page may tell.
    :ivar more: what else a form may name, and only the database knows.
    """

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.ada, self.bob = provider.browser("ada"), provider.browser("bob")
        client = provider.client(client_id="reader", verified=True)
        given = client.tokens(self.bob)
        self.token = personal_token(self.ada)
        code = client.code(self.bob)
        self.values = [client.secret, given["access_token"], given["refresh_token"], self.token, code]
        with provider.app.app_context():
            models = provider.oauth2.models
            secret, authorization = models.ClientSecret.query.one(), models.Authorization.query.first()
            self.arguments = {"client_id": "reader", "pk": secret.id, "public_id": authorization.public_id}
            self.values += [secret.digest, *(row.access_digest for row in models.Token.query)]
            keys = provider.app.extensions["oauth2server"].keys
            keys.prepare("ES256")
            self.arguments["kid"] = kid = keys.signer("ES256").kid
            self.more = {"alg": "ES256", "seen": f"{kid} -"}
            self.values += [row.private for row in models.SigningKey.query]
        self.routes = [route for route in self.server.routes if route.blueprint == BLUEPRINT]

    @property
    def server(self) -> Any:
        return self.provider.app.extensions["oauth2server"]

    def address(self, route: Route) -> str:
        names = re.findall(r"<(?:[^:<>]*:)?(\w+)>", route.rule)
        with self.provider.app.test_request_context():
            arguments = {name: self.arguments.get(name, "F-0000-NONE") for name in names}
            return url_for(f"{BLUEPRINT}.{route.name}", **arguments)

    def kept(self) -> dict[str, list[Any]]:
        """All rows, as they are."""
        with self.provider.app.app_context():
            db, models = self.provider.db, self.provider.oauth2.models
            tables = {name: getattr(models, name).__table__ for name in KEPT}
            return {name: list(db.session.execute(table.select())) for name, table in tables.items()}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all tests here: none of them may change it."""
    provider = build(f"sqlite:///{tmp_path_factory.mktemp('house')}/house.sqlite", config=CONFIG)
    provider.oauth2.admin_required(lambda user: user.name == "ada")
    yield House(provider)
    close(provider)


def test_there_are_pages_and_acts(house: House) -> None:
    names = {route.name for route in house.routes}
    assert {"index", "client", "client_check", "client_disable", "client_secret", "client_delete"} <= names
    assert {"keys", "key_rotate", "key_withdraw"} <= names
    for route in house.routes:
        assert route.page and route.checks_csrf, route.name
        assert set(route.methods) in ({"GET", "HEAD"}, {"GET", "HEAD", "POST"}), route.name


def test_signed_out_people_are_sent_to_sign_in(house: House) -> None:
    nobody = house.provider.browser()
    for route in house.routes:
        address = house.address(route)
        for answer in [nobody.visit(address)] + [nobody.http.post(address)] * ("POST" in route.methods):
            assert answer.status_code == 302, route.name
            assert answer.headers["Location"].startswith("/login?next="), route.name


def test_somebody_else_is_refused_and_told_nothing(house: House) -> None:
    before = house.kept()
    token = csrf(house.bob)
    for route in house.routes:
        address = house.address(route)
        answers = [house.bob.visit(address)]
        if "POST" in route.methods:
            answers.append(house.bob.http.post(address, data={**EVERYTHING, **house.more, "csrf_token": token}))
        for answer in answers:
            assert answer.status_code == 403, route.name
            assert "Reader" not in words(answer) and not parse(answer).all("nav"), route.name
    assert house.kept() == before


def test_a_token_opens_no_page(house: House) -> None:
    for route in house.routes:
        answer = house.provider.api().get(house.address(route), headers=bearer(house.token))
        assert answer.status_code == 302, route.name


@pytest.mark.parametrize("sent", [{}, {"csrf_token": ""}, {"csrf_token": "made up"}])
def test_nothing_is_changed_without_a_good_csrf_token(house: House, sent: dict[str, str]) -> None:
    before = house.kept()
    for route in house.routes:
        if "POST" in route.methods:
            answer = house.ada.http.post(house.address(route), data={**EVERYTHING, **house.more, **sent})
            assert answer.status_code in (200, 303, 400, 404), (route.name, answer.status_code)
    assert house.kept() == before


def test_a_csrf_token_of_somebody_else_is_none(house: House) -> None:
    before = house.kept()
    foreign = csrf(house.bob)
    answer = house.ada.http.post(
        "/admin/oauth2/clients/reader/disable/", data={"disable": "yes", "csrf_token": foreign}
    )
    assert answer.status_code == 303
    assert house.kept() == before


def test_looking_changes_nothing_and_tells_no_secret(house: House) -> None:
    before = house.kept()
    for route in house.routes:
        page = house.ada.http.get(house.address(route), query_string={**EVERYTHING, **house.more})
        assert page.status_code in (200, 303, 404), (route.name, page.status_code)
        assert page.headers["Cache-Control"] == "no-store", route.name
        for value in house.values:
            assert value not in page.text, route.name
    assert house.kept() == before


def test_what_no_field_of_a_form_is_for_is_ignored(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mass assignment: the form of the check changes the check, and nothing else that a client has."""
    changed: dict[str, Any] = {}
    monkeypatch.setattr(house.provider.oauth2, "edit_client", lambda _client, **changes: changed.update(changes))
    page = house.ada.visit("/admin/oauth2/clients/reader/")
    sent = fields(form(page, "Take the check back")[0])
    more = {
        "first_party": "yes",
        "may_introspect": "yes",
        "user_id": "1",
        "owner": "1",
        "name": "Other",
        "scopes": "notes",
    }
    answer = house.ada.http.post("/admin/oauth2/clients/reader/check/", data={**sent, **more, "verified": "yes"})
    assert answer.status_code == 303
    assert changed == {"verified": False, "seen": None}


def test_by_default_the_attribute_is_admin_decides(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = {name: hook for name, hook in house.server.hooks.items() if name != "admin_required"}
    monkeypatch.setattr(house.server, "hooks", hooks)
    monkeypatch.setattr(house.server.subjects, "_hooks", hooks)
    assert house.ada.visit("/admin/oauth2/").status_code == 403
    monkeypatch.setattr(house.provider.User, "is_admin", 1, raising=False)  # not true, only like it
    assert house.ada.visit("/admin/oauth2/").status_code == 403
    monkeypatch.setattr(house.provider.User, "is_admin", True, raising=False)
    assert house.ada.visit("/admin/oauth2/").status_code == 200


def test_the_pages_can_be_switched_off_and_moved(tmp_path: Any) -> None:
    without = build(f"sqlite:///{tmp_path}/without.sqlite", config={**CONFIG, "OAUTH2_ENABLE_ADMIN": False})
    assert Browser(without).visit("/admin/oauth2/").status_code == 404
    close(without)
    moved = build(f"sqlite:///{tmp_path}/moved.sqlite", config={**CONFIG, "OAUTH2_ADMIN_URL_PREFIX": "/house"})
    moved.oauth2.admin_required(lambda _user: True)
    assert moved.browser("ada").visit("/house/").status_code == 200
    close(moved)

"""The pages of administrators in every state that can be reached by HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from flask_oauth2server import clock
from flask_oauth2server.storage.daily_counts import ALL, Counted

from ...support import Provider, picture
from ..pages import later, parse, personal_token, press

HOUSE = "/admin/oauth2/"
READER = f"{HOUSE}clients/reader/"

Page = tuple[str, Any]


def administration(provider: Provider) -> Iterator[Page]:
    """What each state is called, and its page. Without a client there is one that says what to do."""
    provider.oauth2.admin_required(lambda user: user.name == "ada")
    yield "no administrator", provider.browser("bob").visit(HOUSE)
    _filled(provider)
    yield from _looked_at(provider)
    yield from _access(provider)
    yield from _keys(provider)
    yield from _tried(provider)
    yield from _done(provider)
    with provider.app.app_context():
        for client in provider.oauth2.list_clients(limit=1000):
            provider.oauth2.delete_client(client)
    yield "overview, fresh", provider.browser("ada").visit(HOUSE)
    provider.oauth2.hooks.pop("admin_required")


def _filled(provider: Provider) -> None:
    """Clients of several kinds, what people have allowed, what was refused."""
    with provider.app.app_context():
        owner = provider.user("bob")
        reader = provider.client(client_id="reader", name="First", verified=False, owner=owner, logo=picture())
        provider.client(client_id="phone", name="Native1", token_endpoint_auth_method="none", first_party=True)
        provider.client(client_id="robot", name="Bare", redirect_uris=[], grant_types=["client_credentials"])
        provider.oauth2.disable_client(provider.oauth2.get_client("phone"))
        pk, now, storage = provider.oauth2.get_client("reader").id, clock.now(), _storage(provider)
        for number, cause in enumerate(("code_used", "code_used", "code_used", "secret_wrong")):
            values = {"error": "invalid_grant", "status": 400, "endpoint": "oauth2server.access_token", "facts": {}}
            values |= {"reference": f"F-000{number}-TEST", "client_pk": pk, "client_id": "reader"}
            provider.db.session.add(provider.oauth2.models.Failure(cause=cause, created_at=now, **values))
        provider.oauth2.rotate_secret(provider.oauth2.get_client("reader"), old_expire_in=86400 * 3)
        provider.db.session.commit()
        counts = {Counted(now.date(), name, ALL): 7 for name in ("issued", "granted", "refused")}
        counts |= {
            Counted(now.date() - timedelta(days=1), "issued", pk): 9,
            Counted(now.date(), "refused:code_used", pk): 4,
        }
        storage.unit.run(lambda: storage.daily_counts.add(counts))
    for person in ("ada", "bob"):
        reader.tokens(provider.browser(person))
    personal_token(provider.browser("bob"))


def _storage(provider: Provider) -> Any:
    return provider.app.extensions["oauth2server"].storage


def _looked_at(provider: Provider) -> Iterator[Page]:
    ada = provider.browser("ada")
    for path in ("", "clients/", "clients/?q=zz&type=public&check=checked&state=enabled", "clients/new/"):
        yield f"admin, {path}", ada.visit(f"{HOUSE}{path}")
    for path in ("reader/", "reader/edit/", "phone/", "robot/"):
        yield f"admin, client {path}", ada.visit(f"{HOUSE}clients/{path}")
    for path in ("tokens/", "authorizations/", "scopes/", "failures/", "failures/F-0000-TEST/", "audit/"):
        yield f"admin, {path}", ada.visit(f"{HOUSE}{path}")
    with later(days=40):
        yield "admin, client, forty days later", provider.browser("ada").visit(READER)


def _access(provider: Provider) -> Iterator[Page]:
    """What is found, what is asked before something ends, and one failure with all that can be told of it."""
    ada = provider.browser("ada")
    facts = {"sent": "https://client.example/cb/", "expected": ["https://client.example/cb"], "method": "GET"}
    facts |= {"detail": "the redirect URI is not registered", "parameters": [["redirect_uri", facts["sent"]]]}
    with provider.app.app_context():
        values = {"error": "invalid_request", "status": 400, "endpoint": "oauth2server.authorize", "facts": facts}
        values |= {"client_id": "reader", "reference": "F-FULL-TEST", "cause": "redirect_uri_not_registered"}
        pk = provider.oauth2.get_client("reader").id
        provider.db.session.add(provider.oauth2.models.Failure(client_pk=pk, created_at=clock.now(), **values))
        provider.db.session.commit()
    for path in ("failures/F-FULL-TEST/", "failures/?q=F-NONE-TEST", "scopes/?scope=email", "audit/?person=zoe"):
        yield f"admin, {path}", ada.visit(f"{HOUSE}{path}")
    tokens = ada.visit(f"{HOUSE}tokens/?user=bob")
    yield "admin, a token is found", press(ada, tokens, "Find", value=personal_token(ada, "desk"))
    yield "admin, no token is found", press(ada, tokens, "Find", value="o2a_cut")
    chosen = [box.attributes["value"] for box in parse(tokens).all("input", type="checkbox")]
    yield "admin, tokens are to be ended", press(ada, tokens, "Revoke chosen…", token=chosen)
    yield "admin, everything is to be ended", press(ada, tokens, "Revoke everything of bob…")


def _keys(provider: Provider) -> Iterator[Page]:
    """None yet, one of each kind, and keys that cannot be read; each act, and each in vain."""
    ada, address = provider.browser("ada"), f"{HOUSE}keys/"
    page = ada.visit(address)
    yield "admin, no key", page
    for button in ("Make a key now", "Publish it first", "Rotate now", "Rotate now", "Publish it first"):
        page = ada.visit(press(ada, page, button).headers["Location"])
        yield f"admin, keys, {button}", page
    press(ada, page, "Rotate now")
    yield "admin, keys, too late", ada.visit(press(ada, page, "Rotate now").headers["Location"])
    with provider.app.app_context():
        keys = provider.app.extensions["oauth2server"].keys
        keys.rotate("RS256")
        kids = [key.kid for key in keys.overview()]
    for number, kid in enumerate(kids[1:]):
        asked = ada.visit(f"{address}{kid}/withdraw/")
        yield f"admin, keys, withdraw {number}", asked
        for _ in range(2):
            yield f"admin, keys, withdrawn {number}", ada.visit(press(ada, asked, "Withdraw").headers["Location"])
    secret, provider.app.config["SECRET_KEY"] = provider.app.config["SECRET_KEY"], "of another time"
    yield "admin, keys that cannot be read", provider.browser("ada").visit(address)
    provider.app.config["SECRET_KEY"] = secret
    with later(days=40):
        yield "admin, keys, forty days later", provider.browser("ada").visit(address)


def _tried(provider: Provider) -> Iterator[Page]:
    ada = provider.browser("ada")
    page = ada.visit(f"{READER}try/")
    yield "admin, try it", page
    yield "admin, it works", press(ada, page, "Start")
    yield "admin, the request is good", press(ada, page, "Only check the request")
    yield "admin, it fails", press(ada, page, "Start", redirect_uri="https://client.example/cb/")
    page = ada.visit(f"{HOUSE}clients/robot/try/")
    yield "admin, a service works", press(ada, page, "Start")
    yield "admin, a disabled client fails", press(ada, ada.visit(f"{HOUSE}clients/phone/try/"), "Start")


def _done(provider: Provider) -> Iterator[Page]:
    ada = provider.browser("ada")
    page = ada.visit(READER)
    yield "admin, delete refused", press(ada, page, "Delete client", confirm_name="x")
    yield "admin, new secret", press(ada, page, "New secret")
    yield "admin, the same again", press(ada, page, "New secret")
    stale = {"csrf_token": "x"}
    for button, changes in (
        ("Mark as checked", {}),
        ("Take the check back", {}),
        ("Mark as checked", {"seen": "x"}),
        ("Disable", {}),
        ("Enable", {}),
        ("Disable", stale),
        ("End all authorizations", {}),
    ):
        answer = press(ada, page, button, **changes)
        page = ada.visit(answer.headers["Location"].partition("#")[0])
        yield f"admin, {button} {changes}", page
    revoke = [form for form in parse(page).all("form") if "/revoke/" in form.attributes.get("action", "")]
    answer = press(ada, page, "Revoke secret", at=revoke[0].attributes["action"])
    yield "admin, secret revoked", ada.visit(answer.headers["Location"])
    answer = press(ada, page, "Delete client", confirm_name="First")
    yield "admin, deleted", ada.visit(answer.headers["Location"])

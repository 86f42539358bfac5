"""When a session ends, the clients of that session learn of it, and nobody else does."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from flask import Flask, request
from sqlalchemy import select, update

from flask_oauth2server import clock, jose

from ..openid import read, signed_in
from ..serving import listening
from ..support import ISSUER, Browser, Client, Provider, answer_of
from ..ui.pages import later, words
from .test_reauthentication import walk

Make = Callable[..., Provider]
EVENT = "http://schemas.openid.net/event/backchannel-logout"


class Told:
    """A client's server: what it was told, and what it answers."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.status = 200
        app = Flask("client")

        @app.post("/logout")
        def logout() -> Any:
            self.tokens.append(request.form["logout_token"])
            return "", self.status

        self.app = app
        self.url = ""


@contextmanager
def telling() -> Iterator[Told]:
    """A client's server while the block lasts."""
    found = Told()
    with listening(found.app) as port:
        found.url = f"http://127.0.0.1:{port}/logout"
        yield found


@pytest.fixture
def told() -> Iterator[Told]:
    with telling() as found:
        yield found


@pytest.fixture
def op(make: Make) -> Provider:
    return make(config={"OAUTH2_FETCH_PRIVATE_HOSTS": ["127.0.0.1"]})


@pytest.fixture
def reader(op: Provider, told: Told) -> Client:
    return op.client(scopes=["openid", "email"], backchannel_logout_uri=told.url)


@pytest.fixture
def ada(op: Provider) -> Browser:
    return op.browser("ada")


def sign_out(browser: Browser) -> None:
    browser.http.post("/logout").close()  # the host's own, which knows nothing of us


def verified(op: Provider, token: str) -> dict[str, Any]:
    keys = [jose.imported(key) for key in op.api().get("/oauth/jwks").json["keys"]]
    return jose.verified(token, keys, typ="logout+jwt")


def outbox(op: Provider) -> list[Any]:
    with op.app.app_context():
        return list(op.db.session.execute(select(op.oauth2.models.LogoutDelivery.__table__)))


# --- by the back channel -----------------------------------------------------------------------------


def test_a_client_is_told_when_the_host_signs_somebody_out(
    op: Provider, reader: Client, ada: Browser, told: Told
) -> None:
    id_token = read(op, signed_in(reader, ada)["id_token"])
    sign_out(ada)
    (token,) = told.tokens
    claims = verified(op, token)
    assert {name: claims[name] for name in ("iss", "sub", "aud", "sid", "events")} == {
        "iss": ISSUER,
        "sub": "1",
        "aud": reader.client_id,
        "sid": id_token["sid"],
        "events": {EVENT: {}},
    }
    assert claims["jti"] and claims["exp"] - claims["iat"] == 120 and "nonce" not in claims
    assert outbox(op) == []


def test_a_logout_token_is_no_id_token(op: Provider, reader: Client, ada: Browser, told: Told) -> None:
    signed_in(reader, ada)
    sign_out(ada)
    ada.sign_in("ada")
    answer = answer_of(ada.visit(reader.address(scope="openid", prompt="none", id_token_hint=told.tokens[0])))
    assert answer["error"] == "invalid_request"


def test_by_our_own_pages_too(op: Provider, reader: Client, ada: Browser, told: Told) -> None:
    hint = signed_in(reader, ada)["id_token"]
    ada.visit("/oauth/logout?" + urlencode({"id_token_hint": hint})).close()
    assert len(told.tokens) == 1


def test_each_client_of_the_session_once_and_no_other(op: Provider, reader: Client, ada: Browser, told: Told) -> None:
    second = op.client(name="Second", scopes=["openid"], backchannel_logout_uri=told.url)
    op.client(name="Never used", scopes=["openid"], backchannel_logout_uri=told.url)
    for client in (reader, reader, second):
        signed_in(client, ada)
    bob, elsewhere = op.browser("bob"), op.browser("ada")
    for browser in (bob, elsewhere):
        signed_in(reader, browser)
    sign_out(ada)
    assert sorted(verified(op, token)["aud"] for token in told.tokens) == sorted([reader.client_id, second.client_id])


def test_signing_in_again_is_no_end(op: Provider, reader: Client, ada: Browser, told: Told) -> None:
    """``prompt=login`` signs out, where the host has no other way; the same person comes back. What the session was
    called before ends with it."""
    before = read(op, signed_in(reader, ada)["id_token"])["sid"]
    response, times = walk(ada, reader.address(scope="openid", prompt="login"))
    after = read(op, reader.exchange(answer_of(response)["code"]).json["id_token"])["sid"]
    assert (times, told.tokens) == (1, [])
    sign_out(ada)
    assert sorted(verified(op, token)["sid"] for token in told.tokens) == sorted([before, after])
    assert before != after


def test_an_id_that_is_forgotten_ends(op: Provider, reader: Client, ada: Browser, told: Told) -> None:
    """A session remembers some of its ids; the first of more logins could not be told of the end any more."""
    given = [signed_in(reader, ada)]
    for _ in range(6):
        ada.http.post("/login", data={"name": "ada"}).close()
        given.append(signed_in(reader, ada))
    first, *others = [read(op, tokens["id_token"])["sid"] for tokens in given]
    assert [verified(op, token)["sid"] for token in told.tokens] == [first]
    assert [reader.refresh(tokens["refresh_token"]).status_code for tokens in given[:2]] == [400, 200]
    sign_out(ada)
    assert sorted(verified(op, token)["sid"] for token in told.tokens[1:]) == sorted(others)


def test_somebody_else_at_the_browser_is_an_end(op: Provider, reader: Client, ada: Browser, told: Told) -> None:
    before = read(op, signed_in(reader, ada)["id_token"])["sid"]
    ada.http.post("/login", data={"name": "bob"}).close()
    assert [verified(op, token)["sid"] for token in told.tokens] == [before]
    assert read(op, signed_in(reader, ada)["id_token"])["sid"] != before


def test_pairwise_clients_are_told_their_own_name(op: Provider, ada: Browser, told: Told) -> None:
    client = op.client(scopes=["openid"], backchannel_logout_uri=told.url, subject_type="pairwise")
    sub = read(op, signed_in(client, ada)["id_token"])["sub"]
    sign_out(ada)
    assert verified(op, told.tokens[0])["sub"] == sub != "1"


def test_it_is_tried_again_and_again_and_then_given_up(
    op: Provider, reader: Client, ada: Browser, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    signed_in(reader, ada)
    told.status = 503
    sign_out(ada)
    (row,) = outbox(op)
    assert (row.tries, row.last_error) == (1, "it answered 503")
    runner = op.app.test_cli_runner()
    assert "Delivered 0; 0 could not be" in runner.invoke(args=["oauth2", "deliver"]).output  # not yet
    hours = 0.0
    for _ in range(7):
        hours += 13
        with later(hours=hours):
            assert "Delivered 0; 1 could not be" in runner.invoke(args=["oauth2", "deliver"]).output
    (row,) = outbox(op)
    assert (row.tries, row.failed_at is not None) == (8, True)
    assert f"{reader.client_id} could not be told" in caplog.text
    jtis = {verified(op, token)["jti"] for token in told.tokens}
    assert (len(told.tokens), len(jtis)) == (8, 1)
    with later(hours=hours + 8 * 24), op.app.app_context():
        assert op.app.extensions["oauth2server"].storage.logout_deliveries.purge(10) == 1
        op.db.session.commit()


def test_it_arrives_later(op: Provider, reader: Client, ada: Browser, told: Told) -> None:
    signed_in(reader, ada)
    told.status = 500
    sign_out(ada)
    told.status = 204
    with later(seconds=31):
        assert "Delivered 1; 0 could not be" in op.app.test_cli_runner().invoke(args=["oauth2", "deliver"]).output
    assert outbox(op) == []


@pytest.mark.parametrize("status", [400, 404, 302])
def test_a_no_is_a_no(op: Provider, reader: Client, ada: Browser, told: Told, status: int) -> None:
    signed_in(reader, ada)
    told.status = status
    sign_out(ada)
    (row,) = outbox(op)
    assert row.failed_at is not None


def test_a_client_that_is_gone_or_disabled_is_not_told(op: Provider, reader: Client, ada: Browser, told: Told) -> None:
    signed_in(reader, ada)
    told.status = 500
    sign_out(ada)
    with op.app.app_context():
        op.oauth2.disable_client(op.oauth2.get_client(reader.client_id))
    with later(seconds=31):
        op.app.test_cli_runner().invoke(args=["oauth2", "deliver"])
    assert (len(told.tokens), outbox(op)) == (1, [])


def test_whoever_signs_out_is_signed_out_whatever_becomes_of_the_message(
    op: Provider, reader: Client, ada: Browser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from sqlalchemy.exc import OperationalError

    signed_in(reader, ada)
    server = op.app.extensions["oauth2server"]

    def gone(*_: Any) -> Any:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(server.storage.logout_deliveries, "clients_of", gone)
    response = ada.http.post("/logout")
    assert response.status_code == 200
    response.close()
    assert "could not tell clients of a sign-out" in caplog.text


def test_two_that_deliver_share_the_work(any_provider: Provider) -> None:
    """On each database: what one has claimed is not claimed by another one."""
    op = any_provider
    client = op.client(scopes=["openid"], backchannel_logout_uri="https://client.example/logout")
    with op.app.app_context():
        server = op.app.extensions["oauth2server"]
        pk = server.storage.clients.info(client.client_id).pk
        for number in range(3):
            row = {"client_pk": pk, "sid": "s", "sub": "1", "issuer": ISSUER, "jti": str(number), "tries": 0}
            server.storage.logout_deliveries.add(next_at=clock.now(), created_at=clock.now(), **row)
        op.db.session.commit()
        first = server.storage.unit.run(lambda: server.storage.logout_deliveries.claim(2))
        second = server.storage.unit.run(lambda: server.storage.logout_deliveries.claim(2))
        third = server.storage.unit.run(lambda: server.storage.logout_deliveries.claim(2))
        assert [row.jti for row in (*first, *second)] == ["0", "1", "2"]
        assert (third, first[0].client_id) == ([], client.client_id)
        table = op.oauth2.models.LogoutDelivery.__table__
        op.db.session.execute(update(table).values(next_at=clock.now()))
        op.db.session.commit()


@pytest.mark.parametrize(
    "uri",
    [
        "http://client.example/l",
        "https://client.example/#l",
        "https://u:p@client.example/",
        "javascript:x",
        "",
        7,
        "https:",
    ],
)
def test_addresses_are_judged_when_they_are_registered(op: Provider, uri: Any) -> None:
    with pytest.raises(ValueError, match="backchannel_logout_uri: must"):
        op.client(backchannel_logout_uri=uri)


def test_signing_out_does_not_need_an_issuer(make: Make) -> None:
    provider = make(config={"OAUTH2_ISSUER": None})
    ada = provider.browser("ada")
    assert ada.http.post("/logout").status_code == 200
    ada.sign_in("ada")
    done = ada.http.post("/oauth/sign-out/", data={"csrf_token": _token(ada.visit("/oauth/sign-out/"))})
    assert (done.status_code, "You are signed out" in done.text) == (200, True)


# --- by frames -----------------------------------------------------------------------------------------

FRONT = "https://client.example/front?a=b"
AFTER = "https://client.example/bye"


@pytest.fixture
def framed(op: Provider) -> Client:
    values = {"frontchannel_logout_uri": FRONT, "post_logout_redirect_uris": [AFTER]}
    return op.client(name="Framed", scopes=["openid"], **values)


def frames(page: Any) -> list[str]:
    return [html.unescape(found) for found in re.findall(r'<iframe src="([^"]*)"', page.text)]


def test_a_frame_tells_issuer_and_session(op: Provider, framed: Client, ada: Browser) -> None:
    tokens = signed_in(framed, ada)
    sent = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": AFTER, "state": "s"}
    page = ada.visit("/oauth/logout?" + urlencode(sent))
    (address,) = frames(page)
    assert address.startswith(f"{FRONT}&")
    told = parse_qs(address.partition("?")[2])
    assert (told["iss"], told["sid"], told["a"]) == ([ISSUER], [read(op, tokens["id_token"])["sid"]], ["b"])
    assert f'href="{AFTER}?state=s" data-o2-onward' in page.text
    assert "frame-src https://client.example;" in page.headers["Content-Security-Policy"]


def test_frames_of_this_session_alone(op: Provider, framed: Client, ada: Browser) -> None:
    signed_in(framed, op.browser("ada"))
    page = ada.visit("/oauth/sign-out/")
    done = ada.http.post("/oauth/sign-out/", data={"csrf_token": _token(page)})
    assert frames(done) == []
    assert "frame-src" not in done.headers["Content-Security-Policy"]


def test_our_own_page_to_sign_out_has_them(op: Provider, framed: Client, ada: Browser) -> None:
    signed_in(framed, ada)
    page = ada.visit("/oauth/sign-out/?next=/somewhere")
    done = ada.http.post("/oauth/sign-out/", data={"csrf_token": _token(page), "next": "/somewhere"})
    assert (done.status_code, len(frames(done))) == (200, 1)


def _token(page: Any) -> str:
    from ..support import hidden_fields

    return hidden_fields(page)["csrf_token"]


# --- what people see -----------------------------------------------------------------------------------


def test_people_see_who_is_told_and_who_is_not(op: Provider, framed: Client, ada: Browser) -> None:
    back = op.client(name="A & B", scopes=["openid"], backchannel_logout_uri="https://client.example/logout")
    deaf, stranger = op.client(name="Deaf", scopes=["openid"]), op.client(name="Stranger", scopes=["email"])
    for client in (framed, framed, back, deaf):
        signed_in(client, ada)
    stranger.tokens(ada, scope="email")
    op.client(name="Elsewhere", scopes=["openid"], frontchannel_logout_uri=FRONT).tokens(
        op.browser("ada"), scope="openid"
    )

    page = ada.visit("/oauth/sign-out/")
    asked = words(page)
    assert re.search(r"2 apps you opened in this browser will be told: (A & B and Framed|Framed and A & B)\.", asked)
    assert "Deaf cannot be told. Sign out there as well. Apps on your other devices stay connected." in asked
    assert "Stranger" not in asked and "Elsewhere" not in asked and frames(page) == []

    done = ada.http.post("/oauth/sign-out/", data={"csrf_token": _token(page)})
    assert re.search(r"(A & B and Framed|Framed and A & B) are being told\. On a shared computer, close", words(done))
    assert "Deaf cannot be told." in words(done)
    assert "told" not in words(ada.visit("/oauth/sign-out/"))  # nobody is signed in any more


def test_a_client_that_asks_does_not_count_itself(op: Provider, framed: Client, ada: Browser) -> None:
    other = op.client(name="Other", scopes=["openid"], frontchannel_logout_uri=FRONT)
    hint = signed_in(framed, op.browser("bob"))["id_token"]  # somebody else's: the person at the browser is asked
    for client in (framed, other):
        signed_in(client, ada)
    asked = words(ada.visit(f"/oauth/logout?id_token_hint={hint}"))
    assert "Framed has signed you out and asks" in asked
    assert "One more app you opened in this browser will be told: Other." in asked


def test_many_names_are_cut_short(op: Provider, ada: Browser) -> None:
    for number in range(7):
        signed_in(op.client(name=f"App {number}", scopes=["openid"], frontchannel_logout_uri=FRONT), ada)
    asked = words(ada.visit("/oauth/sign-out/"))
    assert re.search(r"7 apps you opened in this browser will be told: (App \d, ){3}App \d and 3 more\.", asked)


@pytest.mark.parametrize(
    "uri", ["https://other.example/front", "http://client.example/", "https://client.example:8/", "x"]
)
def test_a_frame_is_of_the_origin_of_a_redirect_uri(op: Provider, uri: str) -> None:
    with pytest.raises(ValueError, match="frontchannel_logout_uri: must"):
        op.client(frontchannel_logout_uri=uri)


def test_discovery_tells_of_it(op: Provider) -> None:
    told = op.api().get("/.well-known/openid-configuration").json
    for kind in ("backchannel", "frontchannel"):
        assert told[f"{kind}_logout_supported"] is True
        assert told[f"{kind}_logout_session_supported"] is True
    assert told["end_session_endpoint"] == f"{ISSUER}/oauth/logout"

"""The outbox of logout tokens: who waits for whom."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from flask_oauth2server import jose
from flask_oauth2server.fetch import Unfetchable

from ..openid import signed_in
from ..support import Browser, Client, Provider
from ..ui.pages import later
from .test_logout import Told, outbox, sign_out, telling

Make = Callable[..., Provider]


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


def test_nobody_waits_for_what_others_have_left(op: Provider, reader: Client, ada: Browser, told: Told) -> None:
    """Who signs out tells the clients of their own session; what waits already is the command's."""
    silent = op.client(name="Silent", scopes=["openid"], backchannel_logout_uri="http://127.0.0.1:1/")
    bob = op.browser("bob")
    signed_in(silent, bob)
    sign_out(bob)
    signed_in(reader, ada)
    with later(seconds=31):  # it is due again, and was before
        sign_out(ada)
    assert len(told.tokens) == 1
    (row,) = outbox(op)
    assert row.tries == 1


def test_one_that_is_silent_is_asked_once_in_a_round(op: Provider, reader: Client, ada: Browser, told: Told) -> None:
    """Thousands for one client that hangs would keep all others waiting."""
    signed_in(reader, ada)
    told.status = 503
    sign_out(ada)
    for _ in range(11):
        ada.sign_in("ada")
        signed_in(reader, ada)
        sign_out(ada)
    told.tokens.clear()
    with later(seconds=31):
        output = op.app.test_cli_runner().invoke(args=["oauth2", "deliver"]).output
    assert ("Delivered 0; 12 could not be" in output, len(told.tokens)) == (True, 1)
    assert {row.tries for row in outbox(op)} == {2}


def test_what_a_client_answers_stops_nobody(any_provider: Provider) -> None:
    """It may say what no database keeps; that is noted as far as it can be, and the next one has its turn."""
    op = any_provider
    server = op.app.extensions["oauth2server"]
    client, ada = (
        op.client(scopes=["openid"], backchannel_logout_uri="https://client.example/logout"),
        op.browser("ada"),
    )
    asked: list[str] = []

    class Odd:
        def post(self, url: str, form: object, **_: object) -> object:
            asked.append(url)
            raise Unfetchable("client.example did not answer: \0\udc80" + "é" * 300)

    server.logouts._fetcher = Odd()
    signed_in(client, ada)
    sign_out(ada)
    (row,) = outbox(op)
    assert (row.tries, len(asked)) == (1, 1)
    assert row.last_error.startswith("client.example did not answer: ")


def test_a_token_that_cannot_be_signed_stops_nobody(make: Make, told: Told) -> None:
    """One client wants an algorithm for which there is no key any more."""
    keys = json.dumps({"keys": [jose.made("RS256")]})
    op = make(config={"OAUTH2_FETCH_PRIVATE_HOSTS": ["127.0.0.1"], "OAUTH2_SIGNING_KEYS": keys})
    ada, values = op.browser("ada"), {"scopes": ["openid"], "backchannel_logout_uri": told.url}
    other = op.client(client_id="a", **values)
    with op.app.app_context():
        model = op.oauth2.get_client("a")
        model.client_metadata = {**model.client_metadata, "id_token_signed_response_alg": "ES256"}
        op.db.session.commit()
    assert other.exchange(other.code(ada, scope="openid")).status_code == 503
    signed_in(op.client(client_id="b", **values), ada)
    sign_out(ada)
    (row,) = outbox(op)
    assert (len(told.tokens), row.tries) == (1, 1)
    assert "no private key for ES256" in row.last_error

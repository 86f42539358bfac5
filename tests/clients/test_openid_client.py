"""openid-client, the library of Node, against a real HTTP server: what it takes, and what it refuses."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from html import unescape
from re import findall
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from werkzeug.serving import make_server

from ..conftest import close
from ..flows.test_client_libraries import Person
from ..support import Provider, build, hidden_fields
from .node import Library, RefusalError

CALLBACK = "http://127.0.0.1:9/cb"
BYE = "http://127.0.0.1:9/bye"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Provider, str]]:
    """A provider at a loopback address, which offers hybrid answers, too."""
    folder = tmp_path_factory.mktemp("served")
    server = make_server("127.0.0.1", 0, lambda environ, start: provider.app(environ, start), threaded=True)
    base = f"http://127.0.0.1:{server.server_port}"
    config = {"OAUTH2_ISSUER": base, "OAUTH2_ENABLE_HYBRID": True}
    provider = build(f"sqlite:///{folder}/x.sqlite", config=config)
    provider.oauth2.user_claims("name")(lambda user: {"name": user.name})
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield provider, base
    server.shutdown()
    thread.join()
    server.server_close()
    close(provider)


@pytest.fixture
def person(served: tuple[Provider, str]) -> Iterator[Person]:
    person = Person(served[1])
    yield person
    person.http.close()


class App:
    """A client application that leaves everything to the library."""

    def __init__(self, served: tuple[Provider, str], library: Library, *switches: str, **registered: Any) -> None:
        provider, base = served
        values = {"redirect_uris": [CALLBACK], "scopes": ["openid", "profile"], **registered}
        with provider.app.app_context():
            client, self.secret = provider.oauth2.create_client(name="Library", **values)
            self.client_id = client.client_id
        self._library = library
        algorithms = ("id_token_signed_response_alg", "userinfo_signed_response_alg")
        expected = {name: registered[name] for name in algorithms if name in registered}
        # By default it believes an ID token that comes from the token endpoint without looking at the signature.
        every = ("enableNonRepudiationChecks", *switches)
        self.ask(
            "discover", issuer=base, clientId=self.client_id, metadata=expected, secret=self.secret, switches=every
        )

    def ask(self, operation: str, **parameters: Any) -> Any:
        """What the library answers."""
        return self._library.ask(operation, self.client_id, **parameters)

    def begin(self, **parameters: str) -> tuple[str, dict[str, str]]:
        """Where the person is sent, and what the library remembers meanwhile."""
        asked = {"redirect_uri": CALLBACK, "scope": "openid profile", **parameters}
        told = self.ask("begin", parameters=asked)
        return told["address"], told["checks"]

    def signed_in(self, person: Person, **parameters: str) -> dict[str, Any]:
        """The tokens, and the claims of the ID token."""
        address, checks = self.begin(**parameters)
        return dict(self.ask("finish", url=person.allow(address), checks=checks))


def refused(app: App, operation: str, **parameters: Any) -> str:
    """Why the library refuses: a claim, or a code."""
    with pytest.raises(RefusalError) as found:
        app.ask(operation, **parameters)
    return found.value.code


@pytest.mark.parametrize("method", ["client_secret_basic", "none"])
def test_people_sign_in_and_out(served: tuple[Provider, str], library: Library, person: Person, method: str) -> None:
    _, base = served
    app = App(served, library, token_endpoint_auth_method=method, post_logout_redirect_uris=[BYE])
    first = app.signed_in(person)
    claims = first["claims"]
    assert (claims["sub"], claims["iss"], claims["aud"]) == ("1", base, app.client_id)
    told = app.ask("userinfo", token=first["access_token"], sub="1")
    assert told == {"sub": "1", "name": "ada"}

    second = app.ask("refresh", token=first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert second["id_token"] != first["id_token"]
    assert {second["claims"][name] == claims[name] for name in ("sub", "iss", "aud", "auth_time", "sid")} == {True}
    if method != "none":
        assert app.ask("introspect", token=second["access_token"])["active"] is True

    address = app.ask("goodbye", id_token_hint=second["id_token"], post_logout_redirect_uri=BYE, state="s")
    assert person.http.get(address, allow_redirects=False).headers["Location"] == f"{BYE}?state=s"
    sent_to = person.http.get(app.begin()[0], allow_redirects=False).headers["Location"]
    assert urlsplit(sent_to).path == "/login", "they are signed out"
    app.ask("revoke", token=second["refresh_token"])
    assert refused(app, "refresh", token=second["refresh_token"]) == "invalid_grant"


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # the name, which is the one that clients know
@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA"])
def test_every_algorithm(served: tuple[Provider, str], library: Library, person: Person, alg: str) -> None:
    """The library checks the signature of ID token and userinfo against the published keys."""
    asked = {"id_token_signed_response_alg": alg, "userinfo_signed_response_alg": alg}
    app = App(served, library, **asked)
    tokens = app.signed_in(person)
    assert header_of(tokens["id_token"])["alg"] == alg
    told = app.ask("userinfo", token=tokens["access_token"], sub="1")
    assert (told["name"], told["aud"]) == ("ada", app.client_id)
    assert app.ask("refresh", token=tokens["refresh_token"])["claims"]["sub"] == "1"


def header_of(jwt: str) -> dict[str, Any]:
    part = jwt.partition(".")[0]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


# --- what the library refuses: our answers are such that it can ----------------------------------


def test_an_answer_to_another_request(served: tuple[Provider, str], library: Library, person: Person) -> None:
    app = App(served, library)
    address, checks = app.begin()
    other_address, other_checks = app.begin()
    answer, other = person.allow(address), person.allow(other_address)
    assert refused(app, "finish", url=other, checks=checks) == "OAUTH_INVALID_RESPONSE", "the state differs"
    mixed = {**checks, "expectedNonce": other_checks["expectedNonce"]}
    assert refused(app, "finish", url=answer, checks=mixed) == "nonce"


def test_an_answer_of_another_issuer_or_of_none(served: tuple[Provider, str], library: Library, person: Person) -> None:
    """The discovery document promises ``iss`` in every answer (RFC 9207), and the library takes us at our word."""
    app = App(served, library)
    address, checks = app.begin()
    answer = person.allow(address)
    query = dict(parse_qsl(urlsplit(answer).query))
    for changed in ("", f"&iss={query['iss']}x"):
        wrong = f"{CALLBACK}?code={query['code']}&state={query['state']}{changed}"
        assert refused(app, "finish", url=wrong, checks=checks) == "OAUTH_INVALID_RESPONSE"
    assert app.ask("finish", url=answer, checks=checks)["claims"]["sub"] == "1", "nothing of it has used the code up"


def test_an_id_token_of_somebody_else(served: tuple[Provider, str], library: Library, person: Person) -> None:
    app, other = App(served, library), App(served, library)
    theirs, old = other.signed_in(person)["id_token"], app.signed_in(person)["id_token"]
    head, payload, signature = old.split(".")
    forged = f"{head}.{payload}.{signature[:-6]}{signature[-6:].swapcase()}"
    seen = []
    for id_token in (theirs, old, forged):
        address, checks = app.begin()
        if id_token is forged:
            checks["expectedNonce"] = json.loads(base64.urlsafe_b64decode(payload + "=="))["nonce"]
        answer = person.allow(address)
        app.ask("put", id_token=id_token)
        seen.append(refused(app, "finish", url=answer, checks=checks))
    assert seen == ["aud", "nonce", "OAUTH_INVALID_RESPONSE"]


def test_userinfo_of_somebody_else(served: tuple[Provider, str], library: Library, person: Person) -> None:
    app = App(served, library)
    token = app.signed_in(person)["access_token"]
    assert refused(app, "userinfo", token=token, sub="2") == "sub"


def test_an_id_token_for_somebody_else_at_a_refresh(
    served: tuple[Provider, str], library: Library, person: Person
) -> None:
    app, other = App(served, library), App(served, library)
    tokens, theirs = app.signed_in(person), other.signed_in(person)["id_token"]
    app.ask("put", id_token=theirs)
    assert refused(app, "refresh", token=tokens["refresh_token"]) == "aud"


def test_a_refusal_reaches_the_library(served: tuple[Provider, str], library: Library, person: Person) -> None:
    app = App(served, library)
    address, checks = app.begin(prompt="none")
    answer = person.allow(address)  # a redirect at once: nobody may be asked
    assert refused(app, "finish", url=answer, checks=checks) == "consent_required"
    address, checks = app.begin()
    answer = person.allow(address)
    app.ask("finish", url=answer, checks=checks)
    assert refused(app, "finish", url=answer, checks=checks) == "invalid_grant", "the code a second time"


# --- other answers, and no person ----------------------------------------------------------------


def posted(person: Person, address: str) -> dict[str, str]:
    """Allow it; the fields of the form that the page sends to the client by itself."""
    page = person.http.get(address)
    page = person.http.post(address, data={**hidden_fields(page), "confirm": "yes"})
    assert page.status_code == 200
    assert [unescape(action) for action in findall(r'<form[^>]* action="([^"]+)"', page.text)] == [CALLBACK]
    return hidden_fields(page)


def test_form_post(served: tuple[Provider, str], library: Library, person: Person) -> None:
    app = App(served, library)
    address, checks = app.begin(response_mode="form_post")
    tokens = app.ask("finish", url=CALLBACK, body=posted(person, address), checks=checks)
    assert tokens["claims"]["sub"] == "1"


HYBRID = {"response_types": ["code id_token"], "grant_types": ["authorization_code", "refresh_token", "implicit"]}


def test_hybrid(served: tuple[Provider, str], library: Library, person: Person) -> None:
    """``code id_token``: the ID token beside the code is of this request, and of this code."""
    app = App(served, library, "useCodeIdTokenResponseType", **HYBRID)
    address, checks = app.begin()
    assert "response_type=code+id_token" in address
    answer = person.allow(address)
    other = dict(parse_qsl(urlsplit(person.allow(app.begin()[0])).fragment))
    sent = dict(parse_qsl(urlsplit(answer).fragment))
    sent = {name: sent[name] for name in ("code", "id_token")}
    claims = {name: refused(app, "finish", url=answer.replace(sent[name], other[name]), checks=checks) for name in sent}
    assert claims == {"code": "c_hash", "id_token": "nonce"}
    assert app.ask("finish", url=answer, checks=checks)["claims"]["sub"] == "1"


def test_hybrid_by_form_post(served: tuple[Provider, str], library: Library, person: Person) -> None:
    app = App(served, library, "useCodeIdTokenResponseType", **HYBRID)
    address, checks = app.begin(response_mode="form_post")
    fields = posted(person, address)
    assert set(fields) == {"code", "id_token", "state", "iss"}
    assert app.ask("finish", url=CALLBACK, body=fields, checks=checks)["claims"]["sub"] == "1"


def test_in_its_own_name(served: tuple[Provider, str], library: Library) -> None:
    app = App(served, library, redirect_uris=[], scopes=["email"])
    token = app.ask("machine", scope="email")
    assert set(token) >= {"access_token", "expires_in", "token_type"} and "id_token" not in token
    told = app.ask("introspect", token=token["access_token"])
    assert (told["active"], told["client_id"], told["scope"]) == (True, app.client_id, "email")

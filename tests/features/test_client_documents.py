"""What clients keep at addresses of their own: keys (``jwks_uri``) and the redirect URIs of a sector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from joserfc import jwe, jwk

from flask_oauth2server.domain import client_documents
from flask_oauth2server.errors import InvalidClientMetadata, Outdated
from flask_oauth2server.fetch import Unfetchable

from ..documents import Site, documents
from ..openid import read, signed_in
from ..support import Browser, Provider, answer_of, bearer
from ..ui.pages import later

Make = Callable[..., Provider]
OLD, NEW = (jwk.generate_key("EC", "P-256", {"use": "enc"}, auto_kid=True) for _ in range(2))
PUBLIC = {"keys": [OLD.as_dict(private=False)]}
ENCRYPTED = {"id_token_encrypted_response_alg": "ECDH-ES", "userinfo_encrypted_response_alg": "ECDH-ES"}


@pytest.fixture
def site() -> Iterator[Site]:
    with documents() as found:
        found.documents["keys"] = PUBLIC
        yield found


@pytest.fixture
def op(make: Make) -> Provider:
    return make(config={"OAUTH2_FETCH_PRIVATE_HOSTS": ["127.0.0.1"], "OAUTH2_ENABLE_IMPLICIT": True})


@pytest.fixture
def ada(op: Provider) -> Browser:
    return op.browser("ada")


# --- keys --------------------------------------------------------------------------------------------


def kid_of(token: str) -> str:
    """Of the key that opens *token*."""
    found = jwe.decrypt_compact(token, jwk.KeySet([OLD, NEW]), algorithms=["ECDH-ES", "A128CBC-HS256"])
    assert found.plaintext
    return str(found.headers()["kid"])


def test_keys_are_read_where_the_client_keeps_them(op: Provider, ada: Browser, site: Site) -> None:
    client = op.client(scopes=["openid"], jwks_uri=f"{site.url}/keys", **ENCRYPTED)
    assert site.asked == []  # whoever registers a client need not be able to reach it
    tokens = signed_in(client, ada)
    assert kid_of(tokens["id_token"]) == OLD.kid
    told = op.api().get("/oauth/userinfo", headers=bearer(tokens["access_token"]))
    assert (told.status_code, kid_of(told.text)) == (200, OLD.kid)
    assert site.asked == ["keys"]


def test_a_new_key_is_seen_after_a_minute(op: Provider, ada: Browser, site: Site) -> None:
    """oidcc-refresh-token-rp-key-rotation."""
    client = op.client(scopes=["openid"], jwks_uri=f"{site.url}/keys", **ENCRYPTED)
    refresh = signed_in(client, ada)["refresh_token"]
    site.documents["keys"] = {"keys": [NEW.as_dict(private=False)]}
    with later(seconds=client_documents.FRESH + 1):
        refreshed = client.refresh(refresh).json
        assert kid_of(refreshed["id_token"]) == NEW.kid


def test_former_keys_do_while_nobody_answers(op: Provider, ada: Browser, site: Site) -> None:
    client = op.client(scopes=["openid"], jwks_uri=f"{site.url}/keys", **ENCRYPTED)
    refresh = signed_in(client, ada)["refresh_token"]
    site.status = 503
    with later(seconds=client_documents.FRESH + 1):
        for _ in range(2):
            answer = client.refresh(refresh)
            refresh = answer.json["refresh_token"]
            assert kid_of(answer.json["id_token"]) == OLD.kid
        assert site.asked == ["keys", "keys"]  # not for each token again
        with later(seconds=client_documents.STALE):
            answer = client.refresh(refresh)
            assert (answer.status_code, answer.json["error"]) == (503, "temporarily_unavailable")


@pytest.mark.parametrize(
    "document",
    ["nonsense", "[" * 20_000, [], {"keys": []}, {"keys": [OLD.as_dict(private=True)]}, {"keys": [{"kty": "oct"}]}],
)
def test_without_keys_nothing_is_told_and_nothing_used_up(
    op: Provider, ada: Browser, site: Site, document: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "flask_oauth2server")
    client = op.client(scopes=["openid"], jwks_uri=f"{site.url}/keys", **ENCRYPTED)
    site.documents["keys"] = document
    code = client.code(ada, scope="openid")
    answer = client.exchange(code)
    assert (answer.status_code, answer.json["error"]) == (503, "temporarily_unavailable")
    assert answer.headers["Retry-After"]
    assert any(why in caplog.text for why in ("cannot be read", "is no JWK Set", "there is no key for ECDH-ES"))
    site.documents["keys"] = PUBLIC
    op.app.extensions["oauth2server"].client_documents._read.clear()
    op.app.extensions["oauth2server"].client_documents._missed.clear()
    assert kid_of(client.exchange(code).json["id_token"]) == OLD.kid


def test_who_does_not_answer_is_left_in_peace(op: Provider, ada: Browser, site: Site) -> None:
    client = op.client(scopes=["openid"], jwks_uri=f"{site.url}/keys", **ENCRYPTED)
    site.status = 500
    for _ in range(3):
        code = client.code(ada, scope="openid")
        assert client.exchange(code).status_code == 503
    assert site.asked == ["keys"]
    site.status = 200
    with later(seconds=client_documents.PAUSE + 1):
        assert kid_of(signed_in(client, ada)["id_token"]) == OLD.kid


def test_one_waits_for_who_did_not_answer_before(op: Provider, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are told at once: a client that hangs would else hold every thread each time."""
    documents, url = op.app.extensions["oauth2server"].client_documents, f"{site.url}/keys"
    waited: list[str] = []

    def ask(address: str) -> Any:
        waited.append(address)
        if len(waited) == 2:  # while this one waits
            with pytest.raises(Unfetchable, match="silence"):
                documents.read(url)
        raise Unfetchable("silence")

    monkeypatch.setattr(documents, "ask", ask)
    with pytest.raises(Unfetchable):
        documents.read(url)
    with later(seconds=client_documents.PAUSE + 1), pytest.raises(Unfetchable):
        documents.read(url)
    assert waited == [url] * 2


def test_userinfo_holds_no_connection_while_keys_are_asked_for(
    op: Provider, ada: Browser, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = op.client(scopes=["openid"], jwks_uri=f"{site.url}/keys", **ENCRYPTED)
    token = signed_in(client, ada)["access_token"]
    documents, held = op.app.extensions["oauth2server"].client_documents, []
    with op.app.app_context():
        pool = op.db.engine.pool
    ask = documents.ask
    monkeypatch.setattr(documents, "ask", lambda url: (held.append(pool.checkedout()), ask(url))[1])
    with later(seconds=client_documents.FRESH + 1):
        assert kid_of(op.api().get("/oauth/userinfo", headers=bearer(token)).text) == OLD.kid
    assert held == [0]


def test_those_who_never_answer_are_forgotten_in_time(
    op: Provider, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_documents, "_MOST", 3)
    site.status = 500
    documents = op.app.extensions["oauth2server"].client_documents
    for number in range(5):
        with pytest.raises(Unfetchable):
            documents.read(f"{site.url}/keys?{number}")
    assert len(documents._missed) == 3


def test_nobody_is_asked_where_nothing_is_encrypted(op: Provider, ada: Browser, site: Site) -> None:
    client = op.client(scopes=["openid"], jwks_uri=f"{site.url}/keys")
    assert read(op, signed_in(client, ada)["id_token"])["sub"] == "1"
    assert site.asked == []


def test_by_the_browser_too(op: Provider, ada: Browser, site: Site) -> None:
    client = op.client(
        scopes=["openid"],
        response_types=["id_token"],
        grant_types=["implicit"],
        jwks_uri=f"{site.url}/keys",
        **ENCRYPTED,
    )
    asked = {"scope": "openid", "response_type": "id_token", "nonce": "n"}
    site.status = 500
    assert answer_of(ada.visit(client.address(**asked)))["error"] == "temporarily_unavailable"
    site.status = 200
    with later(seconds=client_documents.PAUSE + 1):
        assert kid_of(answer_of(ada.allow(client.address(**asked)))["id_token"]) == OLD.kid


def test_a_client_of_another_machine_is_never_asked_for_private_ones(make: Make, site: Site) -> None:
    op = make()
    address = site.url.replace("http:", "https:")
    client = op.client(scopes=["openid"], jwks_uri=f"{address}/keys", **ENCRYPTED)
    code = client.code(op.browser("ada"), scope="openid")
    assert client.exchange(code).status_code == 503
    assert site.asked == []


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"jwks_uri": "http://client.example/keys"}, "jwks_uri: must begin with https://"),
        ({"jwks_uri": "https://client.example/keys#a"}, "without a fragment"),
        ({"jwks_uri": "file:///etc/passwd"}, "must be a web address"),
        ({"jwks_uri": 1}, "must be a web address"),
        (
            {"jwks_uri": "https://client.example/keys", "jwks": {"keys": [OLD.as_dict(private=False)]}},
            "does not go with",
        ),
        ({"sector_identifier_uri": "http://client.example/list"}, "must begin with https://"),
    ],
)
def test_addresses_are_judged_when_they_are_registered(op: Provider, values: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidClientMetadata, match=told):
        op.client(**values)


# --- sectors -----------------------------------------------------------------------------------------

URIS = ["https://one.example/cb", "https://two.example/cb"]


def test_a_sector_of_several_hosts(op: Provider, ada: Browser, site: Site) -> None:
    """oidcc-registration-sector-uri."""
    site.documents["list"] = [*URIS, "https://three.example/cb"]
    sector = {"subject_type": "pairwise", "sector_identifier_uri": f"{site.url}/list", "scopes": ["openid"]}
    one = op.client(redirect_uris=URIS, **sector)
    three = op.client(redirect_uris=["https://three.example/cb"], **sector)
    alone = op.client(redirect_uris=["https://three.example/cb"], subject_type="pairwise", scopes=["openid"])
    names = [read(op, signed_in(client, ada)["id_token"])["sub"] for client in (one, three, alone)]
    assert names[0] == names[1] != names[2]
    assert site.asked == ["list", "list"]  # when they were registered, and not when people come


@pytest.mark.parametrize(
    ("document", "status", "told"),
    [
        (URIS[:1], 200, "does not list the redirect URI https://two.example/cb"),
        ({}, 200, "must be the address of a JSON array"),
        ("nonsense", 200, "cannot be read: it answered no JSON"),
        (URIS, 404, "cannot be read: it answered 404"),
    ],
)
def test_nobody_joins_a_sector_uninvited(op: Provider, site: Site, document: Any, status: int, told: str) -> None:
    """oidcc-registration-sector-bad."""
    site.documents["list"], site.status = document, status
    with pytest.raises(InvalidClientMetadata, match=f"sector_identifier_uri: {told}"):
        op.client(redirect_uris=URIS, subject_type="pairwise", sector_identifier_uri=f"{site.url}/list")


def test_it_is_asked_again_only_for_other_redirect_uris(op: Provider, site: Site) -> None:
    site.documents["list"] = URIS
    client = op.client(redirect_uris=URIS[:1], sector_identifier_uri=f"{site.url}/list")
    with op.app.app_context():
        model = op.oauth2.get_client(client.client_id)
        site.status = 500
        op.oauth2.edit_client(model, name="Other", subject_type="pairwise")
        assert site.asked == ["list"]
        with pytest.raises(InvalidClientMetadata, match="sector_identifier_uri: cannot be read"):
            op.oauth2.edit_client(model, redirect_uris=URIS)
        assert op.oauth2.get_client(client.client_id).redirect_uris == URIS[:1]
        site.status = 200
        op.oauth2.edit_client(model, redirect_uris=URIS)
        op.oauth2.edit_client(model, sector_identifier_uri=None, subject_type="public")
        assert site.asked == ["list"] * 3


def test_no_row_is_held_while_somebody_is_asked(op: Provider, site: Site) -> None:
    """What was confirmed is what is kept: whoever changes the client meanwhile comes first."""
    site.documents["list"] = URIS
    client = op.client(redirect_uris=URIS[:1], sector_identifier_uri=f"{site.url}/list")

    def change_it(_name: str) -> None:
        with op.app.app_context():
            op.oauth2.edit_client(op.oauth2.get_client(client.client_id), client_uri="https://elsewhere.example/")

    with op.app.app_context():
        model = op.oauth2.get_client(client.client_id)
        documents = op.app.extensions["oauth2server"].client_documents
        ask = documents._fetcher.get
        documents._fetcher.get = lambda url: (change_it(url), ask(url))[1]
        with pytest.raises(Outdated):
            op.oauth2.edit_client(model, redirect_uris=URIS)
    with op.app.app_context():
        left = op.oauth2.get_client(client.client_id)
        assert (left.redirect_uris, left.client_metadata["client_uri"]) == (URIS[:1], "https://elsewhere.example/")

"""Signing keys: one generation after the other, and none is missed by whoever has to verify."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, update

from flask_oauth2server import jose
from flask_oauth2server.domain.keys import STALENESS, Keys, KeyUnreadable
from flask_oauth2server.errors import ConfigurationError, OAuth2ServerError

from ..support import Provider
from ..ui.pages import later

DAY = 86400
Make = Callable[..., Provider]


@pytest.fixture
def keys(provider: Provider) -> Iterator[Keys]:
    with provider.app.app_context():
        yield keys_of(provider)


@pytest.fixture
def any_keys(any_provider: Provider) -> Iterator[Keys]:
    with any_provider.app.app_context():
        yield keys_of(any_provider)


def keys_of(provider: Provider) -> Keys:
    found = provider.app.extensions["oauth2server"].keys
    found.lifetime = 3600
    return found


def states(keys: Keys, alg: str = "RS256") -> list[str]:
    return [key.state for key in keys.overview() if key.alg == alg]


def kids(keys: Keys) -> list[str]:
    return [key["kid"] for key in keys.published()]


def another_worker(provider: Provider) -> Keys:
    server = provider.app.extensions["oauth2server"]
    return Keys(server.storage, server.settings, server.audit)


@pytest.mark.parametrize("alg", jose.ALGORITHMS)
def test_a_key_is_made_when_it_is_needed_first(any_keys: Keys, alg: str) -> None:
    assert any_keys.published() == []
    any_keys.prepare(alg)
    signer = any_keys.signer(alg)
    token = jose.signed({"sub": "ada"}, signer)
    (published,) = any_keys.published()
    assert (published["kid"], published["alg"], published["use"]) == (signer.kid, alg, "sig")
    assert jose.verified(token, [jose.imported(published)]) == {"sub": "ada"}
    any_keys.prepare(alg)
    assert any_keys.published() == [published]


def test_no_private_part_is_published_and_none_is_stored_in_the_open(provider: Provider, keys: Keys) -> None:
    for alg in jose.ALGORITHMS:
        keys.prepare(alg)
    private = {"d", "p", "q", "dp", "dq", "qi", "k"}
    assert [set(key) & private for key in keys.published()] == [set()] * len(jose.ALGORITHMS)
    table = provider.oauth2.models.SigningKey.__table__
    for row in provider.db.session.execute(select(table)):
        whole = keys._secret(row)
        assert whole["d"] not in json.dumps([row.private, row.public])
        assert row.private.count(".") == 4  # a JWE


def test_another_worker_s_key_is_taken(make: Make, provider: Provider) -> None:
    """Both find none; the second one meets the first one's row."""
    with provider.app.app_context():
        one, other = keys_of(provider), another_worker(provider)
        assert (one.rows(), other.rows()) == ([], [])
        one.prepare("ES256")
        other.prepare("ES256")
        assert one.signer("ES256").kid == other.signer("ES256").kid


def test_age_brings_the_next_key_which_waits_until_everybody_knows_it(keys: Keys) -> None:
    keys.prepare("RS256")
    first = keys.signer("RS256").kid
    with later(days=88, hours=23):
        keys.prepare("RS256")
        assert states(keys) == ["active"]
    with later(days=89, seconds=1):
        keys.prepare("RS256")
        assert (states(keys), keys.signer("RS256").kid) == (["active", "next"], first)
        assert len(kids(keys)) == 2
        keys.prepare("RS256")
        assert states(keys) == ["active", "next"]
    with later(days=90, seconds=2):
        keys.prepare("RS256")
        assert states(keys) == ["retired", "active"]
        assert keys.signer("RS256").kid != first
        assert first in kids(keys)
    with later(days=90, seconds=3600 + STALENESS + 2):
        assert states(keys) == ["ended", "active"]
        assert first not in kids(keys)
        assert first in [key.kid for key in keys.verifiers()]  # old hints are still read


def test_a_key_is_published_until_its_last_token_has_expired(keys: Keys) -> None:
    """Also by a worker that has learned of the next one as late as may be."""
    keys.lifetime = 7200
    with later():  # the clock stands still
        keys.prepare("RS256")
        first = keys.signer("RS256").kid
        keys.rotate("RS256", at_once=True)
        with later(seconds=7200 + STALENESS - 1):
            assert first in kids(keys)
        with later(seconds=7200 + STALENESS + 1):
            assert first not in kids(keys)


def test_no_rotation_by_age(make: Make) -> None:
    provider = make(config={"OAUTH2_KEY_ROTATE_AFTER": 0})
    with provider.app.app_context():
        keys = keys_of(provider)
        keys.prepare("ES256")
        with later(days=5000):
            keys.prepare("ES256")
            assert states(keys, "ES256") == ["active"]


def test_rotation_by_hand(keys: Keys) -> None:
    keys.rotate("ES256")
    assert states(keys, "ES256") == ["active"]  # the first one: there is none to wait for
    keys.rotate("ES256")
    assert states(keys, "ES256") == ["active", "next"]
    with pytest.raises(OAuth2ServerError, match="waits already"):
        keys.rotate("ES256")
    waits = keys.overview()[-1].kid
    keys.rotate("ES256", at_once=True)
    assert states(keys, "ES256") == ["retired", "active"]
    assert keys.signer("ES256").kid == waits  # clients may know it already
    keys.rotate("ES256", at_once=True)
    assert states(keys, "ES256") == ["retired", "retired", "active"]


def test_a_revoked_key_is_neither_published_nor_believed(keys: Keys) -> None:
    keys.prepare("RS256")
    bad = keys.signer("RS256").kid
    keys.revoke(bad)
    assert states(keys) == ["revoked", "active"]
    assert keys.signer("RS256").kid != bad
    assert bad not in kids(keys) and bad not in [key.kid for key in keys.verifiers()]
    with pytest.raises(OAuth2ServerError, match="not revoked"):
        keys.revoke(bad)
    with pytest.raises(OAuth2ServerError, match="no key"):
        keys.revoke("nobody")


def test_a_kid_may_begin_with_a_dash(provider: Provider) -> None:
    done = provider.app.test_cli_runner().invoke(args=["oauth2", "key", "revoke", "--yes", "-nobody"])
    assert "There is no key '-nobody'" in done.output


def test_other_workers_hear_of_a_revoked_key_in_time(provider: Provider, keys: Keys) -> None:
    keys.prepare("RS256")
    other = another_worker(provider)
    bad = other.signer("RS256").kid
    keys.revoke(bad)
    with later(seconds=STALENESS + 1):
        assert other.signer("RS256").kid != bad
        assert bad not in kids(other)


def test_old_keys_are_purged(keys: Keys) -> None:
    keys.prepare("RS256")
    keys.rotate("RS256", at_once=True)
    with later(days=399):
        assert keys.purge(10) == 0
    with later(days=402):
        assert keys.purge(10) == 1
        keys._forget()
        assert states(keys) == ["active"]


# --- SECRET_KEY ------------------------------------------------------------------------------------


def test_a_former_secret_key_opens_and_the_one_of_today_seals(provider: Provider, keys: Keys) -> None:
    keys.prepare("RS256")
    before, kid = keys.rows()[0].private, keys.signer("RS256").kid
    provider.app.config.update(SECRET_KEY="another secret", SECRET_KEY_FALLBACKS=["a secret of the tests"])
    keys._opened.clear()
    assert keys.signer("RS256").kid == kid
    keys.prepare("RS256")
    assert keys.rows()[0].private != before
    provider.app.config["SECRET_KEY_FALLBACKS"] = []
    keys._opened.clear()
    assert keys.signer("RS256").kid == kid


def test_keys_that_wait_and_the_salt_are_encrypted_anew_as_well(provider: Provider, keys: Keys) -> None:
    keys.prepare("ES256")
    keys.rotate("ES256")
    salt = keys.salt()
    provider.app.config.update(SECRET_KEY="another secret", SECRET_KEY_FALLBACKS=["a secret of the tests"])
    keys.prepare("ES256")
    keys.prepare_salt()
    provider.app.config["SECRET_KEY_FALLBACKS"] = []
    assert {key.trouble for key in keys.overview()} == {""}
    assert not keys.is_salt_lost()
    assert another_worker(provider).salt() == salt


def test_a_lost_salt_is_told_with_advice(provider: Provider, keys: Keys) -> None:
    keys.prepare_salt()
    provider.app.config["SECRET_KEY"] = "another secret"
    assert keys.is_salt_lost()
    with pytest.raises(KeyUnreadable, match=r"salt of pairwise names.*SECRET_KEY_FALLBACKS"):
        keys.salt()


def test_a_lost_secret_key_is_told_with_advice(provider: Provider, keys: Keys) -> None:
    keys.prepare("RS256")
    provider.app.config["SECRET_KEY"] = "another secret"
    keys._opened.clear()
    keys.prepare("RS256")
    with pytest.raises(KeyUnreadable, match=r"SECRET_KEY_FALLBACKS.*key rotate --now --alg RS256"):
        keys.signer("RS256")
    assert len(keys.published()) == 1  # it goes on verifying
    keys.rotate("RS256", at_once=True)
    assert keys.signer("RS256")


def test_a_damaged_row_is_told(provider: Provider, keys: Keys) -> None:
    keys.prepare("RS256")
    row = keys.rows()[0]
    table = provider.oauth2.models.SigningKey.__table__
    provider.db.session.execute(update(table).values(private=row.private[:-4] + "AAAA"))
    keys._forget()
    with pytest.raises(KeyUnreadable, match="damaged"):
        keys.signer("RS256")
    assert [key.trouble for key in keys.overview()] == ["damaged"]


# --- OAUTH2_SIGNING_KEYS ---------------------------------------------------------------------------


def configured(make: Make, *keys: dict[str, Any]) -> Provider:
    return make(config={"OAUTH2_SIGNING_KEYS": json.dumps({"keys": keys})})


@pytest.mark.parametrize("public", [None, {}, {"kty": "RSA"}, []])
def test_a_damaged_row_takes_no_other_along(provider: Provider, keys: Keys, public: Any) -> None:
    keys.prepare("RS256")
    keys.prepare("ES256")
    table = provider.oauth2.models.SigningKey.__table__
    provider.db.session.execute(update(table).where(table.c.alg == "RS256").values(public=public))
    provider.db.session.commit()
    keys._forget()
    assert [key["alg"] for key in keys.published()] == ["ES256"]
    assert jose.verified(jose.signed({"sub": "1"}, keys.signer("ES256")), keys.verifiers()) == {"sub": "1"}
    assert provider.api().get("/oauth/jwks").status_code == 200


def test_what_a_configured_key_is_for(make: Make) -> None:
    """As browsers export them (``key_ops``): what signs here verifies what comes back, too."""
    key = {name: value for name, value in jose.made("RS256").items() if name != "use"}
    found = keys_of(make(config={"OAUTH2_SIGNING_KEYS": json.dumps({"keys": [{**key, "key_ops": ["sign"]}]})}))
    assert jose.verified(jose.signed({"sub": "1"}, found.signer("RS256")), found.verifiers()) == {"sub": "1"}
    with pytest.raises(ConfigurationError, match="do not let it sign"):
        make(config={"OAUTH2_SIGNING_KEYS": json.dumps({"keys": [{**key, "key_ops": ["verify"]}]})})


def test_configured_keys_sign_and_verify(make: Make) -> None:
    first, second, elliptic = jose.made("RS256"), jose.made("RS256"), jose.made("ES256")
    public = jose.public(jose.imported(second))
    provider = configured(make, public, first, elliptic)
    with provider.app.app_context():
        keys = keys_of(provider)
        keys.prepare("RS256")
        assert keys.signer("RS256").kid == first["kid"]
        assert kids(keys) == [key["kid"] for key in (second, first, elliptic)]
        assert [key.state for key in keys.overview()] == ["retired", "active", "active"]
        assert not keys._storage.signing_keys.all_keys()
        for forbidden in (partial(keys.rotate, "RS256"), partial(keys.revoke, first["kid"])):
            with pytest.raises(OAuth2ServerError, match="OAUTH2_SIGNING_KEYS"):
                forbidden()
        with pytest.raises(ConfigurationError, match="no private key for EdDSA"):
            keys.signer("EdDSA")


@pytest.mark.parametrize(
    "text",
    [
        "secret nonsense",
        "[]",
        '{"keys": []}',
        '{"keys": [1]}',
        '{"keys": [{"kty": "oct", "alg": "HS256", "k": "c2VjcmV0"}]}',
        '{"keys": [{"kty": "RSA", "alg": "none"}]}',
    ],
)
def test_unusable_configured_keys_are_refused_without_being_told(make: Make, text: str) -> None:
    with pytest.raises(ConfigurationError, match="OAUTH2_SIGNING_KEYS must") as told:
        make(config={"OAUTH2_SIGNING_KEYS": text})
    assert "secret" not in str(told.value) and "c2VjcmV0" not in str(told.value)


def test_configured_keys_differ(make: Make) -> None:
    key = jose.made("ES256")
    with pytest.raises(ConfigurationError, match="differ in their kid"):
        configured(make, key, key)


def test_what_is_offered_is_what_there_are_keys_for(make: Make) -> None:
    provider = configured(make, jose.made("ES256"), jose.public(jose.imported(jose.made("PS256"))))
    told = provider.api().get("/.well-known/openid-configuration").json
    for name in ("id_token_signing_alg_values_supported", "userinfo_signing_alg_values_supported"):
        assert told[name] == ["ES256"]
    with provider.app.app_context():
        create = partial(provider.oauth2.create_client, name="x", redirect_uris=["https://client.example/cb"])
        assert create()[0].client_metadata["id_token_signed_response_alg"] == "ES256"
        with pytest.raises(ValueError, match="id_token_signed_response_alg: must be one of ES256"):
            create(id_token_signed_response_alg="RS256")


# --- the endpoint ----------------------------------------------------------------------------------


def test_the_jwk_set_may_be_kept_for_less_than_a_key_waits(provider: Provider, keys: Keys) -> None:
    keys.prepare("RS256")
    answer = provider.api().get("/oauth/jwks", headers={"Origin": "https://app.example"})
    assert answer.json == {"keys": keys.published()}
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert provider.app.extensions["oauth2server"].settings["OAUTH2_KEY_PUBLISHED_BEFORE"] > 300 + STALENESS
    metadata = provider.api().get("/.well-known/oauth-authorization-server").json
    assert metadata["jwks_uri"] == "https://provider.example/oauth/jwks"

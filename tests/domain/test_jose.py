"""Signed tokens: the key says the algorithm, and nothing that a token says of itself is believed (RFC 8725)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwk, jws

from flask_oauth2server import jose

SIGNER = jose.imported(jose.made("RS256"))
KEYS = [jose.imported(jose.public(SIGNER)), jose.imported(jose.made("ES256"))]
CLAIMS = {"iss": "https://provider.example", "sub": "1"}


def part(content: Any) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_what_was_signed_is_read() -> None:
    assert jose.verified(jose.signed(CLAIMS, SIGNER), KEYS) == CLAIMS
    assert jose.verified(jose.signed(CLAIMS, SIGNER, typ="logout+jwt"), KEYS, typ="LOGOUT+jwt") == CLAIMS


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
def test_unsigned(alg: str) -> None:
    for signature in ("", part(b"x")):
        with pytest.raises(jose.Invalid):
            jose.verified(f"{part({'alg': alg, 'kid': SIGNER.kid})}.{part(CLAIMS)}.{signature}", KEYS)


def test_a_public_key_is_no_secret_of_an_hmac() -> None:
    public = jose.public(SIGNER)
    pem = jwk.import_key(public, "RSA").raw_value.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, json.dumps(public).encode(), b""):
        message = f"{part({'alg': 'HS256', 'kid': SIGNER.kid})}.{part(CLAIMS)}"
        forged = f"{message}.{part(hmac.digest(secret, message.encode(), hashlib.sha256))}"
        with pytest.raises(jose.Invalid):
            jose.verified(forged, KEYS)


def by_stranger(**header: Any) -> str:
    stranger = jwk.generate_key("RSA", 2048, auto_kid=True)
    told = {"alg": "RS256", "kid": SIGNER.kid, "jwk": stranger.as_dict(private=False), **header}
    registry = jws.JWSRegistry(algorithms=["RS256"], strict_check_header=False)
    return jws.serialize_compact(told, json.dumps(CLAIMS), stranger, registry=registry)


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/cert"},
        {"kid": "../../../dev/null"},
        {"kid": "' OR 1=1 --"},
        {"kid": "https://evil.example/key"},
        {"kid": KEYS[1].kid},
        {"typ": "at+jwt"},
    ],
)
def test_a_token_brings_no_key_of_its_own(header: dict[str, Any]) -> None:
    with pytest.raises(jose.Invalid):
        jose.verified(by_stranger(**header), KEYS)


def test_an_unknown_crit_is_refused() -> None:
    class Careless(jws.JWSRegistry):
        def check_header(self, header: Any) -> None:
            """Sign whatever is asked for."""

    header = {"alg": "RS256", "kid": SIGNER.kid, "crit": ["exp"], "exp": 1}
    token = jws.serialize_compact(header, json.dumps(CLAIMS), SIGNER.material, registry=Careless(algorithms=["RS256"]))
    with pytest.raises(jose.Invalid):
        jose.verified(token, KEYS)


def test_tokens_of_one_kind_do_not_pass_for_another() -> None:
    for typ, wanted in (("JWT", "logout+jwt"), ("logout+jwt", "JWT"), ("at+jwt", "JWT")):
        with pytest.raises(jose.Invalid, match="another kind"):
            jose.verified(jose.signed(CLAIMS, SIGNER, typ=typ), KEYS, typ=wanted)


@pytest.mark.parametrize("payload", ["[]", "1", '"x"', "nonsense", "", "[" * 5000])
def test_what_is_signed_are_claims(payload: str) -> None:
    header = {"alg": "RS256", "kid": SIGNER.kid}
    token = jws.serialize_compact(header, payload, SIGNER.material, algorithms=["RS256"])
    with pytest.raises(jose.Invalid):
        jose.verified(token, KEYS)


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "é.é.é", "x" * 100_000, "\0", "a.b.c.d.e", part({}) + ".."])
def test_garbage(token: str) -> None:
    with pytest.raises(jose.Invalid):
        jose.verified(token, KEYS)


def test_what_is_sealed_is_opened_with_its_secret_alone() -> None:
    sealed = jose.sealed({"d": "secret"}, b"1" * 32, "one")
    assert "secret" not in sealed and jose.sealed_with(sealed) == "one"
    assert jose.opened(sealed, b"1" * 32) == {"d": "secret"}
    for text, secret in ((sealed, b"2" * 32), (sealed[:-3] + "AAA", b"1" * 32), ("x", b"1" * 32)):
        with pytest.raises(jose.Invalid):
            jose.opened(text, secret)
    assert jose.sealed_with("nonsense") == ""


# --- keys that strangers have written ------------------------------------------------------------------

RSA, EC = (jwk.generate_key(*kind, auto_kid=True).as_dict(private=False) for kind in (("RSA", 2048), ("EC", "P-256")))


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        ({**RSA, "n": "_" * 342}, "RSA-OAEP-256"),
        ({**RSA, "n": 7}, "RSA-OAEP-256"),
        ({**RSA, "key_ops": []}, "RSA-OAEP-256"),
        ({**EC, "crv": "x"}, "ECDH-ES"),
        ({**EC, "crv": ["P-256"]}, "ECDH-ES"),
        ({**EC, "key_ops": ["sign"]}, "ECDH-ES"),
    ],
)
def test_a_key_that_does_not_encrypt(key: dict[str, Any], alg: str) -> None:
    with pytest.raises(jose.Invalid):
        jose.encrypted("told", {"keys": [key]}, alg, "A256GCM", is_jwt=False)


def test_the_next_key_may_be_better() -> None:
    assert jose.recipient({"keys": [{**EC, "crv": "x"}, EC]}, "ECDH-ES").kid == EC["kid"]


def test_zeros_make_no_key_longer() -> None:
    with pytest.warns(match="Key size should be"):
        short = jwk.generate_key("RSA", 1024, {"alg": "RS256"}).as_dict(private=True)
    number = base64.urlsafe_b64decode(short["n"] + "==")
    padded = {**short, "n": part(b"\0" * 128 + number)}
    for key in (short, padded):
        with pytest.raises(jose.Invalid, match="2048 bits"):
            jose.imported(key)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "half \ud800", {"half \udfff": 1}, object()])
def test_a_set_that_no_database_keeps(value: Any) -> None:
    assert jose.is_public_set({"keys": [EC]})
    assert not jose.is_public_set({"keys": [{**EC, "more": value}]})
    assert not jose.is_public_set({"keys": [EC], "more": value})

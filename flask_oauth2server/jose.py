"""JOSE: the only import of joserfc. Pure: keys and claims in, text out.

Algorithms come from the caller, never from a token (RFC 8725, 3.1); there is no HMAC and no ``none``.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import six
from joserfc import errors, jwe, jwk, jws

#: What keys of an algorithm are made of: key type, and curve or bits.
_MATERIAL: Mapping[str, tuple[Any, Any]] = {
    "RS256": ("RSA", 2048),
    "PS256": ("RSA", 2048),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
}
#: Signature algorithms, in the order in which they are announced.
ALGORITHMS = tuple(_MATERIAL)

#: How what is told can be encrypted for a client: the algorithm, with the kind of key that it needs.
KEY_ENCRYPTION: Mapping[str, Any] = {"RSA-OAEP-256": "RSA", "ECDH-ES": "EC"}
#: And the content, the default first (OpenID Connect Registration, 2).
CONTENT_ENCRYPTION = ("A128CBC-HS256", "A256GCM")
#: Members of a published key.
_TOLD = ("kty", "use", "alg", "kid", "n", "e", "crv", "x", "y")
_PRIVATE = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))
_SEALED = {"alg": "dir", "enc": "A256GCM"}

Claims = dict[str, Any]


class Invalid(Exception):  # noqa: N818
    """A token, or a key, is not what it should be; the message says why, for the log."""


class Key(NamedTuple):
    """A key pair, ready to sign, or its public half, ready to verify."""

    kid: str
    alg: str
    material: Any


class _Registry(jws.JWSRegistry):
    """Without joserfc's advice against the name "EdDSA", which is the one that clients know."""

    def get_alg(self, name: str) -> Any:
        if name not in (self.allowed or ()):
            raise errors.UnsupportedAlgorithmError(f"Algorithm of '{name}' is not allowed")
        return self.algorithms[name]


def made(alg: str) -> Claims:
    """A new key pair for *alg* as a JWK with its private part; its ``kid`` is its thumbprint (RFC 7638)."""
    kind, size = _MATERIAL[alg]
    return dict(
        jwk.generate_key(kind, size, {"use": "sig", "alg": alg}, private=True, auto_kid=True).as_dict(private=True)
    )


def public(key: Key) -> Claims:
    """The public half of *key* as a JWK for everybody."""
    told = {"use": "sig", **key.material.as_dict(private=False), "alg": key.alg, "kid": key.kid}
    return {name: value for name, value in told.items() if name in _TOLD}


def half_hash(value: str, alg: str) -> str:
    """``at_hash``, ``c_hash``, ``s_hash``: the left half of a hash, which is the one of the signature's algorithm
    (OpenID Connect Core, 3.1.3.6); of Ed25519 that is SHA-512."""
    digest = hashlib.new("sha512" if alg == "EdDSA" else "sha256", value.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _read(key: Mapping[str, Any], kind: Any) -> Any:
    """The material of a JWK, which a stranger may have written.

    :raises Invalid: if it is no key, or an RSA key that is too short (RFC 7518, 3.3).
    """
    try:
        # The number itself is measured: zeros before it make its text as long as one likes.
        if kind == "RSA" and int.from_bytes(base64.urlsafe_b64decode(key["n"] + "=="), "big").bit_length() < 2048:
            raise Invalid("an RSA key has 2048 bits or more")
        return jwk.import_key(dict(key), kind)
    except (errors.JoseError, ValueError, TypeError, LookupError) as error:
        raise Invalid(f"the key cannot be read: {error}") from error


def imported(key: Mapping[str, Any]) -> Key:
    """A JWK that names its ``alg``, ready for use.

    :raises Invalid: if it is no such key, or too weak.
    """
    alg = str(key.get("alg"))
    if alg not in _MATERIAL:
        raise Invalid(f"the key is for {alg}, and not for one of {', '.join(ALGORITHMS)}")
    kind, size = _MATERIAL[alg]
    if key.get("kty") != kind or key.get("crv") not in (None, size):
        raise Invalid(f"the key is none for {alg}")
    if key.get("d") and "sign" not in key.get("key_ops", ("sign",)):
        raise Invalid("its key_ops do not let it sign")
    # Whoever signs with a key here verifies with it, too, whether that was foreseen or not.
    material = _read({name: value for name, value in key.items() if name != "key_ops"}, kind)
    try:
        material.check_use("sig")
    except errors.JoseError as error:
        raise Invalid(f"the key cannot be read: {error}") from error
    return Key(str(key.get("kid") or material.thumbprint()), alg, material)


def signed(claims: Mapping[str, Any], key: Key, typ: str = "JWT") -> str:
    """*claims* as a signed JWT (RFC 7519).

    :param typ: the header that keeps tokens of several kinds apart (RFC 8725, 3.11).
    """
    header = {"alg": key.alg, "kid": key.kid, "typ": typ}
    payload = json.dumps(claims, separators=(",", ":")).encode()
    return jws.serialize_compact(header, payload, key.material, registry=_Registry(algorithms=[key.alg]))


def header_of(token: str) -> Claims:
    """What a JWS says of itself; nothing of it is believed yet.

    :raises Invalid: if it is none.
    """
    try:
        return jws.extract_compact(six.ensure_binary(token), None, _Registry(strict_check_header=False)).headers()
    except (errors.JoseError, ValueError, TypeError, UnicodeError) as error:
        raise Invalid(f"it is no signed token: {error}") from error


def verified(token: str, keys: Collection[Key], typ: str = "JWT") -> Claims:
    """The claims of a JWT that one of *keys* has signed; times and audience are not looked at.

    The header's ``kid`` picks the key, and the key says the algorithm.

    :raises Invalid: for anything else.
    """
    header = header_of(token)
    key = next((key for key in keys if key.kid == header.get("kid") and key.alg == header.get("alg")), None)
    if key is None:
        raise Invalid("it was not signed with a key of this server")
    if str(header.get("typ", "JWT")).lower() != typ.lower():
        raise Invalid("it is a token of another kind")
    registry = _Registry(algorithms=[key.alg], strict_check_header=False)
    try:
        payload = json.loads(jws.deserialize_compact(token, key.material, registry=registry).payload)
    except (errors.JoseError, ValueError, TypeError, RecursionError) as error:
        raise Invalid(f"its signature is not good: {error}") from error
    if not isinstance(payload, dict):
        raise Invalid("it holds no claims")
    return payload


# --- what is encrypted for a client -----------------------------------------------------------------


def is_public_set(jwks: Any) -> bool:
    """Whether *jwks* is a JWK Set of public keys (RFC 7517, 5); those of unknown kinds may be among them."""
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= 20 or not all(isinstance(key, dict) for key in keys):
        return False
    try:  # what Python reads as JSON and databases do not: NaN, halves of characters
        json.dumps(jwks, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError):
        return False
    return all(_PRIVATE.isdisjoint(key) for key in keys)


def recipient(jwks: Mapping[str, Any], alg: str) -> Any:
    """The first key of a client's set that *alg* can encrypt to.

    :raises Invalid: if there is none.
    """
    for key in jwks["keys"]:
        fits = key.get("kty") == KEY_ENCRYPTION[alg] and key.get("use", "enc") == "enc" and key.get("alg", alg) == alg
        with suppress(Invalid):  # the next one may be better
            if fits:
                return _read(key, KEY_ENCRYPTION[alg])
    raise Invalid(f"there is no key for {alg}")


def encrypted(content: str, jwks: Mapping[str, Any], alg: str, enc: str, *, is_jwt: bool) -> str:
    """*content* for the owner of *jwks* (RFC 7516).

    :param is_jwt: it is a signed token, which the header tells (RFC 7519, 5.2).
    :raises Invalid: if the set has no key for *alg*.
    """
    key = recipient(jwks, alg)
    header = {"alg": alg, "enc": enc, **({"cty": "JWT"} if is_jwt else {}), **({"kid": key.kid} if key.kid else {})}
    try:
        return jwe.encrypt_compact(header, content, key, algorithms=[alg, enc])
    except (errors.JoseError, ValueError, TypeError) as error:  # a number that is no modulus, another key_ops
        raise Invalid(f"its key for {alg} does not encrypt: {error}") from error


# --- sealing: what is kept encrypted in the database ------------------------------------------------


def sealed(content: Mapping[str, Any], secret: bytes, kid: str) -> str:
    """*content* encrypted with A256GCM.

    :param secret: 32 bytes.
    :param kid: names the secret.
    """
    plain = json.dumps(content, separators=(",", ":")).encode()
    return jwe.encrypt_compact({**_SEALED, "kid": kid}, plain, _octets(secret), algorithms=list(_SEALED.values()))


def sealed_with(text: str) -> str:
    """The name of the secret that a sealed text was encrypted with; empty: it is none."""
    try:
        header = json.loads(base64.urlsafe_b64decode(text.partition(".")[0] + "=="))
        return str(header.get("kid", ""))
    except (ValueError, AttributeError):
        return ""


def opened(text: str, secret: bytes) -> Claims:
    """The content of a sealed text.

    :raises Invalid: if it was sealed with another secret, or changed.
    """
    try:
        plain = jwe.decrypt_compact(text, _octets(secret), algorithms=list(_SEALED.values())).plaintext
        return dict(json.loads(plain or b""))
    except (errors.JoseError, ValueError, TypeError) as error:
        raise Invalid(f"it cannot be decrypted: {error}") from error


def _octets(secret: bytes) -> Any:
    return jwk.OctKey.import_key(secret)

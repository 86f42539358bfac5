"""What the certification looks at in every flow.

Nothing here is asked of our own package: keys come from the published set, signatures are verified by joserfc, and
hashes are made by hashlib.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections import Counter
from typing import Any
from urllib.parse import parse_qsl

from joserfc import jwt
from joserfc.jwk import KeySet

from flask_oauth2server import clock

from ..flows.test_openid import posted

#: What may stand in a successful answer, by the word of the response type that brings it, and in any.
_BROUGHT = {"code": {"code"}, "token": {"access_token", "token_type", "expires_in", "scope"}, "id_token": {"id_token"}}
_ALWAYS = {"state", "iss"}
_OF_ERRORS = {"error", "error_description", "error_uri"}
_OF_TOKENS = {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
#: RFC 6749, 4.1.2.1: what error and error_description may consist of.
_LEGAL = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")
_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
#: So many seconds the clocks of both may differ.
_SKEW = 5


def received(response: Any, place: str, redirect_uri: str) -> dict[str, str]:
    """The parameters that the redirect URI gets, in the query, the fragment, or a form that is posted to it."""
    if place == "form":
        action, fields = posted(response)
        form = re.search(r"<form[^>]* data-o2-send[^>]*>", response.text)[0]
        assert (action, 'method="post"' in form, "enctype" in form) == (redirect_uri, True, False)
        return fields
    assert response.status_code in (302, 303), (response.status_code, response.text)
    location = response.headers["Location"]
    assert location.startswith(redirect_uri), location
    rest = location[len(redirect_uri) :]
    if place == "fragment":
        assert rest[0] == "#", "something stands in the query where a fragment is due"
    else:
        rest = rest.removesuffix("#")  # an empty one, so that no browser attaches the request's own (RFC 9700, 4.1.3)
        assert rest[0] == ("&" if "?" in redirect_uri else "?") and "#" not in rest, location
    pairs = parse_qsl(rest[1:], keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs), "a parameter came twice"
    return dict(pairs)


def check_parameters(told: dict[str, str], words: list[str], state: str | None, issuer: str) -> None:
    """State and issuer are right, what is due is there, and nothing else."""
    assert told.get("state") == state
    assert told["iss"] == issuer
    if "error" in told:
        assert told.keys() <= _OF_ERRORS | _ALWAYS, told
        assert all(_LEGAL.fullmatch(told[name]) for name in _OF_ERRORS & told.keys()), told
        return
    assert told.keys() <= set().union(*(_BROUGHT[word] for word in words)) | _ALWAYS, told.keys()
    assert ("code" in told, "access_token" in told, "id_token" in told) == tuple(
        word in words for word in ("code", "token", "id_token")
    )
    if "access_token" in told:
        assert told["token_type"].lower() == "bearer"
        assert int(told["expires_in"]) > 0


def check_tokens(response: Any) -> dict[str, Any]:
    """The answer of the token endpoint, which is a success."""
    assert (response.status_code, response.mimetype) == (200, "application/json"), response.text
    assert "no-store" in response.headers["Cache-Control"]
    told: dict[str, Any] = response.json
    assert told.keys() <= _OF_TOKENS, told.keys()
    assert told["token_type"].lower() == "bearer" and told["access_token"]
    assert isinstance(told["expires_in"], int) and told["expires_in"] > 0
    return told


def check_jwks(jwks: dict[str, Any]) -> KeySet:
    """The published keys: well-formed, strong, distinct, and without their private parts."""
    keys = jwks["keys"]
    kids = [key["kid"] for key in keys]
    assert kids and len(set(kids)) == len(kids)
    for key in keys:
        assert _PRIVATE.isdisjoint(key), "a private part is published"
        assert key["use"] == "sig" and key["kty"] in ("RSA", "EC", "OKP")
        assert key["kty"] != "RSA" or len(_decoded(key["n"])) * 8 >= 2048
    return KeySet.import_key_set(jwks)


def header_of(token: str) -> dict[str, Any]:
    """The header of a token, whether or not its signature is good."""
    found: dict[str, Any] = json.loads(_decoded(token.partition(".")[0]))
    return found


def check_signature(token: str, keys: KeySet, alg: str = "RS256") -> dict[str, Any]:
    """The claims of a token that a published key has signed; its header says which one."""
    header = header_of(token)
    assert header["alg"] == alg
    assert header["kid"] in [key.kid for key in keys.keys]
    return jwt.decode(token, keys, algorithms=[alg]).claims


def check_id_token(claims: dict[str, Any], issuer: str, client_id: str, nonce: str | None) -> None:
    """OpenID Connect Core, 3.1.3.7."""
    now = clock.timestamp()
    assert claims["iss"] == issuer
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    assert client_id in audience
    assert len(audience) == 1 or "azp" in claims
    assert claims.get("azp", client_id) == client_id
    assert all(isinstance(claims[name], int) for name in ("exp", "iat", "auth_time"))
    assert claims["exp"] > now and now - 300 <= claims["iat"] <= now + _SKEW
    assert claims.get("nbf", 0) <= now + _SKEW
    assert claims["auth_time"] <= claims["iat"]
    assert claims.get("nonce") == nonce
    assert isinstance(claims["sub"], str) and 0 < len(claims["sub"]) <= 255 and claims["sub"].isascii()


def check_hash(claims: dict[str, Any], name: str, value: str | None, *, due: bool) -> None:
    """``at_hash`` or ``c_hash`` (3.1.3.6, 3.3.2.11) of RS256.

    :param due: whether it has to be there.
    """
    assert name in claims or not due, f"{name} is missing"
    if name in claims:
        assert value is not None, f"{name} of nothing"
        digest = hashlib.sha256(value.encode()).digest()
        assert claims[name] == base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")


def bits_of(value: str) -> float:
    """How many bits somebody who guesses has to get right, at most: its length times the entropy of its characters."""
    counts = Counter(value)
    return -sum(count * math.log2(count / len(value)) for count in counts.values())


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

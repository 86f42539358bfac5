"""Modules about codes that come twice, refresh tokens, algorithms and keys."""

from __future__ import annotations

from collections.abc import Callable

from ..support import ISSUER, Provider, bearer
from ..ui.pages import later
from . import checks
from .conftest import CONFIG, Register, furnished
from .profiles import Profile, certified
from .relying_party import RelyingParty, SignedIn, waited


def comes_twice(rp: RelyingParty, found: SignedIn) -> None:
    """The code again: refused, and what it gave is taken back (RFC 6749, 4.1.2)."""
    again = rp.exchange(found.answer.told["code"])
    assert (again.status_code, again.json["error"]) == (400, "invalid_grant")
    refused = rp.op.api().get(rp.path("userinfo_endpoint"), headers=bearer(found.tokens["access_token"]))
    assert refused.status_code == 401


@certified("B", "H")
def test_codereuse(rp: RelyingParty) -> None:
    comes_twice(rp, rp.sign_in())


@certified("B", "H")
def test_codereuse_30seconds(rp: RelyingParty) -> None:
    found = rp.sign_in()
    with later(seconds=30):
        comes_twice(rp, found)


@certified("B", "H", "D")
def test_refresh_token(rp: RelyingParty, register: Register) -> None:
    assert "offline_access" in rp.discovery["scopes_supported"]  # then it is asked for, with prompt=consent (Core, 11)
    found = rp.sign_in(scope="openid offline_access", prompt="consent")
    stranger = register().client.refresh(found.tokens["refresh_token"])
    assert (stranger.status_code, stranger.json["error"]) == (400, "invalid_grant")
    with waited(2):
        tokens = checks.check_tokens(rp.client.refresh(found.tokens["refresh_token"]))
        assert tokens["access_token"] != found.tokens["access_token"]
        claims = checks.check_signature(tokens["id_token"], rp.keys)
        checks.check_id_token(claims, rp.issuer, rp.client.client_id, nonce=None)
        checks.check_hash(claims, "at_hash", tokens["access_token"], due=False)
        assert rp.userinfo(tokens["access_token"]).json["sub"] == found.claims["sub"]
    # OpenID Connect Core, 12.2.
    assert claims["iat"] > found.claims["iat"]
    same = ("iss", "sub", "aud", "auth_time", "azp")
    assert [claims.get(name) for name in same] == [found.claims.get(name) for name in same]


# --- algorithms --------------------------------------------------------------------------------------


@certified("D")
def test_idtoken_rs256(register: Register) -> None:
    rp = register(id_token_signed_response_alg="RS256")
    assert checks.header_of(rp.sign_in().id_token)["alg"] == "RS256"


@certified("D")
def test_userinfo_rs256(register: Register) -> None:
    rp = register(userinfo_signed_response_alg="RS256")
    tokens = checks.check_tokens(rp.exchange(rp.authorize(scope="openid email").told["code"]))
    answer = rp.op.api().get(rp.path("userinfo_endpoint"), headers=bearer(tokens["access_token"]))
    assert (answer.status_code, answer.mimetype) == (200, "application/jwt")
    told = checks.check_signature(answer.text, rp.keys)
    assert (told["iss"], told["aud"]) == (ISSUER, rp.client.client_id)
    id_token = checks.check_signature(tokens["id_token"], rp.keys)
    assert (told["sub"], told["email"]) == (id_token["sub"], "ada@example.org")


@certified("D")
def test_server_rotate_keys(make: Callable[..., Provider], profile: Profile) -> None:
    """A provider of its own, whose keys nobody else needs."""
    op = furnished(make(config=CONFIG))
    rp = RelyingParty(op, profile)
    first = rp.sign_in()
    before = {key["kid"] for key in rp.jwks()["keys"]}
    assert "signs from now on" in op.app.test_cli_runner().invoke(args=["oauth2", "key", "rotate", "--now"]).output
    after = {key["kid"] for key in rp.jwks()["keys"]}
    assert before < after
    rp.keys = checks.check_jwks(rp.jwks())
    second = rp.sign_in()
    kids = [checks.header_of(found.id_token)["kid"] for found in (first, second)]
    assert kids[0] in before and kids[1] in after - before
    checks.check_signature(first.id_token, rp.keys)

"""Modules in which all goes well: every flow is checked by the relying party, and here what the module adds."""

from __future__ import annotations

import pytest

from ..support import Provider
from . import checks
from .conftest import Register
from .profiles import Profile, certified
from .relying_party import RelyingParty, SignedIn, challenged

#: What an ID token says when nobody has asked for more.
_PROTOCOL = {"iss", "sub", "aud", "azp", "exp", "iat", "auth_time", "nonce", "sid", "acr", "amr", "at_hash", "c_hash"}


@certified("B", "I", "H", "D")
def test_server(rp: RelyingParty) -> None:
    found = rp.sign_in()
    assert found.answer.sign_ins == 1
    values = [*found.answer.told.items(), *found.tokens.items()]
    secrets = [value for name, value in values if name in ("code", "access_token", "refresh_token")]
    assert all(checks.bits_of(value) >= 128 for value in secrets)
    assert len(set(secrets)) == len(secrets)
    for claims in (found.front, found.back):
        assert claims is None or claims.keys() <= _PROTOCOL, "a claim that nobody has asked for"
    assert found.userinfo in (None, {"sub": found.claims["sub"]})


@certified("B", "I", "H")
def test_idtoken_signature(rp: RelyingParty) -> None:
    found = rp.sign_in()
    header = checks.header_of(found.id_token)
    (key,) = [key for key in rp.jwks()["keys"] if key["kid"] == header["kid"]]
    assert (header["alg"], key["kty"], key["use"], key["alg"]) == ("RS256", "RSA", "sig", "RS256")


@certified("B", "D")
def test_idtoken_unsigned(op: Provider, register: Register, rp: RelyingParty) -> None:
    """There are none, not even for whoever wants them."""
    with pytest.raises(ValueError, match=r"id_token_signed_response_alg.*must be one of RS256"):
        register(id_token_signed_response_alg="none")
    assert "none" not in rp.discovery["id_token_signing_alg_values_supported"]


# --- userinfo ----------------------------------------------------------------------------------------


def told_by_userinfo(rp: RelyingParty, method: str, by: str) -> None:
    """The person's sub and e-mail address, the token sent in that way."""
    found = rp.sign_in(scope="openid email")
    sent = {"headers": {"Authorization": f"Bearer {found.access_token}"}}
    if by == "body":
        sent = {"data": {"access_token": found.access_token}}
    answer = rp.op.api().open(rp.path("userinfo_endpoint"), method=method, **sent)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.json == {"sub": found.claims["sub"], "email": "ada@example.org", "email_verified": True}


@certified("B", "I(id_token token)", "H")
def test_userinfo_get(rp: RelyingParty) -> None:
    told_by_userinfo(rp, "GET", "header")


@certified("B", "I(id_token token)", "H")
def test_userinfo_post_header(rp: RelyingParty) -> None:
    told_by_userinfo(rp, "POST", "header")


@certified("B", "I(id_token token)", "H")
def test_userinfo_post_body(rp: RelyingParty) -> None:
    told_by_userinfo(rp, "POST", "body")


# --- parameters that change nothing --------------------------------------------------------------------


@certified("B", "H(code token)")
def test_ensure_request_without_nonce_succeeds_for_code_flow(rp: RelyingParty) -> None:
    assert "nonce" not in rp.sign_in(nonce=None).claims


@certified("B", "I", "H")
def test_alternate_happy_flow(rp: RelyingParty) -> None:
    """The scope's words and the parameters in another order."""
    backwards = dict(reversed(rp.request(scope="email profile openid").items()))
    found = rp.finish(rp.send(backwards))
    assert (found.person["email"], found.person["name"]) == ("ada@example.org", "Ada Lovelace")


def unmoved(rp: RelyingParty, **sent: str) -> SignedIn:
    """A flow that goes as it would have gone without what is sent."""
    found = rp.sign_in(**sent)
    assert found.answer.sign_ins == 1
    return found


@certified("B", "I", "H")
def test_display_page(rp: RelyingParty) -> None:
    unmoved(rp, display="page")


@certified("B", "I", "H")
def test_display_popup(rp: RelyingParty) -> None:
    unmoved(rp, display="popup")


@certified("B", "I", "H")
def test_ensure_request_with_unknown_parameter_succeeds(rp: RelyingParty) -> None:
    unmoved(rp, extra="foobar")


@certified("B", "I", "H")
def test_login_hint(rp: RelyingParty) -> None:
    unmoved(rp, login_hint="ada@example.org")


@certified("B", "I", "H")
def test_ui_locales(rp: RelyingParty) -> None:
    unmoved(rp, ui_locales="se")


@certified("B", "I", "H")
def test_claims_locales(rp: RelyingParty) -> None:
    unmoved(rp, claims_locales="se")


@certified("B", "I", "H")
def test_ensure_request_with_acr_values_succeeds(rp: RelyingParty) -> None:
    announced = rp.discovery["acr_values_supported"]
    assert unmoved(rp, acr_values=" ".join(announced)).claims["acr"] == announced[0]


# --- other ways to send the same -----------------------------------------------------------------------


@certified("B")
def test_ensure_post_request_succeeds(rp: RelyingParty) -> None:
    assert rp.sign_in(method="POST").answer.sign_ins == 1


@certified("B", "H")
def test_server_client_secret_post(register: Register) -> None:
    rp = register(token_endpoint_auth_method="client_secret_post")
    assert "client_secret_post" in rp.discovery["token_endpoint_auth_methods_supported"]
    answer = rp.authorize()
    rp.finish(answer, basic=False, client_secret=rp.client.secret)


@certified("B", "H")
def test_ensure_request_with_valid_pkce_succeeds(rp: RelyingParty, profile: Profile) -> None:
    verifier, challenge = challenged()
    answer = rp.authorize(**challenge)
    refused = rp.exchange(answer.told["code"], code_verifier=verifier[::-1])
    assert refused.json["error"] == "invalid_grant", "the challenge is not looked at"
    rp.finish(answer, code_verifier=verifier)

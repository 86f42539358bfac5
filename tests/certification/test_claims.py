"""Modules about what a client learns of a person, by scopes and by single claims."""

from __future__ import annotations

import json
from typing import Any

from .conftest import PERSON
from .profiles import certified
from .relying_party import RelyingParty

_NOT_OF_THE_PERSON = {"iss", "aud", "azp", "exp", "iat", "auth_time", "nonce", "sid", "acr", "amr", "at_hash", "c_hash"}


def told_for(rp: RelyingParty, *scopes: str) -> None:
    """All claims of these scopes are told where they belong, and no other ones anywhere."""
    found = rp.sign_in(scope=" ".join(["openid", *scopes]))
    told = {name: value for name, value in found.person.items() if name not in _NOT_OF_THE_PERSON}
    expected: dict[str, Any] = {"sub": found.claims["sub"]}
    for scope in scopes:
        expected.update(PERSON[scope])
    assert told == expected
    if found.userinfo is not None:  # then ID tokens are short
        assert found.claims.keys() - _NOT_OF_THE_PERSON == {"sub"}


@certified("B", "I", "H")
def test_scope_profile(rp: RelyingParty) -> None:
    told_for(rp, "profile")


@certified("B", "I", "H")
def test_scope_email(rp: RelyingParty) -> None:
    told_for(rp, "email")


@certified("B", "I", "H")
def test_scope_address(rp: RelyingParty) -> None:
    told_for(rp, "address")


@certified("B", "I", "H")
def test_scope_phone(rp: RelyingParty) -> None:
    told_for(rp, "phone")


@certified("B", "I", "H")
def test_scope_all(rp: RelyingParty) -> None:
    told_for(rp, "profile", "email", "address", "phone")


@certified("B", "I", "H")
def test_claims_essential(rp: RelyingParty) -> None:
    """Asked of userinfo, or of the ID token where there is nothing to ask userinfo with."""
    assert rp.discovery["claims_parameter_supported"] is True
    place = "id_token" if rp.profile.response_type == "id_token" else "userinfo"
    found = rp.sign_in(claims=json.dumps({place: {"name": {"essential": True}}}))
    assert (found.person["name"], "email" in found.person) == ("Ada Lovelace", False)

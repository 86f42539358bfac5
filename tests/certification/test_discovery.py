"""Modules about what the provider says of itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from ..support import ISSUER, Provider
from .conftest import CONFIG, furnished
from .profiles import Profile, certified
from .relying_party import RelyingParty

WELL_KNOWN = "/.well-known/openid-configuration"

#: Members that are registered (IANA, OAuth Authorization Server Metadata) and may be offered here.
_REGISTERED = re.compile(
    r"issuer|jwks_uri|[a-z_]+_endpoint"
    r"|authorization_response_iss_parameter_supported|(claims|request|request_uri)_parameter_supported"
    r"|(response_types|response_modes|grant_types|scopes|claims|claim_types|subject_types)_supported"
    r"|(acr_values|prompt_values|display_values|ui_locales|claims_locales|code_challenge_methods)_supported"
    r"|(token|revocation|introspection)_endpoint_auth(_methods|_signing_alg_values)_supported"
    r"|(id_token|userinfo)_(signing_alg|encryption_alg|encryption_enc)_values_supported"
    r"|(frontchannel|backchannel)_logout(_session)?_supported"
    r"|service_documentation|op_policy_uri|op_tos_uri"
)
#: What has to be there (Discovery, 3).
_DEMANDED = {
    "authorization_endpoint": "",
    "token_endpoint": "",
    "userinfo_endpoint": "",
    "jwks_uri": "",
    "response_types_supported": "code",
    "grant_types_supported": "authorization_code",
    "subject_types_supported": "public",
    "id_token_signing_alg_values_supported": "RS256",
    "scopes_supported": "openid",
    "claims_supported": "sub",
}


def discovered(rp: RelyingParty) -> dict[str, Any]:
    """The discovery document, as one who knows nothing but the issuer finds it."""
    answer = rp.op.api().get(WELL_KNOWN)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    found: dict[str, Any] = answer.json
    return found


@certified("C", "D")
def test_discovery_endpoint_verification(make: Callable[..., Provider], profile: Profile) -> None:
    """Of a new provider, which has signed nothing yet: its keys are fetched before anybody is sent there."""
    rp = RelyingParty(furnished(make(config=CONFIG)), profile)
    told = discovered(rp)
    issuer = urlsplit(told["issuer"])
    assert told["issuer"] == ISSUER
    assert (issuer.scheme, issuer.query, issuer.fragment) == ("https", "", "")
    for name, value in told.items():
        assert _REGISTERED.fullmatch(name), f"{name} is registered nowhere"
        if name.endswith(("_endpoint", "_uri")):
            assert urlsplit(value).scheme == "https"
        if name.endswith("_supported"):
            of_words = isinstance(value, list) and value and all(isinstance(word, str) for word in value)
            assert of_words or isinstance(value, bool), name
    for name, word in _DEMANDED.items():
        assert word in told[name], name
    if profile.name == "dynamic":  # Discovery, 3: what dynamic providers have to offer; off by default here
        assert {"code", "id_token", "id_token token"} <= set(told["response_types_supported"])
        assert {"authorization_code", "implicit"} <= set(told["grant_types_supported"])
    assert all(re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]+", scope) for scope in told["scopes_supported"])
    assert {"request_parameter_supported", "request_uri_parameter_supported"} <= told.keys()
    algorithms = [alg for name, words in told.items() if "_alg_values_" in name for alg in words]
    assert "none" not in algorithms
    rp.sign_in()


@certified("RP")
def test_rp_initiated_logout_discovery_endpoint_verification(rp: RelyingParty) -> None:
    assert discovered(rp)["end_session_endpoint"].startswith("https://")


@certified("FC")
def test_frontchannel_logout_discovery_endpoint_verification(rp: RelyingParty) -> None:
    told = discovered(rp)
    assert told["frontchannel_logout_supported"] is told["frontchannel_logout_session_supported"] is True
    assert told["end_session_endpoint"].startswith("https://")


@certified("BC")
def test_backchannel_logout_discovery_endpoint_verification(rp: RelyingParty) -> None:
    told = discovered(rp)
    assert told["backchannel_logout_supported"] is told["backchannel_logout_session_supported"] is True
    assert told["end_session_endpoint"].startswith("https://")

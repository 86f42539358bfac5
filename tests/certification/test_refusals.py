"""Modules in which the provider has to say no, and to whom it may say it."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from .profiles import certified
from .relying_party import RelyingParty


@certified("B", "I", "H")
def test_response_type_missing(rp: RelyingParty) -> None:
    answer = rp.authorize(response_type=None)
    assert answer.told["error"] in ("unsupported_response_type", "invalid_request")


@certified("I", "H(code id_token, code id_token token)")
def test_ensure_request_without_nonce_fails(rp: RelyingParty) -> None:
    assert rp.authorize(nonce=None).told["error"] == "invalid_request"


@certified("B", "I", "H")
def test_ensure_registered_redirect_uri(rp: RelyingParty) -> None:
    rp.refused_by_a_page(redirect_uri="https://client.example/another")


# --- request objects: neither by value nor by reference yet, and never passed over in silence -------------


def unsigned(claims: dict[str, Any]) -> str:
    """A request object of the algorithm none."""
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), ""])


@certified("B", "I", "H")
def test_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(rp: RelyingParty) -> None:
    answer = rp.authorize(request_uri="https://client.example/request.jwt#digest")
    assert answer.told["error"] == "request_uri_not_supported"
    assert rp.discovery["request_uri_parameter_supported"] is False


@certified("B", "I", "H")
def test_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(rp: RelyingParty) -> None:
    sent = rp.request()
    inside = {**sent, "state": "another", "nonce": "another"}
    answer = rp.authorize(**sent, request=unsigned(inside))
    assert answer.told["error"] == "request_not_supported"
    assert rp.discovery["request_parameter_supported"] is False


@certified("B", "I", "H", "D")
def test_ensure_request_object_with_redirect_uri(rp: RelyingParty) -> None:
    """What stands inside the object cannot make an address outside of it good."""
    sent = rp.request()
    elsewhere = "https://client.example/another"
    rp.refused_by_a_page(**{**sent, "redirect_uri": elsewhere, "request": unsigned(sent)})


# --- redirect URIs with a query ---------------------------------------------------------------------------

QUERY = "https://client.example/cb?foo=bar"


@certified("D")
def test_redirect_uri_query_ok(register: Any) -> None:
    rp = register(redirect_uris=[QUERY])
    rp.sign_in()


@certified("D")
def test_redirect_uri_query_mismatch(register: Any) -> None:
    rp = register(redirect_uris=[QUERY])
    rp.refused_by_a_page(redirect_uri=QUERY.replace("bar", "baz"))


@certified("D")
def test_redirect_uri_query_added(rp: RelyingParty) -> None:
    registered = rp.client.redirect_uri
    assert registered is not None and not urlsplit(registered).query
    rp.refused_by_a_page(redirect_uri=f"{registered}?foo=bar")


@certified("D")
def test_redirect_uri_regfrag(register: Any) -> None:
    with pytest.raises(ValueError, match="redirect_uris"):
        register(redirect_uris=["https://client.example/cb#fragment"])


@certified("D")
def test_ensure_redirect_uri_in_authorization_request(register: Any) -> None:
    rp = register(redirect_uris=["https://client.example/cb", "https://client.example/other"])
    rp.refused_by_a_page(redirect_uri=None)

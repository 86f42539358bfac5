"""Modules about what a client says of itself, as people see it before they decide."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest

from flask_oauth2server import InvalidClientMetadata

from ..documents import serving
from ..support import CALLBACK, picture
from .conftest import Register
from .profiles import certified
from .relying_party import RelyingParty


def consent_page(rp: RelyingParty) -> Any:
    """What the person sees who has signed in."""
    rp.browser.sign_in("ada")
    page = rp.browser.visit(f"{rp.path('authorization_endpoint')}?{urlencode(rp.request())}")
    assert page.status_code == 200 and "Certification" in page.text
    return page


def links(page: Any) -> list[str]:
    return [unescape(found) for found in re.findall(r'<a [^>]*href="([^"]*)"', page.text)]


@certified("D")
def test_registration_logo_uri(register: Register) -> None:
    """The picture is kept and served here, so that no third party learns who is asked."""
    content = picture()
    rp = register(logo=content)
    page = consent_page(rp)
    shown = [rp.browser.visit(unescape(found)) for found in re.findall(r'<img src="([^"]*)"', page.text)]
    assert content in [response.data for response in shown]


@certified("D")
def test_registration_policy_uri(register: Register) -> None:
    assert "https://client.example/privacy" in links(
        consent_page(register(policy_uri="https://client.example/privacy"))
    )


@certified("D")
def test_registration_tos_uri(register: Register) -> None:
    assert "https://client.example/terms" in links(consent_page(register(tos_uri="https://client.example/terms")))


@certified("D")
def test_registration_sector_uri(register: Register) -> None:
    """All that share the address of a list know a person by the same name, whatever their hosts."""
    with serving() as site:
        site.documents["list"] = [CALLBACK, "https://other.example/cb"]
        sector = {"subject_type": "pairwise", "sector_identifier_uri": f"{site.url}/list"}
        one = register(**sector, redirect_uris=[CALLBACK, "https://other.example/cb"])
        same, alone = register(**sector), register(subject_type="pairwise")
    names = [rp.sign_in().claims["sub"] for rp in (one, same, alone)]
    assert names[0] == names[1] != names[2]


@certified("D")
def test_registration_sector_bad(register: Register) -> None:
    with serving() as site:
        site.documents["list"] = ["https://other.example/cb"]
        with pytest.raises(InvalidClientMetadata, match="sector_identifier_uri: does not list"):
            register(subject_type="pairwise", sector_identifier_uri=f"{site.url}/list")

"""Modules about what a client says of itself, as people see it before they decide."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

from ..support import picture
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

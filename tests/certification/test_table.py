"""The page of the certification's modules says what the tests of this folder do."""

from __future__ import annotations

import importlib
import inspect
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ..test_docs import literals, table_rows
from .profiles import selected

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent.parent / "docs" / "certification.rst"
SECTIONS = ("Basic, Implicit, Hybrid\n", "Config, Dynamic\n", "Logout, sessions, third-party login\n")

#: The modules, without ``oidcc-``, and the profiles that they belong to.
MODULES = {
    "server": "B, I, H, D",
    "response-type-missing": "B, I, H",
    "idtoken-signature": "B, I, H",
    "idtoken-unsigned": "B, D",
    "userinfo-get": "B, I (id_token token), H",
    "userinfo-post-header": "B, I (id_token token), H",
    "userinfo-post-body": "B, I (id_token token), H",
    "ensure-request-without-nonce-succeeds-for-code-flow": "B, H (code token)",
    "ensure-request-without-nonce-fails": "I, H (code id_token, code id_token token)",
    "scope-profile": "B, I, H",
    "scope-email": "B, I, H",
    "scope-address": "B, I, H",
    "scope-phone": "B, I, H",
    "scope-all": "B, I, H",
    "alternate-happy-flow": "B, I, H",
    "display-page": "B, I, H",
    "display-popup": "B, I, H",
    "prompt-login": "B, I, H",
    "prompt-none-not-logged-in": "B, I, H",
    "prompt-none-logged-in": "B, I, H",
    "max-age-1": "B, I, H",
    "max-age-10000": "B, I, H",
    "ensure-request-with-unknown-parameter-succeeds": "B, I, H",
    "id-token-hint": "B, I, H",
    "login-hint": "B, I, H",
    "ui-locales": "B, I, H",
    "claims-locales": "B, I, H",
    "ensure-request-with-acr-values-succeeds": "B, I, H",
    "codereuse": "B, H",
    "codereuse-30seconds": "B, H",
    "ensure-registered-redirect-uri": "B, I, H",
    "ensure-post-request-succeeds": "B",
    "server-client-secret-post": "B, H",
    "request-uri-unsigned-supported-correctly-or-rejected-as-unsupported": "B, I, H",
    "unsigned-request-object-supported-correctly-or-rejected-as-unsupported": "B, I, H",
    "ensure-request-object-with-redirect-uri": "B, I, H, D",
    "claims-essential": "B, I, H",
    "refresh-token": "B, H, D",
    "ensure-request-with-valid-pkce-succeeds": "B, H",
    "discovery-endpoint-verification": "C, D",
    "idtoken-rs256": "D",
    "userinfo-rs256": "D",
    "ensure-redirect-uri-in-authorization-request": "D",
    "redirect-uri-query-OK": "D",
    "redirect-uri-query-mismatch": "D",
    "redirect-uri-query-added": "D",
    "redirect-uri-regfrag": "D",
    "registration-logo-uri": "D",
    "registration-policy-uri": "D",
    "registration-tos-uri": "D",
    "registration-jwks-uri": "D",
    "registration-sector-uri": "D",
    "registration-sector-bad": "D",
    "server-rotate-keys": "D",
    "refresh-token-rp-key-rotation": "D",
    "request-uri-unsigned": "D",
    "request-uri-signed-rs256": "D",
    "ensure-client-assertion-with-iss-aud-succeeds": "D",
    "rp-initiated-logout-discovery-endpoint-verification": "RP",
    "rp-initiated-logout": "RP",
    "rp-initiated-logout-no-state": "RP",
    "rp-initiated-logout-bad-post-logout-redirect-uri": "RP",
    "rp-initiated-logout-query-added-to-post-logout-redirect-uri": "RP",
    "rp-initiated-logout-modified-id-token-hint": "RP",
    "rp-initiated-logout-bad-id-token-hint": "RP",
    "rp-initiated-logout-no-id-token-hint": "RP",
    "rp-initiated-logout-no-params": "RP",
    "rp-initiated-logout-no-post-logout-redirect-uri": "RP",
    "rp-initiated-logout-only-state": "RP",
    "frontchannel-logout-discovery-endpoint-verification": "FC",
    "frontchannel-rp-initiated-logout": "FC",
    "backchannel-logout-discovery-endpoint-verification": "BC",
    "backchannel-rp-initiated-logout": "BC",
    "session-management-discovery-endpoint-verification": "SM",
    "session-management-rp-initiated-logout": "SM",
    "3rd_party-init-login": "TP",
    "3rd_party-init-login-nohttps": "TP",
}
ROWS = [row for section in SECTIONS for row in table_rows(PAGE, section)]


@cache
def played() -> dict[str, Any]:
    """All tests of modules in this folder, by file and name."""
    found = {}
    for path in sorted(FOLDER.glob("test_*.py")):
        if path != Path(__file__):
            module = importlib.import_module(f".{path.stem}", __package__)
            tests = inspect.getmembers(
                module, lambda value: inspect.isfunction(value) and value.__name__[:5] == "test_"
            )
            found.update({f"{path.name}::{name}": test for name, test in tests if test.__module__ == module.__name__})
    return found


def collected(test: Any) -> list[str]:
    """The ids under which pytest runs a test: of the one parametrisation that it has."""
    (mark,) = [mark for mark in test.pytestmark if mark.name == "parametrize"]
    assert mark.args[0] == "profile"
    return [mark.kwargs["ids"](value) for value in mark.args[1]]


def letters(cell: str) -> list[str]:
    """The profiles that a cell names, as :func:`selected` takes them."""
    return re.findall(r"[A-Z]+(?: \([^)]*\))?", cell.replace("`", ""))


def test_every_module_has_its_row() -> None:
    told = {literals(row[0])[0]: row[1].replace("`", "") for row in ROWS}
    assert len(told) == len(ROWS), "a module stands there twice"
    assert told == MODULES


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip("`"))
def test_a_module_is_played_in_its_profiles_or_it_is_said_why_not(row: list[str]) -> None:
    module, profiles, named, remark = row
    if not named:
        assert remark.endswith(".")
        return
    (name,) = literals(named)
    assert name.partition("::")[2] == f"test_{literals(module)[0].replace('-', '_').lower()}"
    wanted = [str(profile) for profile in selected(*(text.replace(" (", "(") for text in letters(profiles)))]
    assert sorted(collected(played()[name])) == sorted(wanted)


def test_every_test_has_its_row() -> None:
    assert {name for row in ROWS for name in literals(row[2])} == set(played())


def test_what_is_compared_is_what_runs() -> None:
    name = "test_happy_flows.py::test_server"
    assert collected(played()[name]) == [str(profile) for profile in selected("B", "I", "H", "D")]
    assert "formpost-hybrid:code+id_token+token" in collected(played()[name])
    assert len(played()) > 60 and "test_happy_flows.py::test_unheard_of" not in played()

"""Modules about the person at the browser: who has to sign in, again or not at all."""

from __future__ import annotations

from ..support import Provider
from .profiles import certified
from .relying_party import RelyingParty, waited


@certified("B", "I", "H")
def test_prompt_login(rp: RelyingParty) -> None:
    first = rp.sign_in()
    with waited(2):
        second = rp.sign_in(prompt="login")
    assert second.answer.sign_ins == 1
    assert second.claims["sub"] == first.claims["sub"]
    assert second.claims["auth_time"] > first.claims["auth_time"]


@certified("B", "I", "H")
def test_prompt_none_not_logged_in(rp: RelyingParty) -> None:
    answer = rp.authorize(prompt="none", state="s" * 128)  # a long one, as the suite has it
    assert (answer.told["error"], answer.pages) == ("login_required", 0)


@certified("B", "I", "H")
def test_prompt_none_logged_in(rp: RelyingParty) -> None:
    first = rp.sign_in()
    with waited(2):
        second = rp.sign_in_silently()
    assert second.claims["sub"] == first.claims["sub"]
    assert second.claims["auth_time"] == first.claims["auth_time"]


@certified("B", "I", "H")
def test_max_age_1(rp: RelyingParty) -> None:
    first = rp.sign_in()
    with waited(3):
        second = rp.sign_in(max_age="1")
    assert second.answer.sign_ins == 1
    assert second.claims["sub"] == first.claims["sub"]
    assert second.claims["auth_time"] > first.claims["auth_time"]


@certified("B", "I", "H")
def test_max_age_10000(rp: RelyingParty) -> None:
    first = rp.sign_in()
    with waited(2):
        second = rp.sign_in(max_age="10000")
    assert second.answer.sign_ins == 0
    assert second.claims["sub"] == first.claims["sub"]
    assert second.claims["auth_time"] == first.claims["auth_time"]


@certified("B", "I", "H")
def test_id_token_hint(rp: RelyingParty, op: Provider) -> None:
    first = rp.sign_in()
    second = rp.sign_in_silently(id_token_hint=first.id_token)
    assert second.claims["sub"] == first.claims["sub"]
    rp.browser = op.browser("bob")  # whom the hint does not speak of
    assert rp.authorize(prompt="none", id_token_hint=first.id_token).told["error"] == "login_required"

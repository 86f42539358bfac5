"""The certification's relying party: signs people in by the response type of a profile, and believes nothing."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from flask_oauth2server import clock

from ..flows.test_reauthentication import walk
from ..support import Browser, Provider, bearer, hidden_fields, pkce
from . import checks
from .profiles import Profile

SCOPES = ["openid", "profile", "email", "address", "phone", "offline_access"]


@dataclass(frozen=True)
class Answer:
    """What came to the redirect URI.

    :ivar told: its parameters.
    :ivar sent: the request.
    :ivar sign_ins: how often the person has signed in on the way.
    :ivar pages: how many pages of ours they have seen.
    """

    told: dict[str, str]
    sent: dict[str, str]
    sign_ins: int
    pages: int


@dataclass(frozen=True)
class SignedIn:
    """A flow that has succeeded, all of it checked.

    :ivar tokens: the answer of the token endpoint; empty without a code.
    :ivar front: the claims of the ID token that came by the browser.
    :ivar back: and of the one from the token endpoint.
    :ivar userinfo: None where there is no access token to ask with.
    """

    answer: Answer
    tokens: dict[str, Any]
    front: dict[str, Any] | None
    back: dict[str, Any] | None
    userinfo: dict[str, Any] | None

    @property
    def claims(self) -> dict[str, Any]:
        return self.back or self.front or {}

    @property
    def id_token(self) -> str:
        return str(self.tokens.get("id_token") or self.answer.told["id_token"])

    @property
    def access_token(self) -> str:
        return str(self.tokens.get("access_token") or self.answer.told["access_token"])

    @property
    def person(self) -> dict[str, Any]:
        """Where what a scope asks for is told: by userinfo, and without an access token in the ID token (Core, 5.4)."""
        return self.claims if self.userinfo is None else self.userinfo


class RelyingParty:
    """A client of *op*, and a person at a browser who is not signed in yet.

    :param metadata: what it registers beside the response type of its profile.
    """

    def __init__(self, op: Provider, profile: Profile, **metadata: Any) -> None:
        grants = ["authorization_code", "refresh_token"] if "code" in profile.words else []
        if not {"token", "id_token"}.isdisjoint(profile.words):
            grants.append("implicit")
        # The certification's clients know nothing of PKCE, which came after it; a client of ours may be without.
        values = {"response_types": [profile.response_type], "grant_types": grants, "require_pkce": False}
        self.op, self.profile = op, profile
        self.client = op.client(name="Certification", scopes=SCOPES, **{**values, **metadata})
        self.browser: Browser = op.browser()
        self.discovery: dict[str, Any] = op.api().get("/.well-known/openid-configuration").json
        self.issuer: str = self.discovery["issuer"]
        #: Fetched before anybody is sent, and kept: what is signed has to be good by these.
        self.keys = checks.check_jwks(self.jwks())

    def path(self, name: str) -> str:
        """Where the endpoint of that name is, as the provider says."""
        assert self.discovery[name].startswith(self.issuer)
        return urlsplit(self.discovery[name]).path

    def jwks(self) -> dict[str, Any]:
        """The keys that everybody can fetch."""
        found: dict[str, Any] = self.op.api().get(self.path("jwks_uri")).json
        return found

    # --- the authorization endpoint ------------------------------------------------------------------

    def request(self, **changes: str | None) -> dict[str, str]:
        """An authorization request; None leaves a parameter out."""
        asked = {
            "client_id": self.client.client_id,
            "response_type": self.profile.response_type,
            "redirect_uri": self.client.redirect_uri,
            "scope": "openid",
            "state": secrets.token_urlsafe(24),
            "nonce": secrets.token_urlsafe(24),
            "response_mode": "form_post" if self.profile.form_post else None,
            **changes,
        }
        return {name: value for name, value in asked.items() if value is not None}

    def visit(self, sent: dict[str, str], method: str = "GET") -> tuple[Any, int, int]:
        """Where the person ends after they have signed in and allowed what they are asked; how often they have signed
        in, and how many pages they have seen."""
        path = self.path("authorization_endpoint")
        address = f"{path}?{urlencode(sent)}"
        if method == "POST":
            address = self.browser.http.post(path, data=sent).headers["Location"]
        response, sign_ins = walk(self.browser, address)
        asks = response.status_code == 200 and "ticket" in hidden_fields(response)
        if asks:
            response = self.browser.answer(response)
        return response, sign_ins, sign_ins + asks

    def authorize(self, method: str = "GET", **changes: str | None) -> Answer:
        """Send the person to the provider; what comes back, checked."""
        return self.send(self.request(**changes), method)

    def send(self, sent: dict[str, str], method: str = "GET") -> Answer:
        """The same with a request that was made before."""
        response, sign_ins, pages = self.visit(sent, method)
        told = checks.received(response, self._place(sent), sent["redirect_uri"])
        checks.check_parameters(told, sent.get("response_type", "").split(), sent.get("state"), self.issuer)
        return Answer(told, sent, sign_ins, pages)

    def refused_by_a_page(self, **changes: str | None) -> Any:
        """The error page at which a request ends that must not lead to the redirect URI."""
        response, _, _ = self.visit(self.request(**changes))
        assert (response.status_code, "Location" in response.headers) == (400, False)
        assert "data-o2-send" not in response.text
        return response

    def _place(self, sent: dict[str, str]) -> str:
        if self.profile.form_post:
            return "form"
        return "query" if sent.get("response_type", "code") == "code" else "fragment"

    # --- the whole flow --------------------------------------------------------------------------------

    def sign_in(self, method: str = "GET", **changes: str | None) -> SignedIn:
        """A flow that has to succeed."""
        return self.finish(self.authorize(method, **changes))

    def sign_in_silently(self, **changes: str | None) -> SignedIn:
        """One in which the person sees nothing at all."""
        signed_in = self.sign_in(prompt="none", **changes)
        assert signed_in.answer.pages == 0
        return signed_in

    def finish(self, answer: Answer, **exchange: Any) -> SignedIn:
        """Exchange the code, read the ID tokens, ask userinfo."""
        assert "error" not in answer.told, answer.told
        told, words = answer.told, self.profile.words
        tokens = checks.check_tokens(self.exchange(told["code"], **exchange)) if "code" in words else {}
        front = back = None
        if "id_token" in words:
            front = self.read(told["id_token"], answer)
            checks.check_hash(front, "at_hash", told.get("access_token"), due="token" in words)
            checks.check_hash(front, "c_hash", told.get("code"), due="code" in words)
        if tokens:
            back = self.read(tokens["id_token"], answer)
            checks.check_hash(back, "at_hash", tokens["access_token"], due=False)
            checks.check_hash(back, "c_hash", told["code"], due=False)
        if front and back:
            assert (front["sub"], front["iss"], front["aud"]) == (back["sub"], back["iss"], back["aud"])
        sub = (back or front or {})["sub"]
        access_tokens = [where["access_token"] for where in (told, tokens) if "access_token" in where]
        answers = [self.userinfo(token).json for token in access_tokens]
        assert all(userinfo["sub"] == sub for userinfo in answers)
        return SignedIn(answer, tokens, front, back, answers[-1] if answers else None)

    def exchange(self, code: str, **changes: Any) -> Any:
        """The answer of the token endpoint to a code."""
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.client.redirect_uri}
        return self.client.post(self.path("token_endpoint"), **{**asked, **changes})

    def read(self, id_token: str, answer: Answer) -> dict[str, Any]:
        """The claims of an ID token, which is good."""
        claims = checks.check_signature(id_token, self.keys)
        checks.check_id_token(claims, self.issuer, self.client.client_id, answer.sent.get("nonce"))
        return claims

    def userinfo(self, token: str) -> Any:
        """The answer of userinfo, which is a success."""
        response = self.op.api().get(self.path("userinfo_endpoint"), headers=bearer(token))
        assert (response.status_code, response.mimetype) == (200, "application/json"), response.text
        return response

    def is_signed_in(self) -> bool:
        """Whether the provider still knows the person at the browser."""
        return "error" not in self.authorize(prompt="none").told


@contextmanager
def waited(seconds: float) -> Iterator[None]:
    """So much time has passed, and more passes: one who signs in has done so *after* they were asked to."""
    before = clock.timestamp
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "timestamp", lambda: before() + seconds)
        yield


def challenged() -> tuple[str, dict[str, str]]:
    """A verifier, and the parameters that go with it (RFC 7636, 4.3)."""
    verifier, challenge = pkce()
    return verifier, {"code_challenge": challenge, "code_challenge_method": "S256"}

"""What is fuzzed, and what every answer of it must keep to, whatever was sent."""

from __future__ import annotations

import base64
import html
import json
import os
import re
from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from werkzeug.test import run_wsgi_app

from ..support import ISSUER, Browser, Client, Provider

#: How many requests are sent in all. More than the default are chosen anew each time.
DEFAULT = 600
REQUESTS = int(os.environ.get("OAUTH2_TEST_FUZZ", str(DEFAULT)))
REPEATABLE = REQUESTS <= DEFAULT

LOOPBACK = "http://127.0.0.1/cb"
PRIVATE = "com.example.app:/cb"
WITH_QUERY = "https://client.example/cb?tenant=1"
AUTHORIZE, TOKEN, INTROSPECT, REVOKE = "/oauth/authorize", "/oauth/token", "/oauth/introspect", "/oauth/revoke"
PROTECTED, ERRORS = "/oauth/ping/", "/oauth/errors/"

_CODE = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*")


@dataclass
class Reply:
    """An answer as it goes out."""

    status: int
    headers: Any
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Target:
    """A provider with clients of all sorts, a person who is signed in, and values that are good now."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.statuses: Counter[Any] = Counter()
        self.web: Client = provider.client(
            redirect_uris=[WITH_QUERY],
            grant_types=["authorization_code", "refresh_token", "client_credentials"],
        )
        self.native: Client = provider.client(
            redirect_uris=[LOOPBACK, PRIVATE],
            application_type="native",
            token_endpoint_auth_method="none",
        )
        offered = "token" in provider.app.extensions["oauth2server"].response_types
        self.implicit: Client = provider.client(
            grant_types=["authorization_code", "implicit"] if offered else ["authorization_code"],
            response_types=["code", "token"] if offered else ["code"],
            token_endpoint_auth_method="client_secret_post",
            verified=True,
        )
        self.ada: Browser = provider.browser("ada")
        self.cookie = self.cookie_of(self.ada)
        self._fresh: dict[str, str] = {}
        self.used = self.web.tokens(self.ada)
        self.web.refresh(self.used["refresh_token"])

    def cookie_of(self, browser: Browser) -> str:
        """The session cookie of a browser, as a header."""
        return f"session={browser.http.get_cookie('session').value}"

    def value(self, name: str) -> str:
        """A value that stands for *name*: always the same, but for codes and tokens, which must be good."""
        fixed = {
            "web": self.web.client_id,
            "native": self.native.client_id,
            "implicit": self.implicit.client_id,
            "secret": self.web.secret or "",
            "posted secret": self.implicit.secret or "",
            "verifier": self.web.verifier,
            "challenge": self.web.challenge,
            "with query": WITH_QUERY,
            "loopback": "http://127.0.0.1:8765/cb",
            "private": PRIVATE,
            "callback": self.implicit.redirect_uri or "",
            "used refresh": self.used["refresh_token"],
        }
        return fixed[name] if name in fixed else self._good(name)

    def _good(self, name: str) -> str:
        if name == "code":
            return self.web.code(self.ada)
        kept = self._fresh.get(name)
        # A refresh token may have been used, an access token revoked.
        if kept is None or not self.web.post(INTROSPECT, token=kept).json["active"]:
            kept = self._fresh[name] = self.web.tokens(self.ada)[f"{name}_token"]
        return kept

    def basic(self) -> str:
        """The good Authorization header of the confidential client."""
        return "Basic " + base64.b64encode(f"{self.web.client_id}:{self.web.secret}".encode()).decode()

    def send(
        self, method: str, path: str, query: bytes = b"", body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Reply:
        """One request straight to the WSGI app, with nobody in between who would mend it; judged."""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query.decode("latin-1"),
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(body),
            "wsgi.errors": BytesIO(),
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in (headers or {}).items():
            key = name.upper().replace("-", "_")
            environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
        chunks, status, reply_headers = run_wsgi_app(self.provider.app, environ, buffered=True)
        reply = Reply(int(status.split()[0]), reply_headers, b"".join(chunks))
        self.statuses[reply.status] += 1
        refused_by_flask = "Host" in (headers or {}) and b"<title>400 Bad Request</title>" in reply.body
        if not (reply.status == 400 and refused_by_flask):  # a name that is none: no view is reached
            judge(method, path, reply)
        return reply

    # --- what holds ---------------------------------------------------------------------------


def judge(method: str, path: str, reply: Reply) -> None:
    """What every answer must keep to."""
    assert 200 <= reply.status < 500, reply
    for name, value in reply.headers:
        assert not re.search(r"[\r\n\0]", name + value), (name, value)
        (name + value).encode("latin-1")
    if reply.status == 401:
        assert reply.headers.getlist("WWW-Authenticate"), "a 401 without a challenge"
    if path in (AUTHORIZE, ERRORS):
        judge_page(reply)
    else:
        judge_answer(method, reply)


def judge_answer(method: str, reply: Reply) -> None:
    """An endpoint for programs answers JSON, and says ``error`` if it is one; nobody keeps it."""
    assert "Location" not in reply.headers
    if reply.status in (200, 204) and method == "OPTIONS":
        return
    assert reply.headers["Content-Type"] == "application/json", reply
    assert reply.headers["Cache-Control"] == "no-store", reply
    if method == "HEAD":
        assert reply.body == b""
        return
    answer = json.loads(reply.text)
    assert isinstance(answer, dict)
    if reply.status >= 400:
        assert re.fullmatch(r"[a-z_]+", answer["error"])
        assert _CODE.fullmatch(answer.get("error_description", ""))
    else:
        assert "error" not in answer


#: Where links and forms of pages may lead, beside registered redirect URIs.
OURS = ("/oauth/static/", "/oauth/sign-out/", "/account/settings/applications/", "#")


def judge_page(reply: Reply) -> None:
    """A page, or a redirect to the login page, to itself, or to a redirect URI that is registered."""
    location = reply.headers.get("Location")
    assert (location is not None) == (reply.status in (302, 303)), reply
    if location is not None:
        assert is_allowed(location), location
        return
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "no-store" in reply.headers["Cache-Control"]
    assert reply.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]
    # Nor does a page have a link to anywhere else.
    for address in re.findall(r"(?:href|src|action|formaction)\s*=\s*\"([^\"]*)\"", reply.text):
        target = html.unescape(address)
        assert target.startswith(OURS) or is_registered(target), target


def is_allowed(location: str) -> bool:
    """Whether a redirect may go there."""
    if re.fullmatch(r"/oauth/authorize\?[\x21-\x7e]+", location):
        return True
    if location.startswith("/login?"):
        parts = urlsplit(location)
        asked = parse_qs(parts.query, strict_parsing=True, keep_blank_values=True)
        (back,) = asked["next"]
        return set(asked) == {"next"} and re.match(r"/oauth/authorize(\?|$)", back) is not None
    return is_registered(location)


def is_registered(location: str) -> bool:
    """Whether *location* is a registered redirect URI with an answer of ours, and nothing else."""
    registered = [
        (re.escape(WITH_QUERY), "&"),
        (r"https://client\.example/cb", "?"),
        (r"http://127\.0\.0\.1(?::[0-9]{1,5})?/cb", "?"),
        (re.escape(PRIVATE), "?"),
    ]
    for uri, mark in registered:
        found = re.fullmatch(rf"{uri}(?:{re.escape(mark)}([^#]*)(#?)|#([^#]+))", location)
        if found is not None:
            break
    else:
        return False
    told = found[1] if found[1] is not None else found[3]
    pairs = parse_qsl(told, strict_parsing=True, keep_blank_values=True)
    answer = dict(pairs)
    assert len(answer) == len(pairs), "a parameter came twice"
    assert re.fullmatch(r"[A-Za-z0-9_.~%+=&*-]+", told), told
    known = {"state", "iss", "error", "error_description", "code", "access_token", "token_type", "expires_in", "scope"}
    one_of = {"code", "error", "access_token"} & set(answer)
    return set(answer) <= known and answer["iss"] == ISSUER and len(one_of) == 1

"""A client that does one thing after the other: for flows, for probes, and where there is no wrk."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from .facts import CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, SCOPE

FORM = "application/x-www-form-urlencoded"
_HOPS = 10


class Habits(NamedTuple):
    """How a target is spoken to.

    :ivar paths: addresses by what is served there.
    :ivar secret_in_form: whether the client's secret goes into the form, because HTTP Basic is not understood.
    :ivar settles: seconds after which the next request brings along what uses of tokens have left to be written.
    """

    paths: Mapping[str, str]
    secret_in_form: bool = False
    settles: float = 0

    def sent(self, form: Mapping[str, str], secret: str = CLIENT_SECRET) -> tuple[dict[str, str], str]:
        """Headers and body of a form that the client application sends."""
        if self.secret_in_form:
            return {"Content-Type": FORM}, urlencode({**form, "client_id": CLIENT_ID, "client_secret": secret})
        basic = "Basic " + base64.b64encode(f"{CLIENT_ID}:{secret}".encode()).decode()
        return {"Authorization": basic, "Content-Type": FORM}, urlencode(form)


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def location(self) -> str:
        """Where it sends the browser."""
        return self.headers.get("Location") or self.headers.get("location") or ""


class Client:
    """Speaks to one server, on a connection that is kept where the server keeps it."""

    def __init__(self, port: int, habits: Habits) -> None:
        self.habits = habits
        self.paths = habits.paths
        self.cookies: dict[str, str] = {}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: str | None = None) -> Answer:
        """One request; once more where a kept connection was closed meanwhile."""
        for again in (True, False):
            try:
                self._connection.request(method, path, body, dict(headers))
                response = self._connection.getresponse()
                answer = Answer(response.status, response.headers, response.read())  # type: ignore[arg-type]
                self._keep_cookies(response)
                return answer
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self._connection.close()
                if not again:
                    raise
        raise AssertionError

    def _keep_cookies(self, response: http.client.HTTPResponse) -> None:
        for header in response.headers.get_all("Set-Cookie") or ():
            name, _, value = header.partition(";")[0].partition("=")
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)

    def get(self, path: str, token: str | None = None) -> Answer:
        """With a token, or else with the cookies of a browser."""
        if token is not None:
            return self.ask("GET", path, {"Authorization": f"Bearer {token}"})
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return self.ask("GET", path, {"Cookie": cookies} if cookies else {})

    def post(self, name: str, **form: str) -> Answer:
        """A form, sent by the client application."""
        return self.ask("POST", self.paths[name], *self.habits.sent(form))

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def sign_in(client: Client) -> None:
    """Sign the person in: at the target's login address, or by an authorization request that leads there."""
    path = client.paths.get("login") or authorization_request(client, secrets.token_urlsafe(32))
    for _ in range(_HOPS):
        answer = client.get(path)
        if answer.status == 200:
            return
        assert answer.status in (302, 303, 307), (path, answer.status, answer.body[:300])
        if answer.location.startswith(REDIRECT_URI):
            return
        parts = urlsplit(answer.location)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
    raise AssertionError(f"{path} leads nowhere")


def authorization_request(client: Client, verifier: str) -> str:
    """The address that a browser is sent to (RFC 6749, 4.1.1; RFC 7636, 4.3)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": REDIRECT_URI,
        "scope": SCOPE,
        "state": verifier[:16],
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{client.paths['authorize']}?{urlencode(query, quote_via=quote)}"


def flow(client: Client) -> dict[str, Any]:
    """Code and PKCE, from the authorization request to the tokens.

    :raises AssertionError: if anything else comes back.
    """
    verifier = secrets.token_urlsafe(32)
    answer = client.get(authorization_request(client, verifier))
    assert answer.status in (302, 303), (answer.status, answer.body[:300])
    sent = parse_qs(urlsplit(answer.location).query)
    assert answer.location.startswith(REDIRECT_URI) and "code" in sent, answer.location
    assert sent["state"] == [verifier[:16]], answer.location
    form = {"code": sent["code"][0], "redirect_uri": REDIRECT_URI, "code_verifier": verifier}
    tokens = client.post("token", grant_type="authorization_code", **form)
    assert tokens.status == 200, (tokens.status, tokens.body[:300])
    found: dict[str, Any] = tokens.json
    assert found["access_token"] and found["refresh_token"], found
    return found


def refreshed(client: Client, refresh_token: str) -> dict[str, Any]:
    """A new pair for a refresh token.

    :raises AssertionError: if anything else comes back, or the same refresh token again.
    """
    answer = client.post("token", grant_type="refresh_token", refresh_token=refresh_token)
    assert answer.status == 200, (answer.status, answer.body[:300])
    found: dict[str, Any] = answer.json
    assert found["access_token"] and found["refresh_token"] != refresh_token, found
    return found


def issued(client: Client) -> str:
    """An access token for the client itself.

    :raises AssertionError: if none comes back.
    """
    answer = client.post("token", grant_type="client_credentials", scope=SCOPE)
    assert answer.status == 200, (answer.status, answer.body[:300])
    return str(answer.json["access_token"])


def revoked(client: Client, token: str) -> None:
    """A token given back.

    :raises AssertionError: if the server does not agree.
    """
    answer = client.post("revoke", token=token, token_type_hint="access_token")
    assert answer.status == 200, (answer.status, answer.body[:300])

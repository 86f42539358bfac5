"""Whatever comes, the answer is one of the specification, and no error of ours."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..races.figures import report
from ..support import hidden_fields
from . import ingredients as some
from .target import (
    AUTHORIZE,
    ERRORS,
    INTROSPECT,
    PROTECTED,
    REPEATABLE,
    REQUESTS,
    REVOKE,
    TOKEN,
    Target,
    is_registered,
)


def fuzzed(share: float) -> Callable[[Any], Any]:
    """Settings of a test that sends that share of all requests."""
    return settings(
        max_examples=max(20, int(REQUESTS * share)),
        deadline=None,
        derandomize=REPEATABLE,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module", autouse=True)
def figures(target: Target) -> Iterator[None]:
    """How many answers of each status there were."""
    began = time.monotonic()
    yield
    seconds = round(time.monotonic() - began, 1)
    report("fuzzed requests", seconds=seconds, total=target.statuses.total(), statuses=dict(target.statuses))


def written(target: Target, pairs: list[Any], separator: bytes) -> bytes:
    """A query or body, with the good values put in."""
    pieces = []
    for name, value, spelling in pairs:
        raw = target.value(value[1]).encode() if isinstance(value, tuple) else value
        pieces.append(spelling(name) + b"=" + spelling(raw))
    return separator.join(pieces)


def headed(target: Target, authorization: str | None, content_type: str, extra: dict[str, str]) -> dict[str, str]:
    """Headers, with the good values put in."""
    headers = {"Content-Type": content_type, **extra}
    if authorization == "good":
        headers["Authorization"] = target.basic()
    elif authorization == "good token":
        headers["Authorization"] = f"Bearer {target.value('access')}"
    elif authorization is not None:
        headers["Authorization"] = authorization
    return headers


GOOD_REQUEST = {
    "response_type": b"code",
    "client_id": ("good", "web"),
    "redirect_uri": ("good", "with query"),
    "scope": b"email",
    "state": b"xyz",
    "code_challenge": ("good", "challenge"),
    "code_challenge_method": b"S256",
}
GOOD_FORMS: list[dict[str, Any]] = [
    {
        "grant_type": b"authorization_code",
        "code": ("good", "code"),
        "redirect_uri": ("good", "with query"),
        "code_verifier": ("good", "verifier"),
    },
    {"grant_type": b"refresh_token", "refresh_token": ("good", "refresh")},
    {"grant_type": b"client_credentials", "scope": b"email"},
    {"token": ("good", "access"), "token_type_hint": b"access_token"},
    {"token": ("good", "refresh")},
]


@st.composite
def changed(draw: Any, good: dict[str, Any]) -> list[Any]:
    """A good request with some parameters left out, changed or sent twice, and others added."""
    pairs = [(name.encode(), value, some._quoted) for name, value in good.items()]
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(pairs) - 1)) if pairs else 0
        how = draw(st.sampled_from(["drop", "change", "twice"]))
        if pairs and how == "drop":
            pairs.pop(at)
        elif pairs and how == "change":
            pairs[at] = (pairs[at][0], draw(some.VALUES), draw(some.SPELLINGS))
        elif pairs:
            pairs.append((pairs[at][0], draw(some.VALUES), draw(some.SPELLINGS)))
    added = draw(st.lists(st.tuples(some.NAMES, some.VALUES, some.SPELLINGS), max_size=2))
    return draw(st.permutations([*pairs, *added]))


@st.composite
def led_astray(draw: Any) -> list[Any]:
    """A good request of any client whose answer is to go to a place that looks like one of its own."""
    client = draw(st.sampled_from(["web", "native", "implicit"]))
    good = {**GOOD_REQUEST, "client_id": ("good", client), "redirect_uri": draw(some.NEAR_MISSES)}
    # Answered at once, with or without a click, or by a page.
    good |= draw(st.sampled_from([{"prompt": b"none"}, {"scope": b"nothing"}, {"response_type": b"token"}, {}]))
    return [(name.encode(), value, some._quoted) for name, value in good.items()]


REQUEST_PAIRS = st.one_of(changed(GOOD_REQUEST), led_astray(), led_astray(), some.PAIRS)


@fuzzed(0.28)
@given(
    method=some.METHODS,
    pairs=REQUEST_PAIRS,
    separator=some.SEPARATORS,
    in_body=st.booleans(),
    signed_in=st.booleans(),
    authorization=some.AUTHORIZATIONS,
    content_type=some.CONTENT_TYPES,
    extra=some.EXTRA_HEADERS,
)
def test_authorize_leads_nowhere_but_where_it_may(
    target: Target,
    method: str,
    pairs: list[Any],
    separator: bytes,
    in_body: bool,
    signed_in: bool,
    authorization: str | None,
    content_type: str,
    extra: dict[str, str],
) -> None:
    headers = headed(target, authorization, content_type, extra)
    if signed_in:
        headers["Cookie"] = target.cookie
    sent = written(target, pairs, separator)
    query, body = (b"", sent) if in_body and method == "POST" else (sent, b"")
    reply = target.send(method, AUTHORIZE, query, body, headers)
    location = reply.headers.get("Location", "")
    if not signed_in and is_registered(location):
        assert "error=" in location, "nobody was there, and something was granted"


@fuzzed(0.02)
@given(method=some.METHODS, pairs=st.lists(st.tuples(st.just(b"error"), some.VALUES, some.SPELLINGS), max_size=3))
def test_the_page_of_errors_shows_what_it_likes(target: Target, method: str, pairs: list[Any]) -> None:
    reply = target.send(method, ERRORS, written(target, pairs, b"&"))
    assert "Location" not in reply.headers
    assert reply.text.count("<script") == reply.text.count('<script src="/oauth/static/oauth2server.js"')


@fuzzed(0.1)
@given(
    changes=st.dictionaries(
        st.sampled_from(["csrf_token", "ticket", "confirm", "scope", "client_id"]), some.VALUES, max_size=2
    ),
    twice=st.booleans(),
    content_type=some.CONTENT_TYPES,
    extra=some.EXTRA_HEADERS,
)
def test_a_consent_form_grants_only_as_it_is(
    target: Target, changes: dict[str, Any], twice: bool, content_type: str, extra: dict[str, str]
) -> None:
    address = target.web.address(scope="email notes", prompt="consent")
    page = target.ada.visit(address)
    form: dict[str, Any] = {**{name: value.encode() for name, value in hidden_fields(page).items()}, "confirm": b"yes"}
    pairs = [(name.encode(), value, some._quoted) for name, value in {**form, **changes}.items()]
    headers = {**headed(target, None, content_type, extra), "Cookie": target.cookie_of(target.ada)}
    query = address.partition("?")[2].encode()
    sent = written(target, pairs, b"&")
    first = target.send("POST", AUTHORIZE, query, sent, headers)
    granted = first.status == 303 and "code=" in first.headers["Location"].partition("tenant=1")[2]
    damaged = {"csrf_token", "ticket"} & set(changes) or not content_type.lower().startswith(some.FORM)
    assert not (granted and damaged)
    if twice:
        again = target.send("POST", AUTHORIZE, query, sent, headers)
        assert not (granted and again.status == 303 and "code=" in again.headers["Location"].partition("tenant=1")[2])


def _endpoint_test(path: str, share: float) -> Any:
    forms = st.one_of(*(changed(form) for form in GOOD_FORMS), *(changed(form) for form in GOOD_FORMS), some.PAIRS)

    @fuzzed(share)
    @given(
        method=st.one_of(st.just("POST"), st.just("POST"), some.METHODS),
        pairs=forms,
        separator=some.SEPARATORS,
        query=st.one_of(st.just([]), st.just([]), some.PAIRS),
        authorization=st.one_of(st.just("good"), some.AUTHORIZATIONS),
        content_type=some.CONTENT_TYPES,
        extra=some.EXTRA_HEADERS,
    )
    def test(
        target: Target,
        method: str,
        pairs: list[Any],
        separator: bytes,
        query: list[Any],
        authorization: str | None,
        content_type: str,
        extra: dict[str, str],
    ) -> None:
        headers = headed(target, authorization, content_type, extra)
        body = written(target, pairs, separator)
        reply = target.send(method, path, written(target, query, b"&"), body, headers)
        if reply.status == 200 and method not in ("OPTIONS", "HEAD"):
            answer = json.loads(reply.text)
            assert method == "POST"
            wanted = {TOKEN: "access_token", INTROSPECT: "active"}
            assert path == REVOKE or wanted[path] in answer

    return test


test_token_answers_as_specified = _endpoint_test(TOKEN, 0.25)
test_introspect_answers_as_specified = _endpoint_test(INTROSPECT, 0.08)
test_revoke_answers_as_specified = _endpoint_test(REVOKE, 0.07)


@fuzzed(0.05)
@given(body=st.one_of(some.JSON_BODIES, st.binary(max_size=50)), path=st.sampled_from([TOKEN, INTROSPECT, REVOKE]))
def test_a_body_of_another_type_is_refused(target: Target, body: Any, path: str) -> None:
    if isinstance(body, bytes):
        content_type = "multipart/form-data; boundary=b"
        body = b'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\n' + body + b"\r\n--b--\r\n"
    else:
        content_type, body = "application/json", json.dumps(body).encode()
    headers = {"Content-Type": content_type, "Authorization": target.basic()}
    reply = target.send("POST", path, b"", body, headers)
    assert (reply.status, json.loads(reply.text)["error"]) == (400, "invalid_request")


@fuzzed(0.1)
@given(
    method=st.one_of(st.sampled_from(["GET", "POST"]), some.METHODS),
    authorization=some.AUTHORIZATIONS,
    query=st.one_of(
        st.just([]),
        some.PAIRS,
        st.lists(st.tuples(st.just(b"access_token"), some.VALUES, some.SPELLINGS), min_size=1, max_size=2),
    ),
    body=st.one_of(st.just(b""), st.binary(max_size=30), st.just(urlencode({"access_token": "x"}).encode())),
    content_type=some.CONTENT_TYPES,
    extra=some.EXTRA_HEADERS,
)
def test_a_protected_view_lets_nobody_in_without_a_token(
    target: Target,
    method: str,
    authorization: str | None,
    query: list[Any],
    body: bytes,
    content_type: str,
    extra: dict[str, str],
) -> None:
    headers = headed(target, authorization, content_type, extra)
    reply = target.send(method, PROTECTED, written(target, query, b"&"), body, headers)
    if reply.status == 200:
        good_in_query = any(name == b"access_token" and value == ("good", "access") for name, value, _ in query)
        assert authorization == "good token" or good_in_query

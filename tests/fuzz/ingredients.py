"""What requests are made of: good values, damaged ones, and bytes that no browser would send."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote_from_bytes

from hypothesis import strategies as st

METHODS = st.sampled_from(
    ["GET", "POST"] * 6 + ["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "get", "", "*"]
)

#: Stands for something good, which is made when it is sent.
GOOD = st.sampled_from(
    [
        "web",
        "native",
        "implicit",
        "secret",
        "posted secret",
        "verifier",
        "challenge",
        "with query",
        "loopback",
        "private",
        "callback",
        "code",
        "access",
        "refresh",
        "used refresh",
    ]
).map(lambda name: ("good", name))

_WORDS = [
    *("code", "token", "none", "login", "consent", "select_account", "query", "fragment", "form_post", "S256", "plain"),
    *("authorization_code", "refresh_token", "client_credentials", "implicit", "password", "access_token", "email"),
    *("email profile", "notes", "openid", "email  email", "0", "-1", "1e9", "99999999999999999999", "yes", "no", "٣"),
    *("https://evil.example/", "https://client.example/cb/../x", "https://client.example/cb#x", "//evil.example"),
    *("javascript:alert(1)", "http://127.0.0.1:99999/cb", "http://127.0.0.1:8765/cb?x", "http://localhost/cb"),
    *("https://client.example/cb?tenant=1&x", "https://client.example/cb%0d%0aX: y", "com.example.app:/cb#"),
    *("o2a_" + "a" * 49, "o2r_" + "0" * 49, "o2c_x", "\r\nLocation: https://evil.example", '"><script>', "{{7*7}}"),
    *("code token", "xcodex", "code code", " code", "\t", "\u2028", "\U0001f600"),
]
_TEXT = st.text(max_size=20).map(lambda text: text.encode("utf-8"))
_BYTES = st.one_of(
    st.sampled_from([word.encode() for word in _WORDS]),
    _TEXT,
    st.binary(max_size=12),
    # NUL, lone surrogates, overlong forms, a byte order mark, a truncated character
    st.sampled_from(
        [b"\0", b"a\0b", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xc0\xaf", b"\xef\xbb\xbfa", b"\xe2\x82", b"\xff"]
    ),
    st.sampled_from([b"a" * 300, b"%" * 600, b"x" * 9000, b"\xc3\xa9" * 2000, b"a" * 70_000, b" " * 5000]),
)
VALUES = st.one_of(GOOD, GOOD, _BYTES)

_KNOWN = [
    *("response_type", "client_id", "redirect_uri", "scope", "state", "response_mode", "prompt", "max_age", "request"),
    *(
        "request_uri",
        "code_challenge",
        "code_challenge_method",
        "reauthenticated",
        "grant_type",
        "code",
        "refresh_token",
    ),
    *("code_verifier", "client_secret", "token", "token_type_hint", "ticket", "csrf_token", "confirm", "access_token"),
    # what oauthlib would take for attributes of its request
    *(
        "user",
        "client",
        "scopes",
        "claims",
        "nonce",
        "id_token_hint",
        "resource",
        "ui_locales",
        "_client",
        "uri",
        "body",
    ),
]
NAMES = st.one_of(st.sampled_from([name.encode() for name in _KNOWN]), _BYTES)


def _quoted(raw: bytes) -> bytes:
    return quote_from_bytes(raw, safe="").encode()


#: How a name or value is written: properly, as raw bytes, or with damaged percent signs.
SPELLINGS = st.sampled_from([_quoted] * 6 + [bytes, lambda raw: raw + b"%", lambda raw: b"%u0041%zz" + _quoted(raw)])
PAIRS = st.lists(st.tuples(NAMES, VALUES, SPELLINGS), max_size=6)
_REGISTERED = [
    b"https://client.example/cb",
    b"https://client.example/cb?tenant=1",
    b"http://127.0.0.1/cb",
    b"http://127.0.0.1:8765/cb",
    b"com.example.app:/cb",
]
_INSERTED = st.sampled_from(
    [
        *(b".", b"/", b"//", b"\\", b"@", b":", b"#", b"?", b"&a=b", b"%2e", b"%00", b"\t", b" ", b"\r\n", b"\xc2\xad"),
        *(
            b".evil.example",
            b"@evil.example/",
            b"evil.example#",
            b"/../evil",
            b";",
            b":443",
            b":0",
            b":65536",
            b"A",
            b"x",
        ),
    ]
)


@st.composite
def _near_miss(draw: Any) -> bytes:
    uri = draw(st.sampled_from(_REGISTERED))
    at = draw(st.integers(0, len(uri)))
    cut = draw(st.sampled_from([0, 0, 1, 3]))
    return uri[:at] + draw(_INSERTED) + uri[at + cut :]


#: Redirect URIs that are nearly, or really, registered.
NEAR_MISSES = st.one_of(_near_miss(), _near_miss(), st.sampled_from(_REGISTERED), st.just(b"https://evil.example/cb"))

SEPARATORS = st.sampled_from([b"&"] * 8 + [b"&&", b";", b"\n", b"&amp;"])

FORM = "application/x-www-form-urlencoded"
CONTENT_TYPES = st.one_of(
    st.just(FORM),
    st.just(FORM),
    st.sampled_from(
        [
            f"{FORM}; charset=utf-16",
            f"{FORM}; charset=no-such-thing",
            f"{FORM.upper()} ; ; =",
            "multipart/form-data",
            "multipart/form-data; boundary=b",
            'multipart/form-data; boundary="' + "b" * 300 + '"',
            "multipart/form-data; boundary=\xff",
            "application/json",
            "text/plain",
            "",
            "/",
            ";",
            "\xe9\0",
            "a" * 3000,
        ]
    ),
)


def basic(raw: bytes) -> str:
    """A Basic header."""
    return "Basic " + base64.b64encode(raw).decode()


AUTHORIZATIONS = st.one_of(
    st.none(),
    st.just("good"),
    st.just("good token"),
    st.binary(max_size=20).map(basic),
    st.sampled_from(
        [
            *(
                "Basic",
                "Basic ",
                "Basic  ",
                "basic !!!",
                "Basic ====",
                "Basic YQ",
                "BASIC Og==",
                "Basic\tOg==",
                "Basic Og== x",
            ),
            *(
                "Bearer",
                "Bearer ",
                "Bearer a b",
                "bearer " + "o2a_" + "a" * 49,
                "Bearer \xe9",
                "Bearer a,b",
                'Bearer "a"',
            ),
            *(
                "Digest username=x",
                "DPoP x",
                ":",
                " ",
                "\xff\xfe",
                "Bearer " + "a" * 70_000,
                "Basic " + "QUFB" * 20_000,
            ),
            *(
                basic(b"\0:\0"),
                basic(b"a:" + b"b" * 5000),
                basic(b"%00:%00"),
                basic(b"%ff:%zz"),
                basic(b"\xed\xa0\x80:x"),
            ),
        ]
    ),
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=30),
)

_HEADER_TEXT = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=20)
EXTRA_HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("Origin", "Referer", "Host", "Accept", "Accept-Language", "Cookie", "Content-Encoding", "Content-Length"),
            *("X-Forwarded-For", "X-Forwarded-Proto", "X-HTTP-Method-Override", "If-None-Match", "Range", "User-Agent"),
            *("If-Modified-Since", "Transfer-Encoding", "DPoP", "Access-Control-Request-Method", "Expect"),
        ]
    ),
    st.one_of(
        _HEADER_TEXT,
        st.sampled_from(
            ["https://evil.example", "*", "null", "chunked", "0", "-1", "1e3", "99999999", "bytes=0-0", "gzip"]
        ),
    ),
    max_size=3,
)

JSON_BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KNOWN), inner, max_size=4),
    max_leaves=6,
)

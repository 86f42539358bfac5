"""What may be registered as a redirect URI, and what matches one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_oauth2server.domain import redirect_uris

GOOD = [
    "https://client.example/cb",
    "https://client.example",
    "https://client.example:8443/cb?a&b=1",
    "https://xn--bcher-kva.example/cb",
    "https://[2001:db8::1]/cb",
    "https://10.0.0.1/cb",
    "http://127.0.0.1/cb",
    "http://127.0.0.1:5000/cb",
    "http://[::1]:5000/cb",
    "http://localhost:5000/cb",
]

BAD = [
    "",
    "x",
    "/cb",
    "//client.example/cb",
    "client.example/cb",
    "https:",
    "https:/client.example/cb",
    "https:client.example",
    "https://",
    "https:///cb",
    "https://client.example/#",
    "https://client.example/cb#x",
    "https://user@client.example/cb",
    "https://user:pw@client.example/cb",
    "https://*.client.example/cb",
    "https://client.example:/cb",
    "https://client.example:port/cb",
    "https://client.example:99999/cb",
    "https://CLIENT.example/cb",
    "HTTPS://client.example/cb",
    "https://bücher.example/cb",
    "https://client.example/c b",
    "https://client.example/cb\n",
    "https://client.example/cb\0",
    "https://client.example\\@evil.example/cb",
    'https://client.example/"',
    "https://client.example/<script>",
    "https://[::1",
    "http://client.example/cb",
    "http://127.0.0.2/cb",
    "http://127.0.0.1.evil.example/cb",
    "http://localhost.evil.example/cb",
    "http://localhost@evil.example/cb",
    "ftp://client.example/cb",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "about:blank",
    "blob:https://client.example/x",
    "urn:ietf:wg:oauth:2.0:oob",
    "myapp:/cb",
    "myapp://cb",
    "https://" + "x" * 3000,
]

PRIVATE = ["com.example.app:/cb", "com.example.app://cb", "com.example-1.app:cb", "org.a.b.c:/x?y=1"]


@pytest.mark.parametrize("uri", GOOD)
@pytest.mark.parametrize("native", [True, False])
def test_good_ones(uri: str, native: bool) -> None:
    redirect_uris.check(uri, native=native)
    assert redirect_uris.matches(uri, [uri])


@pytest.mark.parametrize("uri", [*BAD, None, 5, b"https://client.example/", ["x"]])
@pytest.mark.parametrize("native", [True, False])
def test_bad_ones(uri: object, native: bool) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        redirect_uris.check(uri, native=native)


@pytest.mark.parametrize("uri", PRIVATE)
def test_private_use_schemes_are_for_native_apps(uri: str) -> None:
    redirect_uris.check(uri, native=True)
    with pytest.raises(ValueError, match='needs application_type "native"'):
        redirect_uris.check(uri, native=False)
    assert redirect_uris.is_native(uri)
    assert not redirect_uris.is_loopback(uri)


@pytest.mark.parametrize(
    "uri", ["com.example.app:", ".example:/cb", "com..app:/cb", "1com.example:/cb", "com.Example:/"]
)
def test_other_schemes(uri: str) -> None:
    with pytest.raises(ValueError, match=r"\."):
        redirect_uris.check(uri, native=True)


@given(st.text(max_size=80), st.booleans())
def test_nothing_raises_anything_but_value_error(uri: str, native: bool) -> None:
    try:
        redirect_uris.check(uri, native=native)
    except ValueError:
        accepted = False
    else:
        accepted = True
    scheme = uri.partition(":")[0]
    assert not accepted or scheme in ("http", "https") or (native and "." in scheme)


@given(st.text(max_size=40), st.sampled_from(GOOD + PRIVATE))
def test_only_the_same_string_matches_or_another_port_on_loopback(sent: str, registered: str) -> None:
    for uri in (sent, registered + sent, sent + registered):
        if uri != registered:
            assert not redirect_uris.matches(uri, [registered])


@given(st.integers(0, 100_000), st.sampled_from(["127.0.0.1", "[::1]"]))
def test_ports(port: int, host: str) -> None:
    assert redirect_uris.matches(f"http://{host}:{port}/cb", [f"http://{host}/cb"]) is (0 < port < 65536)


@pytest.mark.parametrize(
    ("uri", "host", "port"),
    [
        ("https://client.example/cb", "client.example", ""),
        ("https://client.example:8443/cb", "client.example", "8443"),
        ("http://127.0.0.1:53682/", "127.0.0.1", "53682"),
        ("http://[::1]:8/", "[::1]", "8"),
        ("com.example.app:/cb", "com.example.app", ""),
    ],
)
def test_what_people_are_told(uri: str, host: str, port: str) -> None:
    assert redirect_uris.host(uri) == host
    assert redirect_uris.port(uri) == port

"""The ready code for clients: which of it fits, and that nothing which a client brings is run."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from flask_oauth2server.errors import IssuerUnknown
from flask_oauth2server.ui.admin.snippets import Snippet

from .conftest import close
from .snippets import SERVICE, code_for, registered, shell
from .support import Provider, build

#: Every character of a client ID, a redirect URI and a scope that means something in one of the languages.
STRANGE = "a'b\"c\\d$(e)`f`</script>${g}!%41+;&|\\n--"
STRANGE_URI = "https://client.example/it's/$(id);&x=$y!*+%41/cb?a='b"
STRANGE_SCOPES = ["it's", "$(id)", "`id`", "</script>", "{{7*7}}"]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """One provider for all clients."""
    provider = build(f"sqlite:///{tmp_path_factory.mktemp('snippets')}/x.sqlite")
    yield provider
    close(provider)


# --- which fit ------------------------------------------------------------------------------------

WEB = {"curl", "requests-oauthlib", "authlib", "flask-oauthlib"}
OWN = {"curl-service", "requests-oauthlib-service", "authlib-service"}
PUBLIC = {"token_endpoint_auth_method": "none"}


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({}, WEB),
        ({"grant_types": ["authorization_code", "client_credentials"]}, WEB | OWN),
        (SERVICE, OWN),
        ({"may_introspect": True, **SERVICE}, OWN | {"curl-introspect", "requests-introspect"}),
        ({"redirect_uris": ["https://client.example/cb"], **PUBLIC}, {"browser", "curl"}),
        (PUBLIC, {"browser", "device", "curl"}),
        ({"redirect_uris": ["com.example.app:/cb"], "application_type": "native", **PUBLIC}, {"device", "curl"}),
    ],
)
def test_only_what_fits_is_shown(provider: Provider, values: dict[str, Any], names: set[str]) -> None:
    client_id, _ = registered(provider, **values)
    assert set(code_for(provider, client_id)) == names


def test_why_there_is_none(provider: Provider) -> None:
    client_id, _ = registered(provider)
    assert "PKCE" in code_for(provider, client_id)["flask-oauthlib"].unfit
    client_id, _ = registered(provider, require_pkce=False)
    assert "in the body" in code_for(provider, client_id)["flask-oauthlib"].unfit
    assert code_for(provider, client_id)["flask-oauthlib"].parts == []
    client_id, _ = registered(provider, application_type="native", redirect_uris=["com.example.app:/cb"], **PUBLIC)
    assert "http://127.0.0.1/callback" in code_for(provider, client_id)["device"].unfit
    client_id, _ = registered(provider, client_id="a:b")
    assert "client_secret_post" in code_for(provider, client_id)["authlib"].unfit
    client_id, _ = registered(provider, client_id="c:d", token_endpoint_auth_method="client_secret_post")
    assert not code_for(provider, client_id)["authlib"].unfit


def test_the_issuer_must_be_known(make: Callable[..., Provider]) -> None:
    provider = make(config={"OAUTH2_ISSUER": None})
    client_id, _ = registered(provider)
    with pytest.raises(IssuerUnknown):
        code_for(provider, client_id)


# --- nothing that a client brings is run ----------------------------------------------------------


def constants(text: str) -> dict[str, Any]:
    """The constants on top of a Python program."""
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant | ast.List):
            found[ast.unparse(node.targets[0])] = ast.literal_eval(node.value)
    return found


@pytest.fixture(scope="module")
def strange(provider: Provider) -> dict[str, dict[str, Snippet]]:
    """All code of clients with strange values, by method."""
    codes = {}
    for method in ("client_secret_basic", "client_secret_post", "none"):
        grants = ["authorization_code", "refresh_token", *(["client_credentials"] if method != "none" else [])]
        client_id, _ = registered(
            provider,
            client_id=f"{method[-4:]}{STRANGE}",
            name="x\"'</script>$(id)",
            redirect_uris=[STRANGE_URI, "http://127.0.0.1/it's/cb"],
            grant_types=grants,
            token_endpoint_auth_method=method,
            require_pkce=method != "client_secret_post",
            may_introspect=method != "none",
        )
        codes[method] = code_for(provider, client_id, STRANGE_SCOPES)
    return codes


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_values_are_quoted_for_their_language(strange: dict[str, dict[str, Snippet]], method: str) -> None:
    client_id = f"{method[-4:]}{STRANGE}"
    right = {
        "CLIENT_ID": client_id,
        "REDIRECT_URI": STRANGE_URI,
        "PATH": "/it's/cb",
        "SCOPES": STRANGE_SCOPES,
        "SCOPE": " ".join(STRANGE_SCOPES),
        "clientId": client_id,
        "redirectUri": STRANGE_URI,
        "scope": " ".join(STRANGE_SCOPES),
    }
    for part in (part for snippet in strange[method].values() for part in snippet.parts):
        if part.name.startswith("curl"):
            _in_bash(part.text, method, client_id)
            continue
        found = constants(part.text) if part.name != "browser" else _javascript(part.text)
        assert {"CLIENT_ID", "clientId"} & set(found), part.name
        assert {name: found[name] for name in found if name in right} == {
            name: value for name, value in right.items() if name in found
        }


def _javascript(text: str) -> dict[str, Any]:
    """The strings on top of a JavaScript program, which can stand in a page as it is."""
    assert "</script" not in text
    assert "<!--" not in text
    return {name: json.loads(value) for name, value in re.findall(r"^const (\w+) = (\".*\");$", text, re.MULTILINE)}


def _in_bash(text: str, method: str, client_id: str) -> None:
    """Run it with a curl that prints what it is given, each on a line of its own."""
    stub = "curl() { printf '[%s]\\n' \"$@\" >&3; printf '{}'; }\n"
    script = text.replace("PASTE_IT_HERE", "it")
    printed = shell(f"{stub}verifier=v\nexec 3>&1\n{script}", "secret").splitlines()
    sent = unquote("\n".join(printed).replace("+", " "))
    told = dict(line[1:-1].partition("=")[::2] for line in printed if "=" in line and line.startswith("["))
    if "code_challenge_method" in text:
        query = dict(parse_qsl(urlsplit(printed[0]).query))
        assert query["client_id"] == client_id
        assert (query["redirect_uri"], query["scope"]) == (STRANGE_URI, " ".join(STRANGE_SCOPES))
    elif method == "client_secret_basic":
        user = printed[printed.index("[--user]") + 1]
        assert unquote(user) == f"[{client_id}:secret]"
    else:
        assert told["client_id"] == client_id
        assert told.get("client_secret") == ("secret" if method == "client_secret_post" else None)
    if "redirect_uri" in told:
        assert told["redirect_uri"] == STRANGE_URI
    if "scope" in told:
        assert told["scope"] == " ".join(STRANGE_SCOPES)
    assert "uid=" not in sent

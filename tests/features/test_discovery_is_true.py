"""What the discovery document lists is what the server does, and what it does not list it does not do."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from joserfc import jwk

from flask_oauth2server import InvalidClientMetadata

from ..certification.conftest import CONFIG, furnished
from ..conftest import close
from ..support import CALLBACK, Provider, answer_of, bearer, build

WELL_KNOWN = "/.well-known/openid-configuration"
TYPES = ["code", "token", "id_token", "id_token token", "code id_token", "code token", "code id_token token"]
KEYS = [jwk.generate_key("RSA", 2048, {"use": "enc"}), jwk.generate_key("EC", "P-256", {"use": "enc"})]
JWKS = {"keys": [key.as_dict(private=False) for key in KEYS]}
EVERYTHING = ["openid", "profile", "email", "address", "phone", "notes", "offline_access"]


@pytest.fixture(scope="module", params=["as it comes", "everything on"])
def op(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    config = CONFIG if request.param == "everything on" else {}
    provider = build(f"sqlite:///{tmp_path_factory.mktemp('true')}/provider.sqlite", config=config)
    yield furnished(provider) if config else provider
    close(provider)


def grants_for(words: str) -> list[str]:
    code = ["authorization_code", "refresh_token"] if "code" in words.split() else []
    return [*code, *(["implicit"] if {"token", "id_token"} & set(words.split()) else [])]


def asked(op: Provider, words: str = "code", scope: str = "openid", sent: Any = (), **registered: Any) -> Any:
    """What comes of a request: the client, and the answer to the browser after everything was allowed."""
    scopes = [s for s in EVERYTHING if s in op.oauth2.scopes or s in op.app.extensions["oauth2server"].scopes]
    values = {"scopes": scopes, "response_types": [words], "grant_types": grants_for(words), **registered}
    client = op.client(**values)
    answer = op.browser("ada").allow(
        client.address(response_type=words, scope=scope, nonce="n", **dict(sent)), ("notes",)
    )
    return client, answer


def tokens_of(op: Provider, scope: str = "openid", sent: Any = (), **registered: Any) -> dict[str, Any]:
    client, answer = asked(op, "code", scope, sent, **registered)
    return dict(client.exchange(answer_of(answer)["code"]).json)


def header_of(token: str) -> dict[str, Any]:
    part = token.split(".")[0]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


def claims_of(token: str) -> set[str]:
    part = token.split(".")[1]
    return set(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


def those(values: Iterable[str], works: Callable[[str], bool]) -> set[str]:
    """Of some values those that work; what may not be registered does not."""

    def tried(value: str) -> bool:
        try:
            return works(value)
        except InvalidClientMetadata:
            return False

    return {value for value in values if tried(value)}


# --- what really works ---------------------------------------------------------------------------------


def response_types(op: Provider) -> set[str]:
    return those([*TYPES, "none"], lambda words: "error" not in answer_of(asked(op, words)[1]))


def response_modes(op: Provider) -> set[str]:
    def arrives(mode: str) -> bool:
        answer = asked(op, sent={"response_mode": mode})[1]
        if answer.status_code == 200:
            return mode == "form_post" and "data-o2-send" in answer.text
        parts = urlsplit(answer.location)
        return "code=" in {"query": parts.query, "fragment": parts.fragment}.get(mode, "")

    return those(["query", "fragment", "form_post", "web_message", "query.jwt", "jwt"], arrives)


def grant_types(op: Provider) -> set[str]:
    uris = "urn:ietf:params:oauth:grant-type:"
    names = ["authorization_code", "refresh_token", "client_credentials", "password"]
    names += [f"{uris}{name}" for name in ("device_code", "token-exchange", "jwt-bearer")]
    client = op.client(grant_types=["authorization_code", "refresh_token", "client_credentials"])

    def is_known(name: str) -> bool:
        answer = client.post("/oauth/token", grant_type=name, scope="email").json
        return answer.get("error") != "unsupported_grant_type"

    return those(names, is_known) | ({"implicit"} if "token" in response_types(op) else set())


def auth_methods(op: Provider, path: str = "/oauth/token") -> set[str]:
    def authenticates(method: str) -> bool:
        client = op.client(token_endpoint_auth_method=method, scopes=["openid"])
        body = {} if method == "client_secret_basic" else {"client_id": client.client_id}
        body |= {"client_secret": client.secret} if method == "client_secret_post" else {}
        given = {"grant_type": "refresh_token", "refresh_token": "x", "token": "x"}
        answer = client.post(path, basic=method == "client_secret_basic", **given, **body)
        return bool(answer.json.get("error") in (None, "invalid_grant"))

    names = ["client_secret_basic", "client_secret_post", "none"]
    return those([*names, "client_secret_jwt", "private_key_jwt", "tls_client_auth"], authenticates)


def signing(op: Provider, what: str) -> set[str]:
    def signs(alg: str) -> bool:
        tokens = tokens_of(op, **{f"{what}_signed_response_alg": alg})
        userinfo = op.api().get("/oauth/userinfo", headers=bearer(tokens["access_token"])).text
        return bool(header_of(tokens["id_token"] if what == "id_token" else userinfo)["alg"] == alg)

    return those(["RS256", "RS384", "PS256", "PS384", "ES256", "ES384", "EdDSA", "HS256", "none"], signs)


def encrypting(op: Provider, what: str, part: str) -> set[str]:
    def encrypts(value: str) -> bool:
        names = {"alg": "RSA-OAEP-256", "enc": "A128CBC-HS256", part: value}
        tokens = tokens_of(op, jwks=JWKS, **{f"{what}_encrypted_response_{name}": one for name, one in names.items()})
        userinfo = op.api().get("/oauth/userinfo", headers=bearer(tokens["access_token"])).text
        return bool(header_of(tokens["id_token"] if what == "id_token" else userinfo)[part] == value)

    algs = ["RSA-OAEP-256", "ECDH-ES", "RSA-OAEP", "RSA1_5", "dir", "ECDH-ES+A128KW"]
    return those(algs if part == "alg" else ["A128CBC-HS256", "A256GCM", "A128GCM", "A256CBC-HS512"], encrypts)


def prompts(op: Provider) -> set[str]:
    def is_known(prompt: str) -> bool:
        client = op.client(scopes=["openid"])
        answer = op.browser("ada").visit(client.address(scope="openid", prompt=prompt))
        told = answer_of(answer) if answer.location and answer.location.startswith(CALLBACK) else {}
        return told.get("error") != "invalid_request"

    return those(["none", "login", "consent", "select_account", "other"], is_known)


def scopes(op: Provider) -> set[str]:
    known = {"email", "profile", "notes", "address", "phone", "openid", "offline_access", "other"}
    return those(known, lambda one: one in tokens_of(op, f"openid {one}", scopes=["openid", one])["scope"].split())


def claims(op: Provider) -> set[str]:
    """All that a client is ever told."""
    scope = " ".join(s for s in EVERYTHING if s in op.app.extensions["oauth2server"].scopes)
    told = tokens_of(op, scope)
    seen = claims_of(told["id_token"])
    seen |= set(op.api().get("/oauth/userinfo", headers=bearer(told["access_token"])).json)
    for words in response_types(op) & {"id_token", "code id_token"}:
        seen |= claims_of(answer_of(asked(op, words, scope)[1])["id_token"])
    return seen


def acr_values(op: Provider) -> set[str]:
    def is_met(acr: str) -> bool:
        wanted = json.dumps({"id_token": {"acr": {"essential": True, "value": acr}}})
        return "error" not in answer_of(asked(op, sent={"claims": wanted})[1])

    return those(["pwd", "mfa"], is_met)


def challenges(op: Provider) -> set[str]:
    return those(
        ["S256", "plain"],
        lambda method: "code" in answer_of(asked(op, sent={"code_challenge_method": method})[1]),
    )


def error_of(op: Provider, **sent: str) -> str | None:
    return answer_of(asked(op, sent=sent)[1]).get("error")


def may_register(name: str, value: str) -> Callable[[Provider], bool]:
    return lambda op: bool(op.client(scopes=["openid"], **{name: value}))


LISTS: dict[str, Callable[[Provider], set[str]]] = {
    "response_types_supported": response_types,
    "response_modes_supported": response_modes,
    "grant_types_supported": grant_types,
    "token_endpoint_auth_methods_supported": auth_methods,
    "introspection_endpoint_auth_methods_supported": lambda op: auth_methods(op, "/oauth/introspect"),
    "revocation_endpoint_auth_methods_supported": lambda op: auth_methods(op, "/oauth/revoke"),
    "code_challenge_methods_supported": challenges,
    "prompt_values_supported": prompts,
    "scopes_supported": scopes,
    "claims_supported": claims,
    "acr_values_supported": acr_values,
    "claim_types_supported": lambda _op: {"normal"},
    "subject_types_supported": lambda op: those(
        ["public", "pairwise", "secret"], lambda kind: "id_token" in tokens_of(op, subject_type=kind)
    ),
    **{f"{what}_signing_alg_values_supported": lambda op, w=what: signing(op, w) for what in ("id_token", "userinfo")},
    **{
        f"{what}_encryption_{part}_values_supported": lambda op, w=what, p=part: encrypting(op, w, p)
        for what in ("id_token", "userinfo")
        for part in ("alg", "enc")
    },
}
FLAGS: dict[str, Callable[[Provider], bool]] = {
    "authorization_response_iss_parameter_supported": lambda op: "iss" in answer_of(asked(op)[1]),
    "claims_parameter_supported": lambda op: error_of(op, claims="nonsense") == "invalid_request",
    "request_parameter_supported": lambda op: error_of(op, request="x") != "request_not_supported",
    "request_uri_parameter_supported": lambda op: error_of(op, request_uri="urn:x") != "request_uri_not_supported",
    **{
        f"{kind}channel_logout{session}_supported": may_register(
            f"{kind}channel_logout_uri", f"{CALLBACK.rpartition('/')[0]}/logout"
        )
        for kind in ("back", "front")
        for session in ("", "_session")
    },
}


@pytest.mark.parametrize("member", LISTS)
def test_what_is_listed_works_and_nothing_else_does(op: Provider, member: str) -> None:
    listed = op.api().get(WELL_KNOWN).json.get(member, [])
    assert LISTS[member](op) == set(listed)


@pytest.mark.parametrize("member", FLAGS)
def test_what_is_said_of_a_feature_is_so(op: Provider, member: str) -> None:
    assert FLAGS[member](op) is op.api().get(WELL_KNOWN).json[member]


def test_nothing_is_said_that_is_not_tried_here(op: Provider) -> None:
    told = op.api().get(WELL_KNOWN).json
    addresses = {name for name in told if name.endswith(("_endpoint", "_uri"))} | {"issuer"}
    assert set(told) <= {*LISTS, *FLAGS, *addresses}
    for name in addresses - {"issuer"}:
        assert op.api().get(urlsplit(told[name]).path).status_code != 404, name

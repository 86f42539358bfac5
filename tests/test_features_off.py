"""A feature that is left out, or switched off, leaves nothing behind: no route, parameter, metadata, command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_oauth2server import DEFAULT_FEATURES
from flask_oauth2server.extension import enabling_key
from flask_oauth2server.oauth.parameters import known

from .support import Provider

#: What each feature brings: routes, parameters by endpoint, members of metadata, grants, response types, methods.
BRINGS: dict[str, dict[str, Any]] = {
    "client_secret": {
        "methods": {"client_secret_basic", "client_secret_post"},
        "parameters": {"token": {"client_secret"}},
    },
    "public_client": {"methods": {"none"}},
    "authorization_code": {
        "parameters": {
            "token": {"code", "redirect_uri", "code_verifier"},
            "authorize": {"code_challenge", "code_challenge_method"},
        },
        "grants": {"authorization_code"},
        "response_types": {"code"},
        "metadata": {"code_challenge_methods_supported"},
    },
    "refresh_token": {"parameters": {"token": {"refresh_token"}}, "grants": {"refresh_token"}},
    "client_credentials": {"grants": {"client_credentials"}},
    "implicit": {"response_types": {"token", "id_token", "id_token token"}},
    "hybrid": {"response_types": {"code id_token", "code token", "code id_token token"}},
    "form_post": {"response_modes": {"form_post"}},
    "bearer": {},
    "token_cache": {},
    "revocation": {
        "routes": {"/oauth/revoke"},
        "metadata": {"revocation_endpoint", "revocation_endpoint_auth_methods_supported"},
    },
    "introspection": {
        "routes": {"/oauth/introspect"},
        "metadata": {"introspection_endpoint", "introspection_endpoint_auth_methods_supported"},
    },
    "openid": {
        "routes": {"/.well-known/openid-configuration"},
        "parameters": {"authorize": {"nonce", "id_token_hint", "login_hint", "acr_values", "display", "ui_locales"}},
        "metadata": {"id_token_signing_alg_values_supported", "subject_types_supported", "claims_supported"},
    },
    "userinfo": {"routes": {"/oauth/userinfo"}, "metadata": {"userinfo_endpoint"}},
    "logout": {"routes": {"/oauth/logout"}, "metadata": {"end_session_endpoint"}},
    "jwks": {"routes": {"/oauth/jwks"}, "metadata": {"jwks_uri"}},
    "metadata": {"routes": {"/.well-known/oauth-authorization-server"}},
    "probe": {"routes": {"/oauth/ping/", "/oauth/info/", "/oauth/invalid/"}},
    "metrics": {"routes": {"/oauth/metrics"}},
}
#: Without these there is no provider.
FOUNDATION = {"authorize", "token"}


def name_of(feature: Any) -> str:
    return feature.__name__.rpartition(".")[2]


def described(provider: Provider) -> dict[str, Any]:
    server = provider.app.extensions["oauth2server"]
    metadata = provider.api().get("/.well-known/oauth-authorization-server")
    return {
        "routes": {rule.rule for rule in provider.app.url_map.iter_rules()},
        "parameters": {endpoint: set(known(server, endpoint)) for endpoint in server.parameters},
        "grants": set(server.grants),
        "response_types": set(server.response_types),
        "response_modes": set(server.response_modes),
        "methods": set(server.client_auths),
        "metadata": set(metadata.json) if metadata.status_code == 200 else set(),
    }


def test_every_feature_is_listed_here() -> None:
    assert {name_of(feature) for feature in DEFAULT_FEATURES} == set(BRINGS) | FOUNDATION


@pytest.mark.parametrize("name", BRINGS)
def test_a_feature_that_is_left_out(make: Callable[..., Provider], name: str) -> None:
    on = {
        "OAUTH2_ENABLE_IMPLICIT": True,
        "OAUTH2_ENABLE_HYBRID": True,
        "OAUTH2_ENABLE_METRICS": True,
        "OAUTH2_METRICS_TOKEN": "a token",
    }
    whole = described(make(config=on))
    config = {key: value for key, value in on.items() if name.upper() not in key}
    others = [feature for feature in DEFAULT_FEATURES if name_of(feature) != name]
    left = described(make(config=config, features=others))
    for what, expected in BRINGS[name].items():
        if what == "parameters":
            for endpoint, parameters in expected.items():
                assert parameters <= whole["parameters"][endpoint]
                assert not parameters & left["parameters"][endpoint]
        else:
            assert expected <= whole[what]
            assert not expected & left[what]


@pytest.mark.parametrize("feature", [f for f in DEFAULT_FEATURES if enabling_key(f) in getattr(f, "DEFAULTS", {})])
@pytest.mark.parametrize("switch", [True, False])
def test_a_switch_adds_and_removes_a_feature(make: Callable[..., Provider], feature: Any, switch: bool) -> None:
    provider = make(config={enabling_key(feature): switch, "OAUTH2_METRICS_TOKEN": "a token"})
    told = described(provider)
    for what, expected in BRINGS[name_of(feature)].items():
        if what == "parameters":
            assert all((names <= told[what][endpoint]) is switch for endpoint, names in expected.items())
        else:
            assert (expected <= told[what]) is switch


def test_what_is_announced_is_served(make: Callable[..., Provider]) -> None:
    provider = make(config={"OAUTH2_ENABLE_IMPLICIT": True, "OAUTH2_ENABLE_HYBRID": True})
    metadata = provider.api().get("/.well-known/oauth-authorization-server").json
    for name, value in metadata.items():
        if name.endswith("_endpoint"):
            path = value.removeprefix(metadata["issuer"])
            assert provider.api().open(path, method="FOO").status_code == 405, name
    for grant_type in metadata["grant_types_supported"]:
        if grant_type != "implicit":
            client = provider.client(grant_types=[grant_type], response_types=None if "code" in grant_type else [])
            answer = client.post("/oauth/token", grant_type=grant_type)
            assert answer.json["error"] != "unsupported_grant_type"
    for response_type in metadata["response_types_supported"]:
        client = provider.client(scopes=["openid"], response_types=metadata["response_types_supported"])
        asked = client.address(response_type=response_type, scope="openid", nonce="n")
        page = provider.browser("ada").visit(asked)
        assert page.status_code == 200


def test_a_feature_of_one_s_own(make: Callable[..., Provider]) -> None:
    class Feature:
        __name__ = "greeting"
        DEFAULTS = {"OAUTH2_GREETING": "hello"}

        @staticmethod
        def init_app(server: Any) -> None:
            from flask_oauth2server.oauth.responses import json_answer

            def greet() -> Any:
                return json_answer({"greeting": server.settings["OAUTH2_GREETING"]})

            server.add_route("/greet", "greet", greet, page=False)
            server.add_metadata(lambda issuer: {"greeting_endpoint": f"{issuer}/oauth/greet"})
            server.add_client_metadata("mood", "fine", _mood)
            server.add_token_filter(lambda issuance: issuance.members.update(mood=issuance.client.metadata["mood"]))

    def _mood(value: Any, metadata: Any) -> None:
        if value not in ("fine", "bad"):
            raise ValueError("is fine or bad.")

    provider = make(features=[*DEFAULT_FEATURES, Feature], config={"OAUTH2_GREETING": "good morning"})
    metadata = provider.api().get("/.well-known/oauth-authorization-server").json
    assert metadata["greeting_endpoint"] == "https://provider.example/oauth/greet"
    assert provider.api().get("/oauth/greet").json == {"greeting": "good morning"}
    with pytest.raises(ValueError, match="mood: is fine or bad"):
        provider.client(mood="odd")
    assert provider.client(mood="bad").tokens(provider.browser("ada"))["mood"] == "bad"


def test_a_feature_that_brings_a_command_and_a_cleanup(make: Callable[..., Provider]) -> None:
    import click

    purged: list[int] = []

    class Feature:
        __name__ = "tidy"

        @staticmethod
        def init_app(server: Any) -> None:
            server.add_command(click.Command("tidy", callback=lambda: click.echo("tidied")))
            server.add_cleanup(lambda limit: purged.append(limit) or 0)

    provider = make(features=[*DEFAULT_FEATURES, Feature])
    assert provider.app.test_cli_runner().invoke(args=["oauth2", "tidy"]).output == "tidied\n"
    provider.app.test_cli_runner().invoke(args=["oauth2", "purge"])
    assert purged
    assert "tidy" not in make().app.test_cli_runner().invoke(args=["oauth2", "--help"]).output


def test_request_filters_and_handles_of_a_pushed_request(make: Callable[..., Provider]) -> None:
    """PAR in a nutshell: the verbs suffice for it."""
    from flask_oauth2server.errors import PageError
    from flask_oauth2server.oauth import client_auth, parameters
    from flask_oauth2server.oauth.parameters import Parameters
    from flask_oauth2server.oauth.responses import json_answer

    from .support import answer_of

    class Pushed:
        __name__ = "pushed"

        @staticmethod
        def init_app(server: Any) -> None:
            def push() -> Any:
                sent = parameters.from_form(server, "push")
                client = client_auth.authenticate(server, sent)
                payload = {"pairs": list(sent.without("client_secret"))}
                value = server.storage.unit.run(lambda: server.handles.make("pushed", client.pk, payload))
                return json_answer({"request_uri": value, "expires_in": 300}, 201)

            def peek(sent: Parameters) -> Parameters:
                value = sent.get("request_uri")
                if value is None:
                    return sent
                row = server.handles.peek("pushed", value)
                if row is None:
                    raise PageError("invalid_request", "No such request.")
                return Parameters([tuple(pair) for pair in row.payload["pairs"]], (row.id,))

            server.add_route("/push", "push", push, page=False, methods=("POST",))
            server.add_parameters("push", authenticates=True, like="authorize")
            server.add_handle("pushed", "u", 300)
            server.add_request_filter(peek)

    provider = make(features=[*DEFAULT_FEATURES, Pushed])
    client, ada = provider.client(), provider.browser("ada")
    asked = {"response_type": "code", "redirect_uri": client.redirect_uri, "scope": "email", "state": "pushed"}
    challenge = {"code_challenge": client.challenge, "code_challenge_method": "S256"}
    pushed = client.post("/oauth/push", client_id=client.client_id, **asked, **challenge)
    assert pushed.status_code == 201, pushed.text
    address = f"/oauth/authorize?client_id={client.client_id}&request_uri={pushed.json['request_uri']}"
    assert ada.visit(address).status_code == 200  # peeking uses nothing up
    answer = answer_of(ada.allow(address))
    assert answer["state"] == "pushed"
    assert client.exchange(answer["code"]).status_code == 200
    again = ada.allow(f"{address}&prompt=consent")
    assert (again.status_code, "Location" in again.headers) == (400, False)

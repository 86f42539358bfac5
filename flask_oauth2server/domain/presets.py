"""Kinds of applications, each with what fits it: for the form, the command line and Python alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import InvalidClientMetadata
from ..text import Sentence
from .metadata import Available


class Preset(NamedTuple):
    """One kind of application.

    :ivar name: names it in Python and on the command line.
    :ivar title: names it for people.
    :ivar who: a sentence that tells whether an application is one.
    :ivar sets: a sentence that tells what it is registered with.
    :ivar scopes: the most it may ask for; None: what is chosen, or the default.
    :ivar example: a redirect URI of one; empty: it has none.
    """

    name: str
    title: Sentence
    who: Sentence
    sets: Sentence
    token_endpoint_auth_method: str
    grant_types: tuple[str, ...]
    response_types: tuple[str, ...] = ()
    application_type: str = "web"
    require_pkce: bool = True
    may_introspect: bool = False
    scopes: tuple[str, ...] | None = None
    example: str = ""

    @property
    def asks_for_redirect_uris(self) -> bool:
        """Whether people return to it, so that it needs a redirect URI."""
        return bool(self.response_types)

    def is_offered(self, available: Available) -> bool:
        """Whether this server can do what it needs; refreshing it can do without."""
        needed = [grant for grant in self.grant_types if grant != "refresh_token"]
        return (
            all(grant in available.grant_types for grant in needed)
            and all(words in available.response_types for words in self.response_types)
            and self.token_endpoint_auth_method in available.auth_methods
        )

    def applied(self, given: Mapping[str, Any], available: Available) -> dict[str, Any]:
        """*given* metadata with the values of this preset where there is none; explicit values win."""
        chosen = {name: value for name, value in given.items() if value is not None}
        values: dict[str, Any] = {
            "token_endpoint_auth_method": self.token_endpoint_auth_method,
            "application_type": self.application_type,
            "require_pkce": self.require_pkce,
        }
        if "grant_types" not in chosen:  # else the response types follow from those
            values["grant_types"] = [g for g in self.grant_types if g != "refresh_token" or g in available.grant_types]
            values["response_types"] = list(self.response_types)
        if self.may_introspect:
            values["may_introspect"] = True
        return {**values, **chosen}


_CODE: dict[str, Any] = {
    "grant_types": ("authorization_code", "refresh_token"),
    "response_types": ("code",),
}

#: In the order of the form.
PRESETS: tuple[Preset, ...] = (
    Preset(
        "web",
        Sentence("Web app"),
        Sentence("It runs on a server of its makers, where nobody else can read its secret, and people sign in to it."),
        Sentence("Confidential, with a secret. People return to it with a code; it may refresh. PKCE is demanded."),
        "client_secret_basic",
        **_CODE,
        example="https://app.example/callback",
    ),
    Preset(
        "spa",
        Sentence("Single-page app"),
        Sentence("It runs in the browser alone, where a secret cannot be kept."),
        Sentence("Public, without a secret. PKCE is demanded, and each refresh token works once."),
        "none",
        **_CODE,
        example="https://app.example/callback",
    ),
    Preset(
        "native",
        Sentence("Mobile or desktop app"),
        Sentence("It is installed on a person's device, where a secret cannot be kept."),
        Sentence("Public, without a secret. It may return to a scheme of its own, or to the device on any port."),
        "none",
        **_CODE,
        application_type="native",
        example="com.example.app:/callback",
    ),
    Preset(
        "service",
        Sentence("Service"),
        Sentence("A program that acts for itself, without people: a nightly import, a monitor."),
        Sentence(
            "Confidential, with a secret. It gets tokens by client credentials; nobody returns to it. "
            "Name an owner, who answers for it."
        ),
        "client_secret_basic",
        ("client_credentials",),
    ),
    Preset(
        "resource-server",
        Sentence("Resource server"),
        Sentence("An API elsewhere that is sent tokens of this provider and asks whether they are good."),
        Sentence("Confidential, with a secret. It may introspect all tokens, and gets none itself."),
        "client_secret_basic",
        (),
        may_introspect=True,
        scopes=(),
    ),
)
BY_NAME: Mapping[str, Preset] = {preset.name: preset for preset in PRESETS}


def offered(available: Available) -> list[Preset]:
    """The presets whose grants are switched on."""
    return [preset for preset in PRESETS if preset.is_offered(available)]


def named(name: str, available: Available) -> Preset:
    """The preset of that name.

    :raises InvalidClientMetadata: if there is none, or it is not offered here.
    """
    preset = BY_NAME.get(name)
    if preset is None or not preset.is_offered(available):
        known = ", ".join(preset.name for preset in offered(available))
        raise InvalidClientMetadata("preset", f"{name!r} is not offered here; offered are {known}.")
    return preset

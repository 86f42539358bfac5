"""Client metadata (RFC 7591, 2): one table of rules for the Python API, the command line and forms."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ..errors import InvalidClientMetadata
from ..scopes import ScopeRegistry
from ..text import Sentence
from . import names, redirect_uris

_HALVES = frozenset(map(chr, range(0xD800, 0xE000)))
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

#: Raises ValueError with a sentence if a value is not accepted; sees all metadata beside it.
Check = Callable[[Any, Mapping[str, Any]], None]


class Field(NamedTuple):
    """One metadata value: its default where none is given, what it must be, and what another machine has to confirm."""

    default: Any = None
    check: Check | None = None
    confirm: Check | None = None


class Available(NamedTuple):
    """What this server offers, read when metadata is validated; each is filled by features."""

    grant_types: Collection[str]
    response_types: Collection[str]
    auth_methods: Mapping[str, Any]
    scopes: ScopeRegistry


def sorted_words(response_type: str | None) -> str:
    """The words of a response type in their one order (OAuth 2.0 Multiple Response Types, 3)."""
    return " ".join(sorted((response_type or "").split()))


def text(value: Any, metadata: Mapping[str, Any]) -> None:
    """A string of printable characters, without those that turn the direction of what stands beside it."""
    if isinstance(value, str) and not _TURNING.isdisjoint(value):
        raise ValueError(Sentence("must have no characters that change the direction of text."))
    if not isinstance(value, str) or len(value) > 4000 or not _is_text(value):
        raise ValueError(Sentence("must be text of at most 4,000 characters."))


def _is_text(value: object) -> bool:
    """Whether a page can show it: no half of a character, as JSON can write one, and none that controls."""
    return isinstance(value, str) and not any((c < " " and c not in "\n\r\t") or c in _HALVES for c in value)


def is_name(name: object) -> bool:
    """Whether *name* can be what people see of an application or token: 1 to 255 printable characters."""
    return isinstance(name, str) and bool(name.strip()) and len(name) <= 255 and names.is_shown(name)


def check_name(name: object) -> None:
    """Refuse what cannot be the name of an application.

    :raises ValueError: with a sentence.
    """
    if not isinstance(name, str) or not name.strip():
        raise ValueError(Sentence("give the application a name. People decide by it."))
    if not is_name(name):
        raise ValueError(Sentence("use at most 255 characters that can be seen."))


def web_address(value: Any, metadata: Mapping[str, Any]) -> None:
    """An https address; links on pages are made of it, so no other scheme is let in."""
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        host = parts.hostname
    except ValueError:
        host = None
    plain = host and len(value) <= 2000 and re.fullmatch(r"[\x21\x23-\x3b\x3d\x3f-\x5b\x5d-\x7e]+", value)
    if not plain or parts.scheme != "https" or "@" in parts.netloc:
        raise ValueError(Sentence("must be an address that begins with https://."))


def _flag(value: Any, metadata: Mapping[str, Any]) -> None:
    if not isinstance(value, bool):
        raise ValueError(Sentence("must be true or false."))


def _strings(value: Any, metadata: Mapping[str, Any]) -> None:
    if not isinstance(value, list | tuple) or not all(_is_text(item) for item in value) or len(value) > 100:
        raise ValueError(Sentence("must be a list of at most 100 strings."))


def _redirect_uris(value: Any, metadata: Mapping[str, Any]) -> None:
    _strings(value, metadata)
    for uri in value:
        try:
            redirect_uris.check(uri, native=metadata.get("application_type") == "native")
        except ValueError as error:
            named = str(error).startswith(uri[:200])
            raise ValueError(str(error) if named else f"{uri[:200]}: {error}") from None


def _application_type(value: Any, metadata: Mapping[str, Any]) -> None:
    if value not in ("web", "native"):
        raise ValueError(Sentence('must be "web" or "native".'))


def _require_pkce(value: Any, metadata: Mapping[str, Any]) -> None:
    _flag(value, metadata)
    if not value and metadata["token_endpoint_auth_method"] == "none":
        raise ValueError(Sentence("only a confidential client may turn PKCE off."))


#: What every client may say of itself, in this order on forms; features add to a copy of it.
FIELDS: dict[str, Field] = {
    "redirect_uris": Field((), _redirect_uris),
    "token_endpoint_auth_method": Field("client_secret_basic", text),
    "grant_types": Field(None, _strings),
    "response_types": Field(None, _strings),
    "scope": Field("", text),
    "application_type": Field("web", _application_type),
    "require_pkce": Field(True, _require_pkce),
    "description": Field("", text),
    "client_uri": Field(None, web_address),
    "policy_uri": Field(None, web_address),
    "tos_uri": Field(None, web_address),
    "contacts": Field(None, _strings),
    "software_id": Field(None, text),
    "software_version": Field(None, text),
}


def completed(
    given: Mapping[str, Any],
    fields: Mapping[str, Field],
    available: Available,
    before: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """*given* with defaults filled in and every rule applied; None values are left out.

    :param before: what the client has already; that may stay, even if it is not offered any more.
    :raises InvalidClientMetadata: naming the field and the remedy.
    """
    for name in given:
        if name not in fields:
            raise InvalidClientMetadata(name, f"is not known; known are {', '.join(fields)}.")
    result = {name: given.get(name) if given.get(name) is not None else field.default for name, field in fields.items()}
    if result["redirect_uris"] is None:
        result["redirect_uris"] = ()
    _fill_in_grants(result, available)
    for name, field in fields.items():
        _judge(field.check, name, result)
    _check_together(result, available, before)
    return {name: list(v) if isinstance(v, tuple) else v for name, v in result.items() if v is not None}


def confirm(complete: Mapping[str, Any], fields: Mapping[str, Field], before: Mapping[str, Any]) -> None:
    """Have confirmed by other machines what has changed, or hangs on redirect URIs that have.

    :raises InvalidClientMetadata: naming the field.
    """
    for name, field in fields.items():
        if any(complete.get(what) != before.get(what) for what in (name, "redirect_uris")):
            _judge(field.confirm, name, complete)


def needs_confirmation(given: Mapping[str, Any], fields: Mapping[str, Field]) -> bool:
    """Whether there is a value that another machine has to confirm."""
    return any(field.confirm is not None and given.get(name) is not None for name, field in fields.items())


def _judge(check: Check | None, name: str, metadata: Mapping[str, Any]) -> None:
    if check is not None and metadata.get(name) is not None:
        try:
            check(metadata[name], metadata)
        except ValueError as error:
            raise InvalidClientMetadata(name, error.args[0]) from None


def _fill_in_grants(result: dict[str, Any], available: Available) -> None:
    _judge(_strings, "grant_types", result)
    if result["grant_types"] is None:
        with_code = [g for g in ("authorization_code", "refresh_token") if g in available.grant_types]
        result["grant_types"] = with_code if result["redirect_uris"] else ["client_credentials"]
    if isinstance(result["response_types"], list | tuple):
        result["response_types"] = [sorted_words(w) if isinstance(w, str) else w for w in result["response_types"]]
    if result["response_types"] is None:
        result["response_types"] = ["code"] if "authorization_code" in result["grant_types"] else []


def _check_together(result: dict[str, Any], available: Available, before: Mapping[str, Any]) -> None:
    grant_types, response_types = result["grant_types"], result["response_types"]
    implicit = (
        ["implicit"] if any({"token", "id_token"} & set(words.split()) for words in available.response_types) else []
    )
    offered_grants = [*available.grant_types, *implicit, *before.get("grant_types", ())]
    _each_known("grant_types", grant_types, offered_grants)
    _each_known("response_types", response_types, [*available.response_types, *before.get("response_types", ())])
    method = result["token_endpoint_auth_method"]
    _each_known("token_endpoint_auth_method", [method], available.auth_methods)
    words = {word for response_type in response_types for word in response_type.split()}
    if ("code" in words) != ("authorization_code" in grant_types):
        raise InvalidClientMetadata("response_types", '"code" and the grant authorization_code go together.')
    if response_types and not result["redirect_uris"]:
        raise InvalidClientMetadata("redirect_uris", "add at least one redirect URI.")
    if method == "none" and "client_credentials" in grant_types:
        raise InvalidClientMetadata("grant_types", "client_credentials is for confidential clients only.")
    scopes = str(result["scope"]).split()
    _each_known("scope", scopes, [*(scope.id for scope in available.scopes), *before.get("scope", "").split()])


def _each_known(field: str, values: Collection[Any], known: Collection[str]) -> None:
    for value in values:
        if value not in known:
            raise InvalidClientMetadata(
                field, f"{value!r} is not offered here; offered are {', '.join(sorted(known))}."
            )

"""What an administrator says of a client's ID tokens, userinfo, keys and sign-out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from wtforms import Form, SelectField, SelectMultipleField, StringField, TextAreaField

from ... import jose
from ...domain import id_tokens, identifiers
from ...state import ServerState
from ...text import _
from ..forms import trimmed

_SIGNED = "id_token_signed_response_alg", "userinfo_signed_response_alg"
_ENCRYPTED = "id_token_encrypted_response_alg", "userinfo_encrypted_response_alg"
_ADDRESSES = "sector_identifier_uri", "jwks_uri", "backchannel_logout_uri", "frontchannel_logout_uri"
_JWKS, _AFTER, _MAX_AGE = "jwks", "post_logout_redirect_uris", "default_max_age"
_NAMES = (*_SIGNED, *_ENCRYPTED, *_ADDRESSES, identifiers.TYPE, _JWKS, _AFTER, _MAX_AGE)


def number(text: str) -> Any:
    """Seconds; what is no number is left to the registry to refuse."""
    return None if not text else int(text) if text.isascii() and text.isdigit() and len(text) < 12 else text


class OpenIdFields(Form):
    """Fields named as the metadata of OpenID Connect Registration, 2; those of features that are off are left out."""

    response_types = SelectMultipleField(choices=[], validate_choice=False)
    id_token_signed_response_alg = SelectField(choices=[], default=id_tokens.DEFAULT_ALG, validate_choice=False)
    userinfo_signed_response_alg = SelectField(choices=[], validate_choice=False)
    id_token_encrypted_response_alg = SelectField(choices=[], validate_choice=False)
    userinfo_encrypted_response_alg = SelectField(choices=[], validate_choice=False)
    subject_type = SelectField(choices=[], default="public", validate_choice=False)
    sector_identifier_uri = StringField(filters=[trimmed])
    jwks_uri = StringField(filters=[trimmed])
    jwks = TextAreaField(filters=[trimmed])
    default_max_age = StringField(filters=[trimmed])
    post_logout_redirect_uris = TextAreaField(filters=[trimmed])
    backchannel_logout_uri = StringField(filters=[trimmed])
    frontchannel_logout_uri = StringField(filters=[trimmed])

    def offer_openid(self, server: ServerState) -> None:
        """Leave out what is off, and fill in what may be chosen from."""
        for name in _NAMES:
            if name not in server.client_metadata:
                del self[name]
        offered = list(server.clients.available.response_types)
        if len(offered) > 1:
            self.response_types.choices = [(words, words) for words in offered]
        else:
            del self["response_types"]
        algs = [(alg, alg) for alg in server.keys.algorithms]
        encryptions = [("", _("Not encrypted")), *((alg, alg) for alg in jose.KEY_ENCRYPTION)]
        types = [("public", _("The same for all clients")), ("pairwise", _("Others than other clients are told"))]
        choices = {
            _SIGNED[0]: algs,
            _SIGNED[1]: [("", _("JSON, not signed")), *algs],
            **dict.fromkeys(_ENCRYPTED, encryptions),
            identifiers.TYPE: types,
        }
        for name, pairs in choices.items():
            if name in self:
                self[name].choices = pairs

    def openid_labels(self) -> dict[str, str]:
        """Labels in the language of the request."""
        labels = {
            "response_types": _("Response types"),
            _SIGNED[0]: _("ID tokens are signed with"),
            _SIGNED[1]: _("Userinfo is signed with"),
            _ENCRYPTED[0]: _("ID tokens are encrypted with"),
            _ENCRYPTED[1]: _("Userinfo is encrypted with"),
            identifiers.TYPE: _("Identifiers of people"),
            "sector_identifier_uri": _("Sector identifier URI"),
            "jwks_uri": _("Address of its keys"),
            _JWKS: _("Its keys"),
            _MAX_AGE: _("Greatest age of a sign-in"),
            _AFTER: _("Where people return after signing out"),
            "backchannel_logout_uri": _("Back-channel logout URI"),
            "frontchannel_logout_uri": _("Front-channel logout URI"),
        }
        return {name: label for name, label in labels.items() if name in self}

    def openid_values(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """Metadata; None: none, or the default.

        :param before: what the client has.
        """
        values: dict[str, Any] = {}
        for name in _NAMES:
            if name in self:
                values[name] = _READ.get(name, _text)(self[name].data or "")
        for name in _ENCRYPTED:
            if name in values:
                content = name.replace("_alg", "_enc")
                values[content] = before.get(content) if values[name] else None
        return values


def openid_begun(metadata: Mapping[str, Any], response_types: list[str]) -> dict[str, Any]:
    """The fields of a client that is edited."""
    values = {name: metadata.get(name) or "" for name in _NAMES}
    return {
        **{name: value for name, value in values.items() if value},
        _JWKS: json.dumps(metadata[_JWKS], indent=1) if metadata.get(_JWKS) else "",
        _AFTER: "\n".join(metadata.get(_AFTER) or ()),
        _MAX_AGE: "" if metadata.get(_MAX_AGE) is None else str(metadata[_MAX_AGE]),
        "response_types": response_types,
    }


def _text(value: str) -> Any:
    return value or None


def _lines(value: str) -> Any:
    return [line.strip() for line in value.splitlines() if line.strip()] or None


def _json(value: str) -> Any:
    """What is no JSON is left to the registry to refuse."""
    try:
        return json.loads(value) if value else None
    except (ValueError, RecursionError):
        return value


_READ = {_JWKS: _json, _AFTER: _lines, _MAX_AGE: number}

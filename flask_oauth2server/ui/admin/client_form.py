"""What an administrator says of a client; the rules are the registry's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import request
from wtforms import BooleanField, RadioField, SelectField, SelectMultipleField, StringField, TextAreaField

from ...domain import presets, redirect_uris
from ...errors import InvalidClientMetadata
from ...state import ServerState
from ...text import _
from ..application_form import read_logo, read_scopes
from ..faces import Group, lines
from ..forms import ClientForm, starting_large, trimmed
from .openid_fields import OpenIdFields, number, openid_begun
from .visit import AdminVisit

_CODE, _IMPLICIT = "authorization_code", "implicit"
#: Where what the registry says of a value that has no field of its own is shown.
_SHOWN_AT = {
    "application_type": "redirect_uris",
    "client_id": "name",
    "id_token_encrypted_response_enc": "id_token_encrypted_response_alg",
    "userinfo_encrypted_response_enc": "userinfo_encrypted_response_alg",
}
_TIMES = ("access_token_expires_in", "refresh_token_expires_in")
_COLUMNS = ("first_party", "verified", "may_introspect")


class AdminClientForm(ClientForm, OpenIdFields):
    """All that a client is, with what only administrators decide.

    Where a kind of application is chosen, what is left open follows from it.
    """

    preset = RadioField(choices=[], validate_choice=False)
    owner = StringField(filters=[trimmed])
    first_party = BooleanField()
    verified = BooleanField(default=True)
    may_introspect = BooleanField()
    token_endpoint_auth_method = SelectField(choices=[], validate_choice=False)
    grant_types = SelectMultipleField(choices=[], validate_choice=False)
    without_pkce = BooleanField()
    access_token_expires_in = StringField(filters=[trimmed])
    refresh_token_expires_in = StringField(filters=[trimmed])
    refresh_rotation = SelectField(choices=["always", "never"], default="always", validate_choice=False)
    contacts = TextAreaField(filters=[trimmed])
    #: The client that is edited; None: a new one.
    client: Any = None
    #: The owner whom :attr:`owner` names.
    owner_found: Any = None
    kind: presets.Preset | None = None

    @classmethod
    def made(cls, visit: AdminVisit, client: Any, preset: str = "") -> AdminClientForm:
        """The form as it came, or as it begins: for a new client of the kind *preset*, or with what
        *client* is."""
        server = visit.server
        offered = {one.name: one for one in presets.offered(server.clients.available)}
        begun: dict[str, Any] = {}
        if client is not None:
            begun = _as_it_is(server, client)
        elif request.method != "POST":
            begun["preset"] = preset if preset in offered else next(iter(offered), None)
        form = cls(**begun).labelled()
        form.client = client
        form.kind = offered.get(form.preset.data) if client is None else None
        form.preset.choices = [(one.name, _(one.title)) for one in offered.values()]
        form._offer(server)
        return form

    def _offer(self, server: ServerState) -> None:
        """Fill in what may be chosen from."""
        available, client = server.clients.available, self.client
        implicit = any("token" in words.split() for words in available.response_types)
        grants = [*available.grant_types, *([_IMPLICIT] if implicit else [])]
        methods = list(available.auth_methods)
        if client is not None:
            grants += [grant for grant in client.allowed_grant_types if grant not in grants]
            own = client.client_metadata["token_endpoint_auth_method"]
            methods = [one for one in methods if (one != "none") == client.is_confidential or one == own]
        else:
            methods = ["", *methods]
        self.grant_types.choices = [(grant, grant) for grant in grants]
        as_kind = _("As its kind of application has it")
        self.token_endpoint_auth_method.choices = [(method, method or as_kind) for method in methods]
        rotation = {"always": _("Each refresh token works once"), "never": _("A refresh token goes on working")}
        self.refresh_rotation.choices = list(rotation.items())
        self.offer_openid(server)
        for name, label in self.openid_labels().items():
            self[name].label.text = label

    def labelled(self) -> AdminClientForm:
        """The same, its labels in the language of the request."""
        super().labelled()
        labels = {
            "preset": _("Kind of application"),
            "owner": _("Owner"),
            "first_party": _("First-party"),
            "verified": _("Checked"),
            "may_introspect": _("May introspect"),
            "token_endpoint_auth_method": _("Client authentication"),
            "grant_types": _("Grants"),
            "without_pkce": _("Works without PKCE"),
            "access_token_expires_in": _("Life of an access token"),
            "refresh_token_expires_in": _("Life of an unused refresh token"),
            "refresh_rotation": _("Refresh rotation"),
            "contacts": _("Contacts"),
        }
        for name, label in labels.items():
            self[name].label.text = label
        return self

    @property
    def is_native(self) -> bool:
        """Whether it is an app on a device, which may use a scheme of its own."""
        if self.client is not None:
            known = self.client.client_metadata.get("application_type") == "native"
            return known or (not self.client.is_confidential and self._has_scheme)
        return self.kind is not None and (self.kind.application_type == "native" or (self._public and self._has_scheme))

    @property
    def _public(self) -> bool:
        method = self.token_endpoint_auth_method.data
        return (method or (self.kind and self.kind.token_endpoint_auth_method)) == "none"

    @property
    def _has_scheme(self) -> bool:
        return any(redirect_uris.is_native(u) and not redirect_uris.is_loopback(u) for u in self.uris)

    @property
    def wants_people(self) -> bool:
        """Whether people return to it, so that it needs a redirect URI."""
        if self.grant_types.data or self.client is not None:
            return _CODE in (self.grant_types.data or ()) or _IMPLICIT in (self.grant_types.data or ())
        return self.kind is not None and self.kind.asks_for_redirect_uris

    def fill(self, visit: AdminVisit) -> None:
        """Read what came and refuse what is not accepted, field by field."""
        client = self.client
        if client is None and self.kind is None:
            self.refuse("preset", _("Choose one of them."))
        self.check_lines(() if client is None else client.redirect_uris, self.wants_people)
        gets_none = client is None and self.kind is not None and self.kind.scopes == () and not self.grant_types.data
        gets_none = gets_none or (client is not None and not self.grant_types.data)
        read_scopes(self, [scope.id for scope in visit.server.scopes], demanded=not gets_none)
        read_logo(self)
        self._read_owner(visit.server)

    def _read_owner(self, server: ServerState) -> None:
        before = None if self.client is None else self.client.user_id
        if not self.owner.data:
            self.owner_found = None
        elif before is not None and self.owner.data == server.client_search.owner_text(before):
            self.owner_found = server.subjects.load(before)  # as it was, also where it names nobody any more
        else:
            try:
                self.owner_found = server.client_search.owner(self.owner.data)
            except ValueError as error:
                self.refuse("owner", starting_large(_(error.args[0])))

    def new_values(self) -> dict[str, Any]:
        """What the registry is given of a new client; None: as its kind of application has it."""
        values = {**super().values(), **self._columns(), **self.openid_values({})}
        del values["application_type"]
        if "response_types" in self:
            values["response_types"] = self.response_types.data or None
        chosen = {
            "preset": self.preset.data,
            "application_type": "native" if self.is_native else None,
            "token_endpoint_auth_method": self.token_endpoint_auth_method.data or None,
            "grant_types": self.grant_types.data or None,
            "may_introspect": self.may_introspect.data or None,
            "require_pkce": False if self.without_pkce.data else None,
            "scopes": self.scopes or None,
            "owner": self.owner_found,
        }
        if self.logo_content is not None:
            chosen["logo"] = self.logo_content
        return {name: value for name, value in {**values, **chosen}.items() if value is not None}

    def changes(self, server: ServerState) -> dict[str, Any]:
        """What the registry is given of a client that is edited."""
        client, grants = self.client, self.grant_types.data or []
        known = {scope.id for scope in server.scopes}
        values = {
            **super().values(),
            **self._columns(),
            **self.openid_values(client.client_metadata),
            "application_type": "native" if self.is_native else client.client_metadata.get("application_type"),
            "grant_types": _in_order(grants, client.allowed_grant_types),
            "response_types": _in_order(self._response_types(grants), client.allowed_response_types),
            "require_pkce": not self.without_pkce.data,
            "scopes": _in_order([*self.scopes, *(id_ for id_ in client.scopes if id_ not in known)], client.scopes),
        }
        if self.token_endpoint_auth_method.data:
            values["token_endpoint_auth_method"] = self.token_endpoint_auth_method.data
        key = None if self.owner_found is None else server.subjects.key_of(self.owner_found)
        if key != client.user_id and (self.owner_found is not None or not self.owner.data):
            values["owner"] = self.owner_found
        return values

    def _response_types(self, grants: Sequence[str]) -> list[str]:
        """Those that are ticked; where there is nothing to choose from, those that go with *grants*."""
        had: list[str] = self.client.allowed_response_types
        if "response_types" in self:
            offered = {words for words, _text in self.response_types.choices}
            return [*(self.response_types.data or ()), *(words for words in had if words not in offered)]
        kept = [w for w in had if "code" not in w.split() and (_IMPLICIT in grants or "token" not in w.split())]
        with_code = [words for words in had if "code" in words.split()] or ["code"]
        return [*(with_code if _CODE in grants else ()), *kept]

    def _columns(self) -> dict[str, Any]:
        contacts = [line.strip() for line in self.contacts.data.splitlines() if line.strip()]
        flags = {name: self[name].data for name in _COLUMNS}
        times = {name: number(self[name].data) for name in _TIMES}
        return {**flags, **times, "refresh_rotation": self.refresh_rotation.data, "contacts": contacts or None}

    def refuse_metadata(self, error: InvalidClientMetadata) -> None:
        """Say what the registry has refused at the field that it is about."""
        if error.field == "scope":
            self.scope_errors = [starting_large(_(error.message))]
            return
        field = _SHOWN_AT.get(error.field, error.field)
        if field == "response_types" and field not in self:
            field = "grant_types"
        if error.field == "require_pkce":
            field = "without_pkce"
        super().refuse_metadata(InvalidClientMetadata(field, error.message))


def _as_it_is(server: ServerState, client: Any) -> dict[str, Any]:
    """The fields of a client that is edited."""
    metadata: Mapping[str, Any] = client.client_metadata
    values = {name: metadata.get(name) or "" for name in ("description", "client_uri", "policy_uri", "tos_uri")}
    values |= {name: getattr(client, name) for name in _COLUMNS}
    values |= {name: str(getattr(client, name) or "") for name in _TIMES}
    return {
        **values,
        **openid_begun(metadata, client.allowed_response_types),
        "name": client.name,
        "redirect_uris": "\n".join(client.redirect_uris),
        "client_type": client.client_type,
        "owner": "" if client.user_id is None else server.client_search.owner_text(client.user_id),
        "token_endpoint_auth_method": metadata["token_endpoint_auth_method"],
        "grant_types": client.allowed_grant_types,
        "without_pkce": metadata.get("require_pkce") is False,
        "refresh_rotation": client.refresh_rotation,
        "contacts": "\n".join(metadata.get("contacts") or ()),
    }


def _in_order(chosen: Sequence[str], before: Sequence[str]) -> list[str]:
    """*chosen* as they stood *before*, new ones last: what was not touched has not changed."""
    return [*(one for one in before if one in chosen), *(one for one in chosen if one not in before)]


def scope_groups(server: ServerState, chosen: Sequence[str], others: list[Group]) -> list[Group]:
    """*others* and, under a heading of their own, the scopes that nobody but administrators may give."""
    internal = lines((scope for scope in server.scopes if scope.is_internal), chosen)
    return [*others, Group(_("Internal"), internal)] if internal else others

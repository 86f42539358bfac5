"""Forms of people's own pages. Named fields only; the rules are the registry's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask import request
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import DateField, RadioField, StringField, TextAreaField

from ..domain import redirect_uris
from ..domain.metadata import check_name, is_name, web_address
from ..errors import InvalidClientMetadata
from ..text import _


class Press(FlaskForm):
    """A form with its CSRF token, whatever the app has set for its own forms.

    The token is checked where the form comes in, see :mod:`.visit`.
    """

    class Meta:
        """WTForms settings."""

        csrf = True

        def wrap_formdata(self, form: Any, formdata: Any) -> Any:
            """Fields of a posted form alone: neither JSON nor a file is one."""
            return request.form if request.method == "POST" else None

    def problems(self) -> list[tuple[str, str, str]]:
        """Id, label and sentence of each error, for the summary on top."""
        return [
            (field.id, str(field.label.text), str(error))
            for field in self
            if field.name != "csrf_token"
            for error in field.errors
        ]

    def refuse(self, name: str, sentence: str) -> None:
        """Say at the field *name* what is wrong."""
        field = self[name]
        field.errors = [*field.errors, sentence]

    def is_good(self) -> bool:
        """Whether no field was refused so far."""
        return not any(field.errors for field in self if field.name != "csrf_token")


def starting_large(sentence: str) -> str:
    """*sentence* as it begins a line of its own."""
    return f"{sentence[:1].upper()}{sentence[1:]}"


def trimmed(value: str | None) -> str:
    """What was typed, without what surrounds it."""
    return (value or "").replace("\0", "").strip()


class ClientForm(Press):
    """What people say of an application of theirs."""

    name = StringField(filters=[trimmed])
    description = StringField(filters=[trimmed])
    client_uri = StringField(filters=[trimmed])
    logo = FileField()
    redirect_uris = TextAreaField(filters=[trimmed])
    client_type = RadioField(default="confidential", choices=["confidential", "public"], validate_choice=False)
    policy_uri = StringField(filters=[trimmed])
    tos_uri = StringField(filters=[trimmed])
    #: What came beside the fields; see :mod:`.application_form`.
    scopes: Sequence[str] = ()
    scope_errors: Sequence[str] = ()
    logo_content: bytes | None = None

    def is_good(self) -> bool:
        """Whether nothing was refused so far."""
        return super().is_good() and not self.scope_errors

    def labelled(self) -> ClientForm:
        """The same, its labels in the language of the request."""
        labels = {
            "name": _("Name"),
            "description": _("Description"),
            "client_uri": _("Website"),
            "logo": _("Logo"),
            "redirect_uris": _("Redirect URIs"),
            "client_type": _("Type"),
            "policy_uri": _("Privacy policy"),
            "tos_uri": _("Terms of service"),
        }
        for name, label in labels.items():
            self[name].label.text = label
        self.client_type.choices = [("confidential", _("Confidential")), ("public", _("Public"))]
        return self

    @classmethod
    def of(cls, client: Any) -> ClientForm:
        """Filled in with what *client* is."""
        metadata = client.client_metadata
        known = {name: metadata.get(name) for name in ("description", "client_uri", "policy_uri", "tos_uri")}
        uris = "\n".join(client.redirect_uris)
        return cls(name=client.name, redirect_uris=uris, client_type=client.client_type, **known).labelled()

    @property
    def uris(self) -> list[str]:
        """The redirect URIs, one a line."""
        return [line.strip() for line in self.redirect_uris.data.splitlines() if line.strip()]

    @property
    def is_native(self) -> bool:
        """Whether it is an app on a device, which may use a scheme of its own."""
        return self.client_type.data == "public" and any(map(redirect_uris.is_native, self.uris))

    def values(self) -> dict[str, Any]:
        """What the registry is given; the type apart."""
        return {
            "name": self.name.data,
            "description": self.description.data,
            "client_uri": self.client_uri.data or None,
            "policy_uri": self.policy_uri.data or None,
            "tos_uri": self.tos_uri.data or None,
            "redirect_uris": self.uris,
            "application_type": "native" if self.is_native else "web",
        }

    def check_lines(self, registered: Iterable[str], demanded: bool) -> None:
        """Judge the name, the addresses and each line of the redirect URIs, so that all that is wrong is
        said at once.

        :param registered: redirect URIs that it has already.
        :param demanded: whether there has to be one.
        """
        try:
            check_name(self.name.data)
        except ValueError as error:
            self.refuse("name", starting_large(_(error.args[0])))
        if demanded and not self.uris:
            self.refuse("redirect_uris", _("Add at least one redirect URI."))
        for field in (self.client_uri, self.policy_uri, self.tos_uri):
            try:
                web_address(field.data or "https://none.example", {})
            except ValueError as error:
                self.refuse(field.name, starting_large(_(error.args[0])))
        for number, line in enumerate(self.redirect_uris.data.splitlines(), 1):
            uri = line.strip()
            try:
                redirect_uris.check(uri or "https://none.example", native=self.is_native or uri in registered)
            except ValueError as error:
                sentence = _("Line %(number)s: %(refusal)s", number=number, refusal=_(error.args[0]))
                self.refuse("redirect_uris", sentence)

    def refuse_metadata(self, error: InvalidClientMetadata) -> None:
        """Say what the registry has refused at the field that it is about."""
        self.refuse(error.field if error.field in self else "name", starting_large(_(error.message)))


class TokenForm(Press):
    """A personal token: its name and the day that it ends on."""

    name = StringField(filters=[trimmed])
    expiry = RadioField(choices=[], validate_choice=False)
    last_day = DateField()
    scopes: Sequence[str] = ()
    scope_errors: Sequence[str] = ()

    def is_good(self) -> bool:
        """Whether nothing was refused so far."""
        return super().is_good() and not self.scope_errors

    def labelled(self, presets: Mapping[str, str]) -> TokenForm:
        """The same, its labels in the language of the request.

        :param presets: numbers of days, with their labels.
        """
        self.name.label.text, self.expiry.label.text = _("Name"), _("Expiry")
        self.last_day.label.text = _("Last day")
        self.expiry.choices = [*presets.items(), ("date", _("Another date"))]
        return self

    def check_name(self) -> None:
        """Judge the name."""
        if not self.name.data:
            self.refuse("name", _("Give the token a name."))
        elif not is_name(self.name.data):
            self.refuse("name", _("Use at most 255 characters that can be seen."))

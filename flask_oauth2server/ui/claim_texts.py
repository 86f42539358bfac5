"""Single claims in words, for those that a client asks for beyond its scopes."""

from __future__ import annotations

from ..scopes import Scope
from ..text import gettext

_TEXTS = {
    "name": "See your name",
    "family_name": "See your family name",
    "given_name": "See your given name",
    "middle_name": "See your middle name",
    "nickname": "See your nickname",
    "preferred_username": "See your user name",
    "profile": "See the address of your profile page",
    "picture": "See your picture",
    "website": "See your website",
    "gender": "See your gender",
    "birthdate": "See your date of birth",
    "zoneinfo": "See your time zone",
    "locale": "See your language",
    "updated_at": "See when your profile was changed last",
    "email": "See your e-mail address",
    "email_verified": "See whether your e-mail address is verified",
    "address": "See your postal address",
    "phone_number": "See your phone number",
    "phone_number_verified": "See whether your phone number is verified",
}


def claim_line(name: str) -> Scope:
    """A claim as a line among the scopes of the consent page."""
    text = _TEXTS.get(name)
    return Scope(f"claims/{name}", gettext("See your %(name)s") % {"name": name} if text is None else gettext(text))

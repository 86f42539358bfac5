"""Single claims in words, for those that a client asks for beyond its scopes."""

from __future__ import annotations

from ..scopes import Scope
from ..text import Sentence, gettext

_TEXTS = {
    "name": Sentence("See your name"),
    "family_name": Sentence("See your family name"),
    "given_name": Sentence("See your given name"),
    "middle_name": Sentence("See your middle name"),
    "nickname": Sentence("See your nickname"),
    "preferred_username": Sentence("See your user name"),
    "profile": Sentence("See the address of your profile page"),
    "picture": Sentence("See your picture"),
    "website": Sentence("See your website"),
    "gender": Sentence("See your gender"),
    "birthdate": Sentence("See your date of birth"),
    "zoneinfo": Sentence("See your time zone"),
    "locale": Sentence("See your language"),
    "updated_at": Sentence("See when your profile was changed last"),
    "email": Sentence("See your e-mail address"),
    "email_verified": Sentence("See whether your e-mail address is verified"),
    "address": Sentence("See your postal address"),
    "phone_number": Sentence("See your phone number"),
    "phone_number_verified": Sentence("See whether your phone number is verified"),
}


def claim_line(name: str) -> Scope:
    """A claim as a line among the scopes of the consent page."""
    text = _TEXTS.get(name)
    return Scope(f"claims/{name}", gettext(text or Sentence("See your %(name)s", name=name)))

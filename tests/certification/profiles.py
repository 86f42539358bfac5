"""The profiles of the OpenID certification, and which of them a module belongs to."""

from __future__ import annotations

from typing import NamedTuple

import pytest

#: The profiles whose modules sign a person in, by the letters of the documentation, with their response types.
_TYPES: dict[str, tuple[str, tuple[str, ...]]] = {
    "B": ("basic", ("code",)),
    "I": ("implicit", ("id_token", "id_token token")),
    "H": ("hybrid", ("code id_token", "code token", "code id_token token")),
    "D": ("dynamic", ("code",)),
    "C": ("config", ("code",)),
    # Signing out begins with an ID token: one from the token endpoint, from the browser, and both.
    "RP": ("rp-initiated", ("code", "id_token", "code id_token")),
    "FC": ("frontchannel", ("code", "id_token", "code id_token")),
    "BC": ("backchannel", ("code", "id_token", "code id_token")),
}
#: Those that exist a second time, with ``response_mode=form_post``.
_BY_FORM = ("B", "I", "H")


class Profile(NamedTuple):
    """One way in which the certification runs a module."""

    name: str
    response_type: str = "code"
    form_post: bool = False

    @property
    def words(self) -> list[str]:
        """Of the response type."""
        return self.response_type.split()

    def __str__(self) -> str:
        name = f"formpost-{self.name}" if self.form_post else self.name
        return f"{name}:{self.response_type.replace(' ', '+')}"


def selected(*wanted: str) -> list[Profile]:
    """The profiles named by letters; ``"H(code token)"`` or ``"H(code token, code id_token)"`` are some of one."""
    found = []
    for text in wanted:
        letter, _, some = text.partition("(")
        name, types = _TYPES[letter]
        chosen = [words.strip() for words in some.rstrip(")").split(",")] if some else types
        assert set(chosen) <= set(types), text
        modes = (False, True) if letter in _BY_FORM else (False,)
        found += [Profile(name, response_type, form_post) for form_post in modes for response_type in chosen]
    return found


def certified(*wanted: str) -> pytest.MarkDecorator:
    """The test plays a module in each profile that it belongs to."""
    return pytest.mark.parametrize("profile", selected(*wanted), ids=str)

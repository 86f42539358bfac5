"""What the facts of a refusal say, as sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ..text import Sentence, format_moment
from . import tokens

#: What values of each kind are called.
KINDS = {
    tokens.ACCESS: "an access token",
    tokens.REFRESH: "a refresh token",
    tokens.PERSONAL: "a personal token",
    tokens.SECRET: "a client secret",
    tokens.CODE: "an authorization code",
    tokens.OFFER: "an offer of an application",
}


def hints(facts: Mapping[str, Any]) -> list[Sentence]:
    """The sentences that *facts* of a failure amount to, the most telling first."""
    return [Sentence(m, **v) for name, told in _TOLD.items() if name in facts for m, v in told(facts[name], facts)]


_Told = list[tuple[str, dict[str, Any]]]


def _moment(text: str | None) -> str:
    return format_moment(datetime.fromisoformat(text)) if text else "?"


def _revoked(at: str, facts: Mapping[str, Any]) -> _Told:
    message = "It is the secret …%(hint)s, which was revoked on %(moment)s."
    return [(message, {"hint": facts.get("hint", ""), "moment": _moment(at)})]


def _ended(at: str, facts: Mapping[str, Any]) -> _Told:
    if "hint" in facts:
        message = "It is the secret …%(hint)s, which ended on %(moment)s."
        return [(message, {"hint": facts["hint"], "moment": _moment(at)})]
    return [("It ended on %(moment)s.", {"moment": _moment(at)})]


def _used(at: str | None, _facts: Mapping[str, Any]) -> _Told:
    return [("It was used on %(moment)s.", {"moment": _moment(at)})] if at else [("Two used it at once.", {})]


def _kind(kind: str, facts: Mapping[str, Any]) -> _Told:
    if kind in KINDS and "hint" not in facts:  # where it is known which one, its kind says nothing
        return [(f"What was sent is {KINDS[kind]}.", {})]
    if facts.get("seems_ours"):
        return [("It begins as those of this provider do, but its end does not fit: it was cut off or mistyped.", {})]
    return []


def _listed(message: str) -> Callable[[Any, Mapping[str, Any]], _Told]:
    def told(value: Any, _facts: Mapping[str, Any]) -> _Told:
        text = ", ".join(value) if isinstance(value, list) else str(value)
        return [(message, {"value": text})] if text else []

    return told


def _spaces(has: bool, _facts: Mapping[str, Any]) -> _Told:
    return [("It has a space or a line end at its beginning or end.", {})] if has else []


def _commas(has: bool, _facts: Mapping[str, Any]) -> _Told:
    return [("There is a comma in it: scopes stand with spaces between.", {})] if has else []


def _well_formed(is_code: bool, _facts: Mapping[str, Any]) -> _Told:
    if is_code:
        return [("It is a code of this provider, and was removed since, or is of another database.", {})]
    return [("It is no code of this provider as it stands: it was cut off or changed, or is of another one.", {})]


def _hint(hint: str, _facts: Mapping[str, Any]) -> _Told:
    if hint == "challenge_as_verifier":
        return [("The challenge is the verifier itself: the client does not hash it.", {})]
    return []


def _scheme(scheme: str, _facts: Mapping[str, Any]) -> _Told:
    if scheme.startswith("("):
        return [("The Authorization header has no scheme: “Bearer” and a space stand before the token.", {})]
    message = "The Authorization header begins with “%(value)s”, which is no scheme of tokens."
    return [(message, {"value": scheme})] if scheme else []


_TOLD: Mapping[str, Callable[[Any, Mapping[str, Any]], _Told]] = {
    "revoked_at": _revoked,
    "ended_at": _ended,
    "used_at": _used,
    "kind": _kind,
    "has_spaces": _spaces,
    "well_formed": _well_formed,
    "hint": _hint,
    "ended_by": _listed("The reason that is kept: %(value)s."),
    "given_to": _listed("It was given to the client %(value)s."),
    "unknown": _listed("Not registered here at all: %(value)s."),
    "withheld": _listed("Not among the scopes of the client: %(value)s."),
    "has_comma": _commas,
    "missing": _listed("Missing: %(value)s."),
    "parameter": _listed("The parameter is %(value)s."),
    "scheme": _scheme,
    "length": _listed("What was sent has %(value)s characters."),
}

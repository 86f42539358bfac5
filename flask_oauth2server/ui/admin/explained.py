"""A refusal explained, as pages show it: what differed, why the rule is there, how to mend it, what was checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for
from markupsafe import Markup, escape

from ...domain.causes import Cause
from ...domain.why import Explanation
from ...text import _
from ..portraits import address
from .compare import Sides, clues, sides
from .visit import BLUEPRINT

#: Causes that a setting of the client can mend.
_EDITED = (
    *("auth_method", "grant_type_not_registered", "response_type_not_registered"),
    *("pkce_missing", "scope_refused", "scope_withdrawn"),
)


@dataclass(frozen=True)
class Fix:
    """Something to do.

    :ivar here: whether an administrator does it, and not the makers of the client.
    :ivar text: markup.
    """

    here: bool
    text: Markup


@dataclass(frozen=True)
class Told:
    """An explanation in words.

    :ivar title: the cause as a sentence.
    :ivar detail: the private sentence of the log; may be empty.
    :ivar sides: what was sent and what was expected, or None.
    :ivar clues: what else is known.
    :ivar why: why the rule is there, markup; ``rule``: where it stands.
    :ivar button: text and address of what leads to where it can be mended, or None.
    :ivar checks: what was checked, in order, each with how it ended.
    """

    title: str
    detail: str
    sides: Sides | None
    clues: Sequence[str]
    why: Markup
    rule: str
    fixes: Sequence[Fix]
    button: tuple[str, str] | None
    checks: Sequence[tuple[str, str]]


def told(explained: Explanation, client: Any) -> Told:
    """*explained* in words.

    :param client: the model of the client that was refused, or None.
    """
    cause = explained.cause
    return Told(
        title=_(cause.title),
        detail=f"{explained.detail[:1].upper()}{explained.detail[1:]}",
        sides=sides(explained),
        clues=clues(explained),
        why=_coded(_(cause.why)),
        rule=cause.section,
        fixes=_fixes(cause),
        button=_button(explained.row, client),
        checks=[(_(check.text), check.state) for check in explained.checks],
    )


def _coded(text: str) -> Markup:
    """*text* as markup; what stands between backticks is code."""
    code = Markup("<code>{}</code>")
    pieces = (code.format(piece) if place % 2 else escape(piece) for place, piece in enumerate(text.split("`")))
    return Markup("").join(pieces)


def _fixes(cause: Cause) -> list[Fix]:
    """First what the makers of the client can do, then what can be done here."""
    found = [Fix(False, _coded(_(cause.client)))] if cause.client else []
    return [*found, Fix(True, _coded(_(cause.here)))] if cause.here else found


def _button(row: Any, client: Any) -> tuple[str, str] | None:
    if client is None:
        return None
    name = address(client)
    if row.cause in ("redirect_uri_not_registered", "redirect_uri_withdrawn"):
        sent = row.facts.get("sent") or ""
        url = url_for(f"{BLUEPRINT}.client_edit", client_id=name, add_redirect_uri=sent)
        return _("Add to redirect URIs…"), url
    if row.cause in _EDITED:
        return _("Edit settings…"), url_for(f"{BLUEPRINT}.client_edit", client_id=name)
    return _("Open the client"), url_for(f"{BLUEPRINT}.client", client_id=name)

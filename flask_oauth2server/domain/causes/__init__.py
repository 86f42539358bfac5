"""The catalogue of refusals: what each means, why the rule is there, and who can mend it.

Sentences are English and can be translated where they are shown.
"""

from __future__ import annotations

from . import access, authorization, clients, grants, requests
from .entry import CHECKS as CHECKS
from .entry import FLOWS
from .entry import Cause as Cause

CAUSES: dict[str, Cause] = {
    code: cause for part in (requests, clients, authorization, grants, access) for code, cause in part.CAUSES.items()
}


def flow_of(endpoint: str, cause: Cause) -> tuple[str, ...]:
    """The checks of requests to *endpoint*, in their order; the one of *cause* is among them."""
    name = endpoint.partition(".")[2] if endpoint.startswith("oauth2server.") else ""
    for key in (name, *FLOWS):
        if cause.step in FLOWS.get(key, ()):
            return FLOWS[key]
    return FLOWS["page"]


def cause_of(code: str) -> Cause:
    """The catalogue's entry, that of ``other`` for what it does not know."""
    return CAUSES.get(code, CAUSES["other"])

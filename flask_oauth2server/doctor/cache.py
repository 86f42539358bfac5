"""The token cache: do other processes hear what has ended?"""

from __future__ import annotations

from collections.abc import Iterator

from ..text import gettext as _
from .findings import NOTE, WARN, Symptom
from .patient import Patient

_URL = '`OAUTH2_TOKEN_CACHE_URL = "redis://127.0.0.1:6379/0"`'
#: Seconds after which somebody who has pressed "Revoke" has a right to wonder.
_LONGEST = 60


def token_cache(patient: Patient) -> Iterator[Symptom]:
    """Tokens that other workers go on accepting."""
    seconds, push = patient.settings.get("OAUTH2_TOKEN_CACHE", 0), patient.server.token_push
    if push is not None:
        try:
            push.ping()
        except push.errors as error:
            yield Symptom(
                WARN,
                _("The Redis server of the token cache does not answer: %(error)s.", error=type(error).__name__),
                _("Each token is looked up in the database until it does. Start it, or mend `OAUTH2_TOKEN_CACHE_URL`."),
            )
    elif seconds and patient.has_workers:
        yield Symptom(
            WARN if seconds > _LONGEST else NOTE,
            _("Other workers accept a revoked token for up to %(seconds)s seconds.", seconds=seconds),
            _("Nothing tells them that it was revoked. Set %(line)s, and it is one second.", line=_URL),
        )

"""Limits: of requests, and of guesses."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

from ..text import gettext as _
from .findings import BAD, NOTE, WARN, Symptom
from .patient import Patient

_STORAGE = '`OAUTH2_RATE_STORAGE_URI = "redis://127.0.0.1:6379/0"`'
_RATES = ("TOKEN", "INTROSPECT", "ADDRESS", "AUTHORIZE", "CREATE")


def rate_limits(patient: Patient) -> Iterator[Symptom]:
    """Whether requests are counted at all."""
    if not patient.settings["OAUTH2_ENABLE_RATE_LIMITS"]:
        yield Symptom(
            WARN,
            _("Rates of requests are not limited."),
            _("One client can keep all workers busy. Set `OAUTH2_ENABLE_RATE_LIMITS = True`."),
        )
    elif not importlib.util.find_spec("flask_limiter"):
        yield Symptom(
            WARN,
            _("Rates of requests are not limited: Flask-Limiter is not installed."),
            _("One client can keep all workers busy. Run `pip install 'Flask-OAuth2Server[limiter,redis]'`."),
        )
    else:
        for key in [f"OAUTH2_RATE_{name}" for name in _RATES]:
            if not patient.settings[key]:
                yield Symptom(
                    NOTE,
                    _("%(key)s is empty.", key=key),
                    _('Nothing limits these requests. Set it to, for example, `%(key)s = "600 per minute"`.', key=key),
                )


def rate_storage(patient: Patient) -> Iterator[Symptom]:
    """Where requests are counted."""
    if not patient.settings["OAUTH2_ENABLE_RATE_LIMITS"] or not importlib.util.find_spec("flask_limiter"):
        return
    uri = patient.settings["OAUTH2_RATE_STORAGE_URI"] or patient.config.get("RATELIMIT_STORAGE_URI") or "memory://"
    if not uri.startswith("memory:"):
        return
    if patient.has_workers:
        yield Symptom(
            BAD,
            _("Rate limits are counted in each worker separately."),
            _(
                "With %(number)s workers a guesser gets %(number)s times the tries. Set %(line)s, or another storage "
                "that all of them share.",
                number=patient.workers,
                line=_STORAGE,
            ),
        )
    elif patient.workers is None and patient.is_public:
        yield Symptom(
            NOTE,
            _("Rate limits are counted in the memory of each process."),
            _(
                "If several workers serve the app, set %(line)s, or another storage that all of them share.",
                line=_STORAGE,
            ),
        )


def guesses(patient: Patient) -> Iterator[Symptom]:
    """Wrong secrets that may be guesses (RFC 6749, 2.3.1)."""
    for key, usual in (("OAUTH2_GUESSES_PER_CLIENT", 100), ("OAUTH2_GUESSES_PER_ADDRESS", 20)):
        if not patient.settings[key]:
            yield Symptom(
                WARN,
                _("Wrong secrets are not counted: %(key)s is 0.", key=key),
                _(
                    "A short secret can be found by trying. Set `%(key)s = %(usual)s`.",
                    key=key,
                    usual=usual,
                ),
            )

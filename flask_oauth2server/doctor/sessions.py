"""SECRET_KEY and the cookies: what signs a session, and who may send it."""

from __future__ import annotations

from collections.abc import Iterator

import six

from ..text import gettext as _
from .findings import BAD, NOTE, WARN, Symptom
from .patient import Patient

_SHORT, _ENOUGH = 16, 32
_FEW_CHARACTERS = 6
#: What stands in documentation and tutorials, Flask's and ours among them, in small letters.
_KNOWN = frozenset(
    (
        "dev",
        "development",
        "development key",
        "secret",
        "secret key",
        "secret_key",
        "secretkey",
        "a secret",
        "super secret",
        "super secret key",
        "supersecretkey",
        "my secret key",
        "mysecretkey",
        "change me",
        "change_me",
        "changeme",
        "change-me",
        "you-will-never-guess",
        "not so secret",
        "a really really really really long secret key",
        '_5#y2l"f4q8z\\n\\xec]/',
        '_5#y2l"f4q8z\n\xec]/',
        "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
        "a secret of the tests",
        "a long random value",
        "another long random value",
        "a long random value that stays the same",
        "64 random hexadecimal digits that are in no repository",
    )
)
_MAKE = "`python -c 'import secrets; print(secrets.token_hex())'`"


def is_guessable(key: str) -> bool:
    """Whether somebody who tries a list of words would find *key*."""
    return key.strip().lower() in _KNOWN or len(key) < _SHORT or len(set(key)) < _FEW_CHARACTERS


def _text(key: object) -> str:
    return six.ensure_text(key, "latin-1") if isinstance(key, bytes) else str(key)


def secret_key(patient: Patient) -> Iterator[Symptom]:
    """What signs sessions and consent tickets."""
    key = _text(patient.config.get("SECRET_KEY") or "")
    if is_guessable(key):
        yield Symptom(
            NOTE if patient.server.development else BAD,
            _("SECRET_KEY can be guessed."),
            _(
                "Who knows it signs in as anybody and allows what they like. Set `SECRET_KEY` to the output of "
                "%(make)s, and do not keep the old one in `SECRET_KEY_FALLBACKS`.",
                make=_MAKE,
            ),
        )
    elif len(key) < _ENOUGH:
        yield Symptom(
            WARN,
            _("SECRET_KEY has only %(number)s characters.", number=len(key)),
            _(
                "A key of words can be found by trying. Set `SECRET_KEY` to the output of %(make)s; with "
                '`SECRET_KEY_FALLBACKS = ["the present key"]` for a month nobody is signed out.',
                make=_MAKE,
            ),
        )


def secret_key_fallbacks(patient: Patient) -> Iterator[Symptom]:
    """Former keys, which still verify."""
    keys = [_text(key) for key in patient.config.get("SECRET_KEY_FALLBACKS") or ()]
    if any(is_guessable(key) for key in keys):
        yield Symptom(
            BAD,
            _("A key in SECRET_KEY_FALLBACKS can be guessed."),
            _("What it signs is still accepted. Take it out: `SECRET_KEY_FALLBACKS = []`."),
        )
    elif len(keys) > 2:
        yield Symptom(
            NOTE,
            _("SECRET_KEY_FALLBACKS has %(number)s keys.", number=len(keys)),
            _(
                "Each of them still signs people in. Keep the last one for as long as your sessions live: "
                '`SECRET_KEY_FALLBACKS = ["the key before"]`.'
            ),
        )


def cookies(patient: Patient) -> Iterator[Symptom]:
    """The flags of the session cookie and of the one that keeps people signed in."""
    for prefix in ("SESSION", "REMEMBER"):
        yield from _cookie(patient, prefix, "REMEMBER_COOKIE_HTTPONLY" if prefix == "REMEMBER" else "")
    if patient.config.get("SESSION_COOKIE_DOMAIN"):
        yield Symptom(
            NOTE,
            _("The session cookie goes to all hosts below %(host)s.", host=patient.config["SESSION_COOKIE_DOMAIN"]),
            _("Each of them can read it. Set `SESSION_COOKIE_DOMAIN = None` unless they are meant to."),
        )


def _cookie(patient: Patient, prefix: str, default_on: str) -> Iterator[Symptom]:
    config = patient.config
    secure, http_only, same_site = (f"{prefix}_COOKIE_{flag}" for flag in ("SECURE", "HTTPONLY", "SAMESITE"))
    if not config.get(secure, False) and patient.issuer.startswith("https:"):
        yield Symptom(
            WARN,
            _("%(key)s is off.", key=secure),
            _("One request in plain http gives the sign-in away. Set `%(key)s = True`.", key=secure),
        )
    if not config.get(http_only, http_only == default_on):
        yield Symptom(
            WARN,
            _("%(key)s is off.", key=http_only),
            _("Any script on a page of yours can read the cookie. Set `%(key)s = True`.", key=http_only),
        )
    told = str(config.get(same_site) or "Lax").lower()
    if told == "none":
        yield Symptom(
            WARN,
            _('%(key)s is "None".', key=same_site),
            _('Forms on other sites come with the sign-in. Set `%(key)s = "Lax"`.', key=same_site),
        )
    elif told == "strict":
        yield Symptom(
            WARN,
            _('%(key)s is "Strict".', key=same_site),
            _(
                "People who come from an application do not look signed in, and have to sign in each time. Set "
                '`%(key)s = "Lax"`.',
                key=same_site,
            ),
        )

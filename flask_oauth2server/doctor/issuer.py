"""The issuer as it is configured: can clients find what stands below it?"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from werkzeug.exceptions import HTTPException

from ..text import gettext as _
from .findings import BAD, NOTE, WARN, Symptom
from .patient import Patient

WELL_KNOWN = "/.well-known/oauth-authorization-server"


def issuer(patient: Patient) -> Iterator[Symptom]:
    """Whether it is set, and whether others can use it (RFC 8414, 2)."""
    told, laboratory = patient.issuer, patient.server.development or patient.config["DEBUG"]
    line = '`OAUTH2_ISSUER = "https://login.example.com"`'
    if not told:
        yield Symptom(
            NOTE if laboratory else BAD,
            _("OAUTH2_ISSUER is not set."),
            _("No token is issued without it, but in debug and development mode. Set %(line)s.", line=line),
        )
    elif told.startswith("http:"):
        yield Symptom(
            NOTE if laboratory else WARN,
            _("The issuer is plain http on this computer: %(issuer)s.", issuer=told),
            _("No client elsewhere can use it. Set %(line)s.", line=line),
        )
    elif told.endswith("/"):
        yield Symptom(
            WARN,
            _("The issuer ends in a slash."),
            _(
                "Clients compare it letter by letter, and many leave the slash out. Set "
                '`OAUTH2_ISSUER = "%(issuer)s"`.',
                issuer=told.rstrip("/"),
            ),
        )


def address(issuer_url: str) -> str:
    """Where clients look for the metadata (RFC 8414, 3.1): the path comes behind the well-known part."""
    parts = urlsplit(issuer_url)
    return f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}{parts.path.rstrip('/')}"


def well_known(patient: Patient) -> Iterator[Symptom]:
    """Whether this app answers where clients look."""
    if not patient.issuer:
        return
    path, mount = urlsplit(address(patient.issuer)).path, patient.config["APPLICATION_ROOT"].rstrip("/")
    inside = path.removeprefix(mount) if mount and path.startswith(f"{mount}/") else path
    if not _answers(patient, inside):
        yield Symptom(
            WARN,
            _("Nothing answers at %(path)s.", path=path),
            _(
                "Clients that configure themselves find nothing there. Leave `metadata` among the features: "
                "`OAuth2Server(features=DEFAULT_FEATURES)`."
            ),
        )
    elif mount and inside == path:
        yield Symptom(
            NOTE,
            _("The app is mounted at %(mount)s, and clients look for %(path)s.", mount=mount, path=path),
            _(
                "That is outside of it. Let the proxy send this one address to the app: in nginx "
                "`location = %(path)s { proxy_pass http://app%(mount)s%(path)s; }`.",
                path=path,
                mount=mount,
            ),
        )


def _answers(patient: Patient, path: str) -> bool:
    try:
        endpoint, _arguments = patient.app.url_map.bind("localhost").match(path, method="GET")
    except HTTPException:
        return False
    return str(endpoint).startswith("oauth2server.metadata")

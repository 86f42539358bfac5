"""The same as a client sees it from outside: asked on the command line only.

The app is asked what it sees of a request, by a note that only who has its ``SECRET_KEY`` can sign.
"""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Response, request
from werkzeug.exceptions import NotFound

from ..domain import signed
from ..oauth.responses import json_answer
from ..state import ServerState
from ..storage.doctor import Counted
from ..text import gettext as _
from . import network
from .database import APART
from .findings import BAD, NOTE, WARN, Symptom
from .issuer import address
from .network import Answer, Unreachable
from .patient import Patient
from .wording import counted, named

_NOTE = "OAuth2Server-Doctor"
_PURPOSE = "doctor"
_LIFETIME = 60
#: Of the addresses that are for documentation (RFC 5737): nobody has it.
_NOBODY = "192.0.2.123"
_PROXY_FIX = "`app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1)`"
_HOSTS = 200


def add_probe(server: ServerState) -> None:
    """Let the app tell whoever can sign with its key what it sees of a request."""
    server.add_route("/doctor", "doctor", probe, page=False, methods=("POST",))


def probe() -> Response:
    """What this app sees of the current request."""
    if signed.read(_PURPOSE, request.headers.get(_NOTE), _LIFETIME) is None:
        raise NotFound
    seen = {"root": request.url_root, "address": request.remote_addr or "", "key": "good"}
    return json_answer(seen)


# --- the documents --------------------------------------------------------------------------------


def issuer_reached(patient: Patient) -> Iterator[Symptom]:
    """Whether the metadata is there for clients, and names the issuer by which they came (RFC 8414, 3.3)."""
    if not patient.issuer:
        return
    url = address(patient.issuer)
    try:
        answer = patient.fetched(url)
    except Unreachable as error:
        yield Symptom(
            BAD if patient.is_public else NOTE,
            _("%(url)s does not answer.", url=url),
            _(
                "No client that configures itself gets further. Mend the name, the certificate or the proxy, or set "
                "`OAUTH2_ISSUER` to the address that people use. It said: %(error)s.",
                error=str(error),
            ),
        )
        return
    yield from _judged(patient, url, answer)


def _judged(patient: Patient, url: str, answer: Answer) -> Iterator[Symptom]:
    told = answer.members.get("issuer")
    if 300 <= answer.status < 400:
        yield Symptom(
            BAD,
            _("%(url)s redirects to %(to)s.", url=url, to=_shown(answer.headers.get("location", ""))),
            _(
                "Clients do not follow. Set `OAUTH2_ISSUER` to the address that it leads to, or take the redirect "
                "out of the proxy."
            ),
        )
    elif answer.status == 400 and answer.members.get("error_description") == "Use https.":
        yield _plain_http()
    elif answer.status != 200 or told is None:
        yield Symptom(
            BAD,
            _("%(url)s answers %(status)s, and no metadata.", url=url, status=answer.status),
            _(
                "Another program may answer there, or the proxy does not send this address to the app, or strips a "
                "prefix. In nginx: `location = %(path)s { proxy_pass http://app; }`.",
                path=urlsplit(url).path,
            ),
        )
    elif told != patient.issuer:
        yield Symptom(
            BAD,
            _("%(url)s names another issuer: %(told)s.", url=url, told=_shown(told)),
            _(
                "Clients refuse the document. Set `OAUTH2_ISSUER` to one value in every process that serves the app; "
                'here it is `OAUTH2_ISSUER = "%(issuer)s"`.',
                issuer=patient.issuer,
            ),
        )


def _plain_http() -> Symptom:
    return Symptom(
        BAD,
        _("The app takes requests by https for plain http, and refuses them."),
        _(
            "The proxy ends TLS, and the app does not know. Set %(line)s, and let the proxy send `X-Forwarded-Proto`.",
            line=_PROXY_FIX,
        ),
    )


# --- what the app sees of a request ---------------------------------------------------------------


def proxy(patient: Patient) -> Iterator[Symptom]:
    """Whether the app sees the scheme, host, prefix and address that a request came with."""
    endpoint = _token_endpoint(patient)
    if endpoint is None:
        return
    note = {_NOTE: signed.sign(_PURPOSE, ""), "X-Forwarded-For": _NOBODY}
    try:
        answer = network.fetch(endpoint.removesuffix("/token") + "/doctor", "POST", note)
    except Unreachable:
        return  # told by the check before
    seen = answer.members
    if "root" in seen:
        yield from _seen(patient, endpoint, seen, answer)
    elif seen.get("error_description") == "Use https.":
        yield _believes()  # for the document was there, and the address that was made up makes the difference
    elif "error" in seen and answer.status != 404:
        return  # busy, or what the checks before have told
    elif "error" in seen or "error" in patient.fetched(endpoint).members:
        yield Symptom(
            NOTE,
            _("The app that answers at %(url)s is not quite the one of this command.", url=patient.issuer),
            _(
                "Its `SECRET_KEY` or its version differs, so it did not tell what it sees of a request. Run the "
                "command with the settings of the app."
            ),
        )
    else:
        yield Symptom(
            BAD,
            _("%(url)s, which the metadata names, is not answered by the app.", url=endpoint),
            _(
                "The proxy strips or adds a prefix that the app does not know of. Set %(line)s, and let the proxy send "
                "`X-Forwarded-Prefix`.",
                line=_PROXY_FIX,
            ),
        )


def _token_endpoint(patient: Patient) -> str | None:
    try:
        told = patient.fetched(address(patient.issuer)).members.get("token_endpoint") if patient.issuer else None
    except Unreachable:
        return None
    mine = urlsplit(patient.issuer)
    theirs = urlsplit(told) if isinstance(told, str) else None
    # The note is for this provider alone.
    is_mine = theirs is not None and (theirs.scheme, theirs.netloc) == (mine.scheme, mine.netloc)
    return told if is_mine and isinstance(told, str) and told.endswith("/token") else None


def _seen(patient: Patient, endpoint: str, seen: dict[str, Any], answer: Answer) -> Iterator[Symptom]:
    root, mine = urlsplit(str(seen["root"])), urlsplit(patient.issuer)
    if root.scheme != mine.scheme:
        yield _header("X-Forwarded-Proto", "x_proto", _("The app sees %(seen)s.", seen=_shown(f"{root.scheme}:")))
    if root.netloc != mine.netloc:
        yield _header(
            "X-Forwarded-Host", "x_host", _("The app believes that it is %(seen)s.", seen=_shown(root.netloc))
        )
    if not urlsplit(endpoint).path.startswith(root.path):
        yield _header(
            "X-Forwarded-Prefix", "x_prefix", _("The app believes that it is at %(seen)s.", seen=_shown(root.path))
        )
    yield from _address(str(seen["address"]), answer)


def _header(header: str, argument: str, fact: str) -> Symptom:
    return Symptom(
        WARN,
        fact,
        _(
            "Addresses that it writes are wrong, and cookies may be lost. Set %(line)s (this is `%(argument)s`), and "
            "let the proxy send `%(header)s`.",
            line=_PROXY_FIX,
            argument=argument,
            header=header,
        ),
    )


def _address(seen: str, answer: Answer) -> Iterator[Symptom]:
    if seen == _NOBODY:
        yield _believes()
    elif _is(seen, "is_loopback") and not _is(answer.peer, "is_loopback"):
        yield Symptom(
            WARN,
            _("The app sees all requests come from this machine."),
            _(
                "Everybody shares one limit, and one address in the audit log. Set %(line)s, and let the proxy send "
                "`X-Forwarded-For`.",
                line=_PROXY_FIX,
            ),
        )


def _believes() -> Symptom:
    return Symptom(
        BAD,
        _("The app believes whatever address a client writes into X-Forwarded-For."),
        _(
            "Limits by address count for nothing. Let the proxy replace the header, and count only proxies of "
            "yours: %(line)s, or none of it where there is no proxy.",
            line=_PROXY_FIX,
        ),
    )


def _is(text: str, what: str) -> bool:
    try:
        return bool(getattr(ipaddress.ip_address(text.partition("%")[0]), what))
    except ValueError:
        return False


def _shown(told: object) -> str:
    """What another machine said, so that a terminal only shows it."""
    return "".join(character if character.isprintable() else "?" for character in str(told)[:200])


# --- clocks and names -----------------------------------------------------------------------------


def server_clock(patient: Patient) -> Iterator[Symptom]:
    """The clock of the machine that answers."""
    try:
        told = patient.fetched(address(patient.issuer)).headers.get("date", "") if patient.issuer else ""
        theirs = parsedate_to_datetime(told).astimezone(UTC).replace(tzinfo=None)
    except (Unreachable, TypeError, ValueError):
        return  # the first is told already; without a clock a server may send no Date (RFC 9110, 6.6.1)
    apart = int(abs(theirs - patient.fetched_at).total_seconds())
    if apart > APART:
        yield Symptom(
            WARN,
            _(
                "The clocks of the server and of this machine are %(number)s seconds apart.",
                number=apart,
            ),
            _(
                "Codes and proofs end too early or too late where several machines serve the app. Let all of them keep "
                "time: `timedatectl set-ntp true`."
            ),
        )


def redirect_domains(patient: Patient) -> Iterator[Symptom]:
    """Redirect URIs whose host has no address any more."""
    clients_of: dict[str, set[str]] = {}
    for client, uri, host in patient.redirects:
        if uri.startswith("https://") and not host.startswith("["):
            clients_of.setdefault(host, set()).add(client.client_id)
    hosts = list(clients_of)[:_HOSTS]
    asked = {*hosts, urlsplit(patient.issuer).hostname or ""} - {""} if hosts else set()
    lost = network.gone(asked)
    found = sorted({client_id for host in lost for client_id in clients_of.get(host, ())})
    if found and lost == asked:
        yield Symptom(
            NOTE,
            _("No name could be looked up from here."),
            _(
                "So it is not known whether the domains of redirect URIs are still there. Run the command where names "
                "can be looked up, or with `--offline`."
            ),
        )
    elif found:
        yield Symptom(
            BAD,
            counted(
                "%(num)s client has a redirect URI on a domain that no longer resolves.",
                "%(num)s clients have a redirect URI on a domain that no longer resolves.",
                Counted(found, patient.has_more_clients or len(hosts) < len(clients_of)),
            ),
            _(
                "Whoever buys the domain receives codes. Take the address out with `flask oauth2 client edit`, or say "
                "`flask oauth2 client disable %(first)s`. (%(names)s)",
                first=shlex.quote(found[0]),
                names=named(found),
            ),
        )

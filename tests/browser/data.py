"""What the host's database is filled with: apps of every kind, devices, tokens, events; some of it is much."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask_oauth2server import clock
from flask_oauth2server.domain import audit, fingerprints, tokens
from flask_oauth2server.storage.daily_counts import ALL, Counted

from ..support import Provider
from . import signing
from .host import ADMINISTRATOR

#: Somebody with much, somebody with a little, somebody who is asked, somebody with nothing; an administrator.
ADA, THEO, NORA, IDA, TOMAS = "Ada Nwosu", "Theo Brandt", "Nora Lind", "Ida Blank", ADMINISTRATOR
LONG = "Nordic Consortium for Digital Preservation: Metadata Harvesting and Reconciliation Service (staging)"
MANY = 27
EVERYTHING = ["profile", "email", "items.read", "items.write", "notes.read", "notes.write", "publish", "groups.read"]
READING = ["profile", "email", "items.read"]


def picture(red: int, green: int, blue: int) -> bytes:
    """A PNG of 128 pixels: a light square on a plain ground."""
    size, edge = 128, 40
    ground = bytes((red, green, blue))
    line, middle = ground * edge, b"\xff\xff\xff" * (size - 2 * edge)
    plain, crossed = b"\0" + ground * size, b"\0" + line + middle + line
    rows = plain * edge + crossed * (size - 2 * edge) + plain * edge

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def fill(provider: Provider) -> None:
    """Make the tables and everything in them."""
    with provider.app.app_context():
        provider.db.create_all()
        for name in (ADA, THEO, NORA, IDA, TOMAS):
            add_person(provider, name)
        clients = _clients(provider)
        _little(provider, clients)
        _much(provider, clients)
        _watched(provider, clients)
        signing.fill(provider)
        _in_order_of_time(provider)


def add_person(provider: Provider, name: str) -> Any:
    """A new person."""
    user = provider.User(name=name, email=f"{name.lower().replace(' ', '.')}@uni-leipzig.example")
    provider.db.session.add(user)
    provider.db.session.commit()
    return user


# --- clients --------------------------------------------------------------------------------------


def _clients(provider: Provider) -> dict[str, Any]:
    theo, nora = provider.user(THEO), provider.user(NORA)
    bench = {"contacts": ["Open Bench e.V."], "client_uri": "https://bench.example"}
    native = {"token_endpoint_auth_method": "none", "application_type": "native"}
    specifications: dict[str, dict[str, Any]] = {
        "papertrail": {
            "name": "Papertrail Reader",
            "owner": theo,
            "redirect_uris": ["https://reader.papertrail.example/callback", "http://127.0.0.1/callback"],
            "client_uri": "https://papertrail.example",
            "policy_uri": "https://papertrail.example/privacy",
            "tos_uri": "https://papertrail.example/terms",
            "description": "Reads what you saved, on paper and on screen.",
            "logo": picture(23, 58, 94),
            "scopes": EVERYTHING,
        },
        "notebook": {
            "name": "Lab Notebook Sync",
            "redirect_uris": ["https://bench.example/back"],
            "policy_uri": "https://bench.example/privacy",
            "logo": picture(176, 84, 32),
            "scopes": EVERYTHING,
            **bench,
        },
        "mobile": {
            "name": "Meridian Mobile",
            "redirect_uris": ["https://m.meridian.example/cb"],
            "first_party": True,
            "contacts": ["Meridian"],
        },
        "harvester": {
            "name": LONG,
            "redirect_uris": ["https://harvester.digital-preservation.ncdp.example/oauth/callback"],
            "verified": False,
            "contacts": ["ingrid.halvorsen@ncdp.example"],
            "scopes": EVERYTHING,
        },
        "citations": {
            "name": "Citations for LibreOffice",
            "owner": nora,
            "redirect_uris": ["http://127.0.0.1/callback"],
            "client_uri": "https://github.example/mkovac/citations",
            "verified": False,
            **native,
        },
        "pocket": {"name": "Pocket Shelf", "redirect_uris": ["com.example.pocketshelf:/callback"], **native},
        "arabic": {"name": "قارئ المكتبة <b>", "redirect_uris": ["https://xn--mgbayc6b.example/cb"], **bench},
        "widget": {
            "name": "Shelfmark widget (test)",
            "owner": theo,
            "redirect_uris": ["https://widget.example/cb"],
            "verified": False,
            "token_endpoint_auth_method": "none",
        },
        "calendar": {
            "name": "Campus Calendar",
            "redirect_uris": ["https://calendar.example/cb"],
            "client_uri": "https://calendar.example",
            "scopes": ["openid", "profile", "email", "offline_access"],
            "id_token_signed_response_alg": "ES256",
            "subject_type": "pairwise",
            "backchannel_logout_uri": "https://calendar.example/signed-out",
            "post_logout_redirect_uris": ["https://calendar.example/"],
        },
        "mail": {"name": "Campus Mail", "redirect_uris": ["https://mail.example/cb"], "scopes": ["openid", "email"]},
        "stopped": {"name": "Old Importer", "redirect_uris": ["https://importer.example/cb"]},
    }
    made = {}
    for client_id, values in specifications.items():
        values = {"scopes": [*READING, "notes.read"], **values}
        made[client_id], _secret = provider.oauth2.create_client(client_id=client_id, commit=False, **values)
    provider.oauth2.disable_client(made["stopped"], commit=False)
    provider.db.session.flush()
    made_at = clock.now() - timedelta(days=300)
    for model in (provider.oauth2.models.AuditEvent, provider.oauth2.models.ClientSecret):
        provider.db.session.query(model).update({"created_at": made_at})
    for client in made.values():
        client.created_at, client.verified_at = made_at, made_at if client.verified else None
    return made


# --- what people have allowed ---------------------------------------------------------------------


def allow(
    provider: Provider,
    user: Any,
    client: Any,
    scopes: Sequence[str],
    *,
    hosts: Sequence[str] = ("elsewhere.example",),
    devices: Sequence[tuple[str, str, timedelta | None]] = (),
    age: timedelta = timedelta(days=40),
    more: timedelta | None = None,
    offline: bool = True,
) -> None:
    """A remembered consent, and an authorization for each of *devices* (device, address, last use), uncommitted."""
    models, now = provider.oauth2.models, clock.now()
    consent = models.Consent(
        user_id=user.id,
        client_pk=client.id,
        scope=" ".join(scopes),
        declined="",
        redirect_hosts=list(hosts),
        offline=offline,
        created_at=now - age,
        updated_at=now - (age if more is None else more),
    )
    provider.db.session.add(consent)
    for device, address, used in devices:
        authorization = models.Authorization(
            public_id=tokens.random_text(22),
            client_pk=client.id,
            user_id=user.id,
            scope=" ".join(scopes),
            sid="a session",
            offline=offline,
            created_at=now - age,
            last_used_at=None if used is None else now - used,
            expires_at=now - age + timedelta(days=365),
            live_until=now + timedelta(days=30),
            purge_at=now + timedelta(days=366),
            device=device,
            address=address,
        )
        provider.db.session.add(authorization)
        told = {"client_id": client.client_id, "client_name": client.name, "device": device, "address": address}
        event(provider, user, audit.ALLOWED, age, authorization=authorization.public_id, **told)


def event(provider: Provider, user: Any, kind: str, age: timedelta, **facts: Any) -> None:
    """Something that happened, uncommitted."""
    row = provider.oauth2.models.AuditEvent(kind=kind, user_id=user.id, created_at=clock.now() - age, **facts)
    provider.db.session.add(row)


def _in_order_of_time(provider: Provider) -> None:
    """The events as they would have been written: one after the other, each signed."""
    db, model = provider.db, provider.oauth2.models.AuditEvent
    keyring = provider.app.extensions["oauth2server"].audit._keyring
    rows = db.session.query(model).order_by(model.created_at, model.id).all()
    columns = [column.name for column in model.__table__.columns if column.name != "id"]
    written = [{name: getattr(row, name) for name in columns} for row in rows]
    for row in rows:
        db.session.delete(row)
    db.session.flush()
    for values in written:
        values |= fingerprints.salted(values)
        copy = model(**values)
        db.session.add(copy)
        db.session.flush()
        copy.mac = keyring.sign(fingerprints.ENTRY, fingerprints.line({"id": copy.id, **values}))
    db.session.commit()


def token(
    provider: Provider, user: Any, name: str, scopes: Sequence[str], *, ends: timedelta, used: timedelta | None = None
) -> None:
    """A personal token, uncommitted."""
    now = clock.now()
    row = provider.oauth2.models.Token(
        access_digest=tokens.digest(tokens.random_text()),
        user_id=user.id,
        name=name,
        hint=tokens.random_text(4),
        scope=" ".join(scopes),
        created_at=now - timedelta(days=60),
        expires_at=now + ends,
        last_used_at=None if used is None else now - used,
        last_used_from=None if used is None else "192.0.2.14",
    )
    provider.db.session.add(row)


def _little(provider: Provider, clients: dict[str, Any]) -> None:
    theo = provider.user(THEO)
    minutes, hours, days = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
    windows, phone = ("Firefox on Windows", "192.0.2.14"), ("Firefox on Android", "192.0.2.14")
    three = ((*windows, 4 * minutes), (*phone, 1 * days), ("curl", "198.51.100.8", 21 * days))
    allow(provider, theo, clients["notebook"], EVERYTHING, devices=three, age=276 * days, more=226 * days)
    allow(provider, theo, clients["papertrail"], READING, devices=[(*windows, 26 * hours)], age=90 * days)
    allow(provider, theo, clients["mobile"], READING, devices=[(*phone, 3 * hours)], age=200 * days)
    allow(provider, theo, clients["harvester"], EVERYTHING, devices=[("", "2001:db8::7", 135 * days)], age=140 * days)
    allow(provider, theo, clients["arabic"], ["profile"], age=2 * days)
    token(provider, theo, "laptop: nightly export", ["items.read", "notes.read"], ends=30 * days, used=6 * hours)
    token(provider, theo, "Jupyter on the cluster", EVERYTHING, ends=2 * days, used=41 * minutes)
    old = "old import script, remove after the migration to the new collections is finished"
    token(provider, theo, old, ["items.write"], ends=-12 * days)
    provider.oauth2.rotate_secret(clients["papertrail"], commit=False)
    event(provider, theo, audit.DENIED, 3 * hours, client_name=LONG, client_id="harvester", address="203.0.113.9")
    used = {"name": "laptop: nightly export", "address": "192.0.2.14", "device": "curl"}
    event(provider, theo, audit.USED, 6 * hours, **used)
    ended = {"client_name": "Old Importer", "client_id": "stopped", "reason": "revoked by the user"}
    event(provider, theo, audit.ENDED, 8 * days, **ended)
    event(provider, theo, audit.ENDED, 5 * days, client_name=LONG, client_id="harvester", reason="reuse")


def _much(provider: Provider, clients: dict[str, Any]) -> None:
    """More of everything than one page holds."""
    ada = provider.user(ADA)
    day = timedelta(days=1)
    for client in clients.values():
        allow(provider, ada, client, READING, devices=[("Edge on Windows", "2001:db8::7", day)])
    for number in range(MANY):
        name = f"Reading list {number + 1}"
        values = {"name": name, "redirect_uris": [f"https://list{number}.example/cb"], "scopes": READING}
        client, _ = provider.oauth2.create_client(
            client_id=f"list{number}", owner=ada, commit=False, verified=bool(number % 2), **values
        )
        devices = [("Chrome on Linux", "198.51.100.8", number * day)] if number % 3 else []
        allow(provider, ada, client, READING, devices=devices)
        token(provider, ada, f"machine {number + 1}", READING[: 1 + number % 3], ends=(number - 3) * day + day / 2)


# --- what administrators see ----------------------------------------------------------------------


def _watched(provider: Provider, clients: dict[str, Any]) -> None:
    """Two weeks of use, requests that were refused, secrets that end."""
    server = provider.app.extensions["oauth2server"]
    now, counts = clock.now(), {}
    for back in range(14):
        day = now.date() - timedelta(days=back)
        busy = 1 if day.weekday() >= 5 else 3
        for name, times in (("issued", 400), ("granted", 20), ("refused", 11 if back < 3 else 1)):
            for pk in (ALL, clients["harvester"].id):
                counts[Counted(day, name, pk)] = times * busy + back * (times // 9)
    refused = (
        ("redirect_uri_not_registered", "harvester", 22),
        ("code_used", "notebook", 9),
        ("secret_wrong", "papertrail", 2),
    )
    for cause, client_id, times in refused:
        counts[Counted(now.date(), f"refused:{cause}", clients[client_id].id)] = times
    server.storage.daily_counts.add(counts)
    registered = clients["harvester"].redirect_uris
    sent = f"{registered[0]}/"
    request = {"client_id": "harvester", "redirect_uri": sent, "state": "(present, 32 characters)"}
    other = {
        "detail": "the redirect URI is not registered",
        "method": "GET",
        "sent": sent,
        "expected": registered,
        "parameters": [list(pair) for pair in request.items()],
    }
    for number in range(10):
        cause = "redirect_uri_not_registered" if number else "secret_wrong"
        provider.db.session.add(
            provider.oauth2.models.Failure(
                reference=f"F-{number:04}-TEST",
                cause=cause,
                error="invalid_request" if number else "invalid_client",
                status=400,
                endpoint="oauth2server.authorize" if number else "oauth2server.access_token",
                client_pk=clients["harvester"].id,
                client_id="harvester",
                facts=other if number else {"detail": "the credential is wrong", "method": "POST"},
                created_at=now - timedelta(hours=10 - number),
            )
        )
    provider.oauth2.rotate_secret(clients["notebook"], old_expire_in=9 * 86400, commit=False)

"""Columns of what the provider writes down about itself: audit, refusals, counts, findings."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Date, DateTime, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from .. import clock
from .mixins import Row, client_key, exact, key_type


class AuditEventMixin(Row):
    """What happened in a person's name, or was done by an administrator: allowed, refused, changed, ended.

    Names are kept as they were at the time, so that the row still tells when what it speaks of is gone.
    ``user_id`` is whom it concerns, ``actor`` who did it. What is personal goes into a seal as a digest
    with a salt alone, so that erasing a person breaks none.
    """

    __tablename__ = "oauth2_audit_event"
    created_at: Mapped[datetime] = mapped_column(DateTime, nullable=False, default=clock.now, index=True)
    kind: Mapped[str] = mapped_column(String(32), nullable=False)
    client_id: Mapped[str | None] = mapped_column(exact(512), nullable=True)
    client_name: Mapped[str | None] = mapped_column(String(255), nullable=True)
    authorization: Mapped[str | None] = mapped_column(exact(64), nullable=True, index=True)
    token_id: Mapped[int | None] = mapped_column(key_type(), nullable=True, index=True)
    name: Mapped[str | None] = mapped_column(String(255), nullable=True)
    scope: Mapped[str | None] = mapped_column(Text, nullable=True)
    reason: Mapped[str | None] = mapped_column(String(64), nullable=True)
    device: Mapped[str | None] = mapped_column(String(255), nullable=True)
    address: Mapped[str | None] = mapped_column(String(64), nullable=True)
    #: ``person``, ``administrator``, ``client``, ``command line`` or ``server``.
    actor_kind: Mapped[str | None] = mapped_column(String(16), nullable=True)
    actor: Mapped[str | None] = mapped_column(exact(512), nullable=True)
    #: What was changed, as ``{"name": ["before", "after"]}``.
    changes: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), nullable=True)
    user_salt: Mapped[str | None] = mapped_column(String(32), nullable=True)
    user_digest: Mapped[str | None] = mapped_column(String(64), nullable=True)
    actor_salt: Mapped[str | None] = mapped_column(String(32), nullable=True)
    actor_digest: Mapped[str | None] = mapped_column(String(64), nullable=True)
    #: The name of a key, and an HMAC under it over all of this but ``seal`` and what the digests stand for.
    mac: Mapped[str | None] = mapped_column(String(96), nullable=True)
    #: The number of the seal that it stands under; None: not sealed yet.
    seal: Mapped[int | None] = mapped_column(key_type(), nullable=True)

    def __repr__(self) -> str:
        return f"<AuditEvent {self.id} {self.kind}>"


class AuditSealMixin(Row):
    """A fingerprint over some audit events and over the seal before."""

    __tablename__ = "oauth2_audit_seal"

    number: Mapped[int] = mapped_column(key_type(), nullable=False, unique=True)
    previous: Mapped[str] = mapped_column(String(64), nullable=False)
    mac: Mapped[str] = mapped_column(String(64), nullable=False)
    rows_digest: Mapped[str] = mapped_column(String(64), nullable=False)
    #: Tells which key it was made with, and nothing else of it.
    key_id: Mapped[str] = mapped_column(String(16), nullable=False)
    count: Mapped[int] = mapped_column(Integer, nullable=False)
    first_event: Mapped[int] = mapped_column(key_type(), nullable=False)
    last_event: Mapped[int] = mapped_column(key_type(), nullable=False)
    first_at: Mapped[datetime] = mapped_column(DateTime, nullable=False)
    last_at: Mapped[datetime] = mapped_column(DateTime, nullable=False)
    #: When its events were removed because they had been kept long enough.
    purged_at: Mapped[datetime | None] = mapped_column(DateTime, nullable=True)
    #: The name of a key, and an HMAC under it which proves that this server removed them.
    purge_mac: Mapped[str | None] = mapped_column(String(96), nullable=True)

    def __repr__(self) -> str:
        return f"<AuditSeal {self.number}>"


class FailureMixin(Row):
    """One request that was refused, with the precise reason; without secrets, for some days.

    ``client_pk`` is no foreign key: nothing waits for the client's row, and what is written of a client
    that was deleted stays until it is too old.
    """

    __tablename__ = "oauth2_failure"
    created_at: Mapped[datetime] = mapped_column(DateTime, nullable=False, default=clock.now, index=True)
    reference: Mapped[str] = mapped_column(exact(16), nullable=False, index=True)
    cause: Mapped[str] = mapped_column(String(48), nullable=False)
    #: What was told: the public error code and the HTTP status.
    error: Mapped[str] = mapped_column(String(64), nullable=False)
    status: Mapped[int] = mapped_column(Integer, nullable=False)
    endpoint: Mapped[str] = mapped_column(String(255), nullable=False)
    client_pk: Mapped[int | None] = mapped_column(key_type(), nullable=True, index=True)
    #: As it was sent, whether there is such a client or not.
    client_id: Mapped[str | None] = mapped_column(exact(512), nullable=True)
    address: Mapped[str | None] = mapped_column(String(64), nullable=True)
    #: The private sentence, what differed, and the request without its secrets.
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, nullable=False)

    def __repr__(self) -> str:
        return f"<Failure {self.reference} {self.cause}>"


class FailureCountMixin(Row):
    """Failures that allow guessing, counted within a window of time."""

    __tablename__ = "oauth2_failure_count"
    __table_args__ = (
        UniqueConstraint("kind", "subject", name="uq_oauth2_failure_count_kind_subject"),
        Row.__table_args__,
    )

    kind: Mapped[str] = mapped_column(String(32), nullable=False)
    #: SHA-256 of what is counted: a client, an address.
    subject: Mapped[str] = mapped_column(String(64), nullable=False)
    count: Mapped[int] = mapped_column(Integer, nullable=False)
    expires_at: Mapped[datetime] = mapped_column(DateTime, nullable=False, index=True)

    def __repr__(self) -> str:
        return f"<FailureCount {self.id} {self.kind}>"


class DailyCountMixin(Row):
    """How often something happened on one day (UTC), in all and for each client."""

    __tablename__ = "oauth2_daily_count"
    __table_args__ = (
        UniqueConstraint("day", "name", "client_pk", name="uq_oauth2_daily_count_day_name_client"),
        Row.__table_args__,
    )

    day: Mapped[date] = mapped_column(Date, nullable=False)
    name: Mapped[str] = mapped_column(String(64), nullable=False)
    #: The key of a client; 0: in all.
    client_pk: Mapped[int] = mapped_column(key_type(), nullable=False, index=True)
    count: Mapped[int] = mapped_column(key_type(), nullable=False)

    def __repr__(self) -> str:
        return f"<DailyCount {self.day} {self.name}>"


class LogoutDeliveryMixin(Row):
    """A logout token that a client has yet to be told, or could not be."""

    __tablename__ = "oauth2_logout_delivery"

    issuer: Mapped[str] = mapped_column(String(255), nullable=False)
    sid: Mapped[str] = mapped_column(String(64), nullable=False)
    #: What the client calls the person.
    sub: Mapped[str] = mapped_column(String(255), nullable=False)
    jti: Mapped[str] = mapped_column(String(64), nullable=False)
    tries: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    next_at: Mapped[datetime] = mapped_column(DateTime, nullable=False, index=True)
    failed_at: Mapped[datetime | None] = mapped_column(DateTime, nullable=True, index=True)
    last_error: Mapped[str | None] = mapped_column(String(255), nullable=True)

    @declared_attr
    def client_pk(cls) -> Mapped[int]:  # noqa: N805
        return client_key()  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<LogoutDelivery {self.id}>"


class DoctorReportMixin(Row):
    """What the doctor found when it was last run on the command line."""

    __tablename__ = "oauth2_doctor_report"

    findings: Mapped[list[dict[str, Any]]] = mapped_column(JSON, nullable=False)
    #: How many checks there were.
    checks: Mapped[int] = mapped_column(Integer, nullable=False)

    def __repr__(self) -> str:
        return f"<DoctorReport {self.id}>"

"""Seal, verify and export the audit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ..domain import audit, audit_export
from ..domain.verification import Verdict
from .base import Base


class AuditVerbs(Base):
    """What may be done with the audit."""

    def seal_audit(self) -> int:
        """Seal what is not sealed yet; returns how many entries that were. Requests do it by and by."""
        return self._server.seals.everything()

    def verify_audit(self, last: str | None = None) -> Verdict:
        """Look whether any entry of the audit was changed, removed, put in or moved. What is not sealed yet is
        sealed first; the result is noted in the audit.

        :param last: number and HMAC of a seal that was the last one once, as ``verdict.last`` had it: whether
            the end was cut off since.
        :raises ValueError: if *last* is no seal.
        """
        server = self._server
        server.seals.finish_erasing()
        server.seals.everything()
        verdict = server.seals.verify(last)
        changes = {"entries": [None, verdict.entries], "findings": [None, verdict.found]}
        reason = "unbroken" if verdict.unbroken else "broken"
        server.storage.unit.run(lambda: server.audit.note(audit.AUDIT_VERIFIED, None, reason=reason, changes=changes))
        return verdict

    def export_audit(self, since: datetime | None = None) -> Iterator[dict[str, Any]]:
        """All entries in order of their seals, each followed by its seal, as JSON values, piece by piece. What is
        not sealed yet is sealed first; the export is noted in the audit.

        :param since: naive UTC; what was sealed with something at or after that time.
        """
        server = self._server
        server.storage.unit.run(lambda: server.audit.note(audit.AUDIT_EXPORTED, None))
        server.seals.finish_erasing()
        server.seals.everything()
        return audit_export.records(server.storage, since)

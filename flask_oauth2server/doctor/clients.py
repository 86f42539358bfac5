"""Clients that are registered in a risky way, or are about to fail."""

from __future__ import annotations

from datetime import timedelta

#: Secrets that end within it are told.
SOON = timedelta(days=14)

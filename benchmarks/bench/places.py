"""Where things are."""

from __future__ import annotations

import os
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[1]
ROOT = BENCHMARKS.parent
TARGETS = BENCHMARKS / "targets"
ENVIRONMENTS = BENCHMARKS / ".environments"
DATA = BENCHMARKS / ".data"
#: A server of PostgreSQL on which databases are made, and dropped at the end.
POSTGRESQL = os.environ.get("OAUTH2_TEST_POSTGRESQL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")

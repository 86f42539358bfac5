"""How many, and what came out."""

from __future__ import annotations

import json
import os
from typing import Any

#: How many codes, refresh tokens, tickets and revocations are raced for on each database.
RACES = int(os.environ.get("OAUTH2_TEST_RACES", "10"))
#: A file to which the figures are written, a line of JSON each.
FILE = os.environ.get("OAUTH2_TEST_FIGURES")


def report(what: str, **figures: Any) -> None:
    """Print figures, and write them to the file if one is named."""
    line = json.dumps({"what": what, **figures}, default=str)
    print(line)
    if FILE:
        with open(FILE, "a") as file:
            file.write(line + "\n")

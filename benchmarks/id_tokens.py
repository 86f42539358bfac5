"""What an ID token costs: a code flow, and a refresh, with and without ``openid``, by algorithm.

    python benchmarks/id_tokens.py --rounds 60

One provider in this process, one client for each kind, asked in turn. Told are the milliseconds of CPU that a flow
takes, from the authorization request to the tokens, and the ratio to the flow without an ID token in the same round.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from joserfc import jwk

from benchmarks.house import CALLBACK, Caller, House, database
from benchmarks.tables import simple

PLAIN = "no ID token"
#: Metadata of the client of each kind; None: it does not ask for ``openid``.
KINDS: dict[str, dict[str, Any] | None] = {
    PLAIN: None,
    **{alg: {"id_token_signed_response_alg": alg} for alg in ("RS256", "PS256", "ES256", "EdDSA")},
    "RS256, encrypted RSA-OAEP-256": {"id_token_encrypted_response_alg": "RSA-OAEP-256"},
    "RS256, encrypted ECDH-ES": {"id_token_encrypted_response_alg": "ECDH-ES"},
    "RS256, pairwise": {"subject_type": "pairwise"},
}


def callers(house: House) -> dict[str, Caller]:
    """A client of each kind, which the person at the browser has allowed."""
    keys = [jwk.generate_key("RSA", 2048, {"use": "enc"}), jwk.generate_key("EC", "P-256", {"use": "enc"})]
    jwks = {"keys": [key.as_dict(private=False) for key in keys]}
    found = {}
    for number, (kind, metadata) in enumerate(KINDS.items()):
        client_id, scopes = f"client-{number}", ["email"] if metadata is None else ["openid", "email"]
        with house.app.app_context():
            values = {"redirect_uris": [CALLBACK], "scopes": scopes, "jwks": jwks, **(metadata or {})}
            _, secret = house.oauth2.create_client(client_id=client_id, name=kind, **values)
        caller = Caller(house.api, house.browser, secret or "")
        caller.client_id, caller.scope = client_id, " ".join(scopes)
        caller.allow()
        assert ("id_token" in caller.flow()) == (metadata is not None)
        found[kind] = caller
    return found


def milliseconds(times: int, work: Callable[[], Any]) -> float:
    """CPU of one, of so many."""
    begun = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - begun) * 1000 / times


def refreshing(caller: Caller) -> Callable[[], None]:
    """Refresh on and on."""
    kept = [caller.flow()["refresh_token"]]

    def refresh() -> None:
        kept[0] = caller.refresh(kept[0])["refresh_token"]

    return refresh


def measure(rounds: int, times: int, works: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
    """In turn, in changing order: what each took in each round."""
    found: dict[str, list[float]] = {kind: [] for kind in works}
    kinds = list(works)
    for number in range(rounds):
        shift = number % len(kinds)
        for kind in kinds[shift:] + kinds[:shift]:
            found[kind].append(milliseconds(times, works[kind]))
    return found


def summed_up(found: dict[str, list[float]]) -> list[list[str]]:
    """Rows of a table: what one takes, and the ratio, with its 10th and 90th percentile."""
    rows = []
    for kind, took in found.items():
        ratios = [mine / plain for mine, plain in zip(took, found[PLAIN], strict=True)]
        tenths = statistics.quantiles(ratios, n=10) if len(ratios) > 1 else [ratios[0]] * 9
        spread = f"{statistics.median(ratios):.2f} ({tenths[0]:.2f}, {tenths[-1]:.2f})"
        rows.append([kind, f"{statistics.median(took):.2f}", spread])
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--times", type=int, default=10, help="flows in a round")
    parser.add_argument("--json", type=Path, help="write what was measured to this file")
    options = parser.parse_args(arguments)
    with database(None) as url:
        house = House(url)
        house.create()
        house.settle()
        people = callers(house)
        flows = {kind: caller.flow for kind, caller in people.items()}
        refreshes = {kind: refreshing(caller) for kind, caller in people.items()}
        told = {}
        for what, works in (("code flow", flows), ("refresh", refreshes)):
            told[what] = measure(options.rounds, options.times, works)
            print(simple([what, "ms of CPU", "ratio (p10, p90)"], summed_up(told[what])), flush=True)
            print()
        house.close()
    if options.json:
        options.json.write_text(json.dumps(told))


if __name__ == "__main__":
    main()

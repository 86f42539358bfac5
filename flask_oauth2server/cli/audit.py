"""``flask oauth2 audit ...``: what happened, and whether that was tampered with."""

from __future__ import annotations

import json
from datetime import datetime

import click
from flask.cli import AppGroup

from ..domain import audit_export
from ..domain.verification import Verdict
from .common import as_json, explained, server

group = AppGroup("audit", help="The audit.")


@group.command("seal")
@explained
def seal() -> None:
    """Seal what is not sealed yet, and print the last seal."""
    count = server().extension.seal_audit()
    click.echo(f"Sealed {count:,} entries.")
    _print_last(server().seals.last())


@group.command("verify")
@click.option("--last", help="A seal that was the last one once, as this command printed it.")
@as_json
@explained
def verify(last: str | None, as_json: bool) -> None:
    """Find what was changed, removed, put in or moved. Ends with code 1 if anything was."""
    verdict = server().extension.verify_audit(last)
    if as_json:
        click.echo(json.dumps(_told(verdict), indent=2))
    else:
        _print(verdict)
    if not verdict.unbroken:
        raise click.exceptions.Exit(1)


@group.command("export")
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="Only what was sealed since, in UTC."
)
@click.option("--csv", "as_csv", is_flag=True, help="A table of the entries for a spreadsheet, without the seals.")
@explained
def export(since: datetime | None, as_csv: bool) -> None:
    """Print entries and seals, one JSON object a line."""
    found = server().extension.export_audit(since)
    for line in audit_export.csv_lines(found) if as_csv else audit_export.json_lines(found):
        click.echo(line, nl=False)


def _told(verdict: Verdict) -> dict[str, object]:
    findings = [{"text": str(one.text), "seal": one.seal, "entry": one.entry} for one in verdict.findings]
    counted = {name: getattr(verdict, name) for name in ("found", "seals", "entries", "erased", "unsealed", "aged")}
    return {"unbroken": verdict.unbroken, **counted, "last": verdict.last, "findings": findings}


def _print(verdict: Verdict) -> None:
    for finding in verdict.findings:
        click.echo(finding.text)
    if verdict.found > len(verdict.findings):
        click.echo(f"And {verdict.found - len(verdict.findings):,} findings more.")
    state = "Unbroken" if verdict.unbroken else "Broken"
    click.echo(f"{state}: {verdict.entries:,} entries under {verdict.seals:,} seals.")
    if verdict.erased:
        click.echo(f"A person was taken out of {verdict.erased:,} of them.")
    if verdict.aged:
        click.echo(f"{verdict.aged:,} more were removed for their age.")
    if verdict.unsealed:
        click.echo(f"{verdict.unsealed:,} are not sealed yet.")
    _print_last(verdict.last)


def _print_last(last: str | None) -> None:
    if last is not None:
        click.echo(f"Last seal: {last}")

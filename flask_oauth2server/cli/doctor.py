"""``flask oauth2 doctor``"""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

from .. import clock
from .common import as_json, explained, server

if TYPE_CHECKING:
    from ..doctor import Overview

_COLOURS = {"bad": "red", "warn": "yellow", "note": "blue"}


@click.command("doctor")
@click.option("--offline", is_flag=True, help="Ask nothing of the network.")
@as_json
@with_appcontext
@partial(explained, tables=False)
def doctor(offline: bool, as_json: bool) -> None:
    """Is all well? Ends with code 1 if something was found that is worse than a note."""
    overview = server().doctor.run(network=not offline)
    if as_json:
        click.echo(json.dumps(_plain(overview), indent=2))
    else:
        _show(overview)
    if not overview.is_well:
        click.get_current_context().exit(1)


def _plain(overview: Overview) -> dict[str, object]:
    return {
        "findings": [asdict(finding) for finding in overview.findings],
        "passed": overview.passed,
        "checked_at": None if overview.checked_at is None else clock.epoch(overview.checked_at),
    }


def _show(overview: Overview) -> None:
    for finding in overview.findings:
        level = click.style(finding.level.ljust(4), fg=_COLOURS[finding.level])
        click.echo(f"{level}  {click.style(finding.fact, bold=True)} [{finding.check}]")
        click.echo(f"      {finding.remedy}")  # in one line, so that it can be copied
    click.echo(f"{overview.passed} checks passed." if overview.findings else f"All {overview.passed} checks passed.")

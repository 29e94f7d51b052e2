"""Commands about what could be done next, and what came of it."""

from datetime import date
from pathlib import Path

import click

from prescarbon.cli import files, text
from prescarbon.cli.app import DATED, FIGURES, FILE, JSON, LEVEL, MONTH, ORGANISATION, TO_BOOK, Say, command
from prescarbon.config import Config
from prescarbon.manifest import to_json
from prescarbon.pipeline import opportunities as found_by


@command(obeys=DATED)
@LEVEL
@ORGANISATION
@click.option("--rank-by", type=click.Choice(["kg", "gbp_per_kg", "effort"]), default="kg", help="What comes first.")
@click.option("--include-off", is_flag=True, help="Also rules that are off by default.")
@click.option("--signed-off-only", is_flag=True, help="Only rules a clinical role has signed off.")
@TO_BOOK
@MONTH
@JSON
def opportunities(
    config: Config,
    say: Say,
    level: str,
    organisation: str | None,
    rank_by: str,
    include_off: bool,
    signed_off_only: bool,
    to: Path | None,
    month: date | None,
    as_json: bool,
) -> None:
    """Rank what could be done next, with kg, £, interval, caveats and the commitment served.

    Example: prescarbon opportunities --level pcn --to opportunities.xlsx
    """
    found = found_by.find(
        config,
        level=level,
        organisation=organisation,
        last_month=month,
        rank_by=rank_by,
        include_off=include_off,
        include_drafts=not signed_off_only,
    )
    for words in found.evidence.overdue:
        say.warn(words)
    if to:
        files.write_lines(found, to)
        say.remark(f"{found.lines.height} lines in {to}")
    else:
        say.answer(found_by.as_json(found), lambda: text.lines_of(found), as_json=as_json)


@command(obeys=FIGURES)
@click.argument("log", type=FILE, required=False)
@MONTH
def actions(config: Config, say: Say, log: Path | None, month: date | None) -> None:
    """Before and after of the actions in a log (CSV: practice, rule, start date, owner role), with comparators.

    Without LOG: actions.csv of the local folder.
    """
    say.result(to_json(found_by.evaluate(config, log, last_month=month)).rstrip())

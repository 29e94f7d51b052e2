"""Commands about what could be done next, and what came of it."""

from pathlib import Path

import click

from prescarbon.cli import files, text
from prescarbon.cli.app import FILE, JSON, MONTH, Say, command
from prescarbon.config import Config, parse_month
from prescarbon.manifest import to_json
from prescarbon.pipeline import opportunities as opportunities_


@command()
@click.option("--level", default="practice", help="practice, pcn, sub-icb or icb.")
@click.option("--organisation", metavar="CODE", help="One organisation alone (text output).")
@click.option("--rank-by", type=click.Choice(["kg", "gbp_per_kg", "effort"]), default="kg", help="What comes first.")
@click.option("--include-off", is_flag=True, help="Also rules that are off by default.")
@click.option("--signed-off-only", is_flag=True, help="Only rules a clinical role has signed off.")
@click.option(
    "--to", type=click.Path(dir_okay=False, path_type=Path), help="Write CSV, XLSX, Parquet or JSON by the ending."
)
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
    month: str | None,
    as_json: bool,
) -> None:
    """Rank what could be done next, with kg, £, interval, caveats and the commitment served.

    Example: prescarbon opportunities --level pcn --to opportunities.xlsx
    """
    found = opportunities_.find(
        config,
        level=level,
        last_month=parse_month(month) if month else None,
        rank_by=rank_by,
        include_off=include_off,
        include_drafts=not signed_off_only,
    )
    if to:
        files.write_lines(found, to)
        say.remark(f"{found.lines.height} lines in {to}")
    else:
        say.result(to_json(opportunities_.as_json(found)).rstrip() if as_json else text.lines_of(found, organisation))


@command()
@click.argument("log", type=FILE)
@MONTH
def actions(config: Config, say: Say, log: Path, month: str | None) -> None:
    """Before and after of the actions in a log (CSV: practice, rule, start date, owner role), with comparators."""
    say.result(to_json(opportunities_.evaluate(config, log, last_month=parse_month(month) if month else None)).rstrip())

"""Commands about what could be done next, what came of it, and the codes of a rule."""

from datetime import date
from pathlib import Path

import click

from prescarbon.cli import files, text
from prescarbon.cli.app import (
    DATED,
    FIGURES,
    FILE,
    JSON,
    LEVEL,
    MONTH,
    ORGANISATION,
    TO,
    TO_BOOK,
    Commands,
    Say,
    cli,
    command,
)
from prescarbon.config import Config
from prescarbon.manifest import to_json
from prescarbon.pipeline import opportunities as found_by
from prescarbon.pipeline import switching
from prescarbon.pipeline.hand_over import code_list
from prescarbon.reference.definitions import reference_of


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
@click.argument("log", type=FILE)
@MONTH
def actions(config: Config, say: Say, log: Path, month: date | None) -> None:
    """Before and after of the actions in a log (CSV: practice, rule, start date, owner role), with comparators."""
    say.result(to_json(found_by.evaluate(config, log, last_month=month)).rstrip())


@cli.group(cls=Commands)
def rules() -> None:
    """Switch rules: what a clinical system needs of one."""


@command(rules, "try", obeys=["as_of"])
@click.argument("from_code", metavar="FROM")
@click.argument("to_code", metavar="TO")
@click.option("--ratio", type=float, default=1.0, help="Devices of TO for one of FROM; default 1, like for like.")
@JSON
def rules_try(config: Config, say: Say, from_code: str, to_code: str, ratio: float, as_json: bool) -> None:
    """Say whether one inhaler may become another, and every reason why not.

    Example: prescarbon rules try 0302000C0BPABBF 0302000C0BNAABU --ratio 0.5
    """
    found = switching.try_pair(config, from_code, to_code, ratio)
    say.answer(found, lambda: text.tried_lines(found), as_json=as_json)


@command(rules, "matrix", obeys=["as_of"])
@JSON
def rules_matrix(config: Config, say: Say, as_json: bool) -> None:
    """Try every inhaler against every inhaler: how many pairs the guards refuse, and for which reasons."""
    found = switching.count_matrix(reference_of(config), config.as_of)
    say.answer(found, lambda: text.matrix_lines(found), as_json=as_json)


@command(rules, "codes")
@click.argument("rule")
@TO
@JSON
def rules_codes(config: Config, say: Say, rule: str, to: Path | None, as_json: bool) -> None:
    """Show the codes and the search of a rule, for a clinical system.

    SNOMED codes are those that stand beside the BNF code in the loaded rows.

    Example: prescarbon rules codes DV01 --to DV01.csv
    """
    codes = code_list(config, rule)
    if to:
        files.write_codes(codes, to)
        say.remark(f"{codes.height} codes in {to}")
    else:
        say.answer(codes.to_dicts(), lambda: text.code_lines(codes.to_dicts()), as_json=as_json)

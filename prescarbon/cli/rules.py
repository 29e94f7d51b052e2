"""Commands about the rules: their codes, the pack for a committee, what it decided, how each stands."""

from pathlib import Path

import click

from prescarbon.cli import text
from prescarbon.cli.app import FIGURES, FILE, FOLDER, JSON, Commands, Say, cli, command
from prescarbon.config import Config
from prescarbon.pack.rule_sheets import write_rule_pack
from prescarbon.pipeline import opportunities as found_by
from prescarbon.pipeline.rule_standing import rule_changes, rule_standings
from prescarbon.pipeline.signing import sign_rules


@cli.group(cls=Commands)
def rules() -> None:
    """Switch rules: a pack for the prescribing committee, its decisions, how each rule stands, its codes."""


@command(rules, "codes")
@click.argument("rule")
@JSON
def rules_codes(config: Config, say: Say, rule: str, as_json: bool) -> None:
    """Show the codes and the search of a rule, for a clinical system.

    Example: prescarbon rules codes DV01
    """
    rows = found_by.code_list(config, rule)
    columns = ("side", "bnf_code", "product_name", "snomed_code", "search")
    say.answer(rows, lambda: text.lines(rows, columns), as_json=as_json)


@command(rules, "pack", obeys=FIGURES)
@click.option("--to", "folder", type=FOLDER, default=Path(), help="Folder for rules.pdf and rules.xlsx; default here.")
@click.option(
    "--rule", "only", multiple=True, metavar="ID", help="This rule alone, also one that is off; may be repeated."
)
@JSON
def rules_pack(config: Config, say: Say, folder: Path, only: tuple[str, ...], as_json: bool) -> None:
    """Write a sheet a rule for the prescribing committee, as PDF to read and XLSX to fill in and send back.

    Example: prescarbon rules pack --to committee --rule DV04 --rule DV05
    """
    told = write_rule_pack(config, folder, only)
    say.answer(told, lambda: f"{len(told['rules'])} rules in {told['pdf']} and {told['workbook']}", as_json=as_json)


@command(rules, "sign")
@click.argument("file", type=FILE)
@JSON
def rules_sign(config: Config, say: Say, file: Path, as_json: bool) -> None:
    """Take the decisions of a returned workbook (or a CSV like signoff.csv) into the local folder, all or none.

    Example: prescarbon rules sign rules.xlsx
    """
    told = sign_rules(config, file)
    say.answer(told, lambda: text.signed_lines(told), as_json=as_json)


@command(rules, "status")
@JSON
def rules_status(config: Config, say: Say, as_json: bool) -> None:
    """List each rule: signed by whom and to be reviewed when, draft and why, off and why, or not to be had."""
    rows = rule_standings(config)
    say.answer(rows, lambda: text.standing_lines(rows), as_json=as_json)


@command(rules, "diff")
@JSON
def rules_diff(config: Config, say: Say, as_json: bool) -> None:
    """List the rules that are not what was decided on, as after an upgrade: which keys, old and new."""
    rows = rule_changes(config)
    say.answer(rows, lambda: text.change_of_rule_lines(rows), as_json=as_json)

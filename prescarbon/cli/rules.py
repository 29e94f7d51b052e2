"""Commands about the rules: their codes, the pack for a committee, what it decided, how each stands."""

from pathlib import Path

import click

from prescarbon.cli import files, text
from prescarbon.cli.app import DATED, FILE, FOLDER, JSON, TO, Commands, Say, cli, command
from prescarbon.config import Config
from prescarbon.pack.rule_sheets import write_rule_pack
from prescarbon.pipeline import switching
from prescarbon.pipeline.hand_over import code_list
from prescarbon.pipeline.rule_standing import rule_changes, rule_standings
from prescarbon.pipeline.signing import sign_rules
from prescarbon.reference.definitions import reference_of


@cli.group(cls=Commands)
def rules() -> None:
    """Switch rules: a pack for the prescribing committee, its decisions, how each rule stands, its codes."""


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


@command(rules, "pack", obeys=DATED)
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


@command(rules, "status", obeys=["as_of"])
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

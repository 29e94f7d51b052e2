"""Every option of every command is obeyed or absent: which of the shared ones each takes, and that they change the answer."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import click
import openpyxl
import polars as pl
import pytest
from click.testing import CliRunner

from prescarbon.cli import cli

FIGURES = {"scope", "factor_set", "gwp_basis"}
TAKEN = {
    "actions": FIGURES,
    "change": FIGURES,
    "compare": FIGURES,
    "demo": (FIGURES | {"as_of"}) - {"scope"},
    "explain": FIGURES,
    "factors compare": {"scope", "gwp_basis"},  # the two sets are its arguments
    "factors import": set(),
    "factors list": {"gwp_basis"},
    "factors show": {"gwp_basis"},
    "fetch": {"scope"},
    "import": set(),
    "kpis": FIGURES,
    "local init": set(),
    "measures import-published": set(),
    "measures list": set(),
    "measures reconcile": set(),  # a published value is of every practice, by published factors
    "measures run": FIGURES,
    "measures show": set(),
    "months": set(),
    "opportunities": FIGURES | {"as_of"},
    "organisations import": set(),
    "reference check": set(),
    "reference due": {"as_of"},
    "rejects": set(),
    "report": FIGURES | {"as_of"},
    "rules codes": set(),
    "rules diff": set(),
    "rules matrix": {"as_of"},
    "rules pack": FIGURES | {"as_of"},
    "rules sign": set(),
    "rules status": {"as_of"},
    "rules try": {"as_of"},
    "run": FIGURES | {"as_of"},
    "trend": FIGURES,
    "verify": set(),
}
VALUES = {"scope": "all", "factor_set": "harmonised", "gwp_basis": "AR5", "as_of": "2027-05-25"}
OTHER_DAYS = {"organisations import"}  # its --as-of is the month that a file describes


def commands(group: click.Group, above: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, (*above, name))
        else:
            yield " ".join((*above, name)), command


def test_each_command_takes_the_shared_options_it_obeys():
    found = {
        name: {p.name for p in command.params} & (VALUES.keys() - ({"as_of"} if name in OTHER_DAYS else set()))
        for name, command in commands(cli)
    }
    assert found == TAKEN


@pytest.mark.parametrize("command", sorted(TAKEN))
def test_an_option_that_would_change_nothing_is_a_usage_error(command):
    shown = CliRunner().invoke(cli, [*command.split(), "--help"]).output.partition("Options:")[2]
    for option, value in VALUES.items():
        if option == "as_of" and command in OTHER_DAYS:
            continue
        word = f"--{option.replace('_', '-')}"
        assert (word in shown) == (option in TAKEN[command])
        if option not in TAKEN[command]:
            result = CliRunner().invoke(cli, [*command.split(), word, value])
            assert result.exit_code == 2
            assert f"No such option '{word}'" in result.stderr or f"No such option: {word}" in result.stderr


def run(home: Path, *words: object, code: int = 0) -> str:
    result = CliRunner().invoke(cli, [*map(str, words), "--home", str(home)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.stderr


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path) -> Iterator[None]:
    """No prescarbon.toml but the test's own."""
    before = Path.cwd()
    os.chdir(tmp_path)
    yield
    os.chdir(before)


def test_a_day_moves_what_is_a_draft_and_what_is_a_target(home):
    words = ["opportunities", "--scope", "gp", "--json"]
    early, late = (json.loads(run(home, *words, "--as-of", day)) for day in ("2026-11-24", "2027-11-25"))
    assert "overdue" not in str(early)
    by_rule = {line["rule_id"]: line["why_draft"] for line in late["opportunities"]}
    assert "the propellant of" in by_rule["TR02"]
    assert "BR01" not in by_rule  # its target's row of the formulary is overdue
    assert run(home, *words, "--as-of", "2027-05-24") == run(home, *words)


def test_a_day_that_is_none_is_one_sentence(home):
    told = run(home, "opportunities", "--as-of", "tomorrow", code=5)
    assert told.startswith(
        "prescarbon: the command line: as_of = 'tomorrow' is not allowed: is no day such as 2026-11-24"
    )
    assert told.count("\n") == 1


def test_what_is_due_is_told_in_lines_and_as_json(home):
    assert run(home, "reference", "due") == "Nothing is overdue, and nothing falls due within 90 days.\n"
    told = json.loads(run(home, "reference", "due", "--as-of", "2027-05-25", "--json"))
    assert set(told[0]) == {"kind", "id", "name", "review_by", "overdue"}
    assert {row["kind"] for row in told} == {"rule", "propellant", "factor", "formulary"}
    assert all(row["overdue"] == (row["review_by"] < "2027-05-25") for row in told)
    first, *_ = lines = run(home, "reference", "due", "--as-of", "2027-05-25").splitlines()
    assert len(lines) == len(told)
    assert first.startswith("by 2027-05-24, is overdue, kind rule, id ")
    assert {row["overdue"] for row in json.loads(run(home, "reference", "due", "--as-of", "2027-05-24", "--json"))} == {
        False
    }
    assert {row["kind"] for row in json.loads(run(home, "reference", "due", "--as-of", "2027-09-01", "--json"))} > {
        "formulary"
    }


ONE = "Z90001"
ANSWERS = {
    "trend": ["trend", "kg_per_inhaler", "--level", "icb"],
    "change": ["change", "--level", "icb"],
    "compare": ["compare", "kg_per_inhaler"],
    "kpis": ["kpis"],
    "measures run": ["measures", "run", "--level", "icb"],
    "opportunities": ["opportunities", "--level", "icb"],
    "explain": ["explain", ONE],
}


@pytest.mark.parametrize("command", [c for c in ANSWERS if c != "explain"])
def test_a_scope_narrows_the_answer(home, command):
    """Measures and trends choose organisations by it, so at the level of practices they are fewer."""
    level = ["--level", "practice"] if command in ("measures run", "trend") else []
    words = [*ANSWERS[command], *level, "--json"]
    assert run(home, *words, "--scope", ONE) != run(home, *words, "--scope", "gp")


@pytest.mark.parametrize("command", ANSWERS)
def test_a_gwp_basis_moves_the_answer(home, command):
    words = [*ANSWERS[command], "--json", "--scope", "gp"]
    assert run(home, *words, "--gwp-basis", "AR4") != run(home, *words)


@pytest.mark.parametrize("command", ["trend", "compare", "measures run"])
def test_a_factor_set_moves_the_answer(home, command):
    Path("prescarbon.toml").write_text("coverage_floor = 0.0\n")
    words = [*ANSWERS[command], "--json", "--scope", "gp"]
    assert run(home, *words, "--factor-set", "prescqipp-b375") != run(home, *words)


@pytest.mark.parametrize("level", ["practice", "pcn", "icb"])
def test_a_scope_chooses_the_organisations_of_a_measure_and_narrows_none(home, level):
    words = ["measures", "run", "--measure", "kg_inhalers", "--level", level, "--json"]
    every = json.loads(run(home, *words))["values"]
    (one,) = json.loads(run(home, *words, "--scope", ONE))["values"]
    assert one in every
    assert len(every) > 1 or level == "icb"


def test_a_scope_without_organisations_at_a_level_is_one_sentence(home):
    told = run(home, "measures", "run", "--level", "pcn", "--scope", "K99999", code=3)
    assert told.startswith("prescarbon: no pcn has a row of the scope K99999. Check the codes")


def test_without_a_chosen_scope_measures_are_of_whole_organisations(home):
    words = ["measures", "run", "--level", "icb", "--json"]
    assert run(home, *words) == run(home, *words, "--scope", "all")
    trend = ["trend", "kg_inhalers", "--level", "icb", "--json"]
    assert run(home, *trend) == run(home, *trend, "--scope", "all")


def test_a_scope_of_the_configuration_counts_as_chosen(home):
    Path("prescarbon.toml").write_text(f'scope = "{ONE}"\n')
    words = ["measures", "run", "--measure", "kg_inhalers", "--json"]
    assert run(home, *words) == run(home, *words, "--scope", ONE)


def test_opportunities_of_one_organisation_in_every_form(home):
    words = ["opportunities", "--scope", "gp", "--organisation", ONE]
    told = json.loads(run(home, *words, "--json"))
    assert {line["organisation_code"] for line in told["opportunities"]} == {ONE}
    assert {line["organisation_code"] for line in told["totals"]} == {ONE}
    assert set(told["nothing_stands_out"]) <= {ONE}
    for ending in ("csv", "parquet", "json", "xlsx"):
        run(home, *words, "--to", f"one.{ending}")
    assert pl.read_csv("one.csv")["organisation_code"].unique().to_list() == [ONE]
    assert pl.read_parquet("one.parquet").height == len(told["opportunities"])
    assert json.loads(Path("one.json").read_text("utf-8")) == told
    cells = [row[0].value for row in openpyxl.load_workbook("one.xlsx")["Opportunities"].iter_rows(min_row=2)]
    assert ONE in cells
    assert "Z90002" not in cells


def test_an_organisation_that_is_not_there_is_one_sentence(home):
    assert "K81001 is not in the loaded months" in run(home, "opportunities", "--organisation", "K81001", code=3)
    assert "no practice K81001 is in the loaded months" in run(
        home, "trend", "saba", "--organisation", "K81001", code=3
    )
    assert "no practice K81001 reported in the same months" in run(home, "change", "--organisation", "K81001", code=3)


def returns(name: str, value: float) -> Path:
    head = "organisation_code,level,period_start,period_end,kpi_id,value\n"
    Path(name).write_text(f"{head}SYNICB,icb,2025-04-01,2026-01-01,annex-2,{value}\n")
    return Path(name)


def annex(home: Path, *words: object) -> object:
    return {r["kpi_id"]: r["value"] for r in json.loads(run(home, "kpis", "--scope", "gp", "--json", *words))}[
        "annex-2"
    ]


def test_returns_of_the_configuration_are_told_and_the_line_outranks_them(home):
    assert annex(home) is None
    Path("prescarbon.toml").write_text(f'kpi_returns = "{returns("mine.csv", 0.4)}"\n')
    assert annex(home) == 0.4
    assert annex(home, "--returns", returns("other.csv", 0.6)) == 0.6


def test_a_practice_or_a_pcn_not_both():
    result = CliRunner().invoke(cli, ["report", "--practice", ONE, "--pcn", "SYN001"])
    assert result.exit_code == 2
    assert "give --practice or --pcn, not both" in result.stderr

import json

import pytest
from click.testing import CliRunner

from prescarbon.cli import cli

OWN = "key,product_name,kg_co2e,kg_low,kg_high,scope,gwp_basis,source_id\n0301011R0BEAIAP,Ventolin,20,18,22,whole life cycle,AR6,ours\n"


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(cli, [str(w) for w in words], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.stderr


def test_the_list_names_every_set_and_its_kind(tmp_path):
    rows = {r["factor_set"]: r for r in json.loads(run("factors", "list", "--json", "--home", tmp_path))}
    assert rows["harmonised"]["kind"] == "harmonised"
    assert (rows["nhse-iif-es02"]["kind"], rows["nhse-iif-es02"]["factors"]) == ("published", 18)


def test_show_gives_every_sets_value_with_its_source():
    rows = json.loads(run("factors", "show", "0301011R0BEAIAP", "--json"))
    assert {r["factor_set"] for r in rows} == {"harmonised", "gsk-cert-12506", "nhse-iif-es02", "prescqipp-b375"}
    assert all(r["source"] and r["kg_low"] <= r["kg_co2e"] <= r["kg_high"] for r in rows)


def test_a_code_without_a_factor_is_one_sentence():
    assert "no factor has the code or name 'X'" in run("factors", "show", "X", code=3)


def test_an_own_set_is_imported_listed_and_used(tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text(OWN, "utf-8")
    run("factors", "import", file, "--home", tmp_path / "home")
    rows = {r["factor_set"]: r for r in json.loads(run("factors", "list", "--json", "--home", tmp_path / "home"))}
    assert rows["mine"]["kind"] == "imported"
    shown = json.loads(run("factors", "show", "0301011R0BEAIAP", "--json", "--home", tmp_path / "home"))
    assert [(r["kg_low"], r["kg_co2e"], r["kg_high"]) for r in shown if r["factor_set"] == "mine"] == [
        (18.0, 20.0, 22.0)
    ]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (",20,18,22,", ",much,18,22,", "line 2, kg_co2e: 'much' is no number"),
        (",20,18,22,", ",20,21,22,", "not within 21 and 22"),
        ("0301011R0BEAIAP", "Ventolin", "is no BNF presentation code"),
        ("kg_co2e,", "kg,", "line 1, kg_co2e: this column is missing"),
    ],
)
def test_a_wrong_cell_of_an_own_set_is_named(tmp_path, old, new, says):
    file = tmp_path / "mine.csv"
    file.write_text(OWN.replace(old, new), "utf-8")
    assert says in run("factors", "import", file, "--home", tmp_path / "home", code=3)
    assert not (tmp_path / "home").exists()


def test_a_published_name_cannot_be_taken(tmp_path):
    file = tmp_path / "nhse-iif-es02.csv"
    file.write_text(OWN, "utf-8")
    assert "cannot be the name of a set" in run("factors", "import", file, "--home", tmp_path, code=3)

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from prescarbon.cli import cli
from prescarbon.manifest import RunManifest
from prescarbon.pack.restatements import find_restatements, last_manifest
from tests.report.test_practice_page import MANIFEST

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
        ("kg_co2e,", "kg,", "kg_co2e: '' this column is missing"),
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


def manifest(**others: object) -> RunManifest:
    import dataclasses

    months = ({"month": "2026-01", "inhalers": 100.0, "all": 200.0},)
    return dataclasses.replace(MANIFEST, **{"kg_by_month": months, **others})


def test_a_month_that_says_otherwise_is_in_the_log_with_its_reason():
    before = json.loads(
        manifest(kg_by_month=({"month": "2026-01", "inhalers": 90.0, "all": 200.0},), gwp_basis="AR5").to_json()
    )
    (entry,) = find_restatements(before, manifest())
    assert entry == {
        "month": "2026-01",
        "what": "inhalers",
        "said_kg": 90.0,
        "says_kg": 100.0,
        "because": "another GWP basis was chosen",
    }


def test_the_same_run_again_restates_nothing_and_an_old_entry_stays():
    first = manifest()
    assert find_restatements(json.loads(first.to_json()), first) == []
    entry = {"month": "2025-12", "what": "all", "said_kg": 1.0, "says_kg": 2.0, "because": "x"}
    assert find_restatements(json.loads(manifest(restatements=(entry,)).to_json()), first) == [entry]


def test_no_earlier_run_or_a_broken_one_is_no_restatement(tmp_path: Path):
    assert last_manifest(tmp_path) is None
    (tmp_path / "2026-01").mkdir()
    (tmp_path / "2026-01" / "manifest.json").write_text("{")
    assert last_manifest(tmp_path) is None
    assert find_restatements(None, manifest()) == []

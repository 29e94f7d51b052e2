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


def bridge_of(code: str, *words: str) -> dict:
    rows = json.loads(run("factors", "show", code, "--json", *words))
    return {r["factor_set"]: r["bridge"] for r in rows}


@pytest.mark.parametrize(
    ("code", "set_name", "printed", "ours", "gwp", "rest"),
    [
        # Salamol: 11.95 ÷ 1430 is 8.357 g; 100 more a kilogram of it, then 1.66 kg that is not printed
        ("0301011R0BIAFAP", "nhse-iif-es02", 11.95, 14.4508, 11.95 / 1430 * 100, 1.66),
        ("0302000C0BPABBF", "prescqipp-b375", 17.346, 20.2189, 17.346 / 1430 * 100, 1.66),  # Clenil
        # Ventolin's 28.26 is a whole life cycle: less 2.52 it is 18.0 g, and no rest is missing
        ("0301011R0BEAIAP", "nhse-iif-es02", 28.26, 30.06, 18.0 * 100 / 1000, 0),
        ("0301011R0BEAIAP", "prescqipp-b375", 25.74, 30.06, 18.0 * 100 / 1000, 2.52),
    ],
)
def test_show_bridges_a_printed_value_to_ours(code, set_name, printed, ours, gwp, rest):
    step = bridge_of(code)[set_name]
    assert (step["kg_printed"], step["kg_co2e"]) == (printed, pytest.approx(ours))
    assert (step["gwp_kg"], step["rest_kg"]) == (pytest.approx(gwp, abs=1e-4), pytest.approx(rest, abs=1e-9))
    assert step["gwp_kg"] + step["mass_kg"] + step["rest_kg"] == pytest.approx(step["difference_kg"], abs=1e-5)
    assert step["difference_kg"] == pytest.approx(ours - printed, abs=1e-5)
    assert "GWP100 of AR6, not AR4" in step["why"]


def test_a_bridge_is_of_the_basis_that_is_asked_for_and_only_beside_what_practices_know(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prescarbon.toml").write_text('gwp_basis = "AR4"\n', "utf-8")
    bridges = bridge_of("0301011R0BEAIAP")
    assert (bridges["harmonised"], bridges["gsk-cert-12506"]) == (None, None)
    assert bridges["nhse-iif-es02"]["why"] == "the same value"  # 18.0 g at AR4 and 2.52 kg are the printed 28.26
    assert bridges["nhse-iif-es02"]["gwp_kg"] == 0


def test_a_bridge_without_a_propellant_of_its_own_says_so():
    generic, powder = bridge_of("0301011R0AAAPAP")["nhse-iif-es02"], bridge_of("0301011R0BWAABZ")["prescqipp-b375"]
    assert generic["why"].endswith("another mix of brands")
    assert generic["mix_kg"] == generic["difference_kg"] == pytest.approx(19.1023 - 25.24, abs=1e-3)
    assert powder["why"] == "+0.09 kg: the value of nhse-iif-es02"


def test_the_bridge_stands_in_the_lines():
    assert (
        "printed 11.95 kg, ours 14.45 kg: +0.84 kg: GWP100 of AR6, not AR4; +1.66 kg: the rest of the life cycle is not printed"
        in run("factors", "show", "0301011R0BIAFAP")
    )

"""measures run and opportunities as a user types them, on rows that nobody here wrote."""

import csv
import gzip
import io
import json
from decimal import Decimal
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from click.testing import CliRunner

from prescarbon.cli import cli

pytestmark = pytest.mark.real


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(cli, [str(w) for w in words], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.stderr


@pytest.fixture(scope="module")
def home(real: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    folder = real / "epd-2017"
    run("import", "--home", home, *sorted(folder.glob("epd_2017*.csv.gz")))
    run("organisations", "import", "--home", home, folder / "epraccur_2017_08.csv", *folder.glob("gp-reg-*.csv"))
    return home


def rows(real: Path, month: str) -> list[dict[str, str]]:
    text = gzip.decompress((real / "epd-2017" / f"epd_{month}.csv.gz").read_bytes()).decode()
    return list(csv.DictReader(io.StringIO(text)))


def values(text: str) -> dict[tuple[str, str], dict]:
    return {(v["measure"], v["organisation_code"]): v for v in json.loads(text)["values"]}


def test_carbon_salbutamol_of_two_areas_by_hand(home, real):
    factors = {
        r["key"]: Decimal(r["kg_co2e"])
        for r in csv.DictReader(io.StringIO(Path("reference/factors/published/nhse-iif-es02.csv").read_text("utf-8")))
    }
    found = values(run("measures", "run", "--level", "sub-icb", "--month", "2017-10", "--home", home, "--json"))
    for area in ("03A", "11M"):
        mine = [r for r in rows(real, "201710") if r["PCO_CODE"] == f"{area}00" and r["BNF_CODE"] in factors]
        quantity = sum(Decimal(r["TOTAL_QUANTITY"]) for r in mine)
        kg = sum(Decimal(r["TOTAL_QUANTITY"]) * factors[r["BNF_CODE"]] for r in mine)
        value = found["carbon_salbutamol", area]
        assert value["numerator"] == pytest.approx(float(kg))
        assert value["denominator"] == float(quantity)
        assert value["value"] == pytest.approx(float(kg / quantity))
        assert (value["level"], value["period_start"], value["period_end"]) == ("sub-icb", "2017-10-01", "2017-10-01")


def test_the_scope_chooses_organisations_and_narrows_no_measure(home):
    words = ("measures", "run", "--level", "sub-icb", "--month", "2017-10", "--home", home, "--json")
    wide, narrow = values(run(*words)), values(run(*words, "--scope", "L84018"))
    assert {code for _, code in narrow} == {"11M"}
    assert narrow == {key: value for key, value in wide.items() if key[1] == "11M"}


def test_practices_add_up_to_their_area(home):
    areas = values(run("measures", "run", "--level", "sub-icb", "--month", "2017-09", "--home", home, "--json"))
    practices = values(run("measures", "run", "--level", "practice", "--month", "2017-09", "--home", home, "--json"))
    for measure in ("saba", "environmental_inhalers", "kg_inhalers"):
        total = sum(v["numerator"] for (m, _), v in practices.items() if m == measure)
        assert total == pytest.approx(areas[measure, "03A"]["numerator"] + areas[measure, "11M"]["numerator"])


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".json"])
def test_values_go_to_a_file(home, tmp_path, ending):
    file = tmp_path / f"values{ending}"
    run("measures", "run", "--level", "sub-icb", "--home", home, "--to", file)
    assert file.stat().st_size > 1000


def test_without_organisations_published_rules_count_nobody_and_ours_still_do(real, tmp_path):
    run("import", "--home", tmp_path, real / "epd-2017" / "epd_201709.csv.gz")
    found = values(run("measures", "run", "--level", "sub-icb", "--home", tmp_path, "--json"))
    assert found["saba", "03A"]["value"] is None
    assert found["kg_inhalers", "03A"]["numerator"] > 0


@pytest.mark.parametrize(
    ("words", "says"), [(["--level", "county"], "'county' is no level"), (["--measure", "x"], "there is no measure x")]
)
def test_a_wrong_wish_is_one_sentence(home, words, says):
    assert says in run("measures", "run", "--home", home, *words, code=3)


def test_published_values_are_held_beside_ours(home, tmp_path):
    file = tmp_path / "saba_vintage_2026-03-30.csv"
    file.write_text("measure,month,code,numerator,denominator\nsaba,2017-10-01,03A,843,1573\nsaba,2017-10-01,11M,1,2\n")
    run("measures", "import-published", file, "--home", home)
    found = {r["organisation_code"]: r for r in json.loads(run("measures", "reconcile", "--home", home, "--json"))}
    assert found["03A"]["because"] == ""
    assert "vintage 2026-03-30" in found["11M"]["because"]


def test_the_real_published_series_is_imported_with_its_vintage(home, real):
    (file,) = (real / "published-measures").glob("saba_*.csv")
    taken = json.loads(run("measures", "import-published", file, "--home", home, "--json"))
    assert (taken["vintages"], taken["measures"]) == (["2026-03-30"], ["saba"])


def test_opportunities_of_a_level_add_up_to_the_practices(home):
    practices = json.loads(run("opportunities", "--home", home, "--json"))["opportunities"]
    areas = json.loads(run("opportunities", "--home", home, "--level", "sub-icb", "--json"))["opportunities"]
    for rule in {line["rule_id"] for line in areas}:
        for column in ("items", "units", "kg_theoretical_counted"):
            parts = sum(line[column] or 0 for line in practices if line["rule_id"] == rule)
            assert sum(line[column] or 0 for line in areas if line["rule_id"] == rule) == pytest.approx(parts)


def test_drafts_say_so_and_can_be_left_out(home):
    lines = json.loads(run("opportunities", "--home", home, "--json"))["opportunities"]
    assert {line["is_draft"] for line in lines} == {True}
    text = run("opportunities", "--home", home, "--signed-off-only")
    assert text.count("nothing stands out") == 4


def test_two_months_rank_nothing_and_say_so(home):
    text = run("opportunities", "--home", home)
    assert text.count("nothing is ranked (2 of 12 months).") == 4


def test_opportunities_go_to_a_workbook(home, tmp_path):
    run("opportunities", "--home", home, "--to", tmp_path / "o.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "o.xlsx")["Opportunities"]
    assert sheet.max_row > 20
    assert not [c for row in sheet.iter_rows() for c in row if c.data_type == "f"]


def test_no_line_speaks_of_patients_or_of_a_bulk_switch(home):
    text = run("opportunities", "--home", home, "--include-off").lower()
    assert "patient" not in text
    assert "bulk" not in text


def test_pages_and_tables_agree_with_explain(home, tmp_path):
    folder = Path(json.loads(run("report", "--home", home, "--out", tmp_path, "--json"))["folder"])
    footprint = pl.read_parquet(folder / "data" / "footprint.parquet").filter(pl.col("practice_code") == "B85010")
    told = json.loads(run("explain", "B85010", "--home", home, "--json"))
    inhalers, *methods = told["totals"]
    assert sum(t["kg_co2e"] or 0 for t in methods) == pytest.approx(float(footprint["kg_co2e"].sum()))
    inhaled = footprint.filter(pl.col("reads_as") != "not an inhaler")["kg_co2e"].sum()
    assert inhalers["kg_co2e"] == pytest.approx(float(inhaled))

"""measures and their published twins, as a user types them, on the small SYNTHETIC sample."""

import json
import shutil
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner

from prescarbon.cli import cli
from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.pack.write import write_report
from prescarbon.pipeline.published import reconcile

MONTH, AREA = "2026-01", "SYN01"
UNKNOWN = "a_measure_of_tomorrow"


def run(home: Path, *words: object, code: int = 0) -> str:
    result = CliRunner().invoke(cli, [*map(str, words), "--home", str(home)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.stderr


@pytest.fixture
def own_home(home: Path, tmp_path: Path) -> Path:
    return shutil.copytree(home, tmp_path / "home", ignore=shutil.ignore_patterns("sample"))


@pytest.fixture
def published(own_home: Path, tmp_path: Path) -> Path:
    """The home with two published values: saba as we count it, and a measure that we have no definition of."""
    values = json.loads(run(own_home, "measures", "run", "--level", "sub-icb", "--measure", "saba", "--json"))["values"]
    (ours,) = (v for v in values if v["organisation_code"] == AREA)
    file = tmp_path / "mine_2026-03-30.csv"
    file.write_text(
        "measure,month,code,numerator,denominator\n"
        f"saba,{MONTH}-01,{AREA},{ours['numerator']},{ours['denominator']}\n"
        f"{UNKNOWN},{MONTH}-01,{AREA},30,60\n"
        f"saba,{MONTH}-01,ELSEWHERE,1,2\n"
    )
    run(own_home, "measures", "import-published", file)
    return own_home


def test_an_unknown_published_measure_stands_beside_the_others(published):
    """It once emptied the comparison of all the others."""
    unknown, saba = reconcile(Config(home=published, out=published))
    assert (saba["measure_id"], saba["because"], saba["organisation_code"]) == ("saba", "", AREA)
    assert saba["numerator"] is not None
    assert (unknown["measure_id"], unknown["numerator"], unknown["value"]) == (UNKNOWN, None, None)
    assert (unknown["published_numerator"], unknown["published_denominator"]) == (30, 60)
    assert unknown["because"] == "no measure of this name is in reference/measures: ours is not known"
    assert json.loads(run(published, "measures", "reconcile", "--json"))[0]["measure_id"] == UNKNOWN
    text = run(published, "measures", "reconcile")
    assert "ours not known ÷ not known, published 30 ÷ 60" in text
    assert "the same" in text


def test_what_an_earlier_vintage_said_stands_beside_the_newest(published, tmp_path):
    file = tmp_path / "older_2026-02-27.csv"
    file.write_text(f"measure,month,code,numerator,denominator\nsaba,{MONTH}-01,{AREA},30,60\n")
    run(published, "measures", "import-published", file)
    _, saba = reconcile(Config(home=published, out=published))
    assert (saba["vintage"], saba["earlier_vintage"]) == ("2026-03-30", "2026-02-27")
    assert saba["because"] == "vintage 2026-02-27 said 30 ÷ 60"


def test_the_page_and_the_workbook_of_the_sro_hold_both(published, tmp_path):
    pack = write_report(Config(home=published, out=tmp_path / "out", scope=("gp",), is_scope_given=True))
    page = (pack.folder / "ics.html").read_text("utf-8")
    row = page[page.index(UNKNOWN) :].partition("</tr>")[0]
    assert "not known" in row
    assert "ours is not known" in row
    assert f"saba</th><td>{AREA}" in page.replace("\n", "")
    book = openpyxl.load_workbook(pack.folder / "workbook" / "ics.xlsx")
    cells = {row[0]: row for sheet in book for row in sheet.iter_rows(values_only=True) if row[0] in (UNKNOWN, "saba")}
    assert "no measure of this name is in reference/measures: ours is not known" in cells[UNKNOWN]
    assert 30 in cells[UNKNOWN]
    assert AREA in cells["saba"]


def test_only_unknown_measures_are_no_fault(own_home, tmp_path):
    file = tmp_path / "mine_2026-03-30.csv"
    file.write_text(f"measure,month,code,numerator,denominator\n{UNKNOWN},{MONTH}-01,{AREA},30,60\n")
    run(own_home, "measures", "import-published", file)
    (row,) = reconcile(Config(home=own_home, out=tmp_path))
    assert (row["measure_id"], row["numerator"]) == (UNKNOWN, None)


def test_without_published_values_one_sentence_says_how_to_get_them(home, tmp_path):
    with pytest.raises(InputError, match=r"no published values are imported\. `prescarbon measures import-published"):
        reconcile(Config(home=home, out=tmp_path))


HEAD = "measure,month,code,numerator,denominator\n"


@pytest.mark.parametrize(
    ("name", "content", "words", "says"),
    [
        ("saba.csv", HEAD, (), "saba.csv: has no vintage in its name. Give --vintage 2026-03-30."),
        ("a_2026-03-30.csv", "measure,month\n", (), "has no column code, denominator, numerator."),
        ("a_2026-03-30.csv", "", (), "cannot be read as CSV."),
        ("a_2026-03-30.csv", HEAD + "saba,then,03A,1,2\nsaba,2026-01-01,03A,1,2\n", (), "has 1 rows with a cell that is no month or number."),
        ("saba.csv", HEAD, ("--vintage", "x"), "saba.csv: the vintage 'x' is no date. Give --vintage 2026-03-30."),
        ("saba_2026-13-30.csv", HEAD, (), "the vintage '2026-13-30' is no date."),
        ("saba.csv", HEAD + "saba,2026-01-01,03A,one,2\n", ("--vintage", "2026-03-30"), "has 1 rows with a cell"),
    ],
)  # fmt: skip
def test_a_wrong_file_of_published_values_is_one_sentence(tmp_path, name, content, words, says):
    file = tmp_path / name
    file.write_text(content)
    assert says in run(tmp_path / "home", "measures", "import-published", file, *words, code=3)
    assert not (tmp_path / "home" / "published").exists()


def test_what_is_no_file_of_published_values_is_one_sentence(tmp_path):
    words = ("measures", "import-published", "/dev/null", "--vintage", "2026-03-30")
    assert "null: cannot be read as CSV." in run(tmp_path / "home", *words, code=3)


def test_a_measure_named_twice_is_run_once(home):
    once = ["measures", "run", "--level", "icb", "--measure", "saba"]
    assert run(home, *once, "--measure", "saba") == run(home, *once)


def test_measures_are_listed_and_shown(tmp_path):
    listed = run(tmp_path, "measures", "list")
    assert "saba" in listed
    shown = json.loads(run(tmp_path, "measures", "show", "saba"))
    assert shown["id"] == "saba"
    assert "there is no measure 'x'" in run(tmp_path, "measures", "show", "x", code=3)


def test_values_are_shown_as_lines(home):
    (line,) = run(home, "measures", "run", "--level", "icb", "--measure", "kg_per_inhaler").splitlines()
    value = json.loads(run(home, "measures", "run", "--level", "icb", "--measure", "kg_per_inhaler", "--json"))[
        "values"
    ]
    assert line.startswith("SYNICB    kg_per_inhaler")
    assert f"{value[0]['value']:,.4f}".rstrip("0") in line
    assert line.endswith(f"2026-01 to 2026-01  {value[0]['gate']}")


def test_an_ending_that_is_none_is_one_sentence(home, tmp_path):
    file = tmp_path / "values.txt"
    assert "values.txt ends in none of .csv, .parquet, .json." in run(home, "measures", "run", "--to", file, code=3)
    assert not file.exists()

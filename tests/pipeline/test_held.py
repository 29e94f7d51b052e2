"""What is held, as a user asks for it: months, rejects, verify, and what became of organisation files."""

import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from prescarbon.cli import cli
from prescarbon.store.months import Store
from tests.source.test_files import put, text

SIZES = (
    "PUBLICATION,EXTRACT_DATE,TYPE,CCG_CODE,ONS_CCG_CODE,CODE,POSTCODE,SEX,AGE,NUMBER_OF_PATIENTS\n"
    "P,01JAN2021,GP,M1J4Y,E,E81001,X,ALL,ALL,1000\n"
    "P,01JAN2021,GP,M1J4Y,E,E81001,X,MALE,ALL,490\n"
    "P,01JAN2021,GP,M1J4Y,E,E81002,X,ALL,ALL,many\n"
)
REJECTED = {"QUANTITY": "two", "NIC": "1.50", "BNF_PRESENTATION_NAME": "=CMD()\x1b[2J"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, text({}, REJECTED, {"NIC": "£9"}), "epd.csv")
    (tmp_path / "sizes.csv").write_text(SIZES)
    return tmp_path / "home"


def run(home: Path, *words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, [*map(str, words), "--home", str(home)])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def test_import_says_of_an_organisations_file_what_became_of_every_row(home):
    lines = run(home, "import", "epd.csv", "sizes.csv").stdout.splitlines()
    assert lines[0].startswith("2026-01 published from epd.csv: 3 rows in = 1 used + 2 rejected")
    assert lines[1:] == [
        "  mind: in 1 rejected rows NIC is empty or unreadable; no sum of £ has it.",
        "  mind: 1 names or codes held control characters; they were cleaned.",
        "sizes.csv: imported as list size of 2021-01 (the file's own date): 3 rows in = 1 used + 1 rejected + 1 not needed",
        "  rejected: 1 because patients is empty or unreadable",
    ]


def test_organisations_import_says_the_same_and_the_second_time_unchanged(home):
    first = run(home, "organisations", "import", "sizes.csv").stdout
    assert "3 rows in = 1 used + 1 rejected + 1 not needed\n  rejected: 1 because patients" in first
    assert run(home, "organisations", "import", "sizes.csv").stdout == first.replace("imported", "unchanged")
    (told,) = json.loads(run(home, "organisations", "import", "sizes.csv", "--json").stdout)
    assert (told["rows_in"], told["rows_used"], told["rows_rejected"], told["rows_not_needed"]) == (3, 1, 1, 1)


def test_import_tells_a_script_the_same(home):
    epd, sizes = json.loads(run(home, "import", "epd.csv", "sizes.csv", "--json").stdout)
    assert (epd["status"], epd["rows_in"], epd["rows_rejected"]) == ("published", 3, 2)
    assert (sizes["status"], sizes["kind"], sizes["rows_not_needed"]) == ("organisations", "list size", 1)
    assert sizes["reasons"] == {"patients is empty or unreadable": 1}


def test_rejects_shows_line_reason_pounds_and_row_and_steers_no_terminal(home):
    run(home, "import", "epd.csv")
    first, second = run(home, "rejects", "2026-01").stdout.splitlines()
    assert first.startswith("epd.csv line 3: quantity two is no number; £1.50; 2026-01,QHG,M1J4Y,A, SURGERY,K81001,")
    assert "=CMD()�[2J" in first
    assert second.startswith("epd.csv line 4: nic_gbp £9 is no number; £ unreadable; ")
    told = json.loads(run(home, "rejects", "2026-01", "--json").stdout)
    assert [(r["line"], r["nic_gbp"]) for r in told] == [(3, 1.5), (4, None)]
    assert "\x1b" in told[0]["row_text"]  # as read


@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
def test_rejects_go_into_a_file_where_no_cell_is_a_formula(home, tmp_path, ending):
    put(tmp_path, text({}, {"YEAR_MONTH": "=1+1"}), "epd.csv")
    run(home, "import", "epd.csv")
    file = tmp_path / f"rejects.{ending}"
    run(home, "rejects", "2026-01", "--to", file)
    reads = {"csv": lambda f: pl.read_csv(f, infer_schema=False), "parquet": pl.read_parquet, "json": pl.read_json}
    (row,) = reads[ending](file).to_dicts()
    assert str(row["line"]) == "3"
    assert row["row_text"].startswith("'=1+1" if ending == "csv" else "=1+1")


def test_a_file_that_is_refused_does_not_cost_the_others(home, tmp_path):
    put(tmp_path, "<html>", "a.csv")
    result = run(home, "import", "a.csv", "epd.csv", code=3)
    assert result.stderr == "prescarbon: a.csv: is a web page (HTML), not an EPD file. Download the file itself.\n"
    assert result.stdout.startswith("2026-01 published from epd.csv")


def test_rejects_of_organisation_files(home):
    run(home, "import", "epd.csv", "sizes.csv")
    assert run(home, "rejects", "organisations").stdout == "sizes.csv line 4: patients is empty or unreadable\n"


def test_rejects_of_nothing(home, tmp_path):
    assert run(home, "rejects", "organisations").stdout == "No row is rejected.\n"
    error = run(home, "rejects", "2026-01", code=3).stderr
    assert error == "prescarbon: 2026-01 is not held. `prescarbon months` lists the months that are.\n"
    run(home, "import", "epd.csv")
    assert (
        "rejects.doc ends in none of .csv"
        in run(home, "rejects", "2026-01", "--to", tmp_path / "rejects.doc", code=3).stderr
    )


def test_many_rejects_are_shown_in_part_and_said_so(home, tmp_path):
    put(tmp_path, text({}, *[{"QUANTITY": "x"}] * 1_002), "epd.csv")
    run(home, "import", "epd.csv")
    lines = run(home, "rejects", "2026-01").stdout.splitlines()
    assert (len(lines), lines[-1]) == (1_001, "and 2 more: use --to FILE")


def test_verify_counts_the_months_that_agree_and_names_the_one_that_does_not(home, tmp_path):
    put(tmp_path, text({"YEAR_MONTH": "2025-12"}), "december.csv")
    run(home, "import", "epd.csv", "december.csv")
    assert run(home, "verify").stdout == "2 months agree\n"
    assert json.loads(run(home, "verify", "--json").stdout) == {"months": 2, "faults": []}
    january = Store(home).months()[1]
    (home / "months" / january.data).unlink()
    told = run(home, "verify", code=3).stdout
    assert told == f"2026-01: {january.data} is missing. Remove 2026-01.json and import or fetch the month again.\n"
    assert json.loads(run(home, "verify", "--json", code=3).stdout)["faults"] == [told.strip()]


def test_months_show_what_was_asked_for_and_what_is_synthetic(home):
    run(home, "import", "epd.csv")
    (month,) = json.loads(run(home, "months", "--json").stdout)
    assert (month["practices_asked"], month["is_synthetic"]) == (None, False)

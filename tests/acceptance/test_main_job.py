"""The main job on rows that nobody here wrote: import, months, report, explain, as a user types them."""

import csv
import gzip
import io
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from prescarbon.cli import cli

pytestmark = pytest.mark.real
MONTHS = {"2017-09": "epd_201709", "2017-10": "epd_201710"}


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(cli, [str(w) for w in words], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


@pytest.fixture(scope="module")
def files(real: Path, tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    folder = tmp_path_factory.mktemp("epd")
    for name in MONTHS.values():
        (folder / f"{name}.csv").write_bytes(gzip.decompress((real / "epd-2017" / f"{name}.csv.gz").read_bytes()))
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def home(files: Sequence[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    run("import", "--home", home, *files)
    return home


@pytest.fixture(scope="module")
def pack(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    return Path(json.loads(run("report", "--home", home, "--out", out, "--json"))["folder"])


def raw_rows(files: Sequence[Path]) -> list[dict[str, str]]:
    return [row for file in files for row in csv.DictReader(io.StringIO(file.read_text("utf-8")))]


def test_rows_and_pounds_add_up_to_the_penny(home, files):
    held = json.loads(run("months", "--home", home, "--json"))
    assert [m["month"] for m in held] == list(MONTHS)
    for month, file in zip(held, files, strict=True):
        rows = raw_rows([file])
        assert month["rows_in"] == len(rows) == month["rows_used"] + month["rows_rejected"]
        nic = sum(Decimal(row["NIC"]) for row in rows)
        assert Decimal(str(month["nic_gbp_in"])) == nic
        assert Decimal(str(month["nic_gbp_used"])) + Decimal(str(month["nic_gbp_rejected"])) == nic
        assert {"source", "hash"} <= month.keys()


def test_four_real_practices_have_a_page(pack):
    pages = sorted(p.stem for p in (pack / "practice").iterdir())
    assert pages == ["B85010", "B85054", "L84018", "L84073"]
    assert "DALTON SURGERY" in (pack / "index.html").read_text("utf-8")


def test_items_pounds_and_devices_of_one_page_by_hand(pack, files):
    """Ventolin Evohaler at L84018 over both months: the rows are few enough to add on paper."""
    rows = [r for r in raw_rows(files) if r["PRACTICE_CODE"] == "L84018" and r["BNF_CODE"] == "0301011R0BEAIAP"]
    found = pl.read_parquet(pack / "data" / "footprint.parquet").filter(
        (pl.col("practice_code") == "L84018") & (pl.col("bnf_code") == "0301011R0BEAIAP")
    )
    assert found["items"].sum() == sum(int(r["ITEMS"]) for r in rows)
    assert found["nic_gbp"].sum() == sum(Decimal(r["NIC"]) for r in rows)
    assert found["devices"].sum() == float(sum(Decimal(r["QUANTITY"]) * int(r["ITEMS"]) for r in rows))


def test_the_tables_beside_the_pages_hold_every_row_in_scope(pack, files):
    footprint = pl.read_parquet(pack / "data" / "footprint.parquet")
    rows = raw_rows(files)
    assert footprint["rows"].sum() == len(rows)
    assert footprint["nic_gbp"].sum() == sum(Decimal(r["NIC"]) for r in rows)
    assert footprint["items"].sum() == sum(int(r["ITEMS"]) for r in rows)


def test_two_imports_in_another_order_give_the_same_store(home, files, tmp_path):
    run("import", "--home", tmp_path / "other", *reversed(files))
    assert tree(home / "months") == tree(tmp_path / "other" / "months")


def test_two_reports_give_the_same_bytes(home, pack, tmp_path):
    run("report", "--home", home, "--out", tmp_path)
    assert tree(tmp_path / pack.name) == tree(pack)


def test_importing_again_changes_nothing(home, files):
    before = tree(home)
    assert "unchanged" in run("import", "--home", home, *files)
    assert tree(home) == before


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_explain_leads_back_to_the_rows(home):
    told = json.loads(run("explain", "L84018", "--product", "0301011R0BEAIAP", "--home", home, "--json"))
    devices = sum(Decimal(str(r["quantity"])) * r["items"] for r in told["rows"])
    assert sum(line["devices"] for line in told["lines"]) == float(devices)
    for line in told["lines"]:
        assert line["kg_co2e"] == pytest.approx(line["devices"] * line["kg_a_unit"], abs=1e-6)
        assert line["kg_low"] <= line["kg_co2e"] <= line["kg_high"]
        assert line["source_id"]


def test_a_practice_without_rows_is_one_sentence_and_code_3(home):
    result = CliRunner().invoke(cli, ["report", "--home", str(home), "--practice", "K81001"])
    assert result.exit_code == 3
    assert result.stderr.strip().splitlines()[-1].startswith("prescarbon: practice K81001 has no rows")


def test_a_scope_without_rows_is_one_sentence_and_code_3(home):
    result = CliRunner().invoke(cli, ["report", "--home", str(home), "--scope", "icb:QHG"])
    assert result.exit_code == 3
    assert "belongs to the scope" in result.stderr


@pytest.mark.parametrize("code", ["K81001; DROP", "../x", "K8", "=cmd()"])
def test_a_code_that_is_none_is_refused(home, code):
    result = CliRunner().invoke(cli, ["explain", code, "--home", str(home)])
    assert result.exit_code == 3
    assert "is not a practice code" in result.stderr

import dataclasses
from pathlib import Path

import openpyxl

from prescarbon.pipeline.series import Per1000
from prescarbon.report.faces.sheets import practice_sheets
from prescarbon.report.faces.workbook import write_workbook
from prescarbon.report.views.numbers import Interval
from tests.report.test_practice_page import HOSTILE, MANIFEST, WORDS, the_page


def written(file: Path, page=None, manifest=MANIFEST) -> openpyxl.Workbook:
    write_workbook(file, practice_sheets(page or the_page(), WORDS), manifest, WORDS, notes=("=cmd()",))
    return openpyxl.load_workbook(file)


def cells(sheet) -> list:
    return [cell for row in sheet.iter_rows() for cell in row]


def test_the_workbook_holds_the_numbers_of_the_page(tmp_path):
    page = the_page(people={"K81001": Per1000(Interval(165, 182, 194), 2000, "")})
    rows = {row[0].value: row for row in written(tmp_path / "a.xlsx", page)["Summary"].iter_rows(min_row=3)}
    assert rows["Inhalers"][1].value == page.inhaler_kg.central
    assert rows["Per inhaler"][1].value == page.kg_per_inhaler.central
    assert rows["Inhalers per 1,000 registered people"][1].value == 182


def test_text_from_data_is_never_a_formula(tmp_path):
    book = written(tmp_path / "a.xlsx", the_page(HOSTILE))
    for sheet in book:
        assert not [c.coordinate for c in cells(sheet) if c.data_type == "f"]
    assert any(c.value == "=cmd()" for c in cells(book["Notes"]))


def test_unknown_is_an_empty_cell_and_not_zero(tmp_path):
    (row,) = [r for r in written(tmp_path / "a.xlsx")["Evidence"].iter_rows() if "no factor" in str(r[0].value)]
    assert [c.value for c in row[4:]] == [None, None, None]


def test_headers_are_frozen_and_can_be_filtered(tmp_path):
    sheet = written(tmp_path / "a.xlsx")["Inhalers"]
    assert sheet.freeze_panes == "B2"
    assert sheet.auto_filter.ref


def test_the_same_view_gives_the_same_bytes(tmp_path):
    written(tmp_path / "a.xlsx")
    written(tmp_path / "b.xlsx")
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_every_sheet_of_a_synthetic_run_says_so(tmp_path):
    book = written(tmp_path / "a.xlsx", manifest=dataclasses.replace(MANIFEST, is_synthetic=True))
    assert all("SYNTHETIC" in str(sheet["A1"].value) for sheet in book)

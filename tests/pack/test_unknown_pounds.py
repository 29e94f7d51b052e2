"""A pack of files whose £ are empty: said in words on every face, and £0.00 on none."""

import re
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from pptx import Presentation

from prescarbon.config import Config
from prescarbon.pack.write import write_report
from prescarbon.reference.files import find_reference
from prescarbon.source.files import take_file
from prescarbon.source.organisations import import_organisations
from prescarbon.source.sample import write_sample
from prescarbon.store.months import Store


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("no-pounds")
    catalogue = find_reference() / "sample" / "catalogue.csv"
    sample = write_sample(home / "sample", catalogue, practices=2, pcns=1, months=2)
    import_organisations(sample.organisations, home)
    for file in sample.epd:
        rows = pl.read_csv(file, infer_schema=False)
        rows.with_columns(NIC=pl.lit(""), ACTUAL_COST=pl.lit("")).write_csv(file)
        take_file(Store(home), file)
    return write_report(Config(home=home, out=home / "out", scope=("gp",), is_scope_given=True)).folder


def words_of(file: Path) -> str:
    text = re.sub(r"<(style|script).*?</\1>", "", file.read_text("utf-8"), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_no_page_says_nought_pounds(pack: Path) -> None:
    pages = sorted(pack.rglob("*.html"))
    assert len(pages) == 5  # two practices, a PCN, the SRO, the index
    for page in pages:
        words = words_of(page)
        assert "£0" not in words, page.name
        assert "Net ingredient cost £ not in the data" in words, page.name
        assert "None" not in words, page.name


def test_other_medicines_are_not_known_where_no_price_is(pack: Path) -> None:
    for name in ("index.html", "ics.html"):
        assert re.search(
            r"Other medicines(, all practices)? not known By spend, an order of magnitude", words_of(pack / name)
        )
        assert re.search(r"[\d,]+ items whose price is not known are left out", words_of(pack / name))
    assert "NIC £ not in the data." in words_of(pack / "ics.html")
    slide = " ".join(s.text_frame.text for s in Presentation(pack / "board.pptx").slides[0].shapes if s.has_text_frame)
    assert re.search(r"Other medicines by spend, about\s+not known\s+not known", slide)
    assert "All medicines" not in slide


def test_workbooks_leave_the_cells_empty_and_say_why(pack: Path) -> None:
    book = openpyxl.load_workbook(pack / "workbook" / "ics.xlsx")
    rows = [[cell.value for cell in row] for row in book["Rows and pounds"].iter_rows() if row[0].value == "2026-01"]
    assert rows[0][1] > 0
    assert rows[0][4:] == [None, None, None]
    said = {row[0].value: row[1].value for row in book.worksheets[-1].iter_rows() if row[0].value}
    assert said["NIC"] == "£ not in the data"
    assert said["Constant prices"].startswith("Prices of December 2025 to November 2026, 2 of 12 months held")

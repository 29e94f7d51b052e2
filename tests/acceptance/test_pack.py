"""The report pack of the SYNTHETIC sample: every face of a page says the same numbers as the tables and as `explain`."""

import importlib.util
import io
import json
import re
import zipfile
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import openpyxl
import polars as pl
import pypdf
import pytest
from click.testing import CliRunner
from pptx import Presentation

from prescarbon.cli import cli
from prescarbon.reference.definitions import read_reference
from prescarbon.report.views.numbers import Interval, mass, mass_span, number, pounds, rough, span
from prescarbon.tables.products import FACTORS

ROOT = Path(__file__).resolve().parents[2]
WORDS = read_reference().wording
PRACTICES = ["Z90003", "Z90051", "Z90090"]


def test_every_page_has_its_pdf_and_its_workbook(pack):
    pages = [p.relative_to(pack) for p in (*pack.glob("practice/*"), *pack.glob("pcn/*"), pack / "ics.html")]
    assert len(pages) == 90 + 24 + 1
    for page in pages:
        assert (pack / "pdf" / page.with_suffix(".pdf")).is_file()
        assert (pack / "workbook" / page.with_suffix(".xlsx")).is_file()


def test_a_practice_report_is_two_sheets_that_say_they_are_synthetic(pack):
    for file in (pack / "pdf" / "practice").iterdir():
        sheets = pypdf.PdfReader(file).pages
        assert len(sheets) == 2, file.name
    assert all("SYNTHETIC data" in sheet.extract_text() for sheet in sheets)


@pytest.mark.parametrize("code", PRACTICES)
def test_page_pdf_workbook_csv_and_explain_agree(code, pack, demo_home):
    told = explained(code, demo_home)
    lines = [line for line in told["lines"] if line["devices"] is not None and line["kg_co2e"] is not None]
    kilograms, devices = sum(line["kg_co2e"] for line in lines), sum(line["devices"] for line in lines)
    headline, *methods = told["totals"]
    (other,) = (t for t in methods if t["method"] == "spend")
    nic = sum(t["nic_gbp"] for t in methods)

    figures = {
        r["figure"]: r for r in pl.read_csv(pack / "data" / "figures.csv").to_dicts() if r["practice_code"] == code
    }
    assert figures["Inhalers"]["central"] == pytest.approx(kilograms, abs=0.001)
    for ours, theirs in (("low", "kg_low"), ("central", "kg_co2e"), ("high", "kg_high")):
        assert figures["Inhalers"][ours] == pytest.approx(headline[theirs])
    book = openpyxl.load_workbook(pack / "workbook" / "practice" / f"{code}.xlsx")
    tiers = {row[0].value: [cell.value for cell in row[4:7]] for row in book["Evidence"].iter_rows(min_row=3)}
    for total in methods:
        own = tiers[WORDS["evidence"][total["method"]]]
        assert own == [pytest.approx(total[k]) for k in ("kg_co2e", "kg_low", "kg_high")]
    assert figures["Per inhaler"]["central"] == pytest.approx(kilograms / devices)

    summary = {row[0].value: [cell.value for cell in row[1:4]] for row in book["Summary"].iter_rows(min_row=4)}
    assert summary["Inhalers"][0] == figures["Inhalers"]["central"]
    by_spend = summary["Other medicines, by spend"]
    assert by_spend == [pytest.approx(other[k]) for k in ("kg_co2e", "kg_low", "kg_high")]
    # the error is one for all: ÷ 1.4 to × 1.4 of medicines, ÷ 2 to × 2 of feeds and appliances
    assert 1 / 2 < by_spend[1] / by_spend[0] <= 1 / 1.4
    assert 1.4 <= by_spend[2] / by_spend[0] < 2
    assert summary["Net ingredient cost"][0] == pytest.approx(nic)

    inhalers = Interval(*(figures["Inhalers"][end] for end in ("low", "central", "high")))
    about = rough(Interval(by_spend[1], by_spend[0], by_spend[2]))
    said = (
        f"{number(inhalers.central)} kg CO2e", f"{span(inhalers)} kg", f"{number(devices)} inhalers with a factor",
        f"{number(figures['Per inhaler']['central'])} kg CO2e", f"about {mass(about)} ({mass_span(about)})", f"{pounds(nic)} net ingredient cost",
    )  # fmt: skip
    page = plain(re.sub(r"<[^>]+>", "", (pack / "practice" / f"{code}.html").read_text("utf-8")))
    pdf = plain("".join(s.extract_text() for s in pypdf.PdfReader(pack / "pdf" / "practice" / f"{code}.pdf").pages))
    for words in said:
        assert plain(words) in page
        assert plain(words) in pdf


def explained(code: str, demo_home: Path) -> dict:
    command = ["explain", code, "--json", "--home", str(demo_home / "home" / "demo"), "--scope", "gp"]
    result = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def plain(text: str) -> str:
    return re.sub(r"[\s\u200b\u2068\u2069]+", "", text)


def test_the_headline_figures_are_the_measures(pack):
    figures, measures = (pl.read_parquet(pack / "data" / f"{n}.parquet") for n in ("figures", "measure_values"))
    for figure, measure in {
        "Inhalers": "kg_inhalers",
        "Inhalers per 1,000 people": "kg_inhalers_per_1000",
        "Per inhaler": "kg_per_inhaler",
    }.items():
        own = figures.filter(pl.col("figure") == figure).select("practice_code", "central", "low", "high")
        of_measure = measures.filter((pl.col("measure_id") == measure) & (pl.col("level") == "practice")).select(
            "organisation_code", value=pl.col("value").cast(pl.Float64), at_least="low", at_most="high"
        )
        both = own.join(of_measure, left_on="practice_code", right_on="organisation_code", validate="1:1")
        assert both.height == 90
        for ours, theirs in (("central", "value"), ("low", "at_least"), ("high", "at_most")):
            apart = (both[ours] / both[theirs].cast(pl.Float64) - 1).abs().max()
            assert apart < 1e-6, (figure, ours)


def test_page_workbook_table_and_slide_of_the_system_agree(pack):
    kpis = {r["kpi_id"]: r for r in pl.read_csv(pack / "data" / "kpi_values.csv").to_dicts()}
    page = (pack / "ics.html").read_text("utf-8")
    rows = openpyxl.load_workbook(pack / "workbook" / "ics.xlsx")["KPIs"].iter_rows(min_row=4, values_only=True)
    in_workbook = {row[0]: row for row in rows}
    for kpi in kpis.values():
        assert in_workbook[kpi["title"]][1] == (kpi["value"] and pytest.approx(kpi["value"]))
        if kpi["value"] is not None:
            assert (
                f'<td class="n">{number(kpi["value"])} <small>11 of 12 months</small></td>' in page
            )  # one practice lacks a month
    (slide,) = Presentation(str(pack / "board.pptx")).slides
    said = "\n".join(shape.text_frame.text for shape in slide.shapes if shape.has_text_frame)
    inhalers = kpis["inhaler-carbon"]
    assert mass(Interval(inhalers["low"], inhalers["value"], inhalers["high"])) in said
    assert "SYNTHETIC" in said


def test_practices_add_up_to_their_pcn_and_to_the_system(pack):
    figures = pl.read_parquet(pack / "data" / "figures.parquet").filter(pl.col("figure") == "Inhalers")
    measures = pl.read_parquet(pack / "data" / "measure_values.parquet").filter(pl.col("measure_id") == "kg_inhalers")
    for level, by in (("pcn", ["pcn_code"]), ("group", [])):
        summed = figures.group_by(by).agg(pl.col("central").sum()) if by else figures.select(pl.col("central").sum())
        own = measures.filter(pl.col("level") == level)["value"].cast(pl.Float64).sort()
        assert summed["central"].sort().to_list() == pytest.approx(own.to_list(), abs=0.01)


def test_office_files_hold_no_clock(pack):
    for file in (pack / "board.pptx", pack / "workbook" / "ics.xlsx"):
        with zipfile.ZipFile(file) as parts:
            assert {info.date_time for info in parts.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            core = ET.fromstring(parts.read("docProps/core.xml"))
        stamps = [node.text for node in core if node.tag.endswith(("created", "modified"))]
        assert stamps
        assert all(stamp.startswith(f"{date(2000, 1, 1)}") for stamp in stamps)


def test_the_kept_sample_is_what_the_demo_makes(pack):
    spec = importlib.util.spec_from_file_location("show", ROOT / "docs" / "show.py")
    show = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(show)
    stale = [n for n in show.KEPT if (show.SAMPLE / n).read_bytes() != (pack / n).read_bytes()]
    assert not stale, "run `make sample`"
    kept = {p.relative_to(show.SAMPLE).as_posix() for p in show.SAMPLE.rglob("*") if p.is_file()}
    assert kept == set(show.KEPT)


def test_overlapping_lines_are_told_together_each_inhaler_once(pack):
    lines = pl.read_parquet(pack / "data" / "opportunities.parquet").filter(pl.col("organisation_code") == "Z90051")
    once, added_up = lines["kg_to_peer_counted"].cast(pl.Float64).sum(), lines["kg_to_peer"].cast(pl.Float64).sum()
    assert once < added_up
    page = (pack / "practice" / "Z90051.html").read_text("utf-8")
    assert f"All {lines.height} lines found" in page
    assert f"counted once: {number(once)} (" in page


def test_the_most_that_those_who_attend_could_save_is_the_share_of_the_units_named_and_never_beyond_the_peers(pack):
    """What the page says can be done again by a reader: share × units × kg a unit, at most what the peers reach."""
    lines = pl.read_parquet(pack / "data" / "opportunities.parquet").filter(
        pl.col("kg_attended").is_not_null() & (pl.col("kind") == "product switch") & (pl.col("level") == "practice")
    )
    assert lines.height > 50
    of_all, to_peer, theoretical = (lines[c].cast(pl.Float64) for c in ("kg_attended", "kg_to_peer", "kg_theoretical"))
    most = lines["achievable_share"] * theoretical
    capped = pl.select(pl.min_horizontal(most, to_peer)).to_series()
    assert ((of_all - capped).abs() / theoretical).max() < 1e-4


def test_every_table_is_whole_typed_and_in_one_piece(pack):
    """As it lay in memory a table's Parquet would differ from run to run: it is written as one piece."""
    files = sorted((pack / "data").glob("*.parquet"))
    assert [f.stem for f in files] == [
        "factors", "figures", "footprint", "kpi_values", "list_sizes", "measure_values", "opportunities", "practices", "prices"
    ]  # fmt: skip
    for file in files:
        table = pl.read_parquet(file)
        assert table.height > 0, file.name
        again = io.BytesIO()
        table.rechunk().write_parquet(again)
        assert file.read_bytes() == again.getvalue(), file.name
        text = pl.read_csv(file.with_suffix(".csv"), infer_schema=False)
        assert (text.columns, text.height) == (table.columns, table.height), file.name


def test_the_factors_of_a_run_stand_beside_it(pack):
    """All that a reader needs to multiply again, and that a later run needs to tell a changed factor by its name."""
    factors = pl.read_parquet(pack / "data" / "factors.parquet")
    FACTORS.admit(factors.lazy())
    assert factors.columns == list(FACTORS.names)
    used = pl.read_parquet(pack / "data" / "footprint.parquet").drop_nulls("factor_id")
    assert set(used["factor_id"]) <= set(factors["factor_id"])
    ventolin = used.filter(pl.col("bnf_code") == "0301011R0BEAIAP")
    (factor,) = factors.filter(pl.col("key") == "0301011R0BEAIAP")["kg_co2e"]
    assert (ventolin["kg_co2e"].cast(pl.Float64) - ventolin["devices"] * factor).abs().max() < 1e-6

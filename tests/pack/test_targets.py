"""A target is judged whatever window a report reads, where the months of its baseline are held, however far back."""

import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from click.testing import CliRunner

from prescarbon.cli import cli
from prescarbon.config import Config
from prescarbon.pack.ics import ics_page
from prescarbon.pack.views import make_views
from prescarbon.pack.write import write_report
from prescarbon.pipeline.evidence import gather
from prescarbon.pipeline.kpis import held_against_targets
from prescarbon.reference.files import find_reference
from prescarbon.source.files import take_file
from prescarbon.source.organisations import import_organisations
from prescarbon.source.sample import write_sample
from prescarbon.store.months import Store
from prescarbon.tables.organisations import GROUP

BASELINE_ENDS, NOW = date(2020, 3, 1), date(2026, 1, 1)
# December 2028 is 3,197 days after March 2020, of which 2,132 have gone by in January 2026
GONE = 2132 / 3197


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with 24 SYNTHETIC months of 3 practices to January 2026, and of 4 from April 2019 to March 2020, nothing between."""
    home = tmp_path_factory.mktemp("far")
    catalogue = find_reference() / "sample" / "catalogue.csv"
    for months, last, practices in ((12, BASELINE_ENDS, 4), (24, NOW, 3)):
        folder = home / "sample" / f"{last:%Y}"
        sample = write_sample(folder, catalogue, practices=practices, pcns=2, months=months, last_month=last)
        import_organisations(sample.organisations, home)
        for file in sample.epd:
            take_file(Store(home), file)
    return home


@pytest.fixture
def far_config(far: Path, tmp_path: Path) -> Config:
    return Config(home=far, out=tmp_path / "out", scope=("gp",), is_scope_given=True)


def carbon(config: Config, months: int = 24) -> dict:
    (row,) = (
        r for r in held_against_targets(gather(config, months=months), GROUP).rows if r["kpi_id"] == "inhaler-carbon"
    )
    return row


def aimed_at(config: Config, folder: Path, change_share: float) -> Config:
    """The configuration with a target that asks for another change."""
    shutil.copytree(find_reference(), folder)
    file = folder / "targets" / "targets.csv"
    rows = pl.read_csv(file, infer_schema=False)
    ours = pl.col("target_id") == "inhalers-half-by-2028"
    change = pl.when(ours).then(pl.lit(str(change_share))).otherwise("change_share")
    rows.with_columns(change_share=change).write_csv(file)
    return replace(config, reference=folder)


MIX = dict.fromkeys(("0301011R0AAAPAP", "0301011R0AAAAAA"), 0.298)  # generic salbutamol, as it is assumed now


def kg(config: Config, first: date, last: date) -> float:
    evidence = gather(replace(config, coverage_floor=0))
    within = pl.col("month").is_between(first, last) & pl.col("bnf_code").str.starts_with("03")
    return float(evidence.footprint.filter(within & pl.col("devices").is_not_null())["kg_co2e"].sum())


def test_a_window_of_two_years_judges_a_baseline_held_far_back(far_config):
    row = carbon(far_config)
    mixed = replace(far_config, brand_mix=MIX)
    then, now = kg(mixed, date(2019, 4, 1), BASELINE_ENDS), kg(far_config, date(2025, 2, 1), NOW)
    assert row["baseline"] == pytest.approx(then, rel=1e-6)
    assert row["share_of_baseline"] == pytest.approx(now / then)
    assert row["expected"] == pytest.approx(then * (1 - 0.5 * GONE))  # 66.7% of the baseline
    assert (row["track"], row["because"]) == ("ahead", None)


def test_now_and_then_in_one_draw_are_far_closer_than_the_kilograms_are_known(far_config):
    row = carbon(far_config)
    one_draw = (row["share_high"] - row["share_low"]) / row["share_of_baseline"]
    alone = (row["high"] - row["low"]) / row["value"]
    assert row["share_low"] <= row["share_of_baseline"] <= row["share_high"]
    assert one_draw < alone * 2**0.5 / 2  # less than half of two draws apart: what is left is the brand supplied


@pytest.mark.parametrize(("apart", "track"), [(0.2, "ahead"), (0.0, "on"), (-0.2, "behind")])
def test_ahead_on_and_behind(far_config, tmp_path, apart, track):
    known = replace(far_config, brand_mix=MIX)  # where the brand supplied is known, a line can be told to the year
    share = carbon(known)["share_of_baseline"]
    asked = (share + apart - 1) / GONE  # the line stands at the share, or a fifth of the baseline above or below it
    assert carbon(aimed_at(known, tmp_path / "reference", round(asked, 9)))["track"] == track


def test_a_baseline_with_a_month_missing_is_not_judged_and_says_how_many_are_held(far_config, tmp_path):
    home = shutil.copytree(far_config.home, tmp_path / "home")
    for file in (home / "months").rglob("*2019-06*"):
        file.unlink() if file.is_file() else shutil.rmtree(file)
    row = carbon(replace(far_config, home=home))
    assert (row["track"], row["because"]) == ("cannot tell", "baseline months not held (11 of 12)")


def test_the_pages_keep_their_window_and_tell_the_judgement(far_config):
    pack = write_report(far_config)
    page = (pack.folder / "ics.html").read_text("utf-8")
    assert "<td>ahead" in page
    assert "of the baseline (" in page
    assert "trends over 24 months" in page
    told = json.loads((pack.folder / "manifest.json").read_text("utf-8"))
    assert (len(told["months"]), told["months"][0]) == (24, "2024-02")
    book = openpyxl.load_workbook(pack.folder / "workbook" / "ics.xlsx")
    head, *rows = [r for r in book["KPIs"].iter_rows(values_only=True) if any(r)]
    cells = next(r for r in [head, *rows] if r[0] == "Carbon of inhalers")
    assert "ahead" in cells


def test_series_show_the_window_alone_and_their_limits_are_not_of_the_years_before_the_gap(far_config):
    views = make_views(gather(far_config, months=24))
    page = ics_page(views.findings, views.pages, views.pcns)
    for series in page.series:
        assert [p.month for p in series.points] == list(page.series_months)
        assert series.points[0].month == date(2024, 2, 1)
    shown = views.findings.kpis.signals["saba"].filter(pl.col("month") >= date(2024, 2, 1))
    limits = shown["limits_from"].drop_nulls()
    assert not limits.is_empty()
    assert limits.min() >= date(2024, 2, 1)


def test_the_command_says_the_reason(far_config):
    words = ["kpis", "--home", str(far_config.home), "--scope", "gp", "--level", "group"]
    said = CliRunner().invoke(cli, words, catch_exceptions=False).stdout
    assert "track ahead, status measured" in said.replace(", meaning", "")
    assert "track cannot tell, because no source sets a target" in said

"""What stands beside the figures: the digest of a PCN, what went well, a month that a series lacks."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from prescarbon.config import Config
from prescarbon.pack.figures import practice_figures
from prescarbon.pack.ics import kpi_series
from prescarbon.pack.pcn import pcn_pages
from prescarbon.pack.practice import practice_pages
from prescarbon.pack.views import Views, make_views
from prescarbon.pipeline.evidence import gather
from prescarbon.report.views.numbers import Interval
from prescarbon.report.views.practice import MonthPoint, PracticePage

NOW, BEFORE, YEAR_BEFORE = date(2026, 1, 1), date(2025, 12, 1), date(2025, 1, 1)


@pytest.fixture(scope="module")
def views(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Views:
    out = tmp_path_factory.mktemp("out")
    return make_views(gather(Config(home=small, out=out, scope=("gp",), is_scope_given=True), months=14))


def point(month: date, kg: float | None) -> MonthPoint:
    return MonthPoint(month, None if kg is None else Interval(kg, kg, kg), None, 1.0, 1)


def digest_of(views: Views, trend: list[MonthPoint]) -> list[str]:
    """The digest where the first practice moved so and nobody else did."""
    first, *_ = [p for p in views.pages if p.pcn_code]
    page: PracticePage = replace(first, trend=tuple(trend), signals=())
    (pcn,) = pcn_pages(views.findings, [page])
    return [line.words for line in pcn.digest]


@pytest.mark.parametrize(
    ("before", "year_before", "parts"),
    [
        (120.0, 100.0, ["110 kg", "10% more than in January 2025", "8% less than in December 2025"]),
        (100.0, 220.0, ["110 kg", "50% less than in January 2025", "10% more than in December 2025"]),
        (None, 100.0, ["110 kg", "10% more than in January 2025"]),
    ],
)
def test_a_month_that_moved_is_told_beside_last_month_and_last_year(views, before, year_before, parts):
    words = views.findings.words["pcn"]
    (said,) = digest_of(views, [point(YEAR_BEFORE, year_before), point(BEFORE, before), point(NOW, 110.0)])
    for part in parts:
        assert part in said
    assert (words["since_month_unknown"] in said) == (before is None)


@pytest.mark.parametrize(
    "trend",
    [
        [],
        [point(NOW, None)],
        [point(NOW, 110.0)],
        [point(YEAR_BEFORE, 0.0), point(NOW, 110.0)],
        [point(YEAR_BEFORE, 106.0), point(NOW, 110.0)],
    ],
    ids=["no month", "not known", "no last year", "nothing last year", "under five in a hundred"],
)
def test_what_did_not_move_or_is_not_known_is_not_told(views, trend):
    assert digest_of(views, trend) == []


def test_only_a_practice_whose_every_inhaler_has_a_factor_is_told_so(views):
    sentence = views.findings.words["went_well"]["covered"]
    figures = practice_figures(views.findings.evidence)
    for share, is_told in ((1.0, True), (0.999, False), (None, False)):
        one, *_ = practice_pages(views.findings, [replace(figures[0], covered_inhaler_items=share), *figures[1:]])
        assert (sentence in one.went_well) == is_told


def test_a_month_that_a_series_lacks_is_an_empty_point(views):
    kpis, evidence = views.findings.kpis, views.findings.evidence
    gone = {name: rows.filter(pl.col("month") != NOW) for name, rows in kpis.signals.items()}
    for series in kpi_series(replace(kpis, signals=gone), evidence):
        assert [p.month for p in series.points] == list(evidence.months)
        assert (series.points[-1].value, series.points[-1].signal) == (None, None)
        assert series.points[-2].value is not None

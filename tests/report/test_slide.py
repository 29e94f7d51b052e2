"""The board slide: the ICS page's numbers, editable charts with words for those who cannot see them, no clock."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from pptx import Presentation

from prescarbon.model.period import Period
from prescarbon.report.faces.slide import write_slide
from prescarbon.report.views.numbers import Interval
from prescarbon.report.views.parts import Change, Series, SignalPoint
from tests.browser.made_pages import ics
from tests.browser.test_pages import HOSTILE_NAMES
from tests.report.test_practice_page import MANIFEST, WORDS

MONTHS = [date(2025, m, 1) for m in range(1, 13)]
POINTS = tuple(SignalPoint(m, 10.0 + m.month, 16.0, 8.0, 24.0, None, None) for m in MONTHS)
CHANGE = Change(
    Period.of(MONTHS[0], MONTHS[0], MONTHS),
    Period.of(MONTHS[1], MONTHS[1], MONTHS),
    1,
    100.0,
    90.0,
    -10.0,
    5.0,
    -12.0,
    -3.0,
    0.0,
)
PAGE = replace(
    ics("A name"),
    inhaler_kg=Interval(900_000, 1_234_567, 1_500_000),
    series=(
        Series("kg_inhalers", "Carbon of inhalers", "kg CO2e a dispensing day", POINTS),
        Series("kg_per_inhaler", "Carbon per inhaler", "kg CO2e an inhaler", POINTS),
    ),
    change=CHANGE,
)


def written(file: Path, page=PAGE, manifest=MANIFEST):
    write_slide(file, page, manifest, WORDS)
    (slide,) = Presentation(str(file)).slides
    return slide


def text(slide) -> str:
    frames = [s.text_frame.text for s in slide.shapes if s.has_text_frame]
    cells = [cell.text for s in slide.shapes if s.has_table for row in s.table.rows for cell in row.cells]
    return "\n".join([*frames, *cells])


def test_it_says_the_numbers_of_the_page(tmp_path):
    said = text(written(tmp_path / "a.pptx"))
    assert "1,235 tonnes CO2e" in said
    assert "900 to 1,500 tonnes" in said
    assert (
        "-10 kg CO2e = volume +5, mix -12, factors (and the mix assumed for generic salbutamol) -3, not split 0" in said
    )


def test_charts_hold_their_numbers_and_are_described(tmp_path):
    charts = [s for s in written(tmp_path / "a.pptx").shapes if s.has_chart]
    assert len(charts) == 2
    for chart in charts:
        assert list(chart.chart.plots[0].series[0].values) == [p.value for p in POINTS]
        assert "newest 22" in chart._element.nvGraphicFramePr.cNvPr.get("descr")


def test_the_same_page_gives_the_same_bytes(tmp_path):
    written(tmp_path / "a.pptx")
    written(tmp_path / "b.pptx")
    assert (tmp_path / "a.pptx").read_bytes() == (tmp_path / "b.pptx").read_bytes()


def test_few_months_draw_no_chart(tmp_path):
    few = tuple(replace(s, points=s.points[:5]) for s in PAGE.series)
    assert not [s for s in written(tmp_path / "a.pptx", replace(PAGE, series=few)).shapes if s.has_chart]


def test_a_kpi_that_waits_is_named_and_has_no_number(tmp_path):
    waiting = PAGE.kpis[0] | {"status": "awaiting return", "title": "Patient feedback", "value": None}
    said = text(written(tmp_path / "a.pptx", replace(PAGE, kpis=(waiting,))))
    assert "Awaiting a return: Patient feedback." in said


def test_a_synthetic_run_says_so(tmp_path):
    assert "SYNTHETIC" in text(written(tmp_path / "a.pptx", manifest=replace(MANIFEST, is_synthetic=True)))
    assert "SYNTHETIC" not in text(written(tmp_path / "b.pptx"))


@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES.keys())
def test_a_hostile_title_is_text(name, tmp_path):
    page = replace(PAGE, kpis=(PAGE.kpis[0] | {"title": name},))
    assert name in text(written(tmp_path / "a.pptx", page))

"""The ICS view → one slide for the board: three numbers, two charts that PowerPoint can edit, KPIs; no clock inside."""

import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE, XL_MARKER_STYLE
from pptx.enum.dml import MSO_LINE
from pptx.util import Emu, Inches, Pt

from prescarbon.manifest import RunManifest
from prescarbon.reference.wording import Wording
from prescarbon.report.faces.charts import BLUE, DARK, GREY
from prescarbon.report.faces.workbook import FIXED
from prescarbon.report.views.ics import IcsPage
from prescarbon.report.views.numbers import Interval, mass, mass_span, months, number, rough, signed
from prescarbon.report.views.parts import Change, Series

TITLE_ONLY = 5  # the layout of python-pptx's own template
CHARTED = ("kg_inhalers", "kg_per_inhaler")
YELLOW, PALE, INK = "#FFEB3B", "#F0F4F5", "#212B32"
ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def write_slide(file: Path, page: IcsPage, manifest: RunManifest, words: Wording) -> None:
    """Write the board slide; the same view gives the same bytes.

    Raises:
        OSError: the file cannot be written.
    """
    deck = Presentation()
    deck.slide_width, deck.slide_height = Inches(13.333), Inches(7.5)
    slide = deck.slides.add_slide(deck.slide_layouts[TITLE_ONLY])
    _title(slide, page)
    heads = (
        (f"Inhalers, {page.period.count}", page.inhaler_kg),
        ("Inhalers per 1,000 people", page.kg_per_1000),
        ("Other medicines by spend, about", rough(page.other_kg)),
    )
    for at, (name, interval) in enumerate(heads):
        _card(slide, 0.4 + at * 2.75, name, interval)
    charted = [s for wanted in CHARTED for s in page.series if s.measure_id == wanted and s.is_drawn]
    for at, series in enumerate(charted):
        _chart(slide, series, 0.4 + at * 4.1)
    _kpis(slide, page, words)
    if page.change:
        _text(slide, 0.4, 5.95, 8.1, 0.6, [_change_words(page.change)], size=12)
    made_of = f"{manifest.scope}. {manifest.factor_set} factors, GWP100 of {manifest.gwp_basis}, prescarbon {manifest.version}."
    _text(slide, 0.4, 6.6, 12.5, 0.6, [f"{made_of} {words['page']['interval']}"], size=10, colour=GREY)
    slide.notes_slide.notes_text_frame.text = "\n".join([*words["ics"]["method"], words["page"]["care"]])
    if manifest.is_synthetic:
        _text(slide, 0, 0, 13.333, 0.36, [words["page"]["synthetic"]], size=12, bold=True, fill=YELLOW)
    about = deck.core_properties
    about.title, about.author, about.last_modified_by = "Medicines carbon: board slide", "prescarbon", "prescarbon"
    about.created = about.modified = FIXED
    _save(deck, file)


def _title(slide: Any, page: IcsPage) -> None:
    title = slide.shapes.title
    title.left, title.top, title.width, title.height = (Inches(v) for v in (0.4, 0.45, 12.5, 0.7))
    title.text_frame.text = f"Medicines carbon, {months(page.period)}"
    _look(title.text_frame, size=28, colour=DARK, bold=True)


def _card(slide: Any, left: float, name: str, interval: Interval | None) -> None:
    lines = [name, mass(interval), mass_span(interval)]
    frame = _text(slide, left, 1.25, 2.6, 1.1, lines, size=12, fill=PALE)
    _look_of(frame.paragraphs[1], size=18, colour=DARK, bold=True)


def _chart(slide: Any, series: Series, left: float) -> None:
    """Value, centre and limits as a line chart; its workbook is our own, because the library's holds a clock."""
    data = CategoryChartData()
    data.categories = [f"{p.month:%b %y}" for p in series.points]
    columns: list[tuple[str, Sequence[float | None]]] = [("value", [p.value for p in series.points])]
    columns += [(name, [getattr(p, name) for p in series.points]) for name in ("centre", "lower", "upper")]
    for name, values in columns:
        data.add_series(name, values)
    place = (Inches(left), Inches(2.85), Inches(4.0), Inches(3.0))
    framed = slide.shapes.add_chart(XL_CHART_TYPE.LINE, *place, data)
    newest = next((p for p in reversed(series.points) if p.value is not None), None)
    told = number(newest.value) if newest else "not known"
    _describe(framed, series.title, f"{series.title}, {series.unit}, by month with process limits; newest {told}.")
    chart = framed.chart
    chart.has_legend, chart.has_title = False, False
    chart.font.size, chart.font.name = Pt(9), "Arial"
    chart.value_axis.major_gridlines.format.line.color.rgb = _rgb("#D8DDE0")
    highest = max((v for _, values in columns for v in values if v is not None), default=0)
    chart.value_axis.tick_labels.number_format = "#,##0" if highest >= 100 else "0.0"
    chart.value_axis.tick_labels.number_format_is_linked = False
    for line, (name, _) in zip(chart.plots[0].series, columns, strict=True):
        line.smooth = False
        line.format.line.color.rgb = _rgb(BLUE if name == "value" else GREY)
        line.format.line.width = Pt(2 if name == "value" else 0.75)
        if name in ("lower", "upper"):
            line.format.line.dash_style = MSO_LINE.DASH
        line.marker.style = XL_MARKER_STYLE.NONE
    chart.part.chart_workbook.update_from_xlsx_blob(_workbook([f"{p.month:%b %y}" for p in series.points], columns))
    _text(slide, left, 2.5, 4.0, 0.35, [f"{series.title}, {series.unit}: {told}"], size=10, bold=True)


def _workbook(categories: Sequence[str], columns: Sequence[tuple[str, Sequence[float | None]]]) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        book.set_properties({"created": FIXED})
        sheet = book.add_worksheet("Sheet1")
        sheet.write_column(1, 0, categories)
        for at, (name, values) in enumerate(columns, start=1):
            sheet.write_string(0, at, name)
            for row, value in enumerate(values, start=1):
                if value is not None:
                    sheet.write_number(row, at, value)
    return file.getvalue()


def _kpis(slide: Any, page: IcsPage, words: Wording) -> None:
    measured = [k for k in page.kpis if k["status"] == "measured"]
    rows = [("KPI", "value", "newest month", "trajectory")]
    rows += [
        (f"{k['title']}, {k['unit']}", number(k["value"]), k["meaning"] or "no signal", k["track"]) for k in measured
    ]
    place = (Inches(8.75), Inches(1.25), Inches(4.2), Inches(0.3 * len(rows)))
    framed = slide.shapes.add_table(len(rows), 4, *place)
    _describe(
        framed,
        "KPIs",
        "Each measured KPI with its value, what its newest month signals and where it stands against its trajectory.",
    )
    table = framed.table
    for column, width in zip(table.columns, (1.85, 0.8, 0.8, 0.75), strict=True):
        column.width = Inches(width)
    for at, row in enumerate(rows):
        for column, text in enumerate(row):
            cell = table.cell(at, column)
            cell.text = text
            cell.margin_left = cell.margin_right = Emu(45_000)
            cell.margin_top = cell.margin_bottom = Emu(20_000)
            cell.fill.solid()
            cell.fill.fore_color.rgb = _rgb(DARK if at == 0 else "#FFFFFF" if at % 2 else PALE)
            _look(cell.text_frame, size=9, colour="#FFFFFF" if at == 0 else INK, bold=at == 0)
    waiting = ", ".join(k["title"] for k in page.kpis if k["status"] == "awaiting return")
    if waiting:
        text = f"{words['ics']['awaiting'].capitalize()}: {waiting}."
        _text(slide, 8.75, 5.2, 4.2, 0.7, [text], size=10, colour=GREY)


def _change_words(change: Change) -> str:
    return (
        f"Inhalers beside the year before{', ' * bool(change.same_months)}{change.same_months}: {signed(change.kg_change)} kg CO2e = volume {signed(change.kg_volume)}, "
        f"mix {signed(change.kg_mix)}, factors (and the mix assumed for generic salbutamol) {signed(change.kg_factor)}, not split {signed(change.kg_left_out)}."
    )


def _text(
    slide: Any, left: float, top: float, width: float, height: float, lines: Sequence[str], *, size: float,
    colour: str = INK, bold: bool = False, fill: str | None = None,
) -> Any:  # fmt: skip
    box = slide.shapes.add_textbox(Inches(left), Inches(top), Inches(width), Inches(height))
    if fill:
        box.fill.solid()
        box.fill.fore_color.rgb = _rgb(fill)
    box.text_frame.word_wrap = True
    box.text_frame.text = "\n".join(lines)
    _look(box.text_frame, size=size, colour=colour, bold=bold)
    return box.text_frame


def _look(frame: Any, *, size: float, colour: str = INK, bold: bool = False) -> None:
    for paragraph in frame.paragraphs:
        _look_of(paragraph, size=size, colour=colour, bold=bold)


def _look_of(paragraph: Any, *, size: float, colour: str, bold: bool) -> None:
    for run in paragraph.runs:
        run.font.size, run.font.bold, run.font.name = Pt(size), bold, "Arial"
        run.font.color.rgb = _rgb(colour)
    paragraph.alignment = 1  # left


def _describe(framed: Any, name: str, words: str) -> None:
    """Alternative text: python-pptx has no call for it."""
    properties = framed._element.nvGraphicFramePr.cNvPr
    properties.set("name", name)
    properties.set("descr", words)


def _rgb(colour: str) -> RGBColor:
    return RGBColor.from_string(colour.lstrip("#"))


def _save(deck: Any, file: Path) -> None:
    """As the library saves it, with one fixed date on every part of the archive."""
    made = io.BytesIO()
    deck.save(made)
    with zipfile.ZipFile(made) as parts, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as fixed:
        for name, content in _parts(parts):
            fixed.writestr(zipfile.ZipInfo(name, ZIP_DATE), content, zipfile.ZIP_DEFLATED)


def _parts(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    for name in archive.namelist():
        yield name, archive.read(name)

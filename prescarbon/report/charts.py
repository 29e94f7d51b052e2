"""Charts as SVG text, the same bytes each time: one style, direct labels, no legend to look up."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from prescarbon.report.numbers import number
from prescarbon.report.practice import MonthPoint

BLUE, DARK, GREY, PALE = "#005EB8", "#003087", "#425563", "#AEB7BD"
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "prescarbon",
    "svg.fonttype": "none",  # text stays text: small files, and a screen reader or a search finds it
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same widths, so the same bytes, on every machine
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
}


def svg(figure: Figure, *, title: str) -> str:
    """A figure as an inline SVG element with its title for those who cannot see it."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    drawn = text.getvalue()
    body = drawn[drawn.index("<svg") :].replace("'DejaVu Sans'", "Arial, 'Liberation Sans', sans-serif")
    safe = title.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return body.replace("<svg ", f'<svg role="img" aria-label="{safe}" ', 1)


def monthly_inhaler_kg(trend: Sequence[MonthPoint]) -> str:
    """Inhaler kg CO2e by month: the central value as a line, low to high as a band. Empty text below two months."""
    known = [(point.month, point.inhaler_kg) for point in trend if point.inhaler_kg is not None]
    if len(known) < 2:
        return ""
    months = [f"{m:%b}\n{m:%Y}" if i == 0 or m.month == 1 else f"{m:%b}" for i, (m, _) in enumerate(known)]
    central = [interval.central for _, interval in known]
    places = range(len(known))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 2.3), layout="constrained")
        axes = figure.add_subplot()
        axes.fill_between(places, [i.low for _, i in known], [i.high for _, i in known], color=BLUE, alpha=0.15, lw=0)
        axes.plot(places, central, color=DARK, lw=1.8, marker="o", ms=3)
        axes.annotate(
            f"{number(central[-1])} kg",
            (places[-1], central[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=DARK,
            weight="bold",
        )
        step = 1 if len(known) <= 14 else 2
        axes.set_xticks(list(places)[::step], months[::step])
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(lambda v, _: f"{v:,.0f}")
        axes.set_xlim(-0.3, len(known) - 1 + max(0.6, len(known) * 0.09))
        axes.set_title("kg CO2e of inhalers a month; the band is low to high", loc="left", fontsize=9, color=GREY)
        axes.grid(axis="y", color=PALE, lw=0.4)
        axes.set_axisbelow(True)
        return svg(
            figure,
            title=f"Inhaler kg CO2e by month; newest {number(central[-1])} kg. The table below holds the values.",
        )

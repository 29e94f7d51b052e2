"""Charts as SVG text, the same bytes each time: one style, direct labels, no legend to look up."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from prescarbon.report.numbers import number
from prescarbon.report.parts import SignalPoint

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


def signal_chart(points: Sequence[SignalPoint], title: str) -> str:
    """A series with its limits, signals as filled squares and known breaks as labelled lines. Empty below two points."""
    known = [(place, p) for place, p in enumerate(points) if p.value is not None]
    if len(known) < 2:
        return ""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 2.2))
        axes = figure.add_axes((0.06, 0.2, 0.9, 0.68))  # a fixed place: laying out costs more than drawing
        places, values = [place for place, _ in known], [float(p.value or 0) for _, p in known]
        for name, style in (("lower", (0, (4, 3))), ("upper", (0, (4, 3))), ("centre", "solid")):
            level = [getattr(p, name) for _, p in known]
            if all(v is not None for v in level):
                axes.step(places, level, where="mid", color=GREY, lw=0.8, ls=style)
        axes.plot(places, values, color=BLUE, lw=1.5, marker="o", ms=3)
        flagged = [(place, float(p.value or 0)) for place, p in known if p.signal]
        axes.scatter([f[0] for f in flagged], [f[1] for f in flagged], marker="s", s=26, color=DARK, zorder=3)
        for place, p in known:
            if p.break_words:
                axes.axvline(place - 0.5, color=PALE, lw=1)
                axes.annotate(
                    "codes change",
                    (place - 0.5, 1),
                    xycoords=("data", "axes fraction"),
                    fontsize=7,
                    color=GREY,
                    xytext=(2, -7),
                    textcoords="offset points",
                )
        step = max(1, len(points) // 12)
        axes.set_xticks(
            list(range(0, len(points), step)),
            [
                f"{p.month:%b}\n{p.month:%Y}" if i == 0 or p.month.month <= step else f"{p.month:%b}"
                for i, p in list(enumerate(points))[::step]
            ],
        )
        axes.annotate(
            number(values[-1]),
            (places[-1], values[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=DARK,
            weight="bold",
        )
        axes.set_xlim(-0.5, len(points) - 1 + max(0.6, len(points) * 0.07))
        axes.set_title(title, loc="left", fontsize=9, color=GREY)
        return svg(
            figure, title=f"{title}; newest {number(values[-1])}, {len(flagged)} months with a signal. Table below."
        )

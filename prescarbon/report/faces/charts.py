"""Charts as SVG text, the same bytes each time: one style, direct labels, no legend to look up."""

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import escape

from prescarbon.report.views.numbers import number
from prescarbon.report.views.parts import SignalPoint, Strip, has_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, DARK, INK, GREY, PALE = "#005EB8", "#003087", "#212B32", "#425563", "#AEB7BD"
ORANGE = "#B3470B"  # 5.6 to 1 on white
SIGNAL_MARKS = {"improvement": ("D", DARK), "concern": ("s", ORANGE), "change": ("^", GREY)}
SCREEN_FONTS = "Arial, 'Liberation Sans', sans-serif"
PAPER_FONTS = "Source Sans Pro"  # what the typesetter has
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "prescarbon",
    "svg.fonttype": "none",  # text stays text: small files, and a screen reader or a search finds it
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same widths, so the same bytes, on every machine
    "text.parse_math": False,  # a title is words: "$" is a dollar
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
}


@dataclass(frozen=True)
class Picture:
    """One drawing as SVG elements that differ in their letters only, and what it shows in words."""

    look: str
    words: str
    screen: str
    paper: str


# what of a break's words says which kind it is, and what there is room for on a chart
BREAK_LABELS = {"mix of brands": "mix assumed", "HFO": "propellant", "code": "codes change"}


def _picture(figure: "Figure", words: str) -> Picture:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    _, element = text.getvalue().rstrip().split("<svg ", 1)  # an XML declaration has no place inside a page
    head = f'<svg class="chart" role="img" aria-label="{escape(words)}" preserveAspectRatio="xMinYMid meet" '
    # cut where the library names its font, so that a title may name it too
    parts = (head + element).split("font-family: 'DejaVu Sans'")
    return Picture("chart", words, *(f"font-family: {fonts}".join(parts) for fonts in (SCREEN_FONTS, PAPER_FONTS)))


def signal_chart(points: Sequence[SignalPoint], title: str, width_in: float = 7.2) -> Picture | None:
    """A series with its limits, signals marked by what they mean, known breaks as labelled lines; none for few months."""
    known = [(place, p) for place, p in enumerate(points) if p.value is not None]
    if not has_line(points):
        return None
    import matplotlib as mpl  # here, because it takes 0.4 s and only who draws should wait for it
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width_in, 2.2))
        axes = figure.add_axes((0.55 / width_in, 0.19, 1 - 0.84 / width_in, 0.64))  # fixed: laying out costs more
        places, values = [place for place, _ in known], [float(p.value or 0) for _, p in known]
        for name, style in (("lower", (0, (4, 3))), ("upper", (0, (4, 3))), ("centre", "solid")):
            level = [getattr(p, name) for _, p in known]
            if any(v is not None for v in level):
                steps = [float("nan") if v is None else v for v in level]
                axes.step(places, steps, where="mid", color=GREY, lw=0.8, ls=style)
        axes.plot(places, values, color=BLUE, lw=1.5, marker="o", ms=3)
        for meaning, (marker, colour) in SIGNAL_MARKS.items():
            flagged = [(place, float(p.value or 0)) for place, p in known if p.signal and p.meaning == meaning]
            axes.scatter([f[0] for f in flagged], [f[1] for f in flagged], marker=marker, s=30, color=colour, zorder=3)
        for place, p in known:
            if p.break_words:
                axes.axvline(place - 0.5, color=PALE, lw=1)
                axes.annotate(
                    _break_label(p.break_words),
                    (place - 0.5, 0),
                    xycoords=("data", "axes fraction"),
                    fontsize=7,
                    color=GREY,
                    xytext=(2, 3),
                    textcoords="offset points",
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4},
                    zorder=4,
                )
        step = max(1, round(len(points) / width_in / 1.7))
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
        axes.set_title(textwrap.fill(title, int(width_in * 14)), loc="left", fontsize=9, color=GREY)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        newest = f"newest {number(values[-1])}, {known[-1][1].signal_words or 'no signal'}"
        return _picture(figure, f"{title}; {newest}. Table below.")


def strip(s: Strip) -> Picture | None:
    """One figure among all; none without peers.

    A diamond is this practice, open circles its PCN, dots all others, the line their median, a triangle England.
    """
    if s.own is None or not (s.others or s.pcn):
        return None
    least, most = s.ends
    words = f"{s.title}: this practice {number(s.own)} {s.unit}, from {number(least)} to {number(most)} among all. Table below."
    return Picture("strip", words, *(_strip_svg(s, s.own, words, fonts) for fonts in (SCREEN_FONTS, PAPER_FONTS)))


def _strip_svg(s: Strip, own: float, label: str, fonts: str) -> str:
    left, right, level = 190, 700, 28

    def x(value: float) -> float:
        return round(left + (right - left) * s.place(value), 1)

    def text(at: float, y: int, words: str, look: str, anchor: str = "start") -> str:
        return f'<text x="{at}" y="{y}" text-anchor="{anchor}" font-family="{fonts}" {look}>{escape(words)}</text>'

    small, title = f'font-size="9.5" fill="{GREY}"', f'font-size="11" fill="{INK}"'
    bold = f'font-size="12" font-weight="bold" fill="{DARK}"'
    least, most = s.ends
    marks = [f'<circle cx="{x(v)}" cy="{level}" r="3" fill="{PALE}"/>' for v in s.others]
    if s.all_median is not None:
        marks.append(f'<path d="M{x(s.all_median)} {level - 9}v18" stroke="{GREY}" stroke-width="1.5"/>')
    marks += [
        f'<circle cx="{x(v)}" cy="{level}" r="4.5" fill="#fff" stroke="{BLUE}" stroke-width="1.8"/>' for v in s.pcn
    ]
    if s.england is not None:
        marks.append(f'<path d="M{x(s.england)} {level + 3}l5 9h-10z" fill="{GREY}"/>')
    marks.append(f'<path d="M{x(own)} {level - 7}l7 7-7 7-7-7z" fill="{DARK}"/>')
    return "".join(
        (
            f'<svg class="strip" viewBox="0 0 720 46" role="img" aria-label="{escape(label)}">',
            text(4, level - 2, s.title, title),
            text(4, level + 11, s.unit, small),
            f'<path d="M{left} {level}H{right}" stroke="{PALE}"/>',
            *marks,
            text(min(max(x(own), left + 15), right - 15), 16, number(own), bold, "middle"),
            text(left, 45, number(least), small, "middle"),
            text(right, 45, number(most), small, "middle"),
            "</svg>",
        )
    )


def _break_label(words: str) -> str:
    """The kind of a break in two words; a break that is none of ours is a break."""
    return next((label for kind, label in BREAK_LABELS.items() if kind in words), "break")

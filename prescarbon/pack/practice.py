"""The practice's page: its figures, and what stands beside them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median

from prescarbon.pack.findings import Findings
from prescarbon.report.views.numbers import Interval, kg, signed
from prescarbon.report.views.parts import Change, Strip
from prescarbon.report.views.practice import PracticeFigures, PracticePage

Figure = Callable[[PracticeFigures], Interval | None]
UNIT = "kg CO2e"


def practice_pages(findings: Findings, figures: Sequence[PracticeFigures]) -> Iterator[PracticePage]:
    """The page of every practice.

    figures  what `figures.practice_figures` returns: every practice of the run, since each stands among all
    """
    beside = [_Beside(title, figure, figures) for title, figure in STRIPS.items()]
    words = findings.words["went_well"]
    for own in figures:
        told = findings.told("practice", own.practice_code)
        strips = tuple(_strip(b, own, findings) for b in beside)
        well = tuple(_went_well(own, told.change, findings.mix_fall(own.practice_code), strips, words))
        yield PracticePage(**vars(own), **vars(told), strips=strips, went_well=well)


STRIPS: Mapping[str, Figure] = {
    "Inhalers": lambda p: p.inhaler_kg,
    "Inhalers per 1,000 people": lambda p: p.kg_per_1000,
    "Per inhaler": lambda p: p.kg_per_inhaler,
}


class _Beside:
    """One figure of all practices that hold the run's months: sums over other months do not compare."""

    def __init__(self, title: str, figure: Figure, figures: Sequence[PracticeFigures]) -> None:
        self.title, self.figure = title, figure
        months = max((p.period.held for p in figures), key=len, default=())
        self.values = {
            p.practice_code: found.central for p in figures if (found := figure(p)) and p.period.held == months
        }
        self.near: dict[str, list[str]] = {}
        for p in figures:
            if p.pcn_code:
                self.near.setdefault(p.pcn_code, []).append(p.practice_code)


def _strip(beside: _Beside, page: PracticeFigures, findings: Findings) -> Strip:
    code, england = page.practice_code, findings.england
    landmarks: dict[str, float | None] = {}
    if england:
        landmarks = {"Inhalers per 1,000 people": england.kg_per_1000, "Per inhaler": england.kg_per_inhaler}
    near = [c for c in beside.near.get(page.pcn_code or "", ()) if c in beside.values]
    values, own = beside.values, beside.values.get(code)
    return Strip(
        title=beside.title,
        unit=UNIT,
        own=own,
        pcn=tuple(values[c] for c in near if c != code),
        others=tuple(value for c, value in values.items() if c not in near and c != code),
        pcn_median=median(values[c] for c in near) if near else None,
        all_median=median(values.values()) if values else None,
        verdict=findings.verdicts.get(code) if beside.title == "Per inhaler" else None,
        interval=beside.figure(page),
        england=landmarks.get(beside.title),
    )


def _went_well(
    page: PracticeFigures,
    change: Change | None,
    fall: Interval | None,
    strips: Sequence[Strip],
    words: Mapping[str, str],
) -> Iterator[str]:
    if change and fall:
        yield words["mix"].format(kg=kg(fall), change=signed(change.kg_change))
    if any(s.verdict == "lower than most" for s in strips):
        yield words["lower"]
    if page.covered_inhaler_items == 1:
        yield words["covered"]

"""The ICS page's view: KPIs against targets, commitments, places and PCNs, reconciliation, restatements, coverage."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from prescarbon.model.period import Period
from prescarbon.report.views.action import Action, Question, Together
from prescarbon.report.views.footing import Footing
from prescarbon.report.views.numbers import Interval
from prescarbon.report.views.parts import Change, Series


@dataclass(frozen=True)
class GroupRow:
    """One PCN or place on the ICS page; address is its page's, where it has one."""

    code: str
    name: str
    address: str | None
    practices: int
    inhaler_kg: Interval | None
    inhalers: float
    kg_per_inhaler: float | None
    kg_per_1000: float | None
    period: Period | None = None


@dataclass(frozen=True)
class IcsPage:
    """Everything the ICS page shows.

    other_kg   all that is no inhaler, by spend, without other_items_unknown: never added to inhaler_kg
    series     one a measured KPI, each with a point for every loaded month
    kpis       rows of table KPI_VALUES plus target_words and unit, in the order of the KPI list
    months     what each month's file was made of: month, rows_in, rows_used, rows_rejected, nic_gbp_in, nic_gbp_used,
               nic_gbp_rejected
    published  ours beside published values, as `measures reconcile` gives them
    """

    period: Period
    inhaler_kg: Interval | None
    kg_per_1000: Interval | None
    other_kg: Interval | None
    kpis: tuple[Mapping[str, Any], ...]
    series: tuple[Series, ...]
    places: tuple[GroupRow, ...]
    pcns: tuple[GroupRow, ...]
    actions: tuple[Action, ...]
    drafts_held_back: int
    change: Change | None
    gases: str
    coverage: tuple[Mapping[str, Any], ...]
    months: tuple[Mapping[str, Any], ...]
    published: tuple[Mapping[str, Any], ...] = ()
    questions: tuple[Question, ...] = ()
    together: Together | None = None
    other_items_unknown: int = 0
    peers_words: str | None = None
    not_judged: str | None = None
    footing: Footing | None = None

    @property
    def series_months(self) -> tuple[date, ...]:
        """The months every series has a point for."""
        return tuple(p.month for p in self.series[0].points) if self.series else ()

"""The ICS page's view: KPIs against targets, the three commitments, PCNs, restatements, coverage."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prescarbon.report.numbers import Interval
from prescarbon.report.parts import Action, Change, SignalPoint

COMMITMENTS = {
    "a": "Engage patients and staff in medicines optimisation; cut inhaler and anaesthetic emissions where clinically appropriate.",
    "b": "Cut medicine waste, with training on recycling and disposal.",
    "c": "Cut emissions from transporting medicines.",
}


@dataclass(frozen=True)
class PcnRow:
    """One PCN on the ICS page."""

    pcn_code: str
    pcn_name: str
    address: str | None
    practices: int
    inhaler_kg: Interval | None
    inhalers: float
    kg_per_inhaler: float | None
    kg_per_1000: float | None


@dataclass(frozen=True)
class IcsPage:
    """Everything the ICS page shows."""

    inhaler_kg: Interval | None
    total_kg: Interval | None
    kpis: tuple[Mapping[str, Any], ...]
    pcns: tuple[PcnRow, ...]
    actions: tuple[Action, ...]
    drafts_held_back: int
    change: Change | None
    signals: tuple[SignalPoint, ...]
    gases: str
    coverage: tuple[Mapping[str, Any], ...]

"""What a practice is told, as frozen data without markup; pack/practice.py fills it in."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from prescarbon.model.period import Period
from prescarbon.report.views.action import Action, Question, Together
from prescarbon.report.views.footing import Footing
from prescarbon.report.views.numbers import Interval
from prescarbon.report.views.parts import Change, SignalPoint, Strip


@dataclass(frozen=True)
class Hotspot:
    """One product over the period."""

    name: str
    bnf_code: str
    kg: Interval | None
    nic_gbp: Decimal | None
    items: int
    devices: float | None
    methods: str
    share_of_kg: float | None


@dataclass(frozen=True)
class Tier:
    """Everything of one method over the period."""

    method: str
    items: int
    nic_gbp: Decimal | None
    kg: Interval | None
    share_of_items: float


@dataclass(frozen=True)
class MonthPoint:
    """One month of the trend."""

    month: date
    inhaler_kg: Interval | None
    other_kg: float | None
    devices: float | None
    items: int


@dataclass(frozen=True)
class Correction:
    """A quantity that was flagged: what was claimed and what we count."""

    month: date
    name: str
    bnf_code: str
    reads_as: str
    claimed: Decimal
    counted: float | None
    items: int


@dataclass(frozen=True)
class PracticeFigures:
    """What a practice's figures are, before anything stands beside them.

    other_kg             all that is no inhaler, by spend: never added to inhaler_kg
    other_items_unknown  items of those that no price is known of: left out of other_kg
    rows_without_nic     rows whose £ are not in the data: left out of nic_gbp
    """

    practice_code: str
    practice_name: str
    setting: str
    pcn_name: str | None
    pcn_code: str | None
    sub_icb_code: str | None
    period: Period
    inhaler_kg: Interval | None
    kg_per_inhaler: Interval | None
    other_kg: Interval | None
    other_items_unknown: int
    kg_per_1000: Interval | None
    list_size: float | None
    list_size_words: str
    inhalers: float
    items: int
    nic_gbp: Decimal | None
    rows_without_nic: int
    covered_inhaler_items: float | None
    covered_gbp: float | None
    tiers: tuple[Tier, ...]
    inhaler_hotspots: tuple[Hotspot, ...]
    other_hotspots: tuple[Hotspot, ...]
    trend: tuple[MonthPoint, ...]
    corrections: tuple[Correction, ...]
    without_factor: tuple[Hotspot, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class PracticePage(PracticeFigures):
    """Everything the practice page shows."""

    strips: tuple[Strip, ...] = ()
    actions: tuple[Action, ...] = ()
    questions: tuple[Question, ...] = ()
    drafts_held_back: int = 0
    together: Together | None = None
    peers_words: str | None = None
    not_judged: str | None = None
    footing: Footing | None = None
    change: Change | None = None
    signals: tuple[SignalPoint, ...] = ()
    went_well: tuple[str, ...] = ()

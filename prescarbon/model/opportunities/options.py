"""What the reader of the opportunities chose, and the three scenarios of every saving."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import polars as pl

from prescarbon.model.opportunities.doses import DoseBook
from prescarbon.model.opportunities.pairs import EXCLUDED_SCHEMA
from prescarbon.model.opportunities.reviews import REVIEWS_SCHEMA
from prescarbon.model.opportunities.rules import Guard, SwitchRule

ITEMS_TO_RANK = 24  # domain facts, section 7
KG_TO_RANK = 50.0  # domain facts, section 7
SCENARIOS = ("theoretical", "attended", "to_peer")
ENDS = {"_low": "saved_low", "": "saved", "_high": "saved_high"}
NO_CARBON_CLAIM = ("duration", "form", "safety")
RankBy = Literal["kg", "gbp_per_kg", "effort"]


@dataclass(frozen=True)
class OpportunityOptions:
    """What the reader chose.

    period_start, period_end  first and last month summed
    read_on                   the day the list is read: rules, formulary and supply hold then, and what is to be reviewed
                              by an earlier day is overdue (None: period_end)
    include_off               also rules that are off by default
    include_drafts            also rules no clinical role has signed off
    achievable_shares         rule_id → share (0–1) agreed locally, instead of the rule's own
    rank_by                   kg, gbp_per_kg or effort
    excluded                  EXCLUDED_SCHEMA: products taken off for a while
    reviews                   REVIEWS_SCHEMA: by which day propellants and factors are to be reviewed
    campaigns                 rule_id, started: then what was stands beside what is left
    guards                    what is never suggested
    doses                     what is known of doses and propellants; None: no pair is judged by them
    draws                     bnf_code, draw, kg a device: shared factor draws; then a saving's low and high are its 5th
                              and 95th percentile and ranks get a stability, else the factors' own ends are used
    seed                      of the draws of practices' true rates, made beside those of the factors
    """

    period_start: date
    period_end: date
    read_on: date | None = None
    include_off: bool = False
    include_drafts: bool = True
    achievable_shares: Mapping[str, float] = field(default_factory=dict)
    rank_by: RankBy = "kg"
    items_to_rank: int = ITEMS_TO_RANK
    kg_to_rank: float = KG_TO_RANK
    excluded: pl.LazyFrame = field(default_factory=lambda: pl.LazyFrame(schema=EXCLUDED_SCHEMA))
    reviews: pl.LazyFrame = field(default_factory=lambda: pl.LazyFrame(schema=REVIEWS_SCHEMA))
    campaigns: pl.LazyFrame = field(
        default_factory=lambda: pl.LazyFrame(schema={"rule_id": pl.String, "started": pl.Date})
    )
    guards: Sequence[Guard] = ()
    doses: DoseBook | None = None
    draws: pl.LazyFrame | None = None
    seed: int = 0

    def choose(self, rules: Sequence[SwitchRule]) -> list[SwitchRule]:
        """The rules that the reader wants to see."""
        on = self.read_on or self.period_end
        return [r for r in rules if (r.is_on or self.include_off) and (self.include_drafts or not r.why_draft(on))]

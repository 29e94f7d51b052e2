"""Claims → lines, gates, ranks, totals: for a practice, and summed to any organisation above it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import polars as pl

from prescarbon.model.opportunities.draws import measure_stability
from prescarbon.model.opportunities.pairs import EXCLUDED_SCHEMA
from prescarbon.model.opportunities.rules import Guard, SwitchRule
from prescarbon.model.sums import exact_sum
from prescarbon.tables.opportunities import OPPORTUNITIES, OPPORTUNITY_GATES

ITEMS_TO_RANK = 24  # domain facts, section 7
KG_TO_RANK = 50.0  # domain facts, section 7
SCENARIOS = ("theoretical", "expected", "to_peer")
ENDS = {"_low": "saved_low", "": "saved", "_high": "saved_high"}
NO_CLAIM_WORDS = "makes no carbon claim"
NO_CARBON_CLAIM = ("duration", "form", "safety")
KEYS = {
    "kg": ["first", "minus_kg"],
    "gbp_per_kg": ["first", "gbp_per_kg", "minus_kg"],
    "effort": ["first", "effort_key", "minus_kg"],
}
RankBy = Literal["kg", "gbp_per_kg", "effort"]


@dataclass(frozen=True)
class OpportunityOptions:
    """What the reader chose.

    period_start, period_end  first and last month summed
    read_on                   the day the list is read: rules and formulary hold then (None: period_end)
    include_off               also rules that are off by default
    include_drafts            also rules no clinical role has signed off
    achievable_shares         rule_id → share (0–1) agreed locally, instead of the rule's own
    rank_by                   kg, gbp_per_kg or effort
    excluded                  EXCLUDED_SCHEMA: products taken off for a while
    campaigns                 rule_id, started: then what was stands beside what is left
    guards                    what is never suggested
    draws                     bnf_code, draw, kg a device: shared factor draws; then a saving's low and high are its 5th
                              and 95th percentile and ranks get a stability, else the factors' own ends are used
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
    campaigns: pl.LazyFrame = field(
        default_factory=lambda: pl.LazyFrame(schema={"rule_id": pl.String, "started": pl.Date})
    )
    guards: Sequence[Guard] = ()
    draws: pl.LazyFrame | None = None

    def choose(self, rules: Sequence[SwitchRule]) -> list[SwitchRule]:
        """The rules that the reader wants to see."""
        return [r for r in rules if (r.is_on or self.include_off) and (self.include_drafts or not r.is_draft)]


def _known_sum(name: str) -> pl.Expr:
    return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name)


KILOGRAMS = [f"kg_{s}{counted}{end}" for s in SCENARIOS for counted in ("", "_counted") for end in ENDS]
COSTS = [f"cost_change_{s}_gbp" for s in SCENARIOS]
OF_THE_RULE = [
    *(
        "title",
        "kind",
        "family",
        "from_words",
        "unit_name",
        "achievable_share",
        "effort",
        "commitment",
        "caveats",
        "is_draft",
    ),
    "alternative_to",
]


def _sums() -> list[pl.Expr]:
    """How lines add up: from products to a practice's line, and from practices to an organisation's."""
    # a cost that is known for some rows only is not the cost of the line
    costs = [pl.when(pl.col(c).null_count() == 0).then(pl.col(c).sum()).alias(c) for c in COSTS]
    return [
        pl.col("items").sum(),
        *(exact_sum(c).alias(c) for c in ("units", "units_without_kg", "supplies_avoided")),
        *(_known_sum(c) for c in KILOGRAMS),
        *costs,
        pl.col("price_basis").max(),
        pl.col("price_date").min(),
        *(pl.col(c).first() for c in OF_THE_RULE),
    ]


def sum_lines(claims: pl.LazyFrame, options: OpportunityOptions) -> pl.LazyFrame:
    """Claims (`opportunities.claim_units`) → one line a practice and rule, without gate and rank."""
    makes_a_claim = ~pl.col("kind").cast(pl.String).is_in(NO_CARBON_CLAIM)
    codes = [pl.col(c).drop_nulls().unique().sort().str.join(" ").alias(f"{c}s") for c in ("from_code", "to_code")]
    names = pl.col("target_name").drop_nulls().unique().sort().str.join(" or ")
    return (
        claims.with_columns(
            units_without_kg=pl.when(makes_a_claim & pl.col("saved").is_null()).then("units").otherwise(0.0)
        )
        .group_by(organisation_code="practice_code", rule_id="rule_id")
        .agg(*codes, *_sums(), pl.col("rule_to_words").first(), to_words=names)
        .with_columns(
            to_words=pl.when(pl.col("to_words") != "").then("to_words").otherwise("rule_to_words"),
            level=pl.lit("practice"),
            period_start=pl.lit(options.period_start),
            period_end=pl.lit(options.period_end),
        )
    )


def roll_up(
    opportunities: pl.LazyFrame,
    memberships: pl.LazyFrame,
    level: str,
    options: OpportunityOptions,
    claims: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """Practice lines summed to the organisations of `level`, with gates and ranks of their own.

    opportunities  table OPPORTUNITIES at level practice
    memberships    practice_code and the column `level` (such as pcn_code); practices without one are left out
    claims         what `claim_units` returns: needed for rank_stability only
    returns        table OPPORTUNITIES at that level: items, units, kg and £ are the sums of the practices'
    """
    summed = (
        opportunities.filter(pl.col("level") == "practice")
        .join(
            memberships.select(organisation="practice_code", above=level),
            left_on="organisation_code",
            right_on="organisation",
        )
        .filter(pl.col("above").is_not_null())
        .sort("organisation_code", "rule_id")
        .group_by("above", "rule_id")
        .agg(
            *(
                pl.col(c).drop_nulls().str.split(" ").explode().unique().sort().str.join(" ").alias(c)
                for c in ("from_codes", "to_codes")
            ),
            *_sums(),
            *(exact_sum(c).alias(c) for c in ("units_before", "target_units")),
            pl.col("period_start", "period_end", "to_words").first(),
        )
        .rename({"above": "organisation_code"})
        .with_columns(level=pl.lit(level))
    )
    groups = memberships.select("practice_code", organisation_code=level).drop_nulls()
    return rank_opportunities(summed, options, claims, groups)


def rank_opportunities(
    lines: pl.LazyFrame,
    options: OpportunityOptions,
    claims: pl.LazyFrame | None = None,
    groups: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """Lines plus gate, its reason, rank: table OPPORTUNITIES, every organisation's ranked lines first.

    Ranked by the to-peer saving where the organisation has peers, else all its lines by the theoretical one; the gates
    look at the same saving. A rule that is an alternative to a ranked one is listed, not ranked beside it. With the
    claims, the practices' organisations (practice_code, organisation_code) and the options' draws, rank_stability too.
    """
    organisation = "organisation_code"
    has_peers = pl.col("kg_to_peer").is_not_null().any().over(organisation)
    basis = pl.when(has_peers).then(pl.lit("to_peer")).otherwise(pl.lit("theoretical"))
    by_kg = {
        name: pl.when(has_peers)
        .then(pl.col(f"{stem[0]}to_peer{stem[1]}").cast(pl.Float64))
        .otherwise(pl.col(f"{stem[0]}theoretical{stem[1]}").cast(pl.Float64))
        for name, stem in {"low": ("kg_", "_low"), "kg": ("kg_", ""), "gbp": ("cost_change_", "_gbp")}.items()
    }
    judged = (
        lines.with_columns(**by_kg, has_peers=has_peers, rank_basis=basis)
        .with_columns(gate_reason=_gate_reason(options))
        .with_columns(passes=pl.col("gate_reason").is_null())
    )
    first_choice = judged.filter("passes").select(organisation, alternative_to="rule_id", is_second=pl.lit(True))
    keys = KEYS[options.rank_by]
    ranked = (
        judged.join(first_choice, on=[organisation, "alternative_to"], how="left", validate="m:1")
        .with_columns(
            gate_reason=pl.when(pl.col("passes") & pl.col("is_second"))
            .then(pl.format("an alternative to {}, which is ranked", "alternative_to"))
            .otherwise("gate_reason"),
            is_sign_stable=pl.when(pl.col("kg").is_not_null()).then(pl.col("kg_theoretical_low") > 0),
            # good control is the largest saving and comes before any switch, however the reader ranks
            first=(pl.col("kind").cast(pl.String) != "over-use").cast(pl.Int8),
            effort_key=pl.col("effort").to_physical(),
            minus_kg=-pl.col("kg"),
            gbp_per_kg=pl.col("gbp") / pl.col("kg"),
        )
        .with_columns(
            gate=pl.when(pl.col("gate_reason").is_null())
            .then(pl.lit("ranked"))
            .when(pl.col("gate_reason") == NO_CLAIM_WORDS)
            .then(pl.lit("shown"))
            .otherwise(pl.lit("listed"))
            .cast(OPPORTUNITY_GATES)
        )
        .sort(organisation, "gate", *keys, "rule_id", nulls_last=True)
        .with_columns(rank=pl.when(pl.col("gate") == "ranked").then(pl.int_range(1, pl.len() + 1).over(organisation)))
    )
    if options.draws is None or claims is None or groups is None:
        ranked = ranked.with_columns(rank_stability=pl.lit(None, pl.Float64))
    else:
        chosen = ranked.filter(pl.col("gate") == "ranked").select(
            organisation, "rule_id", "rank", "rank_basis", "gbp", "effort", "first"
        )
        stability = measure_stability(chosen, claims, options.draws, groups, keys)
        ranked = ranked.join(stability, on=[organisation, "rule_id"], how="left", validate="m:1")
        ranked = ranked.sort(organisation, "gate", *keys, "rule_id", nulls_last=True)
    return ranked.select(pl.col(c.name).cast(c.dtype) for c in OPPORTUNITIES.columns)


def _gate_reason(options: OpportunityOptions) -> pl.Expr:
    """Why a line is not ranked, the first that holds; null where it passes every gate."""
    kg, kind = pl.col("kg"), pl.col("kind").cast(pl.String)
    return (
        pl.when(kind.is_in(NO_CARBON_CLAIM) & (pl.col("items") < options.items_to_rank))
        .then(pl.format("fewer than {} items", pl.lit(options.items_to_rank)))
        .when(pl.col("supplies_avoided") < options.items_to_rank)
        .then(pl.lit("supplies are already about that long"))
        .when(kind.is_in(NO_CARBON_CLAIM))
        .then(pl.lit(NO_CLAIM_WORDS))
        .when(pl.col("units_without_kg") >= pl.col("units"))
        .then(pl.lit("saving not known: no factor"))
        .when(kg.is_null())
        .then(pl.lit("too few peers to compare"))
        .when(pl.col("has_peers") & (kg == 0) & ((pl.col("kg_theoretical") > 0) | (kind == "over-use")))
        .then(pl.lit("at or below the peers' lower quartile"))
        .when(pl.col("items") < options.items_to_rank)
        .then(pl.format("fewer than {} items", pl.lit(options.items_to_rank)))
        .when(pl.col("low") <= 0)
        .then(pl.lit("may save nothing over the range of the factors"))
        .when(kg < options.kg_to_rank)
        .then(pl.format("less than {} kg", pl.lit(int(options.kg_to_rank))))
    )


def total_savings(opportunities: pl.LazyFrame) -> pl.LazyFrame:
    """level × organisation → the union of all lines: Σ of the counted columns, so no inhaler counts twice."""
    counted = [f"kg_{s}_counted{end}" for s in SCENARIOS for end in ENDS]
    return (
        opportunities.group_by("level", "organisation_code")
        .agg(*(_known_sum(c) for c in counted), lines=pl.len(), ranked=(pl.col("gate") == "ranked").sum())
        .sort("level", "organisation_code")
    )


def find_quiet(opportunities: pl.LazyFrame, organisations: pl.LazyFrame) -> pl.LazyFrame:
    """organisation_code of every organisation with no ranked line: nothing stands out in this period.

    organisations  organisation_code: all that are reported on, also those without any line
    """
    ranked = opportunities.filter(pl.col("gate") == "ranked").select("organisation_code").unique()
    return (
        organisations.select("organisation_code")
        .unique()
        .join(ranked, on="organisation_code", how="anti")
        .sort("organisation_code")
    )
